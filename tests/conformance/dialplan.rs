//! What channels did, as Asterisk's log of the dialplan and the events tell it.

use std::collections::HashMap;

use serde_json::Value;

use super::case::Case;
use super::story::{Act, Channel, Status, Story, What};
use super::timeline::entering;

/// The channel of an event about one. The application is not told by it.
pub fn channel_of(event: &str) -> Option<Channel> {
    let event: Value = serde_json::from_str(event).ok()?;
    let channel = event.get("channel")?;
    Some(Channel {
        id: channel["id"].as_str()?.to_owned(),
        name: channel["name"].as_str()?.to_owned(),
        app: String::new(),
    })
}

/// What STASISSTATUS was each time that a channel came back from an application, as far as the log has it.
pub fn statuses(case: &Case) -> Vec<Status> {
    let mut times: HashMap<String, usize> = HashMap::new();
    let mut statuses = Vec::new();
    for (_, line) in &case.dialplan {
        let Some(step) = Step::read(line) else {
            continue;
        };
        if step.application == "Stasis" {
            *times.entry(step.channel.to_owned()).or_default() += 1;
        } else if let Some(count) = times.get(step.channel)
            && let Some((_, status)) = step.arguments.split_once("STASISSTATUS=")
        {
            let status = status
                .split(|character: char| !character.is_ascii_alphabetic())
                .next()
                .unwrap_or_default();
            statuses.push(Status {
                channel: step.channel.to_owned(),
                time: count - 1,
                status: status.to_owned(),
            });
        }
    }
    statuses
}

/// Adds that channels enter applications: where the dialplan says so, and where an event does that no step of the dialplan
/// explains, as when an application originates a channel.
pub fn add_entries(story: &mut Story, case: &Case) {
    let ids = ids(story, case);
    let mut entries = Vec::new();
    for (at, line) in &case.dialplan {
        let Some(step) = Step::read(line) else {
            continue;
        };
        if step.application == "Stasis" {
            let app = step.arguments.split(',').next().unwrap_or_default();
            let id = ids.get(step.channel).map_or(step.channel, String::as_str);
            let channel = Channel {
                id: id.to_owned(),
                name: step.channel.to_owned(),
                app: app.to_owned(),
            };
            entries.push(Act {
                at: *at,
                what: What::Enter(channel),
            });
        }
    }
    let mut unexplained: Vec<(f64, Channel)> = entries
        .iter()
        .filter_map(|act| Some((act.at, act.channel()?.clone())))
        .collect();
    let mut events: Vec<_> = story.acts.iter().filter_map(|act| act.event()).collect();
    events.sort_by(|one, other| one.0.total_cmp(&other.0));
    for (at, event) in events {
        let Some(channel) = entering(event) else {
            continue;
        };
        let own = event
            .application
            .strip_suffix(&format!(":{}", channel.name));
        let explains = |(entered, known): &(f64, Channel)| {
            *entered <= at
                && known.name == channel.name
                && (known.app == event.application || Some(known.app.as_str()) == own)
        };
        if let Some(index) = unexplained.iter().position(explains) {
            unexplained.remove(index);
            continue;
        }
        let app = own.unwrap_or(&event.application).to_owned();
        // Before the connection that was made for it.
        let made = story.links.iter().filter(|link| {
            own.is_some() && link.application().as_ref() == Some(&event.application)
        });
        let at = made
            .filter_map(|link| link.made)
            .reduce(f64::min)
            .unwrap_or(at)
            - 0.05;
        entries.push(Act {
            at,
            what: What::Enter(Channel {
                app,
                ..channel.clone()
            }),
        });
    }
    story.acts.extend(entries);
}

/// The ids of channels by their names.
fn ids(story: &Story, case: &Case) -> HashMap<String, String> {
    let mut ids = HashMap::new();
    for entry in &case.observed {
        // Originated over HTTP: the answer has one half of the local channel, the request the id of the other.
        let Some((_, query)) = entry
            .request
            .as_deref()
            .and_then(|request| request.split_once('?'))
        else {
            continue;
        };
        let other = query
            .split('&')
            .find_map(|pair| pair.strip_prefix("otherChannelId="));
        let answer: Value = serde_json::from_str(&entry.raw).unwrap_or_default();
        let half = answer["name"]
            .as_str()
            .and_then(|name| name.strip_suffix(";1"));
        if let Some((other, half)) = other.zip(half) {
            ids.insert(format!("{half};2"), other.to_owned());
        }
    }
    for act in &story.acts {
        if let Some(channel) = act.event().and_then(|(_, event)| event.channel.as_ref()) {
            ids.insert(channel.name.clone(), channel.id.clone());
        }
    }
    ids
}

/// A step of the dialplan: `Executing [100@default:2] Stasis("SIP/x-1", "app,argument") in new stack`.
struct Step<'a> {
    application: &'a str,
    channel: &'a str,
    arguments: &'a str,
}

impl<'a> Step<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let (_, call) = line.strip_prefix("Executing [")?.split_once("] ")?;
        let (application, rest) = call.split_once("(\"")?;
        let (channel, rest) = rest.split_once("\", \"")?;
        let (arguments, _) = rest.rsplit_once("\")")?;
        Some(Self {
            application,
            channel,
            arguments,
        })
    }
}

impl Act {
    fn event(&self) -> Option<(f64, &super::story::Event)> {
        match &self.what {
            What::Event(event) => Some((self.at, event)),
            _ => None,
        }
    }

    fn channel(&self) -> Option<&Channel> {
        match &self.what {
            What::Enter(channel) => Some(channel),
            _ => None,
        }
    }
}
