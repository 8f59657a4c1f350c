//! What goes to the server in the upgrade request: logins, subprotocols, headers.

use std::fs;

use crate::{ARI, CLIENT, Files, client, client_errors, client_is_refused, config, errors_of};

#[test]
fn headers_may_be_repeated() {
    let client = client("header = X-One: 1\nheader = X-Two:two: 2\nheader = X-One: 3\nheader = X-Empty:");
    let headers: Vec<_> = client
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_fixed().unwrap()))
        .collect();
    let expected = [("X-One", "1"), ("X-Two", "two: 2"), ("X-One", "3"), ("X-Empty", "")];
    assert_eq!(headers, expected);
}

#[test]
fn headers_of_the_upgrade_are_refused() {
    for header in [
        "Host: x",
        "UPGRADE: x",
        "Connection: x",
        "Sec-WebSocket-Key: x",
        "sec-websocket-anything: x",
        "Transfer-Encoding: chunked",
        "Content-Length: 0",
        "Expect: 100-continue",
        "User-Agent: x",
        "no colon",
        ": x",
        "two words: x",
        "X: a\rb",
        "",
    ] {
        client_is_refused(&format!("header = {header}"));
    }
}

#[test]
fn an_authorization_header_stands_for_a_login() {
    let client = client("header = Authorization: Bearer x");
    assert_eq!(client.headers.len(), 1);
}

#[test]
fn a_second_authorization_is_refused() {
    let header = "header = Authorization: Bearer x";
    for (lines, line) in [
        (format!("username = u\npassword = p\n{header}"), 7),
        (format!("uri = ws://u:p@h/\n{header}"), 6),
        (format!("{header}\nheader = AUTHORIZATION: Bearer y"), 6),
    ] {
        let problem = client_is_refused(&lines);
        assert_eq!((problem.line, problem.key.as_str()), (line, "header"));
        assert!(problem.message.ends_with("remove one"), "{problem}");
    }
}

#[test]
fn subprotocols_are_names_with_commas_between_them() {
    for text in ["ari", "ari, other", "v2.ari.example,x", "!#$%&'*+-.^_`|~", ""] {
        assert_eq!(client(&format!("protocols = {text}")).protocols, text);
    }
}

#[test]
fn subprotocols_that_no_server_could_take_are_refused_with_a_remedy() {
    for (text, words) in [
        ("ari other", "the value is no name of a subprotocol"),
        ("ari/1", "the value is no name of a subprotocol"),
        ("\"ari\"", "the value is no name of a subprotocol"),
        ("ärger", "the value is no name of a subprotocol"),
        ("ari,,other", "remove the comma"),
        (",ari", "remove the comma"),
        ("ari,", "remove the comma"),
        ("ari, other, ari", "\"ari\" stands twice; remove one"),
    ] {
        let problem = client_is_refused(&format!("protocols = {text}"));
        let shown = problem.to_string();
        assert!(shown.contains(words), "{shown}");
        let place = "websocket_client.conf:5: [client1] protocols: ";
        assert!(shown.contains(place), "{shown}");
    }
}

#[test]
fn control_characters_may_not_reach_the_wire() {
    for key in [
        "username",
        "password",
        "protocols",
        "proxy_host",
        "proxy_username",
        "proxy_password",
        "uri",
    ] {
        for text in ["a\rb", "a\0b", "a\u{7f}b"] {
            let problems = client_errors(&format!("{key} = {text}"));
            assert!(problems.iter().any(|problem| problem.key == key), "{key} {text:?}");
        }
    }
    for text in ["X: a\rb", "X: a\0b", "X\0Y: a", "X: a\u{7f}b"] {
        let problems = client_errors(&format!("header = {text}"));
        assert_eq!(problems[0].key, "header", "{text:?}");
    }
}

