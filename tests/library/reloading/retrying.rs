//! While a persistent connection waits for its next attempt.

use super::changes::{Change, USUAL};
use super::{Configuration, Host, Library, Server};

/// Loads a configuration and lets its first attempt fail; the next one would come in a minute.
fn waiting<'a>(host: &'a Host, server: &Server, configuration: &Configuration) -> Library<'a> {
    let library = Library::load(host, configuration);
    drop(server.attempt());
    library.wait_for_output("ari show outbound-websocket connection1 detail", |page| {
        page.contains("waiting for")
    });
    library
}

fn before(change: &Change, server: &Server) -> Configuration {
    change
        .before("persistent", server.address())
        .replacing("reconnect_interval = 20", "reconnect_interval = 60000")
}

fn is_cut_short(change: &Change) {
    let (server, host) = (Server::start(), Host::new());
    let mut configuration = before(change, &server);
    let library = waiting(&host, &server, &configuration);
    change.make(&mut configuration, server.address());
    library.reload();
    let attempt = server.attempt();
    assert!(attempt.head.contains(change.sees), "{}", attempt.head);
}

fn goes_on(change: &Change) {
    let (server, host) = (Server::start(), Host::new());
    let mut configuration = before(change, &server);
    let library = waiting(&host, &server, &configuration);
    change.make(&mut configuration, server.address());
    library.reload();
    assert!(server.is_quiet());
}

mod the_wait_is_cut_short_by {
    use super::*;
    anew!(is_cut_short);
}

mod the_wait_goes_on_whatever_is_said_of {
    use super::*;
    later!(goes_on);
}
