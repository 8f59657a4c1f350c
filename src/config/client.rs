//! `websocket_client.conf`: where to connect to, and how.

use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::credentials::{headers, password, protocols};
use super::files::check_file;
use super::keep::Keeper;
use super::keys;
use super::object::{Object, sort};
use super::problem::Problems;
use super::template::Section;
use super::uri::{host_and_port, parse};
use super::{
    AUTHORITIES_SIZE, Client, Config, ConnectionType, IDENTITY_SIZE, Keepalive, Overflow, Proxy,
    QueueLimits, SHORTEST_INTERVAL, Secret, TlsVersion, Uri,
};

const WEBSOCKET_CLIENT: &str = "websocket_client";

/// What the times and counts of TCP keepalives may be on Linux (tcp(7)).
const KEEPALIVE_SECONDS: i64 = 32_767;
const KEEPALIVE_PROBES: i64 = 127;

/// Reads the sections of `websocket_client.conf`, which is in `directory`.
pub(super) fn read(
    sections: &[Section],
    directory: &Path,
    previous: Option<&Config>,
    problems: &mut Problems,
) -> BTreeMap<String, Arc<Client>> {
    let mut clients = Keeper::new(previous.map(|config| &config.clients));
    let loaded_before = |_: &str, name: &str| clients.had(name);
    let sorted = sort(sections, &[WEBSOCKET_CLIENT], loaded_before, problems);
    for (_, section) in sorted.typed {
        clients.read(&section.name, problems, |problems| {
            read_client(section, directory, problems)
        });
    }
    // A missing or misspelt type is no deletion.
    for name in sorted.untyped {
        clients.keep(name);
    }
    clients.into_objects()
}

/// Where a password may come from.
const PASSWORDS: [&str; 3] = ["password", "password_file", "password_env"];

fn read_client(section: &Section, directory: &Path, problems: &mut Problems) -> Option<Client> {
    let mut reader = Object::new(section, keys::CLIENT, problems);
    let object = &mut reader;
    let uri = uri(object);
    let username = object.wire_text("username").to_owned();
    let password = password(object, directory);
    let has_login = !username.is_empty() && password.is_some();
    match (username.is_empty(), password.is_none()) {
        (true, false) => object.warning("password", "it is not used; add a username"),
        // A password that could not be had is reported as that.
        (false, true) if !PASSWORDS.iter().any(|key| object.has(key)) => {
            object.warning("username", "it is not used; add a password");
        }
        (false, false) if username.contains(':') => {
            // RFC 7617 section 2.
            object.warning(
                "username",
                "servers take what follows the colon for the password; write a name without a colon",
            );
        }
        _ => {}
    }
    let has_login = has_login || uri.as_ref().is_some_and(|uri| uri.credentials.is_some());
    let headers = headers(object, has_login);
    let kinds = [ConnectionType::Persistent, ConnectionType::PerCallConfig]
        .map(|kind| (kind.as_str(), kind));
    let connection_type = object.choice("connection_type", &kinds).unwrap_or_default();
    if !object.has("connection_type") {
        let message = "connection_type is missing, so it is persistent; \
                       write connection_type = persistent";
        object.warning("connection_type", message);
    }
    let (reconnect_interval, max_reconnect_interval) = intervals(object);
    let protocols = protocols(object);
    let versions = [("1.2", TlsVersion::Tls12), ("1.3", TlsVersion::Tls13)];
    let default = Duration::from_millis(500);
    let client = Client {
        name: section.name.clone(),
        protocols,
        username,
        password,
        connection_type,
        connection_timeout: object
            .milliseconds("connection_timeout", 1)
            .unwrap_or(default),
        reconnect_interval,
        max_reconnect_interval,
        reconnect_attempts: attempts(object),
        tls_enabled: object.boolean("tls_enabled", false),
        ca_list_file: path(object, "ca_list_file"),
        ca_list_path: path(object, "ca_list_path"),
        cert_file: path(object, "cert_file"),
        priv_key_file: path(object, "priv_key_file"),
        verify_server_cert: object.boolean("verify_server_cert", true),
        verify_server_hostname: object.boolean("verify_server_hostname", true),
        tls_min_version: object
            .choice("tls_min_version", &versions)
            .unwrap_or_default(),
        proxy: proxy(object),
        tcp_keepalive: tcp_keepalive(object),
        pingpong: pingpong(object),
        write_timeout: object.milliseconds("write_timeout", 1),
        headers,
        queue: queue(object),
        start_delay: start_delay(object),
        request_concurrency: object.number("request_concurrency", 1..=1024, 1),
        request_timeout: request_timeout(object),
        // A control frame may have 125 bytes (RFC 6455 section 5.5).
        max_message_size: object.number("max_message_size", 125..=1 << 30, 1 << 20),
        uri: uri?,
    };
    if client.uses_tls() {
        if object.has("tls_enabled") && !client.tls_enabled {
            let message = "it is ignored, because wss:// is always TLS; write ws:// in the uri to have \
                           none, or remove this and name the server's authority in ca_list_file";
            object.warning("tls_enabled", message);
        }
        tls_files(object);
        unverified(object, &client);
    } else {
        readable(object, &client);
    }
    reader.finish(client)
}

