//! What a reload reports: what was added, changed, removed and refused, and why.

use std::fs;

use ariws::ffi::*;
use ariws_testkit::{Configuration, Pbx, ReportLine};

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
fn loaded() -> Pbx {
    let nobody = ([127, 0, 0, 1], 9).into();
    Pbx::configured(|_| Configuration::with("persistent", nobody, "app1")).load()
}

#[test]
fn connections_that_come_go_and_change_are_told_with_what_they_are_and_no_value() {
    let added: fn(&mut Pbx) = |pbx| pbx.connect("connection2", "per_call_config", ([127, 0, 0, 1], 10).into(), "app2, app3");
    let removed: fn(&mut Pbx) = |pbx| pbx.configuration.remove("connection1");
    let renamed: fn(&mut Pbx) = |pbx| pbx.configuration.rename("connection1", "connection0");
    let changed: fn(&mut Pbx) = |pbx| {
        pbx.set("connection1", "subscribe_all = yes");
        pbx.set("connection1", "password = another\nprotocols = other");
    };
    let usual = "persistent, ws://127.0.0.1:9/ari, applications app1";
    for (change, told) in [
        (
            added,
            "+ connection2: per_call_config, ws://127.0.0.1:10/ari, applications app2, app3",
        ),
        (removed, &format!("- connection1: {usual}")),
        (renamed, &format!("- connection1: {usual}\n+ connection0: {usual}")),
        (changed, "~ connection1: subscribe_all, protocols, password"),
    ] {
        let mut pbx = loaded();
        change(&mut pbx);
        assert_eq!(short(&pbx.reload()).join("\n"), told);
    }
}

#[test]
fn users_and_general_settings_that_change() {
    let mut pbx = loaded();
    pbx.set("general", "pretty = yes\nwebsocket_write_timeout = 200");
    pbx.set("user1", "password = another\nread_only = yes");
    pbx.configuration.replace("[reader]", "[writer]");
    assert_eq!(
        short(&pbx.reload()),
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
    let mut pbx = loaded();
    pbx.set("connection1", "connection_timeout = soon");
    let report = pbx.reload();
    let [line] = report.as_slice() else {
        panic!("{report:#?}");
    };
    assert_eq!((line.kind, line.object.as_str()), (ARIWS_REPORT_REFUSED, "connection1"));
    assert!(line.message.starts_with("connection_timeout: "), "{}", line.message);
    let text = fs::read_to_string(&line.file).expect("the file that is named");
    let number = usize::try_from(line.line).expect("a line");
    assert_eq!(text.lines().nth(number - 1), Some("connection_timeout = soon"));
}

#[test]
fn every_fault_of_every_object_is_told_at_once() {
    let mut pbx = loaded();
    pbx.set("connection1", "connection_timeout = soon\ntls_enabled = maybe");
    pbx.set("user1", "read_only = maybe");
    let report = pbx.reload();
    let refused: Vec<_> = report
        .iter()
        .map(|line| (line.kind, line.object.as_str(), line.message.split(':').next()))
        .collect();
    assert_eq!(
        refused,
        [
            (ARIWS_REPORT_REFUSED, "user1", Some("read_only")),
            (ARIWS_REPORT_REFUSED, "connection1", Some("connection_timeout")),
            (ARIWS_REPORT_REFUSED, "connection1", Some("tls_enabled")),
        ]
    );
}

#[test]
fn a_doubt_is_a_warning() {
    let mut pbx = loaded();
    assert_eq!(
        short(&pbx.change("connection1", "apps = app1,app1,app2")),
        [
            "? connection1: apps: an application stands here twice; once is enough",
            "~ connection1: apps"
        ]
    );
}

#[test]
fn a_connection_that_becomes_invalid_tells_why_and_when_it_recovers() {
    let mut pbx = loaded();
    pbx.configuration.replace("[user1]", "[user2]");
    let report = short(&pbx.reload());
    assert_eq!(
        report[0],
        "! connection1: local_ari_user: there is no user user1; perhaps user2 is meant"
    );
    assert!(
        report.contains(&"~ connection1: invalid from now on; a session that it has goes on as it is".into()),
        "{report:#?}"
    );
    pbx.configuration.replace("[user2]", "[user1]");
    let report = short(&pbx.reload());
    assert!(report.contains(&"~ connection1: valid again".into()), "{report:#?}");
}

#[test]
fn what_is_reported_is_logged() {
    let mut pbx = loaded();
    pbx.change("connection1", "protocols = other");
    let line = pbx.wait_for_log("changed: protocols");
    assert_eq!(line, "changed: protocols");
}
