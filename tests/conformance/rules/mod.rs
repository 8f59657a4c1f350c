//! Where the library is different on purpose, in general: each rule turns what Asterisk did into what the library is to do
//! instead, wherever a recording has a reason for it. What a rule says stands in the documentation; the table in
//! `tests/reference/differences.json` names the heading.

mod applications;
mod commands;
mod configuration;
mod handshake;
mod per_call;
mod reloads;
mod requests;
mod upgrades;

pub use applications::{lost_events, made_up};
pub use per_call::about_channel;

use super::case::Files;
use super::story::{Link, Request, Story, What};

/// A rule.
pub struct Rule {
    /// Its name in the table.
    pub name: &'static str,
    /// Changes the story; whether there was anything to change.
    pub apply: fn(&mut Story) -> bool,
}

/// Every rule, in the order in which they are applied.
pub const RULES: &[Rule] = &[
    Rule {
        name: "faulty general",
        apply: configuration::faulty_general,
    },
    Rule {
        name: "control characters",
        apply: configuration::control_characters,
    },
    Rule {
        name: "repeated applications",
        apply: configuration::repeated_applications,
    },
    Rule {
        name: "later parameters",
        apply: configuration::later_parameters,
    },
    Rule {
        name: "numeric ids",
        apply: requests::numeric_ids,
    },
    Rule {
        name: "big numbers",
        apply: requests::big_numbers,
    },
    Rule {
        name: "content types",
        apply: requests::content_types,
    },
    Rule {
        name: "controls in requests",
        apply: requests::controls_in_requests,
    },
    Rule {
        name: "password changes",
        apply: requests::password_changes,
    },
    Rule {
        name: "certificates",
        apply: upgrades::certificates,
    },
    Rule {
        name: "answers to the upgrade",
        apply: upgrades::answers,
    },
    Rule {
        name: "silent servers",
        apply: handshake::silent_servers,
    },
    Rule {
        name: "first frames",
        apply: handshake::first_frames,
    },
    Rule {
        name: "broken frames",
        apply: handshake::broken_frames,
    },
    Rule {
        name: "closes",
        apply: handshake::closes,
    },
    Rule {
        name: "frames in pieces",
        apply: handshake::frames_in_pieces,
    },
    Rule {
        name: "stopped reading",
        apply: handshake::stopped_reading,
    },
    Rule {
        name: "unloading",
        apply: handshake::unloading,
    },
    Rule {
        name: "long messages",
        apply: requests::long_messages,
    },
    Rule {
        name: "contexts",
        apply: reloads::contexts,
    },
    Rule {
        name: "registered first",
        apply: reloads::registered_first,
    },
    Rule {
        name: "applications taken over",
        apply: applications::taken_over,
    },
    Rule {
        name: "answers always",
        apply: requests::answers_always,
    },
    Rule {
        name: "usage",
        apply: commands::usage,
    },
    Rule {
        name: "ari show sessions",
        apply: commands::sessions,
    },
    Rule {
        name: "connection type missing",
        apply: commands::connection_type,
    },
    Rule {
        name: "calls shut down",
        apply: commands::calls_shut_down,
    },
    Rule {
        name: "channels back",
        apply: per_call::channels_that_come_back,
    },
    Rule {
        name: "trailing events",
        apply: per_call::trailing_events,
    },
    Rule {
        name: "completion",
        apply: commands::completion,
    },
    Rule {
        name: "starting in vain",
        apply: commands::starting,
    },
    Rule {
        name: "nothing lost",
        apply: lost_events,
    },
];

/// The names of the rules that change this story.
pub fn apply(story: &mut Story) -> Vec<&'static str> {
    RULES
        .iter()
        .filter(|rule| (rule.apply)(story))
        .map(|rule| rule.name)
        .collect()
}

impl Story {
    /// Puts everything in the order of its time.
    pub fn sort(&mut self) {
        for link in &mut self.links {
            link.items.sort_by(|one, other| one.0.total_cmp(&other.0));
        }
        self.acts.sort_by(|one, other| one.at.total_cmp(&other.at));
    }

    /// Every request: the connection, when it was sent, and the request.
    fn requests(&mut self) -> impl Iterator<Item = (usize, f64, &mut Request)> {
        self.acts.iter_mut().filter_map(|act| match &mut act.what {
            What::Say(link, saying) => Some((*link, act.at, saying.request()?)),
            _ => None,
        })
    }

    /// The files at a moment.
    fn files_at(&self, at: f64) -> Files {
        let mut files = self.files.clone();
        for act in self.acts.iter().filter(|act| act.at < at) {
            if let What::Write(changed) = &act.what {
                files.extend(changed.clone());
            }
        }
        files
    }
}

impl Link {
    /// Whether the connection ended before a moment, or at a time of which nobody knows.
    fn ends_before(&self, at: f64) -> bool {
        self.closed.is_some_and(|closed| closed < at)
    }
}
