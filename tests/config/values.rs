//! The parameters of a websocket client.

use std::time::Duration;

use ariws::config::{ConnectionType, Delivery, Down, Overflow, Preference, TlsVersion, WhenDown};

use crate::{ARI, client, client_is_refused, client_reading, config, warnings};

#[test]
fn defaults_are_those_of_the_documentation() {
    let client = client("");
    assert_eq!(client.connection_timeout, Duration::from_millis(500));
    assert_eq!(client.reconnect_interval, Duration::from_millis(500));
    assert_eq!(client.max_reconnect_interval, None);
    assert_eq!(client.start_delay, Duration::from_millis(20));
    assert_eq!((client.delivery, client.announce_resume), (Delivery::AtMostOnce, false));
    assert_eq!(client.reconnect_attempts, 4);
    let down = Down {
        when: WhenDown::Queue,
        grace: Duration::from_secs(5),
        inside: false,
    };
    assert_eq!((client.down, client.fallback_app.as_str()), (down, ""));
    assert!(!client.tls_enabled);
    assert!(client.verify_server_cert && client.verify_server_hostname);
    assert_eq!(client.tls_min_version, TlsVersion::Tls12);
    assert_eq!((&client.tcp_keepalive, &client.pingpong), (&None, &None));
    assert_eq!((client.request_concurrency, client.max_message_size), (1, 1 << 20));
    assert_eq!(client.request_timeout, Duration::from_secs(60));
    assert_eq!(
        (client.standby_connections, client.standby_max_age),
        (0, Duration::from_secs(600))
    );
    assert_eq!((client.write_timeout, client.password.clone()), (None, None));
}

#[test]
fn a_connection_type_may_be_in_any_case() {
    for text in ["per_call_config", "PER_CALL_CONFIG"] {
        let client = client(&format!("connection_type = {text}"));
        assert_eq!(client.connection_type, ConnectionType::PerCallConfig);
    }
    for text in ["per_call", "percall", "", "persistent x", "client"] {
        client_is_refused(&format!("connection_type = {text}"));
    }
}

#[test]
fn a_number_out_of_its_range_rejects_the_object_and_names_the_range() {
    for line in [
        "connection_timeout = 0",
        "connection_timeout =",
        "connection_timeout = 1.5",
        "connection_timeout = 86400001",
        "reconnect_interval = -1",
        "reconnect_interval = abc",
        "reconnect_attempts = many",
        "reconnect_attempts = 2147483648",
        "write_timeout = 0",
        "tcp_keepalive_probes = 0",
        "tcp_keepalive_time = 32768",
        "pingpong_interval = 0",
        "max_message_size = 10",
        "queue_max_bytes = 0",
        "queue_max_messages = -5",
        "request_concurrency = 0",
        "start_delay = 60001",
        "down_grace = -1",
        "standby_connections = 1001",
        "standby_max_age = 0",
    ] {
        let problem = client_is_refused(line);
        assert!(problem.message.contains(" from "), "{}", problem);
    }
}

#[test]
fn there_is_at_least_one_attempt() {
    for (text, attempts) in [("0", 1), ("-1", 1), ("010", 8), ("2147483647", i32::MAX as u32)] {
        let client = client(&format!("reconnect_attempts = {text}"));
        assert_eq!(client.attempts(), attempts);
    }
}

#[test]
fn the_longest_interval_is_not_shorter_than_the_first() {
    let longest = client("max_reconnect_interval = 60000").max_reconnect_interval;
    assert_eq!(longest, Some(Duration::from_secs(60)));
    client_is_refused("max_reconnect_interval = 499");
}

#[test]
fn of_several_settings_the_last_one_counts() {
    let client = client("connection_timeout = 1\nconnection_timeout = 2");
    assert_eq!(client.connection_timeout, Duration::from_millis(2));
}

#[test]
fn connections_on_standby_are_for_calls() {
    let per_call = client_reading("connection_type = per_call_config\nstandby_connections = 3");
    assert_eq!(warnings(&per_call), Vec::<String>::new());
    let persistent = client_reading("standby_connections = 3");
    let warnings = warnings(&persistent);
    assert!(warnings[0].contains("standby_connections: it is not used"), "{warnings:?}");
    let before_the_call = "connection_type = per_call_config\nstandby_connections = 3\nheader = X-App: {app}";
    assert_eq!(client_is_refused(before_the_call).key, "header");
}

