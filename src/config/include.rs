//! Where the text of the configuration comes from: files, or the host; with `#include`, `#tryinclude` and what else begins
//! with `#`, as in Asterisk's configuration files.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use glob::{MatchOptions, Pattern, glob_with};

use super::Source;
use super::files::read_file;
use super::lines::{Line, lines, trim};
use super::problem::{Origin, Problem, Problems, Severity, shown};
use crate::host::Failed;

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

/// Reads parts of the configuration one after the other, each with everything that it includes.
pub(super) struct Includer<'a> {
    source: &'a Source<'a>,
    problems: &'a mut Problems,
    lines: Vec<Line>,
    /// What is being read, to notice a circle: files by their true paths, texts of the host's by their names.
    open: Vec<PathBuf>,
    /// Those that have been read.
    read: HashSet<PathBuf>,
    files: usize,
    bytes: u64,
    /// Whether what is read now counts as appended.
    appended: bool,
}

impl<'a> Includer<'a> {
    pub(super) fn new(source: &'a Source<'a>, problems: &'a mut Problems) -> Self {
        Self {
            source,
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

    /// What comes now counts as appended.
    pub(super) fn append(&mut self) {
        self.appended = true;
    }

    /// Adds a part of the configuration by its name: what the host has under it, else the file.
    pub(super) fn part(&mut self, name: &str) -> Part {
        let whole = Origin::whole(name.as_ref());
        if self.read.contains(Path::new(name)) || self.given(name, &whole) {
            return Part::named(name, true);
        }
        let Some(path) = self.source.file(name) else {
            return Part::named(name, false);
        };
        let known = path.canonicalize().is_ok_and(|path| self.read.contains(&path));
        let is_there = known || !is_absent(&path);
        if is_there && !known {
            self.file(&path, &Origin::whole(&path), Severity::Error);
        }
        Part { is_there, path }
    }

    /// Adds a text of the host's; false if the host has none of this name. `origin` is where it was asked for.
    fn given(&mut self, name: &str, origin: &Origin) -> bool {
        let Some(texts) = self.source.texts else {
            return false;
        };
        let limit = usize::try_from(BYTES.saturating_sub(self.bytes)).unwrap_or(usize::MAX);
        match texts(name, limit) {
            Ok(None) => return false,
            Ok(Some(bytes)) => {
                self.files += 1;
                self.text(name.into(), name.as_ref(), &bytes, None, origin);
            }
            Err(Failed) => {
                let message = match origin.line {
                    0 => format!("the host did not give it, with {limit} bytes at most; its log may say why"),
                    _ => format!("the host did not give {}, with {limit} bytes at most", shown(name)),
                };
                self.problems.refuse(origin.error(message));
            }
        }
        true
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
        self.text(true_path, path, &bytes, path.parent(), origin);
    }

    /// Adds what was read. What it includes is looked for in `folder`, and if there is none, at the host first.
    fn text(&mut self, true_path: PathBuf, path: &Path, bytes: &[u8], folder: Option<&Path>, origin: &Origin) {
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
        for line in lines(&file, bytes, self.problems) {
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

    /// Does what a line that begins with `#` says; `folder` is that of its file, if it is in one.
    fn directive(&mut self, text: &str, origin: &Origin, folder: Option<&Path>) {
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
        if self.is_full() {
            return self.refuse_more(origin);
        }
        if folder.is_none() && self.given(argument, origin) {
            return;
        }
        match self.matching(argument, folder.or(self.source.directory)) {
            Ok(paths) if paths.is_empty() && severity == Severity::Error => {
                self.problems.refuse(origin.error(format!(
                    "no file {} exists; create one, or use #tryinclude if it may be absent",
                    shown(argument),
                )));
            }
            Ok(paths) => {
                for path in paths {
                    if self.is_full() {
                        return self.refuse_more(origin);
                    }
                    self.file(&path, origin, severity);
                }
            }
            Err(message) => self.problems.refuse(origin.error(message)),
        }
    }

    fn is_full(&self) -> bool {
        self.open.len() > DEPTH || self.files >= FILES
    }

    fn refuse_more(&mut self, origin: &Origin) {
        let message = format!("too many files; at most {FILES} may be included, {DEPTH} deep");
        self.problems.refuse(origin.error(message));
    }

    /// The files that a name or a pattern stands for, sorted; none where there are no files.
    fn matching(&self, argument: &str, folder: Option<&Path>) -> Result<Vec<PathBuf>, String> {
        let Some(folder) = folder else {
            return Ok(Vec::new());
        };
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

/// A part of the configuration.
pub(super) struct Part {
    /// Whether there is anything of this name, if only a fault.
    pub(super) is_there: bool,
    /// What messages call it.
    pub(super) path: PathBuf,
}

impl Part {
    fn named(name: &str, is_there: bool) -> Self {
        Self {
            is_there,
            path: name.into(),
        }
    }

    /// What to say if it is missing and must not be.
    pub(super) fn missing(&self, source: &Source<'_>) -> Problem {
        let message = match source.directory {
            Some(_) => "the file is missing; create it",
            None => "the host has no such text, and there is no folder with files",
        };
        Origin::whole(&self.path).error(message)
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
