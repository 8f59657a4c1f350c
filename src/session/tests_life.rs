//! Of each step and each outcome, what follows.

use super::*;
use crate::session::backoff::tests::client;

/// An attempt is steady after 100 ms, and a call has three rounds.
fn settings() -> Client {
    client("reconnect_interval = 100\nreconnect_attempts = 3")
}

/// The same with two servers.
fn two_servers() -> Client {
    client("uri = ws://i\nreconnect_interval = 100\nreconnect_attempts = 3")
}

fn failure(cause: &str) -> Failure {
    Failure {
        cause: cause.to_owned(),
        refused: false,
        lack: Lack::Server,
        connected: false,
        not_now: None,
    }
}

fn refusal(cause: &str) -> Failure {
    Failure {
        refused: true,
        ..failure(cause)
    }
}

fn failed(cause: &str) -> Outcome {
    Outcome::Failed(failure(cause))
}

/// These servers, in this order.
fn chosen(servers: &[usize]) -> Outcome {
    Outcome::Chosen(Choice {
        first: servers.first().copied(),
        rest: servers.iter().skip(1).copied().collect(),
        count: 2,
        ready_in: Duration::ZERO,
        down: None,
    })
}

/// Every server is known to be down.
fn all_down() -> Outcome {
    Outcome::Chosen(Choice {
        first: Some(0),
        rest: vec![1],
        count: 2,
        ready_in: Duration::ZERO,
        down: Some("refused".to_owned()),
    })
}

/// The one server there is.
fn only() -> Outcome {
    Outcome::Chosen(Choice {
        first: Some(0),
        rest: Vec::new(),
        count: 1,
        ready_in: Duration::ZERO,
        down: None,
    })
}

/// Every server asks to be left alone for so long.
fn nobody(milliseconds: u64) -> Outcome {
    Outcome::Chosen(Choice {
        first: None,
        rest: Vec::new(),
        count: 2,
        ready_in: Duration::from_millis(milliseconds),
        down: Some("503".to_owned()),
    })
}

fn lost_after(milliseconds: u64) -> Outcome {
    Outcome::Ended {
        how: End::Lost("reset".to_owned()),
        lasted: Duration::from_millis(milliseconds),
        is_over: false,
        in_doubt: false,
    }
}

/// The steps that follow one another.
fn steps(is_per_call: bool, outcomes: impl IntoIterator<Item = Outcome>) -> Vec<Step> {
    let (mut life, client) = (Life::new(is_per_call), settings());
    let outcomes = outcomes.into_iter();
    outcomes.map(|outcome| life.next(outcome, &client)).collect()
}

/// The last of them.
fn last_step(is_per_call: bool, client: &Client, outcomes: impl IntoIterator<Item = Outcome>) -> Option<Step> {
    let mut life = Life::new(is_per_call);
    outcomes.into_iter().map(|outcome| life.next(outcome, client)).last()
}

fn pause_after(before: Option<Failure>) -> Step {
    Step::Pause { before }
}

fn out_of_attempts(cause: &str) -> Step {
    Step::End(Ending::OutOfAttempts(Lack::Server, cause.to_owned()))
}

#[test]
fn a_persistent_session_tries_for_ever() {
    let outcomes = (0..20).flat_map(|_| [only(), failed("no"), Outcome::Paused]);
    let steps = steps(false, outcomes);
    assert!(steps.iter().all(|step| !matches!(step, Step::End(_))));
}

#[test]
fn a_call_has_as_many_rounds_as_attempts_are_configured() {
    let outcomes = [
        only(),
        failed("1"),
        Outcome::Paused,
        only(),
        failed("2"),
        Outcome::Paused,
        only(),
        failed("3"),
    ];
    assert_eq!(
        steps(true, outcomes),
        [
            Step::Attempt(0),
            pause_after(None),
            Step::Choose,
            Step::Attempt(0),
            pause_after(Some(failure("1"))),
            Step::Choose,
            Step::Attempt(0),
            out_of_attempts("3"),
        ]
    );
}

#[test]
fn the_next_server_is_tried_at_once_and_the_interval_is_between_rounds() {
    for is_per_call in [false, true] {
        let outcomes = [chosen(&[1, 0]), failed("a"), failed("b"), Outcome::Paused, chosen(&[1, 0])];
        assert_eq!(
            steps(is_per_call, outcomes),
            [
                Step::Attempt(1),
                Step::Attempt(0),
                pause_after(None),
                Step::Choose,
                Step::Attempt(1)
            ]
        );
    }
}

#[test]
fn a_round_counts_once_however_many_servers_it_has() {
    let (mut life, client) = (Life::new(true), settings());
    for outcome in [chosen(&[0, 1]), failed("a"), failed("b")] {
        life.next(outcome, &client);
    }
    assert_eq!((life.rounds(), life.failures()), (1, 2));
}

#[test]
fn a_server_that_refuses_is_left_out_of_a_calls_further_rounds() {
    let (mut life, client) = (Life::new(true), two_servers());
    life.next(chosen(&[0, 1]), &client);
    assert_eq!(life.next(Outcome::Failed(refusal("401")), &client), Step::Attempt(1));
    assert_eq!(life.next(failed("no"), &client), pause_after(None));
    assert_eq!(life.without(), [0]);
}

