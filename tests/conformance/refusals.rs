//! Objects of the configuration that Asterisk accepts and the library refuses: they are in none of its outputs.

use std::collections::BTreeMap;

use ariws::ffi::ARIWS_REPORT_REFUSED;

use super::story::{Command, Story};
use super::support::library::ReportLine;

/// Connections that were refused: the rule that each of them was refused by, and its applications.
#[derive(Debug, Clone, Default)]
pub struct Refusals(BTreeMap<String, (String, Vec<String>)>);

impl Refusals {
    /// What a report refuses with a message that is one of the rules' messages.
    pub fn new(report: &[ReportLine], rules: &[(String, String)], story: &Story) -> Self {
        let rule = |object: &str, file: &str| {
            let theirs = |line: &&ReportLine| {
                let refused = line.kind == ARIWS_REPORT_REFUSED;
                refused && line.object == object && line.file.ends_with(file)
            };
            report.iter().filter(theirs).find_map(|line| {
                let said = |(message, _): &&(String, String)| line.message.contains(message);
                rules.iter().find(said).map(|(_, rule)| rule.clone())
            })
        };
        let refused = story.objects.iter().filter_map(|object| {
            let client = object.client.as_ref();
            let client = client.and_then(|client| rule(client, "websocket_client.conf"));
            let rule = rule(&object.name, "ari.conf").or(client)?;
            Some((object.name.clone(), (rule, object.apps.clone())))
        });
        Self(refused.collect())
    }

    /// The rule by which a connection of this application is refused, or of none if all of them are.
    pub fn rule_of(&self, app: Option<&str>, connections: &[String]) -> Option<&str> {
        let theirs = |(_, apps): &&(String, Vec<String>)| match app {
            Some(app) => apps.iter().any(|its| its == app),
            None => connections.iter().all(|its| self.0.contains_key(its)),
        };
        self.0.values().find(theirs).map(|(rule, _)| rule.as_str())
    }

    /// What Asterisk would print without the refused connections, and the rules that make it so.
    pub fn applied(&self, command: &Command) -> (String, Vec<String>) {
        let (line, output) = (&command.line, &command.output);
        let words: Vec<&str> = command.words.iter().map(String::as_str).collect();
        let refused = |id: &str| self.0.get(id).map(|(rule, _)| rule.clone());
        match words.as_slice() {
            ["ari", "show" | "start", "outbound-websocket", id] => {
                if let Some(rule) = refused(id).filter(|_| !output.starts_with("Error ")) {
                    let none = "Error getting ARI configuration";
                    return (format!("{none}\nCommand '{line}' failed.\n"), vec![rule]);
                }
            }
            ["ari", "shutdown", "websocket", "session", id] => {
                if let Some(rule) = refused(id).filter(|_| output.starts_with("Shutting ")) {
                    let none = format!("Websocket session '{id}' not found");
                    return (format!("{none}\nCommand '{line}' failed.\n"), vec![rule]);
                }
            }
            ["ari", "show", "apps"] => {
                return self.filtered(output, |row, _, apps| apps.iter().any(|app| app == row));
            }
            ["ari", "show", ..] => {
                return self.filtered(output, |row, id, _| row.split_whitespace().next() == Some(id));
            }
            _ => {}
        }
        (output.clone(), Vec::new())
    }

    fn filtered(&self, output: &str, is_theirs: impl Fn(&str, &str, &[String]) -> bool) -> (String, Vec<String>) {
        let (mut left, mut rules) = (String::new(), Vec::new());
        for row in output.split_inclusive('\n') {
            let theirs = |(id, (_, apps)): &(&String, &(String, Vec<String>))| is_theirs(row.trim_end_matches('\n'), id, apps);
            match self.0.iter().find(theirs) {
                Some((_, (rule, _))) => rules.push(rule.clone()),
                None => left.push_str(row),
            }
        }
        (left, rules)
    }
}
