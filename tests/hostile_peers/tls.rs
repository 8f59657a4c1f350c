//! Servers of TLS, good and bad.

use std::fs;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use ariws_testkit::{Authority, Identity};
use tempfile::TempDir;
use tokio_rustls::rustls::crypto::ring::{Ticketer, default_provider};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};

/// What a server shows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// A certificate of the authority that is trusted, for the right address.
    Trusted,
    /// The same, and TLS 1.2 only.
    Tls12,
    /// The same, and a thousand session tickets.
    ManyTickets,
    /// The same, and it wants one of the client.
    WantsCertificate,
    OtherName,
    Expired,
    SelfSigned,
    OtherAuthority,
}

/// Where connections are made to.
const NAME: &str = "127.0.0.1";

struct Authorities {
    folder: TempDir,
    trusted: Authority,
    other: Authority,
}

/// The file with the authority that is trusted.
pub fn authority_file() -> String {
    path(authorities().folder.path()).display().to_string()
}

fn path(folder: &Path) -> std::path::PathBuf {
    folder.join("authority.pem")
}

fn authorities() -> &'static Authorities {
    static AUTHORITIES: OnceLock<Authorities> = OnceLock::new();
    AUTHORITIES.get_or_init(|| {
        let (folder, trusted) = (tempfile::tempdir().expect("a folder"), Authority::root("Trusted"));
        fs::write(path(folder.path()), &trusted.pem).expect("a file");
        Authorities {
            folder,
            trusted,
            other: Authority::root("Other"),
        }
    })
}

impl Server {
    const ALL: [Self; 8] = [
        Self::Trusted,
        Self::Tls12,
        Self::ManyTickets,
        Self::WantsCertificate,
        Self::OtherName,
        Self::Expired,
        Self::SelfSigned,
        Self::OtherAuthority,
    ];

    /// Its configuration; made once, as what is done a hundred times is to cost what the library does.
    pub fn config(self) -> Arc<ServerConfig> {
        static CONFIGS: OnceLock<Vec<Arc<ServerConfig>>> = OnceLock::new();
        let configs = CONFIGS.get_or_init(|| Self::ALL.map(Self::make).to_vec());
        let place = Self::ALL.iter().position(|server| *server == self);
        Arc::clone(&configs[place.expect("one of all")])
    }

    fn identity(self) -> Identity {
        let Authorities { trusted, other, .. } = authorities();
        match self {
            Self::Trusted | Self::Tls12 | Self::ManyTickets | Self::WantsCertificate => trusted.issue(&[NAME]),
            Self::OtherName => trusted.issue(&["elsewhere.example"]),
            Self::Expired => trusted.issue_expired(&[NAME]),
            Self::SelfSigned => Identity::self_signed(&[NAME]),
            Self::OtherAuthority => other.issue(&[NAME]),
        }
    }

    fn make(self) -> Arc<ServerConfig> {
        let versions: &[&SupportedProtocolVersion] = match self {
            Self::Tls12 => &[&TLS12],
            _ => &[&TLS12, &TLS13],
        };
        let provider = Arc::new(default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .expect("versions");
        let builder = if self == Self::WantsCertificate {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates([certificate(&authorities().trusted.pem)]);
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().expect("a verifier"))
        } else {
            builder.with_no_client_auth()
        };
        let identity = self.identity();
        let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).expect("a key");
        let mut config = builder
            .with_single_cert(vec![certificate(&identity.certificate)], key)
            .expect("a certificate with its key");
        // What it remembers of each handshake would be taken for a leak.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        if self == Self::ManyTickets {
            config.ticketer = Ticketer::new().expect("a ticketer");
            config.send_tls13_tickets = 1000;
        }
        Arc::new(config)
    }
}

fn certificate(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate")
}
