// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which events were handled: by their numbers (`delivery = at_least_once`), so that those that come again are not handled
//! again, also by a process that takes the place of one that was killed.

use std::collections::{BTreeSet, HashMap};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use serde_json::{Value, json};

use crate::text_at;

/// What is known of each application.
#[derive(Default)]
pub(crate) struct Journal {
    /// A line for each event.
    file: Option<File>,
    known: HashMap<String, Known>,
}

#[derive(Default)]
struct Known {
    /// Which numbers belong together.
    sequence_id: String,
    highest: u64,
    /// Channels that are inside.
    channels: BTreeSet<String>,
}

impl Journal {
    /// Reads what was handled before, and goes on behind it; without a file only this process knows.
    pub(crate) fn open(path: Option<&Path>) -> io::Result<Self> {
        let mut journal = Self::default();
        let Some(path) = path else {
            return Ok(journal);
        };
        let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
        let mut lines = Vec::new();
        file.read_to_end(&mut lines)?;
        // What whoever was killed had not written to its end was not handled.
        let whole = lines.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        file.set_len(whole as u64)?;
        for line in lines[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let event: Value = serde_json::from_slice(line)?;
            journal.registered(&event);
            journal.note(&event);
        }
        journal.file = Some(file);
        Ok(journal)
    }

    /// ApplicationRegistered: numbers with another id begin anew. Gives the channels that are inside.
    pub(crate) fn registered(&mut self, notice: &Value) -> Vec<String> {
        let known = self.known(notice);
        let sequence_id = text_at(notice, "/ariws_sequence_id");
        if known.sequence_id != sequence_id {
            sequence_id.clone_into(&mut known.sequence_id);
            known.highest = 0;
        }
        known.channels.iter().cloned().collect()
    }

    /// Whether an event was handled already.
    pub(crate) fn has(&mut self, event: &Value) -> bool {
        let number = number(event);
        number.is_some_and(|number| number <= self.known(event).highest)
    }

    /// How many events are missing before this one: the PBX had to drop them.
    pub(crate) fn missing_before(&mut self, event: &Value) -> u64 {
        let number = number(event);
        number.map_or(0, |number| (number - 1).saturating_sub(self.known(event).highest))
    }

    /// An event was handled.
    pub(crate) fn handled(&mut self, event: &Value) -> io::Result<()> {
        if number(event).is_none() {
            return Ok(());
        }
        self.note(event);
        let sequence_id = self.known(event).sequence_id.clone();
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        let line = json!({
            "application": event["application"],
            "ariws_sequence_id": sequence_id,
            "ariws_sequence": event["ariws_sequence"],
            "type": event["type"],
            "channel": {"id": event["channel"]["id"]},
        });
        file.write_all(format!("{line}\n").as_bytes())
    }

    fn note(&mut self, event: &Value) {
        let known = self.known(event);
        known.highest = number(event).unwrap_or(known.highest);
        let channel = text_at(event, "/channel/id");
        match text_at(event, "/type") {
            "StasisStart" => {
                known.channels.insert(channel.to_owned());
            }
            "StasisEnd" => {
                known.channels.remove(channel);
            }
            _ => {}
        }
    }

    fn known(&mut self, message: &Value) -> &mut Known {
        let application = text_at(message, "/application");
        self.known.entry(application.to_owned()).or_default()
    }
}

fn number(event: &Value) -> Option<u64> {
    event["ariws_sequence"].as_u64()
}
