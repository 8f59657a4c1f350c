//! Tables and pages, against recorded bytes.

use std::time::Duration;

use super::fixture::{Recorder, client, connection, session, snapshot, up, uri};
use crate::config::{Connection, ConnectionType, Keepalive};
use crate::engine::snapshot::{SessionEntry, SessionKind};
use crate::session::{Counts, Phase, ServerView, Stand, StandbyView, Totals, View};

const CONNECTIONS: &str = "\
Name                             Type            Apps                             Status  URI
-------------------------------- --------------- -------------------------------- ------- ----------------------------------------------------------------
";

fn sessions_heading() -> String {
    // The blanks at the end of the first line are Asterisk's.
    concat!(
        "Connection ID                         Type            RemoteAddr                       State Apps            \n",
        "------------------------------------- --------------- -------------------------------- ----- ----------------\n",
    )
    .to_owned()
}

fn printed(line: &str, connections: Vec<Connection>, sessions: Vec<SessionEntry>) -> String {
    let (printed, result) = Recorder::new(snapshot(connections, sessions)).run(line);
    assert!(result.is_ok(), "{line}");
    printed
}

fn call(connection: &str) -> SessionKind {
    SessionKind::PerCall {
        connection: connection.to_owned(),
        view: up(),
    }
}

#[test]
fn without_connections_the_table_is_its_heading() {
    assert_eq!(printed("ari show outbound-websockets", vec![], vec![]), CONNECTIONS);
}

#[test]
fn the_table_of_connections_has_asterisks_columns() {
    let mut per_call = connection("aa", "a");
    client(&mut per_call).connection_type = ConnectionType::PerCallConfig;
    let long = connection(
        "name-that-is-forty-characters-long-012345",
        "application-number-one,application-number-two,application-number-three",
    );
    let mut invalid = connection("verbindung_é", "app_é");
    invalid.user_fault = Some("no such user".to_owned());
    client(&mut invalid).servers = vec![uri("wss://127.0.0.1:9200/x")];
    let mixed = connection("Mm", "a, b ,c");
    let expected = format!(
        "{CONNECTIONS}{}",
        concat!(
            "Mm                               persistent      a, b ,c                          valid   ws://127.0.0.1:9100/ari\n",
            "aa                               per_call_config a                                valid   ws://127.0.0.1:9100/ari\n",
            "name-that-is-forty-characters-long-012345 persistent      application-number-one,application-number-two,application-number-three valid   ws://127.0.0.1:9100/ari\n",
            "verbindung_é                    persistent      app_é                           INVALID wss://127.0.0.1:9200/x\n",
        )
    );
    let connections = vec![invalid, long, per_call, mixed];
    assert_eq!(printed("ari show outbound-websockets", connections, vec![]), expected);
}

#[test]
fn the_table_of_sessions_has_asterisks_columns() {
    let sessions = vec![
        session(
            "0a899b16-cb0d-4e51-8b55-6855565b500f",
            &["voicebt2", "voicebt"],
            SessionKind::Inbound {
                remote_address: "127.0.0.1:35378".to_owned(),
            },
        ),
        session("connection1", &["voicebot"], SessionKind::Persistent(up())),
        session("connection2", &["testapp"], SessionKind::PerCallConfig { standby: None }),
        session(
            "connection2:Local/per@default-00000000;2",
            &["testapp:Local/per@default-00000000;2"],
            call("connection2"),
        ),
    ];
    let expected = sessions_heading()
        + concat!(
            "0a899b16-cb0d-4e51-8b55-6855565b500f  inbound         127.0.0.1:35378                  Up    voicebt,voicebt2\n",
            "connection1                           persistent      127.0.0.1:9100                   Up    voicebot\n",
            "connection2                           per_call_config N/A                              N/A   testapp\n",
            "connection2:Local/per@default-00000000;2 per_call        127.0.0.1:9100                   Up    testapp:Local/per@default-00000000;2\n",
        );
    assert_eq!(printed("ari show sessions", vec![], sessions.clone()), expected);
    assert_eq!(printed("ari show websocket sessions", vec![], sessions), expected);
}

