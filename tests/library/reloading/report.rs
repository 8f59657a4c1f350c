//! What a reload reports: what was added, changed, removed and refused, and why.

use std::fs;

use ariws::ffi::*;
use ariws_testkit::ReportLine;

use super::*;

/// The report in short: a sign for the kind, the object and the message.
fn short(report: &[ReportLine]) -> Vec<String> {
    let line = |line: &ReportLine| {
        let sign = match line.kind {
            ARIWS_REPORT_ADDED => "+",
            ARIWS_REPORT_CHANGED => "~",
            ARIWS_REPORT_REMOVED => "-",
            ARIWS_REPORT_REFUSED => "!",
            ARIWS_REPORT_WARNING => "?",
            kind => panic!("{kind} is no kind of entry"),
        };
        format!("{sign} {}: {}", line.object, line.message)
    };
    report.iter().map(line).collect()
}

/// A connection `connection1` with a server that nobody listens at, loaded.
fn loaded(host: &Host) -> (Configuration, Library<'_>) {
    let configuration = Configuration::with("persistent", ([127, 0, 0, 1], 9).into(), "app1");
    let library = Library::load(host, &configuration);
    (configuration, library)
}

#[test]
fn a_connection_that_is_added() {
    let host = Host::new();
    let (configuration, library) = loaded(&host);
    let server = ([127, 0, 0, 1], 10).into();
    let _configuration =
        configuration.connection("connection2", "per_call_config", server, "app2, app3", "");
    assert_eq!(
        short(&library.reload()),
        ["+ connection2: per_call_config, ws://127.0.0.1:10/ari, applications app2, app3"]
    );
}

#[test]
fn a_connection_that_is_removed() {
    let host = Host::new();
    let (mut configuration, library) = loaded(&host);
    configuration.remove("connection1");
    assert_eq!(
        short(&library.reload()),
        ["- connection1: persistent, ws://127.0.0.1:9/ari, applications app1"]
    );
}

#[test]
fn a_connection_that_is_renamed_is_removed_and_added() {
    let host = Host::new();
    let (mut configuration, library) = loaded(&host);
    configuration.rename("connection1", "connection0");
    assert_eq!(
        short(&library.reload()),
        [
            "- connection1: persistent, ws://127.0.0.1:9/ari, applications app1",
            "+ connection0: persistent, ws://127.0.0.1:9/ari, applications app1"
        ]
    );
}

#[test]
fn a_connection_that_changes_tells_its_parameters_and_no_value() {
    let host = Host::new();
    let (mut configuration, library) = loaded(&host);
    configuration.set("connection1", "subscribe_all = yes");
    configuration.set("connection1", "password = another\nprotocols = other");
    assert_eq!(
        short(&library.reload()),
        ["~ connection1: subscribe_all, protocols, password"]
    );
}

#[test]
fn users_and_general_settings_that_change() {
    let host = Host::new();
    let (mut configuration, library) = loaded(&host);
    configuration.set("general", "pretty = yes\nwebsocket_write_timeout = 200");
    configuration.set("user1", "password = another\nread_only = yes");
    configuration.replace("[reader]", "[writer]");
    assert_eq!(
        short(&library.reload()),
        [
            "~ general: pretty, websocket_write_timeout",
            "- reader: user, read-only",
            "~ user1: user: password, read_only",
            "+ writer: user, read-only"
        ]
    );
}

#[test]
fn an_object_that_is_refused_tells_why_and_where() {
    let host = Host::new();
    let (mut configuration, library) = loaded(&host);
    configuration.set("connection1", "connection_timeout = soon");
    let report = library.reload();
    let [line] = report.as_slice() else {
        panic!("{report:#?}");
    };
    assert_eq!(
        (line.kind, line.object.as_str()),
        (ARIWS_REPORT_REFUSED, "connection1")
    );
    assert!(
        line.message.starts_with("connection_timeout: "),
        "{}",
        line.message
    );
    let text = fs::read_to_string(&line.file).expect("the file that is named");
    let number = usize::try_from(line.line).expect("a line");
    assert_eq!(
        text.lines().nth(number - 1),
        Some("connection_timeout = soon")
    );
}

#[test]
fn every_fault_of_every_object_is_told_at_once() {
    let host = Host::new();
    let (mut configuration, library) = loaded(&host);
    configuration.set(
        "connection1",
        "connection_timeout = soon\ntls_enabled = maybe",
    );
    configuration.set("user1", "read_only = maybe");
    let report = library.reload();
    let refused: Vec<_> = report
        .iter()
        .map(|line| {
            (
                line.kind,
                line.object.as_str(),
                line.message.split(':').next(),
            )
        })
        .collect();
    assert_eq!(
        refused,
        [
            (ARIWS_REPORT_REFUSED, "user1", Some("read_only")),
            (
                ARIWS_REPORT_REFUSED,
                "connection1",
                Some("connection_timeout")
            ),
            (ARIWS_REPORT_REFUSED, "connection1", Some("tls_enabled")),
        ]
    );
}

#[test]
fn a_doubt_is_a_warning() {
    let host = Host::new();
    let (mut configuration, library) = loaded(&host);
    configuration.set("connection1", "apps = app1,app1,app2");
    assert_eq!(
        short(&library.reload()),
        [
            "? connection1: apps: an application stands here twice; once is enough",
            "~ connection1: apps"
        ]
    );
}

#[test]
fn a_connection_that_becomes_invalid_tells_why_and_when_it_recovers() {
    let host = Host::new();
    let (mut configuration, library) = loaded(&host);
    configuration.replace("[user1]", "[user2]");
    let report = short(&library.reload());
    assert_eq!(
        report[0],
        "! connection1: local_ari_user: there is no user user1; perhaps user2 is meant"
    );
    assert!(
        report.contains(
            &"~ connection1: invalid from now on; a session that it has goes on as it is".into()
        ),
        "{report:#?}"
    );
    configuration.replace("[user2]", "[user1]");
    let report = short(&library.reload());
    assert!(
        report.contains(&"~ connection1: valid again".into()),
        "{report:#?}"
    );
}

#[test]
fn what_is_reported_is_logged() {
    let host = Host::new();
    let (mut configuration, library) = loaded(&host);
    configuration.set("connection1", "protocols = other");
    library.reload();
    let line = host.wait_for_log("changed: protocols");
    assert_eq!(line, "changed: protocols");
}
