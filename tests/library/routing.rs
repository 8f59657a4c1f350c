//! What a connection tells the server of who calls and who asks: secrets that change, values of the call.

use std::fs;

use ariws_testkit::{Asked, Call, Configuration, Connection, Host, Pbx, Setup, TextKind, request};

const UNAUTHORIZED: &str = "HTTP/1.1 401 Unauthorized\r\n\r\n";

/// A connection with further lines, and a file beside its configuration.
fn with_file(kind: &str, lines: &str, text: &str) -> Setup {
    let setup = Pbx::configured(|server| {
        let configuration = Configuration::with(kind, server, "app1");
        fs::write(configuration.folder().join("secret"), text).expect("a file");
        configuration
    });
    setup.set("connection1", lines)
}

fn write(pbx: &Pbx, text: &str) {
    fs::write(pbx.configuration.folder().join("secret"), text).expect("a file");
}

#[track_caller]
fn says(head: &str, line: &str) {
    assert!(head.contains(&format!("\r\n{line}\r\n")), "{head}");
}

#[test]
fn a_password_in_a_file_is_read_at_each_attempt() {
    let pbx = with_file("persistent", "password =\npassword_file = secret", "fromfile\n").load();
    let attempt = pbx.server.attempt();
    says(&attempt.head, "Authorization: Basic bXl1c2VyOmZyb21maWxl");
    write(&pbx, "another\n");
    attempt.answer("HTTP/1.1 503 Later\r\n\r\n");
    says(&pbx.server.attempt().head, "Authorization: Basic bXl1c2VyOmFub3RoZXI=");
}

#[test]
fn a_token_in_a_file_is_read_at_each_attempt() {
    let pbx = with_file(
        "persistent",
        "password =\nusername =\nbearer_token_file = secret",
        "one\r\nmore",
    )
    .load();
    let attempt = pbx.server.attempt();
    says(&attempt.head, "Authorization: Bearer one");
    write(&pbx, "two");
    attempt.answer("HTTP/1.1 503 Later\r\n\r\n");
    says(&pbx.server.attempt().head, "Authorization: Bearer two");
}

#[test]
fn headers_in_a_file_are_read_at_each_attempt() {
    let pbx = with_file(
        "persistent",
        "header = X-Own: 1\nheader_file = secret",
        "X-One: 1\n\nX-Two: 2\n",
    )
    .load();
    let attempt = pbx.server.attempt();
    says(&attempt.head, "X-Own: 1\r\nX-One: 1\r\nX-Two: 2");
    write(&pbx, "X-Three: 3");
    attempt.answer("HTTP/1.1 503 Later\r\n\r\n");
    says(&pbx.server.attempt().head, "X-Own: 1\r\nX-Three: 3");
}

#[test]
fn a_token_that_was_renewed_since_is_tried_at_once() {
    let lines = "password =\nusername =\nbearer_token_file = secret\nreconnect_interval = 86400000\nreconnect_attempts = 1";
    let pbx = with_file("per_call_config", lines, "old").load();
    let starting = pbx.stasis_start_async("app1", "1", "Test/1");
    let attempt = pbx.server.attempt();
    says(&attempt.head, "Authorization: Bearer old");
    write(&pbx, "new");
    attempt.answer(UNAUTHORIZED);
    let attempt = pbx.server.attempt();
    says(&attempt.head, "Authorization: Bearer new");
    let _connection = attempt.upgrade();
    assert!(starting.recv().expect("an end").is_ok());
}

#[test]
fn a_token_is_tried_again_once_and_only_if_it_is_another() {
    let lines = "password =\nusername =\nbearer_token_file = secret\nreconnect_attempts = 1";
    let pbx = with_file("per_call_config", lines, "old").load();
    let starting = pbx.stasis_start_async("app1", "1", "Test/1");
    pbx.server.attempt().answer(UNAUTHORIZED);
    assert!(starting.recv().expect("an end").is_err());
    let starting = pbx.stasis_start_async("app1", "2", "Test/2");
    for token in ["new", "newer"] {
        let attempt = pbx.server.attempt();
        write(&pbx, token);
        attempt.answer(UNAUTHORIZED);
    }
    assert!(starting.recv().expect("an end").is_err());
    assert!(pbx.server.is_quiet());
    pbx.wait_for_log("check the token in bearer_token_file");
}

