//! `#include`, `#tryinclude` and what else begins with `#`, as in Asterisk's configuration files.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use glob::{MatchOptions, Pattern, glob_with};

use super::files::read_file;
use super::lines::{Line, lines, trim};
use super::problem::{Origin, Problems, Severity, shown};

/// How deep files may include one another; the same as with Asterisk.
const DEPTH: usize = 10;
/// How many files may be included in all: files that include others twice multiply quickly.
const FILES: usize = 1000;
/// How much text all files may have together; what is made of it in memory is much more.
const BYTES: u64 = 32 << 20;

/// Like glob(3): `*` passes over hidden files, among them what editors leave behind.
const MATCHING: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// Reads files one after the other, each with everything that it includes.
pub(super) struct Includer<'a> {
    problems: &'a mut Problems,
    lines: Vec<Line>,
    /// The files that are being read, each by its true path, to notice a circle.
    open: Vec<PathBuf>,
    /// Those that have been read.
    read: HashSet<PathBuf>,
    files: usize,
    bytes: u64,
    /// Whether what is read now counts as appended.
    appended: bool,
}

impl<'a> Includer<'a> {
    pub(super) fn new(problems: &'a mut Problems) -> Self {
        Self {
            problems,
            lines: Vec::new(),
            open: Vec::new(),
            read: HashSet::new(),
            files: 0,
            bytes: 0,
            appended: false,
        }
    }

    /// Everything that was read, with the directives gone.
    pub(super) fn into_lines(self) -> Vec<Line> {
        self.lines
    }

    /// Adds a file that has to exist.
    pub(super) fn required(&mut self, path: &Path) {
        self.file(path, &Origin::whole(path), Severity::Error);
    }

    /// Appends a file if it exists and was not included already.
    pub(super) fn optional(&mut self, path: &Path) {
        self.appended = true;
        let known = path.canonicalize().is_ok_and(|path| self.read.contains(&path));
        if !known && !is_absent(path) {
            self.required(path);
        }
    }

    /// Adds a file; `origin` is where it was asked for. If it cannot be read, that is fatal or
    /// only a warning, as `severity` says.
    fn file(&mut self, path: &Path, origin: &Origin, severity: Severity) {
        self.files += 1;
        let content = path.canonicalize().and_then(|true_path| {
            let bytes = read_file(path, BYTES.saturating_sub(self.bytes))?;
            Ok((true_path, bytes))
        });
        let (true_path, bytes) = match content {
            Ok(content) => content,
            Err(error) => {
                let message = match (origin.line, error.kind()) {
                    (0, io::ErrorKind::NotFound) if is_absent(path) => "the file is missing; create it".to_owned(),
                    (0, io::ErrorKind::NotFound) => "this is a link to a file that is missing; mend it".to_owned(),
                    (0, _) => format!("the file cannot be read: {error}; make it a file that the host may read"),
                    _ => format!("{} cannot be read: {error}", shown_path(path)),
                };
                match severity {
                    Severity::Error => self.problems.refuse(origin.error(message)),
                    Severity::Warning => self.problems.add(origin.warning(message)),
                }
                return;
            }
        };
        if let Some(first) = self.open.iter().position(|open| *open == true_path) {
            let circle: Vec<String> = self.open.iter().skip(first).map(shown_path).collect();
            let message = format!(
                "{} would be included for ever (by way of {}); remove this line",
                shown_path(path),
                circle.join(", "),
            );
            self.problems.refuse(origin.error(message));
            return;
        }
        self.bytes += bytes.len() as u64;
        self.read.insert(true_path.clone());
        self.open.push(true_path);
        let file: Arc<Path> = path.into();
        let folder = path.parent().unwrap_or(Path::new(""));
        for line in lines(&file, &bytes, self.problems) {
            match line.text.strip_prefix('#') {
                Some(directive) => self.directive(directive, &line.origin, folder),
                None => {
                    let appended = self.appended;
                    self.lines.push(Line { appended, ..line });
                }
            }
        }
        self.open.pop();
    }

