//! What a configuration holds once it has been read: immutable values, shared by reference.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::parameter::Word;
use super::{CallText, Secret, SecretFiles};

/// The shortest pause between attempts to connect: a shorter one would be a storm.
pub const SHORTEST_INTERVAL: Duration = Duration::from_millis(10);

/// What `ca_list_file`, or the files in `ca_list_path` together, may have; a system's authorities have less than 1 MiB.
pub(crate) const AUTHORITIES_SIZE: u64 = 16 << 20;
/// What `cert_file` and `priv_key_file` may have each.
pub(crate) const IDENTITY_SIZE: u64 = 1 << 20;

/// Everything that `ari.conf`, `ari_outbound.conf` and `websocket_client.conf` say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// `[general]` of `ari.conf`.
    pub general: General,
    /// Objects with `type = user`, by name.
    pub users: BTreeMap<String, Arc<User>>,
    /// Objects with `type = outbound_websocket`, by name, each with its websocket client.
    pub connections: BTreeMap<String, Arc<Connection>>,
    /// Objects with `type = websocket_client`, by name; also those that no connection uses.
    pub clients: BTreeMap<String, Arc<Client>>,
}

/// `[general]` of `ari.conf`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct General {
    /// `enabled`: concerns the host's REST and inbound websockets only.
    pub enabled: bool,
    /// `pretty`: indent what goes to applications.
    pub pretty: bool,
    /// `websocket_write_timeout`, if it was given.
    pub websocket_write_timeout: Option<Duration>,
    /// `queue_max_total_bytes`, if it was given.
    pub queue_max_total_bytes: Option<usize>,
}

/// An object with `type = user`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct User {
    /// The section's name.
    pub name: String,
    /// `password`: what the host authenticates requests with.
    pub password: Secret,
    /// `read_only`: the connection may only send GET and OPTIONS.
    pub read_only: bool,
    /// `password_format`: only a plain password is of use to a connection.
    pub password_format: PasswordFormat,
}

/// How a user's password is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PasswordFormat {
    /// As it is.
    #[default]
    Plain,
    /// As crypt(3) hashed it; unusable for an outbound connection.
    Crypt,
}

impl Word for PasswordFormat {
    const WORDS: &'static [(&'static str, Self)] = &[("plain", Self::Plain), ("crypt", Self::Crypt)];
}

/// An object with `type = outbound_websocket`, together with its websocket client.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Connection {
    /// The section's name: the connection id.
    pub name: String,
    /// `websocket_client_id`: the name of `client`.
    pub websocket_client_id: String,
    /// `apps`: without blanks, quotes and repetitions, in configured order.
    pub apps: Vec<String>,
    /// `apps` as it was written, for display.
    pub apps_as_written: String,
    /// `subscribe_all`: the applications hear of everything.
    pub subscribe_all: bool,
    /// `local_ari_user`: the user whose rights requests have.
    pub local_ari_user: String,
    /// The websocket client that `websocket_client_id` names.
    pub client: Arc<Client>,
    /// Why the applications are invalid: another connection has one of them.
    pub apps_fault: Option<String>,
    /// Why the user is invalid: it does not exist, or its password is crypted.
    pub user_fault: Option<String>,
}

impl Connection {
    /// Whether new sessions may be made with this connection.
    pub fn is_valid(&self) -> bool {
        self.fault().is_none()
    }

    /// Whether the application is one of this connection's.
    pub fn has(&self, app: &str) -> bool {
        self.apps.iter().any(|its| its == app)
    }

    /// The application that a channel enters when nobody serves this connection's: none of its own, which nobody serves either.
    pub fn fallback(&self) -> Option<&str> {
        let app = &self.client.fallback_app;
        (!app.is_empty() && !self.apps.contains(app)).then_some(app)
    }

    /// Why no new session may be made with this connection.
    pub fn fault(&self) -> Option<&str> {
        self.apps_fault.as_deref().or(self.user_fault.as_deref())
    }
}

/// When a connection is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ConnectionType {
    /// One connection, as long as the host runs.
    #[default]
    Persistent,
    /// A connection for each channel that enters `Stasis(app)`.
    PerCallConfig,
}

