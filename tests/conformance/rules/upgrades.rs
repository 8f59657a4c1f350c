//! Upgrades that Asterisk accepts and the library does not, or the other way round: certificates, answers.

use std::path::Path;

use crate::certificates;
use crate::configured::{self, host_of};
use crate::story::{Act, Command, Item, Link, Saying, Story, What};

use super::applications::made_up;

/// The library takes files that are missing, and names that are not the certificate's, for what they are.
pub fn certificates(story: &mut Story) -> bool {
    let Some(tls) = story.tls.clone() else {
        return false;
    };
    story.refuse_each(true, |story, link| {
        let Some(client) = story.client(link) else {
            return false;
        };
        let says = |name: &str| client.get(name).map_or("", String::as_str);
        let is_missing = |name| !says(name).is_empty() && !Path::new(says(name)).exists();
        let named = certificates::names(&tls).contains(&host_of(says("uri")));
        ["ca_list_file", "cert_file", "priv_key_file"]
            .into_iter()
            .any(is_missing)
            || says("verify_server_hostname") != "no" && !named
    })
}

/// The library judges an answer as RFC 6455 section 4.1 says.
pub fn answers(story: &mut Story) -> bool {
    let refused = story.refuse_each(false, |_, link| {
        let answer = Answer::of(link);
        let asked = link.request.as_ref().is_some_and(|text| !text.is_empty());
        let accepts = answer.values("sec-websocket-accept").count();
        asked && (accepts > 1 || !answer.is_offered(link))
    });
    let accepted = story.links.iter().position(|link| {
        let answer = Answer::of(link);
        !link.is_accepted() && answer.has_a_list_of_connection_options(link)
    });
    if let Some(index) = accepted {
        story.accept(index);
    }
    refused || accepted.is_some()
}

/// The fields of an answer, their names in small letters.
struct Answer(Vec<(String, String)>);

impl Answer {
    fn of(link: &Link) -> Self {
        let text: String = link.answers.iter().map(|(_, text)| text.as_str()).collect();
        let head = text.split("\r\n\r\n").next().unwrap_or_default();
        let fields = head.lines().skip(1).filter_map(|line| line.split_once(':'));
        Self(
            fields
                .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
                .collect(),
        )
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        let fields = self.0.iter().filter(move |(its, _)| its == name);
        fields.map(|(_, value)| value.as_str())
    }

    /// Whether the subprotocol, if there is one, was offered.
    fn is_offered(&self, link: &Link) -> bool {
        let request = link.request.as_deref().unwrap_or_default();
        let offered = request
            .lines()
            .filter_map(|line| line.strip_prefix("Sec-WebSocket-Protocol: "));
        let offered: Vec<&str> = offered
            .flat_map(|line| line.split(','))
            .map(str::trim)
            .collect();
        self.values("sec-websocket-protocol")
            .all(|chosen| offered.iter().any(|its| its.eq_ignore_ascii_case(chosen)))
    }

    /// Whether nothing but the other options beside `Upgrade` makes Asterisk refuse it.
    fn has_a_list_of_connection_options(&self, link: &Link) -> bool {
        let options: Vec<&str> = self
            .values("connection")
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .collect();
        let is = |name: &str, wanted: &str| {
            let values: Vec<&str> = self.values(name).collect();
            matches!(values.as_slice(), [value] if value.eq_ignore_ascii_case(wanted))
        };
        let begins = |(_, text): &&(_, String)| text.starts_with("HTTP/1.1 101");
        options.len() > 1
            && options
                .iter()
                .any(|option| option.eq_ignore_ascii_case("upgrade"))
            && link.answers.first().as_ref().is_some_and(begins)
            && is("upgrade", "websocket")
            && is("sec-websocket-accept", "<accept>")
            && self.values("sec-websocket-extensions").next().is_none()
            && self.is_offered(link)
    }
}

impl Story {
    /// The library refuses each connection that Asterisk accepted and of which this is so, before it asks for the upgrade or
    /// when it has the answer. Returns whether there was one.
    fn refuse_each(&mut self, unasked: bool, refuses: impl Fn(&Self, &Link) -> bool) -> bool {
        let refused: Vec<usize> = (0..self.links.len())
            .filter(|index| self.links[*index].is_accepted())
            .filter(|index| refuses(self, &self.links[*index]))
            .collect();
        for index in &refused {
            let link = &mut self.links[*index];
            let made = link.made.unwrap_or_default();
            link.items.clear();
            link.closed = Some(made + 0.1);
            if unasked {
                link.request = None;
            }
            let port = link.port;
            self.acts.retain(
                |act| !matches!(&act.what, What::Say(its, saying) if its == index && !ends(saying)),
            );
            self.show_down(port, made, f64::INFINITY);
        }
        !refused.is_empty()
    }

    /// The library accepts a connection that Asterisk did not, and makes no other one.
    fn accept(&mut self, index: usize) {
        let (port, made) = (self.links[index].port, self.links[index].made);
        for later in (index + 1..self.links.len()).rev() {
            if self.links[later].port == port {
                self.remove_link(later);
            }
        }
        let apps = configured::connections(&self.files)
            .into_iter()
            .find(|connection| connection.leads_to(port))
            .map_or(Vec::new(), |connection| connection.apps);
        let made = made.unwrap_or_default();
        let link = &mut self.links[index];
        link.closed = None;
        link.items = apps
            .iter()
            .map(|app| Item::Event(made_up("ApplicationRegistered", app, "")))
            .map(|item| (made + 0.1, item))
            .collect();
        self.show_state(port, made, f64::INFINITY, true);
    }

    /// From one moment to another lists of sessions show the connection to a port as one that is down.
    pub fn show_down(&mut self, port: u16, from: f64, until: f64) {
        self.show_state(port, from, until, false);
    }

    fn show_state(&mut self, port: u16, from: f64, until: f64, is_up: bool) {
        let up = format!("{:<32} Up   ", format!("127.0.0.1:{port}"));
        let down = format!("{:<32} Down ", "N/A");
        let (old, new) = if is_up { (down, up) } else { (up, down) };
        let during = |act: &&mut Act| act.at > from && act.at < until;
        for act in self.acts.iter_mut().filter(during) {
            if let What::Command(Command { output, .. }) = &mut act.what {
                *output = output.replace(&old, &new);
            }
        }
    }
}

/// Whether the server ends the connection by it, which it may do with any connection.
fn ends(saying: &Saying) -> bool {
    matches!(saying, Saying::Finish | Saying::Reset)
}

impl Link {
    /// Whether Asterisk sent events on it.
    fn is_accepted(&self) -> bool {
        let is_event = |(_, item): &(f64, Item)| matches!(item, Item::Event(_));
        self.made.is_some() && self.items.iter().any(is_event)
    }
}
