//! Channels that hang up before their start has begun, and what becomes of the cancel when none begins.

use ariws::ffi::*;
use ariws_testkit::{Host, Library, Server};

use crate::per_call::{NAME, enter, leave, per_call};

/// Whether the start of the channel ends as cancelled; if not, it finds nobody who serves the application.
fn is_cancelled(library: &Library<'_>, channel: &str) -> bool {
    match library.stasis_start("nobody's", channel, NAME) {
        Err((ARIWS_ERROR_CANCELLED, _)) => true,
        Err((ARIWS_ERROR_NOT_FOUND, _)) => false,
        other => panic!("the start of {channel} gave {other:?}"),
    }
}

#[test]
fn a_cancel_that_overtakes_the_blocking_start_ends_it_before_it_connects() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = per_call(&server);
    let library = Library::load(&host, &configuration);
    let before = host.calls();
    assert_eq!(library.stasis_cancel("1"), ARIWS_ERROR_NOT_FOUND);
    let outcome = library.stasis_start("app1", "1", NAME);
    assert_eq!(
        outcome.map_err(|(code, _)| code),
        Err(ARIWS_ERROR_CANCELLED)
    );
    assert!(server.is_quiet());
    assert_eq!(host.calls(), before);
}

#[test]
fn a_cancel_that_overtakes_the_asynchronous_start_ends_it() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = per_call(&server);
    let library = Library::load(&host, &configuration);
    library.stasis_cancel("1");
    let outcome = library.stasis_start_async("app1", "1", NAME).recv();
    assert_eq!(
        outcome.expect("an outcome").map_err(|(code, _)| code),
        Err(ARIWS_ERROR_CANCELLED)
    );
}

#[test]
fn a_cancel_ends_one_start_and_no_other_channels() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = per_call(&server);
    let library = Library::load(&host, &configuration);
    library.stasis_cancel("1");
    assert!(!is_cancelled(&library, "2"));
    assert!(is_cancelled(&library, "1"));
    enter(&library, &server, "1");
}

#[test]
fn a_start_that_was_cancelled_under_way_leaves_nothing_for_the_next() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = per_call(&server);
    let library = Library::load(&host, &configuration);
    let starting = library.stasis_start_async("app1", "1", NAME);
    let silent = server.accept_tcp();
    assert_eq!(library.stasis_cancel("1"), ARIWS_OK);
    starting
        .recv()
        .expect("an outcome")
        .expect_err("it was cancelled");
    drop(silent);
    enter(&library, &server, "1");
}

#[test]
fn a_channel_that_left_may_enter_again_though_it_was_cancelled_inside() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = per_call(&server);
    let library = Library::load(&host, &configuration);
    let _connection = enter(&library, &server, "1");
    assert_eq!(library.stasis_cancel("1"), ARIWS_ERROR_NOT_FOUND);
    leave(&library, "1");
    enter(&library, &server, "1");
}

#[test]
fn a_cancel_that_came_after_a_start_had_failed_is_taken_back_by_its_end() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = per_call(&server);
    let library = Library::load(&host, &configuration);
    assert!(!is_cancelled(&library, "1"));
    library.stasis_cancel("1");
    library.stasis_end("nobody's", "1");
    enter(&library, &server, "1");
}

#[test]
fn of_more_cancels_than_are_remembered_the_oldest_are_forgotten() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = per_call(&server);
    let library = Library::load(&host, &configuration);
    for channel in 0..=4096 {
        library.stasis_cancel(&channel.to_string());
    }
    assert!(!is_cancelled(&library, "0"));
    assert!(is_cancelled(&library, "1"));
    assert!(is_cancelled(&library, "4096"));
}
