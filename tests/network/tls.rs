//! TLS as servers speak it: whom the library trusts, and what it says when it does not.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use ariws::ffi::ARIWS_LOG_WARNING;
use ariws_testkit::{Call, Configuration, Connection, Host, Library};
use nix::mount::MsFlags;

use crate::certificates::{Authority, Identity};
use crate::network::{Network, configuration, mount_at, run};
use crate::terminators::{BOTH, Secure, Terminator, Versions};

/// Where most of the servers are.
const URI: &str = "wss://10.0.0.2/ari";

/// A configuration that trusts an authority.
fn trusting(secure: &Secure, uri: &str, authority: &str, more: &str) -> Configuration {
    let file = secure.network().file("authority.pem", authority);
    let more = format!("ca_list_file = {}\n{more}", file.display());
    configuration("persistent", uri, &more)
}

/// Connects; gives the connection as the application sees it.
fn accepted(secure: &Secure, configuration: &Configuration) -> Connection {
    let host = Host::new();
    let _library = Library::load(&host, configuration);
    let mut connection = secure.application.accept();
    connection.says(["ApplicationRegistered app1"]);
    connection
}

/// Does not connect; gives the reason that the log has.
fn refused(configuration: &Configuration) -> String {
    let host = Host::new();
    let _library = Library::load(&host, configuration);
    host.wait_for_log("no lasting connection")
}

fn assert_names(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "no {word} in: {text}");
    }
}

#[test]
fn a_certificate_of_a_trusted_authority_is_accepted() {
    for terminator in BOTH {
        let authority = Authority::root("Root");
        let secure = Secure::start(terminator, &authority.issue(&["10.0.0.2"]));
        accepted(&secure, &trusting(&secure, URI, &authority.pem, ""));
    }
}

#[test]
fn intermediate_certificates_that_the_server_sends_lead_to_the_root() {
    for terminator in BOTH {
        let root = Authority::root("Root");
        let issuing = root.intermediate("Policy").intermediate("Issuing");
        let secure = Secure::start(terminator, &issuing.issue(&["10.0.0.2"]));
        accepted(&secure, &trusting(&secure, URI, &root.pem, ""));
    }
}

#[test]
fn a_missing_intermediate_certificate_is_refused_and_ca_list_file_named() {
    for terminator in BOTH {
        let root = Authority::root("Root");
        let identity = root.intermediate("Issuing").issue(&["10.0.0.2"]);
        let secure = Secure::start(terminator, &identity.without_intermediates());
        let reason = refused(&trusting(&secure, URI, &root.pem, ""));
        assert_names(&reason, &["TLS: ", "ca_list_file"]);
    }
}

#[test]
fn an_intermediate_certificate_that_the_server_omits_may_be_in_the_list() {
    for terminator in BOTH {
        let root = Authority::root("Root");
        let issuing = root.intermediate("Issuing");
        let identity = issuing.issue(&["10.0.0.2"]).without_intermediates();
        let secure = Secure::start(terminator, &identity);
        let list = format!("{}{}", root.pem, issuing.pem);
        accepted(&secure, &trusting(&secure, URI, &list, ""));
    }
}

#[test]
fn an_unknown_authority_is_refused_and_ca_list_file_named() {
    for terminator in BOTH {
        let stranger = Authority::root("Stranger");
        let secure = Secure::start(terminator, &stranger.issue(&["10.0.0.2"]));
        let trusted = Authority::root("Root").pem;
        let reason = refused(&trusting(&secure, URI, &trusted, ""));
        assert_names(&reason, &["TLS: ", "ca_list_file"]);
    }
}

/// Makes it the one authority that the system trusts; gives the file.
fn trust_everywhere(secure: &Secure, authority: &Authority) -> PathBuf {
    let system = secure.network().folder().join("system");
    let file = system.join("ca-certificates.crt");
    fs::create_dir(&system).expect("a folder");
    fs::write(&file, &authority.pem).expect("a file");
    mount_at("/etc/ssl/certs", Some(&system), MsFlags::MS_BIND);
    file
}

