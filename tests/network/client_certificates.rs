//! Servers that want to know who connects.

use std::fs;

use ariws_testkit::{Connection, Host, Library};

use crate::certificates::{Authority, Identity, KeyFile};
use crate::network::configuration;
use crate::terminators::{BOTH, Secure, Terminator, Versions};

const NAME: &str = "pbx.example.test";

/// A server that wants certificates of `clients`, and its own authority as a line of the configuration.
fn demanding(terminator: Terminator, versions: Versions, clients: &Authority) -> (Secure, String) {
    let authority = Authority::root("Servers");
    let identity = authority.issue(&["10.0.0.2"]);
    let secure = Secure::with(terminator, &identity, versions, Some(&clients.pem));
    let file = secure.network().file("authority.pem", &authority.pem);
    (secure, format!("ca_list_file = {}\n", file.display()))
}

/// Further lines of the configuration, with an identity in two files.
fn presenting(secure: &Secure, identity: &Identity) -> String {
    let certificate = secure.network().file("client.pem", &identity.chain());
    let key = secure.network().file("client.key", &identity.key);
    let (certificate, key) = (certificate.display(), key.display());
    format!("cert_file = {certificate}\npriv_key_file = {key}\n")
}

fn accepted(secure: &Secure, more: &str) -> Connection {
    let host = Host::new();
    let configuration = configuration("persistent", "wss://10.0.0.2/ari", more);
    let _library = Library::load(&host, &configuration);
    let mut connection = secure.application.accept();
    connection.says(["ApplicationRegistered app1"]);
    connection
}

fn refused(more: &str) -> String {
    let host = Host::new();
    let configuration = configuration("persistent", "wss://10.0.0.2/ari", more);
    let _library = Library::load(&host, &configuration);
    host.wait_for_log("no lasting connection")
}

/// Whom the server took the client for.
fn client(connection: &Connection) -> Option<&str> {
    connection.path.split('/').nth(4)
}

fn assert_is_presented(generate: &[&str], convert: &[&str], heading: &str) {
    for terminator in BOTH {
        for versions in [Versions::Only12, Versions::Only13] {
            let clients = Authority::root("Clients");
            let (secure, more) = demanding(terminator, versions, &clients);
            let key = KeyFile::make(secure.network(), generate, convert);
            let text = fs::read_to_string(&key.path).expect("the key");
            assert!(text.contains(heading), "not {heading}: {text}");
            let identity = clients.certify(&[NAME], &key.pair);
            let presented = presenting(&secure, &identity).replace(
                "client.key",
                key.path.file_name().and_then(|name| name.to_str()).expect("a name"),
            );
            let connection = accepted(&secure, &(more + &presented));
            assert_eq!(client(&connection), Some(NAME));
        }
    }
}

const PKCS8: &[&str] = &["pkcs8", "-topk8", "-nocrypt"];
const RSA: &[&str] = &["genpkey", "-algorithm", "rsa"];
const P256: &[&str] = &["ecparam", "-name", "prime256v1", "-genkey", "-noout"];
const P384: &[&str] = &["ecparam", "-name", "secp384r1", "-genkey", "-noout"];

#[test]
fn an_rsa_key_in_pkcs1_is_presented() {
    assert_is_presented(RSA, &["rsa", "-traditional"], "BEGIN RSA PRIVATE KEY");
}

#[test]
fn an_rsa_key_in_pkcs8_is_presented() {
    assert_is_presented(RSA, PKCS8, "BEGIN PRIVATE KEY");
}

#[test]
fn an_ec_key_in_sec1_is_presented() {
    assert_is_presented(P256, &["ec"], "BEGIN EC PRIVATE KEY");
}

#[test]
fn an_ec_key_in_pkcs8_is_presented() {
    assert_is_presented(P384, PKCS8, "BEGIN PRIVATE KEY");
}

#[test]
fn an_ed25519_key_is_presented() {
    let generate = ["genpkey", "-algorithm", "ed25519"];
    assert_is_presented(&generate, PKCS8, "BEGIN PRIVATE KEY");
}

