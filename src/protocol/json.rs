//! JSON as text: members without a tree, and layout without a change to any value: numbers keep the spelling they came with.

use std::borrow::Cow;

use super::scan::{Raw, Scan, has_blanks};

/// What a text turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// An object, whose members were visited.
    Object,
    /// An array; its elements were checked and skipped.
    Array,
}

/// What was seen of a text that is JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) shape: Shape,
    /// It can be handed to any host ([`Scan::is_sound`]).
    pub(super) is_sound: bool,
}

/// A text is no JSON, or not the value that is wanted.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("no JSON from its byte {0} on")]
pub(super) struct NotJson(usize);

/// Calls `visit` with every member of the object that `json` is, in order, repeated names included.
///
/// The whole text is checked. Scalars are an error, as is anything but white space after the value.
pub(super) fn members<'a>(json: &'a str, visit: impl FnMut(&str, Raw<'a>)) -> Result<Seen, NotJson> {
    let mut scan = Scan::new(json);
    let shape = match scan.next() {
        Some(b'{') => scan.members(visit).map(|()| Shape::Object),
        Some(b'[') => scan.value().map(|_| Shape::Array),
        _ => None,
    };
    match shape.zip(scan.end()) {
        Some((shape, ())) => Ok(Seen {
            shape,
            is_sound: scan.is_sound(),
        }),
        None => Err(NotJson(scan.place())),
    }
}

/// Whether the whole of a text is one JSON value, of any kind (RFC 8259 section 2).
pub(super) fn check(json: &str) -> Result<(), NotJson> {
    let mut scan = Scan::new(json);
    let checked = scan.value().and_then(|_| scan.end());
    checked.ok_or(NotJson(scan.place()))
}

/// The first elements of an array, so many at most, or `None` if `json` is no array.
pub(super) fn elements(json: Raw<'_>, most: usize) -> Option<Vec<Raw<'_>>> {
    let mut scan = Scan::new(json.get());
    let mut elements = Vec::new();
    if scan.next() != Some(b'[') {
        return None;
    }
    scan.elements(|element| {
        if elements.len() < most {
            elements.push(element);
        }
    })?;
    Some(elements)
}

/// Valid JSON without white space between its tokens; nothing if the system refuses the memory for it.
pub(super) fn compacted(json: &str) -> Option<Cow<'_, str>> {
    let length = match has_blanks(json) {
        true => Tokens(json).map(str::len).sum(),
        false => json.len(),
    };
    if length == json.len() {
        return Some(Cow::Borrowed(json));
    }
    let mut compact = String::new();
    compact.try_reserve_exact(length).ok()?;
    compact.extend(Tokens(json));
    Some(Cow::Owned(compact))
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn value(json: &str) -> Raw<'_> {
        Scan::new(json).value().unwrap()
    }

    #[test]
    fn of_a_long_array_the_first_elements_are_taken() {
        let array = value("[1,{},[2],3]");
        let texts = |most| -> Option<Vec<&str>> { Some(elements(array, most)?.into_iter().map(Raw::get).collect()) };
        assert_eq!(texts(2), Some(vec!["1", "{}"]));
        assert_eq!(texts(9), Some(vec!["1", "{}", "[2]", "3"]));
        assert!(elements(value("{}"), 1).is_none());
    }

    #[test]
    fn members_are_visited_in_order_with_repetitions() {
        let mut visited = Vec::new();
        let seen = members(r#" {"a": 1.50,"\u0062":[ ] ,"a":"x"} "#, |name, value| {
            visited.push((name.to_owned(), value.get().to_owned()));
        });
        assert_eq!(seen.unwrap().shape, Shape::Object);
        let expected = [("a", "1.50"), ("b", "[ ]"), ("a", r#""x""#)];
        assert_eq!(visited, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn scalars_and_trailing_text_are_errors() {
        for json in ["", " ", "5", "null", "\"x\"", "{} x", "{}{}", "[1,]", "{\"a\":}"] {
            assert!(members(json, |_, _| ()).is_err(), "{json}");
        }
    }

    #[test]
    fn a_name_that_is_no_text_is_an_error() {
        assert!(members(r#"{"\ud800":1}"#, |_, _| ()).is_err());
        assert!(members(r#"{"a":"\ud800"}"#, |_, _| ()).is_ok_and(|seen| !seen.is_sound));
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
