//! What holds of every configuration that can be written.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ariws::config::*;
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use crate::Files;
use crate::writer::{Choices, Written, write};

/// A failure prints the smallest configuration that fails; that becomes a test of its own.
pub fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn what_is_written_is_read_back(
        (config, uris) in configuration(),
        choices in vec(any::<u8>(), 0..400),
    ) {
        let written = write(&config, |client| uris[client].clone(), &mut Choices::new(&choices));
        let files = stored(&written);
        let reading = files.try_read(None);
        let reading = reading.map_err(|problems| refused(&files, &problems, &written))?;
        let errors = reading.problems.iter().filter(|problem| problem.severity == Severity::Error);
        let errors: Vec<Problem> = errors.cloned().collect();
        prop_assert!(errors.is_empty(), "{:?}\n{written:#?}", files.shown(&errors));
        prop_assert!(reading.config == config, "{:#?}\n{config:#?}\n{written:#?}", reading.config);
        // And nothing of it is a change.
        let again = files.try_read(Some(&config));
        let again = again.map_err(|problems| refused(&files, &problems, &written))?;
        prop_assert!(diff(&config, &again.config).is_empty());
    }
}

fn refused(files: &Files, problems: &[Problem], written: &Written) -> TestCaseError {
    TestCaseError::fail(format!("{:?}\n{written:#?}", files.shown(problems)))
}

fn stored(written: &Written) -> Files {
    let files = Files::new(&written.ari, &written.client);
    if !written.outbound.is_empty() {
        files.write("ari_outbound.conf", &written.outbound);
    }
    for (name, text) in &written.included {
        files.write(name, text);
    }
    files
}

/// A configuration without a fault, and the URIs of its clients.
fn configuration() -> impl Strategy<Value = (Config, BTreeMap<String, Vec<String>>)> {
    let clients = btree_map(name(), client(), 0..4);
    let users = btree_map(name(), user(), 0..4);
    (general(), users, clients)
        .prop_flat_map(|(general, users, clients)| {
            let connections = connections(&users, &clients);
            (Just(general), Just(users), Just(clients), connections)
        })
        .prop_map(|(general, users, clients, connections)| {
            let uris = clients.iter().map(|(name, (_, uri))| (name.clone(), uri.clone()));
            let uris = uris.collect();
            let clients = clients
                .into_iter()
                .map(|(name, (client, _))| (name.clone(), Arc::new(Client { name, ..client })));
            let clients: BTreeMap<String, Arc<Client>> = clients.collect();
            let users = users
                .into_iter()
                .map(|(name, user)| (name.clone(), Arc::new(User { name, ..user })));
            let connections = connections.into_iter().map(|(name, parts)| {
                let connection = Connection {
                    client: Arc::clone(&clients[&parts.client]),
                    name: name.clone(),
                    websocket_client_id: parts.client,
                    apps_as_written: parts.apps.join(parts.comma),
                    apps: parts.apps,
                    subscribe_all: parts.subscribe_all,
                    local_ari_user: parts.user,
                    apps_fault: None,
                    user_fault: None,
                };
                (name, Arc::new(connection))
            });
            let config = Config {
                general,
                users: users.collect(),
                connections: connections.collect(),
                clients: clients.clone(),
            };
            (config, uris)
        })
}

/// What a connection says of itself.
#[derive(Debug, Clone)]
struct Parts {
    client: String,
    user: String,
    apps: Vec<String>,
    comma: &'static str,
    subscribe_all: bool,
}

type Clients = BTreeMap<String, (Client, Vec<String>)>;

/// Connections of those clients and of the users whose passwords are plain and whom a host can authenticate.
fn connections(users: &BTreeMap<String, User>, clients: &Clients) -> BoxedStrategy<BTreeMap<String, Parts>> {
    let plain = users
        .iter()
        .filter(|(name, user)| user.password_format == PasswordFormat::Plain && !name.contains(':'));
    let users: Vec<String> = plain.map(|(name, _)| name.clone()).collect();
    let clients: Vec<String> = clients.keys().cloned().collect();
    if users.is_empty() || clients.is_empty() {
        return Just(BTreeMap::new()).boxed();
    }
    let commas = select(&[",", ", ", " ,", "\t,\t"]);
    let parts = (select(clients), select(users), btree_set(app(), 1..5), commas, any::<bool>());
    btree_map(name(), parts, 0..4)
        .prop_map(|connections| {
            let connections = connections.into_iter().enumerate();
            let own = connections.map(|(number, (name, (client, user, apps, comma, subscribe_all)))| {
                // No two connections may have the same application.
                let apps = apps.into_iter().map(|app| format!("{number}{app}")).collect();
                (
                    name,
                    Parts {
                        client,
                        user,
                        apps,
                        comma,
                        subscribe_all,
                    },
                )
            });
            own.collect()
        })
        .boxed()
}

