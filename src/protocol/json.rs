//! JSON as text: members without a tree, and layout without a change to any value.
//!
//! Nothing here recurses, so that no nesting can exhaust the stack, and numbers keep the spelling they came with.

use std::borrow::Cow;
use std::fmt;

use serde_core::Deserialize;
use serde_core::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::memory;

/// How deep objects and arrays may nest in what an application sends (recorded: Asterisk's parser takes 2048 levels).
const MAX_DEPTH: usize = 2048;

/// What a text turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// An object, whose members were visited.
    Object,
    /// An array; its elements were checked and skipped.
    Array,
}

/// Calls `visit` with every member of the object that `json` is, in order, repeated names included.
///
/// The whole text is checked. Scalars are an error, as is anything but white space after the value.
pub(super) fn members<'a>(json: &'a str, visit: impl FnMut(&str, &'a RawValue)) -> serde_json::Result<Shape> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let shape = deserializer.deserialize_any(Members(visit))?;
    deserializer.end()?;
    Ok(shape)
}

/// The first elements of an array, so many at most, or `None` if `json` is no array.
pub(super) fn elements(json: &RawValue, most: usize) -> Option<Vec<&RawValue>> {
    let mut deserializer = serde_json::Deserializer::from_str(json.get());
    deserializer.deserialize_seq(Elements(most)).ok()
}

/// The text that a JSON string stands for, or `None` for every other value.
pub(super) fn text(value: &RawValue) -> Option<Cow<'_, str>> {
    let inner = value.get().strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        serde_json::from_str(value.get()).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

/// The digits of a JSON number as they were written, or `None` for every other value.
pub(super) fn number(value: &RawValue) -> Option<&str> {
    let digits = value.get();
    digits
        .starts_with(|first: char| first == '-' || first.is_ascii_digit())
        .then_some(digits)
}

/// Whether valid JSON can be handed to any host: nested no deeper than [`MAX_DEPTH`], no NUL and no half of a surrogate
/// pair in its strings. Asterisk's parser refuses all three (recorded), and C strings end at a NUL.
pub(super) fn is_sound(json: &str) -> bool {
    // Most messages have no escapes and little depth: two looks at their bytes tell.
    let opening = |byte: &&u8| matches!(byte, b'{' | b'[');
    if !json.contains('\\') && json.as_bytes().iter().filter(opening).count() <= MAX_DEPTH {
        return true;
    }
    let mut depth = 0_usize;
    for token in Tokens(json) {
        match token.as_bytes().first() {
            Some(b'{' | b'[') => depth += 1,
            Some(b'}' | b']') => depth = depth.saturating_sub(1),
            Some(b'"') if token.contains('\\') && !has_sound_escapes(token) => return false,
            _ => {}
        }
        if depth > MAX_DEPTH {
            return false;
        }
    }
    true
}

/// White space between tokens (RFC 8259 section 2).
const SPACES: [u8; 4] = *b" \t\n\r";

/// Valid JSON without white space between its tokens; nothing if the system refuses the memory for it.
pub(super) fn compacted(json: &str) -> Option<String> {
    let has_space = json.bytes().any(|byte| SPACES.contains(&byte));
    let length = match has_space {
        true => Tokens(json).map(str::len).sum(),
        false => json.len(),
    };
    if length == json.len() {
        return memory::copied(json);
    }
    let mut compact = String::new();
    compact.try_reserve_exact(length).ok()?;
    compact.extend(Tokens(json));
    Some(compact)
}

/// Valid JSON with each member and element on a line of its own, two blanks per level; nothing if the system refuses the
/// memory for it.
pub(super) fn indented(json: &str) -> Option<String> {
    let mut length = 0;
    indent(json, |part| length += part.len());
    let mut output = String::new();
    output.try_reserve_exact(length).ok()?;
    indent(json, |part| output.push_str(part));
    Some(output)
}

