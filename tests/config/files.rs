//! Which files are read, and what they include.

use std::os::unix::fs::symlink;

use crate::{ARI, CLIENT, Files};

#[test]
fn ari_outbound_conf_continues_ari_conf() {
    let files = Files::new("[general]\n[base](!)\ntype = user\n[user1](base)\n", CLIENT);
    files.write("ari_outbound.conf", "password = x\n[user2](base)\npassword = y\n");
    let reading = files.read();
    assert_eq!(reading.problems, []);
    assert!(reading.config.users.keys().eq(["user1", "user2"]));
}

#[test]
fn ari_outbound_conf_that_is_included_is_read_once() {
    let files = Files::new("[general]\n#include ari_outbound.conf\n", CLIENT);
    files.write("ari_outbound.conf", "[user1]\ntype = user\npassword = x\n");
    let reading = files.read();
    assert_eq!(reading.problems, []);
    assert_eq!(reading.config.users.len(), 1);
}

#[test]
fn websocket_clients_may_stand_in_ari_outbound_conf() {
    let files = Files::new(ARI, "");
    files.write("ari_outbound.conf", CLIENT);
    let with_both = files.read();
    std::fs::remove_file(files.path("websocket_client.conf")).unwrap();
    let reading = files.read();
    assert_eq!(reading.problems, []);
    assert_eq!(reading.config.connections["connection1"].client.uri.host, "127.0.0.1");
    assert_eq!(with_both.config, reading.config);
}

#[test]
fn a_template_of_ari_outbound_conf_is_inherited_by_its_clients() {
    let files = Files::new(ARI, "");
    let template = "[base](!)\ntype = websocket_client\nconnection_type = per_call_config\n";
    files.write(
        "ari_outbound.conf",
        format!("{template}[client1](base)\nuri = ws://127.0.0.1:9100/ari\n"),
    );
    let reading = files.read();
    assert_eq!(reading.problems, []);
    assert!(reading.config.clients.keys().eq(["client1"]));
}

#[test]
fn a_client_in_both_files_is_refused() {
    let files = Files::new(ARI, CLIENT);
    files.write("ari_outbound.conf", format!("\n{CLIENT}"));
    let expected = "ari_outbound.conf:2: [client1] another websocket_client has this name (websocket_client.conf:1); \
                    rename or remove one of them";
    assert_eq!(files.refused(), [expected]);
}

#[test]
fn a_client_in_ari_conf_is_told_where_it_belongs() {
    let files = Files::new(&format!("{ARI}{CLIENT}"), "");
    let expected = "ari.conf:12: [client1] type: such a section has no place in this file; \
                    move it to websocket_client.conf or ari_outbound.conf";
    assert!(files.shown(&files.read().problems).iter().any(|text| text == expected));
}

#[test]
fn a_link_to_a_missing_file_is_no_missing_file() {
    for name in ["ari.conf", "ari_outbound.conf", "websocket_client.conf"] {
        let files = Files::new(ARI, CLIENT);
        let _ = std::fs::remove_file(files.path(name));
        symlink("nowhere.conf", files.path(name)).unwrap();
        let expected = format!("{name}: this is a link to a file that is missing; mend it");
        assert_eq!(files.refused(), [expected]);
    }
}

#[test]
fn empty_files_are_an_empty_configuration() {
    let reading = Files::new("", "").read();
    assert_eq!(reading.problems, []);
    assert_eq!(reading.config, ariws::config::Config::default());
}

#[test]
fn a_file_that_is_too_large_is_told_with_its_place() {
    let client = CLIENT.replace("ws://", "wss://");
    let named = "ca_list_file = LARGE\ncert_file = LARGE\nusername = u\npassword_file = LARGE\n";
    let files = Files::new(ARI, "");
    let path = files.path("large");
    let file = std::fs::File::create(&path).unwrap();
    file.set_len(1 << 40).unwrap();
    let named = named.replace("LARGE", path.to_str().unwrap());
    files.write("websocket_client.conf", client + &named);
    let problems = files.shown(&files.read().problems);
    let expected = [
        (8, "password_file", 64 << 10),
        (5, "ca_list_file", 16 << 20),
        (6, "cert_file", 1 << 20),
    ];
    for (line, key, limit) in expected {
        let place = format!("websocket_client.conf:{line}: [client1] {key}: ");
        let bound = format!("it is too large, at most {limit} bytes are read");
        let told = |text: &String| text.starts_with(&place) && text.contains(&bound);
        assert!(problems.iter().any(told), "{place}: {problems:#?}");
    }
    files.write("ari.conf", format!("{ARI}#include large\n"));
    let told = "ari.conf:11: large cannot be read: it is too large, at most ";
    assert!(files.refused()[0].starts_with(told));
}

