//! Which recorded connection one of the library's stands for.

use super::{Peer, State};
use crate::normal::keyless;
use crate::story::{Item, Link};

impl State {
    /// Finds the recorded connection that a new one stands for: the first on its port that asked for the same. One that has
    /// not asked yet may stand for one that never did.
    pub(super) fn bind(&mut self, index: usize, links: &[Link], head: Option<&str>) {
        let port = self.peers[index].port;
        let fits = |link: &&Link| {
            link.port == port && link.made.is_some() && link.request.is_some() == head.is_some()
        };
        let free: Vec<usize> = (0..links.len())
            .filter(|link| self.peer(*link).is_none() && fits(&&links[*link]))
            .collect();
        let asked = |link: &&usize| {
            let request = links[**link]
                .request
                .as_deref()
                .map(keyless)
                .unwrap_or_default();
            identity(&request) == identity(&keyless(head.unwrap_or_default()))
        };
        let found = free.iter().find(asked).or(free.first());
        self.peers[index].link = found.copied();
    }

    /// Connections that are made at the same time are told apart by the application of their first event.
    pub(super) fn recognize(
        &mut self,
        index: usize,
        links: &[Link],
        application: Option<String>,
        begun: bool,
    ) {
        let fits = |link: usize| links[link].application() == application;
        if application.is_none() || self.peers[index].link.is_some_and(fits) {
            return;
        }
        let port = self.peers[index].port;
        let silent = |peer: &Peer| !peer.items.iter().any(|item| matches!(item, Item::Event(_)));
        let other = (0..links.len()).find(|link| {
            fits(*link)
                && (begun || links[*link].port == port)
                && self.peer(*link).is_none_or(silent)
        });
        if let Some(other) = other {
            let mine = self.peers[index].link;
            if let Some(peer) = self.peers.iter_mut().find(|peer| peer.link == Some(other)) {
                peer.link = mine;
            }
            self.peers[index].link = Some(other);
        }
    }
}

/// What of a request tells connections apart; the port differs between recording and replay.
fn identity(request: &str) -> Vec<&str> {
    request
        .lines()
        .filter(|line| !line.starts_with("Host: "))
        .collect()
}
