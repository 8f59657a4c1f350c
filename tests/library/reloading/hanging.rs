//! While the server of a persistent connection is silent in the handshake.

use super::changes::{Change, USUAL};
use super::{Host, Library, Server};

fn is_begun_again(change: &Change) {
    let (server, host) = (Server::start(), Host::new());
    let mut configuration = change.before("persistent", server.address());
    let library = Library::load(&host, &configuration);
    let hanging = server.attempt();
    change.make(&mut configuration, server.address());
    library.reload();
    hanging.wait_for_end();
    let attempt = server.attempt();
    assert!(attempt.head.contains(change.sees), "{}", attempt.head);
}

fn goes_on(change: &Change) {
    let (server, host) = (Server::start(), Host::new());
    let mut configuration = change.before("persistent", server.address());
    let library = Library::load(&host, &configuration);
    let hanging = server.attempt();
    change.make(&mut configuration, server.address());
    library.reload();
    let mut connection = hanging.upgrade();
    assert_eq!(connection.summary(), "ApplicationRegistered app1");
}

mod an_attempt_is_begun_again_by {
    use super::*;
    anew!(is_begun_again);
}

mod an_attempt_goes_on_whatever_is_said_of {
    use super::*;
    later!(goes_on);
}
