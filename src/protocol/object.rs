//! JSON objects, written member by member.

use std::alloc::{Layout, handle_alloc_error};
use std::io::{self, Write};
use std::mem::take;

/// An object that is being written.
pub(super) struct Object {
    output: String,
    /// The system refused the memory for a part of it.
    refused: bool,
}

impl Object {
    /// An object without members, with room for so many bytes.
    pub(super) fn with_capacity(bytes: usize) -> Self {
        let mut object = Self::empty(bytes);
        object.push("{");
        object
    }

    /// Goes on with an object of which all is there but the closing brace.
    pub(super) fn continued(members: &str, more: usize) -> Self {
        let mut object = Self::empty(members.len() + more + 1);
        object.push(members);
        object
    }

    fn empty(bytes: usize) -> Self {
        let mut output = String::new();
        let refused = output.try_reserve_exact(bytes).is_err();
        Self { output, refused }
    }

    /// A member that is a string. Names are the library's own and need no escapes.
    pub(super) fn text(&mut self, name: &'static str, value: &str) -> &mut Self {
        self.name(name);
        if value.bytes().fold(false, |found, byte| found | needs_escape(byte)) {
            self.push_escaped(value);
        } else {
            self.push("\"");
            self.push(value);
            self.push("\"");
        }
        self
    }

    /// A member that is a number.
    pub(super) fn number(&mut self, name: &'static str, value: impl Into<u64>) -> &mut Self {
        self.name(name);
        self.push(&value.into().to_string());
        self
    }

    /// A member of another object, whose name may need escapes, with its value as it stands there.
    pub(super) fn raw(&mut self, name: &str, value: &str) -> &mut Self {
        self.separate();
        self.push_escaped(name);
        self.push(":");
        self.push(value);
        self
    }

    /// The whole object; nothing if the system refused the memory for it.
    pub(super) fn end(mut self) -> Option<String> {
        self.push("}");
        (!self.refused).then_some(self.output)
    }

    /// The whole of an object that nobody can make large.
    pub(super) fn end_short(self) -> String {
        let layout = Layout::for_value(self.output.as_bytes());
        self.end().unwrap_or_else(|| handle_alloc_error(layout))
    }

    fn name(&mut self, name: &'static str) {
        self.separate();
        self.push("\"");
        self.push(name);
        self.push("\":");
    }

    fn separate(&mut self) {
        if !self.output.ends_with('{') {
            self.push(",");
        }
    }

    #[inline]
    fn push(&mut self, text: &str) {
        self.refused = self.refused || self.output.try_reserve(text.len()).is_err();
        if !self.refused {
            self.output.push_str(text);
        }
    }

    /// A string in its quotes, which comes in many pieces: they are looked at together.
    fn push_escaped(&mut self, value: &str) {
        let mut pieces = Pieces {
            output: take(&mut self.output).into_bytes(),
            refused: self.refused,
        };
        // It fails where that does, which is known.
        let _ = serde_json::to_writer(&mut pieces, value);
        self.refused = pieces.refused;
        // What was put together are strings.
        self.output = String::from_utf8(pieces.output).unwrap_or_default();
    }
}

/// The pieces of a string with escapes, behind what is there already.
struct Pieces {
    output: Vec<u8>,
    refused: bool,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.refused = self.refused || self.output.try_reserve(bytes.len()).is_err();
        if self.refused {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        self.output.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// RFC 8259 section 7.
fn needs_escape(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped_as_serde_json_escapes_them() {
        for byte in 0..=0x7f_u8 {
            let text = format!("é{}", char::from(byte));
            let mut object = Object::with_capacity(0);
            object.text("a", &text);
            let expected = serde_json::to_string(&text).unwrap_or_default();
            assert_eq!(object.end_short(), format!("{{\"a\":{expected}}}"));
        }
    }

    #[test]
    fn members_follow_those_that_are_there() {
        let mut object = Object::continued("{\"a\":{}", 0);
        object.text("b", "c").number("d", 5_u64);
        assert_eq!(object.end_short(), r#"{"a":{},"b":"c","d":5}"#);
        assert_eq!(Object::with_capacity(0).end_short(), "{}");
    }

    #[test]
    fn an_object_that_the_system_has_no_memory_for_is_none() {
        let mut object = Object::with_capacity(usize::MAX / 2);
        object.text("a", "b");
        assert_eq!(object.end(), None);
    }
}