#[test]
fn a_file_may_be_included_in_every_spelling() {
    for include in [
        "#include more.conf",
        "#include <more.conf>",
        "#include \"more.conf\" ; why",
        "  #INCLUDE\tmore.conf",
        "#tryinclude more.conf",
        "#include<more.conf>",
    ] {
        let files = Files::new(&format!("{ARI}{include}\n"), CLIENT);
        files.write("more.conf", "subscribe_all = yes\n");
        let reading = files.read();
        assert_eq!(reading.problems, [], "{include}");
        assert!(reading.config.connections["connection1"].subscribe_all, "{include}");
    }
}

#[test]
fn an_include_is_relative_to_the_file_it_stands_in() {
    let files = Files::new(&format!("{ARI}#include d/one.conf\n"), CLIENT);
    files.write("d/one.conf", "#include two.conf\n");
    files.write("d/two.conf", "[user2]\ntype = user\npassword = x\n");
    assert!(files.read().config.users.contains_key("user2"));
}

#[test]
fn a_pattern_includes_every_file_in_order_but_hidden_ones() {
    let files = Files::new("#include d/*.conf\n", CLIENT);
    files.write("d/b.conf", "password = b\n");
    files.write("d/a.conf", "[user1]\ntype = user\npassword = a\n");
    files.write("d/.c.conf", "garbage\n");
    std::fs::create_dir(files.path("d/folder.conf")).unwrap();
    let reading = files.read();
    assert_eq!(reading.problems, []);
    assert_eq!(reading.config.users["user1"].password.reveal(), "b");
}

#[test]
fn brackets_in_the_name_of_the_directory_are_no_pattern() {
    let files = Files::new(&format!("{ARI}#include [d]/one.conf\n"), CLIENT);
    files.write("[d]/one.conf", "#include tw?.conf\n");
    files.write("[d]/two.conf", "[user2]\ntype = user\npassword = x\n");
    assert!(files.read().config.users.contains_key("user2"));
}

#[test]
fn a_missing_include_is_refused_and_a_missing_tryinclude_is_not() {
    for name in ["none.conf", "none*.conf", "/none/x.conf"] {
        let files = Files::new(&format!("{ARI}#include {name}\n"), CLIENT);
        let problems = files.refused();
        assert!(problems[0].starts_with("ari.conf:11: no file"), "{problems:?}");
        let files = Files::new(&format!("{ARI}#tryinclude {name}\n"), CLIENT);
        assert_eq!(files.read().problems, []);
    }
}

#[test]
fn a_pattern_that_its_own_file_fits_is_refused() {
    let files = Files::new("#include d/*.conf\n", CLIENT);
    files.write("d/a.conf", "; nothing\n");
    files.write("d/b.conf", "\n#include *.conf\n");
    let problems = files.refused();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(
        problems[0].starts_with("d/b.conf:2: d/b.conf would be included for ever"),
        "{problems:?}"
    );
}

#[test]
fn a_file_that_includes_itself_by_a_link_is_refused() {
    let files = Files::new("#include other.conf\n", CLIENT);
    symlink("ari.conf", files.path("other.conf")).unwrap();
    symlink(".", files.path("folder")).unwrap();
    assert!(files.refused()[0].starts_with("ari.conf:1: other.conf would be included for ever"));
    files.write("ari.conf", "#include folder/*.conf\n");
    let problems = files.refused();
    assert!(
        problems[0].starts_with("ari.conf:1: folder/ari.conf would be included for ever"),
        "{problems:?}"
    );
}

#[test]
fn ari_outbound_conf_must_not_include_what_it_continues() {
    let files = Files::new("[general]\n", CLIENT);
    files.write("ari_outbound.conf", "#include ari_outbound.conf\n");
    let problems = files.refused();
    assert!(
        problems[0].starts_with("ari_outbound.conf:1: ari_outbound.conf would be included"),
        "{problems:?}"
    );
}

#[test]
fn includes_are_bounded_in_depth_and_number() {
    let files = Files::new("#include 0.conf\n", CLIENT);
    for number in 0..20 {
        let next = number + 1;
        let text = format!("#include {next}.conf\n").repeat(5);
        files.write(&format!("{number}.conf"), text);
    }
    files.write("20.conf", "");
    assert!(files.refused()[0].contains("too many files"));
}

#[test]
fn a_comment_that_never_ends_stays_in_its_file() {
    let files = Files::new(&format!("{ARI};-- open\n"), CLIENT);
    files.write("ari_outbound.conf", "[user2]\ntype = user\npassword = x\n");
    assert!(files.read().config.users.contains_key("user2"));
}