#[test]
fn certificate_and_key_may_be_in_one_file() {
    for terminator in BOTH {
        let clients = Authority::root("Clients");
        let (secure, more) = demanding(terminator, Versions::Both, &clients);
        let identity = clients.issue(&[NAME]);
        let both = format!("{}{}", identity.key, identity.chain());
        let file = secure.network().file("client.pem", &both);
        let more = format!("{more}cert_file = {}", file.display());
        assert_eq!(client(&accepted(&secure, &more)), Some(NAME));
    }
}

#[test]
fn intermediate_certificates_of_the_client_are_presented_with_it() {
    for terminator in BOTH {
        let clients = Authority::root("Clients");
        let (secure, more) = demanding(terminator, Versions::Both, &clients);
        let identity = clients.intermediate("Branch").issue(&[NAME]);
        let more = more + &presenting(&secure, &identity);
        assert_eq!(client(&accepted(&secure, &more)), Some(NAME));
    }
}

#[test]
fn a_server_that_wants_a_certificate_and_gets_none_refuses_and_says_so() {
    let clients = Authority::root("Clients");
    let (_secure, more) = demanding(Terminator::Nginx, Versions::Both, &clients);
    let reason = refused(&more);
    assert!(reason.contains("the server answered 400"), "{reason}");
}

#[test]
fn an_alert_for_a_missing_certificate_names_cert_file() {
    let clients = Authority::root("Clients");
    let (_secure, more) = demanding(Terminator::HaProxy, Versions::Only12, &clients);
    let reason = refused(&more);
    assert!(reason.contains("TLS: "), "{reason}");
    assert!(reason.contains("cert_file"), "{reason}");
}

#[test]
fn an_alert_for_a_certificate_of_a_stranger_names_cert_file() {
    let clients = Authority::root("Clients");
    let (secure, more) = demanding(Terminator::HaProxy, Versions::Only12, &clients);
    let stranger = Authority::root("Stranger").issue(&[NAME]);
    let reason = refused(&(more + &presenting(&secure, &stranger)));
    assert!(reason.contains("TLS: "), "{reason}");
    assert!(reason.contains("cert_file"), "{reason}");
}

#[test]
fn a_certificate_of_a_stranger_is_refused_by_http_too() {
    let clients = Authority::root("Clients");
    let (secure, more) = demanding(Terminator::Nginx, Versions::Both, &clients);
    let stranger = Authority::root("Stranger").issue(&[NAME]);
    let reason = refused(&(more + &presenting(&secure, &stranger)));
    assert!(reason.contains("the server answered 400"), "{reason}");
}

#[test]
fn a_key_of_another_certificate_is_named() {
    let clients = Authority::root("Clients");
    let (secure, more) = demanding(Terminator::Nginx, Versions::Both, &clients);
    let mut identity = clients.issue(&[NAME]);
    identity.key = clients.issue(&[NAME]).key;
    let reason = refused(&(more + &presenting(&secure, &identity)));
    assert!(reason.contains("priv_key_file"), "{reason}");
}

#[test]
fn an_alert_that_comes_after_the_handshake_names_cert_file_too() {
    // With TLS 1.3 a server judges the client when the client is done already.
    let clients = Authority::root("Clients");
    let (_secure, more) = demanding(Terminator::HaProxy, Versions::Only13, &clients);
    let reason = refused(&more);
    assert!(reason.contains("cert_file"), "{reason}");
}

#[test]
fn a_renewed_certificate_is_presented_without_a_reload() {
    for terminator in BOTH {
        let clients = Authority::root("Clients");
        let (secure, more) = demanding(terminator, Versions::Both, &clients);
        let stale = clients.issue(&["stale.example.test"]);
        let more = more + &presenting(&secure, &stale);
        let host = Host::new();
        let configuration = configuration("persistent", "wss://10.0.0.2/ari", &more);
        let _library = Library::load(&host, &configuration);
        let first = secure.application.accept();
        assert_eq!(client(&first), Some("stale.example.test"));
        presenting(&secure, &clients.issue(&["renewed.example.test"]));
        first.finish();
        let second = secure.application.accept();
        assert_eq!(client(&second), Some("renewed.example.test"));
    }
}
