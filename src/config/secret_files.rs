//! Files with what a connection presents to the server. They are read at each attempt, as whoever renews a token writes them
//! anew.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::credentials::{check_header, is_authorization};
use super::files::read_file;
use super::object::Object;
use super::{Client, Secret};

/// What stands in one is no longer; a larger file is something else.
const SIZE: u64 = 64 << 10;

/// The parameters that name one.
pub(super) const PASSWORD_FILE: &str = "password_file";
pub(super) const BEARER_TOKEN_FILE: &str = "bearer_token_file";
pub(super) const HEADER_FILE: &str = "header_file";

/// The files of a websocket client, each in its whole path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecretFiles {
    /// `password_file`: the password, in the first line.
    pub password: Option<PathBuf>,
    /// `bearer_token_file`: a token, in the first line.
    pub bearer_token: Option<PathBuf>,
    /// `header_file`: a header in each line.
    pub headers: Option<PathBuf>,
}

/// What stood in the files when they were read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileSecrets {
    /// In place of [`Client::password`].
    pub password: Option<Secret>,
    /// For `Authorization: Bearer`.
    pub bearer_token: Option<Secret>,
    /// Besides [`Client::headers`].
    pub headers: Vec<(String, Secret)>,
}

/// The parameter that names a file which is of no use, and why.
pub(crate) type Unusable = (&'static str, String);

impl SecretFiles {
    /// Whether there is any file to read.
    pub fn is_empty(&self) -> bool {
        self.named().iter().all(|(_, path)| path.is_none())
    }

    /// Each with the parameter that names it.
    pub fn named(&self) -> [(&'static str, &Option<PathBuf>); 3] {
        [
            (PASSWORD_FILE, &self.password),
            (BEARER_TOKEN_FILE, &self.bearer_token),
            (HEADER_FILE, &self.headers),
        ]
    }

    fn named_mut(&mut self) -> [(&'static str, &mut Option<PathBuf>); 3] {
        [
            (PASSWORD_FILE, &mut self.password),
            (BEARER_TOKEN_FILE, &mut self.bearer_token),
            (HEADER_FILE, &mut self.headers),
        ]
    }
}

impl Client {
    /// Reads the files that the client has secrets in; may block.
    ///
    /// # Errors
    /// One of them cannot be read, or has not what it should have.
    pub(crate) fn read_secrets(&self) -> Result<FileSecrets, Unusable> {
        let files = &self.secret_files;
        let first = |path: &Option<PathBuf>, key: &'static str, what: &str| {
            let secret = path.as_deref().map(|path| first_line(path, what));
            secret.transpose().map_err(|message| (key, message))
        };
        Ok(FileSecrets {
            password: first(&files.password, PASSWORD_FILE, "password")?,
            bearer_token: first(&files.bearer_token, BEARER_TOKEN_FILE, "token")?,
            headers: match &files.headers {
                Some(path) => headers(path, self.is_authorized()).map_err(|message| (HEADER_FILE, message))?,
                None => Vec::new(),
            },
        })
    }

    /// Whether the upgrade request has an `Authorization` without `header_file`.
    fn is_authorized(&self) -> bool {
        let mut names = self.headers.iter().map(|(name, _)| name);
        self.has_login() || self.secret_files.bearer_token.is_some() || names.any(|name| is_authorization(name))
    }
}

/// Paths that are relative are so to the folder of the configuration.
pub(super) fn complete(object: &mut Object<'_>, client: &mut Client, directory: Option<&Path>) {
    for (key, path) in client.secret_files.named_mut() {
        *path = path.take().and_then(|path| match directory {
            Some(directory) => Some(directory.join(path)),
            None if path.is_absolute() => Some(path),
            None => {
                object.error(key, "there is no folder of the configuration; write the whole path");
                None
            }
        });
    }
}

/// Notes what is wrong with the files now: without them no connection could be made.
pub(super) fn check(object: &mut Object<'_>, client: &Client) {
    if let Err((key, message)) = client.read_secrets() {
        object.error(key, message);
    }
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    read_file(path, SIZE).map_err(|error| format!("the file cannot be read: {error}; mend the path or its permissions"))
}

/// The lines of a file, without what ends them.
fn lines(bytes: &[u8]) -> impl Iterator<Item = Result<&str, String>> {
    bytes.split(|byte| *byte == b'\n').map(|line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        std::str::from_utf8(line).map_err(|_| "it has bytes that are not UTF-8; save it as UTF-8".to_owned())
    })
}

fn first_line(path: &Path, what: &str) -> Result<Secret, String> {
    let bytes = read(path)?;
    match lines(&bytes).next().transpose()?.unwrap_or_default() {
        "" => Err(format!("there is no {what} in it; add one")),
        text if text.contains(char::is_control) => Err(format!("the {what} has control characters; remove them")),
        text => Ok(Secret::new(text)),
    }
}

/// What stands in `header_file`; lines without anything are passed over. `authorized`: there is an `Authorization` already.
fn headers(path: &Path, mut authorized: bool) -> Result<Vec<(String, Secret)>, String> {
    let bytes = read(path)?;
    let mut headers = Vec::new();
    for (number, line) in (1..).zip(lines(&bytes)) {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let (name, value) = check_header(line).map_err(|message| format!("line {number} of the file: {message}"))?;
        if is_authorization(name) && std::mem::replace(&mut authorized, true) {
            return Err(format!(
                "line {number} of the file: there is an Authorization already; remove one"
            ));
        }
        headers.push((name.to_owned(), Secret::new(value)));
    }
    Ok(headers)
}