#[test]
fn a_proxy_has_host_and_port() {
    let proxy = client("proxy_host = [::1]:3128\nproxy_username = u\nproxy_password = p");
    let proxy = proxy.proxy.clone().unwrap();
    assert_eq!((proxy.host.as_str(), proxy.port), ("::1", 3128));
    assert_eq!(proxy.credentials.unwrap().1.reveal(), "p");
    for text in ["proxy", "proxy:", "proxy:0", "http://proxy:3128", "::1:3128", "a b:1"] {
        client_is_refused(&format!("proxy_host = {text}"));
    }
    client_is_refused("proxy_host = a:1\nproxy_username = u");
}

#[test]
fn keepalives_have_their_times() {
    let client = client(
        "enable_tcp_keepalives = yes\ntcp_keepalive_time = 1\ntcp_keepalive_interval = 2\n\
         tcp_keepalive_probes = 4\nenable_pingpongs = yes\npingpong_interval = 5",
    );
    let tcp = client.tcp_keepalive.unwrap();
    assert_eq!((tcp.time.as_secs(), tcp.interval.as_secs(), tcp.probes), (1, 2, 4));
    let ping = client.pingpong.unwrap();
    assert_eq!((ping.time.as_secs(), ping.interval.as_secs(), ping.probes), (5, 5, 3));
}

#[test]
fn a_queue_has_its_bounds() {
    let client = client("queue_max_bytes = 1000\nqueue_max_messages = 7\nqueue_overflow = drop_newest");
    let queue = client.queue;
    assert_eq!((queue.max_bytes, queue.max_messages), (1000, 7));
    assert_eq!(queue.overflow, Overflow::DropNewest);
    client_is_refused("queue_overflow = block");
}

#[test]
fn delivery_is_one_of_two_words() {
    assert_eq!(client("delivery = at_least_once").delivery, Delivery::AtLeastOnce);
    let problem = client_is_refused("delivery = exactly_once");
    assert!(problem.message.contains("write at_most_once or at_least_once"), "{problem}");
    assert!(client("announce_resume = yes").announce_resume);
}

#[test]
fn tls_has_a_least_version() {
    assert_eq!(client("tls_min_version = 1.3").tls_min_version, TlsVersion::Tls13);
    client_is_refused("tls_min_version = 1.1");
}

#[test]
fn the_default_port_is_that_of_the_scheme() {
    for (lines, port) in [
        ("uri = ws://h", 80),
        ("uri = wss://h", 443),
        ("uri = ws://h\ntls_enabled = yes", 443),
        ("uri = wss://h:81", 81),
    ] {
        let client = client(lines);
        assert_eq!(client.port(&client.servers[0]), port, "{lines}");
    }
}

#[test]
fn credentials_that_others_can_read_are_warned_about_once() {
    let warned = |lines: &str| {
        let reading = client_reading(&lines.replace("LOGIN", "username = u\npassword = p"));
        assert!(reading.config.clients.contains_key("client1"), "{lines}");
        let mut warnings = warnings(&reading);
        warnings.retain(|text| text.contains("without TLS"));
        warnings
    };
    for (lines, line, what) in [
        ("uri = ws://example.net\nLOGIN", 5, "the password"),
        ("uri = ws://192.0.2.1\nLOGIN", 5, "the password"),
        ("LOGIN\nuri = ws://[2001:db8::1]", 7, "the password"),
        ("LOGIN\nproxy_host = example.net:3128", 3, "the password"),
        ("uri = ws://u:p@example.net", 5, "the password"),
        ("uri = ws://example.net\nheader = X: t", 5, "what header says"),
    ] {
        let [warning] = &warned(lines)[..] else {
            panic!("{lines}: {:?}", warned(lines));
        };
        let expected = format!("websocket_client.conf:{line}: [client1] uri: {what} is sent without TLS");
        assert!(warning.contains(&expected), "{warning}");
    }
    for lines in [
        "uri = wss://example.net\nLOGIN",
        "uri = ws://example.net\ntls_enabled = yes\nLOGIN",
        "uri = ws://127.1.2.3\nLOGIN",
        "uri = ws://[::1]\nLOGIN",
        "uri = ws://[::ffff:127.0.0.1]\nLOGIN",
        "uri = ws://LocalHost\nLOGIN",
        "uri = ws://example.net",
        "uri = ws://example.net\nusername = u",
    ] {
        assert_eq!(warned(lines), [] as [&str; 0], "{lines}");
    }
}

