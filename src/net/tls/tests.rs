//! What is verified, and what operators are told.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, SanType,
    date_time_ymd,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::TlsContext;
use crate::config::{self, AUTHORITIES_SIZE, Client, IDENTITY_SIZE};
use crate::threads::Blocking;

const DEADLINE: Duration = Duration::from_secs(20);

/// A folder with the files of a connection, and its websocket client.
struct Setting {
    folder: tempfile::TempDir,
}

impl Setting {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).expect("a file");
    }

    /// A websocket client for `wss://localhost`; `$` in `more` stands for the folder.
    fn client(&self, more: &str) -> Client {
        self.write("ari.conf", "");
        let more = more.replace('$', &self.path().display().to_string());
        self.write(
            "websocket_client.conf",
            &format!("[c]\ntype=websocket_client\nuri=wss://localhost\nconnection_type=persistent\n{more}"),
        );
        let reading = config::read(self.path(), None).expect("a configuration");
        Client::clone(&reading.config.clients["c"])
    }
}

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("a certificate"))
    }

    fn issue(&self, change: impl FnOnce(&mut CertificateParams)) -> Server {
        let mut params = leaf();
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        Server::new(certificate.der().clone(), &key)
    }
}

fn leaf() -> CertificateParams {
    let mut params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
    params.distinguished_name.push(DnType::CommonName, "server");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

fn named_otherwise(params: &mut CertificateParams) {
    let other = "other.example".try_into().expect("a name");
    params.subject_alt_names = vec![SanType::DnsName(other)];
}

/// A server's TLS, over a certificate.
struct Server(Arc<ServerConfig>);

impl Server {
    fn new(certificate: CertificateDer<'static>, key: &KeyPair) -> Self {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .expect("a certificate with its key");
        Self(Arc::new(config))
    }

    /// What the client says of a handshake.
    async fn meet(&self, context: &TlsContext, client: &Client) -> Result<String, String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let address = listener.local_addr().expect("its address");
        let acceptor = TlsAcceptor::from(Arc::clone(&self.0));
        let server = tokio::spawn(async move {
            let (tcp, _) = listener.accept().await.expect("a client");
            // A client that refuses ends it.
            if let Ok(mut tls) = acceptor.accept(tcp).await {
                // Brings the client its tickets.
                let _ = tokio::io::AsyncWriteExt::write_all(&mut tls, b"x").await;
                let _ = tokio::io::AsyncReadExt::read(&mut tls, &mut [0]).await;
            }
        });
        let tcp = TcpStream::connect(address).await.expect("a server");
        let met = match context
            .prepare(client, &Blocking::default())
            .handshake(tcp, "localhost")
            .await
        {
            Ok(mut stream) => {
                tokio::io::AsyncReadExt::read_exact(&mut stream, &mut [0])
                    .await
                    .expect("a byte");
                Ok(super::describe(&stream, client))
            }
            Err(error) => Err(error.cause),
        };
        server.await.expect("the server ends");
        met
    }
}

/// What an operator is told who trusts `authority` and meets `server`.
async fn refusal(authority: &Authority, server: &Server) -> String {
    let setting = Setting::new();
    setting.write("ca.pem", &authority.0.pem());
    let client = setting.client("ca_list_file=$/ca.pem");
    let met = server.meet(&TlsContext::default(), &client).await;
    met.expect_err("a refusal")
}

#[tokio::test]
async fn an_expired_certificate_is_named_with_its_dates() {
    let authority = Authority::new("authority");
    let server = authority.issue(|params| {
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(2020, 1, 1);
    });
    assert_eq!(
        refusal(&authority, &server).await,
        "the certificate \"CN=server\" (issued by \"CN=authority\", valid from 2019-01-01T00:00:00Z to \
         2020-01-01T00:00:00Z) has expired (verify_server_cert)"
    );
}

#[tokio::test]
async fn a_certificate_of_the_future_is_a_matter_of_clocks() {
    let authority = Authority::new("authority");
    let server = authority.issue(|params| params.not_before = date_time_ymd(4000, 1, 1));
    let text = refusal(&authority, &server).await;
    assert!(text.contains("is not valid yet: check the clocks"), "{text}");
}