#[test]
fn an_attempt_without_its_file_fails_and_says_so() {
    let pbx = with_file("persistent", "password =\nusername =\nbearer_token_file = secret", "one").load();
    let attempt = pbx.server.attempt();
    fs::remove_file(pbx.configuration.folder().join("secret")).expect("a file");
    attempt.answer("HTTP/1.1 503 Later\r\n\r\n");
    pbx.wait_for_log("secrets: bearer_token_file: the file cannot be read: No such file or directory");
    write(&pbx, "two");
    says(&pbx.server.attempt().head, "Authorization: Bearer two");
}

/// A per-call client with further lines, of a host that evaluates each expression to the same.
fn calling(lines: &str, value: &'static str) -> Setup {
    let host = Host::giving(&[TextKind::Expand], move |_| Some(value.into()));
    Pbx::per_call("app1").host(host).set("connection1", lines)
}

fn uri(setup: Setup, path_and_query: &str) -> Setup {
    let line = format!("uri = ws://{}{path_and_query}", setup.server().address());
    setup.set("connection1", &line)
}

#[test]
fn the_server_is_told_of_the_call_in_uri_and_headers() {
    let setup = calling("header = X-From: <${CALLERID(num)}> {connection}", "+49 1");
    let pbx = uri(setup, "/{app}/{channel_id}?name={channel_name}&from=${CALLERID(num)}").load();
    let _starting = pbx.stasis_start_async("app1", "1.2", "Test/a b");
    let head = pbx.server.attempt().head;
    assert!(
        head.starts_with("GET /app1/1.2?name=Test%2Fa%20b&from=%2B49%201 HTTP/1.1\r\n"),
        "{head}"
    );
    says(&head, "X-From: <+49 1> connection1");
    let asked = Asked::Expand("1.2".into(), "${CALLERID(num)}".into());
    pbx.wait_for_call(&Call::Text(asked));
}

#[test]
fn values_cannot_leave_their_place_in_a_uri() {
    let pbx = uri(calling("", "?&#%/\r\nX: y \0é{app}"), "/ari?from=${X}&to=1").load();
    let _starting = pbx.stasis_start_async("app1", "1", "Test/1");
    let head = pbx.server.attempt().head;
    let encoded = "%3F%26%23%25%2F%0D%0AX%3A%20y%20%00%C3%A9%7Bapp%7D";
    assert!(
        head.starts_with(&format!("GET /ari?from={encoded}&to=1 HTTP/1.1\r\n")),
        "{head}"
    );
}

/// The start fails without an attempt, for this reason, and the log does not have the value.
fn is_refused(pbx: &Pbx, reason: &str) {
    let refused = pbx.stasis_start("app1", "1", "Test/1");
    assert!(refused.is_err());
    let line = pbx.wait_for_log("does not enter Stasis(app1)");
    assert!(line.contains(reason) && !line.contains("hush"), "{line}");
    assert!(pbx.server.is_quiet());
}

#[test]
fn control_characters_in_a_header_refuse_the_start() {
    for value in ["hush\r\nX-Admin: 1", "hush\n", "\0hush", "hush\t", "hush\u{7f}"] {
        let pbx = calling("header = X-From: ${X}", value).load();
        is_refused(&pbx, "${X} has control characters, which may not stand in the header X-From");
    }
}

#[test]
fn a_value_cannot_make_another_path_of_the_uri() {
    for (value, path) in [("..", "/calls/${X}"), (".", "/${X}./ari?x"), (".", "/a/${X}")] {
        is_refused(&uri(calling("", value), path).load(), "for another path");
    }
    let pbx = uri(calling("", ".."), "/ari?from=/${X}").load();
    let _starting = pbx.stasis_start_async("app1", "1", "Test/1");
    assert!(pbx.server.attempt().head.starts_with("GET /ari?from=/.. HTTP"));
}

#[test]
fn a_value_of_any_length_is_not_sent() {
    let long: &str = Box::leak("x".repeat(8193).into_boxed_str());
    is_refused(&uri(calling("", long), "/${X}").load(), "${X} has more than 8192 bytes");
}

#[test]
fn an_expression_that_fails_refuses_the_start() {
    let host = Host::giving(&[TextKind::Expand], |_| None);
    let pbx = Pbx::per_call("app1").host(host).set("connection1", "header = X: ${X}").load();
    is_refused(&pbx, "the PBX did not evaluate ${X}");
}

