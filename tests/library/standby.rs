//! Connections that wait for calls (`standby_connections`).

use std::fs;
use std::net::TcpStream;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use ariws_testkit::tls::{self, UNVERIFIED};
use ariws_testkit::{Call, Connection, Host, Identity, Library, Pbx, Server, Setup, request};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Message, WebSocket};

use crate::per_call::{APPLICATION, NAME, is_told, leave, stasis_event};

/// So many wait; a busy machine may take its time.
fn setup(count: usize, more: &str) -> Setup {
    let lines = format!("standby_connections = {count}\nconnection_timeout = 20000\n{more}");
    Pbx::per_call("app1").set("connection1", &lines)
}

/// Loads, and accepts the connections that are to wait.
fn loaded(count: usize, more: &str) -> (Pbx, Vec<Connection>) {
    let pbx = setup(count, more).load();
    let standing = (0..count).map(|_| pbx.accept()).collect();
    wait_until_open(&pbx, count, count);
    (pbx, standing)
}

fn wait_until_open(pbx: &Pbx, open: usize, wanted: usize) {
    let expected = format!("standby_connections =    {open} of {wanted} open\n");
    pbx.wait_for_output("ari show outbound-websocket connection1 detail", |page| {
        page.contains(&expected)
    });
}

fn count(pbx: &Pbx, name: &str) -> u64 {
    pbx.metric(&format!("connection_standby_{name}{{connection=\"connection1\"}}"))
}

#[test]
fn a_call_takes_one_and_its_application_is_registered_on_it_at_once() {
    let (pbx, mut standing) = loaded(1, "");
    assert_eq!(pbx.stasis_start("app1", "1", NAME), Ok(APPLICATION.into()));
    is_told(&mut standing[0], ["ApplicationRegistered"]);
    assert_eq!((count(&pbx, "hits_total"), count(&pbx, "misses_total")), (1, 0));
}

#[test]
fn a_call_that_took_one_goes_on_as_any_other() {
    let (pbx, mut standing) = loaded(1, "");
    pbx.stasis_start("app1", "1", NAME).expect("a start");
    let mut connection = standing.remove(0);
    pbx.event(APPLICATION, &stasis_event("StasisStart", "1"));
    is_told(&mut connection, ["ApplicationRegistered", "StasisStart"]);
    connection.send(&request("1", "GET", "asterisk/ping"));
    pbx.wait_for_request("asterisk/ping");
    leave(&pbx, "1");
    pbx.event(APPLICATION, &stasis_event("ChannelDestroyed", "1"));
    is_told(&mut connection, ["StasisEnd", "ChannelDestroyed"]);
    assert_eq!(connection.wait_for_close(), 1000);
    pbx.wait_for_call(&Call::Unregister(APPLICATION.into()));
    assert_eq!(pbx.metric("events_sent_total"), 3);
}

#[test]
fn another_is_opened_in_its_place() {
    let (pbx, _standing) = loaded(2, "");
    pbx.stasis_start("app1", "1", NAME).expect("a start");
    let _another = pbx.accept();
    wait_until_open(&pbx, 2, 2);
    assert!(pbx.server.is_quiet());
}

#[test]
fn those_that_wait_have_no_application_and_are_no_sessions() {
    let (pbx, mut standing) = loaded(1, "");
    assert!(standing[0].is_quiet());
    let (_, sessions) = pbx.command("ari show sessions");
    assert_eq!(sessions.lines().count(), 3, "{sessions}");
    assert_eq!(pbx.host.calls(), [Call::CreateContext("stasis-app1".into(), "app1".into())]);
}

#[test]
fn the_freshest_one_is_taken() {
    let pbx = setup(1, "").load();
    let mut older = pbx.accept();
    wait_until_open(&pbx, 1, 1);
    let mut pbx = pbx;
    pbx.change("connection1", "standby_connections = 2");
    let mut fresher = pbx.accept();
    wait_until_open(&pbx, 2, 2);
    pbx.stasis_start("app1", "1", NAME).expect("a start");
    is_told(&mut fresher, ["ApplicationRegistered"]);
    assert!(older.is_quiet());
}

