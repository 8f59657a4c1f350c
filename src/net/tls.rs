//! TLS by rustls (RFC 8446, RFC 5246), with the checks that the configuration asks for.
//!
//! The cryptography is ring's: it builds with a C compiler alone, where aws-lc-rs wants cmake too, and adds less to the
//! object that a PBX loads. It is handed to each configuration; nothing is installed for the whole process, which may have a
//! rustls of its own.

use std::fmt::Display;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use once_cell::sync::OnceCell;
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::client::{WebPkiServerVerifier, verify_server_name};
use tokio_rustls::rustls::crypto::{
    CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, ProtocolVersion,
    RootCertStore, SignatureScheme,
};

use crate::config::{Client, TlsVersion};

/// The TLS configuration of one connection, made at its first handshake; sessions are resumed through it.
#[derive(Default)]
pub struct TlsContext(Arc<OnceCell<Arc<ClientConfig>>>);

impl TlsContext {
    /// Shakes hands with the server that `uri` names.
    pub(super) async fn handshake(
        &self,
        tcp: TcpStream,
        client: &Client,
    ) -> Result<TlsStream<TcpStream>, String> {
        let host = &client.uri.host;
        let name = ServerName::try_from(host.clone())
            .map_err(|_| format!("{host} cannot stand in a certificate (uri)"))?;
        let config = match self.0.get() {
            Some(config) => Arc::clone(config),
            None => {
                let (cell, client) = (Arc::clone(&self.0), client.clone());
                // Reads files, which may lie on a slow disk.
                spawn_blocking(move || cell.get_or_try_init(|| configure(&client)).cloned())
                    .await
                    .map_err(|error| error.to_string())??
            }
        };
        TlsConnector::from(config)
            .connect(name, tcp)
            .await
            .map_err(|error| explain(&error, client))
    }
}

/// What was agreed, for operators.
pub(super) fn describe(stream: &TlsStream<TcpStream>, client: &Client) -> String {
    let (_, session) = stream.get_ref();
    let version = match session.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
        _ => "TLS 1.2",
    };
    let suite = session
        .negotiated_cipher_suite()
        .and_then(|suite| suite.suite().as_str())
        .unwrap_or("unknown cipher suite");
    let checked = match (client.verify_server_cert, client.verify_server_hostname) {
        (true, true) => "certificate and name verified",
        (true, false) => "certificate verified, name not (verify_server_hostname)",
        (false, true) => "name verified, certificate not (verify_server_cert)",
        (false, false) => "certificate not verified (verify_server_cert)",
    };
    format!("{version}, {suite}, {checked}")
}

fn configure(client: &Client) -> Result<Arc<ClientConfig>, String> {
    let provider = Arc::new(ring::default_provider());
    let versions: &[_] = match client.tls_min_version {
        TlsVersion::Tls12 => &[&TLS13, &TLS12],
        TlsVersion::Tls13 => &[&TLS13],
    };
    let verifier = Verifier::new(client, &provider)?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let config = match &client.cert_file {
        None => builder.with_no_client_auth(),
        Some(file) => {
            let chain = certificates(file, "cert_file")?;
            // A file may hold both, as the recorded behaviour of Asterisk has it.
            let (key_file, parameter) = match &client.priv_key_file {
                Some(file) => (file, "priv_key_file"),
                None => (file, "cert_file"),
            };
            let key = PrivateKeyDer::from_pem_file(key_file)
                .map_err(|error| unreadable(parameter, key_file, error))?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| unreadable(parameter, key_file, error))?
        }
    };
    Ok(Arc::new(config))
}

fn roots(client: &Client) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    if let Some(file) = &client.ca_list_file {
        roots.add_parsable_certificates(certificates(file, "ca_list_file")?);
    }
    if let Some(folder) = &client.ca_list_path {
        let entries =
            fs::read_dir(folder).map_err(|error| unreadable("ca_list_path", folder, error))?;
        for file in entries.flatten().map(|entry| entry.path()) {
            // Such a folder also holds other things: keys, links that lead nowhere, read-me files.
            if let Ok(found) = certificates(&file, "ca_list_path") {
                roots.add_parsable_certificates(found);
            }
        }
    }
    if client.ca_list_file.is_none() && client.ca_list_path.is_none() {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    if roots.is_empty() {
        return Err(
            "no certificate authority to trust was found (ca_list_file, ca_list_path, or the system's own)"
                .into(),
        );
    }
    Ok(roots)
}

fn certificates(file: &Path, parameter: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let found = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unreadable(parameter, file, error))?;
    if found.is_empty() {
        return Err(unreadable(parameter, file, "it holds no certificate"));
    }
    Ok(found)
}

fn unreadable(parameter: &str, path: &Path, error: impl Display) -> String {
    format!("{parameter} {}: {error}", path.display())
}

/// Adds the parameter that concerns a failure.
fn explain(error: &std::io::Error, client: &Client) -> String {
    let remedy = match error.get_ref().and_then(|inner| inner.downcast_ref()) {
        Some(TlsError::InvalidCertificate(cause)) => match cause {
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                " (verify_server_hostname)"
            }
            CertificateError::UnknownIssuer if client.ca_list_file.is_none() => {
                "; name its certificate authority in ca_list_file"
            }
            CertificateError::UnknownIssuer => " (ca_list_file, ca_list_path)",
            _ => " (verify_server_cert)",
        },
        Some(TlsError::AlertReceived(_)) => "; the server refused: it may want cert_file",
        _ => "",
    };
    format!("{error}{remedy}")
}

/// `verify_server_cert` and `verify_server_hostname`, each by itself.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    chain: Option<Arc<WebPkiServerVerifier>>,
    name: bool,
}

impl Verifier {
    fn new(client: &Client, provider: &Arc<CryptoProvider>) -> Result<Self, String> {
        let chain = if client.verify_server_cert {
            let verifier = WebPkiServerVerifier::builder_with_provider(
                Arc::new(roots(client)?),
                Arc::clone(provider),
            )
            .build()
            .map_err(|error| error.to_string())?;
            Some(verifier)
        } else {
            None
        };
        Ok(Self {
            provider: Arc::clone(provider),
            chain,
            name: client.verify_server_hostname,
        })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let Some(chain) = &self.chain else {
            if self.name {
                verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
            }
            return Ok(ServerCertVerified::assertion());
        };
        match chain.verify_server_cert(certificate, intermediates, name, ocsp_response, now) {
            // The name is looked at last, so all the rest is in order.
            Err(TlsError::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.name => Ok(ServerCertVerified::assertion()),
            outcome => outcome,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
