//! Configurations as operators break them, and what the command tells them.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use tempfile::TempDir;

use crate::outputs::{compare, output};

/// The files before they are broken.
const GOOD: [(&str, &str); 2] = [
    (
        "ari.conf",
        "[general]
enabled = yes

[asterisk]
type = user
password = s3cret

[voicebot]
type = outbound_websocket
websocket_client_id = bots_server
apps = voicebot
local_ari_user = asterisk
",
    ),
    (
        "websocket_client.conf",
        "[bots_server]
type = websocket_client
uri = wss://bots.example.net:8443/ari
protocols = ari
username = pbx1
password = hunter2
connection_type = per_call_config
connection_timeout = 2000
reconnect_interval = 500
reconnect_attempts = 5
",
    ),
];

/// A second connection.
const SECOND: &str = "
[callback]
type = outbound_websocket
websocket_client_id = bots_server
apps = callback
local_ari_user = asterisk
";

/// Paths of a websocket client at which nothing is.
const MISSING: &str =
    "ca_list_file = /none/ca.pem\nca_list_path = /none\ncert_file = /none/pbx.pem\npriv_key_file = /none/key\n";

/// How files are broken.
enum Fault {
    /// In the first file that has it, a text is replaced by another.
    Replaced(&'static str, &'static str),
    /// Something is added at the end of a file, which may be a new one.
    Added(&'static str, &'static str),
    /// Something else is done to the folder.
    Done(fn(&Path)),
}

use Fault::{Added, Done, Replaced};

/// Rows of what was done to the files, and how.
macro_rules! broken {
    ($($what:literal: $($fault:expr),*;)*) => { &[$(($what, &[$($fault),*])),*] };
}

const BROKEN: &[(&str, &[Fault])] = broken! {
    "nothing": ;
    "a typo in a key": Replaced("reconnect_interval", "reconect_interval");
    "a typo in a key, which is in capitals": Replaced("local_ari_user", "LOCAL_ARI_USR");
    "a key of some other program": Replaced("protocols = ari", "keep_alive = 30");
    "a key of the client in the connection": Replaced("apps = voicebot\n", "apps = voicebot\nuri = ws://localhost\n");
    "a type that does not exist": Replaced("outbound_websocket", "outbound_websockets");
    "a type in capitals": Replaced("outbound_websocket", "OUTBOUND_WEBSOCKET");
    "the key of a type in capitals": Replaced("type = outbound_websocket", "TYPE = outbound_websocket");
    "two types": Replaced("type = outbound_websocket", "type = user\ntype = outbound_websocket");
    "no type": Replaced("type = websocket_client\n", "");
    "two types of a client": Added("websocket_client.conf", "type = user\ntype = websocket_client\n");
    "the client in the wrong file": Added("ari.conf", "\n[other_server]\ntype = websocket_client\nuri = ws://localhost\n");
    "a user in the wrong file": Added("websocket_client.conf", "\n[other]\ntype = user\n");
    "one name for a user and a connection": Replaced("[voicebot]", "[asterisk]");
    "no name": Replaced("[voicebot]", "[]");
    "no client in the connection": Replaced("websocket_client_id = bots_server\n", "");
    "no user in the connection": Replaced("local_ari_user = asterisk\n", "");
    "no URI": Replaced("uri = wss://bots.example.net:8443/ari\n", "");
    "no connection type": Replaced("connection_type = per_call_config\n", "");
    "no scheme in the URI": Replaced("wss://", "");
    "one slash too few in the URI": Replaced("wss://", "wss:/");
    "the URI of a web page": Replaced("wss://", "https://");
    "a port too large": Replaced("8443", "99999");
    "an IPv6 address without brackets": Replaced("bots.example.net", "2001:db8::7");
    "quotes around the URI": Replaced("wss://bots.example.net:8443/ari", "\"wss://bots.example.net:8443/ari\"");
    "no password of the user": Replaced("password = s3cret\n", "");
    "no password for the server": Replaced("password = hunter2\n", "");
    "no name for the server": Replaced("username = pbx1\n", "");
    "an empty password of the user": Replaced("s3cret", "");
    "a format of passwords that does not exist": Replaced("s3cret", "s3cret\npassword_format = md5");
    "a crypted password": Replaced("password = s3cret", "password = $6$x$y\npassword_format = crypt");
    "a password file that is missing": Replaced("password = hunter2", "password_file = bots.secret");
    "TLS files that are missing": Added("websocket_client.conf", MISSING);
    "TLS files that are missing, without TLS":
        Replaced("wss://bots.example.net", "ws://localhost"),
        Added("websocket_client.conf", MISSING);
    "a certificate that is not verified": Added("websocket_client.conf", "verify_server_cert = no\n");
    "a name that is not verified": Added("websocket_client.conf", "verify_server_hostname = no\n");
    "nothing that could be verified, without TLS":
        Replaced("wss://bots.example.net", "ws://localhost"),
        Added("websocket_client.conf", "verify_server_cert = no\nverify_server_hostname = no\n");
    "no TLS, with a URI that is TLS": Added("websocket_client.conf", "tls_enabled = no\n");
    "a time with its unit": Replaced("2000", "2s");
    "neither yes nor no": Added("websocket_client.conf", "verify_server_cert = maybe\n");
    "a connection type from memory": Replaced("per_call_config", "per-call");
    "a section twice": Added("ari.conf", "\n[asterisk]\ntype = user\npassword = other\n");
    "no applications": Replaced("apps = voicebot", "apps =");
    "a comma too many": Replaced("apps = voicebot", "apps = voicebot,");
    "an application that is added": Replaced("apps = voicebot", "apps = voicebot\napps += callback");
    "a NUL in an application": Replaced("apps = voicebot", "apps = voice\0bot");
    "an application in two connections":
        Added("ari.conf", SECOND),
        Replaced("apps = callback", "apps = callback, voicebot");
    "a name too long":
        Replaced("apps = voicebot", "apps = voicebot-for-the-customers-of-the-branch-in-the-north-who-call-at-night-or-on-sundays");
    "tabs and typographic quotes":
        Replaced("apps = voicebot", "apps\t=\t“voicebot”"),
        Replaced("local_ari_user = asterisk", "local_ari_user\t=\t“asterisk”");
    "a user's name misspelt": Replaced("local_ari_user = asterisk", "local_ari_user = asterix");
    "a client's name misspelt": Replaced("websocket_client_id = bots_server", "websocket_client_id = bot_server");
    "a client's name in capitals": Replaced("_id = bots_server", "_id = BOTS_SERVER");
    "a user's name in capitals": Replaced("user = asterisk", "user = ASTERISK");
    "a colon for an equal sign": Replaced("apps =", "apps:");
    "a bracket forgotten": Replaced("[voicebot]", "[voicebot");
    "a bracket forgotten in the clients": Replaced("[bots_server]", "[bots_server");
    "several faults in both files":
        Replaced("local_ari_user = asterisk", "local_ari_user = asterisk\nfoo = 1\nbar = 2\n[x"),
        Replaced("uri = wss://bots.example.net:8443/ari\n", "");
    "a setting above the first section": Replaced("[general]\nenabled = yes", "enabled = yes\n[general]");
    "a comment like a shell's": Replaced("[voicebot]", "# the voice bot\n[voicebot]");
    "a comment that does not end": Replaced("[voicebot]", ";-- the voice bot\n[voicebot]");
    "an unknown template": Replaced("[voicebot]", "[voicebot](defaults)");
    "a file that includes itself by way of another":
        Added("ari.conf", "#include more.conf\n"),
        Added("more.conf", "; more users\n#include ari.conf\n");
    "an include that is missing": Added("ari.conf", "#include users.conf\n");
    "a fault in a file that is included":
        Added("ari.conf", "#include more.conf\n"),
        Added("more.conf", "\nsubscribe_all = maybe\n");
    "a program to run": Added("ari.conf", "#exec /usr/local/bin/users\n");
    "line ends and byte order mark of Windows": Done(|folder| {
        rewrite(folder, "ari.conf", |text| {
            format!("\u{feff}{}", text.replace('\n', "\r\n")).into_bytes()
        });
    });
    "saved as UTF-16": Done(|folder| {
        rewrite(folder, "ari.conf", |text| {
            let units = [0xfeff].into_iter().chain(text.encode_utf16());
            units.flat_map(u16::to_le_bytes).collect()
        });
    });
    "saved as Latin-1": Done(|folder| {
        rewrite(folder, "ari.conf", |text| {
            let (before, after) = text
                .split_once("voicebot\nlocal")
                .expect("the applications");
            [before.as_bytes(), b"caf\xe9\nlocal", after.as_bytes()].concat()
        });
    });
    "ari.conf is missing": Done(|folder| {
        fs::remove_file(folder.join("ari.conf")).expect("the file")
    });
    "websocket_client.conf is missing": Done(|folder| {
        fs::remove_file(folder.join("websocket_client.conf")).expect("the file");
    });
    "websocket_client.conf is a link to a file that is gone": Done(|folder| {
        fs::remove_file(folder.join("websocket_client.conf")).expect("the file");
        symlink("clients.conf", folder.join("websocket_client.conf")).expect("a link");
    });
    "websocket_client.conf is a folder": Done(|folder| {
        fs::remove_file(folder.join("websocket_client.conf")).expect("the file");
        fs::create_dir(folder.join("websocket_client.conf")).expect("a folder");
    });
};

