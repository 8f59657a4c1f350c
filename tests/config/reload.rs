//! What a reload keeps.

use std::fs;
use std::sync::Arc;

use crate::{ARI, CLIENT, Files, errors_of};

#[test]
fn what_did_not_change_is_the_same_object() {
    let files = Files::new(ARI, CLIENT);
    let before = files.read().config;
    files.write("ari.conf", format!("; a comment\n{ARI}"));
    let after = files.reread(&before).config;
    assert!(Arc::ptr_eq(
        &before.connections["connection1"],
        &after.connections["connection1"]
    ));
    assert!(Arc::ptr_eq(&before.users["user1"], &after.users["user1"]));
    assert!(Arc::ptr_eq(&before.clients["client1"], &after.clients["client1"]));
}

#[test]
fn a_rejected_object_stays_as_it_was() {
    let files = Files::new(ARI, CLIENT);
    let before = files.read().config;
    for (section, ari, client) in [
        ("connection1", "apps = a,,b", ""),
        ("connection1", "subscribe_all = maybe", ""),
        ("connection1", "websocket_client_id = ghost", ""),
        ("user1", "[user1](+)\npassword =", ""),
        ("client1", "", "uri ="),
        ("client1", "", "foo = bar"),
        ("client1", "", "connection_timeout = -1"),
    ] {
        files.write("ari.conf", format!("{ARI}{ari}\n"));
        files.write("websocket_client.conf", format!("{CLIENT}{client}\n"));
        let reading = files.reread(&before);
        let problems = errors_of(&reading, section);
        assert!(problems[0].kept, "{}", problems[0]);
        assert!(problems[0].to_string().ends_with("what was loaded before stays in effect"));
        assert_eq!(reading.config, before, "{}", problems[0]);
    }
}

#[test]
fn a_rejected_object_that_is_new_is_not_kept() {
    let before = Files::new("", "").read().config;
    let reading = Files::new(ARI, &format!("{CLIENT}foo = bar\n")).reread(&before);
    assert!(reading.problems.iter().all(|problem| !problem.kept));
    assert!(reading.config.clients.is_empty() && reading.config.connections.is_empty());
}

#[test]
fn a_missing_or_misspelt_type_is_no_deletion() {
    let files = Files::new(ARI, CLIENT);
    let before = files.read().config;
    for kind in ["user", "outbound_websocket", "websocket_client"] {
        for replacement in ["type = nonsense", "@type = x"] {
            let kind = format!("type = {kind}\n");
            let replacement = format!("{replacement}\n");
            files.write("ari.conf", ARI.replace(&kind, &replacement));
            files.write("websocket_client.conf", CLIENT.replace(&kind, &replacement));
            let reading = files.reread(&before);
            assert_eq!(reading.config, before, "{kind}");
            assert_eq!(reading.problems.len(), 1, "{:?}", reading.problems);
            assert!(reading.problems[0].kept, "{kind}");
        }
    }
}

#[test]
fn a_missing_section_is_a_deletion() {
    let files = Files::new(ARI, CLIENT);
    let before = files.read().config;
    files.write("ari.conf", ARI.split_at(ARI.find("[connection1]").unwrap()).0);
    let reading = files.reread(&before);
    assert_eq!(reading.problems, []);
    assert!(reading.config.connections.is_empty());
    files.write("ari.conf", "");
    assert!(files.reread(&before).config.users.is_empty());
}

#[test]
fn a_connection_outlives_its_client_section() {
    let files = Files::new(ARI, CLIENT);
    let before = files.read().config;
    files.write("websocket_client.conf", "");
    let reading = files.reread(&before);
    assert!(errors_of(&reading, "connection1")[0].kept);
    assert!(reading.config.clients.is_empty());
    let connection = &reading.config.connections["connection1"];
    assert!(Arc::ptr_eq(connection, &before.connections["connection1"]));
    // Once more, as the client is not among those loaded before any longer.
    assert_eq!(files.reread(&reading.config).config, reading.config);
}

#[test]
fn a_file_that_cannot_be_parsed_changes_nothing_and_says_so() {
    let files = Files::new(ARI, CLIENT);
    let before = files.read().config;
    files.write("ari.conf", "[connection1");
    files.write("websocket_client.conf", CLIENT.replace("9100", "9101"));
    let problems = files.try_read(Some(&before)).unwrap_err();
    assert!(problems.iter().all(|problem| problem.kept));
    fs::remove_file(files.path("ari.conf")).unwrap();
    assert!(files.try_read(Some(&before)).unwrap_err()[0].kept);
    assert!(!files.try_read(None).unwrap_err()[0].kept);
}

