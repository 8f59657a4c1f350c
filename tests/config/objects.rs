//! Sections and types: what becomes an object, and what is wrong with it as a whole.

use ariws::config::{PasswordFormat, Severity};

use crate::{
    ARI, CLIENT, Files, client_reading, config, connection, connection_is_refused, connection_reading, errors_of, reading,
    warnings,
};

#[test]
fn the_sample_of_the_documentation_is_read() {
    let ari = "[general]\nenabled = yes\npretty = no\nallowed_origins = *\n\
        websocket_write_timeout = 100\n[ari_user]\ntype = user\nread_only = no\n\
        password = mypassword\n[connection1]\ntype = outbound_websocket\n\
        websocket_client_id = ari_persistent\napps = app1, app2\nsubscribe_all = yes\n\
        local_ari_user = ari_user\n";
    let client = "[ari_persistent]\ntype = websocket_client\nuri = wss://some.appserver.net\n\
        protocols = ari\nusername = some_user\npassword = some_users_password\n\
        connection_type = per_call_config\nconnection_timeout = 500\nreconnect_interval = 500\n\
        reconnect_attempts = 5\ntls_enabled = yes\nverify_server_cert = no\n\
        verify_server_hostname = no\n";
    let reading = reading(ari, client);
    let [warning] = &warnings(&reading)[..] else {
        panic!("{:?}", reading.problems);
    };
    assert!(warning.contains("neither the server's certificate nor its name"));
    let config = reading.config;
    let connection = &config.connections["connection1"];
    assert_eq!(connection.apps, ["app1", "app2"]);
    assert_eq!(connection.apps_as_written, "app1, app2");
    assert!(connection.subscribe_all);
    assert_eq!(connection.client.port(&connection.client.servers[0]), 443);
    assert_eq!(connection.client.reconnect_attempts, 5);
    assert_eq!(config.general.websocket_write_timeout.unwrap().as_millis(), 100);
}

#[test]
fn the_key_of_a_type_may_be_in_capitals_and_its_value_not() {
    assert!(
        config(&ARI.replace("type =", "TYPE ="), CLIENT)
            .connections
            .contains_key("connection1")
    );
    let reading = reading(&ARI.replace("= outbound_websocket", "= OUTBOUND_WEBSOCKET"), CLIENT);
    assert!(reading.config.connections.is_empty());
    let problem = &errors_of(&reading, "connection1")[0];
    assert!(problem.message.ends_with("write type = outbound_websocket"), "{problem}");
    assert_eq!((problem.line, problem.key.as_str()), (7, "type"));
}

#[test]
fn a_missing_type_is_an_error() {
    let reading = reading(&ARI.replace("type = outbound_websocket\n", ""), CLIENT);
    let problem = &errors_of(&reading, "connection1")[0];
    assert!(problem.message.starts_with("the type is missing"), "{problem}");
    assert!(!problem.kept);
}

#[test]
fn of_several_types_the_first_counts() {
    let ari = ARI.replace("type = outbound_websocket", "type = user\ntype = outbound_websocket");
    let reading = reading(&ari, CLIENT);
    assert!(reading.config.connections.is_empty());
    assert!(!errors_of(&reading, "connection1").is_empty());
}

#[test]
fn two_sections_of_one_type_and_name_make_the_file_unusable() {
    let again = "[connection1]\ntype = outbound_websocket\napps = x\n";
    let problems = Files::new(&format!("{ARI}{again}"), CLIENT).refused();
    assert!(
        problems[0].starts_with("ari.conf:11: [connection1] another outbound_websocket"),
        "{problems:?}"
    );
    assert!(problems[0].contains("(line 6)"), "{problems:?}");
    let problems = Files::new(ARI, &format!("{CLIENT}{CLIENT}")).refused();
    assert!(problems[0].starts_with("websocket_client.conf:5: [client1]"), "{problems:?}");
}

#[test]
fn a_user_and_a_connection_may_have_one_name() {
    let ari = ARI.replace("connection1", "user1");
    let config = config(&ari, CLIENT);
    assert!(config.users.contains_key("user1"));
    assert!(config.connections.contains_key("user1"));
}

#[test]
fn a_template_is_no_object() {
    let ari = format!("{ARI}[t](!)\ntype = user\npassword = x\n[general](!)\nfoo = bar\n");
    assert_eq!(reading(&ari, CLIENT).config.users.len(), 1);
}

#[test]
fn the_order_of_sections_does_not_matter() {
    let (general, connection) = ARI.split_at(ARI.find("[connection1]").unwrap());
    let config = config(&format!("{connection}{general}"), CLIENT);
    assert!(config.connections["connection1"].is_valid());
}

#[test]
fn an_unknown_key_rejects_its_object_and_names_the_nearest() {
    for (key, expected) in [("app", "apps"), ("Subscribe_Al", "subscribe_all")] {
        let problem = connection_is_refused(&format!("{key} = x"));
        assert_eq!(problem.line, 11);
        let message = format!("there is no such parameter; perhaps {expected} is meant");
        assert_eq!(problem.message, message);
    }
    assert_eq!(
        connection_is_refused("foo = x").message,
        "there is no such parameter; remove it"
    );
}

#[test]
fn a_key_of_another_type_is_sent_where_it_belongs() {
    assert_eq!(
        connection_is_refused("uri = x").message,
        "it belongs in a section with type = websocket_client; move it there or remove it"
    );
}

