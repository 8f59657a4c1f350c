//! JSON text, read once: whether it is JSON at all (RFC 8259), where its values stand, and what hosts have to know of it.
//!
//! Nothing here recurses, so that no nesting can exhaust the stack.

use std::borrow::Cow;

/// How deep objects and arrays may nest in what an application sends (recorded: Asterisk's parser takes 2048 levels).
const MAX_DEPTH: usize = 2048;

/// A value as it stands in a text, without the white space around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Raw<'a> {
    text: &'a str,
    /// It is a string that has escapes.
    has_escapes: bool,
}

impl<'a> Raw<'a> {
    /// As it stands there.
    pub(super) fn get(self) -> &'a str {
        self.text
    }

    /// The text that a JSON string stands for, or `None` for every other value.
    pub(super) fn text(self) -> Option<Cow<'a, str>> {
        match self.has_escapes {
            true => serde_json::from_str(self.text).ok().map(Cow::Owned),
            false => Some(Cow::Borrowed(self.text.strip_prefix('"')?.strip_suffix('"')?)),
        }
    }

    /// The digits of a JSON number as they were written, or `None` for every other value.
    pub(super) fn number(self) -> Option<&'a str> {
        let is_number = self.text.starts_with(|first: char| first == '-' || first.is_ascii_digit());
        is_number.then_some(self.text)
    }
}

/// What closes objects and arrays that are open. Most messages have one around their members, for which nothing is allocated.
#[derive(Default)]
struct Open {
    innermost: Option<u8>,
    /// Those around it, the outermost first.
    others: Vec<u8>,
}

impl Open {
    fn depth(&self) -> usize {
        self.others.len() + usize::from(self.innermost.is_some())
    }

    fn push(&mut self, closing: u8) {
        self.others.extend(self.innermost.replace(closing));
    }

    fn pop(&mut self) -> Option<u8> {
        let innermost = self.innermost;
        self.innermost = self.others.pop();
        innermost
    }
}

/// A place in a JSON text, and what was seen before it. Every step is `None` where the text is no JSON.
pub(super) struct Scan<'a> {
    text: &'a str,
    at: usize,
    /// What closes the objects and arrays around the place.
    open: Open,
    deepest: usize,
    /// There was an escape that stands for NUL, or for half of a surrogate pair.
    has_bad_escape: bool,
}