/// Warns of files without which TLS cannot work; they may still come before a connection is made.
fn tls_files(object: &mut Object<'_>) {
    for key in ["ca_list_file", "ca_list_path", "cert_file", "priv_key_file"] {
        let path = object.text(key);
        let found = match key {
            _ if path.is_empty() => continue,
            "ca_list_path" => fs::read_dir(path).map(drop),
            "ca_list_file" => check_file(path.as_ref(), AUTHORITIES_SIZE),
            _ => check_file(path.as_ref(), IDENTITY_SIZE),
        };
        if let Err(error) = found {
            let message = format!(
                "it cannot be read, so no connection can be made: {error}; \
                 mend the path or its permissions"
            );
            object.warning(key, message);
        }
    }
}

/// Warns, once for the connection, of what TLS does not protect from without verification.
fn unverified(object: &mut Object<'_>, client: &Client) {
    let (key, message) = match (client.verify_server_cert, client.verify_server_hostname) {
        (true, true) => return,
        (false, false) => (
            "verify_server_cert",
            "neither the server's certificate nor its name is verified (verify_server_hostname), \
             so anybody on the way can pass for the server, read everything and send requests; \
             put the authority of the certificate into ca_list_file instead",
        ),
        (false, true) => (
            "verify_server_cert",
            "the server's certificate is not verified, so anybody on the way can pass for the \
             server with a certificate of their own making, read everything and send requests; \
             put the authority of the certificate into ca_list_file instead",
        ),
        (true, false) => (
            "verify_server_hostname",
            "the name in the server's certificate is not verified, so whoever has a certificate \
             of the same authorities can pass for the server, read everything and send requests; \
             use a certificate with the name of the uri instead",
        ),
    };
    object.warning(key, message);
}

/// Warns, once for the connection, of credentials that others than this machine can read.
fn readable(object: &mut Object<'_>, client: &Client) {
    let has_login = client.uri.credentials.is_some()
        || (!client.username.is_empty() && client.password.is_some());
    let hops = [
        Some(&client.uri.host),
        client.proxy.as_ref().map(|proxy| &proxy.host),
    ];
    let leaves = hops
        .into_iter()
        .flatten()
        .any(|host| !is_this_machine(host));
    if leaves && (has_login || !client.headers.is_empty()) {
        let what = match has_login {
            true => "the password",
            false => "what header says",
        };
        let message = format!(
            "{what} is sent without TLS, so anybody on the way can read it, and every event and \
             request; use wss:// instead"
        );
        object.warning("uri", message);
    }
}

/// A loopback address, or a name for one (RFC 6761 section 6.3).
fn is_this_machine(host: &str) -> bool {
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    match host.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => name == "localhost" || name.ends_with(".localhost"),
    }
}

fn uri(object: &mut Object<'_>) -> Option<Uri> {
    let text = object.required("uri");
    if text.is_empty() {
        return None;
    }
    if object.is_cut("uri") {
        object.error("uri", "a URI has no NUL bytes; remove them");
        return None;
    }
    if !text.contains("://") {
        // As with Asterisk; but what is left out may have been meant to be wss://.
        let message = "there is no ws:// or wss:// in front, so it is ws://; write one of them";
        object.warning("uri", message);
    }
    parse(text)
        .map_err(|message| object.error("uri", message))
        .ok()
}

