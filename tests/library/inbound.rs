//! Websockets that applications opened to the host.

use ariws::ffi::*;
use ariws_testkit::{Call, Configuration, Host, Library, Server};

#[test]
fn they_are_listed_and_shut_down_through_the_host() {
    let host = Host::new();
    let configuration = Configuration::empty();
    let library = Library::load(&host, &configuration);
    assert_eq!(
        library.inbound_opened("uuid-1", "127.0.0.1:4000", "b,a"),
        ARIWS_OK
    );
    let (_, output) = library.command("ari show websocket sessions");
    let row = "uuid-1                                inbound         127.0.0.1:4000                   Up    a,b\n";
    assert!(output.ends_with(row), "{output}");
    assert_eq!(
        library.command("ari shutdown websocket session uuid-1").0,
        ARIWS_OK
    );
    host.wait_for(|call| *call == Call::InboundShutdown("uuid-1".into()));
    assert_eq!(library.inbound_closed("uuid-1"), ARIWS_OK);
    assert_eq!(library.inbound_closed("uuid-1"), ARIWS_ERROR_NOT_FOUND);
}

#[test]
fn an_id_is_open_once() {
    let host = Host::new();
    let configuration = Configuration::empty();
    let library = Library::load(&host, &configuration);
    assert_eq!(library.inbound_opened("uuid-1", "", ""), ARIWS_OK);
    assert_eq!(
        library.inbound_opened("uuid-1", "", ""),
        ARIWS_ERROR_DUPLICATE
    );
}

#[test]
fn an_id_is_none_of_a_connection() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = Configuration::with("persistent", server.address(), "app1").connection(
        "calls",
        "per_call_config",
        server.address(),
        "app2",
        "",
    );
    let library = Library::load(&host, &configuration);
    let _persistent = server.accept();
    let starting = library.stasis_start_async("app2", "1", "SIP/1");
    let _call = server.accept();
    assert!(starting.recv().expect("an outcome").is_ok());
    for id in ["connection1", "calls", "calls:SIP/1"] {
        assert_eq!(
            library.inbound_opened(id, "", ""),
            ARIWS_ERROR_DUPLICATE,
            "{id}"
        );
    }
    library.command("ari shutdown websocket session connection1");
    let shut_down = library.inbound_opened("connection1", "", "");
    assert_eq!(shut_down, ARIWS_ERROR_DUPLICATE);
}

#[test]
fn an_application_that_one_took_and_left_is_registered_again() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = Configuration::with("persistent", server.address(), "app1");
    let library = Library::load(&host, &configuration);
    let mut connection = server.accept();
    connection.summary();
    library.inbound_opened("uuid-1", "127.0.0.1:4000", "app1");
    host.set_registered("app1", false);
    library.inbound_closed("uuid-1");
    assert_eq!(connection.summary(), "ApplicationRegistered app1");
    assert!(host.has("app1"));
}

#[test]
fn a_channel_that_enters_an_application_left_behind_has_it_registered_again() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = Configuration::with("persistent", server.address(), "app1");
    let library = Library::load(&host, &configuration);
    host.set_registered("app1", false);
    assert_eq!(
        library.stasis_start("app1", "1", "Local/1"),
        Ok("app1".into())
    );
    assert!(host.has("app1"));
}