#[test]
fn a_call_that_every_server_refuses_has_no_further_round() {
    let refuses = |cause| Outcome::Failed(refusal(cause));
    let both = [chosen(&[0, 1]), refuses("401"), refuses("404")];
    assert_eq!(last_step(true, &two_servers(), both), Some(out_of_attempts("404")));
    let in_a_hurry = client("fail_fast = 250");
    assert_eq!(
        last_step(true, &in_a_hurry, [only(), refuses("401")]),
        Some(out_of_attempts("401"))
    );
}

#[test]
fn one_server_that_refuses_is_asked_as_often_as_ever() {
    let outcomes = [only(), Outcome::Failed(refusal("401"))];
    assert_eq!(last_step(true, &settings(), outcomes), Some(pause_after(None)));
}

#[test]
fn a_persistent_session_asks_those_that_refuse_again() {
    let outcomes = [only(), Outcome::Failed(refusal("401"))];
    assert_eq!(last_step(false, &settings(), outcomes), Some(pause_after(None)));
}

#[test]
fn where_every_server_asks_for_that_they_are_left_alone() {
    let time = Duration::from_millis(300);
    for is_per_call in [false, true] {
        assert_eq!(steps(is_per_call, [nobody(300)]), [Step::LeaveAlone(time)]);
    }
}

#[test]
fn a_caller_is_not_held_for_a_server_that_will_not_be_asked_in_time() {
    assert_eq!(steps(true, [nobody(301)]), [out_of_attempts("503")]);
    assert!(matches!(steps(false, [nobody(60_000)])[..], [Step::LeaveAlone(_)]));
}

#[test]
fn while_every_server_is_known_to_be_down_a_call_waits_for_one_no_longer_than_fail_fast() {
    let client = client("connection_type = per_call_config\nfail_fast = 250");
    let wait = Step::Await(Duration::from_millis(250));
    assert_eq!(last_step(true, &client, [all_down()]), Some(wait.clone()));
    let unanswered = [all_down(), Outcome::Unanswered];
    assert_eq!(last_step(true, &client, unanswered), Some(out_of_attempts("refused")));
    let answered = [all_down(), Outcome::Paused, chosen(&[1, 0])];
    assert_eq!(last_step(true, &client, answered), Some(Step::Attempt(1)));
    let not_for_long = [all_down(), Outcome::Paused, all_down()];
    assert_eq!(last_step(true, &client, not_for_long), Some(out_of_attempts("refused")));
}

#[test]
fn without_fail_fast_a_call_makes_all_its_attempts() {
    assert_eq!(steps(true, [all_down()]), [Step::Attempt(0)]);
}

#[test]
fn a_call_that_has_tried_by_itself_goes_on_with_its_attempts() {
    let client = client("connection_type = per_call_config\nfail_fast = 250");
    let outcomes = [chosen(&[0]), failed("no"), Outcome::Paused, all_down()];
    assert_eq!(last_step(true, &client, outcomes), Some(Step::Attempt(0)));
}

#[test]
fn a_call_returns_to_the_server_that_it_was_at() {
    for (is_per_call, expected) in [(true, Some(1)), (false, None)] {
        let (mut life, client) = (Life::new(is_per_call), settings());
        life.next(chosen(&[1, 0]), &client);
        assert_eq!(life.next(lost_after(100), &client), Step::Choose);
        assert_eq!(life.own(), expected);
    }
}

#[test]
fn a_connection_that_lasted_is_made_again_at_once() {
    assert_eq!(steps(false, [only(), lost_after(100)]), [Step::Attempt(0), Step::Choose]);
}

#[test]
fn a_connection_that_is_lost_at_once_counts_as_a_failure() {
    let (mut life, client) = (Life::new(false), settings());
    life.next(only(), &client);
    assert_eq!(life.next(lost_after(99), &client), pause_after(None));
    assert_eq!(life.failures(), 1);
    assert_eq!(life.quiet(&client), Some(Duration::from_millis(100)));
}

#[test]
fn a_connection_after_attempts_that_failed_is_told_of_at_once() {
    let (mut life, client) = (Life::new(false), settings());
    life.next(only(), &client);
    life.next(failed("no"), &client);
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
    assert_eq!(steps(false, [only(), closed]), [Step::Attempt(0), Step::Choose]);
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
    life.next(only(), &client);
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
        assert_eq!(life.next(died, &client), Step::Choose);
        assert_eq!((life.failures(), life.last()), (0, None));
    }
}

#[test]
fn an_attempt_that_is_given_up_for_the_next_server_is_no_failure() {
    let (mut life, client) = (Life::new(true), two_servers());
    life.next(chosen(&[0, 1]), &client);
    assert_eq!(life.next_server(), Some(1));
    assert_eq!(life.next(Outcome::GivenUp, &client), Step::Attempt(1));
    assert_eq!((life.server(), life.next_server()), (Some(1), None));
    assert_eq!((life.failures(), life.last()), (0, None));
}

#[test]
fn new_settings_begin_as_if_nothing_had_failed() {
    let (mut life, client) = (Life::new(true), two_servers());
    life.next(chosen(&[0, 1]), &client);
    life.next(Outcome::Failed(refusal("401")), &client);
    assert_eq!(life.next(Outcome::Renewed, &client), Step::Choose);
    assert_eq!((life.failures(), life.last(), life.own()), (0, None, None));
    assert_eq!(life.without(), Vec::<usize>::new());
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
