//! nginx and HAProxy, with TLS to the PBX and plain HTTP to the application.

use std::net::SocketAddr;
use std::process::Command;

use ariws_testkit::Server;

use crate::certificates::Identity;
use crate::daemon::Daemon;
use crate::network::{FAR, FAR_SIX, Network};

/// Both of them, for what must work with each.
pub const BOTH: [Terminator; 2] = [Terminator::Nginx, Terminator::HaProxy];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Terminator {
    Nginx,
    HaProxy,
}

/// What it asks of its clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Versions {
    Both,
    Only12,
    Only13,
}

/// A server with TLS on port 443 of [`FAR`] and [`FAR_SIX`].
pub struct Secure {
    /// The application behind it. The path that it sees is what was agreed: /VERSION/RESUMED/NAME/CLIENT, with the server
    /// name that the client indicated and the subject of its certificate.
    pub application: Server,
    terminator: Terminator,
    daemon: Option<Daemon>,
    network: Network,
    versions: Versions,
    clients: Option<String>,
}

impl Secure {
    /// With a certificate.
    pub fn start(terminator: Terminator, identity: &Identity) -> Self {
        Self::with(terminator, identity, Versions::Both, None)
    }

    /// With some versions of TLS, and with an authority that clients must have a certificate of.
    pub fn with(terminator: Terminator, identity: &Identity, versions: Versions, clients: Option<&str>) -> Self {
        let network = Network::enter();
        let application = network.server([127, 0, 0, 1]);
        let mut secure = Self {
            application,
            terminator,
            daemon: None,
            network,
            versions,
            clients: clients.map(str::to_owned),
        };
        secure.restart_with(identity);
        secure
    }

    /// Ends it and starts it with another certificate.
    pub fn restart_with(&mut self, identity: &Identity) {
        self.daemon = None;
        self.network.file("server.pem", &identity.chain());
        self.network.file("server.pem.key", &identity.key);
        if let Some(authority) = &self.clients {
            self.network.file("clients.pem", authority);
        }
        let (name, contents) = match self.terminator {
            Terminator::Nginx => ("nginx.conf", self.nginx()),
            Terminator::HaProxy => ("haproxy.cfg", self.haproxy()),
        };
        let file = self.network.file(name, &contents);
        let mut command = match self.terminator {
            Terminator::Nginx => {
                let mut command = Command::new("nginx");
                let log = self.network.folder().join("errors");
                command.arg("-p").arg(self.network.folder());
                command.arg("-e").arg(log).arg("-c");
                command
            }
            Terminator::HaProxy => {
                let mut command = Command::new("haproxy");
                command.args(["-db", "-f"]);
                command
            }
        };
        command.arg(file);
        let address = SocketAddr::new(FAR, 443);
        self.daemon = Some(Daemon::start(&self.network, command, address));
    }

    pub fn network(&self) -> &Network {
        &self.network
    }

    fn nginx(&self) -> String {
        let versions = match self.versions {
            Versions::Both => "TLSv1.2 TLSv1.3",
            Versions::Only12 => "TLSv1.2",
            Versions::Only13 => "TLSv1.3",
        };
        let clients = match self.clients {
            Some(_) => "ssl_client_certificate clients.pem; ssl_verify_client on;",
            None => "",
        };
        format!(
            r#"daemon off;
master_process off;
user root;
pid nginx.pid;
events {{}}
http {{
    access_log off;
    client_body_temp_path temporary;
    proxy_temp_path temporary;
    fastcgi_temp_path temporary;
    uwsgi_temp_path temporary;
    scgi_temp_path temporary;
    map $ssl_session_reused $session {{ r resumed; default new; }}
    map $ssl_client_s_dn $client {{ ~CN=(?<name>[a-z.]+) $name; default nobody; }}
    server {{
        listen {FAR}:443 ssl;
        listen [{FAR_SIX}]:443 ssl;
        ssl_certificate server.pem;
        ssl_certificate_key server.pem.key;
        ssl_protocols {versions};
        {clients}
        location / {{
            proxy_pass http://{}/$ssl_protocol/$session/$ssl_server_name/$client;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection upgrade;
            proxy_read_timeout 1h;
        }}
    }}
}}
"#,
            self.application.address()
        )
    }

    fn haproxy(&self) -> String {
        let folder = self.network.folder().display();
        let versions = match self.versions {
            Versions::Both => "ssl-min-ver TLSv1.2",
            Versions::Only12 => "ssl-min-ver TLSv1.2 ssl-max-ver TLSv1.2",
            Versions::Only13 => "ssl-min-ver TLSv1.3",
        };
        let clients = match self.clients {
            Some(_) => format!("ca-file {folder}/clients.pem verify required"),
            None => String::new(),
        };
        format!(
            "defaults
    mode http
    timeout connect 5s
    timeout client 1h
    timeout server 1h
frontend secure
    bind {FAR}:443,[{FAR_SIX}]:443 ssl crt {folder}/server.pem {versions} {clients}
    http-request set-path /%[ssl_fc_protocol]/%[ssl_fc_is_resumed,iif(resumed,new)]/%[ssl_fc_sni]/%[ssl_c_s_dn(cn)]
    default_backend application
backend application
    server application {}
",
            self.application.address()
        )
    }
}