#[tokio::test]
async fn a_certificate_for_another_name_says_for_which() {
    let authority = Authority::new("authority");
    let server = authority.issue(named_otherwise);
    let text = refusal(&authority, &server).await;
    assert!(text.contains("other.example"), "{text}");
    assert!(text.ends_with("(uri, verify_server_hostname)"), "{text}");
}

#[tokio::test]
async fn a_chain_without_its_intermediate_certificate_says_so() {
    let server = Authority::new("somebody").issue(|_| ());
    let text = refusal(&Authority::new("authority"), &server).await;
    assert!(text.contains("(issued by \"CN=somebody\""), "{text}");
    assert!(
        text.ends_with(
            "leads to no authority that is trusted; the server sent no intermediate certificate \
             (ca_list_file, ca_list_path)"
        ),
        "{text}"
    );
}

#[tokio::test]
async fn a_self_signed_certificate_is_told_from_one_of_an_unknown_authority() {
    let key = KeyPair::generate().expect("a key");
    let certificate = leaf().self_signed(&key).expect("a certificate");
    let server = Server::new(certificate.der().clone(), &key);
    let text = refusal(&Authority::new("authority"), &server).await;
    assert!(
        text.contains("is self-signed; to trust it, put it into ca_list_file"),
        "{text}"
    );
}

#[tokio::test]
async fn a_certificate_that_is_its_own_authority_is_trusted_if_it_is_named() {
    let shown = appliance(|_| {});
    let met = met(&shown.0, &shown, "").await;
    assert!(met.is_ok(), "{met:?}");
}

/// A certificate that is its own authority, and its key.
fn appliance(change: impl FnOnce(&mut CertificateParams)) -> (Certificate, KeyPair) {
    let mut params = leaf();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    change(&mut params);
    let key = KeyPair::generate().expect("a key");
    (params.self_signed(&key).expect("a certificate"), key)
}

/// What comes of a server that shows one of them, where `trusted` is named, with more parameters.
async fn met(trusted: &Certificate, (shown, key): &(Certificate, KeyPair), more: &str) -> Result<String, String> {
    let server = Server::new(shown.der().clone(), key);
    let setting = Setting::new();
    setting.write("ca.pem", &trusted.pem());
    let client = setting.client(&format!("ca_list_file=$/ca.pem{more}"));
    server.meet(&TlsContext::default(), &client).await
}

/// What an operator is told who trusts the very certificate that the server shows, which is its own authority.
async fn refusal_of_its_own(change: impl FnOnce(&mut CertificateParams)) -> String {
    let shown = appliance(change);
    met(&shown.0, &shown, "").await.expect_err("a refusal")
}

#[tokio::test]
async fn a_certificate_that_only_looks_like_the_trusted_one_is_refused() {
    let (trusted, _) = appliance(|_| {});
    let refused = met(&trusted, &appliance(|_| {}), "").await;
    assert!(refused.is_err(), "{refused:?}");
}

#[tokio::test]
async fn its_own_authority_may_have_another_name_where_names_do_not_count() {
    let shown = appliance(named_otherwise);
    let met = met(&shown.0, &shown, "\nverify_server_hostname=no").await;
    assert!(met.is_ok(), "{met:?}");
}

#[tokio::test]
async fn being_its_own_authority_is_no_way_around_the_dates() {
    let text = refusal_of_its_own(|params| params.not_after = date_time_ymd(2020, 1, 1)).await;
    assert!(text.contains("has expired"), "{text}");
}

#[tokio::test]
async fn being_its_own_authority_is_no_way_around_the_name() {
    let text = refusal_of_its_own(named_otherwise).await;
    assert!(text.contains("is for another name"), "{text}");
}

