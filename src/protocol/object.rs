//! JSON objects, written member by member.

use std::alloc::{Layout, handle_alloc_error};
use std::fmt::Write;

use super::scan::plain;

/// Of a number.
const MOST_DIGITS: usize = 20;

/// An object that is being written.
pub(super) struct Object {
    output: String,
    /// The system refused the memory for a part of it.
    refused: bool,
}

impl Object {
    /// An object without members, with room for so many bytes.
    pub(super) fn with_capacity(bytes: usize) -> Self {
        let mut object = Self::in_memory(String::new(), bytes);
        object.push("{");
        object
    }

    /// Goes on with an object of which all is there but the closing brace, in memory that was something else's.
    pub(super) fn continued(memory: String, members: &str, more: usize) -> Self {
        let mut object = Self::in_memory(memory, members.len() + more + 1);
        object.push(members);
        object
    }

    fn in_memory(mut output: String, bytes: usize) -> Self {
        output.clear();
        let refused = output.try_reserve_exact(bytes).is_err();
        Self { output, refused }
    }

    /// A member that is a string. Names are the library's own and need no escapes.
    pub(super) fn text(&mut self, name: &'static str, value: &str) -> &mut Self {
        self.name(name);
        self.push_escaped(value);
        self
    }

    /// A member that is a number.
    pub(super) fn number(&mut self, name: &'static str, value: impl Into<u64>) -> &mut Self {
        self.name(name);
        if self.has_room(MOST_DIGITS) {
            // Nothing fails that writes into a string.
            let _ = write!(self.output, "{}", value.into());
        }
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
        if self.has_room(text.len()) {
            self.output.push_str(text);
        }
    }

    /// Makes room for so many bytes more; false once the system has refused it.
    #[inline]
    fn has_room(&mut self, bytes: usize) -> bool {
        if self.output.capacity() - self.output.len() < bytes {
            self.refused = self.refused || self.output.try_reserve(bytes).is_err();
        }
        !self.refused
    }

    /// A string in its quotes, with escapes where it needs them.
    fn push_escaped(&mut self, value: &str) {
        self.push("\"");
        let mut rest = value;
        while let Some((plain, others)) = rest.split_at_checked(plain(rest.as_bytes())) {
            self.push(plain);
            let Some(byte) = others.bytes().next() else {
                break;
            };
            self.push_escape(byte);
            rest = others.get(1..).unwrap_or_default();
        }
        self.push("\"");
    }

    /// RFC 8259 section 7, the short form where there is one.
    fn push_escape(&mut self, byte: u8) {
        match byte {
            b'"' => self.push("\\\""),
            b'\\' => self.push("\\\\"),
            0x08 => self.push("\\b"),
            b'\t' => self.push("\\t"),
            b'\n' => self.push("\\n"),
            0x0c => self.push("\\f"),
            b'\r' => self.push("\\r"),
            _ => self.push(&format!("\\u{byte:04x}")),
        }
    }
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
        let mut object = Object::continued("old".to_owned(), "{\"a\":{}", 0);
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
