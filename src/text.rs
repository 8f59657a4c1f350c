//! Text of others, made fit for one line of a log or a terminal.

use std::borrow::Cow;
use std::fmt::Write as _;

/// So many characters of a peer's text tell what it is about.
const LENGTH: usize = 200;

/// Characters that could end a line, move the cursor or turn the direction of what follows: control characters (Unicode's Cc),
/// the separators of lines and paragraphs, and the marks of Unicode's bidirectional algorithm (UAX #9 section 2).
fn is_harmful(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

/// A text with the escapes of such characters in their place, so that none can forge a line or change what is shown of it.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut visible = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '\n' => visible.push_str("\\n"),
            '\r' => visible.push_str("\\r"),
            '\t' => visible.push_str("\\t"),
            // Writing to a String cannot fail.
            _ if character.is_control() => {
                let _ = write!(visible, "\\x{:02x}", u32::from(character));
            }
            _ if is_harmful(character) => visible.extend(character.escape_unicode()),
            _ => visible.push(character),
        }
    }
    Cow::Owned(visible)
}

/// The same of a text that somebody else has written, a peer above all, and that may be of any length: its beginning.
pub(crate) fn brief(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(LENGTH) {
        None => visible(text),
        Some((end, _)) => {
            let beginning = text.get(..end).unwrap_or_default();
            Cow::Owned(format!("{}…", visible(beginning)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(visible("a\n\r\t\0\x1b[2J\u{7f}\u{9b}é"), "a\\n\\r\\t\\x00\\x1b[2J\\x7f\\x9bé");
    }

    #[test]
    fn what_ends_a_line_or_turns_its_direction_is_escaped() {
        assert_eq!(visible("a\u{2028}b\u{202e}c"), "a\\u{2028}b\\u{202e}c");
    }

    #[test]
    fn other_text_stays() {
        assert!(matches!(visible("Größe 7 \u{a0}"), Cow::Borrowed(_)));
        assert!(matches!(brief("Größe 7"), Cow::Borrowed(_)));
    }

    #[test]
    fn of_a_long_text_the_beginning_is_shown() {
        let long = "é\n".repeat(LENGTH);
        assert_eq!(brief(&long), format!("{}…", "é\\n".repeat(LENGTH / 2)));
    }
}
