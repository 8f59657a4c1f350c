//! The bytes of one file to lines without comments, as Asterisk's configuration files have them.
//!
//! A `;` begins a comment wherever it stands, `\;` is a semicolon. `;--` begins a block that ends
//! with `--;`, on the same line or a later one, and blocks nest; `;---` is a comment of one line.

use std::path::Path;
use std::sync::Arc;

use super::problem::{Origin, Problems};

/// A line that has something to say.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) origin: Origin,
    /// Without comments and surrounding blanks; never empty.
    pub(super) text: String,
    /// What the text could not carry over from the file.
    pub(super) flaw: Flaw,
    /// It came with a file that is read as if appended to another.
    pub(super) appended: bool,
}

/// Damage in a line. What to make of it is the business of whoever uses the line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Flaw {
    #[default]
    None,
    /// Bytes that are not UTF-8 became replacement characters.
    NotUtf8,
    /// A NUL byte stood here; as with Asterisk the rest of the line is gone.
    CutAtNul,
}

/// Splits a file into lines. Every byte is looked at once, however long the lines.
pub(super) fn lines(file: &Arc<Path>, bytes: &[u8], problems: &mut Problems) -> Vec<Line> {
    let origin = |line: u32| Origin {
        file: Arc::clone(file),
        line,
    };
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        problems.refuse(origin(0).error("the file is in UTF-16; save it as UTF-8"));
        return Vec::new();
    }
    // A byte order mark is what some editors put in front of UTF-8.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut result = Vec::new();
    let mut comments = Comments::default();
    for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        let cut = line.iter().position(|byte| *byte == 0);
        let line = cut.and_then(|at| line.get(..at)).unwrap_or(line);
        let (text, utf8) = match String::from_utf8(comments.strip(line, number)) {
            Ok(text) => (text, true),
            Err(error) => (String::from_utf8_lossy(error.as_bytes()).into_owned(), false),
        };
        let flaw = match (utf8, cut) {
            (false, _) => Flaw::NotUtf8,
            (true, Some(_)) => Flaw::CutAtNul,
            (true, None) => Flaw::None,
        };
        let text = trim(&text);
        if flaw == Flaw::CutAtNul {
            problems.add(origin(number).warning("there is a NUL byte in this line, what follows it is ignored; remove it"));
        }
        if !text.is_empty() {
            result.push(Line {
                origin: origin(number),
                text: text.to_owned(),
                flaw,
                appended: false,
            });
        }
    }
    if comments.depth > 0 {
        problems.add(origin(comments.opened).warning(
            "the comment that begins here never ends, the rest of the file is ignored; \
             end it with --;",
        ));
    }
    result
}

/// Without blanks at the ends: space, tab and everything else below, as Asterisk trims.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches(|character| character <= ' ')
}

/// Where we are in comments that may span lines.
#[derive(Default)]
struct Comments {
    /// How many blocks are open.
    depth: usize,
    /// The line on which the outermost of them began.
    opened: u32,
}