#[test]
fn a_session_that_is_down_keeps_its_last_address() {
    let down = |address: Option<&str>| View {
        phase: Phase::Waiting,
        remote_address: address.map(str::to_owned),
        ..View::default()
    };
    let sessions = vec![
        session("a", &["a"], SessionKind::Persistent(down(None))),
        session("b", &["b"], SessionKind::Persistent(down(Some("127.0.0.1:9100")))),
    ];
    let expected = sessions_heading()
        + concat!(
            "a                                     persistent      N/A                              Down  a\n",
            "b                                     persistent      127.0.0.1:9100                   Down  b\n",
        );
    assert_eq!(printed("ari show sessions", vec![], sessions), expected);
}

#[test]
fn the_page_of_a_connection_has_asterisks_labels() {
    let mut all = connection("connection1", "testapp, app2");
    all.subscribe_all = true;
    let settings = client(&mut all);
    settings.protocols = "ari,media".to_owned();
    settings.connection_timeout = Duration::from_millis(1234);
    settings.reconnect_interval = Duration::from_millis(2345);
    settings.reconnect_attempts = 7;
    settings.ca_list_file = Some("/etc/ssl/ca.pem".into());
    settings.ca_list_path = Some("/etc/ssl/certs".into());
    settings.cert_file = Some("/etc/cert.pem".into());
    settings.priv_key_file = Some("/etc/key.pem".into());
    settings.verify_server_cert = false;
    settings.verify_server_hostname = false;
    let expected = concat!(
        "[connection1] \n",
        "uri =                    ws://127.0.0.1:9100/ari\n",
        "protocols =              ari,media\n",
        "apps =                   testapp, app2\n",
        "username =               myuser\n",
        "password =               ********\n",
        "local_ari_user =         user1\n",
        "connection_type =        persistent\n",
        "subscribe_all =          Yes\n",
        "connec_timeout =         1234\n",
        "reconnect_attempts =     7\n",
        "reconnect_interval =     2345\n",
        "tls_enabled =            No\n",
        "ca_list_file =           /etc/ssl/ca.pem\n",
        "ca_list_path =           /etc/ssl/certs\n",
        "cert_file =              /etc/cert.pem\n",
        "priv_key_file =          /etc/key.pem\n",
        "verify_server =          No\n",
        "verify_server_hostname = No\n",
        "\n",
    );
    assert_eq!(
        printed("ari show outbound-websocket connection1", vec![all], vec![]),
        expected
    );
}

#[test]
fn the_page_of_an_invalid_connection_says_what_is_invalid() {
    let mut invalid = connection("connection1", "testapp");
    invalid.apps_fault = Some("connection2 has it too".to_owned());
    invalid.user_fault = Some("no such user".to_owned());
    invalid.local_ari_user = "ghost".to_owned();
    client(&mut invalid).tls_enabled = true;
    let expected = concat!(
        "[connection1] **INVALID**\n",
        "uri =                    ws://127.0.0.1:9100/ari\n",
        "protocols =              ari\n",
        "apps =                   testapp (invalid)\n",
        "username =               myuser\n",
        "password =               ********\n",
        "local_ari_user =         ghost (invalid)\n",
        "connection_type =        persistent\n",
        "subscribe_all =          No\n",
        "connec_timeout =         1000\n",
        "reconnect_attempts =     10\n",
        "reconnect_interval =     500\n",
        "tls_enabled =            Yes\n",
        "ca_list_file =           \n",
        "ca_list_path =           \n",
        "cert_file =              \n",
        "priv_key_file =          \n",
        "verify_server =          Yes\n",
        "verify_server_hostname = Yes\n",
        "\n",
    );
    assert_eq!(
        printed("ari show outbound-websocket connection1", vec![invalid], vec![]),
        expected
    );
}

