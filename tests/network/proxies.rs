//! HTTP proxies between the PBX and the application.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use ariws_testkit::{Configuration, Host, Library, Server};

use crate::certificates::Authority;
use crate::daemon::Daemon;
use crate::names::Names;
use crate::network::{FAR, Network, configuration, run};
use crate::terminators::{Secure, Terminator};

const PASSWORD: &str = "opensesame";

/// Whom a proxy serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Clients {
    All,
    Ann,
    None,
}

/// Squid on port 3128.
fn squid(network: &Network, clients: Clients) -> Daemon {
    // It gives up root's rights.
    let readable = fs::Permissions::from_mode(0o755);
    fs::set_permissions(network.folder(), readable).expect("a folder of this test");
    let hash = run("openssl", &["passwd", "-apr1", PASSWORD]);
    let passwords = network.file("passwords", &format!("ann:{hash}"));
    let hosts = network.file("hosts-of-proxy", "10.0.0.2 bots.example.test\n");
    let access = match clients {
        Clients::All => "http_access allow all",
        Clients::Ann => "acl known proxy_auth REQUIRED\nhttp_access allow known",
        Clients::None => "http_access deny all",
    };
    let settings = format!(
        "http_port {FAR}:3128
visible_hostname proxy.example.test
hosts_file {}
auth_param basic program /usr/lib/squid/basic_ncsa_auth {}
auth_param basic realm network
{access}
cache deny all
access_log none
cache_log /dev/null
pid_filename none
pinger_enable off
coredump_dir none
",
        hosts.display(),
        passwords.display()
    );
    let mut command = Command::new("squid");
    command.args(["-N", "-f"]);
    command.arg(network.file("squid.conf", &settings));
    Daemon::start(network, command, SocketAddr::new(FAR, 3128))
}

/// Tinyproxy on port 3128.
fn tinyproxy(network: &Network, clients: Clients) -> Daemon {
    let access = match clients {
        Clients::All => "",
        Clients::Ann => "BasicAuth ann opensesame",
        Clients::None => "Deny 10.0.0.1",
    };
    let settings = format!("Listen {FAR}\nPort 3128\nTimeout 600\n{access}\n");
    let mut command = Command::new("tinyproxy");
    command.args(["-d", "-c"]);
    command.arg(network.file("tinyproxy.conf", &settings));
    Daemon::start(network, command, SocketAddr::new(FAR, 3128))
}

/// Through the proxy, with further lines.
fn through(uri: &str, more: &str) -> Configuration {
    let more = format!("proxy_host = 10.0.0.2:3128\n{more}");
    configuration("persistent", uri, &more)
}

fn to(server: &Server, more: &str) -> Configuration {
    through(&format!("ws://{}/ari", server.address()), more)
}

fn with_password(password: &str) -> String {
    format!("proxy_username = ann\nproxy_password = {password}")
}

fn assert_arrives(server: &Server, configuration: &Configuration) {
    let host = Host::new();
    let _library = Library::load(&host, configuration);
    server.accept().says(["ApplicationRegistered app1"]);
}

fn refused(configuration: &Configuration) -> String {
    let host = Host::new();
    let _library = Library::load(&host, configuration);
    let reason = host.wait_for_log("no lasting connection");
    let told = host.log().join("\n");
    assert!(!told.contains("sesame"), "a secret is told: {told}");
    reason
}

#[test]
fn a_websocket_goes_through_a_proxy_that_serves_the_pbx() {
    for start in [squid, tinyproxy] {
        for (clients, more) in [(Clients::All, String::new()), (Clients::Ann, with_password(PASSWORD))] {
            let network = Network::enter();
            let _proxy = start(&network, clients);
            let server = network.server(FAR);
            assert_arrives(&server, &to(&server, &more));
        }
    }
}

#[test]
fn a_proxy_that_refuses_is_told_with_its_reason_and_the_parameters() {
    let wrong = with_password("sesame");
    let unknown = "407 Proxy Authentication Required; check proxy_username and proxy_password";
    for (start, clients, more, answer) in [
        (squid as fn(&Network, Clients) -> Daemon, Clients::Ann, "", unknown),
        (squid, Clients::Ann, &wrong, unknown),
        (squid, Clients::None, "", "403 Forbidden"),
        (tinyproxy, Clients::Ann, "", unknown),
        (
            tinyproxy,
            Clients::Ann,
            &wrong,
            "401 Unauthorized; check proxy_username and proxy_password",
        ),
    ] {
        let network = Network::enter();
        let _proxy = start(&network, clients);
        let server = network.server(FAR);
        let reason = refused(&to(&server, more));
        assert!(reason.contains(&format!("proxy: the proxy answered {answer}")), "{reason}");
    }
}

#[test]
fn tls_goes_through_squid_from_end_to_end() {
    let authority = Authority::root("Root");
    let identity = authority.issue(&["bots.example.test"]);
    let secure = Secure::start(Terminator::Nginx, &identity);
    let file = secure.network().file("authority.pem", &authority.pem);
    let _proxy = squid(secure.network(), Clients::All);
    let more = format!("ca_list_file = {}", file.display());
    // The proxy looks the name up: the PBX knows no address of it.
    let configuration = through("wss://bots.example.test/ari", &more);
    assert_arrives(&secure.application, &configuration);
}

#[test]
fn a_proxy_that_reaches_no_server_is_told_with_its_reason() {
    let network = Network::enter();
    let _proxy = squid(&network, Clients::All);
    let nobody = network.server(FAR).address();
    let reason = refused(&through(&format!("ws://{nobody}/ari"), ""));
    let expected = "proxy: the proxy answered 503 Service Unavailable";
    assert!(reason.contains(expected), "{reason}");
}

#[test]
fn a_proxy_that_knows_no_such_name_is_told_with_its_reason() {
    let network = Network::enter();
    let _names = Names::serve(&network, &[]);
    let _proxy = squid(&network, Clients::All);
    let reason = refused(&through("ws://unknown.example.test/ari", ""));
    // 500 or 503: it depends on the version.
    assert!(reason.contains("proxy: the proxy answered 50"), "{reason}");
}

#[test]
fn a_silent_proxy_is_given_up_at_the_deadline() {
    let network = Network::enter();
    let proxy = network.server_at(SocketAddr::new(FAR, 3128));
    let configuration = through("ws://bots.example.test/ari", "connection_timeout = 300");
    let host = Host::new();
    let _library = Library::load(&host, &configuration);
    let _silent = proxy.accept_tcp();
    let reason = host.wait_for_log("no lasting connection");
    let expected = "proxy: 10.0.0.2:3128: no answer from the proxy within 300 ms (connection_timeout)";
    assert!(reason.contains(expected), "{reason}");
}

#[test]
fn a_proxy_that_ends_takes_its_connections_along_and_they_are_made_again() {
    let network = Network::enter();
    let proxy = squid(&network, Clients::All);
    let (server, host) = (network.server(FAR), Host::new());
    let configuration = to(&server, "");
    let _library = Library::load(&host, &configuration);
    let mut first = server.accept();
    first.says(["ApplicationRegistered app1"]);
    drop(proxy);
    host.wait_for_log("connection lost");
    let _proxy = squid(&network, Clients::All);
    server.accept().says(["ApplicationRegistered app1"]);
}