#[test]
fn without_a_list_the_authorities_of_the_system_are_trusted() {
    let authority = Authority::root("Root");
    let secure = Secure::start(Terminator::Nginx, &authority.issue(&["10.0.0.2"]));
    trust_everywhere(&secure, &authority);
    accepted(&secure, &configuration("persistent", URI, ""));
}

#[test]
fn with_a_list_the_authorities_of_the_system_are_not_trusted() {
    let authority = Authority::root("Root");
    let secure = Secure::start(Terminator::Nginx, &authority.issue(&["10.0.0.2"]));
    trust_everywhere(&secure, &authority);
    let ours = Authority::root("Ours").pem;
    let reason = refused(&trusting(&secure, URI, &ours, ""));
    assert_names(&reason, &["TLS: ", "ca_list_file"]);
}

#[test]
fn a_self_signed_certificate_is_refused_and_ca_list_file_named() {
    for terminator in BOTH {
        let secure = Secure::start(terminator, &Identity::self_signed(&["10.0.0.2"]));
        let trusted = Authority::root("Root").pem;
        let reason = refused(&trusting(&secure, URI, &trusted, ""));
        assert_names(&reason, &["TLS: ", "ca_list_file"]);
    }
}

#[test]
fn an_expired_certificate_is_refused_and_the_reason_given() {
    for terminator in BOTH {
        let authority = Authority::root("Root");
        let secure = Secure::start(terminator, &authority.issue_expired(&["10.0.0.2"]));
        let reason = refused(&trusting(&secure, URI, &authority.pem, ""));
        assert_names(&reason, &["TLS: ", "expired", "verify_server_cert"]);
    }
}

#[test]
fn a_certificate_that_is_not_yet_valid_is_refused_and_the_reason_given() {
    for terminator in BOTH {
        let authority = Authority::root("Root");
        let secure = Secure::start(terminator, &authority.issue_not_yet_valid(&["10.0.0.2"]));
        let reason = refused(&trusting(&secure, URI, &authority.pem, ""));
        assert_names(&reason, &["TLS: ", "yet", "verify_server_cert"]);
    }
}

#[test]
fn a_certificate_for_another_name_is_refused_and_the_name_given() {
    for terminator in BOTH {
        let authority = Authority::root("Root");
        let identity = authority.issue(&["other.example.test"]);
        let secure = Secure::start(terminator, &identity);
        let reason = refused(&trusting(&secure, URI, &authority.pem, ""));
        let words = ["TLS: ", "other.example.test", "verify_server_hostname"];
        assert_names(&reason, &words);
    }
}

#[test]
fn without_verify_server_cert_an_expired_certificate_of_a_stranger_is_accepted() {
    for terminator in BOTH {
        let stranger = Authority::root("Stranger");
        let secure = Secure::start(terminator, &stranger.issue_expired(&["10.0.0.2"]));
        let more = "verify_server_cert = no";
        accepted(&secure, &configuration("persistent", URI, more));
    }
}

#[test]
fn without_verify_server_cert_another_name_is_still_refused() {
    let stranger = Authority::root("Stranger");
    let identity = stranger.issue(&["other.example.test"]);
    let _secure = Secure::start(Terminator::Nginx, &identity);
    let reason = refused(&configuration("persistent", URI, "verify_server_cert = no"));
    assert_names(&reason, &["TLS: ", "verify_server_hostname"]);
}

#[test]
fn without_verify_server_hostname_another_name_is_accepted() {
    for terminator in BOTH {
        let authority = Authority::root("Root");
        let identity = authority.issue(&["other.example.test"]);
        let secure = Secure::start(terminator, &identity);
        let more = "verify_server_hostname = no";
        accepted(&secure, &trusting(&secure, URI, &authority.pem, more));
    }
}

#[test]
fn without_verify_server_hostname_an_expired_certificate_is_still_refused() {
    let authority = Authority::root("Root");
    let identity = authority.issue_expired(&["other.example.test"]);
    let secure = Secure::start(Terminator::Nginx, &identity);
    let more = "verify_server_hostname = no";
    let reason = refused(&trusting(&secure, URI, &authority.pem, more));
    assert_names(&reason, &["TLS: ", "expired", "verify_server_cert"]);
}

