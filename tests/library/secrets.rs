//! Secrets go where they have to go, and nowhere else: not to the log, the commands, the metrics or a report.

use std::fs;
use std::net::SocketAddr;

use ariws_testkit::{Configuration, Pbx, Server, Setup};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A part of every secret here.
const MARK: &str = "hush";

/// Connections that work, are refused, and go through a proxy that refuses; each with secrets of its own.
fn configuration(works: SocketAddr, refuses: &Server, proxy: &Server) -> Configuration {
    let (nowhere, header) = (
        ([127, 0, 0, 1], 1).into(),
        "header_file = headers\nheader = X-Token: hush-token",
    );
    let mut configuration = Configuration::empty()
        .connection("works", "persistent", works, "app1", header)
        .connection("refused", "persistent", nowhere, "app2", "")
        .connection("behind", "persistent", nowhere, "app3", "")
        .replacing("password = mypass", "password = hush-plain")
        .replacing("password = userpass", "password = hush-user");
    let uri = format!("uri = ws://ann:hush%2Duri@{}/ari", refuses.address());
    configuration.set("refused", &uri);
    let write = |name, text| {
        let file = configuration.folder().join(name);
        fs::write(&file, text).expect("a file");
    };
    write("secret", "hush-file\n");
    write("headers", "X-Filed: hush-header\n");
    let file = configuration.folder().join("secret");
    let through = format!(
        "password =\npassword_file = {}\nheader_file = headers\nproxy_host = {}\nproxy_username = ann\nproxy_password = hush-proxy",
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
    let sent = ["myuser:hush-plain", "ann:hush-uri", "ann:hush-proxy"].map(|text| STANDARD.encode(text));
    for line in lines {
        assert!(!line.contains(MARK), "{what}: {line}");
        assert!(!sent.iter().any(|text| line.contains(text)), "{what}: {line}");
    }
}

#[test]
fn no_secret_is_told_to_anybody_but_the_server() {
    let (refuses, proxy) = (Server::start(), Server::start());
    let mut pbx = Pbx::configured(|works| configuration(works, &refuses, &proxy)).load();

    for (server, secret, answer) in [
        (&refuses, "ann:hush-uri", "401 Unauthorized"),
        (&proxy, "ann:hush-proxy", "407 Who"),
    ] {
        let attempt = server.attempt();
        assert!(attempt.head.contains(&basic(secret)), "{}", attempt.head);
        attempt.answer(&format!("HTTP/1.1 {answer}\r\n\r\n"));
    }
    let open = pbx.server.attempt();
    assert!(
        open.head.contains("\r\nX-Token: hush-token\r\nX-Filed: hush-header\r\n"),
        "{}",
        open.head
    );
    let _open = open.upgrade();
    pbx.wait_for_log("401 Unauthorized");
    pbx.wait_for_log("407 Who");

    let mut told = Vec::new();
    for name in ["works", "refused", "behind"] {
        for line in [
            format!("ari show outbound-websocket {name}"),
            format!("ari show outbound-websocket {name} detail"),
        ] {
            told.push(pbx.command(&line).1);
        }
    }
    for line in ["ari show outbound-websockets", "ari show sessions"] {
        told.push(pbx.command(line).1);
    }
    assert!(told[0].contains("works") && told[1].contains("last_error"), "{told:#?}");
    assert_silent("commands", &told);
    assert_silent("metrics", [&pbx.metrics()]);

    pbx.configuration.replace("hush-plain", "hush-other\rhush");
    pbx.configuration.replace("hush-token", "hush-other");
    let mut report = std::mem::take(&mut pbx.report);
    pbx.try_reload(&mut report);
    assert!(
        report.iter().any(|line| line.message.contains("control characters")),
        "{report:#?}"
    );
    let lines: Vec<_> = report.iter().map(|line| format!("{line:?}")).collect();
    assert_silent("reports", &lines);
    assert_silent("log", &pbx.host.log());
}

#[test]
fn a_test_of_a_connection_tells_no_secret() {
    let (refuses, proxy) = (Server::start(), Server::start());
    let per_call = |setup: Setup, name: &&str| setup.set(name, "connection_type = per_call_config");
    let setup = Pbx::configured(|works| configuration(works, &refuses, &proxy));
    let names = ["works", "refused", "behind"];
    let pbx = names.iter().fold(setup, per_call).load();
    let handle = pbx.handle();
    for (name, server, says) in [("refused", &refuses, "401 Unauthorized"), ("behind", &proxy, "407 Who")] {
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
