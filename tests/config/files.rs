//! Which files are read, and what they include.

use std::os::unix::fs::symlink;

use ariws::config::Severity;

use crate::{ARI, CLIENT, Files, errors_of, warnings};

#[test]
fn the_usual_files_are_read() {
    let reading = Files::new(ARI, CLIENT).read();
    assert_eq!(reading.problems, []);
    let connection = &reading.config.connections["connection1"];
    assert_eq!(connection.apps, ["app1"]);
    assert_eq!(connection.client.servers[0].host, "127.0.0.1");
    assert!(connection.is_valid());
}

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
fn a_missing_ari_conf_is_refused() {
    let files = Files::new(ARI, CLIENT);
    std::fs::remove_file(files.path("ari.conf")).unwrap();
    assert_eq!(files.refused(), ["ari.conf: the file is missing; create it"]);
}

#[test]
fn a_missing_websocket_client_conf_counts_as_empty_with_a_warning() {
    let files = Files::new("[user1]\ntype = user\npassword = x\n", "");
    let empty = files.read().config;
    std::fs::remove_file(files.path("websocket_client.conf")).unwrap();
    let reading = files.read();
    assert_eq!(reading.config, empty);
    assert_eq!(
        files.shown(&reading.problems),
        ["websocket_client.conf: the file is missing, so there is no websocket client; create it"]
    );
    assert_eq!(reading.problems[0].severity, Severity::Warning);
}

#[test]
fn without_websocket_client_conf_connections_say_which_client_they_lack() {
    let files = Files::new(ARI, CLIENT);
    std::fs::remove_file(files.path("websocket_client.conf")).unwrap();
    let reading = files.read();
    assert_eq!(errors_of(&reading, "connection1")[0].key, "websocket_client_id");
    assert!(reading.config.connections.is_empty());
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
fn what_is_no_regular_file_is_not_read() {
    for name in ["ari.conf", "ari_outbound.conf", "websocket_client.conf"] {
        let files = Files::new(ARI, CLIENT);
        let _ = std::fs::remove_file(files.path(name));
        std::fs::create_dir(files.path(name)).unwrap();
        let expected =
            format!("{name}: the file cannot be read: it is not a regular file; make it a file that the host may read");
        assert_eq!(files.refused(), [expected]);
    }
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
fn files_that_include_one_another_are_refused() {
    let files = Files::new(&format!("{ARI}#include a.conf\n"), CLIENT);
    files.write("a.conf", "\n#include ./b.conf\n");
    files.write("b.conf", "#tryinclude ../nowhere/../a.conf\n#include a.conf\n");
    let problems = files.refused();
    assert!(
        problems[0].contains("b.conf:2: a.conf would be included for ever"),
        "{problems:?}"
    );
    assert!(problems[0].contains("b.conf); remove this line"), "{problems:?}");
}

#[test]
fn a_file_that_includes_itself_is_refused() {
    let files = Files::new("#include ari.conf\n", CLIENT);
    assert!(files.refused()[0].starts_with("ari.conf:1: ari.conf would be included"));
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
fn exec_is_refused_with_a_remedy() {
    let files = Files::new(&format!("{ARI}#exec /bin/true\n"), CLIENT);
    assert!(files.refused()[0].starts_with("ari.conf:11: #exec is not supported"));
}

#[test]
fn other_lines_with_a_hash_are_told_and_ignored() {
    let reading = Files::new(&format!("{ARI}# hello\n"), CLIENT).read();
    let warnings = warnings(&reading);
    assert!(warnings[0].contains("ari.conf:11: this line begins with #"), "{warnings:?}");
    assert!(reading.config.connections.contains_key("connection1"));
}

#[test]
fn a_problem_in_an_included_file_names_that_file() {
    let files = Files::new(&format!("{ARI}#include more.conf\n"), CLIENT);
    files.write("more.conf", "\nsubscribe_all = maybe\n");
    let reading = files.read();
    let shown = files.shown(&reading.problems);
    assert!(
        shown[0].starts_with("more.conf:2: [connection1] subscribe_all: "),
        "{shown:?}"
    );
}

#[test]
fn a_comment_that_never_ends_stays_in_its_file() {
    let files = Files::new(&format!("{ARI};-- open\n"), CLIENT);
    files.write("ari_outbound.conf", "[user2]\ntype = user\npassword = x\n");
    assert!(files.read().config.users.contains_key("user2"));
}

#[test]
fn one_reading_tells_the_problems_of_every_file() {
    let files = Files::new(
        &format!("{ARI}foo = 1\nbar = 2\n[x\n"),
        "[client1]\ntype = websocket_client\nconnection_type = persistent\n",
    );
    let problems = files.refused();
    assert_eq!(problems.len(), 5, "{problems:?}");
    assert!(problems[0].starts_with("ari.conf:13: the ] of this section"));
    assert!(problems[1].starts_with("ari.conf:11: [connection1] foo: "));
    assert!(problems[2].starts_with("ari.conf:12: [connection1] bar: "));
    assert!(problems[3].starts_with("ari.conf:8: [connection1] websocket_client_id: "));
    assert!(problems[4].starts_with("websocket_client.conf:1: [client1] uri: "));
}

#[test]
fn clients_that_cannot_be_read_are_no_fault_of_the_connections() {
    let files = Files::new(ARI, &CLIENT.replace("[client1]", "[client1"));
    let expected = "websocket_client.conf:1: the ] of this section is missing; write [name]";
    assert_eq!(files.refused(), [expected]);
}