impl Word for ConnectionType {
    const WORDS: &[(&str, Self)] = &[
        (Self::Persistent.as_str(), Self::Persistent),
        (Self::PerCallConfig.as_str(), Self::PerCallConfig),
    ];
}

impl ConnectionType {
    /// The word that stands for it in the configuration and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Persistent => "persistent",
            Self::PerCallConfig => "per_call_config",
        }
    }
}

/// An object with `type = websocket_client`. Its `default()` is empty: the table of parameters is read into it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Client {
    /// The section's name.
    pub name: String,
    /// Each `uri`, taken apart: the servers in order of preference. At least one.
    pub servers: Vec<Arc<Uri>>,
    /// `servers`: which of them is taken first.
    pub preference: Preference,
    /// `fail_fast`: how long a call waits while every server is known to be down, if that is not to be all its attempts.
    pub fail_fast: Option<Duration>,
    /// `failback_interval`: how often a server that is down is looked after while another one serves.
    pub failback_interval: Duration,
    /// `max_retry_after` as configured; [`Client::longest_retry_after`] tells what is done.
    pub max_retry_after: Option<Duration>,
    /// `protocols`, verbatim; empty if none are asked for.
    pub protocols: String,
    /// `username`; empty if not given.
    pub username: String,
    /// `password`, or what `password_env` yielded.
    pub password: Option<Secret>,
    /// Files with what the server is told, read at each attempt.
    pub secret_files: SecretFiles,
    /// `connection_type`: one connection, or one for each call.
    pub connection_type: ConnectionType,
    /// `connection_timeout`: for a whole attempt, from the name to the upgrade.
    pub connection_timeout: Duration,
    /// `reconnect_interval`; less than 10 ms is taken as 10 ms where it is waited.
    pub reconnect_interval: Duration,
    /// `max_reconnect_interval`, if backoff is to be exponential.
    pub max_reconnect_interval: Option<Duration>,
    /// `reconnect_attempts` as configured; [`Client::attempts`] tells what is done.
    pub reconnect_attempts: i32,
    /// `tls_enabled` as configured; [`Client::uses_tls`] tells what is done.
    pub tls_enabled: bool,
    /// `ca_list_file`: authorities to trust instead of those of the system.
    pub ca_list_file: Option<PathBuf>,
    /// `ca_list_path`: a folder with such files.
    pub ca_list_path: Option<PathBuf>,
    /// `cert_file`: the certificate to present, with `priv_key_file`.
    pub cert_file: Option<PathBuf>,
    /// `priv_key_file`: the private key of `cert_file`.
    pub priv_key_file: Option<PathBuf>,
    /// `verify_server_cert`: the certificate must be of a trusted authority.
    pub verify_server_cert: bool,
    /// `verify_server_hostname`: the certificate must have the name in the URI.
    pub verify_server_hostname: bool,
    /// `tls_min_version`: the oldest that is accepted.
    pub tls_min_version: TlsVersion,
    /// `proxy_host`, with `proxy_username` and `proxy_password`.
    pub proxy: Option<Proxy>,
    /// `enable_tcp_keepalives` with its times.
    pub tcp_keepalive: Option<Keepalive>,
    /// `enable_pingpongs` with its times.
    pub pingpong: Option<Keepalive>,
    /// `write_timeout`, if it was given.
    pub write_timeout: Option<Duration>,
    /// `header = Name: value`, in configured order.
    pub headers: Vec<(String, CallText)>,
    /// Bounds of the queue of events, and what happens at them.
    pub queue: QueueLimits,
    /// `delivery`: whether what is not proven to have arrived is sent again.
    pub delivery: Delivery,
    /// `announce_resume`: applications hear what they missed when their connection was made again.
    pub announce_resume: bool,
    /// `start_delay`: how long the first events of a new per-call connection follow its ApplicationRegistered.
    pub start_delay: Duration,
    /// What a channel meets while a persistent connection is down.
    pub down: Down,
    /// `fallback_app`: what a channel enters that nobody serves; empty if nothing. [`Connection::fallback`] tells what is done.
    pub fallback_app: String,
    /// `standby_connections`: how many open connections wait for calls.
    pub standby_connections: usize,
    /// `standby_max_age`: how long each of them waits at most.
    pub standby_max_age: Duration,
    /// `own_app_alias`: the configured name of an application means that of the call.
    pub own_app_alias: bool,
    /// `request_concurrency`: how many requests of one connection the host runs at a time.
    pub request_concurrency: u32,
    /// `request_timeout`: a request that the host does not answer for so long is answered 504.
    pub request_timeout: Duration,
    /// `max_message_size`: of a message from the application, in bytes.
    pub max_message_size: u32,
}