impl<'a> Scan<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            open: Open::default(),
            deepest: 0,
            has_bad_escape: false,
        }
    }

    /// Where in the text it is.
    pub(super) fn place(&self) -> usize {
        self.at
    }

    /// Whether what was read can be handed to any host: nested no deeper than [`MAX_DEPTH`], no NUL and no half of a surrogate
    /// pair in its strings. Asterisk's parser refuses all three (recorded), and C strings end at a NUL.
    pub(super) fn is_sound(&self) -> bool {
        self.deepest <= MAX_DEPTH && !self.has_bad_escape
    }

    /// What is next behind white space (RFC 8259 section 2).
    pub(super) fn next(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.byte() {
            self.at += 1;
        }
        self.byte()
    }

    /// Nothing is left but white space.
    pub(super) fn end(&mut self) -> Option<()> {
        self.next().is_none().then_some(())
    }

    /// Visits each member of the object that is next.
    pub(super) fn members(&mut self, mut visit: impl FnMut(&str, Raw<'a>)) -> Option<()> {
        if self.opens(b'}') {
            loop {
                self.next()?;
                let name = self.string()?.text()?;
                self.colon()?;
                visit(&name, self.value()?);
                if !self.goes_on()? {
                    break;
                }
            }
        }
        Some(())
    }

    /// Visits each element of the array that is next.
    pub(super) fn elements(&mut self, mut visit: impl FnMut(Raw<'a>)) -> Option<()> {
        if self.opens(b']') {
            loop {
                visit(self.value()?);
                if !self.goes_on()? {
                    break;
                }
            }
        }
        Some(())
    }

    /// The value that is next, whatever is in it.
    pub(super) fn value(&mut self) -> Option<Raw<'a>> {
        if self.next()? == b'"' {
            return self.string();
        }
        let (start, around) = (self.at, self.open.depth());
        loop {
            let is_filled = match self.next()? {
                b'"' => self.string().map(|_| false)?,
                b'{' => self.opens(b'}'),
                b'[' => self.opens(b']'),
                b'-' | b'0'..=b'9' => self.number().map(|()| false)?,
                b't' => self.word("true").map(|()| false)?,
                b'f' => self.word("false").map(|()| false)?,
                b'n' => self.word("null").map(|()| false)?,
                _ => return None,
            };
            if !is_filled {
                // It has ended, and maybe what it was the last of.
                while self.open.depth() > around && !self.goes_on()? {}
            }
            if self.open.depth() == around {
                return self.since(start, false);
            } else if self.open.innermost == Some(b'}') {
                self.next()?;
                self.string()?;
                self.colon()?;
            }
        }
    }

    /// An object or array begins; false if it ends at once.
    fn opens(&mut self, closing: u8) -> bool {
        self.at += 1;
        self.deepest = self.deepest.max(self.open.depth() + 1);
        if self.next() == Some(closing) {
            self.at += 1;
            return false;
        }
        self.open.push(closing);
        true
    }

    /// Behind a member or an element: whether there is another one, or else the end of what they are in.
    fn goes_on(&mut self) -> Option<bool> {
        let next = self.next()?;
        self.at += 1;
        if next == b',' {
            return Some(true);
        }
        (self.open.pop() == Some(next)).then_some(false)
    }

    fn colon(&mut self) -> Option<()> {
        (self.next()? == b':').then(|| self.at += 1)
    }

    /// The string that is next, with its quotes.
    fn string(&mut self) -> Option<Raw<'a>> {
        let start = self.at;
        if self.byte()? != b'"' {
            return None;
        }
        self.at += 1;
        let mut has_escapes = false;
        loop {
            self.at += plain(self.rest());
            match self.byte()? {
                b'"' => {
                    self.at += 1;
                    return self.since(start, has_escapes);
                }
                b'\\' => {
                    has_escapes = true;
                    self.escape()?;
                }
                _ => return None,
            }
        }
    }

    fn since(&self, start: usize, has_escapes: bool) -> Option<Raw<'a>> {
        let text = self.text.get(start..self.at)?;
        Some(Raw { text, has_escapes })
    }

    fn escape(&mut self) -> Option<()> {
        match self.rest().get(1)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 2,
            b'u' => {
                let unit = code_unit(self.rest())?;
                self.at += 6;
                match unit {
                    0 | 0xDC00..=0xDFFF => self.has_bad_escape = true,
                    0xD800..=0xDBFF => match code_unit(self.rest()) {
                        Some(0xDC00..=0xDFFF) => self.at += 6,
                        _ => self.has_bad_escape = true,
                    },
                    _ => {}
                }
            }
            _ => return None,
        }
        Some(())
    }

    fn number(&mut self) -> Option<()> {
        if self.byte() == Some(b'-') {
            self.at += 1;
        }
        match self.byte()? {
            b'0' => self.at += 1,
            _ => self.digits()?,
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.byte() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.byte() {
                self.at += 1;
            }
            self.digits()?;
        }
        Some(())
    }

    /// One digit at least.
    fn digits(&mut self) -> Option<()> {
        let digits = self.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += digits;
        (digits > 0).then_some(())
    }

    fn word(&mut self, word: &str) -> Option<()> {
        self.rest().starts_with(word.as_bytes()).then(|| self.at += word.len())
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }
}

/// The number that `\uXXXX` at the beginning stands for.
fn code_unit(escape: &[u8]) -> Option<u32> {
    let digits = escape.get(..6)?.strip_prefix(b"\\u")?;
    let digits = digits.iter().map(|digit| char::from(*digit).to_digit(16));
    digits.into_iter().try_fold(0, |unit, digit| Some(unit * 16 + digit?))
}

/// How many bytes at the beginning stand for themselves in a string, which a quote, a backslash and control characters do not
/// (RFC 8259 section 7).
pub(super) fn plain(bytes: &[u8]) -> usize {
    let is = |word: u64, byte| below(word ^ (ONES * u64::from(byte)), 1);
    let found = |word| below(word, b' ') | is(word, b'"') | is(word, b'\\');
    before(bytes, found, needs_escape)
}

/// Whether there is white space in JSON, between its tokens or in its strings.
pub(super) fn has_blanks(json: &str) -> bool {
    const BEHIND: u8 = b' ' + 1;
    before(json.as_bytes(), |word| below(word, BEHIND), |byte| byte < BEHIND) < json.len()
}

/// How many bytes there are before the first that is looked for, of which eight at a time are looked at.
fn before(bytes: &[u8], in_word: impl Fn(u64) -> u64, is_it: impl Fn(u8) -> bool) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let found = in_word(u64::from_le_bytes(*word)) & HIGHEST_BITS;
        if found != 0 {
            return index * word.len() + found.trailing_zeros() as usize / 8;
        }
    }
    let more = rest.iter().position(|byte| is_it(*byte));
    bytes.len() - rest.len() + more.unwrap_or(rest.len())
}

