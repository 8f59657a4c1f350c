//! Applications that Asterisk loses and the library keeps.

use crate::dialplan::channel_of;
use crate::story::{Act, Event, Item, Link, Saying, Story, What, member, type_of};

/// An application that somebody else took over and left stays unregistered in Asterisk; here it is registered again.
pub fn taken_over(story: &mut Story) -> bool {
    let mut taken: Vec<(String, Vec<String>)> = Vec::new();
    let mut left: Vec<(f64, String)> = Vec::new();
    for act in &story.acts {
        match &act.what {
            What::Inbound { name, apps, .. } => taken.push((name.clone(), apps.clone())),
            What::InboundGone(name) => {
                let apps = taken
                    .iter()
                    .filter(|(taker, _)| taker == name)
                    .flat_map(|(_, apps)| apps);
                left.extend(apps.map(|app| (act.at, app.clone())));
            }
            _ => {}
        }
    }
    let mut changed = false;
    for (at, app) in left {
        // Whoever had it was told when it was replaced.
        if story
            .link_of(&app, at)
            .is_some_and(|link| story.links[link].has("ApplicationReplaced", &app))
        {
            story.gain(&app, at + 0.1);
            changed = true;
        }
    }
    changed
}

/// User events that Asterisk took and lost with a connection arrive.
pub fn lost_events(story: &mut Story) -> bool {
    let mut lost = Vec::new();
    for act in &story.acts {
        let What::Http(http) = &act.what else {
            continue;
        };
        let name = http
            .path
            .strip_prefix("events/user/")
            .filter(|_| http.method == "POST" && http.status == 204);
        let app = http
            .query
            .split('&')
            .find_map(|pair| pair.strip_prefix("application="));
        let Some((name, app)) = name.zip(app) else {
            continue;
        };
        let event = format!("ChannelUserevent {app} {name}");
        let arrives = |at: f64| {
            let items = story.links.iter().flat_map(|link| &link.items);
            items
                .filter(|(when, item)| *when >= at && item.summary() == event)
                .count()
                > 0
        };
        if !story.elsewhere.contains(name) && !story.is_filtered(act.at) && !arrives(act.at) {
            lost.push((
                act.at,
                app.to_owned(),
                made_up("ChannelUserevent", app, name),
            ));
        }
    }
    let mut changed = false;
    for (at, app, text) in lost {
        // What waits for a connection that is shut down goes with it.
        let shut_down = |act: &Act| matches!(&act.what, What::Command(command) if act.at > at && command.line.starts_with("ari shutdown "));
        let waits = story
            .link_of(&app, at)
            .is_none_or(|link| story.links[link].made.is_some_and(|made| made > at));
        if !(waits && story.acts.iter().any(shut_down)) {
            changed |= story.arrive(&app, at, text);
        }
    }
    changed
}

impl Story {
    /// Whether the application wants no user events at a moment: the last filter that it asked for keeps them away.
    fn is_filtered(&self, at: f64) -> bool {
        let mut requests = self.acts.iter().filter_map(|act| match &act.what {
            What::Say(_, Saying::Request(_, request)) if act.at < at => Some(request),
            _ => None,
        });
        requests
            .rfind(|request| request.path.ends_with("/eventFilter"))
            .is_some_and(|request| {
                request.text.contains("disallowed") && request.text.contains("ChannelUserevent")
            })
    }

    /// From this moment on an application is registered that is not in the recording.
    pub fn gain(&mut self, app: &str, at: f64) {
        let registered = made_up("ApplicationRegistered", app, "");
        if let Some(link) = self.link_of(app, at) {
            self.links[link].items.push((at, Item::Event(registered)));
        }
        self.show(app, at);
        self.deliver(app, at);
    }

    /// Lists of applications have the application from this moment on.
    pub fn show(&mut self, app: &str, at: f64) {
        for act in self.acts.iter_mut().filter(|act| act.at > at) {
            let What::Command(command) = &mut act.what else {
                continue;
            };
            if command.line == "ari show apps" && !command.output.lines().any(|line| line == app) {
                let mut lines: Vec<&str> = command.output.lines().collect();
                let (heading, apps) = lines.split_at_mut(2.min(command.output.lines().count()));
                let mut apps: Vec<&str> = apps.iter().copied().chain([app]).collect();
                apps.sort_unstable();
                command.output = heading
                    .iter()
                    .copied()
                    .chain(apps)
                    .map(|line| format!("{line}\n"))
                    .collect();
            }
        }
    }