/// Gives the parts of that.
fn indent<'a>(json: &'a str, mut put: impl FnMut(&'a str)) {
    let mut depth = 0_usize;
    let mut tokens = Tokens(json).peekable();
    while let Some(token) = tokens.next() {
        match token {
            "{" | "[" => {
                put(token);
                let closing = tokens.next_if(|next| matches!(*next, "}" | "]"));
                if let Some(closing) = closing {
                    put(closing);
                } else {
                    depth += 1;
                    new_line(&mut put, depth);
                }
            }
            "}" | "]" => {
                depth = depth.saturating_sub(1);
                new_line(&mut put, depth);
                put(token);
            }
            "," => {
                put(token);
                new_line(&mut put, depth);
            }
            ":" => put(": "),
            _ => put(token),
        }
    }
}

/// Deeper levels share one margin: otherwise a small message of many levels becomes gigabytes.
const DEEPEST_MARGIN: usize = 32;

fn new_line<'a>(put: &mut impl FnMut(&'a str), depth: usize) {
    put("\n");
    for _ in 0..depth.min(DEEPEST_MARGIN) {
        put("  ");
    }
}

fn has_sound_escapes(string: &str) -> bool {
    let mut rest = string.as_bytes();
    while let Some(backslash) = rest.iter().position(|byte| *byte == b'\\') {
        let escape = rest.get(backslash + 1..).unwrap_or_default();
        let length = match code_unit(escape) {
            None => 1,
            Some(0 | 0xDC00..=0xDFFF) => return false,
            Some(0xD800..=0xDBFF) => {
                let second = escape.get(5..).and_then(|rest| rest.strip_prefix(b"\\"));
                if !matches!(second.and_then(code_unit), Some(0xDC00..=0xDFFF)) {
                    return false;
                }
                11
            }
            Some(_) => 5,
        };
        rest = escape.get(length..).unwrap_or_default();
    }
    true
}

/// The number that `uXXXX` at the beginning of an escape stands for.
fn code_unit(escape: &[u8]) -> Option<u16> {
    let digits = escape.strip_prefix(b"u")?.get(..4)?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// Splits JSON into its tokens and leaves out the white space between them. Ends on any text, valid or not.
struct Tokens<'a>(&'a str);

impl<'a> Iterator for Tokens<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.0.trim_start_matches([' ', '\t', '\n', '\r']);
        let bytes = rest.as_bytes();
        let length = match bytes.first()? {
            b'{' | b'}' | b'[' | b']' | b',' | b':' => 1,
            b'"' => string_length(bytes),
            _ => bytes
                .iter()
                .position(|byte| b"{}[],:\" \t\n\r".contains(byte))
                .unwrap_or(bytes.len()),
        };
        let (token, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(token)
    }
}

/// The length of the string at the beginning of `bytes`, its quotes included.
fn string_length(bytes: &[u8]) -> usize {
    let mut position = 1;
    while let Some(byte) = bytes.get(position) {
        match byte {
            b'"' => return position + 1,
            b'\\' => position += 2,
            _ => position += 1,
        }
    }
    bytes.len()
}

struct Members<F>(F);

impl<'a, F: FnMut(&str, &'a RawValue)> Visitor<'a> for Members<F> {
    type Value = Shape;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'a>>(mut self, mut map: A) -> Result<Shape, A::Error> {
        while let Some(Name(name)) = map.next_key()? {
            (self.0)(&name, map.next_value()?);
        }
        Ok(Shape::Object)
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut sequence: A) -> Result<Shape, A::Error> {
        while sequence.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Shape::Array)
    }
}

/// So many elements of an array; the others are skipped.
struct Elements(usize);

impl<'a> Visitor<'a> for Elements {
    type Value = Vec<&'a RawValue>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        while elements.len() < self.0
            && let Some(element) = sequence.next_element()?
        {
            elements.push(element);
        }
        while sequence.next_element::<IgnoredAny>()?.is_some() {}
        Ok(elements)
    }
}

/// The name of a member, borrowed unless it has escapes.
struct Name<'a>(Cow<'a, str>);