#[tokio::test]
async fn a_file_that_was_replaced_is_read_again() {
    let (first, second) = (Authority::new("first"), Authority::new("second"));
    let setting = Setting::new();
    setting.write("ca.pem", &first.0.pem());
    let client = setting.client("ca_list_file=$/ca.pem");
    let context = TlsContext::default();
    let server = second.issue(|_| ());
    assert!(server.meet(&context, &client).await.is_err());
    setting.write("ca.pem", &format!("{}\n", second.0.pem()));
    assert!(server.meet(&context, &client).await.is_ok());
}

#[tokio::test]
async fn a_file_that_cannot_be_read_any_more_changes_nothing() {
    let authority = Authority::new("authority");
    let setting = Setting::new();
    setting.write("ca.pem", &authority.0.pem());
    let client = setting.client("ca_list_file=$/ca.pem");
    let context = TlsContext::default();
    let server = authority.issue(|_| ());
    assert!(server.meet(&context, &client).await.is_ok());
    setting.write("ca.pem", "half a cert");
    assert!(server.meet(&context, &client).await.is_ok());
}

/// What an operator is told whose parameters of TLS are these; `$` stands for the folder.
async fn unusable(setting: &Setting, parameters: &str) -> String {
    let server = Authority::new("authority").issue(|_| ());
    let client = setting.client(parameters);
    let context = TlsContext::default();
    let met = server.meet(&context, &client);
    let met = tokio::time::timeout(DEADLINE, met).await;
    met.expect("in time").expect_err("a refusal")
}

#[tokio::test]
async fn devices_and_pipes_are_not_read() {
    let setting = Setting::new();
    mkfifo(&setting.path().join("pipe"), Mode::S_IRWXU).expect("a pipe");
    for file in ["/dev/zero", "$/pipe"] {
        for parameters in ["ca_list_file=", "verify_server_cert=no\ncert_file="] {
            let text = unusable(&setting, &format!("{parameters}{file}")).await;
            assert!(text.ends_with(": it is not a regular file"), "{text}");
        }
    }
}

#[tokio::test]
async fn devices_and_pipes_among_authorities_are_passed_over() {
    let authority = Authority::new("authority");
    let setting = Setting::new();
    setting.write("ca.pem", &authority.0.pem());
    mkfifo(&setting.path().join("pipe"), Mode::S_IRWXU).expect("a pipe");
    symlink("/dev/zero", setting.path().join("zero")).expect("a link");
    let client = setting.client("ca_list_path=$");
    let (context, server) = (TlsContext::default(), authority.issue(|_| ()));
    let met = tokio::time::timeout(DEADLINE, server.meet(&context, &client)).await;
    assert!(met.expect("in time").is_ok());
}

#[tokio::test]
async fn files_that_are_too_large_are_not_read() {
    let setting = Setting::new();
    let path = setting.path().join("large");
    let file = std::fs::File::create(&path).expect("a file");
    file.set_len(1 << 40).expect("a file with holes");
    for (parameters, limit) in [
        ("ca_list_file=$/large", AUTHORITIES_SIZE),
        ("verify_server_cert=no\ncert_file=$/large", IDENTITY_SIZE),
    ] {
        let text = unusable(&setting, parameters).await;
        let expected = format!("it is too large, at most {limit} bytes are read");
        assert!(text.ends_with(&expected), "{text}");
    }
}

#[tokio::test]
async fn a_folder_with_too_much_is_refused() {
    let setting = Setting::new();
    let half = usize::try_from(AUTHORITIES_SIZE / 2 + 1).expect("a length");
    for name in ["one", "two"] {
        setting.write(name, &"x".repeat(half));
    }
    let text = unusable(&setting, "ca_list_path=$").await;
    let expected = format!("its files are too large, at most {AUTHORITIES_SIZE} bytes are read");
    assert!(text.ends_with(&expected), "{text}");
}

