//! Values and files of the configuration.

use crate::configured::{self, Connection};
use crate::story::{Compare, Item, Link, Story, What, member, type_of};
use crate::terminal;

use super::applications::made_up;

/// With an error in `[general]`, or without that section, Asterisk makes connections and closes them at once, thousands in a
/// second; here such an error harms no connection.
pub fn faulty_general(story: &mut Story) -> bool {
    let in_vain = |link: &Link| {
        let items: Vec<&Item> = link.items.iter().map(|(_, item)| item).collect();
        link.made.is_some() && items == [&Item::Close(Some(1000))]
    };
    if story.links.iter().filter(|link| in_vain(link)).count() < 2 {
        return false;
    }
    let apps: Vec<String> = configured::connections(&story.files)
        .into_iter()
        .flat_map(|connection| connection.apps)
        .collect();
    let calls = story.acts.iter().find_map(|act| match &act.what {
        What::Enter(channel) => Some(format!("{}:{}", channel.app, channel.name)),
        _ => None,
    });
    story.links.retain({
        let mut first = true;
        let mut begun = false;
        move |link| {
            begun |= in_vain(link);
            let cut = begun && link.items.is_empty();
            !cut && (!in_vain(link) || std::mem::take(&mut first))
        }
    });
    if let Some(link) = story.links.iter_mut().find(|link| in_vain(link)) {
        let made = link.made.unwrap_or_default();
        let announced = calls.map_or(apps, |call| vec![call]);
        link.items = announced
            .iter()
            .map(|app| {
                (
                    made + 0.1,
                    Item::Event(made_up("ApplicationRegistered", app, "")),
                )
            })
            .collect();
        link.closed = None;
    }
    true
}

/// A control character reaches no terminal: it is shown as its escape.
pub fn control_characters(story: &mut Story) -> bool {
    let mut changed = false;
    for act in &mut story.acts {
        let What::Command(command) = &mut act.what else {
            continue;
        };
        if !terminal::is_the_librarys(&command.line) || !command.output.contains('\t') {
            continue;
        }
        changed = true;
        let lines = command.output.split_inclusive('\n').map(|line| {
            let escapes = line.matches('\t').count();
            let escaped = line.replace('\t', "\\t");
            // The column keeps its width.
            match escaped
                .rfind("\\t")
                .and_then(|at| escaped[at..].find("  ").map(|blanks| at + blanks))
            {
                Some(blanks) => format!("{}{}", &escaped[..blanks], &escaped[blanks + escapes..]),
                None => escaped,
            }
        });
        command.output = lines.collect();
    }
    changed
}

/// An application that stands in `apps` more than once is one application; Asterisk registers and shows it more than once.
pub fn repeated_applications(story: &mut Story) -> bool {
    let repeats = |connection: &Connection| {
        let mut apps = connection.apps.clone();
        apps.sort_unstable();
        apps.dedup();
        apps.len() != connection.apps.len()
    };
    let mut connections = configured::connections(&story.files);
    for act in &story.acts {
        if let What::Write(_) = &act.what {
            connections.extend(configured::connections(&story.files_at(act.at + 0.01)));
        }
    }
    let repeated: Vec<&Connection> = connections
        .iter()
        .filter(|connection| repeats(connection))
        .collect();
    for connection in &repeated {
        for act in &mut story.acts {
            let What::Command(command) = &mut act.what else {
                continue;
            };
            if command.line == "ari show websocket sessions" {
                let lines = command
                    .output
                    .split_inclusive('\n')
                    .map(|line| once_each(line, &connection.name));
                command.output = lines.collect();
            }
        }
        for link in &mut story.links {
            if link
                .application()
                .is_some_and(|app| connection.apps.contains(&app))
            {
                announce_once(link);
            }
        }
    }
    !repeated.is_empty()
}

/// A row of a connection with each of its applications once.
fn once_each(line: &str, connection: &str) -> String {
    if line.split_whitespace().next() != Some(connection) {
        return line.to_owned();
    }
    let (start, apps) = line.trim_end().rsplit_once(' ').unwrap_or_default();
    let mut apps: Vec<&str> = apps.split(',').collect();
    apps.dedup();
    format!("{start} {}\n", apps.join(","))
}

fn announce_once(link: &mut Link) {
    let named = |item: &Item| match item {
        Item::Event(text) if type_of(text).starts_with("Application") => {
            Some((type_of(text), member(text, "application")))
        }
        _ => None,
    };
    let mut last: Option<(f64, String, Option<String>)> = None;
    link.items.retain(|(at, item)| {
        let Some((kind, app)) = named(item) else {
            return true;
        };
        let again = last.as_ref().is_some_and(|(before, same_kind, same)| {
            at - before < 100.0
                && *same == app
                && (*same_kind == kind || kind == "ApplicationReplaced")
        });
        if !again {
            last = Some((*at, kind, app));
        }
        !again
    });
}

/// Parameters that came to Asterisk after the version that was recorded, and the library's own.
const LATER: [&str; 14] = [
    "proxy_host",
    "proxy_username",
    "proxy_password",
    "enable_tcp_keepalives",
    "tcp_keepalive_time",
    "tcp_keepalive_interval",
    "tcp_keepalive_probes",
    "enable_pingpongs",
    "pingpong_interval",
    "pingpong_probes",
    "write_timeout",
    "header",
    "password_file",
    "max_reconnect_interval",
];

/// The recorded Asterisk refuses a websocket client with a parameter that it does not know; the library knows more of them.
pub fn later_parameters(story: &mut Story) -> bool {
    let later = |connection: &Connection| {
        // A proxy without a port is refused here too.
        let proxy = connection
            .client
            .get("proxy_host")
            .is_none_or(|proxy| proxy.contains(':'));
        proxy
            && LATER
                .iter()
                .any(|parameter| connection.client.contains_key(*parameter))
    };
    let accepted: Vec<String> = configured::connections(&story.files)
        .into_iter()
        .filter(later)
        .map(|connection| connection.name)
        .collect();
    for name in &accepted {
        for act in &mut story.acts {
            let What::Command(command) = &mut act.what else {
                continue;
            };
            let words = terminal::words(&command.line);
            let shown = command.line.starts_with("ari show outbound-websocket ")
                && words.last() == Some(name);
            if shown && command.output.starts_with("Error ") {
                command.output = format!("[{name}] \n");
                command.compare = Compare::FirstLine;
            } else if matches!(
                command.line.as_str(),
                "ari show outbound-websockets" | "ari show websocket sessions" | "ari show apps"
            ) {
                command.compare = Compare::Beginning;
            }
        }
    }
    !accepted.is_empty()
}
