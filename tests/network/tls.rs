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

/// What most certificates are for, and what those are for that belong to somebody else.
const ADDRESS: &[&str] = &["10.0.0.2"];
const ANOTHER: &[&str] = &["other.example.test"];

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

/// Servers with this identity are accepted by who trusts an authority and has further lines.
fn assert_accepted(terminators: &[Terminator], identity: &Identity, authority: &str, more: &str) {
    for terminator in terminators {
        let secure = Secure::start(*terminator, identity);
        accepted(&secure, &trusting(&secure, URI, authority, more));
    }
}

/// They are refused, and the reason has these words.
fn assert_refused(terminators: &[Terminator], identity: &Identity, authority: &str, more: &str, words: &[&str]) {
    for terminator in terminators {
        let secure = Secure::start(*terminator, identity);
        let reason = refused(&trusting(&secure, URI, authority, more));
        assert_names(&reason, &["TLS: "]);
        assert_names(&reason, words);
    }
}

#[test]
fn a_certificate_that_leads_to_the_list_is_accepted() {
    let root = Authority::root("Root");
    let issuing = root.intermediate("Policy").intermediate("Issuing");
    let omitted = root.intermediate("Omitted");
    let signed = Identity::self_signed(ADDRESS);
    let authority = Identity::self_signed_authority(ADDRESS);
    for (identity, list) in [
        (root.issue(ADDRESS), &root.pem),
        (issuing.issue(ADDRESS), &root.pem),
        (
            omitted.issue(ADDRESS).without_intermediates(),
            &format!("{}{}", root.pem, omitted.pem),
        ),
        (signed.clone(), &signed.certificate),
        (authority.clone(), &authority.certificate),
    ] {
        assert_accepted(&BOTH, &identity, list, "");
    }
}

#[test]
fn a_refusal_tells_the_reason_the_certificate_and_the_parameter() {
    let (root, other) = (Authority::root("Root of ours"), Authority::root("Root of others"));
    let cases: [(Identity, &[&str]); 6] = [
        (root.issue_expired(ADDRESS), &["CN=10.0.0.2", "expired", "verify_server_cert"]),
        (
            root.issue_not_yet_valid(ADDRESS),
            &["CN=10.0.0.2", "yet", "verify_server_cert"],
        ),
        (root.issue(ANOTHER), &["CN=other.example.test", "verify_server_hostname"]),
        (other.issue(ADDRESS), &["CN=Root of others", "ca_list_file"]),
        (Identity::self_signed(ADDRESS), &["CN=10.0.0.2", "ca_list_file"]),
        (
            root.intermediate("Issuing").issue(ADDRESS).without_intermediates(),
            &["ca_list_file"],
        ),
    ];
    for (identity, words) in cases {
        assert_refused(&BOTH, &identity, &root.pem, "", words);
    }
}

#[test]
fn without_verify_server_cert_the_certificate_of_a_stranger_is_accepted_if_it_has_the_name() {
    let stranger = Authority::root("Stranger");
    let unverified = configuration("persistent", URI, "verify_server_cert = no");
    for terminator in BOTH {
        let secure = Secure::start(terminator, &stranger.issue_expired(ADDRESS));
        accepted(&secure, &unverified);
    }
    let _secure = Secure::start(Terminator::Nginx, &stranger.issue(ANOTHER));
    assert_names(&refused(&unverified), &["TLS: ", "verify_server_hostname"]);
}

#[test]
fn without_verify_server_hostname_another_name_is_accepted_if_the_certificate_is_valid() {
    let (root, more) = (Authority::root("Root"), "verify_server_hostname = no");
    assert_accepted(&BOTH, &root.issue(ANOTHER), &root.pem, more);
    let words = ["expired", "verify_server_cert"];
    assert_refused(&[Terminator::Nginx], &root.issue_expired(ANOTHER), &root.pem, more, &words);
}

#[test]
fn a_self_signed_certificate_that_is_in_the_list_must_have_the_name_all_the_same() {
    let identity = Identity::self_signed(ANOTHER);
    assert_refused(
        &[Terminator::Nginx],
        &identity,
        &identity.certificate,
        "",
        &["verify_server_hostname"],
    );
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
    let secure = Secure::start(Terminator::Nginx, &authority.issue(ADDRESS));
    trust_everywhere(&secure, &authority);
    accepted(&secure, &configuration("persistent", URI, ""));
}

