//! Reconnecting and reloading.

use crate::configured;
use crate::story::{Compare, Item, Link, Story, What, member, type_of};

/// Within this many milliseconds after a connection was made what is registered on it is announced.
const SOON: f64 = 1000.0;
/// The same for what the first announcement is never later than.
const AT_ONCE: f64 = 100.0;

/// On a reconnect Asterisk sends what had waited and then, sorted, which applications are registered; the library announces
/// the applications first, in configured order.
pub fn registered_first(story: &mut Story) -> bool {
    let mut changed = false;
    for index in 0..story.links.len() {
        let Some(made) = story.links[index].made else {
            continue;
        };
        let order: Vec<String> = configured::connections(&story.files_at(made))
            .into_iter()
            .flat_map(|connection| connection.apps)
            .collect();
        let link = &mut story.links[index];
        let before: Vec<String> = link.items.iter().map(|(_, item)| item.summary()).collect();
        let announced = announced(link, made);
        let mut announcements: Vec<(String, Item)> = Vec::new();
        for (index, app) in announced.iter().rev() {
            let (_, item) = link.items.remove(*index);
            // Those that Asterisk had queued as well are announced once.
            if !announcements.iter().any(|(its, _)| its == app) {
                announcements.push((app.clone(), item));
            }
        }
        announcements.sort_by_key(|(app, _)| order.iter().position(|its| its == app));
        for (position, (_, item)) in announcements.into_iter().enumerate() {
            link.items
                .insert(position, (made + 0.001 * (position + 1) as f64, item));
        }
        link.items.sort_by(|one, other| one.0.total_cmp(&other.0));
        changed |= before
            != link
                .items
                .iter()
                .map(|(_, item)| item.summary())
                .collect::<Vec<_>>();
    }
    changed
}

/// The applications that are announced because the connection was made, not because of a later reload, with their places.
fn announced(link: &Link, made: f64) -> Vec<(usize, String)> {
    let mut announced: Vec<(usize, String)> = Vec::new();
    for (index, (at, item)) in link
        .items
        .iter()
        .enumerate()
        .filter(|(_, (at, _))| *at < made + SOON)
    {
        let Item::Event(text) = item else { continue };
        let app = application(item);
        let known = announced.iter().any(|(_, its)| *its == app);
        match type_of(text).as_str() {
            "ApplicationRegistered" => announced.push((index, app)),
            // From here on something else is going on.
            "ApplicationUnregistered" | "ApplicationReplaced" if known && *at > made + AT_ONCE => {
                break;
            }
            _ => {}
        }
    }
    announced
}

fn application(item: &Item) -> String {
    match item {
        Item::Event(text) => member(text, "application").unwrap_or_default(),
        _ => String::new(),
    }
}

/// Asterisk may lose the context of an application that is registered anew; here it stays.
pub fn contexts(story: &mut Story) -> bool {
    let lists: Vec<(f64, Vec<String>)> = story
        .acts
        .iter()
        .filter_map(|act| match &act.what {
            What::Command(command) if command.line == "ari show apps" => {
                Some((act.at, command.output.lines().map(str::to_owned).collect()))
            }
            _ => None,
        })
        .collect();
    let mut changed = false;
    for act in &mut story.acts {
        let What::Command(command) = &mut act.what else {
            continue;
        };
        let Some(app) = command.line.strip_prefix("dialplan show stasis-") else {
            continue;
        };
        let at_the_time = |(at, _): &&(f64, Vec<String>)| (at - act.at).abs() < SOON;
        let registered = lists
            .iter()
            .rfind(at_the_time)
            .is_some_and(|(_, apps)| apps.iter().any(|its| its == app));
        if registered && !command.output.contains(" Stasis(") {
            command.output = format!("[ Context 'stasis-{app}' ] Stasis({app})\n");
            changed = true;
        }
    }
    changed
}

impl Story {
    /// A change of the configuration has no effect: what the library has refused stays as it was, from one moment to the next,
    /// and it is no change when the files are good again.
    pub fn ignore_change(&mut self, from: f64, to: f64) {
        self.keep_connections(from);
        let outputs: Vec<(f64, String, String)> = self
            .acts
            .iter()
            .filter_map(|act| match &act.what {
                What::Command(command) => {
                    Some((act.at, command.line.clone(), command.output.clone()))
                }
                _ => None,
            })
            .collect();
        let mut apps = Vec::new();
        for act in self.acts.iter_mut().filter(|act| act.at > from) {
            match &mut act.what {
                What::Command(command) if command.compare == Compare::Whole => {
                    let same = |(_, line, _): &&(f64, String, String)| *line == command.line;
                    let before = outputs.iter().filter(same).rfind(|(at, _, _)| *at < from);
                    let after = outputs.iter().filter(same).find(|(at, _, _)| *at > to);
                    if let Some((_, _, output)) = before.or(after) {
                        command.output.clone_from(output);
                    }
                }
                What::Http(http) if http.status == 404 => {
                    apps.extend(
                        http.query
                            .split('&')
                            .find_map(|pair| pair.strip_prefix("application="))
                            .map(str::to_owned),
                    );
                }
                _ => {}
            }
        }
        for app in apps {
            self.deliver(&app, from);
        }
    }

    /// Connections that were made before a moment and closed by Asterisk after it are not closed; what happened on the ones
    /// that followed happens on them.
    fn keep_connections(&mut self, from: f64) {
        for link in 0..self.links.len() {
            let Some(its) = self.links.get(link) else {
                break;
            };
            if its.made.is_some_and(|made| made > from)
                || its.closed.is_none_or(|closed| closed < from)
            {
                continue;
            }
            self.links[link]
                .items
                .retain(|(at, item)| *at < from || !is_about_the_connection(item));
            self.links[link].closed = None;
            while let Some(next) = self
                .links
                .iter()
                .position(|next| next.made.is_some_and(|made| made > from))
            {
                self.links[next]
                    .items
                    .retain(|(_, item)| !is_about_the_connection(item));
                self.links[next].closed = None;
                self.merge(link, next);
            }
        }
    }

    /// An application is registered for a connection, where Asterisk has lost it.
    pub fn register(&mut self, app: &str, number: u32, at: f64) {
        let registered = super::applications::made_up("ApplicationRegistered", app, "");
        if let Some(link) = self.links.iter_mut().find(|link| link.number == number) {
            link.items.push((at, Item::Event(registered)));
        }
        self.show(app, at);
        self.deliver(app, at);
        for act in self.acts.iter_mut().filter(|act| act.at > at) {
            if let What::Command(command) = &mut act.what
                && command.line == format!("dialplan show stasis-{app}")
            {
                command.output = format!("[ Context 'stasis-{app}' ] Stasis({app})\n");
            }
        }
    }

    /// When a step was done whose words begin like this.
    pub fn time_of(&self, words: &str) -> Option<f64> {
        self.steps
            .iter()
            .find(|(_, its)| its.starts_with(words))
            .map(|(at, _)| *at)
    }
}

fn is_about_the_connection(item: &Item) -> bool {
    match item {
        Item::Event(text) => type_of(text).starts_with("Application"),
        Item::Close(_) => true,
        _ => false,
    }
}
