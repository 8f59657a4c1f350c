//! While a persistent connection is up.

use super::changes::{Change, USUAL};
use super::{EVENT, Host, Library, Server};

fn is_made_anew(change: &Change) {
    let (server, host) = (Server::start(), Host::new());
    let mut configuration = change.before("persistent", server.address());
    let library = Library::load(&host, &configuration);
    let mut connection = server.attempt().upgrade();
    assert_eq!(connection.summary(), "ApplicationRegistered app1");
    change.make(&mut configuration, server.address());
    library.reload();
    assert_eq!(connection.wait_for_close(), 1000);
    drop(connection);
    let attempt = server.attempt();
    assert!(attempt.head.contains(change.sees), "{}", attempt.head);
}

fn stays(change: &Change) {
    let (server, host) = (Server::start(), Host::new());
    let mut configuration = change.before("persistent", server.address());
    let library = Library::load(&host, &configuration);
    let mut connection = server.accept();
    assert_eq!(connection.summary(), "ApplicationRegistered app1");
    change.make(&mut configuration, server.address());
    library.reload();
    library.event("app1", EVENT);
    assert_eq!(connection.summary(), "Event app1");
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
