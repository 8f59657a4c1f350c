//! Secrets go where they have to go, and nowhere else: not to the log, the commands, the metrics or a report.

use std::fs;

use ariws_testkit::{Configuration, Host, Library, Server};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A part of every secret here.
const MARK: &str = "hush";

/// Connections that work, are refused, and go through a proxy that refuses; each with secrets of its own.
fn configuration(works: &Server, refuses: &Server, proxy: &Server) -> Configuration {
    let nowhere = ([127, 0, 0, 1], 1).into();
    let mut configuration = Configuration::empty()
        .connection(
            "works",
            "persistent",
            works.address(),
            "app1",
            "header = X-Token: hush-token",
        )
        .connection("refused", "persistent", nowhere, "app2", "")
        .connection("behind", "persistent", nowhere, "app3", "")
        .replacing("password = mypass", "password = hush-plain")
        .replacing("password = userpass", "password = hush-user");
    let uri = format!("uri = ws://ann:hush%2Duri@{}/ari", refuses.address());
    configuration.set("refused", &uri);
    let file = configuration.folder().join("secret");
    fs::write(&file, "hush-file\n").expect("a file");
    let through = format!(
        "password =\npassword_file = {}\nproxy_host = {}\nproxy_username = ann\nproxy_password = hush-proxy",
        file.display(),
        proxy.address()
    );
    configuration.set("behind", &through);
    configuration
}

fn basic(text: &str) -> String {
    format!("Basic {}\r\n", STANDARD.encode(text))
}

/// Nothing of these lines may have a secret, in clear or as it is sent.
fn assert_silent<'a>(what: &str, lines: impl IntoIterator<Item = &'a String>) {
    let sent =
        ["myuser:hush-plain", "ann:hush-uri", "ann:hush-proxy"].map(|text| STANDARD.encode(text));
    for line in lines {
        assert!(!line.contains(MARK), "{what}: {line}");
        assert!(
            !sent.iter().any(|text| line.contains(text)),
            "{what}: {line}"
        );
    }
}

#[test]
fn no_secret_is_told_to_anybody_but_the_server() {
    let [works, refuses, proxy] = [Server::start(), Server::start(), Server::start()];
    let host = Host::new();
    let mut configuration = configuration(&works, &refuses, &proxy);
    let mut report = Vec::new();
    let library = Library::try_load(&host, configuration.folder(), &mut report).expect("a start");

    for (server, secret, answer) in [
        (&refuses, "ann:hush-uri", "401 Unauthorized"),
        (&proxy, "ann:hush-proxy", "407 Who"),
    ] {
        let attempt = server.attempt();
        assert!(attempt.head.contains(&basic(secret)), "{}", attempt.head);
        attempt.answer(&format!("HTTP/1.1 {answer}\r\n\r\n"));
    }
    let _open = works.accept();
    host.wait_for_log("401 Unauthorized");
    host.wait_for_log("407 Who");

    let mut told = Vec::new();
    for name in ["works", "refused", "behind"] {
        for line in [
            format!("ari show outbound-websocket {name}"),
            format!("ari show outbound-websocket {name} detail"),
        ] {
            told.push(library.command(&line).1);
        }
    }
    for line in ["ari show outbound-websockets", "ari show sessions"] {
        told.push(library.command(line).1);
    }
    assert!(
        told[0].contains("works") && told[1].contains("last_error"),
        "{told:#?}"
    );
    assert_silent("commands", &told);
    assert_silent("metrics", [&library.metrics()]);

    configuration.replace("hush-plain", "hush-other\rhush");
    configuration.replace("hush-token", "hush-other");
    let mut report_of_reload = Vec::new();
    library.try_reload(&mut report_of_reload);
    report.append(&mut report_of_reload);
    assert!(
        report
            .iter()
            .any(|line| line.message.contains("control characters")),
        "{report:#?}"
    );
    let lines: Vec<_> = report.iter().map(|line| format!("{line:?}")).collect();
    assert_silent("reports", &lines);
    assert_silent("log", &host.log());
}

#[test]
fn a_test_of_a_connection_tells_no_secret() {
    let [works, refuses, proxy] = [Server::start(), Server::start(), Server::start()];
    let host = Host::new();
    let mut configuration = configuration(&works, &refuses, &proxy);
    for name in ["works", "refused", "behind"] {
        configuration.set(name, "connection_type = per_call_config");
    }
    let library = Library::load(&host, &configuration);
    let handle = library.handle();
    for (name, server, says) in [
        ("refused", &refuses, "401 Unauthorized"),
        ("behind", &proxy, "407 Who"),
    ] {
        let told = std::thread::scope(|scope| {
            let line = format!("ari test outbound-websocket {name}");
            let tested = scope.spawn(move || handle.command(&line));
            let answer = format!("HTTP/1.1 {says}\r\n\r\n");
            server.attempt().answer(&answer);
            tested.join().expect("no panic").1
        });
        assert!(told.contains(says), "{told}");
        assert_silent("test", [&told]);
    }
}
