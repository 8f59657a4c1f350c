//! Certificates for servers that speak TLS: like those of the recording, made anew for each run.

use std::fs;
use std::sync::{Arc, OnceLock};

use tempfile::TempDir;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use super::story::Server;
use super::support::certificates::{Authority, Identity};

/// Where the recorder had its files.
const RECORDED: &str = "/g/tls/";

/// The text with the files of this run in the place of the recorded ones.
pub fn in_use(text: &str) -> String {
    if !text.contains(RECORDED) {
        return text.to_owned();
    }
    text.replace(RECORDED, &format!("{}/", all().0.path().display()))
}

/// The configuration of a server, if it speaks TLS.
pub fn server(server: &Server) -> Result<Option<Arc<ServerConfig>>, String> {
    let Some(certificate) = &server.certificate else {
        return Ok(None);
    };
    let made = configuration(server, certificate == "self");
    made.map(|made| Some(Arc::new(made))).map_err(|error| error.to_string())
}

fn configuration(server: &Server, signs_itself: bool) -> Result<ServerConfig, Box<dyn std::error::Error>> {
    let (_, authority) = all();
    let names: Vec<&str> = server.names.iter().map(String::as_str).collect();
    let identity = if signs_itself {
        Identity::self_signed(&names)
    } else {
        authority.issue(&names)
    };
    let provider = Arc::new(default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let builder = if server.demands_certificate {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(authority.pem.as_bytes())?)?;
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        builder.with_client_cert_verifier(verifier.build()?)
    } else {
        builder.with_no_client_auth()
    };
    let certificate = CertificateDer::from_pem_slice(identity.certificate.as_bytes())?;
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes())?;
    Ok(builder.with_single_cert(vec![certificate], key)?)
}

/// The folder of the files that configurations name, and the authority.
fn all() -> &'static (TempDir, Authority) {
    static ALL: OnceLock<(TempDir, Authority)> = OnceLock::new();
    ALL.get_or_init(|| {
        let (folder, authority) = (tempfile::tempdir(), Authority::root("Authority"));
        let folder = folder.expect("a folder");
        let client = authority.issue(&["client1"]);
        let both = client.certificate + &client.key;
        for (name, text) in [("ca.pem", &authority.pem), ("client_both.pem", &both)] {
            fs::write(folder.path().join(name), text).expect("a file");
        }
        (folder, authority)
    })
}
