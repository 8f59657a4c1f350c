//! Calls, each with a connection of its own.

use crate::dialplan::channel_of;
use crate::story::{Channel, Event, Item, Link, Story, What, member, type_of};

use super::applications::made_up;

/// What was made up comes this many milliseconds after what it follows from.
const NEXT: f64 = 0.1;

/// In Asterisk a channel that enters an application again, while the connection of its first time is still there, loses the
/// application with that one; here its second time is like the first.
pub fn channels_that_come_back(story: &mut Story) -> bool {
    let replaced = story.links.iter().enumerate().find_map(|(index, link)| {
        link.items.iter().find_map(|(at, item)| {
            let app = application_of(item, "ApplicationReplaced")?;
            app.contains(':').then_some((index, *at, app))
        })
    });
    let Some((first, at, app)) = replaced else {
        return false;
    };
    let later = |link: &Link| {
        link.made.is_some_and(|made| made > at) && link.application().as_ref() == Some(&app)
    };
    let Some(second) = story.links.iter().position(later) else {
        return false;
    };
    story.links[first]
        .items
        .retain(|(_, item)| application_of(item, "ApplicationReplaced").is_none());
    let made = story.links[second].made.unwrap_or(at);
    let registered = Item::Event(made_up("ApplicationRegistered", &app, ""));
    story.links[second].items.push((made + NEXT, registered));
    if let Some((hung_up, channel)) = story.hang_up_after(made, &app) {
        story.end_call(second, hung_up, &app, &channel);
    }
    true
}

/// Asterisk keeps a call's connection for three seconds after StasisEnd, whatever comes; here it is closed as soon as the
/// channel is gone.
pub fn trailing_events(story: &mut Story) -> bool {
    let mut changed = false;
    for index in 0..story.links.len() {
        let link = &mut story.links[index];
        let Some(gone) = link.channel_is_gone() else {
            continue;
        };
        let trails = |at: f64, item: &Item| at > gone && matches!(item, Item::Event(_));
        if !link.items.iter().any(|(at, item)| trails(*at, item)) {
            continue;
        }
        link.items.retain(|(at, item)| !trails(*at, item));
        story.acts.retain(
            |act| !matches!(&act.what, What::Event(event) if event.link == index && act.at > gone),
        );
        changed = true;
    }
    changed
}

impl Story {
    /// Whether a channel enters an application.
    pub fn enters(&self, name: &str) -> bool {
        self.acts
            .iter()
            .any(|act| matches!(&act.what, What::Enter(channel) if channel.name == name))
    }

    /// When the channel of a call's application is hung up after a moment, and which it is.
    fn hang_up_after(&self, from: f64, app: &str) -> Option<(f64, Channel)> {
        let (_, name) = app.split_once(':')?;
        let channel = self.acts.iter().find_map(|act| match &act.what {
            What::Event(event) => event.channel.clone().filter(|channel| channel.name == name),
            _ => None,
        })?;
        let path = format!("channels/{}", channel.id);
        let hung_up = self.acts.iter().find(|act| {
            act.at > from
                && matches!(&act.what, What::Http(http) if http.method == "DELETE" && http.path == path)
        });
        hung_up.map(|act| (act.at, channel))
    }

    /// A call ends at a moment as every call does: with StasisEnd, and its connection with a Close.
    fn end_call(&mut self, link: usize, at: f64, app: &str, channel: &Channel) {
        let text = about_channel("StasisEnd", app, channel);
        let event = Event {
            link,
            application: app.to_owned(),
            kind: type_of(&text),
            channel: Some(channel.clone()),
            text: text.clone(),
        };
        self.add(at, What::Event(event));
        let its = &mut self.links[link];
        its.items.push((at + NEXT, Item::Event(text)));
        its.items.push((at + 2.0 * NEXT, Item::Close(Some(1000))));
        its.closed = Some(at + 3.0 * NEXT);
        for act in self.acts.iter_mut().filter(|act| act.at > at) {
            if let What::Command(command) = &mut act.what
                && command.line.starts_with("ari show ")
            {
                let lines = command.output.split_inclusive('\n');
                command.output = lines.filter(|line| !line.contains(app)).collect();
            }
        }
    }
}

impl Link {
    /// When the channel of a call was destroyed after its StasisEnd.
    fn channel_is_gone(&self) -> Option<f64> {
        let app = self.application()?;
        let (_, name) = app.split_once(':')?;
        let says = |item: &Item, kind: &str| match item {
            Item::Event(text) => {
                type_of(text) == kind
                    && channel_of(text).is_some_and(|channel| channel.name == name)
            }
            _ => false,
        };
        let mut rest = self
            .items
            .iter()
            .skip_while(|(_, item)| !says(item, "StasisEnd"));
        rest.find(|(_, item)| says(item, "ChannelDestroyed"))
            .map(|(at, _)| *at)
    }
}

/// An event about a channel, as Asterisk writes it.
pub fn about_channel(kind: &str, app: &str, channel: &Channel) -> String {
    format!(
        "{{\"type\":\"{kind}\",\"timestamp\":\"2026-11-23T00:00:00.000+0000\",\"channel\":{{\"id\":\"{}\",\"name\":\"{}\"}},\"asterisk_id\":\"02:fc:00:00:00:01\",\"application\":\"{app}\"}}",
        channel.id, channel.name,
    )
}

/// The application of an event, if it is of a kind.
fn application_of(item: &Item, kind: &str) -> Option<String> {
    match item {
        Item::Event(text) if type_of(text) == kind => member(text, "application"),
        _ => None,
    }
}
