//! Lines to sections with their settings: Asterisk's ini dialect as a layer over rust-ini.
//!
//! rust-ini tells which settings stand under which section, in order and repeated ones too. But it knows no line numbers, takes
//! `:` for `=`, trims more than Asterisk's blanks, and gives a file up at the first line that it cannot read. So each setting
//! is handed to it in its own spelling (with its escapes for what Asterisk takes literally), and what it read gets
//! the place back that it came from.

use std::path::Path;

use ini::{Ini, ParseError, ParseOption};

use super::lines::{Flaw, Line, trim};
use super::problem::{Origin, Problems};

/// `key = value`.
#[derive(Clone)]
pub(super) struct Setting {
    /// In lower case.
    pub(super) key: String,
    pub(super) value: String,
    pub(super) origin: Origin,
    pub(super) flaw: Flaw,
    /// Something was appended with `+=`.
    pub(super) appended: bool,
    /// The number of the header that it stands below: what a template or an addition says is of another one.
    pub(super) block: usize,
}

/// The sections of lines, each with the settings below it; `file` is what is at fault if they cannot be parsed.
pub(super) fn blocks(lines: Vec<Line>, file: &Path, problems: &mut Problems) -> Vec<Block> {
    Plain::default().read(lines, problems).unwrap_or_else(|error| {
        let message = format!("the file cannot be parsed: {}", error.msg);
        problems.refuse(Origin::whole(file).error(message));
        Vec::new()
    })
}

/// The sections so far, and the last one as rust-ini reads it: one at a time, as that takes many times the memory of its text,
/// between what is kept of those before.
#[derive(Default)]
struct Plain {
    blocks: Vec<Block>,
    text: String,
    /// Of the settings in it, in order.
    places: Vec<(Origin, Flaw)>,
}

/// What stands in and after the brackets.
pub(super) struct Header {
    pub(super) name: String,
    /// Between the parentheses.
    pub(super) options: Vec<String>,
    pub(super) origin: Origin,
    pub(super) flaw: Flaw,
    /// As of its [`Line`].
    pub(super) appended: bool,
}

/// A header with the settings below it.
pub(super) struct Block {
    pub(super) header: Header,
    pub(super) settings: Vec<Setting>,
}

impl Plain {
    fn read(mut self, lines: Vec<Line>, problems: &mut Problems) -> Result<Vec<Block>, ParseError> {
        // Where settings belong to no section, only the first line of them is worth a word.
        let mut lost = false;
        for line in lines {
            match line.text.strip_prefix('[').map(header) {
                Some(Ok((name, options))) => {
                    lost = false;
                    self.finish()?;
                    let header = Header {
                        name,
                        options,
                        origin: line.origin,
                        flaw: line.flaw,
                        appended: line.appended,
                    };
                    self.blocks.push(Block {
                        header,
                        settings: Vec::new(),
                    });
                }
                Some(Err(message)) => {
                    lost = true;
                    problems.refuse(line.origin.error(message));
                }
                None if lost => {}
                None if self.blocks.is_empty() => {
                    lost = true;
                    let message = "this stands before the first section; put a [section] above it";
                    problems.refuse(line.origin.error(message));
                }
                None => self.setting(&line, problems),
            }
        }
        self.finish()?;
        Ok(self.blocks)
    }

    fn setting(&mut self, line: &Line, problems: &mut Problems) {
        let section = self.blocks.last().map_or("", |block| &block.header.name);
        // The line is not quoted: it might be a password whose `=` was forgotten.
        let Some((key, value)) = line.text.split_once('=') else {
            let message = "there is no = in this line, it is ignored; write key = value";
            return problems.add(line.origin.warning(message).of(section, ""));
        };
        if key.strip_suffix('+').unwrap_or(key).trim().is_empty() {
            let message = "there is nothing before the =, the line is ignored; write key = value";
            return problems.add(line.origin.warning(message).of(section, ""));
        }
        escape(key, &mut self.text);
        // In a frame, because rust-ini trims more than Asterisk's blanks.
        self.text.push_str("=|");
        let value = value.strip_prefix('>').unwrap_or(value);
        escape(trim(value), &mut self.text);
        self.text.push_str("|\n");
        self.places.push((line.origin.clone(), line.flaw));
    }

    /// The last section has all its settings: has rust-ini read them, and tells each its place again.
    fn finish(&mut self) -> Result<(), ParseError> {
        let options = ParseOption {
            // Asterisk keeps quotes; the escapes are ours.
            enabled_quote: false,
            enabled_escape: true,
            ..ParseOption::default()
        };
        let ini = Ini::load_from_str_opt(&self.text, options)?;
        self.text.clear();
        let number = self.blocks.len().saturating_sub(1);
        // Without a header they belong to a section without a name.
        let properties = ini
            .section(None::<String>)
            .into_iter()
            .flat_map(|properties| properties.iter());
        // Their number is known here, and not of what rust-ini gives.
        let mut settings = Vec::with_capacity(self.places.len());
        let placed = properties.zip(self.places.drain(..));
        settings.extend(placed.map(|((key, value), (origin, flaw))| Setting::new(key, value, origin, flaw, number)));
        if let Some(block) = self.blocks.last_mut() {
            block.settings = settings;
        }
        Ok(())
    }
}

impl Setting {
    fn new(key: &str, value: &str, origin: Origin, flaw: Flaw, block: usize) -> Self {
        let appended = key.ends_with('+');
        let framed = value.strip_prefix('|').and_then(|value| value.strip_suffix('|'));
        Self {
            key: trim(key.strip_suffix('+').unwrap_or(key)).to_ascii_lowercase(),
            value: framed.unwrap_or(value).to_owned(),
            origin,
            flaw,
            appended,
            block,
        }
    }
}

