//! JSON objects, written member by member.

/// An object that is being written.
pub(super) struct Object {
    output: Vec<u8>,
}

impl Object {
    /// An object without members, with room for so many bytes.
    pub(super) fn with_capacity(bytes: usize) -> Self {
        let mut output = Vec::with_capacity(bytes);
        output.push(b'{');
        Self { output }
    }

    /// Goes on with an object of which all is there but the closing brace.
    pub(super) fn continued(members: &str, more: usize) -> Self {
        let mut output = Vec::with_capacity(members.len() + more + 1);
        output.extend_from_slice(members.as_bytes());
        Self { output }
    }

    /// A member that is a string. Names are the library's own and need no escapes.
    pub(super) fn text(&mut self, name: &'static str, value: &str) -> &mut Self {
        self.name(name);
        if value
            .bytes()
            .fold(false, |found, byte| found | needs_escape(byte))
        {
            // Writing a string into memory does not fail.
            let _ = serde_json::to_writer(&mut self.output, value);
        } else {
            self.output.push(b'"');
            self.output.extend_from_slice(value.as_bytes());
            self.output.push(b'"');
        }
        self
    }

    /// A member that is a number.
    pub(super) fn number(&mut self, name: &'static str, value: u16) -> &mut Self {
        self.name(name);
        self.output.extend_from_slice(value.to_string().as_bytes());
        self
    }

    /// The whole object.
    pub(super) fn end(mut self) -> String {
        self.output.push(b'}');
        // What was put together are strings.
        String::from_utf8(self.output).unwrap_or_default()
    }

    fn name(&mut self, name: &'static str) {
        if self.output.last() != Some(&b'{') {
            self.output.push(b',');
        }
        self.output.push(b'"');
        self.output.extend_from_slice(name.as_bytes());
        self.output.extend_from_slice(b"\":");
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
            assert_eq!(object.end(), format!("{{\"a\":{expected}}}"));
        }
    }

    #[test]
    fn members_follow_those_that_are_there() {
        let mut object = Object::continued("{\"a\":{}", 0);
        object.text("b", "c").number("d", 5);
        assert_eq!(object.end(), r#"{"a":{},"b":"c","d":5}"#);
        assert_eq!(Object::with_capacity(0).end(), "{}");
    }
}
