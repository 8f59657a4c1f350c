//! Applications that Asterisk loses and the library keeps.

use crate::dialplan::channel_of;
use crate::story::{Event, Item, Story, What, member, type_of};

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

impl Story {
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
            if let Some(link) = self.link_of(app, at) {
                self.links[link]
                    .items
                    .push((at + 0.1, Item::Event(text.clone())));
                let event = Event {
                    link,
                    application: app.to_owned(),
                    kind: type_of(&text),
                    channel: channel_of(&text),
                    text,
                };
                self.add(at + 0.05, What::Event(event));
            }
        }
    }

    /// The connection that an application is served on at a moment, or on which it is served next.
    pub fn link_of(&self, app: &str, at: f64) -> Option<usize> {
        let serves = |link: &usize| {
            let link = &self.links[*link];
            link.items.iter().any(|(_, item)| match item {
                Item::Event(text) | Item::Answer(text) => {
                    member(text, "application").as_deref() == Some(app)
                }
                _ => false,
            })
        };
        let open = |link: &usize| {
            let link = &self.links[*link];
            link.made.is_none_or(|made| made <= at) && link.closed.is_none_or(|closed| closed > at)
        };
        let mut links = (0..self.links.len()).filter(serves);
        links
            .clone()
            .rfind(open)
            .or_else(|| links.find(|link| self.links[*link].made.is_some_and(|made| made > at)))
    }
}

impl crate::story::Link {
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