/// A folder with the file of an authority that nobody uses, a key and a text beside that of the real one.
fn folder(network: &Network, name: &str, authority: &Authority) -> PathBuf {
    let folder = network.folder().join("authorities");
    let decoys = [
        ("another.pem", Authority::root("Another").pem),
        ("README", "Put certificates here.\n".to_owned()),
        ("server.key", authority.issue(&["x.example.test"]).key),
        (name, authority.pem.clone()),
    ];
    fs::create_dir(&folder).expect("a folder");
    for (name, contents) in decoys {
        fs::write(folder.join(name), contents).expect("a file");
    }
    folder
}

fn assert_trusts_folder(secure: &Secure, folder: &Path) {
    let more = format!("ca_list_path = {}", folder.display());
    accepted(secure, &configuration("persistent", URI, &more));
}

#[test]
fn a_folder_of_authorities_with_names_of_any_kind_is_trusted() {
    let authority = Authority::root("Root");
    let secure = Secure::start(Terminator::Nginx, &authority.issue(&["10.0.0.2"]));
    let folder = folder(secure.network(), "our-root.crt", &authority);
    assert_trusts_folder(&secure, &folder);
}

#[test]
fn a_folder_of_authorities_with_hashed_names_is_trusted() {
    let authority = Authority::root("Root");
    let secure = Secure::start(Terminator::HaProxy, &authority.issue(&["10.0.0.2"]));
    let folder = folder(secure.network(), "our-root.crt", &authority);
    let file = folder.join("our-root.crt");
    let path = file.to_str().expect("a path");
    let hash = run("openssl", &["x509", "-hash", "-noout", "-in", path]);
    fs::rename(path, folder.join(format!("{}.0", hash.trim()))).expect("a new name");
    assert_trusts_folder(&secure, &folder);
}

#[test]
fn a_folder_of_authorities_linked_by_openssl_is_trusted() {
    let authority = Authority::root("Root");
    let secure = Secure::start(Terminator::Nginx, &authority.issue(&["10.0.0.2"]));
    let folder = folder(secure.network(), "our-root.crt", &authority);
    run("openssl", &["rehash", folder.to_str().expect("a path")]);
    assert_trusts_folder(&secure, &folder);
}

/// A name of the far side, as the library finds it.
fn named(secure: &Secure, name: &str) {
    let line = format!("127.0.0.1 localhost\n10.0.0.2 {name}\n");
    secure.network().file("hosts", &line);
}

#[test]
fn the_name_of_the_uri_is_indicated_to_the_server() {
    for terminator in BOTH {
        let authority = Authority::root("Root");
        let identity = authority.issue(&["bots.example.test"]);
        let secure = Secure::start(terminator, &identity);
        named(&secure, "bots.example.test");
        let uri = "wss://bots.example.test/ari";
        let connection = accepted(&secure, &trusting(&secure, uri, &authority.pem, ""));
        let [_, _, _, name, ..] = connection.path.split('/').collect::<Vec<_>>()[..] else {
            panic!("not a path of the terminator's: {}", connection.path);
        };
        assert_eq!(name, "bots.example.test");
    }
}

#[test]
fn a_wildcard_stands_for_one_label() {
    let authority = Authority::root("Root");
    let secure = Secure::start(Terminator::Nginx, &authority.issue(&["*.example.test"]));
    named(&secure, "bots.example.test");
    let uri = "wss://bots.example.test/ari";
    accepted(&secure, &trusting(&secure, uri, &authority.pem, ""));
}

#[test]
fn a_wildcard_does_not_stand_for_two_labels() {
    let authority = Authority::root("Root");
    let secure = Secure::start(Terminator::Nginx, &authority.issue(&["*.example.test"]));
    named(&secure, "two.bots.example.test");
    let uri = "wss://two.bots.example.test/ari";
    let reason = refused(&trusting(&secure, uri, &authority.pem, ""));
    assert_names(&reason, &["TLS: ", "verify_server_hostname"]);
}

