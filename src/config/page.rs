//! Every parameter in Markdown: `docs/parameters.md`.

use super::Effect;
use super::object::Parameter;
use super::parameter::{About, Form};
use super::table::{CLIENT, CONNECTION, GENERAL, USER};

const INTRODUCTION: &str = "\
# Parameters

`ariws-check --parameters` prints this. Those marked with + Asterisk 22 does not have. What a change does, on a reload, to a \
persistent connection that runs, and where the files are, is told in [operators.md](operators.md#configure).

A whole number may be decimal, `0x` hexadecimal or, after `0`, octal. Yes is also `true`, `y`, `t`, `1` and `on`; no `false`, \
`n`, `f`, `0` and `off`. Any other word, and anything behind a number, is refused. Keys that begin with `@` are ignored.
";

/// Every parameter that may stand in the files, with a table for each kind of section, in Markdown.
pub fn parameters() -> String {
    [
        INTRODUCTION.to_owned(),
        section("[general]", GENERAL),
        section("type = user", USER),
        section("type = outbound_websocket", CONNECTION),
        section("type = websocket_client", CLIENT),
    ]
    .join("\n")
}

fn section<T>(kind: &str, table: &[Parameter<T>]) -> String {
    let rows: String = table.iter().map(|parameter| row(&parameter.about)).collect();
    let columns = "| parameter | value | default | a change | |\n|---|---|---|---|---|\n";
    format!("## `{kind}`\n\n{columns}{rows}")
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
    match form {
        Form::Ignored => String::new(),
        Form::Required | Form::Text => "text".to_owned(),
        Form::Path => "path".to_owned(),
        Form::Boolean => "yes or no".to_owned(),
        Form::Words(words) => format!("`{}`", words().join("` or `")),
        Form::Number(range, unit) => {
            let text = format!("{} to {} {unit}", range.start(), range.end());
            text.trim_end().to_owned()
        }
    }
}