#[test]
fn detail_comes_after_the_settings() {
    let view = View {
        phase: Phase::Waiting,
        phase_age: Duration::from_millis(400),
        server: None,
        remote_address: None,
        last_error: Some("connection\nrefused".to_owned()),
        failed_attempts: 3,
        next_attempt: Some(Duration::from_millis(1600)),
        round_trip: Some(Duration::from_micros(1234)),
        requests_waiting: 5,
        requests_under_way: 1,
        queued_messages: 12,
        queued_bytes: 3456,
        unproven_events: 3,
        unproven_bytes: 300,
        highest_numbers: vec![("testapp".into(), 40), ("other".into(), 2)],
        totals: Totals {
            events_dropped_queue_full: 7,
            messages_unconfirmed: 8,
            ..Totals::default()
        },
        ..View::default()
    };
    let sessions = vec![session("connection1", &["testapp"], SessionKind::Persistent(view))];
    let connections = vec![connection("connection1", "testapp")];
    let plain = printed(
        "ari show outbound-websocket connection1",
        connections.clone(),
        sessions.clone(),
    );
    let detail = printed("ari show outbound-websocket connection1 DETAIL", connections, sessions);
    let expected = concat!(
        "delivery =               at_most_once\n",
        "announce_resume =        No\n",
        "notices_silence =        within 10.0 s when something is sent, not at rest (enable_pingpongs, enable_tcp_keepalives)\n",
        "state =                  waiting for 400.0 ms\n",
        "remote_address =         N/A\n",
        "last_error =             connection\\nrefused\n",
        "failed_attempts =        3\n",
        "next_attempt =           in 1.6 s\n",
        "requests_waiting =       5\n",
        "requests_under_way =     1\n",
        "queued_messages =        12\n",
        "queued_bytes =           3456\n",
        "highest_sequence =       testapp 40, other 2\n",
        "unproven_events =        3\n",
        "dropped_events =         7\n",
        "unconfirmed_messages =   8\n",
        "round_trip =             1.2 ms\n",
        "\n",
    );
    assert_eq!(
        detail,
        format!("{}{expected}", plain.trim_end_matches('\n').to_owned() + "\n")
    );
}

#[test]
fn detail_shows_each_of_several_servers() {
    let mut several = connection("connection1", "testapp");
    client(&mut several).servers = ["ws://a/", "ws://b/"].map(uri).into();
    client(&mut several).fail_fast = Some(Duration::from_millis(200));
    client(&mut several).failback_interval = Duration::from_secs(5);
    let view = View {
        server: Some("ws://b/".to_owned()),
        ..View::default()
    };
    let sessions = vec![session("connection1", &["testapp"], SessionKind::Persistent(view))];
    let mut recorder = Recorder::new(snapshot(vec![several], sessions));
    let server = |uri: &str, stand, failure: Option<&str>| ServerView {
        uri: uri.to_owned(),
        stand,
        since: Duration::from_secs(3),
        last_failure: failure.map(str::to_owned),
        left_alone: failure.map(|_| Duration::from_secs(9)),
        opened: 0,
        refused: 0,
        failed: 0,
    };
    let servers = vec![
        server("ws://a/", Stand::Down, Some("503")),
        server("ws://b/", Stand::Unknown, None),
    ];
    recorder.snapshot.servers.insert("connection1".to_owned(), servers);
    let (page, _) = recorder.run("ari show outbound-websocket connection1 detail");
    for expected in [
        "uri =                    ws://a/\nuri =                    ws://b/\n",
        concat!(
            "fail_fast =              200\n",
            "servers =                failover\n",
            "failback_interval =      5000\n",
            "max_retry_after =        60000\n",
            "server =                 ws://a/ down for 3.0 s, left alone for 9.0 s, last failure: 503\n",
            "server =                 ws://b/ unknown\n",
        ),
        "connected_to =           ws://b/\n",
    ] {
        assert!(page.contains(expected), "{expected}\n{page}");
    }
}

#[test]
fn detail_of_a_connection_without_a_session_says_so_and_why() {
    let mut invalid = connection("connection1", "testapp");
    invalid.apps_fault = Some("connection2 has testapp too".to_owned());
    let page = printed("ari show outbound-websocket connection1 detail", vec![invalid], vec![]);
    assert!(
        page.ends_with(concat!(
            "apps_fault =             connection2 has testapp too\n",
            "delivery =               at_most_once\n",
            "announce_resume =        No\n",
            "notices_silence =        within 10.0 s when something is sent, not at rest (enable_pingpongs, enable_tcp_keepalives)\n",
            "state =                  not running\n",
            "\n",
        )),
        "{page}"
    );
}

