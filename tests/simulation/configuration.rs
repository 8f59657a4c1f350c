//! The configuration of a run, and how it changes.

use std::fmt::Display;
use std::fs;
use std::path::Path;

use super::dice::Dice;
use super::outages::Outages;
use super::schedule::{APPS, CONNECTIONS};

/// What the files say.
#[derive(Debug, Clone)]
pub(super) struct Configuration {
    connections: Vec<Option<Connection>>,
}

#[derive(Debug, Clone)]
struct Connection {
    per_call: bool,
    apps: Vec<usize>,
    subscribe_all: bool,
    is_invalid: bool,
    /// Another one needs another connection.
    protocols: u64,
    queue: u64,
    start_delay: u64,
    concurrency: u64,
    attempts: u64,
    pingpong: bool,
    /// How many servers it has.
    servers: usize,
    spread: bool,
    fail_fast: Option<u64>,
    failback: u64,
    standbys: usize,
    standby_max_age: u64,
    at_least_once: bool,
    announce_resume: bool,
    tells_call: bool,
    own_app_alias: bool,
    down: Down,
}

/// What channels meet while nobody serves them.
#[derive(Debug, Clone, Default)]
struct Down {
    fails: bool,
    grace: u64,
    inside: bool,
    fallback: Option<usize>,
}

/// One change between two reloads.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Change {
    Nothing,
    Remove(usize),
    Add(usize),
    Type(usize),
    Apps(usize, Vec<usize>),
    /// An application goes from whoever has it to this connection.
    MoveApp(usize, usize),
    SubscribeAll(usize),
    Invalid(usize),
    Protocols(usize),
    Values(usize, u64),
}

impl Change {
    pub(super) fn any(dice: &mut Dice) -> Self {
        let connection = dice.index(CONNECTIONS.len());
        let app = dice.index(APPS.len());
        match dice.below(20) {
            0 => Self::Nothing,
            1..3 => Self::Remove(connection),
            3..7 => Self::Add(connection),
            7 => Self::Type(connection),
            8..10 => {
                let mut apps: Vec<_> = (0..APPS.len()).filter(|_| dice.chance(40)).collect();
                if dice.chance(50) {
                    apps.reverse();
                }
                Self::Apps(connection, apps)
            }
            10..14 => Self::MoveApp(app, connection),
            14 => Self::SubscribeAll(connection),
            15..17 => Self::Invalid(connection),
            17 => Self::Protocols(connection),
            _ => Self::Values(connection, dice.next()),
        }
    }
}

impl Connection {
    fn new(index: usize) -> Self {
        Self {
            per_call: index >= 3,
            apps: match index {
                0 => vec![0, 1],
                1 => vec![2],
                3 => vec![3],
                4 => vec![4, 5],
                _ => vec![1],
            },
            subscribe_all: false,
            is_invalid: false,
            protocols: 0,
            queue: 100,
            start_delay: 20,
            concurrency: 1,
            attempts: 2,
            pingpong: false,
            servers: 1,
            spread: false,
            fail_fast: None,
            failback: 5000,
            down: Down::default(),
            standbys: 0,
            standby_max_age: 600,
            at_least_once: false,
            announce_resume: false,
            tells_call: false,
            own_app_alias: false,
        }
    }

    fn values(&mut self, number: u64) {
        let mut dice = Dice::of(number, "values", 0);
        self.queue = dice.pick(&[1, 3, 100]);
        self.start_delay = dice.pick(&[0, 20, 300]);
        self.concurrency = dice.pick(&[1, 4]);
        self.attempts = dice.pick(&[0, 1, 3]);
        self.pingpong = dice.chance(30);
        self.servers = dice.pick(&[1, 1, 2, 3]);
        self.spread = dice.chance(30);
        self.fail_fast = dice.chance(30).then(|| dice.pick(&[1, 200, 1000]));
        self.failback = dice.pick(&[10, 300, 3000]);
        self.down = Down {
            fails: dice.chance(60),
            grace: dice.pick(&[0, 50, 1000, 4000]),
            inside: dice.chance(60),
            fallback: dice.chance(40).then(|| dice.index(APPS.len())),
        };
        self.standbys = dice.pick(&[0, 1, 3, 8]);
        self.standby_max_age = dice.pick(&[1, 10, 600]);
        self.at_least_once = dice.chance(60);
        self.announce_resume = dice.chance(50);
        self.tells_call = dice.chance(50);
        self.own_app_alias = dice.chance(50);
    }

