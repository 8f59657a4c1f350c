//! How much of a call's start a resumed TLS session saves: `stasis_start` through the C ABI to a server that hands out
//! tickets (RFC 8446 section 4.6.1), beside the same to one that does not, call by call in turn.

#[allow(dead_code, reason = "the tests use the rest of it")]
#[path = "../tests/support/mod.rs"]
mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use support::configuration::Configuration;
use support::host::Host;
use support::library::Library;

const CALLS: usize = 300;
/// The goal: what a resumed start may take of a full one.
const GOAL: f64 = 0.6;

/// A server's chain, leaf first, with its key, and the authority that it leads to.
struct Certificates {
    chain: Vec<CertificateDer<'static>>,
    key: KeyPair,
    authority: String,
}

impl Certificates {
    /// As a public authority issues them: ECDSA, with one intermediate certificate.
    fn new() -> Self {
        let authority = |name: &str| {
            let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params
        };
        let key = || KeyPair::generate().expect("a key");
        let root = CertifiedIssuer::self_signed(authority("root"), key()).expect("a root");
        let intermediate = CertifiedIssuer::signed_by(authority("intermediate"), key(), &root)
            .expect("an intermediate");
        let leaf_key = key();
        let leaf = CertificateParams::new(["127.0.0.1".to_owned()])
            .expect("an address")
            .signed_by(&leaf_key, &intermediate)
            .expect("a leaf");
        Self {
            chain: vec![leaf.der().clone(), intermediate.der().clone()],
            key: leaf_key,
            authority: root.pem(),
        }
    }

    fn server(&self, tickets: usize) -> Arc<ServerConfig> {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(self.chain.clone(), key)
            .expect("a chain with its key");
        config.send_tls13_tickets = tickets;
        Arc::new(config)
    }
}

/// Accepts websockets over TLS and reads them to their ends.
async fn serve(config: Arc<ServerConfig>, listener: TcpListener) {
    let acceptor = TlsAcceptor::from(config);
    while let Ok((tcp, _)) = listener.accept().await {
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            tcp.set_nodelay(true).expect("an option");
            let tls = acceptor.accept(tcp).await.expect("a handshake");
            let websocket = tokio_tungstenite::accept_async(tls).await;
            let mut websocket = websocket.expect("an upgrade");
            while websocket.next().await.is_some() {}
        });
    }
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn main() {
    let certificates = Certificates::new();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let start = |tickets| -> SocketAddr {
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"));
        let listener = listener.expect("a listener");
        let address = listener.local_addr().expect("its address");
        runtime.spawn(serve(certificates.server(tickets), listener));
        address
    };
    let authority = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(authority.path(), &certificates.authority).expect("a file");
    let more = format!(
        "tls_enabled = yes\nca_list_file = {}",
        authority.path().display()
    );
    let configuration = Configuration::empty()
        .connection("full", "per_call_config", start(0), "full", &more)
        .connection("resumed", "per_call_config", start(2), "resumed", &more)
        .replacing("protocols = ari\n", "");
    let host = Host::new();
    let library = Library::load(&host, &configuration);

    let call = |application: &str, number: usize| {
        let channel = format!("{application}-{number}");
        let began = Instant::now();
        let started = library.stasis_start(application, &channel, &channel);
        let took = began.elapsed();
        started.expect("a connection");
        took
    };
    let (mut full, mut resumed) = (Vec::new(), Vec::new());
    for number in 0..CALLS {
        full.push(call("full", number));
        resumed.push(call("resumed", number));
    }
    // The first call of each reads files, and has no ticket.
    let (full, resumed) = (median(&mut full[1..]), median(&mut resumed[1..]));
    let ratio = resumed.as_secs_f64() / full.as_secs_f64();
    println!(
        "stasis_start over TLS 1.3, median of {CALLS} calls, ECDSA P-256, one intermediate certificate"
    );
    println!("  full handshake    {:>7.0} µs", full.as_secs_f64() * 1e6);
    println!(
        "  resumed session   {:>7.0} µs",
        resumed.as_secs_f64() * 1e6
    );
    println!("  ratio             {ratio:>7.2}   (goal: under {GOAL})");
}