/// Takes `name](options) anything` apart, the rest of a line after its opening bracket.
fn header(text: &str) -> Result<(String, Vec<String>), &'static str> {
    let (name, rest) = text.split_once(']').ok_or("the ] of this section is missing; write [name]")?;
    let options = match rest.strip_prefix('(') {
        None => "",
        Some(rest) => {
            let (options, _) = rest
                .split_once(')')
                .ok_or("the ) of this section is missing; write [name](template)")?;
            options
        }
    };
    let options = options
        .split(',')
        .map(|option| trim(option).to_owned())
        .filter(|option| !option.is_empty())
        .collect();
    Ok((name.to_owned(), options))
}

/// Adds text so that rust-ini reads it back as it is.
fn escape(text: &str, plain: &mut String) {
    for character in text.chars() {
        match character {
            '\r' => plain.push_str("\\r"),
            '\\' | ':' | '#' | ';' | '[' | ']' => plain.extend(['\\', character]),
            _ => plain.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    /// The blocks of a text, and its problems.
    fn read(text: &str) -> (Vec<Block>, Vec<String>) {
        let mut problems = Problems::default();
        let file: Arc<Path> = Path::new("a.conf").into();
        let lines = super::super::lines::lines(&file, text.as_bytes(), &mut problems);
        let blocks = blocks(lines, &file, &mut problems);
        let problems = problems.into_list(&file);
        (blocks, problems.iter().map(ToString::to_string).collect())
    }

    /// The value of the only setting in a section.
    fn value(line: &str) -> (String, String) {
        let (mut blocks, problems) = read(&format!("[s]\n{line}\nlast = x"));
        assert_eq!(problems, Vec::<String>::new());
        let setting = blocks.remove(0).settings.remove(0);
        (setting.key, setting.value)
    }

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    #[test]
    fn an_arrow_is_an_equal_sign() {
        assert_eq!(value("a => b"), pair("a", "b"));
        assert_eq!(value("a => b=>c"), pair("a", "b=>c"));
        assert_eq!(value("a = > b"), pair("a", "> b"));
    }

    #[test]
    fn keys_are_case_insensitive_and_values_are_not() {
        assert_eq!(value("Apps = One"), pair("apps", "One"));
    }

    #[test]
    fn values_come_through_rust_ini_unchanged() {
        for text in [
            r"C:\dir\x41\n",
            r"ends with a backslash\",
            "\u{a0}not a blank to Asterisk\u{a0}",
            "|framed|",
            "\"quoted\" 'single'",
            "a:b#c[d]=e",
            "#not a comment",
            "[not a section]",
            "é ☎",
            "${EPOCH}",
            "a\rb",
            "",
        ] {
            assert_eq!(value(&format!("a = {text}")), pair("a", text));
        }
    }

    #[test]
    fn a_key_may_have_what_rust_ini_takes_for_syntax() {
        assert_eq!(value(r"a:b = c"), pair("a:b", "c"));
        assert_eq!(value(r"@a:#[x] = c:d"), pair("@a:#[x]", "c:d"));
        assert_eq!(value(r"\;a\b = c"), pair(r";a\b", "c"));
    }

    #[test]
    fn a_colon_is_no_equal_sign() {
        let (blocks, problems) = read("[s]\napps: secret");
        assert!(blocks[0].settings.is_empty());
        assert!(problems[0].starts_with("a.conf:2: [s] there is no ="));
        assert!(!problems[0].contains("secret"));
    }

    #[test]
    fn a_line_without_a_key_is_told_and_ignored() {
        for line in ["= value", "+= value", "\u{a0} = value"] {
            let (blocks, problems) = read(&format!("[s]\n{line}\na = b"));
            assert_eq!(blocks[0].settings.len(), 1, "{line}");
            assert_eq!(problems.len(), 1, "{line}");
        }
    }

    #[test]
    fn every_setting_keeps_its_line_among_repeated_sections_and_keys() {
        let (blocks, _) = read("[a]\nx=1\ny=2\nx=3\n[b]\nx=4\n[a]\nz=5\nx=6");
        let found: Vec<_> = blocks
            .iter()
            .flat_map(|section| section.settings.iter().map(move |setting| (section, setting)))
            .map(|(section, setting)| (section.header.name.as_str(), setting.value.as_str(), setting.origin.line))
            .collect();
        let expected = [
            ("a", "1", 2),
            ("a", "2", 3),
            ("a", "3", 4),
            ("b", "4", 6),
            ("a", "5", 8),
            ("a", "6", 9),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn blanks_in_a_section_name_belong_to_it_and_words_after_it_do_not() {
        let (blocks, _) = read("[ a ] junk\n[a:b/c@d]");
        assert_eq!(blocks[0].header.name, " a ");
        assert_eq!(blocks[1].header.name, "a:b/c@d");
    }

    #[test]
    fn what_makes_a_file_unreadable_is_told_with_its_line() {
        for (text, expected) in [
            ("x = y\n[s]", "a.conf:1: this stands before the first section"),
            ("[s]\n[t", "a.conf:2: the ] of this section is missing"),
            ("[s](t", "a.conf:1: the ) of this section is missing"),
        ] {
            let (_, problems) = read(text);
            assert!(problems[0].starts_with(expected), "{problems:?}");
        }
    }
}
