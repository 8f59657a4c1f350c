//! Text for a terminal.

use std::borrow::Cow;
use std::fmt::Write as _;

/// A value with its control characters escaped, so that none can move the cursor or break a line that scripts read.
pub(super) fn shown(value: &str) -> Cow<'_, str> {
    if !value.contains(char::is_control) {
        return Cow::Borrowed(value);
    }
    let mut output = String::with_capacity(value.len() + 8);
    for character in value.chars() {
        match character {
            '\n' => output.push_str("\\n"),
            '\r' => output.push_str("\\r"),
            '\t' => output.push_str("\\t"),
            _ if character.is_control() => {
                // Writing to a String cannot fail.
                let _ = write!(output, "\\x{:02x}", u32::from(character));
            }
            _ => output.push(character),
        }
    }
    Cow::Owned(output)
}

/// Appends `cell` and blanks up to `width` bytes, then one more blank. Asterisk counts bytes too, and never cuts
/// (recorded).
pub(super) fn push_cell(output: &mut String, cell: &str, width: usize) {
    output.push_str(cell);
    output.extend(std::iter::repeat_n(
        ' ',
        width.saturating_sub(cell.len()) + 1,
    ));
}

/// Appends `label =`, padded to Asterisk's column of values (recorded), and the value.
pub(super) fn push_setting(output: &mut String, label: &str, value: &str) {
    push_cell(output, &format!("{label} ="), 24);
    output.push_str(&shown(value));
    output.push('\n');
}

/// A boolean as Asterisk shows it.
pub(super) fn yes_or_no(value: bool) -> &'static str {
    if value { "Yes" } else { "No" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(
            shown("a\n\r\t\x1b[2J\u{7f}\u{9b}é"),
            "a\\n\\r\\t\\x1b[2J\\x7f\\x9bé"
        );
        assert!(matches!(shown("verbindung_é"), Cow::Borrowed(_)));
    }

    #[test]
    fn cells_are_padded_by_bytes_and_never_cut() {
        let mut output = String::new();
        push_cell(&mut output, "é", 4);
        push_cell(&mut output, "longer", 4);
        assert_eq!(output, "é   longer ");
    }
}
