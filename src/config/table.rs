//! The parameters of each kind of section, a row for each. Which keys there are, what may stand behind them, what they are
//! without, what a change asks of a session and what `docs/parameters.md` says is said here and nowhere else.
//!
//! Rows are read in this order, and a reload tells what has changed in it: that of the sample files. What several parameters
//! say together is read after them, in `client` and `ari`.

use super::Effect::{self, Applications, NextConnect, Reconnect, Replace, SubscribeAll};
use super::applications::read_apps;
use super::credentials::{read_protocols, read_user_password};
use super::lines::Flaw;
use super::object::{Object, Parameter, Place};
use super::parameter::Form::{Boolean, Ignored, Number, Path, Required, Text, Words};
use super::parameter::{About, Form, words};
use super::problem::{Problems, is_word};
use super::template::Section;
use super::uri::read_uris;
use super::values::nearest;
use super::{
    Client, Connection, ConnectionType, Delivery, General, Overflow, PasswordFormat, Preference, TlsVersion, User, WhenDown,
};

/// A day; longer times are slips of the pen.
const DAY: i64 = 86_400_000;
/// What the times and counts of TCP keepalives may be on Linux (tcp(7)).
const KEEPALIVE_SECONDS: i64 = 32_767;
const KEEPALIVE_PROBES: i64 = 127;

/// A field that holds the value of a parameter, read as the field's type says or by a function.
macro_rules! field {
    ($($field:ident).+) => {
        field!($($field).+, |it, object, about| it.$($field).+ = object.value(about))
    };
    ($($field:ident).+, $read:expr) => {
        Place {
            read: $read,
            differs: |old, new| old.$($field).+ != new.$($field).+,
        }
    };
}

/// A field of something that another parameter switches on, further up. While that is off the value is checked, no more.
macro_rules! part {
    ($whole:ident: $($field:ident)+) => {
        Place {
            read: |it, object, about| {
                let value = object.value(about);
                if let Some(whole) = &mut it.$whole {
                    $(whole.$field = value;)+
                }
            },
            differs: |old, new| {
                old.$whole.map(|whole| ($(whole.$field,)+)) != new.$whole.map(|whole| ($(whole.$field,)+))
            },
        }
    };
}

/// What switches it on.
macro_rules! switch {
    ($whole:ident) => {
        Place {
            read: |it, object, about| it.$whole = object.value::<bool>(about).then(Default::default),
            differs: |old, new| old.$whole.is_some() != new.$whole.is_some(),
        }
    };
}

