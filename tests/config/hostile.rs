//! Files that nobody would write, or that somebody wrote on purpose.

use crate::{ARI, CLIENT, Files, errors_of, reading};

/// A small generator of numbers (xorshift), the same ones at every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

#[test]
fn no_bytes_panic() {
    let pieces: &[&[u8]] = &[
        b"[",
        b"]",
        b"(",
        b")",
        b"!",
        b"+",
        b",",
        b"=",
        b"=>",
        b"+=",
        b";",
        b";--",
        b"--;",
        b"\\",
        b"\\;",
        b"\n",
        b"\r\n",
        b"\r",
        b"\0",
        b" ",
        b"\t",
        b"\"",
        b"#include ",
        b"#tryinclude x*",
        b"#",
        b":",
        b"\xe9",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        "\u{2028}".as_bytes(),
        "\u{a0}".as_bytes(),
        b"a",
        b"[a]",
        b"[t](!)",
        b"(t)",
        b"type = ",
        b"user",
        b"outbound_websocket",
        b"websocket_client",
        b"uri = ",
        b"ws://",
        b"%",
        b"apps",
        b"header",
        b"password",
        b"0x",
        b"-1",
        b"99999999999999999999",
    ];
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let files = Files::new("", "");
    let mut previous = Files::new(ARI, CLIENT).read().config;
    for _ in 0..2000 {
        for name in ["ari.conf", "websocket_client.conf"] {
            let length = numbers.below(40);
            let text: Vec<u8> = (0..length)
                .flat_map(|_| pieces[numbers.below(pieces.len())])
                .copied()
                .collect();
            files.write(name, text);
        }
        match files.try_read(Some(&previous)) {
            Ok(reading) => {
                for problem in &reading.problems {
                    assert!(!problem.to_string().contains(['\n', '\r', '\0']));
                }
                previous = reading.config;
            }
            Err(problems) => assert!(!problems.is_empty()),
        }
    }
}

#[test]
fn no_damage_to_good_files_panics() {
    let client = format!("{CLIENT}header = A: b\nproxy_host = a:1\nusername = u\npassword = p\n");
    let files = Files::new(ARI, &client);
    let mut numbers = Numbers(42);
    for _ in 0..1000 {
        for (name, text) in [
            ("ari.conf", ARI),
            ("websocket_client.conf", client.as_str()),
        ] {
            let mut bytes = text.as_bytes().to_vec();
            for _ in 0..numbers.below(4) {
                let at = numbers.below(bytes.len());
                match numbers.below(3) {
                    0 => bytes[at] = numbers.below(256) as u8,
                    1 => drop(bytes.remove(at)),
                    _ => bytes.insert(at, numbers.below(256) as u8),
                }
            }
            files.write(name, bytes);
        }
        let _ = files.try_read(None);
    }
}

#[test]
fn a_line_may_be_as_long_as_it_likes() {
    let long = "x".repeat(10 << 20);
    let client = format!("{CLIENT}@note = {long}\nprotocols = ari ; {long}\n");
    let reading = reading(ARI, &client);
    assert_eq!(reading.problems, []);
    assert_eq!(reading.config.clients["client1"].protocols, "ari");
}

/// Each of these takes a moment when every byte is looked at once, and hours otherwise.
#[test]
fn large_files_take_no_more_than_their_share() {
    let lines = |line: &str| line.repeat((1 << 19) / line.len());
    for text in [
        format!("{CLIENT}{}", lines("uri = ws://h\n")),
        format!("{CLIENT}{}", lines("foo = x\n")),
        format!("{CLIENT}{}", lines("protocols += x\n")),
        format!("{CLIENT}{}", lines("garbage\n")),
        format!("{CLIENT}{}", lines(";--")),
        format!("{CLIENT}{}", lines("\\;")),
        format!("{CLIENT}uri = {}", lines("@:%")),
        format!("{CLIENT}{}", lines("[x](client1)\n")),
        format!("{CLIENT}{}", lines("[client1](+)\n")),
        format!("{CLIENT}{}", lines("[x]\n")),
        format!("{CLIENT}{}", lines("= x\n")),
        format!("{CLIENT}[x]({})\n", lines("client1,")),
    ] {
        let _ = Files::new(ARI, &text).try_read(None);
    }
}

#[test]
fn a_file_may_have_ten_megabytes() {
    let lines = "protocols = ari ; a comment\n".repeat(10 << 20 >> 5);
    let reading = reading(ARI, &format!("{CLIENT}{lines}"));
    assert_eq!(reading.problems, []);
    assert_eq!(reading.config.clients["client1"].protocols, "ari");
}

#[test]
fn an_application_in_very_many_connections_is_told_briefly() {
    let mut ari = ARI.to_owned();
    for number in 0..20_000 {
        ari.push_str(&format!("[c{number}](connection1)\n"));
    }
    let reading = reading(&ari, CLIENT);
    assert_eq!(reading.config.connections.len(), 20_001);
    assert!(reading.problems.len() < 2000);
    assert!(
        reading
            .problems
            .iter()
            .all(|problem| problem.message.len() < 300)
    );
}

#[test]
fn bytes_that_are_not_utf8_reject_their_object_only() {
    let files = Files::new(ARI, CLIENT);
    let mut text = ARI.as_bytes().to_vec();
    text.extend(b"apps = test\xe9\n[user2]\ntype = user\npassword = x ; \xe9\n");
    files.write("ari.conf", text);
    let reading = files.read();
    let problems = errors_of(&reading, "connection1");
    assert_eq!((problems.len(), problems[0].line), (1, 11));
    assert!(reading.config.connections.is_empty());
    assert!(reading.config.users.contains_key("user2"));
}

#[test]
fn a_nul_cuts_a_value_with_a_warning() {
    let reading = reading(&format!("{ARI}apps = test\0app\n"), CLIENT);
    assert_eq!(reading.config.connections["connection1"].apps, ["test"]);
    assert_eq!(reading.problems.len(), 1);
}

#[test]
fn no_message_has_a_secret() {
    let ari = "[general]\npretty = no password = hush\n[user1]\ntype = user\npassword hush\n\
        password: hush = x\nread_only = no password = hush\n";
    let client = "[client1]\ntype = websocket_client\nuri = ws://user:hush@h:0/\n\
        password = hush\rhush\nheader = Host: hush\nheader = hush\nproxy_host = http://u:hush@p:1\n\
        proxy_password = hush\nconnection_timeout = 5 password=hush\nusername=u\n\
        connection_type = persistent hush hush\nuri hush\n[x](hush hush\n";
    let files = Files::new(ari, client);
    for text in files.refused() {
        assert!(!text.contains("hush"), "{text}");
    }
}