impl Comments {
    /// What remains of one line.
    fn strip(&mut self, line: &[u8], number: u32) -> Vec<u8> {
        let mut kept = Vec::with_capacity(if self.depth == 0 { line.len() } else { 0 });
        // The dashes of a `;--` do not count for the `--;` that ends it.
        let mut fresh = 0;
        let mut at = 0;
        while let Some(byte) = line.get(at) {
            let rest = line.get(at..).unwrap_or_default();
            let before = line.get(fresh..at).unwrap_or_default();
            at += 1;
            if *byte != b';' {
                if self.depth == 0 {
                    kept.push(*byte);
                }
            } else if before.ends_with(b"\\") {
                if self.depth == 0 {
                    kept.pop();
                    kept.push(b';');
                }
            } else if rest.starts_with(b";--") && rest.get(3) != Some(&b'-') {
                if self.depth == 0 {
                    self.opened = number;
                }
                self.depth += 1;
                at += 2;
                fresh = at;
            } else if self.depth > 0 {
                if before.ends_with(b"--") {
                    self.depth -= 1;
                    fresh = at;
                }
            } else {
                break;
            }
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines with their numbers, and the texts of the problems.
    fn read(text: impl AsRef<[u8]>) -> (Vec<(u32, String)>, Vec<String>) {
        let mut problems = Problems::default();
        let file: Arc<Path> = Path::new("a.conf").into();
        let lines = lines(&file, text.as_ref(), &mut problems)
            .into_iter()
            .map(|line| (line.origin.line, line.text))
            .collect();
        let problems = problems.into_list(&file);
        (lines, problems.iter().map(ToString::to_string).collect())
    }

    /// The texts alone, of something without a problem.
    fn texts(text: impl AsRef<[u8]>) -> Vec<String> {
        let (lines, problems) = read(text);
        assert_eq!(problems, Vec::<String>::new());
        lines.into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn a_semicolon_begins_a_comment_anywhere() {
        assert_eq!(texts("; all\n  ; indented\na = b;c\nd = e ; f"), ["a = b", "d = e"]);
    }

    #[test]
    fn an_escaped_semicolon_is_a_semicolon() {
        assert_eq!(texts("a = b\\;c"), ["a = b;c"]);
        assert_eq!(texts("a = b\\;c\\;d;e"), ["a = b;c;d"]);
    }

    #[test]
    fn other_backslashes_stay() {
        assert_eq!(texts("a = \\\\x\\"), ["a = \\\\x\\"]);
    }

    #[test]
    fn a_block_may_stand_within_a_line() {
        assert_eq!(texts("a = b;-- x --;c"), ["a = bc"]);
    }

    #[test]
    fn a_block_may_span_lines() {
        let (lines, _) = read("a = 1\n;-- b = 2\nc = 3\nd --; e = 4\nf = 5");
        let expected = [(1, "a = 1"), (4, "e = 4"), (5, "f = 5")];
        assert_eq!(lines, expected.map(|(line, text)| (line, text.to_owned())));
    }

    #[test]
    fn blocks_nest() {
        assert_eq!(texts(";-- a ;-- b --; c --; d = 1"), ["d = 1"]);
    }

    #[test]
    fn the_dashes_that_begin_a_block_do_not_end_it() {
        assert_eq!(texts("a = 1;--; b --; 2"), ["a = 1 2"]);
    }

    #[test]
    fn three_dashes_are_a_comment_of_one_line() {
        assert_eq!(texts(";--- not a block\na = 1"), ["a = 1"]);
    }

    #[test]
    fn a_block_without_an_end_is_told_with_its_line() {
        let (lines, problems) = read("a = 1\n;-- b\nc = 2");
        assert_eq!(lines.len(), 1);
        assert!(problems[0].starts_with("a.conf:2: "), "{problems:?}");
    }

    #[test]
    fn carriage_returns_and_a_byte_order_mark_are_not_seen() {
        assert_eq!(texts("\u{feff}[general]\r\na = b\r\n"), ["[general]", "a = b"]);
    }

    #[test]
    fn a_nul_cuts_its_line_only() {
        let (lines, problems) = read("a = b\0c\nd = e");
        assert_eq!(lines[0].1, "a = b");
        assert_eq!(lines[1].1, "d = e");
        assert!(problems[0].contains("a.conf:1: "), "{problems:?}");
    }

    #[test]
    fn bytes_that_are_not_utf8_are_marked() {
        let mut problems = Problems::default();
        let file: Arc<Path> = Path::new("a.conf").into();
        let lines = lines(&file, b"a = \xe9\nb = c ; \xe9", &mut problems);
        let flaws: Vec<Flaw> = lines.iter().map(|line| line.flaw).collect();
        assert_eq!(flaws, [Flaw::NotUtf8, Flaw::None]);
    }

    #[test]
    fn utf16_is_refused_with_a_remedy() {
        let (lines, problems) = read(b"\xff\xfe[\0g\0");
        assert!(lines.is_empty());
        assert!(problems[0].contains("UTF-8"), "{problems:?}");
    }
}
