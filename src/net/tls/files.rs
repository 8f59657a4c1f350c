//! The certificates and keys that the configuration names.

use std::env;
use std::fmt::Display;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use once_cell::sync::OnceCell;
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::Client;

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

/// The places that rustls-native-certs reads: those of the environment, else those that are known of distributions.
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
        if places.is_empty() {
            Err(())
        } else {
            Ok(places)
        }
    });
    found.map_or(&[], Vec::as_slice)
}

/// Which state files are in, as far as their folders tell.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stamps(Vec<Stamp>);

/// A path with what it led to: time of the last change, length, and which file it is.
type Stamp = (PathBuf, Option<(SystemTime, u64, u64)>);

impl Stamps {
    pub(super) fn take(client: &Client) -> Self {
        let mut stamps: Vec<_> = named(client).map(|path| stamp(path)).collect();
        if let Some(folder) = &client.ca_list_path {
            let entries = fs::read_dir(folder).into_iter().flatten().flatten();
            let mut inside: Vec<_> = entries.map(|entry| stamp(&entry.path())).collect();
            inside.sort();
            stamps.append(&mut inside);
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
    let known = fs::metadata(path).ok();
    let known = known.and_then(|known| Some((known.modified().ok()?, known.len(), known.ino())));
    (path.to_owned(), known)
}

/// The authorities that the system trusts, read again if they have changed.
fn system_roots() -> Result<Arc<RootCertStore>, String> {
    let stamps = Stamps::of_system();
    let mut known = SYSTEM_ROOTS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((before, roots)) = &*known
        && *before == stamps
    {
        return Ok(Arc::clone(roots));
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let roots = Arc::new(some(roots)?);
    *known = Some((stamps, Arc::clone(&roots)));
    Ok(roots)
}

/// The authorities to trust, and the certificates that the configuration names as such.
pub(super) fn anchors(
    client: &Client,
) -> Result<(Arc<RootCertStore>, Vec<CertificateDer<'static>>), String> {
    if client.ca_list_file.is_none() && client.ca_list_path.is_none() {
        return Ok((system_roots()?, Vec::new()));
    }
    let mut found = Vec::new();
    if let Some(file) = &client.ca_list_file {
        found.append(&mut certificates(file, "ca_list_file")?);
    }
    if let Some(folder) = &client.ca_list_path {
        let entries =
            fs::read_dir(folder).map_err(|error| unusable("ca_list_path", folder, error))?;
        for file in entries.flatten().map(|entry| entry.path()) {
            // Such a folder also holds other things: keys, links that lead nowhere, read-me files.
            found.append(&mut certificates(&file, "ca_list_path").unwrap_or_default());
        }
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.iter().cloned());
    Ok((Arc::new(some(roots)?), found))
}

fn some(roots: RootCertStore) -> Result<RootCertStore, String> {
    if roots.is_empty() {
        return Err(
            "no certificate authority to trust was found (ca_list_file, ca_list_path, or the system's own)"
                .into(),
        );
    }
    Ok(roots)
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
pub(super) fn identity(client: &Client) -> Result<Option<Identity>, String> {
    let Some(file) = &client.cert_file else {
        return Ok(None);
    };
    // One file may hold both, as Asterisk has it (recorded).
    let (key_file, parameter) = match &client.priv_key_file {
        Some(file) => (file, "priv_key_file"),
        None => (file, "cert_file"),
    };
    let key = PrivateKeyDer::from_pem_file(key_file)
        .map_err(|error| unusable(parameter, key_file, error))?;
    Ok(Some(Identity {
        chain: certificates(file, "cert_file")?,
        key,
        key_file: key_file.clone(),
        parameter,
    }))
}

fn certificates(file: &Path, parameter: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let found = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unusable(parameter, file, error))?;
    if found.is_empty() {
        return Err(unusable(parameter, file, "it holds no certificate"));
    }
    Ok(found)
}

/// Why a file does not do.
pub(super) fn unusable(parameter: &str, path: &Path, error: impl Display) -> String {
    format!("{parameter} {}: {error}", path.display())
}