impl<'a> Deserialize<'a> for Name<'a> {
    fn deserialize<D: Deserializer<'a>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Names)
    }
}

struct Names;

impl<'a> Visitor<'a> for Names {
    type Value = Name<'a>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string")
    }

    fn visit_borrowed_str<E: de::Error>(self, name: &'a str) -> Result<Name<'a>, E> {
        Ok(Name(Cow::Borrowed(name)))
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Name<'a>, E> {
        Ok(Name(Cow::Owned(name.to_owned())))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_array_the_first_elements_are_taken() {
        let array: &RawValue = serde_json::from_str("[1,{},[2],3]").unwrap();
        let texts = |most| -> Option<Vec<&str>> { Some(elements(array, most)?.into_iter().map(RawValue::get).collect()) };
        assert_eq!(texts(2), Some(vec!["1", "{}"]));
        assert_eq!(texts(9), Some(vec!["1", "{}", "[2]", "3"]));
        assert!(elements(serde_json::from_str("{}").unwrap(), 1).is_none());
    }

    #[test]
    fn members_are_visited_in_order_with_repetitions() {
        let mut seen = Vec::new();
        let shape = members(r#" {"a": 1.50,"\u0062":[ ] ,"a":"x"} "#, |name, value| {
            seen.push((name.to_owned(), value.get().to_owned()));
        });
        assert_eq!(shape.unwrap(), Shape::Object);
        let expected = [("a", "1.50"), ("b", "[ ]"), ("a", r#""x""#)];
        assert_eq!(seen, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn scalars_and_trailing_text_are_errors() {
        for json in ["", " ", "5", "null", "\"x\"", "{} x", "{}{}", "[1,]", "{\"a\":}"] {
            assert!(members(json, |_, _| ()).is_err(), "{json}");
        }
    }

    #[test]
    fn nesting_never_exhausts_the_stack() {
        let levels = 1_000_000;
        let json = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert_eq!(members(&json, |_, _| ()).unwrap(), Shape::Array);
        assert!(!is_sound(&json));
    }

    #[test]
    fn nesting_is_sound_up_to_2048_levels() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(is_sound(&nested(2048)));
        assert!(!is_sound(&nested(2049)));
        assert!(is_sound(&format!("[\"{}\"]", "[".repeat(3000))));
    }

    #[test]
    fn nul_and_half_surrogate_pairs_are_not_sound() {
        for string in [
            r"a\u0000b",
            r"\ud800",
            r"\udc00\ud800",
            r"\ud800x",
            r"\uD83D\u0041",
            r"\ud83d\n",
        ] {
            assert!(!is_sound(&format!("[\"{string}\"]")), "{string}");
        }
        for string in [r"\ud83d\ude00", r"\\u0000", r"\u0041\n\/", r"\\\\"] {
            assert!(is_sound(&format!("[\"{string}\"]")), "{string}");
        }
    }

    #[test]
    fn compact_json_stays_as_it_is() {
        let json = r#"{"a \" b":[1,2]}"#;
        assert_eq!(compacted(json).as_deref(), Some(json));
    }

    #[test]
    fn compaction_keeps_strings_and_numbers() {
        let json = "{ \"a b\" : [ 1.50 ,\t12345678901234567890 , 1E+2 ],\r\n\"q\\\" , \" : null }\n";
        assert_eq!(
            compacted(json).as_deref(),
            Some(r#"{"a b":[1.50,12345678901234567890,1E+2],"q\" , ":null}"#)
        );
    }

    #[test]
    fn indenting_many_levels_stays_within_bounds() {
        let deep = format!("{}{}", "[".repeat(2000), "]".repeat(2000));
        assert!(indented(&deep).unwrap().len() < 2000 * 2 * 70);
    }

    #[test]
    fn tokens_end_on_text_that_is_no_json() {
        for text in ["\"open", "\"open\\", "é", "\u{b}\"é\\", "}{,,"] {
            let _ = compacted(text);
            let _ = indented(text);
        }
    }
}
