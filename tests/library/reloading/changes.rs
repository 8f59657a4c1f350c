//! Every parameter, and what a change of it looks like.
//!
//! [`anew!`] and [`later!`] make a test of each of their changes, with one and the same check.

use std::fs;
use std::net::SocketAddr;

use ariws_testkit::{Configuration, Pbx, Setup};

/// A change of one parameter. `SERVER` stands for the address of the server.
pub struct Change {
    /// The section.
    pub section: &'static str,
    /// What the section has besides the usual.
    pub before: &'static str,
    /// What it has besides after the change; nothing if it is removed.
    pub after: &'static str,
    /// What an attempt to connect says only since the change, if that can be seen.
    pub sees: &'static str,
}

/// What most changes have in common.
pub const USUAL: Change = Change {
    section: "connection1",
    before: "",
    after: "",
    sees: "",
};

impl Change {
    /// The configuration before: `connection1` with `app1`, and two more websocket clients, one of which differs only in its
    /// name. No attempt to connect times out.
    pub fn before(&self, kind: &str, server: SocketAddr) -> Configuration {
        let mut configuration = Configuration::with(kind, server, "app1");
        fs::write(configuration.folder().join("secret"), "fromfile\n").expect("a password");
        fs::write(configuration.folder().join("header"), "X-From: file\n").expect("a header");
        configuration.set(self.section, &at(self.before, server));
        configuration
            .client_like("connection1", "twin", "/ari")
            .client_like("connection1", "other", "/other")
            .replacing("connection_timeout = 20000", "connection_timeout = 60000")
    }

    /// A PBX with the configuration before.
    pub fn setup(&self, kind: &str) -> Setup {
        Pbx::configured(|server| self.before(kind, server))
    }

    /// Writes the change and reloads.
    pub fn make(&self, pbx: &mut Pbx) {
        self.make_at(pbx, pbx.server.address());
    }

    /// The same, where another server is meant than the usual one.
    pub fn make_at(&self, pbx: &mut Pbx, server: SocketAddr) {
        self.write(&mut pbx.configuration, server);
        pbx.reload();
    }

    /// Writes the change: lines that are added to the section, or without any its removal.
    fn write(&self, configuration: &mut Configuration, server: SocketAddr) {
        if self.after.is_empty() {
            return configuration.remove(self.section);
        }
        configuration.set(self.section, &at(self.after, server));
    }

    /// Whether an attempt may have been made with the values before.
    pub fn is_unseen(&self, head: &str) -> bool {
        self.sees.is_empty() || !head.contains(self.sees)
    }
}

fn at(lines: &str, server: SocketAddr) -> String {
    lines.replace("SERVER", &server.to_string())
}

/// A test of each change, named after the parameter.
macro_rules! tests_of_changes {
    ($check:ident: $(
        $name:ident $after:literal
        $(of $section:literal)? $(before $before:literal)? $(sees $sees:literal)?;
    )*) => {$(
        #[test]
        fn $name() {
            $check(&Change {
                after: $after,
                $(section: $section,)?
                $(before: $before,)?
                $(sees: $sees,)?
                ..USUAL
            });
        }
    )*};
}

/// Tests of the parameters whose change makes a persistent connection anew.
macro_rules! anew {
    ($check:ident) => {
        tests_of_changes! { $check:
            uri "uri = ws://SERVER/other" sees "GET /other ";
            protocols "protocols = other" sees "Sec-WebSocket-Protocol: other";
            username "username = other" sees "Basic b3RoZXI6bXlwYXNz";
            password "password = other" sees "Basic bXl1c2VyOm90aGVy";
            bearer_token_file "password =\nbearer_token_file = secret" sees "Bearer fromfile";
            header_file "header_file = header" sees "X-From: file";
            password_file "password =\npassword_file = secret" sees "Basic bXl1c2VyOmZyb21maWxl";
            password_env "password =\npassword_env = PATH";
            header "header = X-Tenant: other" sees "X-Tenant: other";
            tls_enabled "tls_enabled = yes" before "verify_server_cert = no" sees "\u{16}\u{3}";
            ca_list_file "ca_list_file = other.pem";
            ca_list_path "ca_list_path = other";
            cert_file "cert_file = other.pem";
            priv_key_file "priv_key_file = other.pem";
            verify_server_cert "verify_server_cert = no";
            verify_server_hostname "verify_server_hostname = no";
            tls_min_version "tls_min_version = 1.3";
            proxy_host "proxy_host = SERVER" sees "CONNECT ";
            proxy_username "proxy_username = other"
                before "proxy_host = SERVER\nproxy_username = a\nproxy_password = b"
                sees "Basic b3RoZXI6Yg==";
            proxy_password "proxy_password = other"
                before "proxy_host = SERVER\nproxy_username = a\nproxy_password = b"
                sees "Basic YTpvdGhlcg==";
            enable_tcp_keepalives "enable_tcp_keepalives = yes";
            tcp_keepalive_time "tcp_keepalive_time = 7" before "enable_tcp_keepalives = yes";
            tcp_keepalive_interval "tcp_keepalive_interval = 7" before "enable_tcp_keepalives = yes";
            tcp_keepalive_probes "tcp_keepalive_probes = 7" before "enable_tcp_keepalives = yes";
            enable_pingpongs "enable_pingpongs = yes";
            pingpong_interval "pingpong_interval = 7" before "enable_pingpongs = yes";
            pingpong_probes "pingpong_probes = 7" before "enable_pingpongs = yes";
            write_timeout "write_timeout = 7000";
            max_message_size "max_message_size = 70000";
            delivery "delivery = at_least_once";
            local_ari_user "local_ari_user = reader";
            websocket_client_id "websocket_client_id = other" sees "GET /other ";
        }
    };
}

/// Tests of the parameters whose change touches no persistent connection: they are used when they are next needed.
macro_rules! later {
    ($check:ident) => {
        used_by_all!($check);
        tests_of_changes! { $check:
            standby_connections "standby_connections = 7";
        }
    };
}

/// The same without those by whose change others are made beside the connections of calls: `standby.rs` has what they do.
macro_rules! used_by_all {
    ($check:ident) => {
        tests_of_changes! { $check:
            connection_timeout "connection_timeout = 100";
            reconnect_interval "reconnect_interval = 10";
            max_reconnect_interval "max_reconnect_interval = 60000";
            reconnect_attempts "reconnect_attempts = 1";
            start_delay "start_delay = 7";
            when_down "when_down = fail";
            down_grace "down_grace = 7" before "when_down = fail";
            fail_inside "fail_inside = yes" before "when_down = fail";
            fallback_app "fallback_app = other" before "when_down = fail";
            standby_max_age "standby_max_age = 7";
            announce_resume "announce_resume = yes";
            own_app_alias "own_app_alias = yes";
            request_concurrency "request_concurrency = 7";
            request_timeout "request_timeout = 7";
            queue_max_bytes "queue_max_bytes = 70000";
            queue_max_messages "queue_max_messages = 7";
            queue_overflow "queue_overflow = drop_newest";
            websocket_client_id_of_an_equal_client "websocket_client_id = twin";
            tcp_keepalive_time_without_keepalives "tcp_keepalive_time = 7";
            pingpong_interval_without_pings "pingpong_interval = 7";
            password_of_the_user "password = other" of "user1";
            read_only "read_only = yes" of "user1";
            enabled "enabled = no" of "general";
            pretty "pretty = yes" of "general";
            websocket_write_timeout "websocket_write_timeout = 70000" of "general";
        }
    };
}