/// A character that is no control character; many of them mean something in the dialect.
fn character() -> impl Strategy<Value = char> {
    let meaning: Vec<char> = r#" ;\[](){}#:,=>+-|!"'%$*/@.~"#.chars().collect();
    prop_oneof![
        select(meaning),
        proptest::char::range('a', 'z'),
        any::<char>().prop_filter("a control character", |one| !one.is_control()),
    ]
}

/// Any text that is as long when it is trimmed.
fn text() -> impl Strategy<Value = String> {
    vec(character(), 1..12).prop_map(|characters| {
        let text = String::from_iter(characters);
        match text.trim_matches(' ') {
            "" => "x".to_owned(),
            trimmed => trimmed.to_owned(),
        }
    })
}

fn word() -> impl Strategy<Value = String> {
    vec(proptest::char::range('a', 'z'), 1..4).prop_map(String::from_iter)
}

/// A section's name; `general` is no name of an object.
fn name() -> impl Strategy<Value = String> {
    let name = prop_oneof![word(), text()];
    name.prop_filter("it is taken", |name| {
        !name.contains(']') && !name.eq_ignore_ascii_case("general") && name != "a template"
    })
}

/// The end of an application's name.
fn app() -> impl Strategy<Value = String> {
    let app = prop_oneof![word(), text()];
    app.prop_filter("it means something", |app| !app.contains(',') && !app.ends_with(['"', '\'']))
}

fn general() -> impl Strategy<Value = General> {
    let total = option::of(1_usize << 20..=1 << 40);
    (any::<bool>(), any::<bool>(), option::of(time(1)), total).prop_map(|(enabled, pretty, timeout, total)| General {
        enabled,
        pretty,
        websocket_write_timeout: timeout,
        queue_max_total_bytes: total,
    })
}

/// The name is filled in later.
fn user() -> impl Strategy<Value = User> {
    let format = prop_oneof![3 => Just(PasswordFormat::Plain), 1 => Just(PasswordFormat::Crypt)];
    (text(), any::<bool>(), format).prop_map(|(password, read_only, password_format)| User {
        name: String::new(),
        password: Secret::new(password),
        read_only,
        password_format,
    })
}

fn time(least: u64) -> impl Strategy<Value = Duration> {
    (least..=86_400_000).prop_map(Duration::from_millis)
}

/// A client, whose name is filled in later, and its URIs as they are written.
fn client() -> impl Strategy<Value = (Client, Vec<String>)> {
    let login = (option::of(protocols()), option::of(text()), option::of(text()));
    let times = (time(1), time(0), option::of(time(10)), option::of(time(1)));
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    let paths = (option::of(text()), option::of(text()), option::of(text()), option::of(text()));
    let alive = (option::of(keepalive()), option::of(keepalive()), option::of(proxy()));
    let bounds = (
        1usize..1 << 40,
        1usize..1 << 30,
        prop_oneof![Just(Overflow::DropOldest), Just(Overflow::DropNewest)],
        1u32..=1024,
        125u32..=1 << 30,
        (0u64..=60_000).prop_map(Duration::from_millis),
        time(1),
        (select(&[Delivery::AtMostOnce, Delivery::AtLeastOnce]), any::<bool>()),
        0usize..=1000,
        (1u64..=86_400).prop_map(Duration::from_secs),
    );
    let headers = vec((word().prop_map(|name| format!("X-{name}")), text()), 0..3);
    let several = (any::<bool>(), option::of(time(1)), time(10), option::of(time(0)));
    let more = (
        any::<i32>(),
        headers,
        prop_oneof![Just(TlsVersion::Tls12), Just(TlsVersion::Tls13)],
        (
            prop_oneof![Just(WhenDown::Queue), Just(WhenDown::Fail)],
            time(0),
            any::<bool>(),
        )
            .prop_map(|(when, grace, inside)| Down { when, grace, inside }),
        option::of(text()),
    );
    let parts = (uris(), login, times, flags, paths, alive, bounds, more, several);
    parts.prop_map(|(uris, login, times, flags, paths, alive, bounds, more, several)| {
        let (servers, written): (Vec<Uri>, Vec<String>) = uris.into_iter().unzip();
        let servers = servers.into_iter().map(Arc::new).collect();
        let (protocols, username, password) = login;
        let (connection_timeout, interval, longest, write_timeout) = times;
        let kind = match flags.0 {
            true => ConnectionType::Persistent,
            false => ConnectionType::PerCallConfig,
        };
        let (reconnect_attempts, headers, tls_min_version, down, fallback_app) = more;
        let client = Client {
            name: String::new(),
            servers,
            preference: match several.0 {
                true => Preference::Failover,
                false => Preference::Spread,
            },
            fail_fast: several.1,
            failback_interval: several.2,
            max_retry_after: several.3,
            protocols: protocols.unwrap_or_default(),
            username: username.unwrap_or_default(),
            password: password.map(Secret::new),
            secret_files: SecretFiles::default(),
            connection_type: kind,
            connection_timeout,
            reconnect_interval: interval,
            max_reconnect_interval: longest.map(|longest| longest.max(interval)),
            reconnect_attempts,
            tls_enabled: flags.1,
            ca_list_file: paths.0.map(PathBuf::from),
            ca_list_path: paths.1.map(PathBuf::from),
            cert_file: paths.2.map(PathBuf::from),
            priv_key_file: paths.3.map(PathBuf::from),
            verify_server_cert: flags.2,
            verify_server_hostname: flags.3,
            tls_min_version,
            proxy: alive.2,
            tcp_keepalive: alive.0,
            pingpong: alive.1.map(|pings| Keepalive {
                interval: pings.time,
                ..pings
            }),
            write_timeout,
            headers: headers
                .into_iter()
                .map(|(name, value)| (name, CallText::fixed(&value)))
                .collect(),
            queue: QueueLimits {
                max_bytes: bounds.0,
                max_messages: bounds.1,
                overflow: bounds.2,
            },
            delivery: bounds.7.0,
            announce_resume: bounds.7.1,
            start_delay: bounds.5,
            down,
            fallback_app: fallback_app.unwrap_or_default(),
            standby_connections: bounds.8,
            standby_max_age: bounds.9,
            own_app_alias: flags.0 && flags.2,
            request_concurrency: bounds.3,
            request_timeout: bounds.6,
            max_message_size: bounds.4,
        };
        (client, written)
    })
}

