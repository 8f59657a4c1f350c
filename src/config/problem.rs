//! What is wrong with a configuration, and where.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::text;

/// How many problems of one severity are listed; more would only flood the log.
const LISTED: usize = 1000;

/// How bad a [`Problem`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// An object, or a whole file, does not take effect as written.
    Error,
    /// Everything takes effect, though perhaps not as intended.
    Warning,
}

/// Something an operator should know about the configuration. Never contains a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// The file.
    pub file: PathBuf,
    /// The line, counted from 1; 0 for the whole file.
    pub line: u32,
    /// The section; empty for a problem outside of any.
    pub section: String,
    /// The parameter; empty for a problem of the section as a whole.
    pub key: String,
    /// What is wrong and what to do about it.
    pub message: String,
    /// The object that was loaded before stays in effect.
    pub kept: bool,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:", self.file.display())?;
        if self.line > 0 {
            write!(formatter, "{}:", self.line)?;
        }
        if !self.section.is_empty() {
            write!(formatter, " [{}]", shown(&self.section))?;
        }
        if !self.key.is_empty() {
            write!(formatter, " {}:", shown(&self.key))?;
        }
        write!(formatter, " {}", self.message)?;
        if self.kept {
            formatter.write_str("; what was loaded before stays in effect")?;
        }
        Ok(())
    }
}

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) file: Arc<Path>,
    /// Counted from 1; 0 for the whole file.
    pub(super) line: u32,
}

impl Origin {
    /// The file as a whole.
    pub(super) fn whole(file: &Path) -> Self {
        Self {
            file: file.into(),
            line: 0,
        }
    }

    /// In words, for a message about a line of the same file or of another.
    pub(super) fn seen_from(&self, other: &Self) -> String {
        match self.file == other.file {
            true => format!("line {}", self.line),
            false => format!("{}:{}", self.file.display(), self.line),
        }
    }

    pub(super) fn problem(&self, severity: Severity, message: impl Into<String>) -> Problem {
        Problem {
            severity,
            file: self.file.to_path_buf(),
            line: self.line,
            section: String::new(),
            key: String::new(),
            message: message.into(),
            kept: false,
        }
    }

    pub(super) fn error(&self, message: impl Into<String>) -> Problem {
        self.problem(Severity::Error, message)
    }

    pub(super) fn warning(&self, message: impl Into<String>) -> Problem {
        self.problem(Severity::Warning, message)
    }
}

impl Problem {
    /// The same, of a section and a parameter (or an empty text for the section itself).
    pub(super) fn of(mut self, section: &str, key: &str) -> Self {
        self.section = section.to_owned();
        self.key = key.to_owned();
        self
    }
}

/// Problems as they are found, bounded in number.
#[derive(Debug, Default)]
pub(super) struct Problems {
    list: Vec<Problem>,
    errors: usize,
    warnings: usize,
    /// A file is missing, or could not be read or parsed: nothing of it may take effect.
    pub(super) fatal: bool,
}

impl Problems {
    pub(super) fn add(&mut self, problem: Problem) {
        let count = match problem.severity {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
        };
        *count += 1;
        if *count <= LISTED {
            self.list.push(problem);
        }
    }

    /// Adds a problem that makes its whole file unusable.
    pub(super) fn refuse(&mut self, problem: Problem) {
        self.fatal = true;
        self.add(problem);
    }

    /// Whether further errors are only counted.
    pub(super) fn is_full(&self) -> bool {
        self.errors >= LISTED
    }

    /// Where the next problem will stand, for [`Problems::keep_since`].
    pub(super) fn mark(&self) -> usize {
        self.list.len()
    }

    /// Notes that for the errors since the mark an object loaded before stays in effect.
    pub(super) fn keep_since(&mut self, mark: usize) {
        for problem in self.list.iter_mut().skip(mark) {
            problem.kept |= problem.severity == Severity::Error;
        }
    }

    /// Everything that was found, in the order in which it was found.
    pub(super) fn into_list(mut self, file: &Path) -> Vec<Problem> {
        for (severity, count) in [(Severity::Error, self.errors), (Severity::Warning, self.warnings)] {
            if let Some(more @ 1..) = count.checked_sub(LISTED) {
                let message = format!("{more} more like these are not listed; mend these first");
                self.list.push(Origin::whole(file).problem(severity, message));
            }
        }
        self.list
    }
}

/// Whether text is one short word. Anything else in the place of one may be a line gone wrong,
/// with a password in it.
pub(super) fn is_word(text: &str) -> bool {
    let fits = |character: char| character.is_ascii_alphanumeric() || "_-+.".contains(character);
    text.len() <= 40 && text.chars().all(fits)
}

/// A value for a message, if it can have no secret.
pub(super) fn quoted(value: &str) -> String {
    match is_word(value) {
        true => format!("\"{value}\""),
        false => "the value".to_owned(),
    }
}

/// Text from a file, made fit for one line of a log.
pub(super) fn shown(text: &str) -> String {
    text::brief(text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem() -> Problem {
        Origin::whole(Path::new("ari.conf")).error("do this")
    }

    #[test]
    fn a_problem_names_file_line_section_and_key() {
        let mut problem = problem().of("connection1", "apps");
        problem.line = 7;
        assert_eq!(problem.to_string(), "ari.conf:7: [connection1] apps: do this");
        problem.kept = true;
        assert_eq!(
            problem.to_string(),
            "ari.conf:7: [connection1] apps: do this; what was loaded before stays in effect"
        );
    }

    #[test]
    fn a_problem_of_a_whole_file_names_only_the_file() {
        assert_eq!(problem().to_string(), "ari.conf: do this");
    }

    #[test]
    fn a_section_name_cannot_forge_a_log_line() {
        let text = problem().of("a\r\nERROR", "").to_string();
        assert!(!text.contains(['\r', '\n']), "{text}");
    }

    #[test]
    fn a_flood_of_problems_is_cut_short() {
        let mut problems = Problems::default();
        for _ in 0..LISTED + 5 {
            problems.add(problem());
        }
        let list = problems.into_list(Path::new("ari.conf"));
        assert_eq!(list.len(), LISTED + 1);
        assert!(list[LISTED].message.starts_with("5 more"));
    }
}
