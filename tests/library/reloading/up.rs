//! While a persistent connection is up.

use super::EVENT;
use super::changes::{Change, USUAL};

fn is_made_anew(change: &Change) {
    let mut pbx = change.setup("persistent").load();
    let mut connection = pbx.server.attempt().upgrade();
    connection.says(["ApplicationRegistered app1"]);
    change.make(&mut pbx);
    assert_eq!(connection.wait_for_close(), 1000);
    drop(connection);
    let attempt = pbx.server.attempt();
    assert!(attempt.head.contains(change.sees), "{}", attempt.head);
}

fn stays(change: &Change) {
    let (mut pbx, mut connection) = change.setup("persistent").up();
    change.make(&mut pbx);
    pbx.event("app1", EVENT);
    connection.says(["Event app1"]);
    assert!(connection.is_quiet());
}

mod a_connection_is_made_anew_by {
    use super::*;
    anew!(is_made_anew);
}

mod a_connection_stays_whatever_is_said_of {
    use super::*;
    later!(stays);
}