#[test]
fn debug_output_of_a_configuration_has_stars_for_secrets() {
    let ari = ARI.replace("userpass", "hush-user");
    let lines = "uri = wss://ann:hush-uri@h\nusername = u\npassword = hush-plain\n\
        proxy_host = p:1\nproxy_username = ann\nproxy_password = hush-proxy\n\
        header = X-Token: hush-token\n";
    let config = config(&ari, &format!("{CLIENT}{lines}"));
    let text = format!("{config:?}");
    assert!(text.contains("X-Token") && text.contains("********"), "{text}");
    assert!(!text.contains("hush"), "{text}");
}

#[test]
fn the_first_line_of_a_file_may_be_the_password() {
    let lines = "username = u\npassword_file = secret";
    let files = Files::new(ARI, &format!("{CLIENT}{lines}\n"));
    for text in ["hush", "hush\n", "hush\r\nmore\n"] {
        files.write("secret", text);
        let reading = files.read();
        assert_eq!(reading.problems, []);
        let client = &reading.config.clients["client1"];
        assert_eq!(client.secret_files.password, Some(files.path("secret")));
    }
    for key in ["password_file", "bearer_token_file"] {
        files.write("websocket_client.conf", format!("{CLIENT}{key} = secret\n"));
        for text in [&b""[..], b"\nhush", b"a\0b", b"\xe9", &[b'x'; 100_000]] {
            files.write("secret", text);
            is_refused(&files, key);
        }
        fs::remove_file(files.path("secret")).unwrap();
        is_refused(&files, key);
    }
}

/// The only error is that of a parameter in the line behind the usual ones.
#[track_caller]
fn is_refused(files: &Files, key: &str) {
    let reading = files.read();
    assert!(reading.config.clients.is_empty());
    let errors = errors_of(&reading, "client1");
    assert_eq!(
        (errors.len(), errors[0].key.as_str(), errors[0].line),
        (1, key, 5),
        "{errors:?}"
    );
}

#[test]
fn a_file_with_headers_is_looked_at_when_the_configuration_is_read() {
    let files = Files::new(ARI, &format!("{CLIENT}header_file = headers\n"));
    files.write("headers", "X-One: 1\r\n\nX-Two:\nAuthorization: Bearer x\n");
    assert!(files.read().config.clients.contains_key("client1"));
    for text in ["none", "X: a\0b", "Host: x", "Authorization: a\nauthorization: b"] {
        files.write("headers", text);
        is_refused(&files, "header_file");
    }
    let message = &errors_of(&files.read(), "client1")[0].message;
    assert!(message.starts_with("line 2 of the file: "), "{message}");
}

#[test]
fn a_token_is_no_second_authorization() {
    let files = Files::new(ARI, "");
    files.write("token", "hush");
    files.write("headers", "Authorization: x");
    for (lines, key) in [
        ("username = u\npassword = p\nbearer_token_file = token", "bearer_token_file"),
        ("bearer_token_file = token\nheader = Authorization: x", "header"),
        ("bearer_token_file = token\nheader_file = headers", "header_file"),
        ("header = Authorization: x\nheader_file = headers", "header_file"),
    ] {
        files.write("websocket_client.conf", format!("{CLIENT}{lines}\n"));
        let errors = errors_of(&files.read(), "client1");
        assert_eq!((errors.len(), errors[0].key.as_str()), (1, key), "{lines}: {errors:?}");
        assert!(errors[0].message.ends_with("remove one"), "{}", errors[0]);
    }
}

#[test]
fn a_variable_may_be_the_password() {
    // Cargo sets this one for every test.
    let client = client("username = u\npassword_env = CARGO_PKG_NAME");
    assert_eq!(client.password.as_ref().unwrap().reveal(), "ariws");
    for name in ["ARIWS_SURELY_NOT_SET", "a=b"] {
        let problems = client_errors(&format!("password_env = {name}"));
        assert_eq!(problems[0].key, "password_env");
    }
}

#[test]
fn a_password_has_one_source() {
    client_is_refused("password = a\npassword_env = CARGO_PKG_NAME");
    client_is_refused("password_file = a\npassword_env = b");
}
