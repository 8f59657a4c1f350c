//! What a reload does, as a table: what was, what is to be, and the steps in words.

use super::*;
use crate::cli::fixture::{client, connection};
use crate::config::ConnectionType::PerCallConfig;

/// A configuration of these connections.
fn config(connections: &[&Connection]) -> Config {
    let connections = connections.iter().map(|&connection| {
        let connection = Arc::new(connection.clone());
        (connection.name.clone(), connection)
    });
    Config {
        connections: connections.collect(),
        ..Config::default()
    }
}

fn of_calls(mut connection: Connection) -> Connection {
    client(&mut connection).connection_type = PerCallConfig;
    connection
}

fn persistent(connection: &Connection) -> Was {
    Was::Persistent(Arc::new(connection.clone()))
}

/// The steps in words, with what each connection was at before.
fn steps(old: &[&Connection], new: &[&Connection], running: &[(&str, Was)]) -> Vec<String> {
    let running = running.iter().cloned();
    let running = running.map(|(name, was)| (name.to_owned(), was)).collect();
    let plan = plan(&config(old), &config(new), &running);
    plan.steps.iter().map(words).collect()
}

fn words(step: &Step) -> String {
    match step {
        Step::End(name) => format!("end {name}"),
        Step::Forget(name) => format!("forget {name}"),
        Step::TakeUp => "take up".into(),
        Step::Begin(connection) => format!("begin {}", connection.name),
        Step::DestroyContext(name, app) => format!("{name} destroys the context of {app}"),
        Step::Change(name, change) => {
            let change = match change {
                Change::Unregister(app) => format!("unregisters {app}"),
                Change::Suspend(app) => format!("suspends {app}"),
                Change::Settings(_) => "has new settings".into(),
                Change::Add(app) => format!("adds {app}"),
                Change::Register(app) => format!("registers {app}"),
                Change::RegisterAnew(app) => format!("registers {app} anew"),
                Change::Reorder => "has them in order".into(),
                Change::Reconnect => "reconnects".into(),
            };
            format!("{name} {change}")
        }
    }
}

#[test]
fn a_load_begins_what_is_valid() {
    let (one, mut two) = (connection("one", "a"), connection("two", "b"));
    two.user_fault = Some("no user".into());
    assert_eq!(steps(&[], &[&one, &two], &[]), ["take up", "begin one"]);
}

#[test]
fn what_is_gone_ends_before_what_is_new_begins() {
    let (one, two) = (connection("one", "a"), connection("two", "a"));
    assert_eq!(
        steps(&[&one], &[&two], &[("one", persistent(&one))]),
        ["end one", "take up", "forget one", "begin two"]
    );
}

#[test]
fn an_application_moves_from_one_connection_to_another() {
    let (one, two) = (connection("one", "a,b"), connection("two", "c"));
    let (without, with) = (connection("one", "a"), connection("two", "b,c"));
    let running = [("one", persistent(&one)), ("two", persistent(&two))];
    assert_eq!(
        steps(&[&one, &two], &[&without, &with], &running),
        [
            "one unregisters b",
            "take up",
            "one has new settings",
            "one registers a anew",
            "one has them in order",
            "two has new settings",
            "two adds b",
            "two registers c anew",
            "two has them in order",
        ]
    );
}

#[test]
fn another_user_name_reconnects_and_registers_nothing() {
    let one = connection("one", "a");
    let mut other = one.clone();
    client(&mut other).username = "other".into();
    assert_eq!(
        steps(&[&one], &[&other], &[("one", persistent(&one))]),
        ["take up", "one has new settings", "one has them in order", "one reconnects"]
    );
}

#[test]
fn subscribe_all_takes_every_application_back_and_registers_it_again() {
    let one = connection("one", "b,a");
    let mut all = one.clone();
    all.subscribe_all = !one.subscribe_all;
    assert_eq!(
        steps(&[&one], &[&all], &[("one", persistent(&one))]),
        [
            "one suspends a",
            "one suspends b",
            "take up",
            "one has new settings",
            "one registers b",
            "one registers a",
            "one has them in order",
        ]
    );
}

#[test]
fn another_type_ends_the_old_kind_and_begins_the_new_one() {
    let one = connection("one", "a");
    let calls = of_calls(one.clone());
    assert_eq!(
        steps(&[&one], &[&calls], &[("one", persistent(&one))]),
        ["end one", "take up", "begin one"]
    );
}

#[test]
fn a_per_call_configuration_gives_up_contexts_and_is_listed_anew() {
    let (one, other) = (of_calls(connection("one", "a,b")), of_calls(connection("one", "b,c")));
    assert_eq!(
        steps(&[&one], &[&other], &[("one", Was::Listed(one.apps.clone()))]),
        ["one destroys the context of a", "take up", "begin one"]
    );
}

#[test]
fn a_connection_that_has_become_invalid_goes_on() {
    let one = connection("one", "a");
    let mut invalid = connection("one", "b");
    invalid.user_fault = Some("no user".into());
    let running = [("one", persistent(&one))];
    assert_eq!(steps(&[&one], &[&invalid], &running), ["take up"]);
    // Valid again, it is compared with what it runs with.
    assert_eq!(steps(&[&invalid], &[&one], &running), ["take up"]);
}

#[test]
fn a_connection_that_was_shut_down_stays_so_until_it_changes() {
    let (one, other) = (connection("one", "a"), connection("one", "b"));
    let mut invalid = one.clone();
    invalid.user_fault = Some("no user".into());
    let running = [("one", Was::ShutDown(Arc::new(one.clone())))];
    assert_eq!(steps(&[&invalid], &[&one], &running), ["take up"]);
    assert_eq!(steps(&[&one], &[&other], &running), ["take up", "begin one"]);
}