    /// Does what a line that begins with `#` says; `folder` is that of its file.
    fn directive(&mut self, text: &str, origin: &Origin, folder: &Path) {
        let end = text
            .find(|character: char| character <= ' ' || "\"<".contains(character))
            .unwrap_or(text.len());
        let (word, argument) = text.split_at(end);
        let argument = unquote(trim(argument));
        let severity = match word.to_ascii_lowercase().as_str() {
            "include" => Severity::Error,
            "tryinclude" => Severity::Warning,
            "exec" => {
                return self.problems.refuse(origin.error(
                    "#exec is not supported, no program is run for the configuration; \
                     write its output to a file and #include that",
                ));
            }
            _ => {
                return self.problems.add(origin.warning(
                    "this line begins with # but is no directive, it is ignored; \
                     comments begin with ;",
                ));
            }
        };
        if argument.is_empty() {
            let message = format!("#{word} names no file; add its name");
            return self.problems.refuse(origin.error(message));
        }
        match self.matching(argument, folder) {
            Ok(paths) if paths.is_empty() && severity == Severity::Error => {
                self.problems.refuse(origin.error(format!(
                    "no file {} exists; create one, or use #tryinclude if it may be absent",
                    shown(argument),
                )));
            }
            Ok(paths) => {
                for path in paths {
                    if self.open.len() > DEPTH || self.files >= FILES {
                        let message = format!("too many files; at most {FILES} may be included, {DEPTH} deep");
                        return self.problems.refuse(origin.error(message));
                    }
                    self.file(&path, origin, severity);
                }
            }
            Err(message) => self.problems.refuse(origin.error(message)),
        }
    }

    /// The files that a name or a pattern stands for, sorted.
    fn matching(&self, argument: &str, folder: &Path) -> Result<Vec<PathBuf>, String> {
        let path = folder.join(argument);
        if !is_missing(&path) {
            return Ok(vec![path]);
        }
        if !argument.contains(['*', '?', '[']) {
            return Ok(Vec::new());
        }
        if argument.contains("**") {
            return Err("** is not supported; name each folder".to_owned());
        }
        let mut pattern = String::new();
        // The folder's own name is none of the operator's pattern.
        if !Path::new(argument).is_absolute() && !folder.as_os_str().is_empty() {
            let folder = folder.to_str().ok_or("the folder's name is not UTF-8")?;
            pattern = Pattern::escape(folder);
            pattern.push('/');
        }
        pattern.push_str(argument);
        let paths = glob_with(&pattern, MATCHING).map_err(|error| format!("{} is no pattern: {error}", shown(argument)))?;
        // A folder that a pattern happens to match is not meant. One more than are read says that there are too many.
        let files = paths.flatten().filter(|path| !path.is_dir());
        Ok(files.take(FILES + 1).collect())
    }
}

/// The name without the quotes or angle brackets around it.
fn unquote(name: &str) -> &str {
    for (open, close) in [('"', '"'), ('<', '>')] {
        if let Some(inner) = name.strip_prefix(open) {
            return trim(inner.strip_suffix(close).unwrap_or(inner));
        }
    }
    name
}

/// Whether nothing at all has this name. What exists but cannot be looked at is not missing.
fn is_missing(path: &Path) -> bool {
    match fs::metadata(path) {
        Ok(_) => false,
        Err(error) => matches!(
            error.kind(),
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidInput
        ),
    }
}

/// Whether a folder has nothing of this name. A link to a file that is missing is something: the
/// file was meant to be there.
pub(super) fn is_absent(path: &Path) -> bool {
    let metadata = fs::symlink_metadata(path);
    metadata.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

fn shown_path(path: impl AsRef<Path>) -> String {
    shown(&path.as_ref().to_string_lossy())
}