fn rewrite(folder: &Path, file: &str, change: impl Fn(&str) -> Vec<u8>) {
    let text = fs::read_to_string(folder.join(file)).expect("the file");
    fs::write(folder.join(file), change(&text)).expect("a file");
}

#[test]
fn operators_are_told_what_is_broken_and_what_to_do() {
    let mut page = String::from("The files that are broken below:\n");
    for (name, text) in GOOD {
        let _ = write!(page, "\n-- {name}\n{text}");
    }
    for (what, faults) in BROKEN {
        let _ = write!(page, "\n== {what}\n");
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in GOOD {
            fs::write(folder.path().join(name), text).expect("a file");
        }
        for fault in *faults {
            apply(fault, &folder, &mut page);
        }
        page.push_str(&output(folder.path()));
    }
    compare("broken", &page);
}

/// Does it, and writes down what it is.
fn apply(fault: &Fault, folder: &TempDir, page: &mut String) {
    match fault {
        Replaced(old, new) => {
            let (name, text) = GOOD
                .iter()
                .find_map(|(name, _)| {
                    let text = fs::read_to_string(folder.path().join(name)).ok()?;
                    text.contains(old).then_some((name, text))
                })
                .expect("what is replaced");
            let _ = writeln!(page, "{name}: {old:?} became {new:?}");
            fs::write(folder.path().join(name), text.replacen(old, new, 1)).expect("a file");
        }
        Added(name, more) => {
            let _ = writeln!(page, "{name}: added {more:?}");
            let text = fs::read_to_string(folder.path().join(name)).unwrap_or_default();
            fs::write(folder.path().join(name), text + more).expect("a file");
        }
        Done(done) => done(folder.path()),
    }
}
