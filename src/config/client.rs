//! Websocket clients: where to connect to, and how.

use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;
use std::sync::Arc;

use super::call_data::obstacle;
use super::credentials::{PASSWORDS, headers, password};
use super::files::check_file;
use super::keep::Keeper;
use super::object::{Object, sort};
use super::problem::Problems;
use super::secret_files::{self, BEARER_TOKEN_FILE};
use super::table::{CLIENT, object};
use super::template::Section;
use super::uri::host_and_port;
use super::{
    AUTHORITIES_SIZE, Client, Config, ConnectionType, IDENTITY_SIZE, Preference, Proxy, Secret, Source, Uri, WhenDown,
};

pub(super) const WEBSOCKET_CLIENT: &str = "websocket_client";

/// Reads the sections of websocket clients. Those of `untyped` names are not deleted: what
/// their sections in `ari_outbound.conf` are is not known.
pub(super) fn read(
    sections: &[Section],
    untyped: &[&str],
    source: &Source<'_>,
    previous: Option<&Config>,
    problems: &mut Problems,
) -> BTreeMap<String, Arc<Client>> {
    let mut clients = Keeper::new(previous.map(|config| &config.clients));
    let loaded_before = |_: &str, name: &str| clients.had(name);
    let sorted = sort(sections, |_| &[WEBSOCKET_CLIENT], loaded_before, problems);
    for (_, section) in sorted.typed {
        clients.read(&section.name, problems, |problems| read_client(section, source, problems));
    }
    // A missing or misspelt type is no deletion.
    for name in sorted.untyped.iter().chain(untyped) {
        clients.keep(name);
    }
    clients.into_objects()
}

fn read_client(section: &Section, source: &Source<'_>, problems: &mut Problems) -> Option<Client> {
    let mut reader = object(section, CLIENT, problems);
    let object = &mut reader;
    let mut client = Client {
        name: section.name.clone(),
        ..Client::default()
    };
    object.read(CLIENT, &mut client);
    client.password = password(&mut client, object);
    secret_files::complete(object, &mut client, source.directory);
    let authorized = authorization(object, &client);
    let mut servers = client.servers.iter();
    if let Some(message) = servers.find_map(|server| obstacle(&client, source, &server.path_and_query)) {
        object.error("uri", message);
    }
    client.headers = headers(object, authorized, |text| obstacle(&client, source, text));
    secret_files::check(object, &client);
    if !object.has("connection_type") {
        let message = "connection_type is missing, so it is persistent; \
                       write connection_type = persistent";
        object.warning("connection_type", message);
    }
    let shortest = client.interval();
    if client.max_reconnect_interval.is_some_and(|longest| longest < shortest) {
        let message = "it must not be less than reconnect_interval";
        object.error("max_reconnect_interval", message);
    }
    unused_when_up(object, &client);
    standby(object, &client);
    client.proxy = proxy(object);
    if client.servers.is_empty() {
        return None;
    }
    several(object, &client);
    let (secured, plain): (Vec<&Uri>, Vec<&Uri>) = client
        .servers
        .iter()
        .map(|server| &**server)
        .partition(|server| client.uses_tls(server));
    if !secured.is_empty() {
        if object.has("tls_enabled") && !client.tls_enabled && plain.is_empty() {
            let message = "it is ignored, because wss:// is always TLS; write ws:// in the uri to have \
                           none, or remove this and name the server's authority in ca_list_file";
            object.warning("tls_enabled", message);
        }
        tls_files(object);
        unverified(object, &client);
    }
    readable(object, &client, &plain);
    reader.finish(client)
}

/// Warns of what is said of a connection that is down, and never comes to anything.
fn unused_when_up(object: &mut Object<'_>, client: &Client) {
    let fails = client.down.when == WhenDown::Fail;
    if client.connection_type == ConnectionType::PerCallConfig {
        let message = "it is not used, because it concerns persistent connections; a call whose connection cannot be made \
                       fails after reconnect_attempts";
        for key in ["when_down", "down_grace", "fail_inside"] {
            if object.has(key) {
                object.warning(key, message);
            }
        }
    } else if !fails {
        for key in ["down_grace", "fail_inside", "fallback_app"] {
            if object.has(key) && !object.text(key).is_empty() {
                let message = "it is not used, because channels wait while the connection is down; add when_down = fail";
                object.warning(key, message);
            }
        }
    }
}

/// Which clients may have connections on standby: those that make one for each call.
fn standby(object: &mut Object<'_>, client: &Client) {
    if client.standby_connections > 0 && client.connection_type == ConnectionType::Persistent {
        let message = "it is not used, because the connection is persistent, and open before any call comes; remove it, or write \
                       connection_type = per_call_config";
        object.warning("standby_connections", message);
    }
}

/// Where the request has an `Authorization` from, if from anywhere but the headers. Warns of half a login.
fn authorization(object: &mut Object<'_>, client: &Client) -> Option<&'static str> {
    match (client.username.is_empty(), !client.has_password()) {
        (true, false) => object.warning("password", "it is not used; add a username"),
        // A password that could not be had is reported as that.
        (false, true) if !PASSWORDS.iter().any(|key| object.has(key)) => {
            object.warning("username", "it is not used; add a password");
        }
        (false, false) if client.username.contains(':') => {
            // RFC 7617 section 2.
            object.warning(
                "username",
                "servers take what follows the colon for the password; write a name without a colon",
            );
        }
        _ => {}
    }
    let has_token = client.secret_files.bearer_token.is_some();
    match (client.has_login(), has_token) {
        (true, true) => {
            let message = "there is an Authorization already, from username and password or the uri; remove one";
            object.error(BEARER_TOKEN_FILE, message);
            None
        }
        (true, false) => Some("username and password or the uri"),
        (false, true) => Some(BEARER_TOKEN_FILE),
        (false, false) => None,
    }
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

/// Warns of what is of no use to one server, or to one connection.
fn several(object: &mut Object<'_>, client: &Client) {
    if client.preference == Preference::Spread && client.connection_type == ConnectionType::Persistent {
        let message = "a persistent connection is one, so it is failover; write that, or remove it";
        object.warning("servers", message);
    }
    if client.fail_fast.is_some() && client.connection_type == ConnectionType::Persistent {
        let message = "it is not used: no call waits for a persistent connection; remove it";
        object.warning("fail_fast", message);
    }
}

/// Warns, once for the connection, of credentials that others than this machine can read on the way to these servers.
fn readable(object: &mut Object<'_>, client: &Client, plain: &[&Uri]) {
    let proxy = client.proxy.iter().filter(|_| !plain.is_empty()).map(|proxy| &proxy.host);
    let mut hops = plain.iter().map(|server| &server.host).chain(proxy);
    let leaves = hops.any(|host| !is_this_machine(host));
    let files = &client.secret_files;
    let what = if client.has_login() {
        Some("the password")
    } else if files.bearer_token.is_some() {
        Some("the token")
    } else if !client.headers.is_empty() || files.headers.is_some() {
        Some("what header says")
    } else {
        None
    };
    if let Some(what) = what
        && leaves
    {
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
            credentials: (!username.is_empty()).then(|| (username.to_owned(), Secret::new(password))),
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