    /// User events that Asterisk had no receiver for arrive from this moment on.
    pub fn deliver(&mut self, app: &str, from: f64) {
        let mut events = Vec::new();
        for act in self.acts.iter_mut().filter(|act| act.at > from) {
            if let What::Http(http) = &mut act.what
                && http.status == 404
                && http
                    .query
                    .split('&')
                    .any(|pair| pair.strip_prefix("application=") == Some(app))
                && let Some(name) = http.path.strip_prefix("events/user/")
            {
                http.status = 204;
                events.push((act.at, made_up("ChannelUserevent", app, name)));
            }
        }
        for (at, text) in events {
            self.arrive(app, at, text);
        }
    }

    /// An event arrives that never did, if there is a connection for it.
    pub fn arrive(&mut self, app: &str, at: f64, text: String) -> bool {
        let Some(link) = self.link_of(app, at) else {
            return false;
        };
        let made = self.links[link].made.unwrap_or(at);
        self.links[link]
            .items
            .push((at.max(made + 1.0) + 0.1, Item::Event(text.clone())));
        let event = Event {
            link,
            application: app.to_owned(),
            kind: type_of(&text),
            channel: channel_of(&text),
            text,
        };
        self.add(at + 0.05, What::Event(event));
        true
    }

    /// The connection that an application is served on at a moment, or on which it is served next.
    pub fn link_of(&self, app: &str, at: f64) -> Option<usize> {
        let open = |link: &Link| {
            link.made.is_none_or(|made| made <= at) && link.closed.is_none_or(|closed| closed > at)
        };
        let served = self.links.iter().enumerate().filter(|(_, link)| open(link));
        let since = served.filter_map(|(index, link)| Some((index, link.serves(app, at)?)));
        let latest = since
            .max_by(|one, other| one.1.total_cmp(&other.1))
            .map(|(index, _)| index);
        latest.or_else(|| {
            let later = |link: &Link| {
                link.made.is_some_and(|made| made > at) && link.serves(app, f64::INFINITY).is_some()
            };
            self.links.iter().position(later)
        })
    }
}

impl Link {
    /// Since when an application is served on this connection, if it is at a moment.
    fn serves(&self, app: &str, at: f64) -> Option<f64> {
        let mut since = None;
        for (when, item) in self.items.iter().filter(|(when, _)| *when <= at) {
            let (Item::Event(text) | Item::Answer(text)) = item else {
                continue;
            };
            if member(text, "application").as_deref() == Some(app) {
                since = match type_of(text).as_str() {
                    "ApplicationUnregistered" => None,
                    "ApplicationRegistered" => Some(*when),
                    _ => since.or(Some(*when)),
                };
            }
        }
        since
    }

    /// Whether an event of a kind was sent for an application.
    pub fn has(&self, kind: &str, app: &str) -> bool {
        self.items.iter().any(|(_, item)| match item {
            Item::Event(text) => {
                type_of(text) == kind && member(text, "application").as_deref() == Some(app)
            }
            _ => false,
        })
    }
}

/// An event as Asterisk writes it.
pub fn made_up(kind: &str, app: &str, name: &str) -> String {
    let named = if name.is_empty() {
        return format!(
            "{{\"type\":\"{kind}\",\"timestamp\":\"2026-11-23T00:00:00.000+0000\",\"application\":\"{app}\",\"asterisk_id\":\"02:fc:00:00:00:01\"}}"
        );
    } else {
        format!("\"eventname\":\"{name}\",\"userevent\":{{\"eventname\":\"{name}\"}}")
    };
    format!(
        "{{\"type\":\"{kind}\",\"timestamp\":\"2026-11-23T00:00:00.000+0000\",{named},\"asterisk_id\":\"02:fc:00:00:00:01\",\"application\":\"{app}\"}}"
    )
}