/// How long one of several servers may ask to be left alone where `max_retry_after` is not set.
const RETRY_AFTER: Duration = Duration::from_secs(60);

/// Where neither `write_timeout` nor `websocket_write_timeout` is set.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

impl Config {
    /// How long the client's peer may take no byte: `write_timeout`, else `websocket_write_timeout`, else 10 s.
    pub fn write_timeout(&self, client: &Client) -> Duration {
        client
            .write_timeout
            .or(self.general.websocket_write_timeout)
            .unwrap_or(WRITE_TIMEOUT)
    }
}

impl Client {
    /// Whether each connection is made for a call, and that is known when it is.
    pub(super) fn knows_its_call(&self) -> bool {
        self.connection_type == ConnectionType::PerCallConfig
    }

    /// Whether there is a password for `username`.
    pub fn has_password(&self) -> bool {
        self.password.is_some() || self.secret_files.password.is_some()
    }

    /// Whether there are a user and a password, in the URI or apart.
    pub fn has_login(&self) -> bool {
        let in_uri = self.servers.iter().any(|server| server.credentials.is_some());
        in_uri || (!self.username.is_empty() && self.has_password())
    }

    /// How many attempts a per-call connection has: `reconnect_attempts`, but at least one.
    pub fn attempts(&self) -> u32 {
        u32::try_from(self.reconnect_attempts).unwrap_or(0).max(1)
    }

    /// `reconnect_interval`, but at least the shortest.
    pub fn interval(&self) -> Duration {
        self.reconnect_interval.max(SHORTEST_INTERVAL)
    }

    /// Whether a connection to one of the servers uses TLS: `wss://` or `tls_enabled = yes`.
    pub fn uses_tls(&self, server: &Uri) -> bool {
        server.tls || self.tls_enabled
    }

    /// Whether connections to any of the servers use TLS.
    pub fn use_tls(&self) -> bool {
        self.servers.iter().any(|server| self.uses_tls(server))
    }

    /// The port of one of the servers: the URI's, else 443 with TLS and 80 without (RFC 6455 section 3).
    pub fn port(&self, server: &Uri) -> u16 {
        server.port.unwrap_or(if self.uses_tls(server) { 443 } else { 80 })
    }

    /// Whether there are several servers.
    pub fn has_several_servers(&self) -> bool {
        self.servers.len() > 1
    }

    /// The longest that a server may ask to be left alone; nothing if that is not listened to, as with one server that is to be
    /// asked as often as ever.
    pub fn longest_retry_after(&self) -> Option<Duration> {
        self.max_retry_after
            .or_else(|| self.has_several_servers().then_some(RETRY_AFTER))
    }

    /// Whether a refusal that a retry cannot change ends the attempts of a call at that server.
    pub fn gives_up_refused(&self) -> bool {
        self.has_several_servers() || self.fail_fast.is_some()
    }

    /// The servers as they were written, for display.
    pub fn displayed_servers(&self) -> String {
        let servers: Vec<_> = self.servers.iter().map(|server| server.display.as_str()).collect();
        servers.join(", ")
    }
}

/// A `ws://` or `wss://` URI (RFC 6455 section 3) that can be connected to.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Uri {
    /// As it was written, user information masked with stars: for display, logs and commands.
    pub display: String,
    /// Whether the scheme is `wss`.
    pub tls: bool,
    /// The name or the address, an IPv6 address without its brackets.
    pub host: String,
    /// The port, if one was written.
    pub port: Option<u16>,
    /// Path and query for the request line, verbatim but for values of the call; at least `/`.
    pub path_and_query: CallText,
    /// `user:password@`, percent-decoded; wins over `username` and `password`.
    pub credentials: Option<(String, Secret)>,
}

