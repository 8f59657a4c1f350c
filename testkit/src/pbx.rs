//! A PBX that has loaded the library: its host, its configuration, and a server to connect to.

use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;

use crate::abi::{ariws_host, ariws_options};
use crate::configuration::Configuration;
use crate::host::{Call, Host, Request};
use crate::library::{Library, ReportLine};
use crate::server::{Connection, Server};

/// A loaded library, unloaded at the end, with all that belongs to it.
pub struct Pbx {
    library: Library<'static>,
    pub host: Arc<Host>,
    pub configuration: Configuration,
    pub server: Server,
    /// What the load reported.
    pub report: Vec<ReportLine>,
}

/// A PBX before it loads the library.
pub struct Setup {
    apps: String,
    host: Box<Host>,
    configuration: Configuration,
    server: Server,
    options: Box<dyn FnOnce(&mut ariws_options)>,
    table: Box<dyn FnOnce(&mut ariws_host)>,
}

impl Pbx {
    /// With `connection1`, which is persistent and has these applications, to a server of its own.
    pub fn persistent(apps: &str) -> Setup {
        Setup::new("persistent", apps)
    }

    /// The same with a connection for each call.
    pub fn per_call(apps: &str) -> Setup {
        Setup::new("per_call_config", apps)
    }

    /// With users and no connection.
    pub fn without_connections() -> Setup {
        Self::configured(|_| Configuration::empty())
    }

    /// With a configuration for a server at the address.
    pub fn configured(make: impl FnOnce(SocketAddr) -> Configuration) -> Setup {
        let server = Server::start();
        Setup {
            apps: "app1".into(),
            host: Host::new(),
            configuration: make(server.address()),
            server,
            options: Box::new(|_| {}),
            table: Box::new(|_| {}),
        }
    }

    /// Adds a connection to the files; the next reload makes it.
    pub fn connect(&mut self, name: &str, kind: &str, server: SocketAddr, apps: &str) {
        let configuration = std::mem::replace(&mut self.configuration, Configuration::empty());
        self.configuration = configuration.connection(name, kind, server, apps, "");
    }

    /// Adds lines to a section; the next reload reads them.
    pub fn set(&mut self, section: &str, lines: &str) {
        self.configuration.set(section, lines);
    }

    /// Adds lines to a section and reloads; of several lines with one key the last one counts.
    pub fn change(&mut self, section: &str, lines: &str) -> Vec<ReportLine> {
        self.configuration.set(section, lines);
        self.reload()
    }

    /// The next connection, upgraded.
    pub fn accept(&self) -> Connection {
        self.server.accept()
    }

    /// Waits until `connection1` has had a pong to a ping of the library's.
    pub fn wait_for_round_trip(&self) {
        self.wait_for_output("ari show outbound-websocket connection1 detail", |page| {
            page.lines().any(|line| line.starts_with("round_trip") && line.contains("ms"))
        });
    }

    /// Waits for a log message that contains the text.
    pub fn wait_for_log(&self, text: &str) -> String {
        self.host.wait_for_log(text)
    }

    /// Waits for this call of the host.
    pub fn wait_for_call(&self, wanted: &Call) {
        self.host.wait_for_call(wanted);
    }

    /// Waits for the first request for the path since the host last forgot what it was called for.
    pub fn wait_for_request(&self, path: &str) -> Request {
        self.host.wait_for_request(path)
    }
}

impl Deref for Pbx {
    type Target = Library<'static>;

    fn deref(&self) -> &Self::Target {
        &self.library
    }
}

impl Setup {
    fn new(kind: &str, apps: &str) -> Self {
        let mut setup = Pbx::without_connections().connection("connection1", kind, apps, "");
        apps.clone_into(&mut setup.apps);
        setup
    }

    /// With more lines in a section; of several lines with one key the last one counts.
    pub fn set(mut self, section: &str, lines: &str) -> Self {
        self.configuration.set(section, lines);
        self
    }

    /// With one more connection to the same server; `more` are further lines of its websocket client.
    pub fn connection(self, name: &str, kind: &str, apps: &str, more: &str) -> Self {
        let address = self.server.address();
        self.connection_to(address, name, kind, apps, more)
    }

    /// With one more connection to another server.
    pub fn connection_to(mut self, address: SocketAddr, name: &str, kind: &str, apps: &str, more: &str) -> Self {
        self.configuration = self.configuration.connection(name, kind, address, apps, more);
        self
    }

    /// With another text in both files.
    pub fn replacing(mut self, old: &str, new: &str) -> Self {
        self.configuration.replace(old, new);
        self
    }

    /// With this host.
    pub fn host(mut self, host: Box<Host>) -> Self {
        self.host = host;
        self
    }

    /// With other options of the load.
    pub fn options(mut self, change: impl FnOnce(&mut ariws_options) + 'static) -> Self {
        self.options = Box::new(change);
        self
    }

    /// With other callbacks than the host's.
    pub fn table(mut self, change: impl FnOnce(&mut ariws_host) + 'static) -> Self {
        self.table = Box::new(change);
        self
    }

    /// The server, before anybody connects.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// The folder of the configuration.
    pub fn folder(&self) -> &std::path::Path {
        self.configuration.folder()
    }

    /// With nobody who listens where the server was.
    pub fn nobody_listens(mut self) -> Self {
        self.server.stop();
        self
    }

    pub fn load(self) -> Pbx {
        let host: Arc<Host> = Arc::from(self.host);
        let (mut table, mut report) = (host.table(), Vec::new());
        (self.table)(&mut table);
        let folder = self.configuration.folder();
        Pbx {
            library: Library::keep(&host, &table, folder, &mut report, self.options),
            host,
            configuration: self.configuration,
            server: self.server,
            report,
        }
    }

    /// Loads, and waits until `connection1` has announced its applications.
    pub fn up(self) -> (Pbx, Connection) {
        let apps = self.apps.clone();
        let pbx = self.load();
        let mut connection = pbx.server.accept();
        for app in apps.split(',') {
            connection.says([&format!("ApplicationRegistered {}", app.trim())]);
        }
        (pbx, connection)
    }
}
