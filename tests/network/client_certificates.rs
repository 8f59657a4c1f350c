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

#[test]
fn keys_of_every_kind_are_presented() {
    let pkcs8: &[&str] = &["pkcs8", "-topk8", "-nocrypt"];
    let rsa: &[&str] = &["genpkey", "-algorithm", "rsa"];
    let ed25519: &[&str] = &["genpkey", "-algorithm", "ed25519"];
    let [p256, p384] = ["prime256v1", "secp384r1"].map(|curve| ["ecparam", "-name", curve, "-genkey", "-noout"]);
    for (generate, convert, heading) in [
        (rsa, &["rsa", "-traditional"][..], "BEGIN RSA PRIVATE KEY"),
        (rsa, pkcs8, "BEGIN PRIVATE KEY"),
        (&p256, &["ec"], "BEGIN EC PRIVATE KEY"),
        (&p384, pkcs8, "BEGIN PRIVATE KEY"),
        (ed25519, pkcs8, "BEGIN PRIVATE KEY"),
    ] {
        for terminator in BOTH {
            for versions in [Versions::Only12, Versions::Only13] {
                assert_is_presented(terminator, versions, generate, convert, heading);
            }
        }
    }
}

fn assert_is_presented(terminator: Terminator, versions: Versions, generate: &[&str], convert: &[&str], heading: &str) {
    let clients = Authority::root("Clients");
    let (secure, more) = demanding(terminator, versions, &clients);
    let key = KeyFile::make(secure.network(), generate, convert);
    let text = fs::read_to_string(&key.path).expect("the key");
    assert!(text.contains(heading), "not {heading}: {text}");
    let presented = presenting(&secure, &clients.certify(&[NAME], &key.pair));
    let connection = accepted(&secure, &(more + &presented.replace("client.key", "converted")));
    assert_eq!(client(&connection), Some(NAME), "{generate:?} {convert:?}");
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
fn a_client_without_a_certificate_or_with_a_strangers_is_told_what_the_server_says() {
    for (terminator, versions, word) in [
        (Terminator::Nginx, Versions::Both, "the server answered 400"),
        (Terminator::HaProxy, Versions::Only12, "cert_file"),
        // With TLS 1.3 a server judges the client when the client is done already.
        (Terminator::HaProxy, Versions::Only13, "cert_file"),
    ] {
        let clients = Authority::root("Clients");
        let (secure, more) = demanding(terminator, versions, &clients);
        let stranger = Authority::root("Stranger").issue(&[NAME]);
        for presented in ["", &presenting(&secure, &stranger)] {
            let reason = refused(&format!("{more}{presented}"));
            assert!(reason.contains(word), "{reason}");
        }
    }
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
