//! What a reload changes: the difference of two configurations, and what it asks of a session.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::{Client, Config, Connection, General, Keepalive, Proxy, User};

/// The connections that differ between two configurations, each list sorted by name.
///
/// A renamed connection is one removed and one added. What a user may do is no part of a
/// connection; it is looked up in the new configuration at the next request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diff {
    /// Connections that are gone.
    pub removed: Vec<Arc<Connection>>,
    /// Connections that are new.
    pub added: Vec<Arc<Connection>>,
    /// Connections that differ.
    pub changed: Vec<ConnectionChange>,
}

impl Diff {
    /// Whether no connection differs.
    pub fn is_empty(&self) -> bool {
        self.removed.is_empty() && self.added.is_empty() && self.changed.is_empty()
    }
}

/// How one connection differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionChange {
    /// The connection as it was.
    pub old: Arc<Connection>,
    /// The connection as it is to be.
    pub new: Arc<Connection>,
    /// What the change asks of a running session.
    pub effect: Effect,
    /// What becomes of the applications, whatever the effect.
    pub apps: AppChanges,
    /// The parameters that differ, in the order in which `ari show outbound-websocket` and the
    /// sample files have them.
    pub parameters: Vec<&'static str>,
}

/// What becomes of the applications of a changed connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AppChanges {
    /// Only in the new connection, in its order.
    pub added: Vec<String>,
    /// Only in the old connection, sorted.
    pub removed: Vec<String>,
    /// In both, in the order of the new connection.
    pub kept: Vec<String>,
}

/// What a change asks of a running session, the weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// The connection became valid or invalid, or for another reason. With an invalid one nothing
    /// else is to be done, whatever the parameters: its sessions go on as they are.
    Validity,
    /// The new values are used when they are next needed; the session goes on.
    NextConnect,
    /// The applications differ, if only in their order or spelling; the session goes on.
    Applications,
    /// Every old application is unregistered and every new one registered; the session goes on.
    SubscribeAll,
    /// The session is closed and made anew with the new values.
    Reconnect,
    /// `connection_type` changed: the old kind is ended and the new one begun.
    Replace,
}

/// Compares two configurations.
pub fn diff(old: &Config, new: &Config) -> Diff {
    let mut diff = Diff::default();
    for (name, connection) in &old.connections {
        match new.connections.get(name) {
            None => diff.removed.push(Arc::clone(connection)),
            Some(successor) => diff.changed.extend(change(connection, successor)),
        }
    }
    diff.added = new
        .connections
        .iter()
        .filter(|(name, _)| !old.connections.contains_key(*name))
        .map(|(_, connection)| Arc::clone(connection))
        .collect();
    diff
}

/// Compares two states of one connection; nothing if they are equal.
///
/// A session that went on while its connection was invalid still has the values from before;
/// compare with the connection that the session was made with, not with the invalid one.
pub fn change(old: &Arc<Connection>, new: &Arc<Connection>) -> Option<ConnectionChange> {
    if Arc::ptr_eq(old, new) || old == new {
        return None;
    }
    let mut found = Found::default();
    found.connection(old, new);
    found.client(&old.client, &new.client);
    let effect = match new.is_valid() {
        true => found.effect.unwrap_or(Effect::Validity),
        false => Effect::Validity,
    };
    Some(ConnectionChange {
        old: Arc::clone(old),
        new: Arc::clone(new),
        effect,
        apps: app_changes(old, new),
        parameters: found.parameters,
    })
}

/// The users that differ between two configurations, each list sorted by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserChanges {
    /// Users that are gone.
    pub removed: Vec<Arc<User>>,
    /// Users that are new.
    pub added: Vec<Arc<User>>,
    /// Users that differ, with their parameters that do.
    pub changed: Vec<(String, Vec<&'static str>)>,
}

/// Compares the users of two configurations.
pub fn user_changes(
    old: &BTreeMap<String, Arc<User>>,
    new: &BTreeMap<String, Arc<User>>,
) -> UserChanges {
    let mut changes = UserChanges::default();
    for (name, user) in old {
        match new.get(name) {
            None => changes.removed.push(Arc::clone(user)),
            Some(successor) if successor == user => {}
            Some(successor) => {
                let parameters = differing(&[
                    ("password", user.password != successor.password),
                    ("read_only", user.read_only != successor.read_only),
                    (
                        "password_format",
                        user.password_format != successor.password_format,
                    ),
                ]);
                changes.changed.push((name.clone(), parameters));
            }
        }
    }
    changes.added = new
        .iter()
        .filter(|(name, _)| !old.contains_key(*name))
        .map(|(_, user)| Arc::clone(user))
        .collect();
    changes
}

/// The parameters of `[general]` that differ.
pub fn general_changes(old: &General, new: &General) -> Vec<&'static str> {
    differing(&[
        ("enabled", old.enabled != new.enabled),
        ("pretty", old.pretty != new.pretty),
        (
            "websocket_write_timeout",
            old.websocket_write_timeout != new.websocket_write_timeout,
        ),
        (
            "queue_max_total_bytes",
            old.queue_max_total_bytes != new.queue_max_total_bytes,
        ),
    ])
}

