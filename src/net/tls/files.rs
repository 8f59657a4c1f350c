//! The certificates and keys that the configuration names.

use std::collections::HashSet;
use std::env;
use std::fmt::Display;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use once_cell::sync::OnceCell;
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::{AUTHORITIES_SIZE, Client, IDENTITY_SIZE, read_file};

/// A folder with more files is no folder of certificates.
const FILES: usize = 10_000;

/// Where the system keeps the authorities that it trusts; empty until there is such a place.
static SYSTEM_PLACES: OnceCell<Vec<PathBuf>> = OnceCell::new();

/// What was found there. They are many, and the same for every connection.
static SYSTEM_ROOTS: Mutex<Option<(Stamps, Arc<RootCertStore>)>> = Mutex::new(None);

/// Whether the connection depends on any file.
pub(super) fn are_used(client: &Client) -> bool {
    uses_system_roots(client) || named(client).next().is_some()
}

fn uses_system_roots(client: &Client) -> bool {
    client.verify_server_cert && client.ca_list_file.is_none() && client.ca_list_path.is_none()
}

fn named(client: &Client) -> impl Iterator<Item = &PathBuf> {
    [
        &client.ca_list_file,
        &client.ca_list_path,
        &client.cert_file,
        &client.priv_key_file,
    ]
    .into_iter()
    .flatten()
}

/// Those of the environment, as OpenSSL has them, else those that are known of distributions.
fn system_places() -> &'static [PathBuf] {
    let found = SYSTEM_PLACES.get_or_try_init(|| {
        let file = env::var_os("SSL_CERT_FILE").map(PathBuf::from);
        let folders = env::var_os("SSL_CERT_DIR").unwrap_or_default();
        let mut places: Vec<_> = file.into_iter().collect();
        places.extend(env::split_paths(&folders).filter(|path| !path.as_os_str().is_empty()));
        if places.is_empty() {
            let known = openssl_probe::probe();
            places = known.cert_file.into_iter().chain(known.cert_dir).collect();
        }
        // Perhaps they are installed later.
        if places.is_empty() { Err(()) } else { Ok(places) }
    });
    found.map_or(&[], Vec::as_slice)
}

/// Which state files are in, as far as their folders tell.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stamps(Vec<Stamp>);

/// A path with what it led to.
type Stamp = (PathBuf, Option<State>);

/// When it was changed last, its contents or who may read it; its length, and which file it is.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct State {
    changed: (i64, i64),
    length: u64,
    file: (u64, u64),
}

impl Stamps {
    pub(super) fn take(client: &Client) -> Self {
        let mut stamps: Vec<_> = named(client).map(|path| stamp(path)).collect();
        if let Some(folder) = &client.ca_list_path {
            // What cannot be looked at is told when it is read.
            let files = files_of(folder).unwrap_or_default();
            stamps.extend(files.iter().map(|path| stamp(path)));
        }
        if uses_system_roots(client) {
            stamps.append(&mut Self::of_system().0);
        }
        Self(stamps)
    }

    /// Of the folders themselves, which change when files in them come and go: there are hundreds of files.
    fn of_system() -> Self {
        Self(system_places().iter().map(|path| stamp(path)).collect())
    }
}

fn stamp(path: &Path) -> Stamp {
    let state = fs::metadata(path).ok().map(|known| State {
        changed: (known.ctime(), known.ctime_nsec()),
        length: known.len(),
        file: (known.dev(), known.ino()),
    });
    (path.to_owned(), state)
}

/// What a folder has, in order.
fn files_of(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)?.flatten().map(|entry| entry.path());
    let mut files: Vec<_> = entries.take(FILES + 1).collect();
    if files.len() > FILES {
        let message = format!("it has more than {FILES} files");
        return Err(io::Error::new(io::ErrorKind::Unsupported, message));
    }
    files.sort_unstable();
    Ok(files)
}

/// Why files do not do.
#[derive(Debug)]
pub(super) struct Unusable {
    pub(super) text: String,
    /// Why one cannot be read; none if it is about what it holds.
    unread: Option<io::ErrorKind>,
}

impl Unusable {
    pub(super) fn new(parameter: &str, path: &Path, error: impl Display) -> Self {
        Self::from(format!("{parameter} {}: {error}", path.display()))
    }

    fn unread(parameter: &str, path: &Path, error: &io::Error) -> Self {
        Self {
            unread: Some(error.kind()),
            ..Self::new(parameter, path, error)
        }
    }

    /// Whether it stays so until the files change, so that they need not be read again before.
    pub(super) fn is_lasting(&self) -> bool {
        matches!(self.unread, None | Some(io::ErrorKind::Unsupported))
    }

    /// Whether it is no fault of the files: for want of descriptors, say.
    fn is_passing(&self) -> bool {
        !self.is_lasting() && !matches!(self.unread, Some(io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied))
    }
}

impl From<String> for Unusable {
    fn from(text: String) -> Self {
        Self { text, unread: None }
    }
}

