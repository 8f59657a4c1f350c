//! Sections and types: what becomes an object, and what is wrong with it as a whole.

use crate::{ARI, CLIENT, Files, config, errors_of, reading};

#[test]
fn the_order_of_sections_does_not_matter() {
    let (general, connection) = ARI.split_at(ARI.find("[connection1]").unwrap());
    let config = config(&format!("{connection}{general}"), CLIENT);
    assert!(config.connections["connection1"].is_valid());
}

#[test]
fn many_owners_of_an_application_are_not_all_named() {
    let mut ari = ARI.to_owned();
    for number in 2..9 {
        let section = ARI.split_at(ARI.find("[connection1]").unwrap()).1;
        ari.push_str(&section.replace("connection1", &format!("connection{number}")));
    }
    let reading = reading(&ari, CLIENT);
    let fault = reading.config.connections["connection1"].apps_fault.clone().unwrap();
    assert!(
        fault.ends_with("connection2 and connection3 and connection4 and 4 more"),
        "{fault}"
    );
}

#[test]
fn a_user_whom_no_host_could_authenticate_marks_its_connections() {
    let fault = |name: &str, password: &str| {
        let ari = ARI
            .replace("[user1]", &format!("[{name}]"))
            .replace("local_ari_user = user1", &format!("local_ari_user = {name}"))
            .replace("userpass", password);
        let reading = reading(&ari, CLIENT);
        reading.config.connections["connection1"].user_fault.clone()
    };
    assert_eq!(fault("user1", &"x".repeat(249)), None);
    assert_eq!(
        fault("user1", &"x".repeat(250)).as_deref(),
        Some("name and password of user user1 have 255 bytes together, of which 254 count")
    );
    assert_eq!(
        fault("user:1", "x").as_deref(),
        Some("what follows the colon in the name of user user:1 would be the password")
    );
}

#[test]
fn a_user_may_have_an_access_list() {
    let ari = ARI.replace("userpass", "a:b\ndeny = 0.0.0.0/0\npermit = 10.0.0.0/8\nacl = x");
    assert_eq!(config(&ari, CLIENT).users["user1"].password.reveal(), "a:b");
}

#[test]
fn what_asterisk_does_not_know_of_general_may_stand_in_ari_outbound_conf() {
    let files = Files::new(ARI, CLIENT);
    let text = "[general](+)\nqueue_max_total_bytes = 1048576\n";
    files.write("ari_outbound.conf", text);
    let reading = files.read();
    assert_eq!(reading.problems, []);
    assert_eq!(reading.config.general.queue_max_total_bytes, Some(1 << 20));
    assert!(reading.config.general.enabled);
}

#[test]
fn an_error_in_general_harms_no_connection() {
    for line in [
        "foo = bar",
        "pretty = maybe",
        "websocket_write_timeout = abc",
        "queue_max_total_bytes = 1000",
        "[general]",
    ] {
        let reading = reading(&ARI.replace("enabled = yes", &format!("enabled = no\n{line}")), CLIENT);
        assert_eq!(errors_of(&reading, "general").len(), 1, "{line}");
        assert!(reading.config.general.enabled, "{line}");
        assert!(reading.config.connections["connection1"].is_valid(), "{line}");
    }
}