fn protocols() -> impl Strategy<Value = String> {
    let commas = select(&[",", ", ", " ,"]);
    (btree_set(word(), 1..4), commas).prop_map(|(names, comma)| Vec::from_iter(names).join(comma))
}

fn keepalive() -> impl Strategy<Value = Keepalive> {
    (1u64..=32_767, 1u64..=32_767, 1u32..=127).prop_map(|(time, interval, probes)| Keepalive {
        time: Duration::from_secs(time),
        interval: Duration::from_secs(interval),
        probes,
    })
}

fn proxy() -> impl Strategy<Value = Proxy> {
    (word(), 1u16.., option::of((text(), text()))).prop_map(|(host, port, credentials)| Proxy {
        host,
        port,
        credentials: credentials.map(|(user, password)| (user, Secret::new(password))),
    })
}

/// A URI, and how it is written.
fn uri() -> impl Strategy<Value = (Uri, String)> {
    let scheme = select(&["", "ws://", "wss://", "WSS://", "Ws://"]);
    let login = option::of((text().prop_map(|user| user.replace(':', ".")), text()));
    let path = select(&["", "/", "/ari", "/a/b?c=d&e=%20", "?x"]);
    let host = vec(word(), 1..4).prop_map(|labels| labels.join("."));
    (scheme, login, host, option::of(1u16..), path).prop_map(|(scheme, login, host, port, path)| {
        let address = match port {
            Some(port) => format!("{host}:{port}"),
            None => host.clone(),
        };
        let (secret, shown) = match &login {
            Some((user, password)) => {
                let user = encoded(user);
                (format!("{user}:{}@", encoded(password)), format!("{user}:********@"))
            }
            None => (String::new(), String::new()),
        };
        let uri = Uri {
            display: format!("{scheme}{shown}{address}{path}"),
            tls: scheme.eq_ignore_ascii_case("wss://"),
            host,
            port,
            path_and_query: match path.starts_with('/') {
                true => CallText::fixed(path),
                false => CallText::fixed(&format!("/{path}")),
            },
            credentials: login.map(|(user, password)| (user, Secret::new(password))),
        };
        (uri, format!("{scheme}{secret}{address}{path}"))
    })
}

/// Servers, each once.
fn uris() -> impl Strategy<Value = Vec<(Uri, String)>> {
    vec(uri(), 1..4).prop_map(|uris| {
        let mut each: Vec<(Uri, String)> = Vec::new();
        for uri in uris {
            if !each.iter().any(|(other, _)| *other == uri.0) {
                each.push(uri);
            }
        }
        each
    })
}

/// With `%xx` for everything that is no letter or digit.
fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}