/// The authorities that the system trusts, read again if they have changed.
fn system_roots() -> Result<Arc<RootCertStore>, Unusable> {
    let stamps = Stamps::of_system();
    let mut known = SYSTEM_ROOTS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((before, roots)) = &*known
        && *before == stamps
    {
        return Ok(Arc::clone(roots));
    }
    let mut found = Found::default();
    for place in system_places() {
        let read = match place.is_dir() {
            true => found.read_folder(place, "the system's certificates"),
            false => found.read_file(place, "the system's certificates"),
        };
        // Where one is missing, the other may have them all.
        if let Err(error) = read
            && error.is_passing()
        {
            return Err(error);
        }
    }
    let roots = found.into_roots()?;
    *known = Some((stamps, Arc::clone(&roots)));
    Ok(roots)
}

/// The authorities to trust, and the certificates that the configuration names as such.
pub(super) fn anchors(client: &Client) -> Result<(Arc<RootCertStore>, Vec<CertificateDer<'static>>), Unusable> {
    if client.ca_list_file.is_none() && client.ca_list_path.is_none() {
        return Ok((system_roots()?, Vec::new()));
    }
    let mut found = Found::default();
    if let Some(file) = &client.ca_list_file {
        found.read_file(file, "ca_list_file")?;
    }
    if let Some(folder) = &client.ca_list_path {
        found.read_folder(folder, "ca_list_path")?;
    }
    let named = found.certificates.clone();
    Ok((found.into_roots()?, named))
}

/// Certificates as they are found.
#[derive(Default)]
struct Found {
    certificates: Vec<CertificateDer<'static>>,
    /// Files that were read: a folder has several links to each, and perhaps one to them all.
    read: HashSet<(u64, u64)>,
}

impl Found {
    fn read_file(&mut self, file: &Path, parameter: &str) -> Result<(), Unusable> {
        let bytes = read_file(file, AUTHORITIES_SIZE).map_err(|error| Unusable::unread(parameter, file, &error))?;
        if let Some(state) = stamp(file).1 {
            self.read.insert(state.file);
        }
        self.certificates.append(&mut certificates(&bytes, file, parameter)?);
        Ok(())
    }

    fn read_folder(&mut self, folder: &Path, parameter: &str) -> Result<(), Unusable> {
        let files = files_of(folder).map_err(|error| Unusable::unread(parameter, folder, &error))?;
        let mut bytes = 0;
        for file in files {
            let (_, Some(state)) = stamp(&file) else {
                continue;
            };
            if !self.read.insert(state.file) {
                continue;
            }
            // Such a folder also holds other things: keys, links that lead nowhere, read-me files.
            let text = match read_file(&file, AUTHORITIES_SIZE).map_err(|error| Unusable::unread(parameter, &file, &error)) {
                Ok(text) => text,
                Err(error) if error.is_passing() => return Err(error),
                Err(_) => continue,
            };
            bytes += text.len() as u64;
            if bytes > AUTHORITIES_SIZE {
                let message = format!("its files are too large, at most {AUTHORITIES_SIZE} bytes are read");
                return Err(Unusable::new(parameter, folder, message));
            }
            if let Ok(mut found) = certificates(&text, &file, parameter) {
                self.certificates.append(&mut found);
            }
        }
        Ok(())
    }

    fn into_roots(mut self) -> Result<Arc<RootCertStore>, Unusable> {
        self.certificates.sort_unstable_by(|one, other| one.as_ref().cmp(other));
        self.certificates.dedup();
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(self.certificates);
        if roots.is_empty() {
            let message = "no certificate authority to trust was found (ca_list_file, ca_list_path, or the system's own)";
            return Err(message.to_owned().into());
        }
        Ok(Arc::new(roots))
    }
}

/// What the server gets to see of this side.
pub(super) struct Identity {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
    /// Where the key comes from.
    pub(super) key_file: PathBuf,
    pub(super) parameter: &'static str,
}

/// The certificate of `cert_file`, if there is one, with its key.
pub(super) fn identity(client: &Client) -> Result<Option<Identity>, Unusable> {
    let Some(file) = &client.cert_file else {
        return Ok(None);
    };
    // One file may hold both, as Asterisk has it (recorded).
    let (key_file, parameter) = match &client.priv_key_file {
        Some(file) => (file, "priv_key_file"),
        None => (file, "cert_file"),
    };
    let read =
        |file: &Path, parameter| read_file(file, IDENTITY_SIZE).map_err(|error| Unusable::unread(parameter, file, &error));
    let key = PrivateKeyDer::from_pem_slice(&read(key_file, parameter)?)
        .map_err(|error| Unusable::new(parameter, key_file, error))?;
    Ok(Some(Identity {
        chain: certificates(&read(file, "cert_file")?, file, "cert_file")?,
        key,
        key_file: key_file.clone(),
        parameter,
    }))
}

fn certificates(bytes: &[u8], file: &Path, parameter: &str) -> Result<Vec<CertificateDer<'static>>, Unusable> {
    let found = CertificateDer::pem_slice_iter(bytes)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| Unusable::new(parameter, file, error))?;
    if found.is_empty() {
        return Err(Unusable::new(parameter, file, "it holds no certificate"));
    }
    Ok(found)
}
