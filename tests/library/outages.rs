//! What the log and the commands say of servers that refuse, drop, or vanish.

use ariws_testkit::{Configuration, Host, Library, Server};

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
    let (server, host) = (Server::start(), Host::new());
    let configuration = Configuration::with("persistent", server.address(), "app1");
    let _library = Library::load(&host, &configuration);
    for _ in 0..8 {
        answer(&server, "HTTP/1.1 401 Unauthorized\r\n\r\n");
    }
    answer(&server, "HTTP/1.1 404 Not Found\r\n\r\n");
    host.wait_for_log("404 Not Found");
    assert_eq!(told(&host, "401 Unauthorized"), 1, "{:#?}", host.log());
}

#[test]
fn other_failures_are_told_once_for_an_outage() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = Configuration::with("persistent", server.address(), "app1");
    let _library = Library::load(&host, &configuration);
    for _ in 0..3 {
        answer(&server, "HTTP/1.1 503 Too Busy\r\n\r\n");
        answer(&server, "HTTP/1.1 500 Too Bad\r\n\r\n");
    }
    host.wait_for_log("at attempt 6 ");
    assert_eq!(told(&host, "no lasting connection"), 1, "{:#?}", host.log());
}

#[test]
fn the_next_outage_is_told_of_again() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = Configuration::with("persistent", server.address(), "app1")
        .replacing("reconnect_interval = 20", "reconnect_interval = 10");
    let library = Library::load(&host, &configuration);
    for _ in 0..2 {
        answer(&server, "HTTP/1.1 503 Too Busy\r\n\r\n");
        answer(&server, "HTTP/1.1 503 Too Busy\r\n\r\n");
        let connection = server.accept();
        // Longer than the pause before it: then it has lasted.
        library.wait_for_output("ari show outbound-websocket connection1 detail", lasted);
        connection.reset();
    }
    answer(&server, "HTTP/1.1 404 Not Found\r\n\r\n");
    host.wait_for_log("404 Not Found");
    assert_eq!(told(&host, "503 Too Busy"), 2, "{:#?}", host.log());
}

/// Whether a connection has been up for twenty milliseconds or more.
fn lasted(page: &str) -> bool {
    let mut age = page.split("up for ").nth(1).unwrap_or("0.0 ms").split(' ');
    let number = age.next().and_then(|number| number.parse::<f64>().ok());
    number.is_some_and(|number| number >= 20.0) || age.next() == Some("s")
}

#[test]
fn detail_shows_a_refusal_as_what_it_is() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = Configuration::with("persistent", server.address(), "app1");
    let library = Library::load(&host, &configuration);
    answer(&server, "HTTP/1.1 403 Not You\r\n\r\n");
    let page = library.wait_for_output("ari show outbound-websocket connection1 detail", |page| {
        page.contains("403")
    });
    assert!(
        page.contains(
            "last_error =             upgrade: the server answered 403 Not You; check username and password\n"
        ),
        "{page}"
    );
}

#[test]
fn a_server_that_closes_with_1008_again_and_again_is_logged_once() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = Configuration::with("persistent", server.address(), "app1")
        .replacing("reconnect_interval = 20", "reconnect_interval = 1000");
    let _library = Library::load(&host, &configuration);
    for _ in 0..3 {
        server.accept().close(1008);
    }
    answer(&server, "HTTP/1.1 404 Not Found\r\n\r\n");
    host.wait_for_log("404 Not Found");
    let log = host.log();
    let connected = log.iter().filter(|line| line.contains("connected to"));
    assert_eq!(connected.count(), 1, "{log:#?}");
    assert_eq!(told(&host, "closed the connection (1008)"), 1, "{log:#?}");
    assert_eq!(told(&host, "at attempt 1 (1008)"), 1, "{log:#?}");
    assert_eq!(told(&host, "at attempt"), 2, "{log:#?}");
}

#[test]
fn a_connection_that_lasts_after_many_that_did_not_is_spoken_of_again() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = Configuration::with("persistent", server.address(), "app1")
        .replacing("reconnect_interval = 20", "reconnect_interval = 500");
    let _library = Library::load(&host, &configuration);
    server.accept().reset();
    server.accept().reset();
    let lasting = server.accept();
    host.wait_for_log("after 2 failed attempts");
    drop(lasting);
}
