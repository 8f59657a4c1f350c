//! The certificates and keys that the configuration names.

use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use once_cell::sync::OnceCell;
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::Client;

/// The authorities that the system trusts. They are many, and the same for every connection.
static SYSTEM_ROOTS: OnceCell<Arc<RootCertStore>> = OnceCell::new();

/// Whether the configuration names any file.
pub(super) fn are_named(client: &Client) -> bool {
    named(client).next().is_some()
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

/// Which state files are in, as far as their folders tell.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stamps(Vec<(PathBuf, Option<SystemTime>, u64)>);

impl Stamps {
    pub(super) fn take(client: &Client) -> Self {
        let mut stamps = Vec::new();
        for path in named(client) {
            stamps.push(stamp(path));
        }
        if let Some(folder) = &client.ca_list_path {
            let entries = fs::read_dir(folder).into_iter().flatten().flatten();
            let mut inside: Vec<_> = entries.map(|entry| stamp(&entry.path())).collect();
            inside.sort();
            stamps.append(&mut inside);
        }
        Self(stamps)
    }
}

fn stamp(path: &Path) -> (PathBuf, Option<SystemTime>, u64) {
    let known = fs::metadata(path).ok();
    (
        path.to_owned(),
        known.as_ref().and_then(|known| known.modified().ok()),
        known.map_or(0, |known| known.len()),
    )
}

/// The authorities to trust, and the certificates that the configuration names as such.
pub(super) fn anchors(
    client: &Client,
) -> Result<(Arc<RootCertStore>, Vec<CertificateDer<'static>>), String> {
    if client.ca_list_file.is_none() && client.ca_list_path.is_none() {
        let roots = SYSTEM_ROOTS.get_or_try_init(|| {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            some(roots).map(Arc::new)
        })?;
        return Ok((Arc::clone(roots), Vec::new()));
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
