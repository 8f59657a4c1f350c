//! Files that nobody would write, or that somebody wrote on purpose.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::properties::cases;
use crate::{ARI, CLIENT, Files, client_reading, reading};

macro_rules! pieces {
    ($($piece:literal)*) => { &[$($piece as &[u8]),*] };
}

/// What means something in a file, if it stands in the right place.
const PIECES: &[&[u8]] = pieces! {
    b"[" b"]" b"(" b")" b"!" b"+" b"," b"=" b"=>" b"+=" b";" b";--" b"--;" b"\\" b"\\;" b"\n" b"\r\n" b"\r"
    b"\0" b" " b"\t" b"\"" b"#include " b"#tryinclude x*" b"#include ari.conf" b"#" b":" b"\xe9" b"\xff\xfe"
    b"\xef\xbb\xbf" b"\xe2\x80\xa8" b"\xc2\xa0" b"a" b"[a]" b"\n[t](!)\n" b"\n[a](t)\n" b"\n[a](+)\n"
    b"\ntype = " b"user" b"outbound_websocket" b"websocket_client" b"\nuri = " b"ws://" b"%" b"\napps = "
    b"\nheader = " b"\npassword = " b"\nproxy_host = " b"0x" b"-1" b"99999999999999999999"
};

/// The sample and the demo, and files that have every piece of the dialect.
const REAL: &[(&str, &str)] = &[
    (
        include_str!("../../c_examples/sample/ari.conf"),
        include_str!("../../c_examples/sample/websocket_client.conf"),
    ),
    (
        include_str!("../../c_examples/demo/ari.conf"),
        include_str!("../../c_examples/demo/websocket_client.conf"),
    ),
    (
        "[general]\n[u](!)\ntype = user ; a type\n[user1](u)\npassword => a\\;b\n#tryinclude none*.conf\n\
         [c](!)\ntype = outbound_websocket\nlocal_ari_user = user1\n;-- [x] ;-- y --; --;\n\
         [c1](c)\napps = a\napps += , b\nwebsocket_client_id = client1\n[c1](+)\nsubscribe_all = yes\n",
        "[client1]\ntype = websocket_client\nuri = wss://a%20b:c@[::1]:9100/ari?x=%41\nconnection_type = persistent\n\
         header = A: b\nproxy_host = a:1\nusername = u\npassword = p\nreconnect_attempts = 0x7\n\
         enable_pingpongs = yes\nqueue_overflow = drop_newest\nmax_reconnect_interval = 60000\n",
    ),
];

/// Reads files that may be anything. What is said about them has its place on one line of a log.
fn survives(files: &[(&str, &[u8])]) -> Result<(), TestCaseError> {
    let good = Files::new(ARI, CLIENT);
    let before = good.read().config;
    let folder = Files::new("", "");
    for (name, bytes) in files {
        folder.write(name, bytes);
    }
    for previous in [None, Some(&before)] {
        let problems = match folder.try_read(previous) {
            Ok(reading) => reading.problems,
            Err(problems) => {
                prop_assert!(!problems.is_empty());
                problems
            }
        };
        for problem in &problems {
            prop_assert!(!problem.to_string().contains(char::is_control));
        }
    }
    Ok(())
}

/// What happens to a file: a byte replaced, bytes lost, bytes repeated, a piece put in.
#[derive(Debug, Clone)]
enum Damage {
    Replaced(Index, u8),
    Lost(Index, usize),
    Repeated(Index, usize),
    Inserted(Index, &'static [u8]),
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Damage::Replaced(at, byte)),
        (any::<Index>(), 1..20usize).prop_map(|(at, length)| Damage::Lost(at, length)),
        (any::<Index>(), 1..60usize).prop_map(|(at, length)| Damage::Repeated(at, length)),
        (any::<Index>(), select(PIECES)).prop_map(|(at, piece)| Damage::Inserted(at, piece)),
    ]
}

fn damaged(text: &str, damages: &[Damage]) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for damage in damages {
        // There is always a last byte to work on.
        bytes.push(b'\n');
        let end = bytes.len();
        match damage {
            Damage::Replaced(at, byte) => bytes[at.index(end)] = *byte,
            Damage::Lost(at, length) => {
                let start = at.index(end);
                bytes.drain(start..end.min(start + length));
            }
            Damage::Repeated(at, length) => {
                let start = at.index(end);
                bytes.extend_from_within(start..end.min(start + length));
            }
            Damage::Inserted(at, piece) => {
                let start = at.index(end);
                bytes.splice(start..start, piece.iter().copied());
            }
        }
    }
    bytes
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn no_bytes_panic(
        ari in vec(any::<u8>(), 0..2000),
        client in vec(any::<u8>(), 0..2000),
    ) {
        survives(&[("ari.conf", &ari), ("websocket_client.conf", &client)])?;
    }

    #[test]
    fn no_pieces_of_the_dialect_panic(
        ari in vec(select(PIECES), 0..60),
        outbound in vec(select(PIECES), 0..20),
        client in vec(select(PIECES), 0..60),
    ) {
        survives(&[
            ("ari.conf", &ari.concat()),
            ("ari_outbound.conf", &outbound.concat()),
            ("websocket_client.conf", &client.concat()),
        ])?;
    }

    #[test]
    fn no_damage_to_good_files_panics(
        (ari, client) in select(REAL),
        damages in (vec(damage(), 0..6), vec(damage(), 0..6)),
    ) {
        let (ari, client) = (damaged(ari, &damages.0), damaged(client, &damages.1));
        survives(&[("ari.conf", &ari), ("websocket_client.conf", &client)])?;
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

#[test]
fn a_file_may_have_ten_megabytes() {
    let lines = "protocols = ari ; a comment\n".repeat(10 << 20 >> 5);
    let reading = client_reading(&lines);
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
    assert!(reading.problems.iter().all(|problem| problem.message.len() < 300));
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