#[test]
fn values_are_evaluated_once_a_call() {
    let lines = "reconnect_attempts = 10\nheader = X-One: ${X}\nheader = X-Two: ${X}";
    let pbx = calling(lines, "1").load();
    let starting = pbx.stasis_start_async("app1", "1", "Test/1");
    let attempt = pbx.server.attempt();
    says(&attempt.head, "X-One: 1\r\nX-Two: 1");
    attempt.answer("HTTP/1.1 503 Later\r\n\r\n");
    let attempt = pbx.server.attempt();
    says(&attempt.head, "X-One: 1");
    let connection = attempt.upgrade();
    assert!(starting.recv().expect("an end").is_ok());
    connection.reset();
    says(&pbx.server.attempt().head, "X-One: 1");
    let calls = pbx.host.calls();
    assert_eq!(calls.iter().filter(|call| matches!(call, Call::Text(_))).count(), 1);
}

#[test]
fn a_host_that_evaluates_nothing_loads_no_client_with_expressions() {
    let mut pbx = Pbx::per_call("app1").load();
    let report = pbx.change("connection1", "header = X: ${X}");
    let told = report.iter().find(|line| line.message.contains("this host evaluates none"));
    assert!(told.is_some(), "{report:#?}");
}

#[test]
fn a_test_of_a_connection_has_values_of_no_call() {
    let pbx = uri(calling("header = X: {app} ${X}", "1"), "/{channel_id}").load();
    let handle = pbx.handle();
    let testing = std::thread::spawn(move || handle.command("ari test outbound-websocket connection1"));
    let attempt = pbx.server.attempt();
    assert!(attempt.head.starts_with("GET /test HTTP/1.1\r\n"), "{}", attempt.head);
    says(&attempt.head, "X: test test");
    drop(attempt);
    testing.join().expect("an end");
}

/// A call's open connection, whose client has further lines.
fn call(lines: &str) -> (Pbx, Connection) {
    let pbx = Pbx::per_call("app1,app2").set("connection1", lines).load();
    let starting = pbx.stasis_start_async("app1", "1", "Test/a b:1");
    let connection = pbx.accept();
    assert!(starting.recv().expect("an end").is_ok());
    (pbx, connection)
}

fn asks(connection: &mut Connection, uri: &str) {
    connection.send(&request("1", "POST", uri));
}

#[test]
fn the_configured_name_of_an_application_means_that_of_the_call() {
    let (pbx, mut connection) = call("own_app_alias = yes\nrequest_concurrency = 8");
    asks(&mut connection, "channels?endpoint=app1&app=app1");
    let parameters = pbx.wait_for_request("channels").parameters;
    assert_eq!(
        parameters,
        [("endpoint".into(), "app1".into()), ("app".into(), "app1:Test/a b:1".into())]
    );
    asks(&mut connection, "channels/7/move?app=app2");
    assert_eq!(
        pbx.wait_for_request("channels/7/move").parameters,
        [("app".into(), "app2".into())]
    );
    asks(&mut connection, "applications/app1/subscription?eventSource=device:x");
    pbx.wait_for_request("applications/app1%3ATest%2Fa%20b%3A1/subscription");
}

#[test]
fn the_answer_has_the_path_that_was_asked_for() {
    let (pbx, mut connection) = call("own_app_alias = yes");
    asks(&mut connection, "applications/app1");
    let request = pbx.wait_for_request("applications/app1%3ATest%2Fa%20b%3A1");
    pbx.complete(request.id, 200, Some("{}"));
    connection.summary();
    assert_eq!(connection.json()["uri"], "applications/app1");
}

#[test]
fn without_own_app_alias_names_mean_what_they_say() {
    let (pbx, mut connection) = call("");
    asks(&mut connection, "channels?app=app1");
    assert_eq!(pbx.wait_for_request("channels").parameters, [("app".into(), "app1".into())]);
}

#[test]
fn detail_tells_what_the_server_is_told() {
    let setup = Pbx::configured(|server| {
        let configuration = Configuration::with("per_call_config", server, "app1");
        fs::write(configuration.folder().join("secret"), "hush").expect("a file");
        configuration
    });
    let lines = "header = X: {app} ${X} {app}\npassword =\npassword_file = secret\nown_app_alias = yes";
    let host = Host::giving(&[TextKind::Expand], |_| None);
    let pbx = setup.host(host).set("connection1", lines).load();
    let detail = pbx.command("ari show outbound-websocket connection1 detail").1;
    let told = |name: &str, value: &str| {
        let line = detail.lines().find(|line| line.trim_start().starts_with(name));
        assert!(line.is_some_and(|line| line.ends_with(value)), "{name}: {detail}");
    };
    told("call_data", "{app}, ${X}");
    told("password_file", "/secret");
    told("own_app_alias", "yes");
    assert!(!detail.contains("hush"), "{detail}");
}
