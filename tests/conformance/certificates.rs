//! Certificates for servers that speak TLS: like those of the recording, made anew for each run.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use tempfile::TempDir;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use super::case::Tls;

/// Where the recorder had its files.
const RECORDED: &str = "/g/tls/";

/// What the certificate `self` is for.
const SELF: &[&str] = &["127.0.0.1"];

/// The recorder's certificates of servers, all but `self` of its authority: their common names, and the names that they are for.
const ISSUED: [(&str, &str, &[&str]); 5] = [
    ("ip", "127.0.0.1", &["127.0.0.1"]),
    ("cnip", "127.0.0.1", &[]),
    ("dns", "one.test", &["one.test"]),
    ("sanonly", "something", &["one.test"]),
    ("other", "other.example", &["other.example"]),
];

struct Certificates {
    folder: TempDir,
    authority: CertificateDer<'static>,
    identities: BTreeMap<&'static str, Identity>,
}

struct Identity {
    pem: String,
    key: KeyPair,
}

/// The text with the files of this run in the place of the recorded ones.
pub fn in_use(text: &str) -> String {
    if !text.contains(RECORDED) {
        return text.to_owned();
    }
    let folder = all().folder.path().display();
    text.replace(RECORDED, &format!("{folder}/"))
}

/// The names that a server's certificate is for.
pub fn names(tls: &Tls) -> &'static [&'static str] {
    let issued = ISSUED.iter().find(|(file, ..)| *file == tls.certificate);
    issued.map_or(SELF, |(_, _, names)| names)
}

/// The configuration of a server.
pub fn server(tls: &Tls) -> Result<Arc<ServerConfig>, String> {
    let all = all();
    let identity = all
        .identities
        .get(tls.certificate.as_str())
        .ok_or_else(|| format!("there is no certificate \"{}\"", tls.certificate))?;
    let mut roots = RootCertStore::empty();
    roots
        .add(all.authority.clone())
        .map_err(|error| error.to_string())?;
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let builder = if tls.demands_certificate {
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|error| error.to_string())?;
        builder.with_client_cert_verifier(verifier)
    } else {
        builder.with_no_client_auth()
    };
    let certificate = CertificateDer::from_pem_slice(identity.pem.as_bytes());
    let key = PrivateKeyDer::from_pem_slice(identity.key.serialize_pem().as_bytes());
    let (certificate, key) = (
        certificate.map_err(|error| error.to_string())?,
        key.map_err(|error| error.to_string())?,
    );
    builder
        .with_single_cert(vec![certificate], key)
        .map(Arc::new)
        .map_err(|error| error.to_string())
}

fn all() -> &'static Certificates {
    static ALL: OnceLock<Certificates> = OnceLock::new();
    ALL.get_or_init(|| make().expect("certificates can be made"))
}

fn make() -> Result<Certificates, Box<dyn std::error::Error>> {
    let key = KeyPair::generate()?;
    let mut parameters = parameters("Authority", &[])?;
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority = parameters.self_signed(&key)?;
    let issuer = Issuer::new(parameters, key);
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("ca.pem"), authority.pem())?;
    let client = issued("client1", &[], &issuer)?;
    std::fs::write(
        folder.path().join("client_both.pem"),
        client.pem + &client.key.serialize_pem(),
    )?;
    let key = KeyPair::generate()?;
    let pem = self::parameters(SELF[0], SELF)?.self_signed(&key)?.pem();
    let mut identities = BTreeMap::from([("self", Identity { pem, key })]);
    for (file, name, names) in ISSUED {
        identities.insert(file, issued(name, names, &issuer)?);
    }
    Ok(Certificates {
        folder,
        authority: authority.der().clone(),
        identities,
    })
}

fn parameters(name: &str, names: &[&str]) -> Result<CertificateParams, rcgen::Error> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut parameters = CertificateParams::new(names)?;
    parameters.distinguished_name.push(DnType::CommonName, name);
    Ok(parameters)
}

fn issued(
    name: &str,
    names: &[&str],
    issuer: &Issuer<'static, KeyPair>,
) -> Result<Identity, rcgen::Error> {
    let key = KeyPair::generate()?;
    let pem = parameters(name, names)?.signed_by(&key, issuer)?.pem();
    Ok(Identity { pem, key })
}