#[test]
fn they_are_kept_alive_by_pings() {
    let (pbx, mut standing) = loaded(1, "enable_pingpongs = yes\npingpong_interval = 1\npingpong_probes = 127");
    for _ in 0..2 {
        let ping = standing[0].websocket.read().expect("a ping");
        assert!(matches!(ping, Message::Ping(_)), "{ping:?}");
    }
    assert_eq!(count(&pbx, "lost_total"), 0);
}

#[test]
fn one_that_answers_no_ping_is_replaced() {
    let (pbx, standing) = loaded(1, "enable_pingpongs = yes\npingpong_interval = 1\npingpong_probes = 1");
    let _another = pbx.accept();
    pbx.wait_for_metrics(|page| page.contains("standby_lost_total{connection=\"connection1\"} 1\n"));
    drop(standing);
}

#[test]
fn one_that_is_as_old_as_it_may_get_is_closed_and_replaced() {
    let (pbx, mut standing) = loaded(1, "standby_max_age = 1");
    assert_eq!(standing[0].wait_for_close(), 1000);
    let _another = pbx.accept();
}

#[test]
fn at_a_changed_setting_they_are_closed_and_replaced() {
    let (mut pbx, mut standing) = loaded(2, "");
    let uri = format!("uri = ws://{}/other", pbx.server.address());
    pbx.change("connection1", &uri);
    for connection in &mut standing {
        assert_eq!(connection.wait_for_close(), 1000);
    }
    for _ in 0..2 {
        assert_eq!(pbx.accept().path, "/other");
    }
}

#[test]
fn when_the_files_of_tls_have_changed_they_are_replaced() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("authorities.pem");
    let authority = || Identity::self_signed(&["authority"]).chain();
    fs::write(&file, authority()).expect("a file");
    let more = format!("tls_enabled = yes\n{UNVERIFIED}\nca_list_file = {}", file.display());
    let pbx = setup(2, &more).load();
    let accept = || tls::accept(pbx.server.accept_tcp(), true).expect("an upgrade");
    let mut standing = [accept(), accept()];
    wait_until_open(&pbx, 2, 2);
    fs::write(&file, authority()).expect("a file");
    // The one that is opened for it meets the new file; the other one was made with the old.
    pbx.stasis_start("app1", "1", NAME).expect("a start");
    let _renewed = [accept(), accept()];
    wait_until_open(&pbx, 2, 2);
    let [older, taken] = &mut standing;
    let text = taken.read().expect("a text").into_text().expect("a text");
    assert!(text.contains("ApplicationRegistered"), "{text}");
    let close = older.read().expect("a Close");
    assert!(
        matches!(
            close,
            Message::Close(Some(CloseFrame {
                code: CloseCode::Normal,
                ..
            }))
        ),
        "{close:?}"
    );
}

#[test]
fn a_setting_that_is_used_when_it_is_needed_leaves_them_alone() {
    let (mut pbx, mut standing) = loaded(1, "");
    pbx.change("connection1", "start_delay = 0");
    assert!(standing[0].is_quiet());
    pbx.stasis_start("app1", "1", NAME).expect("a start");
    is_told(&mut standing[0], ["ApplicationRegistered"]);
}

#[test]
fn fewer_are_wanted_and_some_are_closed() {
    let (mut pbx, mut standing) = loaded(2, "");
    pbx.change("connection1", "standby_connections = 1");
    wait_until_open(&pbx, 1, 1);
    pbx.change("connection1", "standby_connections = 0");
    for connection in &mut standing {
        assert_eq!(connection.wait_for_close(), 1000);
    }
    assert!(pbx.server.is_quiet());
}