#[test]
fn uri_may_be_repeated_and_stands_for_servers_in_order_of_preference() {
    let client = client("uri = ws://first\nprotocols = ari\nuri = wss://second:81/x");
    let servers: Vec<_> = client.servers.iter().map(|server| server.display.as_str()).collect();
    assert_eq!(servers, ["ws://first", "wss://second:81/x"]);
    assert_eq!([0, 1].map(|place| client.uses_tls(&client.servers[place])), [false, true]);
    assert_eq!(client.preference, Preference::Failover);
}

#[test]
fn what_a_section_says_of_its_servers_replaces_what_its_template_says() {
    let servers = |text: &str| {
        let config = config(ARI, text);
        let servers = config.clients["client1"].servers.iter();
        servers.map(|server| server.host.clone()).collect::<Vec<_>>()
    };
    let template = "[t](!)\ntype = websocket_client\nconnection_type = persistent\nuri = ws://a\nuri = ws://b\n";
    assert_eq!(servers(&format!("{template}[client1](t)\n")), ["a", "b"]);
    assert_eq!(servers(&format!("{template}[client1](t)\nuri = ws://c\n")), ["c"]);
    assert_eq!(
        servers(&format!(
            "{template}[client1](t)\nuri = ws://c\n[client1](+)\nuri = ws://d\nuri = ws://e\n"
        )),
        ["d", "e"]
    );
}

#[test]
fn a_faulty_server_is_told_with_its_line_and_rejects_the_client() {
    let problem = client_is_refused("uri = ws://h\nuri = http://x\nuri = ws://i");
    assert_eq!((problem.key.as_str(), problem.line), ("uri", 6));
    assert_eq!(
        client_is_refused("uri = ws://h\nuri = ws://h").message,
        "this server stands above already; remove one of them"
    );
    let many: String = (0..17).map(|number| format!("uri = ws://h{number}\n")).collect();
    assert!(client_is_refused(&many).message.starts_with("there may be 16 servers"));
}

#[test]
fn a_persistent_connection_is_warned_of_what_only_calls_use() {
    let reading = client_reading("uri = ws://h\nuri = ws://i\nservers = spread\nfail_fast = 100");
    let warnings = warnings(&reading);
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].contains("it is failover"), "{warnings:?}");
    assert!(warnings[1].contains("no call waits"), "{warnings:?}");
}

#[test]
fn what_is_said_of_a_persistent_connection_that_is_down_is_used_where_channels_fail() {
    let used = "when_down = Fail\ndown_grace = 0\nfail_inside = yes\nfallback_app = desk";
    assert_eq!(warnings(&client_reading(used)), Vec::<String>::new());
    let down = client(used).down;
    assert_eq!((down.fails_after(), down.inside), (Some(Duration::ZERO), true));
    for line in ["down_grace = 7", "fail_inside = yes", "fallback_app = desk"] {
        let warnings = warnings(&client_reading(line));
        assert!(warnings[0].contains("add when_down = fail"), "{warnings:?}");
    }
    for line in ["when_down = fail", "when_down = queue", "down_grace = 7", "fail_inside = no"] {
        let warnings = warnings(&client_reading(&format!("connection_type = per_call_config\n{line}")));
        assert!(warnings[0].contains("it concerns persistent connections"), "{warnings:?}");
    }
    let per_call = "connection_type = per_call_config\nfallback_app = desk";
    assert_eq!(warnings(&client_reading(per_call)), Vec::<String>::new());
    client_is_refused("when_down = wait");
    client_is_refused("fail_inside = perhaps");
}

#[test]
fn a_fallback_is_no_application_of_the_same_connection() {
    let reading = client_reading("when_down = fail\nfallback_app = app1");
    let connection = &reading.config.connections["connection1"];
    assert_eq!((connection.is_valid(), connection.fallback()), (true, None));
    let warnings = warnings(&reading);
    assert!(warnings[0].contains("app1 is also the fallback_app"), "{warnings:?}");
}
