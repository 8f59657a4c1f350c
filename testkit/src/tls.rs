//! Websockets of a server over TLS, with a certificate that nobody verifies.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, OnceLock};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};
use tokio_tungstenite::tungstenite::{WebSocket, accept_hdr};

use crate::server::agree;

/// Lines of a websocket client that accepts the certificate.
pub const UNVERIFIED: &str = "verify_server_cert = no\nverify_server_hostname = no";

/// A stream of either kind.
pub trait Stream: Read + Write + Send {
    fn tcp(&self) -> &TcpStream;
}

impl Stream for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Stream for StreamOwned<ServerConnection, TcpStream> {
    fn tcp(&self) -> &TcpStream {
        &self.sock
    }
}

/// Shakes hands where TLS is wanted, and upgrades. Nothing if the library has left meanwhile.
pub fn accept(tcp: TcpStream, tls: bool) -> Option<WebSocket<Box<dyn Stream>>> {
    let stream: Box<dyn Stream> = if tls {
        let session = ServerConnection::new(Arc::clone(config())).expect("a session");
        Box::new(StreamOwned::new(session, tcp))
    } else {
        Box::new(tcp)
    };
    accept_hdr(stream, agree).ok()
}

fn config() -> &'static Arc<ServerConfig> {
    static CONFIG: OnceLock<Arc<ServerConfig>> = OnceLock::new();
    CONFIG.get_or_init(|| {
        let names = ["127.0.0.1".to_owned()];
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).expect("a certificate");
        let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], PrivateKeyDer::Pkcs8(key));
        Arc::new(config.expect("a certificate with its key"))
    })
}
