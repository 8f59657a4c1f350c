//! Channels that hang up before their start has begun, and what becomes of the cancel when none begins.

use ariws::ffi::*;
use ariws_testkit::Pbx;

use crate::per_call::{NAME, enter, leave};

/// Whether the start of the channel ends as cancelled; if not, it finds nobody who serves the application.
fn is_cancelled(pbx: &Pbx, channel: &str) -> bool {
    match pbx.stasis_start("nobody's", channel, NAME) {
        Err((ARIWS_ERROR_CANCELLED, _)) => true,
        Err((ARIWS_ERROR_NOT_FOUND, _)) => false,
        other => panic!("the start of {channel} gave {other:?}"),
    }
}

#[test]
fn a_cancel_that_overtakes_the_blocking_start_ends_it_before_it_connects() {
    let pbx = Pbx::per_call("app1").load();
    let before = pbx.host.calls();
    assert_eq!(pbx.stasis_cancel("1"), ARIWS_ERROR_NOT_FOUND);
    let outcome = pbx.stasis_start("app1", "1", NAME);
    assert_eq!(outcome.map_err(|(code, _)| code), Err(ARIWS_ERROR_CANCELLED));
    assert!(pbx.server.is_quiet());
    assert_eq!(pbx.host.calls(), before);
}

#[test]
fn a_cancel_that_overtakes_the_asynchronous_start_ends_it() {
    let pbx = Pbx::per_call("app1").load();
    pbx.stasis_cancel("1");
    let outcome = pbx.stasis_start_async("app1", "1", NAME).recv();
    assert_eq!(
        outcome.expect("an outcome").map_err(|(code, _)| code),
        Err(ARIWS_ERROR_CANCELLED)
    );
}

#[test]
fn a_cancel_ends_one_start_and_no_other_channels() {
    let pbx = Pbx::per_call("app1").load();
    pbx.stasis_cancel("1");
    assert!(!is_cancelled(&pbx, "2"));
    assert!(is_cancelled(&pbx, "1"));
    enter(&pbx, "1");
}

#[test]
fn a_start_that_was_cancelled_under_way_leaves_nothing_for_the_next() {
    let pbx = Pbx::per_call("app1").load();
    let starting = pbx.stasis_start_async("app1", "1", NAME);
    let silent = pbx.server.accept_tcp();
    assert_eq!(pbx.stasis_cancel("1"), ARIWS_OK);
    starting.recv().expect("an outcome").expect_err("it was cancelled");
    drop(silent);
    enter(&pbx, "1");
}

#[test]
fn a_channel_that_left_may_enter_again_though_it_was_cancelled_inside() {
    let pbx = Pbx::per_call("app1").load();
    let _connection = enter(&pbx, "1");
    assert_eq!(pbx.stasis_cancel("1"), ARIWS_ERROR_NOT_FOUND);
    leave(&pbx, "1");
    enter(&pbx, "1");
}

#[test]
fn a_cancel_that_came_after_a_start_had_failed_is_taken_back_by_its_end() {
    let pbx = Pbx::per_call("app1").load();
    assert!(!is_cancelled(&pbx, "1"));
    pbx.stasis_cancel("1");
    pbx.stasis_end("nobody's", "1");
    enter(&pbx, "1");
}

#[test]
fn of_more_cancels_than_are_remembered_the_oldest_are_forgotten() {
    let pbx = Pbx::per_call("app1").load();
    for channel in 0..=4096 {
        pbx.stasis_cancel(&channel.to_string());
    }
    assert!(!is_cancelled(&pbx, "0"));
    assert!(is_cancelled(&pbx, "1"));
    assert!(is_cancelled(&pbx, "4096"));
}