    fn write(&self, name: &str, ari: &mut String, client: &mut String) {
        let apps: Vec<_> = self.apps.iter().map(|app| APPS[*app]).collect();
        let user = if self.is_invalid { "nobody" } else { "user1" };
        let yes = |yes| if yes { "yes" } else { "no" };
        *ari += &format!(
            "[{name}]\ntype = outbound_websocket\nwebsocket_client_id = {name}\napps = {}\nlocal_ari_user = {user}\nsubscribe_all = {}\n",
            apps.join(","),
            yes(self.subscribe_all),
        );
        let ends = ["", "-2", "-3"].iter().take(self.servers);
        let uris: String = ends.map(|end| format!("uri = ws://{name}{end}/ari\n")).collect();
        let several = format!(
            "servers = {}\nfailback_interval = {}\n{}",
            if self.spread { "spread" } else { "failover" },
            self.failback,
            self.fail_fast
                .map_or_else(String::new, |time| format!("fail_fast = {time}\n")),
        );
        let kind = if self.per_call { "per_call_config" } else { "persistent" };
        *client += &format!(
            "[{name}]\ntype = websocket_client\n{uris}{several}protocols = ari{}\n",
            self.protocols
        );
        let delivery = if self.at_least_once { "at_least_once" } else { "at_most_once" };
        for (parameter, value) in [
            ("connection_type", &kind as &dyn Display),
            ("connection_timeout", &1000),
            ("reconnect_interval", &200),
            ("reconnect_attempts", &self.attempts),
            ("write_timeout", &2000),
            ("start_delay", &self.start_delay),
            ("request_concurrency", &self.concurrency),
            ("request_timeout", &3000),
            ("queue_max_messages", &self.queue),
            ("standby_connections", &self.standbys),
            ("standby_max_age", &self.standby_max_age),
            ("enable_pingpongs", &yes(self.pingpong)),
            ("pingpong_interval", &1),
            ("delivery", &delivery),
            ("announce_resume", &yes(self.announce_resume)),
            ("own_app_alias", &yes(self.own_app_alias)),
            ("when_down", &if self.down.fails { "fail" } else { "queue" }),
            ("down_grace", &self.down.grace),
            ("fail_inside", &yes(self.down.inside)),
            ("fallback_app", &self.down.fallback.map_or("", |app| APPS[app])),
        ] {
            *client += &format!("{parameter} = {value}\n");
        }
        // What waits for a call does not know it yet.
        if self.tells_call && self.per_call && self.standbys == 0 {
            *client += "header = X-Call: {connection} {channel_id} ${X}\n";
        }
    }
}

impl Configuration {
    pub(super) fn of(seed: u64) -> Self {
        let mut dice = Dice::of(seed, "configuration", 0);
        let mut connections: Vec<_> = (0..CONNECTIONS.len()).map(|index| Some(Connection::new(index))).collect();
        connections[2] = None;
        for connection in connections.iter_mut().flatten() {
            if dice.chance(40) {
                connection.values(dice.next());
            }
        }
        Self { connections }
    }

    pub(super) fn change(&mut self, change: &Change) {
        match *change {
            Change::Nothing => {}
            Change::Remove(index) => self.connections[index] = None,
            Change::Add(index) => {
                self.connections[index].get_or_insert_with(|| Connection::new(index));
            }
            Change::Type(index) => self.with(index, |it| it.per_call = !it.per_call),
            Change::Apps(index, ref apps) => self.with(index, |it| it.apps = apps.clone()),
            Change::MoveApp(app, to) => {
                for connection in self.connections.iter_mut().flatten() {
                    connection.apps.retain(|its| *its != app);
                }
                self.with(to, |it| it.apps.push(app));
            }
            Change::SubscribeAll(index) => {
                self.with(index, |it| it.subscribe_all = !it.subscribe_all);
            }
            Change::Invalid(index) => self.with(index, |it| it.is_invalid = !it.is_invalid),
            Change::Protocols(index) => self.with(index, |it| it.protocols += 1),
            Change::Values(index, number) => self.with(index, |it| it.values(number)),
        }
    }

    fn with(&mut self, index: usize, change: impl FnOnce(&mut Connection)) {
        if let Some(connection) = &mut self.connections[index] {
            change(connection);
        }
    }

    /// What there is to know of it for what has to hold.
    pub(super) fn tell(&self, outages: &mut Outages) {
        for (connection, name) in self.connections.iter().zip(CONNECTIONS) {
            if let Some(connection) = connection {
                let (apps, down) = (connection.apps.iter().map(|app| APPS[*app]), &connection.down);
                let fallback = down.fallback.map(|app| APPS[app]);
                outages.configured(name, apps, down.fails, down.inside, fallback);
            }
        }
    }

    pub(super) fn write(&self, folder: &Path) {
        let mut ari = String::from("[general]\nenabled = yes\n[user1]\ntype = user\npassword = userpass\n");
        let mut client = String::new();
        for (connection, name) in self.connections.iter().zip(CONNECTIONS) {
            if let Some(connection) = connection {
                connection.write(name, &mut ari, &mut client);
            }
        }
        fs::write(folder.join("ari.conf"), ari).expect("ari.conf");
        fs::write(folder.join("websocket_client.conf"), client).expect("websocket_client.conf");
    }
}
