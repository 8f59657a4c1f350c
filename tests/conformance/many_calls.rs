//! A case that tells of many calls in words only: they are made up, each like one that was recorded.

use serde::Deserialize;

use super::configured;
use super::rules::{about_channel, made_up};
use super::story::{Act, Channel, Command, Compare, Event, Item, Link, Story, What, type_of};

/// The milliseconds from a call to the next, and how long a call's connection stays after it.
const PACE: f64 = 100.0;
const LINGER: f64 = 3000.0;

/// How many calls there were.
#[derive(Debug, Clone, Deserialize)]
pub struct ManyCalls {
    pub cases: Vec<String>,
    one_by_one: u32,
    at_once: u32,
}

impl ManyCalls {
    /// Puts the calls in the place of what was recorded: each has a connection, StasisStart, StasisEnd and a Close, and nothing
    /// is left of them in the end.
    pub fn retell(&self, story: &mut Story) {
        let Some(connection) = configured::connections(&story.files).pop() else {
            return;
        };
        let Some(app) = connection.apps.first() else {
            return;
        };
        let Some(recorded) = story.links.first().cloned() else {
            return;
        };
        story.links.clear();
        story.statuses.clear();
        let remains = |act: &Act| matches!(act.what, What::Load | What::Listen(_) | What::End);
        story.acts.retain(remains);
        let first = recorded.made.unwrap_or_default();
        for number in 0..self.one_by_one + self.at_once {
            let at = first + PACE * f64::from(number.min(self.one_by_one));
            let channel = Channel {
                id: format!("call{number}"),
                name: format!("Local/per@default-{number:08x};2"),
                app: app.clone(),
            };
            story.call(number, at, &recorded, &channel);
        }
        let end = first + PACE * f64::from(self.one_by_one) + 2.0 * LINGER;
        let sessions = format!(
            "{:<37} {:<15} {:<32} {:<5} {}\n{} {} {} {} {}\n{:<37} {:<15} {:<32} {:<5} {app}\n",
            "Connection ID",
            "Type",
            "RemoteAddr",
            "State",
            "Apps            ",
            "-".repeat(37),
            "-".repeat(15),
            "-".repeat(32),
            "-".repeat(5),
            "-".repeat(16),
            connection.name,
            "per_call_config",
            "N/A",
            "N/A",
        );
        let apps = format!("{:<25}\n{}\n", "Application Name", "=".repeat(25));
        for (line, output) in [
            ("ari show websocket sessions", sessions),
            ("ari show apps", apps),
        ] {
            story.add(
                end,
                What::Command(Command {
                    line: line.to_owned(),
                    output,
                    compare: Compare::Whole,
                }),
            );
        }
        story.sort();
    }
}

impl Story {
    /// A call that begins at a moment.
    fn call(&mut self, number: u32, at: f64, recorded: &Link, channel: &Channel) {
        let application = format!("{}:{}", channel.app, channel.name);
        let registered = made_up("ApplicationRegistered", &application, "");
        let mut items = vec![(at + 0.2, Item::Event(registered))];
        self.add(at, What::Enter(channel.clone()));
        let link = self.links.len();
        for (after, kind) in [(0.3, "StasisStart"), (0.5, "StasisEnd")] {
            let text = about_channel(kind, &application, channel);
            items.push((at + after + 0.1, Item::Event(text.clone())));
            let event = Event {
                link,
                application: application.clone(),
                kind: type_of(&text),
                channel: Some(channel.clone()),
                text,
            };
            self.add(at + after, What::Event(event));
        }
        items.push((at + LINGER, Item::Close(Some(1000))));
        self.links.push(Link {
            number,
            made: Some(at + 0.1),
            items,
            closed: Some(at + LINGER + 0.1),
            ..recorded.clone()
        });
        self.end_stasis(&channel.name, "SUCCESS");
    }
}
