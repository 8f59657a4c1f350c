//! While the TCP connection of a persistent connection is being opened.

use super::changes::{Change, USUAL};
use super::{Host, Library, MuteServer};

fn is_begun_again(change: &Change) {
    let (server, host) = (MuteServer::start(), Host::new());
    let mut configuration = change.before("persistent", server.address());
    let library = Library::load(&host, &configuration);
    let first = server.wait_for_attempts(|attempts| !attempts.is_empty());
    change.make(&mut configuration, server.address());
    library.reload();
    server.wait_for_attempts(|now| !now.is_empty() && now.is_disjoint(&first));
}

fn goes_on(change: &Change) {
    let (server, host) = (MuteServer::start(), Host::new());
    let mut configuration = change.before("persistent", server.address());
    let library = Library::load(&host, &configuration);
    let attempts = server.wait_for_attempts(|attempts| !attempts.is_empty());
    change.make(&mut configuration, server.address());
    library.reload();
    assert!(server.keeps(&attempts));
}

mod an_attempt_is_begun_again_by {
    use super::*;
    anew!(is_begun_again);
}

mod an_attempt_goes_on_whatever_is_said_of {
    use super::*;
    later!(goes_on);
}
