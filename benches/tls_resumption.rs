//! How much of a call's start a resumed TLS session saves: `stasis_start` through the C ABI to a server that hands out
//! tickets (RFC 8446 section 4.6.1) and takes them, beside the same to one that has forgotten them, call by call in turn.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ariws_testkit::{Configuration, Host, Library};
use futures_util::StreamExt;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, PKCS_ECDSA_P384_SHA384};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::{ServerSessionMemoryCache, StoresServerSessions};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

const CALLS: usize = 300;
/// The goal: what a resumed start may take of a full one.
const GOAL: f64 = 0.6;

/// How certificates are signed.
#[derive(Clone, Copy)]
enum Keys {
    /// The cheapest to verify.
    P256,
    /// As Let's Encrypt issues them.
    P256BelowP384,
    /// As private authorities made with openssl(1) do, and other public ones.
    Rsa2048,
}

impl Keys {
    fn as_str(self) -> &'static str {
        match self {
            Self::P256 => "ECDSA P-256 only",
            Self::P256BelowP384 => "ECDSA P-256, authorities P-384",
            Self::Rsa2048 => "RSA 2048 only",
        }
    }

    fn authority(self) -> KeyPair {
        match self {
            Self::P256 => KeyPair::generate().expect("a key"),
            Self::P256BelowP384 => KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).expect("a key"),
            Self::Rsa2048 => rsa(),
        }
    }

    fn leaf(self) -> KeyPair {
        match self {
            Self::P256 | Self::P256BelowP384 => KeyPair::generate().expect("a key"),
            Self::Rsa2048 => rsa(),
        }
    }
}

/// ring makes no RSA keys.
fn rsa() -> KeyPair {
    let arguments = ["genpkey", "-quiet", "-algorithm", "rsa", "-pkeyopt", "rsa_keygen_bits:2048"];
    let made = Command::new("openssl").args(arguments).output();
    let pem = String::from_utf8(made.expect("openssl").stdout).expect("PEM");
    KeyPair::from_pem(&pem).expect("a key")
}

/// A server's chain, leaf first, with its key, and the authority that it leads to.
struct Certificates {
    chain: Vec<CertificateDer<'static>>,
    key: KeyPair,
    authority: String,
}

impl Certificates {
    /// As public authorities issue them: with one intermediate certificate.
    fn new(keys: Keys) -> Self {
        let authority = |name: &str| {
            let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params
        };
        let root = CertifiedIssuer::self_signed(authority("root"), keys.authority());
        let root = root.expect("a root");
        let intermediate =
            CertifiedIssuer::signed_by(authority("intermediate"), keys.authority(), &root).expect("an intermediate");
        let leaf_key = keys.leaf();
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

    fn server(&self, sessions: Arc<dyn StoresServerSessions>) -> Arc<ServerConfig> {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(self.chain.clone(), key)
            .expect("a chain with its key");
        config.session_storage = sessions;
        Arc::new(config)
    }
}

/// Sessions that cannot be resumed, though their tickets were handed out, which costs a server time too.
#[derive(Debug)]
struct Forgotten;

impl StoresServerSessions for Forgotten {
    fn put(&self, _key: Vec<u8>, _value: Vec<u8>) -> bool {
        true
    }

    fn get(&self, _key: &[u8]) -> Option<Vec<u8>> {
        None
    }

    fn take(&self, _key: &[u8]) -> Option<Vec<u8>> {
        None
    }

    fn can_cache(&self) -> bool {
        true
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
            // The usual 128 KiB for each connection would be most of what is measured.
            let buffers = WebSocketConfig::default().read_buffer_size(4096);
            let websocket = tokio_tungstenite::accept_async_with_config(tls, Some(buffers)).await;
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
    println!("stasis_start over TLS 1.3 with one intermediate certificate, medians of {CALLS} calls, µs");
    println!(
        "  {:<32}{:>8}{:>10}{:>8}   (goal: under {GOAL})",
        "certificates", "full", "resumed", "ratio"
    );
    for keys in [Keys::P256, Keys::P256BelowP384, Keys::Rsa2048] {
        let (full, resumed) = measure(&Certificates::new(keys));
        let [full, resumed] = [full, resumed].map(|time| time.as_secs_f64() * 1e6);
        let ratio = resumed / full;
        println!("  {:<32}{full:>8.0}{resumed:>10.0}{ratio:>8.2}", keys.as_str());
    }
}

/// Medians of calls with a full handshake, and with a session that is resumed.
fn measure(certificates: &Certificates) -> (Duration, Duration) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let start = |sessions: Arc<dyn StoresServerSessions>| -> SocketAddr {
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"));
        let listener = listener.expect("a listener");
        let address = listener.local_addr().expect("its address");
        runtime.spawn(serve(certificates.server(sessions), listener));
        address
    };
    let authority = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(authority.path(), &certificates.authority).expect("a file");
    let more = format!("tls_enabled = yes\nca_list_file = {}", authority.path().display());
    let configuration = Configuration::empty()
        .connection("full", "per_call_config", start(Arc::new(Forgotten)), "full", &more)
        .connection(
            "resumed",
            "per_call_config",
            start(ServerSessionMemoryCache::new(256)),
            "resumed",
            &more,
        )
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
    (median(&mut full[1..]), median(&mut resumed[1..]))
}
