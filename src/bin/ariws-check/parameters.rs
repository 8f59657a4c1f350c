//! Every parameter in Markdown: what `--parameters` prints, and `docs/parameters.md`.

use std::ops::RangeInclusive;

use ariws::config::{self, About, Effect, Form};

const INTRODUCTION: &str = "\
# Parameters

`ariws-check --parameters` prints this. Those marked with + Asterisk 22 does not have. What a change does, on a reload, to a \
persistent connection that runs, and where the files are, is told in the [README](../README.md#configure).

A whole number may be decimal, `0x` hexadecimal or, after `0`, octal. Yes is also `true`, `y`, `t`, `1` and `on`; no `false`, \
`n`, `f`, `0` and `off`. What has another word or anything else behind it is refused. Keys that begin with `@` are ignored.
";

/// A table for each kind of section.
pub(crate) fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    for (section, parameters) in config::parameters() {
        let kind = match section.starts_with('[') {
            true => format!("`{section}`"),
            false => format!("`type = {section}`"),
        };
        let columns = "| parameter | value | default | a change | |\n|---|---|---|---|---|\n";
        page.push_str(&format!("\n## {kind}\n\n{columns}"));
        page.extend(parameters.into_iter().map(row));
    }
    page
}

fn row(parameter: &About) -> String {
    let default = match (parameter.default, &parameter.form) {
        ("", Form::Required) => "required".to_owned(),
        ("", Form::Ignored) => String::new(),
        ("", _) => "none".to_owned(),
        (default, _) => format!("`{default}`"),
    };
    let change = match (&parameter.form, parameter.effect) {
        (Form::Ignored, _) | (_, Effect::Validity) => "",
        (_, Effect::NextConnect) => "used when next needed",
        (_, Effect::Applications) => "applications come and go",
        (_, Effect::SubscribeAll) => "they are registered again",
        (_, Effect::Reconnect) => "a new connection",
        (_, Effect::Replace) => "ends as one, begins as the other",
    };
    format!(
        "| `{}`{} | {} | {default} | {change} | {} |\n",
        parameter.name,
        if parameter.in_asterisk { "" } else { " +" },
        value(&parameter.form),
        parameter.description,
    )
}

fn value(form: &Form) -> String {
    let number = |unit: &str, range: &RangeInclusive<i64>| {
        format!("{} to {}{unit}", range.start(), range.end())
    };
    match form {
        Form::Ignored => String::new(),
        Form::Required | Form::Text => "text".to_owned(),
        Form::Path => "path".to_owned(),
        Form::Boolean => "yes or no".to_owned(),
        Form::Words(words) => format!("`{}`", words().join("` or `")),
        Form::Number(range) => number("", range),
        Form::Bytes(range) => number(" bytes", range),
        Form::Milliseconds(range) => number(" ms", range),
        Form::Seconds(range) => number(" s", range),
    }
}
