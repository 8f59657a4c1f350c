//! Websockets that applications opened to the host.

use ariws::ffi::*;
use ariws_testkit::{Call, Pbx};

#[test]
fn they_are_listed_and_shut_down_through_the_host() {
    let pbx = Pbx::without_connections().load();
    assert_eq!(pbx.inbound_opened("uuid-1", "127.0.0.1:4000", "b,a"), ARIWS_OK);
    let (_, output) = pbx.command("ari show websocket sessions");
    let row = "uuid-1                                inbound         127.0.0.1:4000                   Up    a,b\n";
    assert!(output.ends_with(row), "{output}");
    assert_eq!(pbx.command("ari shutdown websocket session uuid-1").0, ARIWS_OK);
    pbx.wait_for_call(&Call::InboundShutdown("uuid-1".into()));
    assert_eq!(pbx.inbound_closed("uuid-1"), ARIWS_OK);
    assert_eq!(pbx.inbound_closed("uuid-1"), ARIWS_ERROR_NOT_FOUND);
}

#[test]
fn an_id_is_open_once() {
    let pbx = Pbx::without_connections().load();
    assert_eq!(pbx.inbound_opened("uuid-1", "", ""), ARIWS_OK);
    assert_eq!(pbx.inbound_opened("uuid-1", "", ""), ARIWS_ERROR_DUPLICATE);
}

#[test]
fn an_id_is_none_of_a_connection() {
    let pbx = Pbx::persistent("app1")
        .connection("calls", "per_call_config", "app2", "")
        .load();
    let _persistent = pbx.accept();
    let starting = pbx.stasis_start_async("app2", "1", "SIP/1");
    let _call = pbx.accept();
    assert!(starting.recv().expect("an outcome").is_ok());
    for id in ["connection1", "calls", "calls:SIP/1"] {
        assert_eq!(pbx.inbound_opened(id, "", ""), ARIWS_ERROR_DUPLICATE, "{id}");
    }
    pbx.command("ari shutdown websocket session connection1");
    let shut_down = pbx.inbound_opened("connection1", "", "");
    assert_eq!(shut_down, ARIWS_ERROR_DUPLICATE);
}

#[test]
fn an_application_that_one_took_and_left_is_registered_again() {
    let (pbx, mut connection) = Pbx::persistent("app1").up();
    pbx.inbound_opened("uuid-1", "127.0.0.1:4000", "app1");
    pbx.host.set_registered("app1", false);
    pbx.inbound_closed("uuid-1");
    connection.says(["ApplicationRegistered app1"]);
    assert!(pbx.host.has("app1"));
}

#[test]
fn a_channel_that_enters_an_application_left_behind_has_it_registered_again() {
    let pbx = Pbx::persistent("app1").load();
    pbx.host.set_registered("app1", false);
    assert_eq!(pbx.stasis_start("app1", "1", "Local/1"), Ok("app1".into()));
    assert!(pbx.host.has("app1"));
}