#[test]
fn more_are_wanted_and_opened_beside_those_that_wait() {
    let (mut pbx, mut standing) = loaded(1, "");
    pbx.change("connection1", "standby_connections = 3");
    let _more = [pbx.accept(), pbx.accept()];
    wait_until_open(&pbx, 3, 3);
    assert!(standing[0].is_quiet() && pbx.server.is_quiet());
}

#[test]
fn another_age_counts_for_those_that_wait() {
    let (mut pbx, mut standing) = loaded(1, "");
    pbx.change("connection1", "standby_max_age = 1");
    assert_eq!(standing[0].wait_for_close(), 1000);
    let _another = pbx.accept();
}

#[test]
fn they_go_with_their_connection() {
    let ends: [fn(&mut Pbx); 3] = [
        |pbx| {
            pbx.configuration.remove("connection1");
            pbx.reload();
        },
        |pbx| drop(pbx.command("ari shutdown websocket session connection1")),
        |pbx| drop(pbx.change("connection1", "connection_type = persistent")),
    ];
    for end in ends {
        let (mut pbx, mut standing) = loaded(1, "");
        end(&mut pbx);
        assert_eq!(standing[0].wait_for_close(), 1000);
    }
}

#[test]
fn unloading_closes_them_with_1000() {
    let (pbx, mut standing) = loaded(2, "");
    let handle = pbx.handle();
    let unloading = thread::spawn(move || handle.unload(Duration::from_secs(20)));
    for connection in &mut standing {
        assert_eq!(connection.wait_for_close(), 1000);
    }
    unloading.join().expect("an end");
}

#[test]
fn an_application_that_speaks_or_leaves_before_a_call_has_its_connection_replaced() {
    let acts: [fn(Connection); 3] = [
        |mut connection| {
            connection.send(&request("1", "GET", "asterisk/ping"));
            connection.wait_for_close();
        },
        |connection| connection.close(1001),
        Connection::reset,
    ];
    for act in acts {
        let (pbx, mut standing) = loaded(1, "");
        act(standing.remove(0));
        let _another = pbx.accept();
        wait_until_open(&pbx, 1, 1);
        assert_eq!(count(&pbx, "lost_total"), 1);
        assert_eq!(pbx.host.warnings(), Vec::<String>::new());
    }
}

#[test]
fn a_burst_of_more_calls_than_wait_connects_as_without() {
    let (pbx, standing) = loaded(2, "");
    let names = ["a", "b", "c", "d", "e"];
    let starts = names.map(|name| pbx.stasis_start_async("app1", name, name));
    let (heard, first) = channel();
    let listen = |mut connection: Connection| {
        let heard = heard.clone();
        thread::spawn(move || {
            while let Some(text) = connection.wait_for_end() {
                // The test may have heard enough.
                let _ = heard.send(text);
            }
        })
    };
    standing.into_iter().for_each(|connection| drop(listen(connection)));
    // Five for the calls, and two that wait again.
    (0..5).for_each(|_| drop(listen(pbx.accept())));
    for start in starts {
        assert!(start.recv().expect("an outcome").is_ok());
    }
    let mut registered: Vec<_> = (0..5).map(|_| first.recv().expect("a text")).collect();
    registered.sort();
    registered.dedup();
    assert_eq!(registered.len(), 5, "{registered:?}");
    let calls = count(&pbx, "hits_total") + count(&pbx, "misses_total");
    assert_eq!(calls, 5);
}

#[test]
fn a_standby_that_had_died_does_not_fail_a_start() {
    // Nobody reads it, so that nothing ever comes back.
    let (pbx, _dead) = loaded(1, "reconnect_attempts = 1\nconnection_timeout = 2000");
    pbx.stasis_start("app1", "1", NAME).expect("a start");
    pbx.event(APPLICATION, &stasis_event("StasisStart", "1"));
    let _standing = pbx.accept();
    let mut own = pbx.accept();
    is_told(&mut own, ["ApplicationRegistered", "StasisStart"]);
    pbx.wait_for_log("it had been on standby, and died there");
    assert_eq!(pbx.host.warnings(), Vec::<String>::new());
    assert_eq!(pbx.metric("attempts_failed_total"), 0);
}

