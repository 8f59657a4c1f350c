//! Which parameters there are, by the sections that they belong in.

pub(super) const GENERAL: &[&str] = &[
    "type",
    "enabled",
    "pretty",
    "auth_realm",
    "allowed_origins",
    "channelvars",
    "websocket_write_timeout",
    "queue_max_total_bytes",
];

pub(super) const USER: &[&str] = &[
    "type",
    "password",
    "read_only",
    "password_format",
    "permit",
    "deny",
    "acl",
];

pub(super) const CONNECTION: &[&str] = &[
    "type",
    "websocket_client_id",
    "apps",
    "subscribe_all",
    "local_ari_user",
];

pub(super) const CLIENT: &[&str] = &[
    "type",
    "uri",
    "protocols",
    "username",
    "password",
    "password_file",
    "password_env",
    "header",
    "connection_type",
    "connection_timeout",
    "reconnect_interval",
    "max_reconnect_interval",
    "reconnect_attempts",
    "tls_enabled",
    "ca_list_file",
    "ca_list_path",
    "cert_file",
    "priv_key_file",
    "verify_server_cert",
    "verify_server_hostname",
    "tls_min_version",
    "proxy_host",
    "proxy_username",
    "proxy_password",
    "enable_tcp_keepalives",
    "tcp_keepalive_time",
    "tcp_keepalive_interval",
    "tcp_keepalive_probes",
    "enable_pingpongs",
    "pingpong_interval",
    "pingpong_probes",
    "write_timeout",
    "max_message_size",
    "start_delay",
    "request_concurrency",
    "request_timeout",
    "queue_max_bytes",
    "queue_max_messages",
    "queue_overflow",
];

const SECTIONS: [(&[&str], &str); 4] = [
    (CLIENT, "a section with type = websocket_client"),
    (CONNECTION, "a section with type = outbound_websocket"),
    (USER, "a section with type = user"),
    (GENERAL, "[general]"),
];

/// The section that a parameter belongs in, in words; `None` if there is no such parameter.
pub(super) fn place(key: &str) -> Option<&'static str> {
    let found = SECTIONS.iter().find(|(keys, _)| keys.contains(&key));
    found.map(|(_, section)| *section)
}