#[test]
fn addresses_of_both_families_are_names_like_others() {
    for (name, uri) in [("10.0.0.2", URI), ("fd00::2", "wss://[fd00::2]/ari")] {
        let authority = Authority::root("Root");
        let secure = Secure::start(Terminator::HaProxy, &authority.issue(&[name]));
        accepted(&secure, &trusting(&secure, uri, &authority.pem, ""));
    }
}

#[test]
fn the_newest_version_that_the_server_has_is_used() {
    let cases = [
        (Versions::Both, "TLSv1.3"),
        (Versions::Only12, "TLSv1.2"),
        (Versions::Only13, "TLSv1.3"),
    ];
    for terminator in BOTH {
        for (versions, expected) in cases {
            let authority = Authority::root("Root");
            let identity = authority.issue(&["10.0.0.2"]);
            let secure = Secure::with(terminator, &identity, versions, None);
            let connection = accepted(&secure, &trusting(&secure, URI, &authority.pem, ""));
            let version = connection.path.split('/').nth(1);
            assert_eq!(version, Some(expected), "{terminator:?} {versions:?}");
        }
    }
}

#[test]
fn a_server_below_tls_min_version_is_refused() {
    for terminator in BOTH {
        let authority = Authority::root("Root");
        let identity = authority.issue(&["10.0.0.2"]);
        let secure = Secure::with(terminator, &identity, Versions::Only12, None);
        let more = "tls_min_version = 1.3";
        let reason = refused(&trusting(&secure, URI, &authority.pem, more));
        assert_names(&reason, &["TLS: ", "ProtocolVersion"]);
    }
}

#[test]
fn tls_enabled_turns_ws_into_tls() {
    let authority = Authority::root("Root");
    let secure = Secure::start(Terminator::HaProxy, &authority.issue(&["10.0.0.2"]));
    let uri = "ws://10.0.0.2/ari";
    let more = "tls_enabled = yes";
    accepted(&secure, &trusting(&secure, uri, &authority.pem, more));
}

#[test]
fn a_refusal_tells_which_certificate_it_is_about() {
    let root = Authority::root("Root of ours");
    let other = Authority::root("Root of others");
    let cases = [
        (root.issue_expired(&["10.0.0.2"]), "CN=10.0.0.2"),
        (root.issue_not_yet_valid(&["10.0.0.2"]), "CN=10.0.0.2"),
        (root.issue(&["other.example.test"]), "CN=other.example.test"),
        (other.issue(&["10.0.0.2"]), "CN=Root of others"),
        (Identity::self_signed(&["10.0.0.2"]), "CN=10.0.0.2"),
    ];
    for (identity, certificate) in cases {
        let secure = Secure::start(Terminator::Nginx, &identity);
        let reason = refused(&trusting(&secure, URI, &root.pem, ""));
        assert_names(&reason, &["TLS: ", certificate]);
    }
}

#[test]
fn a_self_signed_certificate_that_is_in_the_list_is_accepted() {
    for terminator in BOTH {
        let identity = Identity::self_signed(&["10.0.0.2"]);
        let secure = Secure::start(terminator, &identity);
        accepted(&secure, &trusting(&secure, URI, &identity.certificate, ""));
    }
}

#[test]
fn a_self_signed_certificate_that_calls_itself_an_authority_is_accepted_from_the_list() {
    for terminator in BOTH {
        let identity = Identity::self_signed_authority(&["10.0.0.2"]);
        let secure = Secure::start(terminator, &identity);
        accepted(&secure, &trusting(&secure, URI, &identity.certificate, ""));
    }
}

#[test]
fn a_self_signed_certificate_that_is_in_the_list_must_have_the_name_all_the_same() {
    let identity = Identity::self_signed(&["other.example.test"]);
    let secure = Secure::start(Terminator::Nginx, &identity);
    let reason = refused(&trusting(&secure, URI, &identity.certificate, ""));
    assert_names(&reason, &["TLS: ", "verify_server_hostname"]);
}