#[test]
fn a_missing_websocket_client_conf_deletes_no_client() {
    let files = Files::new(ARI, CLIENT);
    let before = files.read().config;
    fs::remove_file(files.path("websocket_client.conf")).unwrap();
    let problems = files.try_read(Some(&before)).unwrap_err();
    assert_eq!(
        files.shown(&problems),
        ["websocket_client.conf: the file is missing; create it; \
             what was loaded before stays in effect"]
    );
}

#[test]
fn clients_may_move_to_ari_outbound_conf_and_be_deleted_there() {
    let files = Files::new(ARI, CLIENT);
    let before = files.read().config;
    fs::remove_file(files.path("websocket_client.conf")).unwrap();
    files.write("ari_outbound.conf", CLIENT);
    let moved = files.reread(&before);
    assert_eq!((&moved.config, &moved.problems[..]), (&before, &[][..]));
    files.write("ari.conf", "[user1]\ntype = user\npassword = x\n");
    files.write("ari_outbound.conf", "");
    assert!(files.reread(&moved.config).config.clients.is_empty());
}

#[test]
fn a_misspelt_type_in_ari_outbound_conf_is_no_deletion_of_a_client() {
    let files = Files::new(ARI, "");
    files.write("ari_outbound.conf", CLIENT);
    let before = files.read().config;
    files.write("ari_outbound.conf", CLIENT.replace("websocket_client", "websocket_klient"));
    let reading = files.reread(&before);
    assert_eq!(reading.config, before);
    assert_eq!(
        files.shown(&reading.problems),
        [
            "ari_outbound.conf:2: [client1] type: there is no such type; write type = websocket_client; \
             what was loaded before stays in effect"
        ]
    );
}

#[test]
fn without_websocket_client_conf_the_users_can_be_reloaded() {
    let files = Files::new("[user1]\ntype = user\npassword = x\n", "");
    fs::remove_file(files.path("websocket_client.conf")).unwrap();
    let before = files.read().config;
    files.write("ari.conf", "[user2]\ntype = user\npassword = x\n");
    assert!(files.reread(&before).config.users.keys().eq(["user2"]));
}

#[test]
fn an_error_in_general_keeps_what_it_said_before() {
    let files = Files::new(&ARI.replace("enabled = yes", "enabled = no"), CLIENT);
    let before = files.read().config;
    for line in ["enabled = maybe", "enabled = yes\nfoo = bar", "[general]"] {
        files.write("ari.conf", ARI.replace("enabled = yes", line));
        let reading = files.reread(&before);
        assert!(!reading.config.general.enabled, "{line}");
        assert!(errors_of(&reading, "general")[0].kept, "{line}");
    }
}

#[test]
fn a_fault_of_a_connection_that_stayed_is_found_anew() {
    let files = Files::new(ARI, CLIENT);
    let before = files.read().config;
    files.write("ari.conf", format!("{}apps = a,,b\n", ARI.replace("[user1]", "[user2]")));
    let reading = files.reread(&before);
    let connection = &reading.config.connections["connection1"];
    assert_eq!(connection.apps, ["app1"]);
    assert_eq!(connection.user_fault.as_deref(), Some("there is no user user1"));
    files.write("ari.conf", format!("{ARI}apps = a,,b\n"));
    let reading = files.reread(&reading.config);
    assert!(reading.config.connections["connection1"].is_valid());
}

#[test]
fn an_application_may_move_between_connections_in_one_reload() {
    let section = ARI.split_at(ARI.find("[connection1]").unwrap()).1;
    let second = section.replace("connection1", "connection2").replace("app1", "app2");
    let files = Files::new(&format!("{ARI}{second}"), CLIENT);
    let before = files.read().config;
    let swapped = format!("{ARI}{second}")
        .replace("app1", "app3")
        .replace("app2", "app1")
        .replace("app3", "app2");
    files.write("ari.conf", swapped);
    let reading = files.reread(&before);
    assert_eq!(reading.problems, []);
    assert_eq!(reading.config.connections["connection2"].apps, ["app1"]);
}