#[test]
fn a_server_that_does_not_accept_is_warned_of_once_and_fails_no_call() {
    let mut setup = setup(3, "reconnect_interval = 10").nobody_listens();
    setup = setup.set("connection1", "reconnect_attempts = 100");
    let mut pbx = setup.load();
    pbx.wait_for_log("can wait for calls");
    let starting = pbx.stasis_start_async("app1", "1", NAME);
    pbx.server.listen();
    let accepted: Vec<_> = (0..4).map(|_| pbx.accept()).collect();
    assert_eq!(starting.recv(), Ok(Ok(APPLICATION.into())));
    wait_until_open(&pbx, 3, 3);
    let of_standby = |line: &String| line.contains("can wait for calls");
    assert_eq!(pbx.host.warnings().iter().filter(|line| of_standby(line)).count(), 1);
    drop(accepted);
}

#[test]
fn one_gives_way_to_a_call_if_there_is_no_socket_left() {
    let pbx = setup(2, "")
        .connection("connection2", "per_call_config", "app2", "")
        .options(|options| options.max_sockets = 2)
        .load();
    let mut standing = [pbx.accept(), pbx.accept()];
    wait_until_open(&pbx, 2, 2);
    let starting = pbx.stasis_start_async("app2", "1", NAME);
    let mut call = pbx.accept();
    assert!(starting.recv().expect("an outcome").is_ok());
    call.says([format!("ApplicationRegistered app2:{NAME}")]);
    assert_eq!(standing[0].wait_for_close(), 1000);
    wait_until_open(&pbx, 1, 2);
    assert!(standing[1].is_quiet() && pbx.server.is_quiet());
}

/// With two servers, of which calls go to the first while that is there; gives the second.
fn two_servers(count: usize, more: &str) -> (Setup, Server) {
    let second = Server::start();
    let setup = setup(count, more);
    let uris = format!(
        "uri = ws://{}/ari\nuri = ws://{}/ari",
        setup.server().address(),
        second.address()
    );
    (setup.set("connection1", &uris), second)
}

/// A connection that was accepted before is upgraded.
fn upgraded(tcp: TcpStream) -> WebSocket<Box<dyn tls::Stream>> {
    tls::accept(tcp, false).expect("an upgrade")
}

#[test]
fn when_a_preferred_server_is_back_they_are_made_anew_there_before_they_are_closed() {
    let (setup, second) = two_servers(2, "failback_interval = 10");
    let mut pbx = setup.nobody_listens().load();
    let mut standing = [second.accept(), second.accept()];
    wait_until_open(&pbx, 2, 2);
    pbx.server.listen();
    // What looks after it.
    assert_eq!(pbx.accept().wait_for_close(), 1000);
    let under_way = [pbx.server.accept_tcp(), pbx.server.accept_tcp()];
    let page = pbx.command("ari show outbound-websocket connection1 detail").1;
    assert!(page.contains("2 of 2 open, 2 at another server than calls go to\n"), "{page}");
    assert!(standing.iter_mut().all(Connection::is_quiet));
    let mut moved = Vec::new();
    for tcp in under_way {
        assert!(standing.iter_mut().skip(moved.len()).all(Connection::is_quiet));
        moved.push(upgraded(tcp));
        assert_eq!(standing[moved.len() - 1].wait_for_close(), 1000);
    }
    wait_until_open(&pbx, 2, 2);
    assert!(pbx.server.is_quiet() && second.is_quiet());
    assert_eq!((count(&pbx, "lost_total"), count(&pbx, "closed_total")), (0, 2));
}