#[test]
fn a_key_that_begins_with_an_at_sign_passes() {
    assert_eq!(connection("@note = x\n@a:b = c").apps, ["app1"]);
}

#[test]
fn required_parameters_are_required() {
    for key in ["websocket_client_id", "apps", "local_ari_user"] {
        let problem = connection_is_refused(&format!("{key} ="));
        assert_eq!(problem.key, key);
        let line = ARI.lines().find(|line| line.starts_with(key)).unwrap();
        let reading = reading(&ARI.replace(line, ""), CLIENT);
        assert_eq!(errors_of(&reading, "connection1")[0].line, 6);
    }
    for (old, new, section) in [
        ("password = userpass", "", "user1"),
        ("userpass", "", "user1"),
        ("uri =", "uri =;", "client1"),
    ] {
        let reading = reading(&ARI.replace(old, new), &CLIENT.replace(old, new));
        assert_eq!(errors_of(&reading, section).len(), 1);
    }
}

#[test]
fn a_client_that_does_not_exist_rejects_the_connection() {
    for name in ["ghost", "CLIENT1"] {
        let problem = connection_is_refused(&format!("websocket_client_id = {name}"));
        let expected = format!("no websocket client \"{name}\"");
        assert!(problem.message.contains(&expected), "{problem}");
    }
}

#[test]
fn an_application_in_two_connections_marks_both() {
    let more = "[connection2]\ntype = outbound_websocket\nwebsocket_client_id = client1\n\
        apps = other, \"app1\"\nlocal_ari_user = user1\n";
    let reading = connection_reading(more);
    let fault = |name: &str| reading.config.connections[name].apps_fault.clone().unwrap();
    assert_eq!(fault("connection1"), "application app1 is also in connection2");
    assert_eq!(fault("connection2"), "application app1 is also in connection1");
    let lines: Vec<u32> = reading.problems.iter().map(|problem| problem.line).collect();
    assert_eq!(lines, [9, 14]);
    assert!(reading.problems.iter().all(|problem| problem.severity == Severity::Error));
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
fn an_unknown_or_crypted_user_marks_the_connection() {
    for (line, expected) in [
        ("local_ari_user = ghost", "there is no user ghost"),
        ("local_ari_user = USER1", "there is no user USER1"),
        ("local_ari_user = \"user1\"", "there is no user \"user1\""),
    ] {
        let reading = connection_reading(line);
        let connection = &reading.config.connections["connection1"];
        assert_eq!(connection.user_fault.as_deref(), Some(expected));
        assert!(!connection.is_valid());
        assert_eq!(reading.problems[0].line, 11);
    }
    let ari = ARI.replace("userpass", "x\npassword_format = CRYPT");
    let reading = reading(&ari, CLIENT);
    assert_eq!(reading.config.users["user1"].password_format, PasswordFormat::Crypt);
    assert!(reading.config.connections["connection1"].user_fault.is_some());
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
fn a_rejected_user_marks_its_connections() {
    for line in ["foo = bar", "password_format = md5", "read_only = maybe"] {
        let ari = ARI.replace("type = user", &format!("type = user\n{line}"));
        let reading = reading(&ari, CLIENT);
        assert!(reading.config.users.is_empty(), "{line}");
        assert!(!reading.config.connections["connection1"].is_valid(), "{line}");
    }
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

#[test]
fn a_section_without_a_usable_name_is_no_object() {
    let reading = connection_reading("[]\ntype = user\npassword = x");
    assert_eq!(reading.config.users.len(), 1);
    assert_eq!(reading.problems[0].line, 11);
}

#[test]
fn plus_equal_on_applications_is_warned_about() {
    let reading = connection_reading("apps += second");
    assert_eq!(reading.config.connections["connection1"].apps, ["app1 second"]);
    assert!(warnings(&reading)[0].contains("+="));
}

#[test]
fn a_name_that_is_nearly_right_is_pointed_out() {
    let ari = ARI.replace("= client1", "= clent1");
    let problems = reading(&ari, CLIENT).problems;
    assert_eq!(
        problems[0].message,
        "there is no websocket client \"clent1\"; perhaps client1 is meant"
    );
    let ari = ARI.replace("local_ari_user = user1", "local_ari_user = usr1");
    let problems = reading(&ari, CLIENT).problems;
    assert_eq!(problems[0].message, "there is no user usr1; perhaps user1 is meant");
}

#[test]
fn what_is_named_and_has_an_error_is_told_from_what_is_not_there() {
    let problems = client_reading("foo = x").problems;
    assert_eq!(
        problems[0].message,
        "the websocket client \"client1\" has an error; mend that first"
    );
    let ari = ARI.replace("password = userpass\n", "");
    let problems = reading(&ari, CLIENT).problems;
    assert_eq!(problems[1].message, "user user1 has an error; mend that first");
}

#[test]
fn a_section_of_the_other_file_is_sent_there() {
    for (reading, right) in [
        (connection_reading(CLIENT), "websocket_client.conf"),
        (client_reading("[user2]\ntype = user"), "ari.conf"),
    ] {
        let remedy = format!("move it to {right}");
        assert!(reading.problems[0].message.ends_with(&remedy));
    }
}

#[test]
fn a_second_type_is_warned_about_unless_it_is_the_same() {
    let reading = client_reading("type = user\ntype = websocket_client");
    assert_eq!(warnings(&reading).len(), 1);
    assert!(reading.config.clients.contains_key("client1"));
}