#[test]
fn detail_tells_the_longest_time_until_silence_is_noticed() {
    let keepalive = |time, probes| {
        Some(Keepalive {
            time: Duration::from_secs(time),
            interval: Duration::from_secs(20),
            probes,
        })
    };
    let mut watched = connection("connection1", "testapp");
    let told = |watched: &Connection| {
        let page = printed(
            "ari show outbound-websocket connection1 detail",
            vec![watched.clone()],
            vec![],
        );
        let line = page.lines().find(|line| line.starts_with("notices_silence"));
        line.and_then(|line| line.split_once("= "))
            .map(|(_, told)| told.trim().to_owned())
    };
    client(&mut watched).pingpong = keepalive(20, 2);
    client(&mut watched).write_timeout = Some(Duration::from_secs(3));
    assert_eq!(
        told(&watched).as_deref(),
        Some("within 3.0 s when something is sent, within 1 min 0 s at rest (enable_pingpongs)")
    );
    client(&mut watched).tcp_keepalive = keepalive(5, 1);
    assert_eq!(
        told(&watched).as_deref(),
        Some("within 25.0 s when something is sent, within 25.0 s at rest (enable_tcp_keepalives)")
    );
}

#[test]
fn detail_of_a_per_call_configuration_has_each_call() {
    let mut per_call = connection("connection1", "testapp");
    client(&mut per_call).connection_type = ConnectionType::PerCallConfig;
    let sessions = vec![
        session("connection1", &["testapp"], SessionKind::PerCallConfig { standby: None }),
        session("connection1:a", &["testapp:a"], call("connection1")),
        session("connection1:b:c", &["testapp:c"], call("connection1:b")),
    ];
    let page = printed("ari show outbound-websocket connection1 detail", vec![per_call], sessions);
    let expected = concat!(
        "sessions =               1\n",
        "session =                connection1:a\n",
        "state =                  up for 0.0 ms\n",
    );
    assert!(page.contains(expected), "{page}");
    assert!(!page.contains("connection1:b"), "{page}");
}

#[test]
fn detail_tells_of_connections_on_standby() {
    let mut per_call = connection("connection1", "testapp");
    client(&mut per_call).connection_type = ConnectionType::PerCallConfig;
    let standby = StandbyView {
        open: 2,
        elsewhere: 1,
        wanted: 4,
        counts: Counts {
            opened: 9,
            hits: 3,
            misses: 1,
            lost: 2,
            closed: 0,
        },
    };
    let kind = SessionKind::PerCallConfig { standby: Some(standby) };
    let sessions = vec![session("connection1", &["testapp"], kind)];
    let page = printed("ari show outbound-websocket connection1 detail", vec![per_call], sessions);
    let expected = concat!(
        "standby_connections =    2 of 4 open, 1 at another server than calls go to\n",
        "standby_hits =           3\n",
        "standby_misses =         1\n",
        "standby_opened =         9\n",
        "standby_lost =           2\n",
        "standby_closed =         0\n",
        "sessions =               0\n",
    );
    assert!(page.contains(expected), "{page}");
}

#[test]
fn no_value_can_break_a_line() {
    let evil = "a\nb\x1b[2J";
    let sessions = vec![session(
        evil,
        &[evil],
        SessionKind::Persistent(View {
            remote_address: Some(evil.to_owned()),
            ..View::default()
        }),
    )];
    let table = printed("ari show sessions", vec![], sessions);
    assert_eq!(table.lines().count(), 3);
    assert!(!table.contains('\x1b'));
    let mut connection = connection(evil, evil);
    connection.local_ari_user = evil.to_owned();
    client(&mut connection).username = evil.to_owned();
    client(&mut connection).servers = vec![uri(evil)];
    let table = printed("ari show outbound-websockets", vec![connection], vec![]);
    assert_eq!(table.lines().count(), 3);
    assert!(table.contains("a\\nb\\x1b[2J"), "{table}");
}
