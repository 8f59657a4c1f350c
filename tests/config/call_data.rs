//! Values of a call in `uri` and `header`: where they may stand.

use ariws::config::{Source, read_from};

use crate::{ARI, CLIENT, Files, client_errors, client_is_refused, errors_of};

/// Lines of a per-call client.
fn per_call(lines: &str) -> String {
    format!("connection_type = per_call_config\n{lines}")
}

#[test]
fn values_of_a_call_are_for_per_call_clients() {
    for lines in [
        "uri = ws://h/{app}",
        "header = X-From: ${CALLERID(num)}",
        "header = X-Channel: {channel_id}",
    ] {
        let problem = client_is_refused(lines);
        assert!(problem.message.contains("connection_type = per_call_config"), "{problem}");
        assert_eq!(client_errors(&per_call(lines)), []);
    }
}

#[test]
fn expressions_are_for_hosts_that_evaluate_them() {
    let lines = per_call("header = X-App: {app}\nheader = X-From: ${CALLERID(num)}\nheader = X-More: 1\n");
    let files = Files::new(ARI, &format!("{CLIENT}{lines}"));
    let directory = files.directory.path();
    let read = |expands| {
        read_from(
            &Source {
                expands,
                ..Source::folder(directory)
            },
            None,
        )
        .expect("files that can be parsed")
    };
    assert_eq!(errors_of(&read(true), "client1"), []);
    let errors = errors_of(&read(false), "client1");
    assert_eq!(
        (errors.len(), errors[0].key.as_str(), errors[0].line),
        (1, "header", 7),
        "{errors:?}"
    );
    assert!(
        errors[0].message.starts_with("${CALLERID(num)} is an expression"),
        "{}",
        errors[0]
    );
}

#[test]
fn an_unknown_value_is_refused_with_a_suggestion() {
    for (line, key) in [("uri = ws://h/{channelname}", "uri"), ("header = X: {channelname}", "header")] {
        let problem = client_is_refused(&per_call(line));
        assert_eq!(problem.key, key);
        assert!(problem.message.contains("perhaps {channel_name} is meant"), "{problem}");
    }
}

#[test]
fn values_stand_in_path_and_query_only() {
    for uri in ["ws://{app}/", "ws://h:{app}/", "ws://u:{app}@h/"] {
        let problem = client_is_refused(&per_call(&format!("uri = {uri}")));
        assert!(problem.message.contains("in the path and in the query only"), "{problem}");
    }
}

#[test]
fn braces_that_stand_for_themselves_are_for_every_client() {
    let client = crate::client("header = X-Json: {\"a\":{\"b\":1}}\nheader = X-Name: {{app}");
    let values: Vec<_> = client.headers.iter().map(|(_, value)| value.as_fixed()).collect();
    assert_eq!(values, [Some("{\"a\":{\"b\":1}}"), Some("{app}")]);
}