fn differing(parameters: &[(&'static str, bool)]) -> Vec<&'static str> {
    let differing = parameters.iter().filter(|(_, differs)| *differs);
    differing.map(|(name, _)| *name).collect()
}

fn app_changes(old: &Connection, new: &Connection) -> AppChanges {
    let before: HashSet<&String> = old.apps.iter().collect();
    let after: HashSet<&String> = new.apps.iter().collect();
    let (kept, added) = new
        .apps
        .iter()
        .cloned()
        .partition(|app| before.contains(app));
    let mut removed: Vec<String> = old
        .apps
        .iter()
        .filter(|app| !after.contains(app))
        .cloned()
        .collect();
    removed.sort();
    AppChanges {
        added,
        removed,
        kept,
    }
}

/// The parameters that differ, and the strongest of their effects.
#[derive(Default)]
struct Found {
    parameters: Vec<&'static str>,
    effect: Option<Effect>,
}

impl Found {
    fn compare<T: PartialEq>(&mut self, name: &'static str, effect: Effect, old: T, new: T) {
        if old != new {
            self.parameters.push(name);
            self.effect = self.effect.max(Some(effect));
        }
    }

    fn connection(&mut self, old: &Connection, new: &Connection) {
        use Effect::{Applications, NextConnect, Reconnect, SubscribeAll};
        // Another client with the same values needs no new connection.
        self.compare(
            "websocket_client_id",
            NextConnect,
            &old.websocket_client_id,
            &new.websocket_client_id,
        );
        self.compare(
            "apps",
            Applications,
            (&old.apps, &old.apps_as_written),
            (&new.apps, &new.apps_as_written),
        );
        self.compare(
            "subscribe_all",
            SubscribeAll,
            old.subscribe_all,
            new.subscribe_all,
        );
        self.compare(
            "local_ari_user",
            Reconnect,
            &old.local_ari_user,
            &new.local_ari_user,
        );
    }

    fn client(&mut self, old: &Client, new: &Client) {
        use Effect::{NextConnect, Reconnect, Replace};
        // The name of a client is no value that a session could notice.
        macro_rules! compare {
            ($old:expr, $new:expr; $($name:literal $field:ident $effect:ident;)*) => {
                $(self.compare($name, $effect, &$old.$field, &$new.$field);)*
            };
        }
        compare! { old, new;
            "uri" uri Reconnect;
            "protocols" protocols Reconnect;
            "username" username Reconnect;
            "password" password Reconnect;
            "header" headers Reconnect;
            "connection_type" connection_type Replace;
            "connection_timeout" connection_timeout NextConnect;
            "reconnect_interval" reconnect_interval NextConnect;
            "max_reconnect_interval" max_reconnect_interval NextConnect;
            "reconnect_attempts" reconnect_attempts NextConnect;
            "tls_enabled" tls_enabled Reconnect;
            "ca_list_file" ca_list_file Reconnect;
            "ca_list_path" ca_list_path Reconnect;
            "cert_file" cert_file Reconnect;
            "priv_key_file" priv_key_file Reconnect;
            "verify_server_cert" verify_server_cert Reconnect;
            "verify_server_hostname" verify_server_hostname Reconnect;
            "tls_min_version" tls_min_version Reconnect;
        }
        self.proxy(old.proxy.as_ref(), new.proxy.as_ref());
        self.keepalive(TCP_KEEPALIVE, old.tcp_keepalive, new.tcp_keepalive);
        self.keepalive(PINGPONG, old.pingpong, new.pingpong);
        compare! { old, new;
            "write_timeout" write_timeout Reconnect;
            "max_message_size" max_message_size Reconnect;
            "start_delay" start_delay NextConnect;
            "request_concurrency" request_concurrency NextConnect;
            "request_timeout" request_timeout NextConnect;
        }
        compare! { old.queue, new.queue;
            "queue_max_bytes" max_bytes NextConnect;
            "queue_max_messages" max_messages NextConnect;
            "queue_overflow" overflow NextConnect;
        }
    }

    fn proxy(&mut self, old: Option<&Proxy>, new: Option<&Proxy>) {
        let address = |proxy: Option<&Proxy>| proxy.map(|proxy| (proxy.host.clone(), proxy.port));
        let name = |proxy: Option<&Proxy>| Some(proxy?.credentials.clone()?.0);
        let password = |proxy: Option<&Proxy>| Some(proxy?.credentials.clone()?.1);
        self.compare("proxy_host", Effect::Reconnect, address(old), address(new));
        self.compare("proxy_username", Effect::Reconnect, name(old), name(new));
        self.compare(
            "proxy_password",
            Effect::Reconnect,
            password(old),
            password(new),
        );
    }

    /// `names`: of the switch, the time, the interval and the probes. When the switch is turned,
    /// the others have no counterpart and differ as well.
    fn keepalive(
        &mut self,
        names: [&'static str; 4],
        old: Option<Keepalive>,
        new: Option<Keepalive>,
    ) {
        let values = |keepalive: Option<Keepalive>| {
            let Some(keepalive) = keepalive else {
                return [0; 4];
            };
            let Keepalive {
                time,
                interval,
                probes,
            } = keepalive;
            [
                1,
                time.as_millis(),
                interval.as_millis(),
                u128::from(probes),
            ]
        };
        for ((name, old), new) in names.into_iter().zip(values(old)).zip(values(new)) {
            if !self.parameters.contains(&name) {
                self.compare(name, Effect::Reconnect, old, new);
            }
        }
    }
}

const TCP_KEEPALIVE: [&str; 4] = [
    "enable_tcp_keepalives",
    "tcp_keepalive_time",
    "tcp_keepalive_interval",
    "tcp_keepalive_probes",
];

/// The interval of pings is their time, too.
const PINGPONG: [&str; 4] = [
    "enable_pingpongs",
    "pingpong_interval",
    "pingpong_interval",
    "pingpong_probes",
];
