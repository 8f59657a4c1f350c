//! Objects of the configuration that Asterisk accepts and the library refuses: they are in none of its outputs.

use std::collections::BTreeMap;

use ariws::ffi::ARIWS_REPORT_REFUSED;

use super::case::Files;
use super::configured;
use super::support::library::ReportLine;
use super::terminal;

/// Connections that were refused, and the rule that each of them was refused by.
#[derive(Debug, Clone, Default)]
pub struct Refusals(BTreeMap<String, Refused>);

#[derive(Debug, Clone)]
struct Refused {
    rule: String,
    apps: Vec<String>,
}

impl Refusals {
    /// What a report refuses with a message that is one of the rules' messages.
    pub fn new(report: &[ReportLine], rules: &[(String, String)], files: &Files) -> Self {
        let refused: Vec<&ReportLine> = report
            .iter()
            .filter(|line| line.kind == ARIWS_REPORT_REFUSED)
            .collect();
        let rule = |object: &str, file: &str| {
            let lines = refused
                .iter()
                .filter(|line| line.object == object && line.file.ends_with(file));
            let by = |line: &&ReportLine| {
                rules
                    .iter()
                    .find(|(message, _)| line.message.contains(message.as_str()))
            };
            lines.filter_map(by).map(|(_, rule)| rule.clone()).next()
        };
        let mut refusals = BTreeMap::new();
        for (name, parameters) in configured::sections(files, "ari.conf") {
            let client = parameters
                .get("websocket_client_id")
                .and_then(|client| rule(client, "websocket_client.conf"));
            if let Some(rule) = rule(&name, "ari.conf").or(client) {
                let apps = parameters.get("apps").map_or("", String::as_str).split(',');
                let apps = apps.map(|app| app.trim().to_owned()).collect();
                refusals.insert(name, Refused { rule, apps });
            }
        }
        Self(refusals)
    }

    /// The rule by which an application is refused.
    pub fn rule_of(&self, app: &str) -> Option<&str> {
        let refused = self
            .0
            .values()
            .find(|refused| refused.apps.iter().any(|its| its == app));
        refused.map(|refused| refused.rule.as_str())
    }

    /// The rule by which every connection of these files is refused, if they all are.
    pub fn rule_of_all(&self, files: &Files) -> Option<&str> {
        let connections = configured::connections(files);
        let all = connections.iter().all(|its| self.0.contains_key(&its.name));
        let refused = self.0.values().next()?;
        all.then_some(refused.rule.as_str())
    }

    /// What Asterisk would print without the refused connections, and the rules that make it so.
    pub fn applied(&self, line: &str, output: &str) -> (String, Vec<String>) {
        let words = terminal::words(line);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut rules = Vec::new();
        let mut without = output.to_owned();
        match words.as_slice() {
            ["ari", "show", "outbound-websocket", id]
            | ["ari", "start", "outbound-websocket", id] => {
                if let Some(refused) = self.0.get(*id)
                    && !output.starts_with("Error ")
                {
                    rules.push(refused.rule.clone());
                    without =
                        format!("Error getting ARI configuration\nCommand '{line}' failed.\n");
                }
            }
            ["ari", "shutdown", "websocket", "session", id] => {
                if let Some(refused) = self.0.get(*id)
                    && output.starts_with("Shutting ")
                {
                    rules.push(refused.rule.clone());
                    without =
                        format!("Websocket session '{id}' not found\nCommand '{line}' failed.\n");
                }
            }
            ["ari", "show", "apps"] => {
                without = self.filtered(output, &mut rules, |refused, _, line| {
                    refused.apps.iter().any(|app| app == line)
                });
            }
            ["ari", "show", ..] => {
                without = self.filtered(output, &mut rules, |_, id, line| {
                    line.split_whitespace().next() == Some(id)
                });
            }
            _ => {}
        }
        (without, rules)
    }

    fn filtered(
        &self,
        output: &str,
        rules: &mut Vec<String>,
        is_theirs: impl Fn(&Refused, &str, &str) -> bool,
    ) -> String {
        let lines = output.split_inclusive('\n').filter(|line| {
            let theirs = self
                .0
                .iter()
                .find(|(id, refused)| is_theirs(refused, id, line.trim_end_matches('\n')));
            rules.extend(theirs.map(|(_, refused)| refused.rule.clone()));
            theirs.is_none()
        });
        lines.collect()
    }
}