#[test]
fn with_a_list_the_authorities_of_the_system_are_not_trusted() {
    let authority = Authority::root("Root");
    let secure = Secure::start(Terminator::Nginx, &authority.issue(ADDRESS));
    trust_everywhere(&secure, &authority);
    let ours = Authority::root("Ours").pem;
    let reason = refused(&trusting(&secure, URI, &ours, ""));
    assert_names(&reason, &["TLS: ", "ca_list_file"]);
}

/// A folder with the file of an authority that nobody uses, a key and a text beside that of the real one.
fn folder(network: &Network, authority: &Authority) -> PathBuf {
    let folder = network.folder().join("authorities");
    let decoys = [
        ("another.pem", Authority::root("Another").pem),
        ("README", "Put certificates here.\n".to_owned()),
        ("server.key", authority.issue(&["x.example.test"]).key),
        ("our-root.crt", authority.pem.clone()),
    ];
    fs::create_dir(&folder).expect("a folder");
    for (name, contents) in decoys {
        fs::write(folder.join(name), contents).expect("a file");
    }
    folder
}

#[test]
fn a_folder_of_authorities_is_trusted_whatever_the_names_of_its_files() {
    let any_name = |_: &Path| {};
    let hashed_name = |folder: &Path| {
        let file = folder.join("our-root.crt");
        let path = file.to_str().expect("a path");
        let hash = run("openssl", &["x509", "-hash", "-noout", "-in", path]);
        fs::rename(path, folder.join(format!("{}.0", hash.trim()))).expect("a new name");
    };
    let linked_by_openssl = |folder: &Path| {
        run("openssl", &["rehash", folder.to_str().expect("a path")]);
    };
    let namings: [fn(&Path); 3] = [any_name, hashed_name, linked_by_openssl];
    for name in namings {
        let authority = Authority::root("Root");
        let secure = Secure::start(Terminator::Nginx, &authority.issue(ADDRESS));
        let folder = folder(secure.network(), &authority);
        name(&folder);
        let more = format!("ca_list_path = {}", folder.display());
        accepted(&secure, &configuration("persistent", URI, &more));
    }
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
fn a_wildcard_stands_for_one_label_and_not_for_two() {
    let authority = Authority::root("Root");
    let secure = Secure::start(Terminator::Nginx, &authority.issue(&["*.example.test"]));
    named(&secure, "bots.example.test two.bots.example.test");
    let to = |name: &str| trusting(&secure, &format!("wss://{name}/ari"), &authority.pem, "");
    accepted(&secure, &to("bots.example.test"));
    let reason = refused(&to("two.bots.example.test"));
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
            let identity = authority.issue(ADDRESS);
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
        let identity = authority.issue(ADDRESS);
        let secure = Secure::with(terminator, &identity, Versions::Only12, None);
        let more = "tls_min_version = 1.3";
        let reason = refused(&trusting(&secure, URI, &authority.pem, more));
        assert_names(&reason, &["TLS: ", "ProtocolVersion"]);
    }
}

#[test]
fn tls_enabled_turns_ws_into_tls() {
    let authority = Authority::root("Root");
    let secure = Secure::start(Terminator::HaProxy, &authority.issue(ADDRESS));
    let uri = "ws://10.0.0.2/ari";
    let more = "tls_enabled = yes";
    accepted(&secure, &trusting(&secure, uri, &authority.pem, more));
}

#[test]
fn a_connection_without_verification_logs_one_warning() {
    for parameter in ["verify_server_cert", "verify_server_hostname"] {
        let authority = Authority::root("Root");
        let secure = Secure::start(Terminator::Nginx, &authority.issue(ADDRESS));
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
        let mut secure = Secure::start(terminator, &before.issue(ADDRESS));
        let host = Host::new();
        let configuration = trusting(&secure, URI, &before.pem, "");
        let _library = Library::load(&host, &configuration);
        let mut first = secure.application.accept();
        first.says(["ApplicationRegistered app1"]);
        secure.network().file("authority.pem", &after.pem);
        secure.restart_with(&after.issue(ADDRESS));
        let mut second = secure.application.accept();
        second.says(["ApplicationRegistered app1"]);
    }
}

#[test]
fn an_authority_of_the_system_that_is_replaced_is_trusted_without_a_reload() {
    let (before, after) = (Authority::root("Before"), Authority::root("After"));
    let secure = Secure::start(Terminator::Nginx, &after.issue(ADDRESS));
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
            let identity = authority.issue(ADDRESS);
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
    let secure = Secure::start(Terminator::Nginx, &authority.issue(ADDRESS));
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
