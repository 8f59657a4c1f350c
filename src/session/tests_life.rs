//! Of each step and each outcome, what follows.

use super::*;
use crate::net::Lack;
use crate::session::backoff::tests::client;

/// An attempt is steady after 100 ms, and a call has three.
fn settings() -> Client {
    client("reconnect_interval = 100\nreconnect_attempts = 3")
}

fn failure(cause: &str) -> Failure {
    Failure {
        cause: cause.to_owned(),
        refused: false,
        lack: Lack::Server,
        connected: false,
    }
}

fn lost_after(milliseconds: u64) -> Outcome {
    Outcome::Ended {
        how: End::Lost("reset".to_owned()),
        lasted: Duration::from_millis(milliseconds),
        is_over: false,
        in_doubt: false,
    }
}

/// The steps that follow one another, after the first attempt.
fn steps(is_per_call: bool, outcomes: impl IntoIterator<Item = Outcome>) -> Vec<Step> {
    let (mut life, client) = (Life::new(is_per_call), settings());
    let outcomes = outcomes.into_iter();
    outcomes.map(|outcome| life.next(outcome, &client)).collect()
}

fn pause_after(before: Option<Failure>) -> Step {
    Step::Pause { before }
}

#[test]
fn a_persistent_session_tries_for_ever() {
    let outcomes = (0..20).flat_map(|_| [Outcome::Failed(failure("no")), Outcome::Paused]);
    let steps = steps(false, outcomes);
    assert!(steps.iter().all(|step| !matches!(step, Step::End(_))));
}

#[test]
fn a_call_has_as_many_attempts_as_are_configured() {
    let failed = |cause| Outcome::Failed(failure(cause));
    let outcomes = [failed("1"), Outcome::Paused, failed("2"), Outcome::Paused, failed("3")];
    assert_eq!(
        steps(true, outcomes),
        [
            pause_after(None),
            Step::Attempt,
            pause_after(Some(failure("1"))),
            Step::Attempt,
            Step::End(Ending::OutOfAttempts(Lack::Server, "3".to_owned())),
        ]
    );
}

#[test]
fn a_connection_that_lasted_is_made_again_at_once() {
    assert_eq!(steps(false, [lost_after(100)]), [Step::Attempt]);
}

#[test]
fn a_connection_that_is_lost_at_once_counts_as_a_failure() {
    let (mut life, client) = (Life::new(false), settings());
    assert_eq!(life.next(lost_after(99), &client), pause_after(None));
    assert_eq!(life.failures(), 1);
    assert_eq!(life.quiet(&client), Some(Duration::from_millis(100)));
}

#[test]
fn a_connection_after_attempts_that_failed_is_told_of_at_once() {
    let (mut life, client) = (Life::new(false), settings());
    life.next(Outcome::Failed(failure("no")), &client);
    assert_eq!(life.quiet(&client), None);
}

#[test]
fn a_connection_that_was_closed_to_be_made_anew_counts_as_none() {
    let closed = Outcome::Ended {
        how: End::Closed,
        lasted: Duration::ZERO,
        is_over: false,
        in_doubt: false,
    };
    assert_eq!(steps(false, [closed]), [Step::Attempt]);
}

#[test]
fn a_close_for_policy_violation_right_away_is_a_refusal() {
    let closed = Outcome::Ended {
        how: End::ClosedByPeer(Some(1008), "1008".to_owned()),
        lasted: Duration::ZERO,
        is_over: false,
        in_doubt: false,
    };
    let (mut life, client) = (Life::new(false), settings());
    assert_eq!(life.next(closed, &client), pause_after(None));
    assert!(life.last().is_some_and(|last| last.refused && last.connected));
}

#[test]
fn a_connection_that_had_died_on_standby_is_no_failure() {
    let (mut life, client) = (Life::new(true), settings());
    for how in [
        End::Lost("reset".to_owned()),
        End::ClosedByPeer(Some(1001), "1001".to_owned()),
    ] {
        let died = Outcome::Ended {
            how,
            lasted: Duration::ZERO,
            is_over: false,
            in_doubt: true,
        };
        assert_eq!(life.next(died, &client), Step::Attempt);
        assert_eq!((life.failures(), life.last()), (0, None));
    }
}

#[test]
fn new_settings_begin_as_if_nothing_had_failed() {
    let (mut life, client) = (Life::new(true), settings());
    life.next(Outcome::Failed(failure("no")), &client);
    assert_eq!(life.next(Outcome::Renewed, &client), Step::Attempt);
    assert_eq!((life.failures(), life.last()), (0, None));
}

#[test]
fn a_session_ends_when_it_is_told_to_or_nothing_is_left_to_do() {
    let over = Outcome::Ended {
        how: End::Lost("reset".to_owned()),
        lasted: Duration::ZERO,
        is_over: true,
        in_doubt: false,
    };
    for (outcome, ending) in [
        (Outcome::Stopped, Ending::Stopped),
        (Outcome::Over, Ending::Over),
        (over, Ending::Over),
    ] {
        assert_eq!(steps(true, [outcome]), [Step::End(ending)]);
    }
}