impl fmt::Debug for Uri {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.display)
    }
}

/// Which of several servers is taken first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Preference {
    /// The first one that works, in the order of the configuration.
    #[default]
    Failover,
    /// Each in its turn.
    Spread,
}

impl Word for Preference {
    const WORDS: &[(&str, Self)] = &[
        (Self::Failover.as_str(), Self::Failover),
        (Self::Spread.as_str(), Self::Spread),
    ];
}

impl Preference {
    /// The word that stands for it in the configuration and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failover => "failover",
            Self::Spread => "spread",
        }
    }
}

/// The oldest TLS version that is accepted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TlsVersion {
    /// TLS 1.2 or newer.
    #[default]
    Tls12,
    /// TLS 1.3 or newer.
    Tls13,
}

impl Word for TlsVersion {
    const WORDS: &'static [(&'static str, Self)] = &[("1.2", Self::Tls12), ("1.3", Self::Tls13)];
}

/// An HTTP proxy to CONNECT through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    /// The name or address of `proxy_host`.
    pub host: String,
    /// The port of `proxy_host`.
    pub port: u16,
    /// `proxy_username` and `proxy_password`.
    pub credentials: Option<(String, Secret)>,
}

/// How a silent peer is noticed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keepalive {
    /// Silence before the first probe (`tcp_keepalive_time`; for pings, the interval).
    pub time: Duration,
    /// Between probes.
    pub interval: Duration,
    /// Unanswered probes until the connection is given up.
    pub probes: u32,
}

impl Keepalive {
    /// The longest time from the last sign of life until the connection is given up.
    pub fn longest(&self) -> Duration {
        self.time + self.interval * self.probes
    }
}

/// What a channel meets that enters an application of a persistent connection which is down.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Down {
    /// `when_down`.
    pub when: WhenDown,
    /// `down_grace`: a connection that has been down for a shorter time counts as one that is there.
    pub grace: Duration,
    /// `fail_inside`: channels that are inside when that is over leave likewise.
    pub inside: bool,
}

impl Down {
    /// After what time a channel is not let in; never if its events wait.
    pub fn fails_after(&self) -> Option<Duration> {
        (self.when == WhenDown::Fail).then_some(self.grace)
    }
}

/// What becomes of a channel that comes while its application's connection is down.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WhenDown {
    /// It enters, and its events wait.
    #[default]
    Queue,
    /// It is not let in.
    Fail,
}

impl Word for WhenDown {
    const WORDS: &[(&str, Self)] = &[("queue", Self::Queue), ("fail", Self::Fail)];
}

/// Bounds of the queue for one connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueueLimits {
    /// `queue_max_bytes`: how many bytes of events may wait, and how many of answers.
    pub max_bytes: usize,
    /// `queue_max_messages`: how many events may wait.
    pub max_messages: usize,
    /// `queue_overflow`: which event goes when one more comes.
    pub overflow: Overflow,
}

/// Which event goes when the queue is full.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Overflow {
    /// The one that has waited longest, so that the application sees the present.
    #[default]
    DropOldest,
    /// The new one, so that the application sees everything up to the gap.
    DropNewest,
}

impl Word for Overflow {
    const WORDS: &[(&str, Self)] = &[("drop_oldest", Self::DropOldest), ("drop_newest", Self::DropNewest)];
}

/// How often an event may be sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Delivery {
    /// Once: what a connection takes along that breaks may be lost.
    #[default]
    AtMostOnce,
    /// Until it is proven to have arrived; it has a number, by which repeats are known.
    AtLeastOnce,
}

impl Word for Delivery {
    const WORDS: &[(&str, Self)] = &[
        (Self::AtMostOnce.as_str(), Self::AtMostOnce),
        (Self::AtLeastOnce.as_str(), Self::AtLeastOnce),
    ];
}

impl Delivery {
    /// The word that stands for it in the configuration and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AtMostOnce => "at_most_once",
            Self::AtLeastOnce => "at_least_once",
        }
    }
}