/// What is read together with others, after the rows.
fn together(_: &mut Client, _: &mut Object<'_>, _: &About) {}

/// A part of the proxy.
macro_rules! proxy {
    (|$proxy:ident| $part:expr) => {
        Place {
            read: together,
            differs: |old, new| {
                let part = |it: &Client| it.proxy.clone().and_then(|$proxy| Some($part));
                part(old) != part(new)
            },
        }
    };
}

// The columns: name, what may be written, default, what a change does, where the value goes, what it is for.

#[rustfmt::skip]
pub(super) static CLIENT: &[Parameter<Client>] = &[
    ignored("type", "`websocket_client`"),
    asterisk("uri", Required, "", Reconnect, field!(servers, read_uris),
        "where to connect to: `ws://` or, with TLS, `wss://`; a name and a password may stand in it, and values of the call; repeatable: \
         [servers in order of preference](availability.md#several-servers)"),
    ours("servers", Words(words::<Preference>), "failover", NextConnect, field!(preference),
        "the first server that works, or, of per-call clients, each in its turn"),
    ours("fail_fast", Number(1..=DAY, "ms"), "", NextConnect, field!(fail_fast),
        "a call fails after so long while every server is known to be down, instead of after all its attempts, and at once when every \
         one refuses with 401, 403 or 404"),
    ours("failback_interval", Number(10..=DAY, "ms"), "5000", NextConnect, field!(failback_interval),
        "how often a server that is down is looked after while another one serves"),
    ours("max_retry_after", Number(0..=DAY, "ms"), "", NextConnect, field!(max_retry_after),
        "the longest that a server is left alone which answers 429 or 503 with Retry-After, or closes with 1012 or 1013; without it \
         60000 if there are several, and one is asked as often as ever"),
    asterisk("protocols", Text, "", Reconnect, field!(protocols, read_protocols),
        "names of subprotocols between commas, of which the server chooses one"),
    asterisk("username", Text, "", Reconnect, field!(username),
        "for Basic authentication at the server, with one of the next three"),
    asterisk("password", Text, "", Reconnect, field!(password, together), "the password itself"),
    ours("password_file", Path, "", Reconnect, field!(secret_files.password),
        "a file with the password in its first line, read at each attempt"),
    ours("password_env", Text, "", Reconnect, Place::NONE, "the name of an environment variable with the password"),
    ours("bearer_token_file", Path, "", Reconnect, field!(secret_files.bearer_token),
        "a file with a token in its first line for `Authorization: Bearer`, read at each attempt"),
    ours("header", Text, "", Reconnect, field!(headers, together), "`Name: value` in the upgrade request, in which values of the call may stand; repeatable"),
    ours("header_file", Path, "", Reconnect, field!(secret_files.headers),
        "a file with a `Name: value` in each line, read at each attempt"),
    asterisk("connection_type", Words(words::<ConnectionType>), "persistent", Replace, field!(connection_type),
        "one connection as long as the PBX runs, or one for each channel that enters `Stasis(app)`"),
    asterisk("connection_timeout", Number(1..=DAY, "ms"), "500", NextConnect, field!(connection_timeout),
        "for a whole attempt: name, TCP, proxy, TLS, upgrade"),
    asterisk("reconnect_interval", Number(0..=DAY, "ms"), "500", NextConnect, field!(reconnect_interval),
        "between attempts, or rounds of attempts at several servers; at least 10 ms are waited"),
    ours("max_reconnect_interval", Number(0..=DAY, "ms"), "", NextConnect, field!(max_reconnect_interval),
        "the interval doubles with each failure up to this, and a random part of it is waited"),
    asterisk("reconnect_attempts", Number(i32::MIN as i64..=i32::MAX as i64, ""), "4", NextConnect, field!(reconnect_attempts),
        "after how many attempts, or rounds of them, at least one, a call goes on with `STASISSTATUS=FAILED`"),
    asterisk("tls_enabled", Boolean, "no", Reconnect, field!(tls_enabled), "TLS also with `ws://`"),
    asterisk("ca_list_file", Path, "", Reconnect, field!(ca_list_file),
        "certificate authorities to trust instead of the system's"),
    asterisk("ca_list_path", Path, "", Reconnect, field!(ca_list_path), "a folder with such files, whatever their names"),
    asterisk("cert_file", Path, "", Reconnect, field!(cert_file), "the PBX's own certificate"),
    asterisk("priv_key_file", Path, "", Reconnect, field!(priv_key_file), "its private key"),
    asterisk("verify_server_cert", Boolean, "yes", Reconnect, field!(verify_server_cert),
        "whether the server's certificate must be of a trusted authority"),
    asterisk("verify_server_hostname", Boolean, "yes", Reconnect, field!(verify_server_hostname),
        "whether it must have the name in the `uri`"),
    ours("tls_min_version", Words(words::<TlsVersion>), "1.2", Reconnect, field!(tls_min_version),
        "the oldest version of TLS that is accepted"),
    ours("proxy_host", Text, "", Reconnect, proxy!(|it| (it.host, it.port)), "`host:port` of an HTTP proxy to CONNECT through"),
    ours("proxy_username", Text, "", Reconnect, proxy!(|it| it.credentials?.0), "for Basic authentication at the proxy"),
    ours("proxy_password", Text, "", Reconnect, proxy!(|it| it.credentials?.1), "likewise"),
    ours("enable_tcp_keepalives", Boolean, "no", Reconnect, switch!(tcp_keepalive),
        "whether a peer is missed that vanishes, by what its kernel answers"),
    ours("tcp_keepalive_time", Number(1..=KEEPALIVE_SECONDS, "s"), "20", Reconnect, part!(tcp_keepalive: time),
        "of silence before the first probe"),
    ours("tcp_keepalive_interval", Number(1..=KEEPALIVE_SECONDS, "s"), "20", Reconnect, part!(tcp_keepalive: interval),
        "between probes"),
    ours("tcp_keepalive_probes", Number(1..=KEEPALIVE_PROBES, ""), "3", Reconnect, part!(tcp_keepalive: probes),
        "without an answer until the connection is given up"),
    ours("enable_pingpongs", Boolean, "no", Reconnect, switch!(pingpong), "likewise, by asking the application itself"),
    ours("pingpong_interval", Number(1..=KEEPALIVE_SECONDS, "s"), "20", Reconnect, part!(pingpong: time interval), "between pings"),
    ours("pingpong_probes", Number(1..=KEEPALIVE_PROBES, ""), "3", Reconnect, part!(pingpong: probes),
        "without a pong until the connection is given up"),
    ours("write_timeout", Number(1..=DAY, "ms"), "", Reconnect, field!(write_timeout),
        "a peer that takes no byte for so long is dropped, its queue kept; without it `websocket_write_timeout` of `[general]` counts"),
    // A control frame may have 125 bytes (RFC 6455 section 5.5).
    ours("max_message_size", Number(125..=1 << 30, "bytes"), "1048576", Reconnect, field!(max_message_size),
        "of a message from the application"),
    ours("start_delay", Number(0..=60_000, "ms"), "20", NextConnect, field!(start_delay),
        "StasisStart follows the ApplicationRegistered of a new per-call connection by that long, or at once when the application \
         has sent anything: one that attaches its handler of messages after it has accepted loses it otherwise"),
    ours("when_down", Words(words::<WhenDown>), "queue", NextConnect, field!(down.when),
        "what a channel meets that enters an application of a persistent connection which is down: its events wait, or \
         `Stasis()` returns with `STASISSTATUS=FAILED`"),
    ours("down_grace", Number(0..=DAY, "ms"), "5000", NextConnect, field!(down.grace),
        "with `when_down = fail`: a connection that has been down for a shorter time counts as one that is there"),
    ours("fail_inside", Boolean, "no", NextConnect, field!(down.inside),
        "with `when_down = fail`: whether channels that are in the application when that time is over leave it likewise"),
    ours("fallback_app", Text, "", NextConnect, field!(fallback_app),
        "the Stasis application that a channel enters instead when nobody serves its own: after the last attempt of a per-call \
         connection, or with `when_down = fail`; one step, whatever becomes of that"),
    ours("standby_connections", Number(0..=1000, ""), "0", NextConnect, field!(standby_connections),
        "so many connections of a per-call client wait, open and without an application, for the calls to come, which need not \
         connect then"),
    ours("standby_max_age", Number(1..=DAY / 1000, "s"), "600", NextConnect, field!(standby_max_age),
        "one that has waited for so long is closed, and another is opened in its place"),
    ours("own_app_alias", Boolean, "no", NextConnect, field!(own_app_alias),
        "whether a request over a per-call connection that names an application of `apps` means the call's own: `voicebot` is \
         `voicebot:<channel>`"),
    ours("request_concurrency", Number(1..=1024, ""), "1", NextConnect, field!(request_concurrency),
        "requests of one connection that run at a time"),
    ours("request_timeout", Number(1..=DAY, "ms"), "60000", NextConnect, field!(request_timeout),
        "a request that the PBX does not answer for so long is answered 504, and the next one has its turn"),
    ours("queue_max_bytes", Number(1..=1 << 40, "bytes"), "67108864", NextConnect, field!(queue.max_bytes),
        "what events may wait for a connection, and as much again of answers, or 256 KiB; one that finds no room is replaced by a \
         short one with the status 507"),
    ours("queue_max_messages", Number(1..=1 << 30, ""), "100000", NextConnect, field!(queue.max_messages), "likewise"),
    ours("queue_overflow", Words(words::<Overflow>), "drop_oldest", NextConnect, field!(queue.overflow),
        "which event goes when too much waits; every one is counted"),
    ours("delivery", Words(words::<Delivery>), "at_most_once", Reconnect, field!(delivery),
        "whether events that are not proven to have arrived are sent again on the next connection; `at_least_once` numbers them, so \
         that the application knows repeats (`ariws_sequence`, see [availability.md](availability.md#delivery))"),
    ours("announce_resume", Boolean, "no", NextConnect, field!(announce_resume),
        "whether an ApplicationResumed behind the ApplicationRegistered of a connection that was made again tells what was missed"),
];

#[rustfmt::skip]
pub(super) static CONNECTION: &[Parameter<Connection>] = &[
    ignored("type", "`outbound_websocket`"),
    // Another client with the same values needs no new connection.
    asterisk("websocket_client_id", Required, "", NextConnect, field!(websocket_client_id),
        "the name of a section of type `websocket_client`"),
    asterisk("apps", Required, "", Applications,
        Place { read: read_apps,
                differs: |old, new| (&old.apps, &old.apps_as_written) != (&new.apps, &new.apps_as_written) },
        "Stasis applications between commas; each may be in one connection only"),
    asterisk("subscribe_all", Boolean, "no", SubscribeAll, field!(subscribe_all),
        "whether the applications hear of everything"),
    asterisk("local_ari_user", Required, "", Reconnect, field!(local_ari_user),
        "a section of type `user` with a plain password: what requests may do"),
];

#[rustfmt::skip]
pub(super) static USER: &[Parameter<User>] = &[
    ignored("type", "`user`"),
    asterisk("password", Required, "", NextConnect, field!(password, read_user_password),
        "what the host authenticates requests with"),
    asterisk("read_only", Boolean, "no", NextConnect, field!(read_only), "whether requests may only be GET and OPTIONS"),
    asterisk("password_format", Words(words::<PasswordFormat>), "plain", NextConnect, field!(password_format),
        "how the password is written; a crypted one is of no use to a connection"),
    ignored("permit", "the host's"),
    ignored("deny", "the host's"),
    ignored("acl", "the host's"),
];

#[rustfmt::skip]
pub(super) static GENERAL: &[Parameter<General>] = &[
    ignored("type", "nothing"),
    asterisk("enabled", Boolean, "yes", NextConnect, field!(enabled), "concerns the host's own REST and WebSockets only"),
    asterisk("pretty", Boolean, "no", NextConnect, field!(pretty), "whether what goes to applications is indented"),
    ignored("auth_realm", "the host's"),
    ignored("allowed_origins", "the host's"),
    ignored("channelvars", "the host's"),
    asterisk("websocket_write_timeout", Number(1..=DAY, "ms"), "", NextConnect, field!(websocket_write_timeout),
        "`write_timeout` of the clients that have none; without either it is 10000"),
    ours("queue_max_total_bytes", Number(1 << 20..=1 << 40, "bytes"), "", NextConnect, field!(queue_max_total_bytes),
        "what may wait over all connections together, events and answers; without it a quarter of the memory of the machine, or of \
         the control group that the PBX runs in, and at most 1 GiB"),
];

/// A row of a parameter that Asterisk 22 has, too.
#[rustfmt::skip]
const fn asterisk<T>(
    name: &'static str, form: Form, default: &'static str, effect: Effect, place: Place<T>, description: &'static str,
) -> Parameter<T> {
    let about = About { name, form, default, effect, description, in_asterisk: true };
    Parameter { about, place }
}

/// A row of a parameter that Asterisk does not have.
#[rustfmt::skip]
const fn ours<T>(
    name: &'static str, form: Form, default: &'static str, effect: Effect, place: Place<T>, description: &'static str,
) -> Parameter<T> {
    let mut row = asterisk(name, form, default, effect, place, description);
    row.about.in_asterisk = false;
    row
}

/// A row of a parameter that may stand there, and is no part of what the section becomes.
const fn ignored<T>(name: &'static str, description: &'static str) -> Parameter<T> {
    asterisk(name, Ignored, "", NextConnect, Place::NONE, description)
}

/// Begins to read a section, in which the parameters of a table may stand and those that begin with `@`.
pub(super) fn object<'a, T>(section: &'a Section, table: &[Parameter<T>], problems: &'a mut Problems) -> Object<'a> {
    let mut object = Object::new(section, problems);
    for setting in &section.settings {
        let key = setting.key.as_str();
        if setting.flaw == Flaw::NotUtf8 {
            let message = "this line has bytes that are not UTF-8; save the file as UTF-8";
            object.error_at(&setting.origin, "", message);
        } else if !has(table, key) && !key.starts_with('@') {
            // A file full of them need not be compared to the end.
            let full = object.is_full();
            let names = table.iter().map(|parameter| parameter.about.name);
            let message = match section_of(key) {
                Some(place) => format!("it belongs in {place}; move it there or remove it"),
                None => match (!full).then(|| nearest(key, names)).flatten() {
                    Some(near) => format!("there is no such parameter; perhaps {near} is meant"),
                    None => "there is no such parameter; remove it".to_owned(),
                },
            };
            let shown = if is_word(key) { key } else { "" };
            object.error_at(&setting.origin, shown, message);
        }
    }
    object
}

/// The section that a parameter belongs in, in words; `None` if there is no such parameter.
pub(super) fn section_of(key: &str) -> Option<&'static str> {
    let sections = [
        (has(CLIENT, key), "a section with type = websocket_client"),
        (has(CONNECTION, key), "a section with type = outbound_websocket"),
        (has(USER, key), "a section with type = user"),
        (has(GENERAL, key), "[general]"),
    ];
    let found = sections.into_iter().find(|(found, _)| *found);
    found.map(|(_, section)| section)
}

fn has<T>(table: &[Parameter<T>], key: &str) -> bool {
    table.iter().any(|parameter| parameter.about.name == key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::template::tests::read;

    /// Every default can be written, and means the same then.
    fn check_defaults<T: Default>(table: &[Parameter<T>]) {
        for Parameter { about, place } in table.iter().filter(|row| !row.about.default.is_empty()) {
            let line = format!("{} = {}", about.name, about.default);
            let [written, missing] = [line.as_str(), ""].map(|line| {
                let (sections, _) = read(&format!("[s]\n{line}"));
                let mut problems = Problems::default();
                let mut object = object(&sections[0], table, &mut problems);
                let mut into = T::default();
                (place.read)(&mut into, &mut object, about);
                object.finish(into).expect(line)
            });
            assert!(!(place.differs)(&written, &missing), "{line}");
        }
    }

    #[test]
    fn defaults_are_values_that_may_be_written() {
        check_defaults(GENERAL);
        check_defaults(USER);
        check_defaults(CONNECTION);
        check_defaults(CLIENT);
    }
}
