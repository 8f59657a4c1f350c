//! The parameters in `ariws.conf(5)`: what `docs/parameters.md` says, which is made from the table of parameters.

use crate::mdoc::{sentence, sentences};

/// Of every kind of section, a list.
pub fn lists() -> String {
    let document = ariws::config::parameters();
    let sections = document.split("\n## ").skip(1);
    sections.map(list).collect()
}

fn list(section: &str) -> String {
    let (kind, table) = section.split_once('\n').expect("a heading");
    // The heading says what stands behind `type`.
    let rows = table
        .lines()
        .filter(|line| line.starts_with("| `") && !line.starts_with("| `type`"));
    let items: String = rows.map(item).collect();
    let kind = kind.trim_matches('`');
    format!(".Ss {kind}\\&\n.Bl -tag -width Ds\n{items}.El\n")
}

fn item(row: &str) -> String {
    let columns: Vec<_> = row.trim_matches('|').split(" | ").map(str::trim).collect();
    let [name, value, default, change, description] = columns[..] else {
        panic!("not five columns: {row}");
    };
    let (name, more) = name.trim_start_matches('`').split_once('`').expect(row);
    if value.is_empty() {
        return format!(".It Ic {name}\n{}", sentences(&format!("Not looked at ({description}).")));
    }
    let default = match default {
        "required" => "It is required.".to_owned(),
        default => format!("Default: {default}."),
    };
    let since = match more.trim() {
        "+" => " Asterisk 22 does not have it.",
        _ => "",
    };
    let facts = format!("Value: {value}. {default} A change: {change}.{since}");
    format!(
        ".It Ic {name}\n{}.Pp\n{}",
        sentences(&sentence(description)),
        sentences(&facts)
    )
}
