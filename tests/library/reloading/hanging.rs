//! While the server of a persistent connection is silent in the handshake.

use super::changes::{Change, USUAL};

fn is_begun_again(change: &Change) {
    let mut pbx = change.setup("persistent").load();
    let hanging = pbx.server.attempt();
    change.make(&mut pbx);
    hanging.wait_for_end();
    let attempt = pbx.server.attempt();
    assert!(attempt.head.contains(change.sees), "{}", attempt.head);
}

fn goes_on(change: &Change) {
    let mut pbx = change.setup("persistent").load();
    let hanging = pbx.server.attempt();
    change.make(&mut pbx);
    let mut connection = hanging.upgrade();
    connection.says(["ApplicationRegistered app1"]);
}

mod an_attempt_is_begun_again_by {
    use super::*;
    anew!(is_begun_again);
}

mod an_attempt_goes_on_whatever_is_said_of {
    use super::*;
    later!(goes_on);
}