#[test]
fn a_connection_without_verification_logs_one_warning() {
    for parameter in ["verify_server_cert", "verify_server_hostname"] {
        let authority = Authority::root("Root");
        let secure = Secure::start(Terminator::Nginx, &authority.issue(&["10.0.0.2"]));
        let more = format!("{parameter} = no");
        let configuration = trusting(&secure, URI, &authority.pem, &more);
        let host = Host::new();
        let _library = Library::load(&host, &configuration);
        secure.application.accept().says(["ApplicationRegistered app1"]);
        let warns = |call: &Call| matches!(call, Call::Log(ARIWS_LOG_WARNING, _, text) if text.contains(parameter));
        host.wait_for(warns);
    }
}

#[test]
fn an_authority_that_is_replaced_is_trusted_without_a_reload() {
    for terminator in BOTH {
        let (before, after) = (Authority::root("Before"), Authority::root("After"));
        let mut secure = Secure::start(terminator, &before.issue(&["10.0.0.2"]));
        let host = Host::new();
        let configuration = trusting(&secure, URI, &before.pem, "");
        let _library = Library::load(&host, &configuration);
        let mut first = secure.application.accept();
        first.says(["ApplicationRegistered app1"]);
        secure.network().file("authority.pem", &after.pem);
        secure.restart_with(&after.issue(&["10.0.0.2"]));
        let mut second = secure.application.accept();
        second.says(["ApplicationRegistered app1"]);
    }
}

#[test]
fn an_authority_of_the_system_that_is_replaced_is_trusted_without_a_reload() {
    let (before, after) = (Authority::root("Before"), Authority::root("After"));
    let secure = Secure::start(Terminator::Nginx, &after.issue(&["10.0.0.2"]));
    let file = trust_everywhere(&secure, &before);
    let host = Host::new();
    let _library = Library::load(&host, &configuration("persistent", URI, ""));
    let reason = host.wait_for_log("no lasting connection");
    assert_names(&reason, &["TLS: ", "leads to no authority that is trusted"]);
    fs::write(file, &after.pem).expect("a file");
    let mut connection = secure.application.accept();
    connection.says(["ApplicationRegistered app1"]);
}

#[test]
fn sessions_are_resumed_from_call_to_call() {
    for terminator in BOTH {
        for versions in [Versions::Only12, Versions::Only13] {
            let authority = Authority::root("Root");
            let identity = authority.issue(&["10.0.0.2"]);
            let secure = Secure::with(terminator, &identity, versions, None);
            let configuration = trusting(&secure, URI, &authority.pem, "").replacing("= persistent", "= per_call_config");
            let host = Host::new();
            let library = Library::load(&host, &configuration);
            let calls = ["1", "2"].map(|call| {
                let starting = library.stasis_start_async("app1", call, call);
                let mut connection = secure.application.accept();
                assert!(starting.recv().expect("an outcome").is_ok());
                connection.summary();
                connection
            });
            let handshakes = calls.each_ref().map(|call| call.path.split('/').nth(2));
            assert_eq!(handshakes, [Some("new"), Some("resumed")], "{terminator:?} {versions:?}");
        }
    }
}

#[test]
fn a_test_of_the_connection_shows_every_stage() {
    let authority = Authority::root("Root");
    let secure = Secure::start(Terminator::Nginx, &authority.issue(&["10.0.0.2"]));
    let configuration = trusting(&secure, URI, &authority.pem, "");
    let host = Host::new();
    let library = Library::load(&host, &configuration);
    let _running = secure.application.accept();
    let handle = library.handle();
    let testing = thread::spawn(move || handle.command("ari test outbound-websocket connection1"));
    drop(secure.application.accept());
    let (_, report) = testing.join().expect("a report");
    let words = ["connection1 works", "name ", "TCP ", "TLS 1.3", "CN=10.0.0.2", "upgrade "];
    assert_names(&report, &words);
}