#[test]
fn those_at_a_server_that_is_known_to_be_down_are_not_taken_and_made_anew_elsewhere() {
    let (setup, second) = two_servers(2, "failback_interval = 3600000");
    let mut pbx = setup.load();
    let mut standing = [pbx.accept(), pbx.accept()];
    wait_until_open(&pbx, 2, 2);
    pbx.server.stop();
    pbx.stasis_start("app1", "1", NAME).expect("a start");
    is_told(&mut standing[1], ["ApplicationRegistered"]);
    // Nobody could open another one in its place.
    let under_way = [second.accept_tcp(), second.accept_tcp()];
    let starting = pbx.stasis_start_async("app1", "2", "SIP/bob");
    let _call = second.accept();
    assert!(starting.recv().expect("an outcome").is_ok());
    assert!(standing[0].is_quiet());
    let _moved = under_way.map(upgraded);
    assert_eq!(standing[0].wait_for_close(), 1000);
    wait_until_open(&pbx, 2, 2);
}

#[test]
fn a_server_that_sends_them_away_is_left_alone_and_they_are_opened_at_the_next_one() {
    let (setup, second) = two_servers(1, "failback_interval = 3600000");
    let pbx = setup.load();
    let standing = pbx.accept();
    wait_until_open(&pbx, 1, 1);
    standing.close(1012);
    let _moved = second.accept();
    wait_until_open(&pbx, 1, 1);
    assert!(pbx.server.is_quiet());
    pbx.wait_for_log("is down");
}

#[test]
fn while_every_server_is_known_to_be_down_a_call_takes_one_all_the_same() {
    let (setup, mut second) = two_servers(1, "failback_interval = 3600000\nfail_fast = 1");
    let mut pbx = setup.load();
    let mut standing = pbx.accept();
    wait_until_open(&pbx, 1, 1);
    pbx.server.stop();
    second.stop();
    pbx.set("connection1", "standby_connections = 2");
    pbx.reload();
    pbx.wait_for_log("can wait for calls");
    pbx.stasis_start("app1", "1", NAME).expect("a start");
    is_told(&mut standing, ["ApplicationRegistered"]);
}

/// The configuration in the section of the page, by the names of its files.
fn recipe(section: &str) -> Vec<(String, String)> {
    let page = include_str!("../../docs/availability.md");
    let (_, text) = page.split_once(&format!("## {section}\n")).expect("the section");
    let text = text.split("\n## ").next().expect("its text");
    let files = text.split("\nIn `").skip(1).map(|part| {
        let (name, rest) = part.split_once('`').expect("a name");
        let (_, rest) = rest.split_once("```ini\n").expect("a text");
        let (text, _) = rest.split_once("```").expect("its end");
        (name.to_owned(), text.to_owned())
    });
    files.collect()
}

#[test]
fn the_recipe_of_the_page_has_four_connections_wait() {
    let (host, server, folder) = (Host::new(), Server::start(), tempfile::tempdir().expect("a folder"));
    let user = "[ari_user]\ntype = user\npassword = mypassword\n";
    fs::write(folder.path().join("ari.conf"), user).expect("a file");
    let files = recipe("Warm standby");
    let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["ari_outbound.conf", "websocket_client.conf", "extensions.conf"]);
    for (name, text) in &files {
        let here = text.replace("wss://bots.example.net", &format!("ws://{}", server.address()));
        fs::write(folder.path().join(name), here).expect("a file");
    }
    assert!(files[2].1.contains("Stasis(voicebot)"));
    let mut report = Vec::new();
    let library = Library::try_load(&host, folder.path(), &mut report).expect("a library");
    let mut standing: Vec<_> = (0..4).map(|_| server.accept()).collect();
    let all = "standby_connections =    4 of 4 open\n";
    library.wait_for_output("ari show outbound-websocket voicebot detail", |page| page.contains(all));
    library.stasis_start("voicebot", "1", NAME).expect("a start");
    assert_eq!(
        standing
            .iter_mut()
            .filter_map(|waits| (!waits.is_quiet()).then_some(()))
            .count(),
        1
    );
    assert!(host.warnings().is_empty(), "{:?}", host.warnings());
}
