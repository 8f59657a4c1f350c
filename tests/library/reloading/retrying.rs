//! While a persistent connection waits for its next attempt.

use super::changes::{Change, USUAL};
use ariws_testkit::Pbx;

/// Its first attempt has failed; the next one would come in a minute.
fn waiting(change: &Change) -> Pbx {
    let pbx = change
        .setup("persistent")
        .set("connection1", "reconnect_interval = 60000")
        .load();
    drop(pbx.server.attempt());
    pbx.wait_for_output("ari show outbound-websocket connection1 detail", |page| {
        page.contains("waiting for")
    });
    pbx
}

fn is_cut_short(change: &Change) {
    let mut pbx = waiting(change);
    change.make(&mut pbx);
    let attempt = pbx.server.attempt();
    assert!(attempt.head.contains(change.sees), "{}", attempt.head);
}

fn goes_on(change: &Change) {
    let mut pbx = waiting(change);
    change.make(&mut pbx);
    assert!(pbx.server.is_quiet());
}

mod the_wait_is_cut_short_by {
    use super::*;
    anew!(is_cut_short);
}

mod the_wait_goes_on_whatever_is_said_of {
    use super::*;
    later!(goes_on);
}
