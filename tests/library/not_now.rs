//! Servers that would not have a call: for now, or at all. Each answer and each code that means it.

use ariws_testkit::{Connection, Pbx, Server};

use crate::per_call::{APPLICATION, NAME, is_told};
use crate::servers::{calls, wait_for_down, with_second};

/// A call whose first server does this, and which the second one has.
fn sent_on(refuses: impl FnOnce(&Server)) -> (Pbx, Server, Connection) {
    let (setup, second) = calls();
    // Far longer than a test may take, unless it is not waited for.
    let pbx = setup.set("connection1", "reconnect_interval = 3600000").load();
    let starting = pbx.stasis_start_async("app1", "1.1", NAME);
    refuses(&pbx.server);
    let mut connection = second.accept();
    assert_eq!(starting.recv().expect("an outcome"), Ok(APPLICATION.into()));
    is_told(&mut connection, ["ApplicationRegistered"]);
    (pbx, second, connection)
}

#[test]
fn a_server_that_answers_429_or_503_with_retry_after_is_left_alone() {
    for status in ["429 Too Many Requests", "503 Too Busy"] {
        let answer = format!("HTTP/1.1 {status}\r\nRetry-After: 3000\r\n\r\n");
        let (pbx, _second, _connection) = sent_on(|first| first.attempt().answer(&answer));
        let page = pbx.wait_for_output("ari show outbound-websocket connection1 detail", |page| {
            page.contains("left alone for")
        });
        assert!(page.contains(status), "{page}");
    }
}

#[test]
fn after_a_close_with_1012_or_1013_the_other_server_is_asked_at_once() {
    for code in [1012, 1013] {
        let (setup, second) = with_second(Pbx::persistent("app1"));
        let settings = "reconnect_interval = 3600000\nfailback_interval = 3600000";
        let pbx = setup.set("connection1", settings).load();
        pbx.accept().close(code);
        let mut connection = second.accept();
        connection.says(["ApplicationRegistered app1"]);
        wait_for_down(&pbx, &pbx.server);
    }
}

#[test]
fn a_call_does_not_come_again_to_a_server_that_refused_it() {
    for status in ["401 Unauthorized", "403 Forbidden", "404 Not Found"] {
        let (setup, second) = calls();
        let pbx = setup.set("connection1", "reconnect_interval = 10").load();
        let starting = pbx.stasis_start_async("app1", "1.1", NAME);
        pbx.server.attempt().answer(&format!("HTTP/1.1 {status}\r\n\r\n"));
        // The rounds that are left are the second one's.
        for _ in 0..3 {
            second.attempt().answer("HTTP/1.1 500 Broken\r\n\r\n");
        }
        assert!(starting.recv().expect("an outcome").is_err());
        assert!(pbx.server.is_quiet(), "{status}");
    }
}

#[test]
fn a_call_does_not_come_again_to_a_server_that_closed_with_1008_at_once() {
    let (setup, second) = calls();
    let pbx = setup.set("connection1", "reconnect_interval = 2000").load();
    let starting = pbx.stasis_start_async("app1", "1.1", NAME);
    pbx.accept().close(1008);
    assert_eq!(starting.recv().expect("an outcome"), Ok(APPLICATION.into()));
    let mut connection = second.accept();
    is_told(&mut connection, ["ApplicationRegistered"]);
    connection.reset();
    let _again = second.accept();
    assert!(pbx.server.is_quiet());
}