#[tokio::test]
async fn what_was_refused_is_read_again_when_it_has_changed_and_not_before() {
    let authority = Authority::new("authority");
    let setting = Setting::new();
    setting.write("ca.pem", "no certificate");
    let client = setting.client("ca_list_file=$/ca.pem");
    let watch = Inotify::init(InitFlags::IN_NONBLOCK).expect("a watch");
    watch
        .add_watch(&setting.path().join("ca.pem"), AddWatchFlags::IN_OPEN)
        .expect("a watch");
    let was_read = || watch.read_events().is_ok();
    let (context, server) = (TlsContext::default(), authority.issue(|_| ()));
    let refused = server.meet(&context, &client).await;
    assert!(refused.is_err_and(|text| text.ends_with("it holds no certificate")) && was_read());
    let refused = server.meet(&context, &client).await;
    assert!(refused.is_err_and(|text| text.ends_with("it holds no certificate")) && !was_read());
    setting.write("ca.pem", &authority.0.pem());
    assert!(was_read());
    assert!(server.meet(&context, &client).await.is_ok() && was_read());
    setting.write("ca.pem", "half a cert");
    assert!(was_read());
    assert!(server.meet(&context, &client).await.is_ok() && was_read());
    assert!(server.meet(&context, &client).await.is_ok() && !was_read());
}

#[tokio::test]
async fn attempts_that_are_over_do_not_wait_for_a_slow_disk() {
    let client = Setting::new().client("");
    let context = TlsContext::default();
    let held = Arc::clone(&context.0).lock_owned().await;
    let users = || Arc::strong_count(&context.0);
    let before = users();
    for _ in 0..100 {
        drop(context.prepare(&client, &Blocking::default()));
    }
    let ended = async {
        while users() > before {
            tokio::task::yield_now().await;
        }
    };
    let ended = tokio::time::timeout(DEADLINE, ended).await;
    drop(held);
    assert!(ended.is_ok(), "{} of them wait", users() - before);
}

#[tokio::test]
async fn a_file_that_is_missing_is_looked_for_again() {
    let authority = Authority::new("authority");
    let setting = Setting::new();
    let client = setting.client("ca_list_file=$/ca.pem");
    let (context, server) = (TlsContext::default(), authority.issue(|_| ()));
    assert!(server.meet(&context, &client).await.is_err());
    setting.write("ca.pem", &authority.0.pem());
    assert!(server.meet(&context, &client).await.is_ok());
}

#[tokio::test]
async fn the_second_connection_resumes_the_session_of_the_first() {
    let authority = Authority::new("authority");
    let setting = Setting::new();
    setting.write("ca.pem", &authority.0.pem());
    let client = setting.client("ca_list_file=$/ca.pem");
    let (context, server) = (TlsContext::default(), authority.issue(|_| ()));
    let first = server.meet(&context, &client).await.expect("a handshake");
    let second = server.meet(&context, &client).await.expect("a handshake");
    assert!(!first.contains("session resumed"), "{first}");
    assert!(second.contains("session resumed"), "{second}");
}

#[tokio::test]
async fn no_cryptography_is_installed_for_the_whole_process() {
    let authority = Authority::new("authority");
    let setting = Setting::new();
    setting.write("ca.pem", &authority.0.pem());
    let client = setting.client("ca_list_file=$/ca.pem");
    let server = authority.issue(|_| ());
    let met = server.meet(&TlsContext::default(), &client).await;
    assert!(met.is_ok(), "{met:?}");
    assert!(CryptoProvider::get_default().is_none());
}

#[tokio::test]
async fn an_answer_that_is_not_tls_says_so() {
    use tokio::io::AsyncWriteExt;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let address = listener.local_addr().expect("its address");
    let server = tokio::spawn(async move {
        let (mut tcp, _) = listener.accept().await.expect("a client");
        let answer = b"HTTP/1.1 400 Bad Request\r\n\r\n";
        tcp.write_all(answer).await.expect("room");
        tokio::time::timeout(Duration::from_secs(10), tcp.readable())
            .await
            .expect("in time")
            .expect("a stream");
    });
    let client = Setting::new().client("verify_server_cert=no");
    let tcp = TcpStream::connect(address).await.expect("a server");
    let met = TlsContext::default()
        .prepare(&client, &Blocking::default())
        .handshake(tcp, "localhost")
        .await;
    let text = met.expect_err("a refusal").cause;
    assert!(text.contains("is not TLS"), "{text}");
    server.await.expect("the server ends");
}