fn path(object: &mut Object<'_>, key: &str) -> Option<PathBuf> {
    let text = object.text(key);
    (!text.is_empty()).then(|| PathBuf::from(text))
}

fn intervals(object: &mut Object<'_>) -> (Duration, Option<Duration>) {
    let interval = object
        .milliseconds("reconnect_interval", 0)
        .unwrap_or(Duration::from_millis(500));
    let longest = object.milliseconds("max_reconnect_interval", 0);
    if longest.is_some_and(|longest| longest < interval.max(SHORTEST_INTERVAL)) {
        let message = "it must not be less than reconnect_interval";
        object.error("max_reconnect_interval", message);
    }
    (interval, longest)
}

/// Applications that attach their handler of messages a moment after they accepted the connection lose what comes before.
fn start_delay(object: &mut Object<'_>) -> Duration {
    Duration::from_millis(object.number("start_delay", 0..=60_000, 20))
}

fn request_timeout(object: &mut Object<'_>) -> Duration {
    let given = object.milliseconds("request_timeout", 1);
    given.unwrap_or(Duration::from_secs(60))
}

/// As with Asterisk 0 and less are allowed, and one attempt is made all the same.
fn attempts(object: &mut Object<'_>) -> i32 {
    let range = i64::from(i32::MIN)..=i64::from(i32::MAX);
    object.number("reconnect_attempts", range, 4)
}

fn proxy(object: &mut Object<'_>) -> Option<Proxy> {
    let text = object.wire_text("proxy_host");
    let username = object.wire_text("proxy_username");
    let password = object.wire_text("proxy_password");
    if username.is_empty() != password.is_empty() {
        let message = "proxy_username and proxy_password belong together; give both or none";
        object.error("proxy_username", message);
    }
    if text.is_empty() {
        if !username.is_empty() {
            object.warning("proxy_username", "it is not used; add proxy_host");
        }
        return None;
    }
    match host_and_port(text) {
        Ok((host, Some(port))) => Some(Proxy {
            host,
            port,
            credentials: (!username.is_empty())
                .then(|| (username.to_owned(), Secret::new(password))),
        }),
        Ok((_, None)) => {
            object.error("proxy_host", "the port is missing; write host:port");
            None
        }
        Err(message) => {
            object.error("proxy_host", format!("{message}; write host:port"));
            None
        }
    }
}

fn tcp_keepalive(object: &mut Object<'_>) -> Option<Keepalive> {
    let enabled = object.boolean("enable_tcp_keepalives", false);
    let keepalive = Keepalive {
        time: object.seconds("tcp_keepalive_time", KEEPALIVE_SECONDS, 20),
        interval: object.seconds("tcp_keepalive_interval", KEEPALIVE_SECONDS, 20),
        probes: object.number("tcp_keepalive_probes", 1..=KEEPALIVE_PROBES, 3),
    };
    enabled.then_some(keepalive)
}

fn pingpong(object: &mut Object<'_>) -> Option<Keepalive> {
    let enabled = object.boolean("enable_pingpongs", false);
    let interval = object.seconds("pingpong_interval", KEEPALIVE_SECONDS, 20);
    let keepalive = Keepalive {
        time: interval,
        interval,
        probes: object.number("pingpong_probes", 1..=KEEPALIVE_PROBES, 3),
    };
    enabled.then_some(keepalive)
}

fn queue(object: &mut Object<'_>) -> QueueLimits {
    let default = QueueLimits::default();
    let words = [
        ("drop_oldest", Overflow::DropOldest),
        ("drop_newest", Overflow::DropNewest),
    ];
    QueueLimits {
        max_bytes: object.number("queue_max_bytes", 1..=1 << 40, default.max_bytes),
        max_messages: object.number("queue_max_messages", 1..=1 << 30, default.max_messages),
        overflow: object.choice("queue_overflow", &words).unwrap_or_default(),
    }
}
