//! While the TCP connection of a persistent connection is being opened.

use ariws_testkit::{MuteServer, Pbx};

use super::changes::{Change, USUAL};

fn is_begun_again(change: &Change) {
    let server = MuteServer::start();
    let mut pbx = Pbx::configured(|_| change.before("persistent", server.address())).load();
    let first = server.wait_for_attempts(|attempts| !attempts.is_empty());
    change.make_at(&mut pbx, server.address());
    server.wait_for_attempts(|now| !now.is_empty() && now.is_disjoint(&first));
}

fn goes_on(change: &Change) {
    let server = MuteServer::start();
    let mut pbx = Pbx::configured(|_| change.before("persistent", server.address())).load();
    let attempts = server.wait_for_attempts(|attempts| !attempts.is_empty());
    change.make_at(&mut pbx, server.address());
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