/// Eight bytes that are 1, and the highest bit of each.
const ONES: u64 = u64::MAX / 0xff;
const HIGHEST_BITS: u64 = ONES * 0x80;

/// The highest bit of each of eight bytes is set where it is less than a number, up to the first; what it is behind that says
/// nothing.
fn below(word: u64, number: u8) -> u64 {
    word.wrapping_sub(ONES * u64::from(number)) & !word
}

/// RFC 8259 section 7.
fn needs_escape(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}

#[cfg(test)]
mod tests {
    use serde::de::IgnoredAny;

    use super::*;

    /// Whether all of it is one value.
    fn is_json(text: &str) -> bool {
        let mut scan = Scan::new(text);
        scan.value().and_then(|_| scan.end()).is_some()
    }

    fn serde_takes(text: &str) -> bool {
        serde_json::from_str::<IgnoredAny>(text).is_ok()
    }

    const VALID: [&str; 8] = [
        r#" {"a" : [1, -0.5e+3 ,true,{"b":null}] ,"c":"x\n\u00e9\ud83d\ude00\"","":false} "#,
        r#"[[],{},[{}],"",0,-0,10.25E7,1e-2]"#,
        "{\"é\":\"a text of some length, so that eight bytes at a time are looked at: \\\\ 😀\"}",
        "\t\r\n[ ]\n",
        "\"\\/\\b\\f\\n\\r\\t\"",
        "-1.5",
        "null",
        r#"{"a":{"a":{"a":[[[1],[2]],[3]]}}}"#,
    ];

    #[test]
    fn json_is_what_serde_json_takes() {
        let replacements = "{}[]\",:\\ue+-.0129atfn\u{1}\n \u{7f}é";
        for text in VALID {
            assert!(is_json(text) && serde_takes(text), "{text}");
            for (at, character) in text.char_indices() {
                let (before, after) = (&text[..at], &text[at + character.len_utf8()..]);
                let mut others = vec![before.to_owned(), format!("{before}{after}"), format!("{before}{before}")];
                for replacement in replacements.chars() {
                    others.push(format!("{before}{replacement}{after}"));
                    others.push(format!("{before}{replacement}{character}{after}"));
                }
                for other in others {
                    assert_eq!(is_json(&other), serde_takes(&other), "{other}");
                }
            }
        }
    }

    #[test]
    fn a_value_has_no_white_space_around_it() {
        let mut scan = Scan::new(" [ 1 ] , 2");
        assert_eq!(scan.value().map(Raw::get), Some("[ 1 ]"));
    }

    #[test]
    fn bytes_that_need_escapes_are_found_wherever_they_stand() {
        for length in 0..40 {
            let text = vec![b'~'; length];
            assert_eq!(plain(&text), length);
            for at in 0..length {
                for byte in 0..=u8::MAX {
                    let mut text = text.clone();
                    text[at] = byte;
                    // One behind it makes no difference.
                    text.push(b'"');
                    let expected = if needs_escape(byte) { at } else { length };
                    assert_eq!(plain(&text), expected, "{byte} at {at} of {length}");
                }
            }
        }
    }

    #[test]
    fn nesting_never_exhausts_the_stack() {
        let levels = 1_000_000;
        let json = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        let mut scan = Scan::new(&json);
        assert_eq!(scan.value().map(Raw::get), Some(json.as_str()));
        assert!(!scan.is_sound());
        assert!(!is_json(&"[{\"a\":".repeat(levels)));
    }

    #[test]
    fn nesting_is_sound_up_to_2048_levels() {
        let is_sound = |json: &str| {
            let mut scan = Scan::new(json);
            scan.value().is_some() && scan.is_sound()
        };
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(is_sound(&nested(2048)));
        assert!(!is_sound(&nested(2049)));
        assert!(is_sound(&format!("[\"{}\"]", "[".repeat(3000))));
        assert!(is_sound(&format!("[{}]", ["[]"; 3000].join(","))));
    }

    #[test]
    fn nul_and_half_surrogate_pairs_are_not_sound() {
        let is_sound = |string: &str| {
            let json = format!("[\"{string}\"]");
            let mut scan = Scan::new(&json);
            assert!(scan.value().is_some(), "{string}");
            scan.is_sound()
        };
        for string in [
            r"a\u0000b",
            r"\ud800",
            r"\udc00\ud800",
            r"\ud800x",
            r"\uD83D\u0041",
            r"\ud83d\n",
        ] {
            assert!(!is_sound(string), "{string}");
        }
        for string in [r"\ud83d\ude00", r"\\u0000", r"\u0041\n\/", r"\\\\"] {
            assert!(is_sound(string), "{string}");
        }
    }
}
