//! Websockets that applications opened to the host.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ariws::ffi::*;
use ariws_testkit::{Call, Host, Pbx};

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

#[test]
fn a_channel_enters_the_application_of_one_at_the_hosts_first_word_though_calls_end_meanwhile() {
    let asked = Arc::new(AtomicUsize::new(0));
    let questions = Arc::clone(&asked);
    let host = Host::calling_back(move |library, call| {
        if *call == Call::IsRegistered("desk".into()) {
            let number = questions.fetch_add(1, Ordering::SeqCst);
            library.command(&format!("ari shutdown websocket session connection1:Local/{number}"));
        }
    });
    let pbx = Pbx::per_call("app1").host(host).load();
    let _calls: Vec<_> = (0..5)
        .map(|number| {
            let starting = pbx.stasis_start_async("app1", &number.to_string(), &format!("Local/{number}"));
            let connection = pbx.accept();
            assert!(starting.recv().expect("an outcome").is_ok());
            connection
        })
        .collect();
    pbx.host.set_registered("desk", true);
    assert_eq!(pbx.inbound_opened("uuid-1", "127.0.0.1:4000", "desk"), ARIWS_OK);
    assert_eq!(pbx.stasis_start("desk", "desk", "Local/desk"), Ok("desk".into()));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    assert!(!pbx.host.has("app1:Local/0"));
}
