//! Writes a configuration as files, in one of the many spellings that mean the same.

use std::fmt::Write as _;
use std::time::Duration;

use ariws::config::{Client, Config, Connection, Keepalive, Overflow, PasswordFormat, TlsVersion, User, WhenDown};

/// Decides between spellings: a list of numbers, after whose end it is always the plainest one.
pub struct Choices<'a>(std::slice::Iter<'a, u8>);

impl<'a> Choices<'a> {
    pub fn new(numbers: &'a [u8]) -> Self {
        Self(numbers.iter())
    }

    /// A number below `limit`.
    fn below(&mut self, limit: usize) -> usize {
        usize::from(self.0.next().copied().unwrap_or_default()) % limit
    }

    fn of<'t>(&mut self, texts: &[&'t str]) -> &'t str {
        texts[self.below(texts.len())]
    }
}

/// The files of a configuration; each may be empty.
#[derive(Debug, Default)]
pub struct Written {
    pub ari: String,
    pub outbound: String,
    pub client: String,
    /// What the others include, by name.
    pub included: Vec<(String, String)>,
}

/// A key and its value.
type Line = (&'static str, String);

/// Writes everything that `config` has. URIs are given by the name of their client, because only
/// stars are left of their passwords in the configuration.
pub fn write(config: &Config, uris: impl Fn(&str) -> Vec<String>, choices: &mut Choices) -> Written {
    let mut written = Written::default();
    let mut ari = Page::new(choices, "ari");
    let mut general = vec![
        ("enabled", boolean(config.general.enabled)),
        ("pretty", boolean(config.general.pretty)),
    ];
    general.extend(milliseconds(
        "websocket_write_timeout",
        config.general.websocket_write_timeout,
    ));
    let total = config.general.queue_max_total_bytes;
    general.extend(total.map(|total| ("queue_max_total_bytes", total.to_string())));
    ari.section("general", "", general, &mut written);
    for user in config.users.values() {
        ari.section(&user.name, "user", self::user(user), &mut written);
    }
    let mut pages = [ari.text, String::new()];
    for connection in config.connections.values() {
        // Each of them goes into one of the two files.
        let outbound = choices.below(2);
        let mut page = Page::new(choices, "ari");
        page.text = std::mem::take(&mut pages[outbound]);
        page.section(
            &connection.name,
            "outbound_websocket",
            self::connection(connection),
            &mut written,
        );
        pages[outbound] = page.text;
    }
    [written.ari, written.outbound] = pages;
    let mut page = Page::new(choices, "client");
    for client in config.clients.values() {
        let lines = self::client(client, &uris(&client.name));
        page.section(&client.name, "websocket_client", lines, &mut written);
    }
    written.client = page.text;
    for text in [&mut written.ari, &mut written.outbound, &mut written.client] {
        // What some editors put in front of UTF-8.
        text.insert_str(0, choices.of(&["", "\u{feff}"]));
    }
    written
}

/// A file while it is written.
struct Page<'a, 'b> {
    choices: &'a mut Choices<'b>,
    /// What the names of included files begin with.
    prefix: &'static str,
    text: String,
}

impl<'a, 'b> Page<'a, 'b> {
    fn new(choices: &'a mut Choices<'b>, prefix: &'static str) -> Self {
        Self {
            choices,
            prefix,
            text: String::new(),
        }
    }

    /// A section in one piece or in several: what a template has, its own, what is added or
    /// included below.
    fn section(&mut self, name: &str, kind: &str, lines: Vec<Line>, written: &mut Written) {
        // Only those that are repeated have an order.
        let (repeated, mut single): (Vec<Line>, Vec<Line>) = lines.into_iter().partition(|(key, _)| *key == "header");
        let turn = self.choices.below(single.len());
        single.rotate_left(turn);
        let mut lines = [single, repeated].concat();
        if !kind.is_empty() {
            let place = self.choices.below(lines.len() + 1);
            lines.insert(place, ("type", kind.to_owned()));
        }
        let end = self.choices.below(lines.len() + 1);
        let inherited: Vec<Line> = lines.drain(..end).collect();
        let end = lines.len() - self.choices.below(lines.len() + 1);
        let below: Vec<Line> = lines.drain(end..).collect();
        let name = name.replace(';', "\\;");
        if inherited.is_empty() {
            self.line(&format!("[{name}]"));
        } else {
            self.line("[a template](!)");
            self.settings(&inherited);
            let header = self.choices.of(&["](a template)", "]( a template,)", "](a template) x"]);
            self.line(&format!("[{name}{header}"));
        }
        self.settings(&lines);
        if below.is_empty() {
            return;
        }
        match self.choices.below(3) {
            0 => self.settings(&below),
            1 => {
                self.line(&format!("[{name}](+)"));
                self.settings(&below);
            }
            _ => {
                let file = format!("{} {}.inc", self.prefix, written.included.len());
                let directive = self.choices.of(&["#include \"", "#Include <", "#tryinclude\t"]);
                self.line(&format!("{directive}{file}"));
                let before = std::mem::take(&mut self.text);
                self.settings(&below);
                let text = std::mem::replace(&mut self.text, before);
                written.included.push((file, text));
            }
        }
    }

    fn settings(&mut self, lines: &[Line]) {
        for (key, value) in lines {
            self.setting(key, value);
        }
    }

    fn setting(&mut self, key: &str, value: &str) {
        let overridden = !matches!(key, "type" | "header" | "uri") && self.choices.below(8) == 7;
        if overridden {
            self.line(&format!("{key} = what stands below counts"));
        }
        let key = match self.choices.below(3) {
            0 => key.to_owned(),
            1 => key.to_uppercase(),
            _ => format!("{}{}", key[..1].to_uppercase(), &key[1..]),
        };
        if key.eq_ignore_ascii_case("uri") {
            // All of them stand in one piece of the section.
            return value.split('\n').for_each(|uri| self.assignment(&key, "=", uri));
        }
        // In two pieces, where the blank that is put between them belongs to the value.
        let pieces = match value.split_once(' ') {
            Some((one, two)) if is_trimmed(one) && is_trimmed(two) => Some((one, two)),
            _ => None,
        };
        match pieces.filter(|_| self.choices.below(4) == 3) {
            Some((one, two)) => {
                self.assignment(&key, "=", one);
                self.assignment(&key, "+=", two);
            }
            None => self.assignment(&key, "=", value),
        }
    }

    fn assignment(&mut self, key: &str, sign: &str, value: &str) {
        let value = value.replace(';', "\\;");
        let arrow = self.choices.of(&["", ">"]);
        let before = self.choices.of(&[" ", "", "\t "]);
        let after = match value.starts_with('>') {
            true => " ",
            false => self.choices.of(&[" ", "", "\t"]),
        };
        self.line(&format!("{key}{before}{sign}{arrow}{after}{value}"));
    }

    /// A line, and what means nothing around it.
    fn line(&mut self, line: &str) {
        let noise = self.choices.of(&[
            "",
            "\n",
            "; [a comment]\n",
            ";-- type = x ;-- nested --;\n[x] --;\n",
            ";--- one line\n",
            " \t",
        ]);
        let end = self.choices.of(&[
            "\n",
            "\r\n",
            " ; a comment\n",
            "\t;-- and --;\n",
            "\n@note = of the operator's\n",
        ]);
        // Writing to a String cannot fail.
        let _ = write!(self.text, "{noise}{line}{end}");
    }
}

/// Whether nothing of a text is lost when it is trimmed.
fn is_trimmed(text: &str) -> bool {
    !text.is_empty() && !text.starts_with(' ') && !text.ends_with(' ')
}

fn user(user: &User) -> Vec<Line> {
    let format = match user.password_format {
        PasswordFormat::Plain => "plain",
        PasswordFormat::Crypt => "crypt",
    };
    vec![
        ("password", user.password.reveal().to_owned()),
        ("read_only", boolean(user.read_only)),
        ("password_format", format.to_owned()),
    ]
}

fn connection(connection: &Connection) -> Vec<Line> {
    vec![
        ("websocket_client_id", connection.websocket_client_id.clone()),
        ("apps", connection.apps_as_written.clone()),
        ("subscribe_all", boolean(connection.subscribe_all)),
        ("local_ari_user", connection.local_ari_user.clone()),
    ]
}

fn client(client: &Client, uris: &[String]) -> Vec<Line> {
    let mut lines = vec![
        ("uri", uris.join("\n")),
        ("servers", client.preference.as_str().to_owned()),
        ("failback_interval", client.failback_interval.as_millis().to_string()),
        ("connection_type", client.connection_type.as_str().to_owned()),
        ("reconnect_attempts", client.reconnect_attempts.to_string()),
        ("tls_enabled", boolean(client.tls_enabled)),
        ("own_app_alias", boolean(client.own_app_alias)),
        ("verify_server_cert", boolean(client.verify_server_cert)),
        ("verify_server_hostname", boolean(client.verify_server_hostname)),
        ("queue_max_bytes", client.queue.max_bytes.to_string()),
        ("queue_max_messages", format!("0x{:x}", client.queue.max_messages)),
        ("request_concurrency", format!("0{:o}", client.request_concurrency)),
        ("request_timeout", client.request_timeout.as_millis().to_string()),
        ("max_message_size", client.max_message_size.to_string()),
        ("standby_connections", client.standby_connections.to_string()),
        ("standby_max_age", client.standby_max_age.as_secs().to_string()),
    ];
    lines.push(match client.tls_min_version {
        TlsVersion::Tls12 => ("tls_min_version", "1.2".to_owned()),
        TlsVersion::Tls13 => ("tls_min_version", "1.3".to_owned()),
    });
    lines.push(match client.queue.overflow {
        Overflow::DropOldest => ("queue_overflow", "drop_oldest".to_owned()),
        Overflow::DropNewest => ("queue_overflow", "Drop_Newest".to_owned()),
    });
    lines.push(("delivery", client.delivery.as_str().to_owned()));
    lines.push(("announce_resume", boolean(client.announce_resume)));
    lines.push(match client.down.when {
        WhenDown::Queue => ("when_down", "queue".to_owned()),
        WhenDown::Fail => ("when_down", "FAIL".to_owned()),
    });
    lines.push(("fail_inside", boolean(client.down.inside)));
    for (key, text) in [
        ("protocols", &client.protocols),
        ("username", &client.username),
        ("fallback_app", &client.fallback_app),
    ] {
        lines.push((key, text.clone()));
    }
    let password = client.password.as_ref();
    lines.extend(password.map(|password| ("password", password.reveal().to_owned())));
    for (key, time) in [
        ("connection_timeout", Some(client.connection_timeout)),
        ("reconnect_interval", Some(client.reconnect_interval)),
        ("max_reconnect_interval", client.max_reconnect_interval),
        ("fail_fast", client.fail_fast),
        ("max_retry_after", client.max_retry_after),
        ("write_timeout", client.write_timeout),
        ("start_delay", Some(client.start_delay)),
        ("down_grace", Some(client.down.grace)),
    ] {
        lines.extend(milliseconds(key, time));
    }
    for (key, path) in [
        ("ca_list_file", &client.ca_list_file),
        ("ca_list_path", &client.ca_list_path),
        ("cert_file", &client.cert_file),
        ("priv_key_file", &client.priv_key_file),
    ] {
        lines.extend(path.as_ref().map(|path| (key, path.display().to_string())));
    }
    if let Some(proxy) = &client.proxy {
        lines.push(("proxy_host", format!("{}:{}", proxy.host, proxy.port)));
        if let Some((username, password)) = &proxy.credentials {
            lines.push(("proxy_username", username.clone()));
            lines.push(("proxy_password", password.reveal().to_owned()));
        }
    }
    lines.extend(tcp_keepalive(client.tcp_keepalive));
    lines.extend(pingpong(client.pingpong));
    for (name, value) in &client.headers {
        lines.push((
            "header",
            format!("{name}: {}", value.as_fixed().expect("a text").replace('{', "{{")),
        ));
    }
    lines
}

fn tcp_keepalive(keepalive: Option<Keepalive>) -> Vec<Line> {
    let Some(keepalive) = keepalive else {
        return Vec::new();
    };
    vec![
        ("enable_tcp_keepalives", boolean(true)),
        ("tcp_keepalive_time", seconds(keepalive.time)),
        ("tcp_keepalive_interval", seconds(keepalive.interval)),
        ("tcp_keepalive_probes", keepalive.probes.to_string()),
    ]
}

fn pingpong(keepalive: Option<Keepalive>) -> Vec<Line> {
    let Some(keepalive) = keepalive else {
        return Vec::new();
    };
    vec![
        ("enable_pingpongs", boolean(true)),
        ("pingpong_interval", seconds(keepalive.interval)),
        ("pingpong_probes", keepalive.probes.to_string()),
    ]
}

fn boolean(value: bool) -> String {
    if value { "yes" } else { "Off" }.to_owned()
}

fn seconds(time: Duration) -> String {
    time.as_secs().to_string()
}

fn milliseconds(key: &'static str, time: Option<Duration>) -> Option<Line> {
    time.map(|time| (key, time.as_millis().to_string()))
}
