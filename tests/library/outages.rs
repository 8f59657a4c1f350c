//! What the log and the commands say of servers that refuse, drop, or vanish.

use ariws_testkit::{Host, Pbx, Server};

/// Answers the next upgrade request.
fn answer(server: &Server, answer: &str) {
    server.attempt().answer(answer);
}

/// How many warnings have the text.
fn told(host: &Host, text: &str) -> usize {
    let warnings = host.warnings();
    warnings.iter().filter(|line| line.contains(text)).count()
}

#[test]
fn a_refusal_is_logged_once_until_the_answer_is_another() {
    let pbx = Pbx::persistent("app1").load();
    for _ in 0..8 {
        answer(&pbx.server, "HTTP/1.1 401 Unauthorized\r\n\r\n");
    }
    answer(&pbx.server, "HTTP/1.1 404 Not Found\r\n\r\n");
    pbx.wait_for_log("404 Not Found");
    assert_eq!(told(&pbx.host, "401 Unauthorized"), 1, "{:#?}", pbx.host.log());
}

#[test]
fn other_failures_are_told_once_for_an_outage() {
    let pbx = Pbx::persistent("app1").load();
    for _ in 0..3 {
        answer(&pbx.server, "HTTP/1.1 503 Too Busy\r\n\r\n");
        answer(&pbx.server, "HTTP/1.1 500 Too Bad\r\n\r\n");
    }
    pbx.wait_for_log("at attempt 6 ");
    assert_eq!(told(&pbx.host, "no lasting connection"), 1, "{:#?}", pbx.host.log());
}

#[test]
fn the_next_outage_is_told_of_again() {
    let pbx = Pbx::persistent("app1").set("connection1", "reconnect_interval = 10").load();
    for _ in 0..2 {
        answer(&pbx.server, "HTTP/1.1 503 Too Busy\r\n\r\n");
        answer(&pbx.server, "HTTP/1.1 503 Too Busy\r\n\r\n");
        let connection = pbx.accept();
        // Longer than the pause before it: then it has lasted.
        pbx.wait_for_output("ari show outbound-websocket connection1 detail", lasted);
        connection.reset();
    }
    answer(&pbx.server, "HTTP/1.1 404 Not Found\r\n\r\n");
    pbx.wait_for_log("404 Not Found");
    assert_eq!(told(&pbx.host, "503 Too Busy"), 2, "{:#?}", pbx.host.log());
}

/// Whether a connection has been up for twenty milliseconds or more.
fn lasted(page: &str) -> bool {
    let mut age = page.split("up for ").nth(1).unwrap_or("0.0 ms").split(' ');
    let number = age.next().and_then(|number| number.parse::<f64>().ok());
    number.is_some_and(|number| number >= 20.0) || age.next() == Some("s")
}

#[test]
fn detail_shows_a_refusal_as_what_it_is() {
    let pbx = Pbx::persistent("app1").load();
    answer(&pbx.server, "HTTP/1.1 403 Not You\r\n\r\n");
    let page = pbx.wait_for_output("ari show outbound-websocket connection1 detail", |page| {
        page.contains("403 Not You")
    });
    assert!(
        page.contains("last_error =             upgrade: the server answered 403 Not You; check username and password\n"),
        "{page}"
    );
}

#[test]
fn a_server_that_closes_with_1008_again_and_again_is_logged_once() {
    let pbx = Pbx::persistent("app1").set("connection1", "reconnect_interval = 1000").load();
    for _ in 0..3 {
        pbx.accept().close(1008);
    }
    answer(&pbx.server, "HTTP/1.1 404 Not Found\r\n\r\n");
    pbx.wait_for_log("404 Not Found");
    let log = pbx.host.log();
    let connected = log.iter().filter(|line| line.contains("connected to"));
    assert_eq!(connected.count(), 1, "{log:#?}");
    assert_eq!(told(&pbx.host, "closed the connection (1008)"), 1, "{log:#?}");
    assert_eq!(told(&pbx.host, "at attempt 1 (1008)"), 1, "{log:#?}");
    assert_eq!(told(&pbx.host, "at attempt"), 2, "{log:#?}");
}

#[test]
fn a_connection_that_lasts_after_many_that_did_not_is_spoken_of_again() {
    let pbx = Pbx::persistent("app1").set("connection1", "reconnect_interval = 500").load();
    pbx.accept().reset();
    pbx.accept().reset();
    let lasting = pbx.accept();
    pbx.wait_for_log("after 2 failed attempts");
    drop(lasting);
}
