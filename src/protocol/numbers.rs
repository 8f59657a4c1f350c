//! What is added for applications that keep count: the number of an event, and what they missed.

use std::fmt::Write;

use super::json::{self, Shape};
use super::object::Object;
use super::scan::Raw;

/// The member of an event that has its number.
pub(super) const NUMBER: &str = "ariws_sequence";
/// What a number takes at most, with its name: nothing is allocated for it where an event has that much room.
pub const NUMBER_ROOM: usize = 40;

/// Adds its number to an event that has other members.
pub fn push_number(event: &mut String, number: u64) {
    event.pop();
    // Nothing fails that writes into a string.
    let _ = write!(event, ",\"{NUMBER}\":{number}}}");
}

/// Adds members to an object that has others.
pub fn push_members(object: &mut String, members: &str) {
    if members.is_empty() || object.pop() != Some('}') {
        return;
    }
    for part in [",", members, "}"] {
        object.push_str(part);
    }
}

/// An event without a number of somebody else's; nothing if the system refuses the memory for it.
pub fn without_number(event: &str) -> Option<String> {
    let mut rest = Object::with_capacity(event.len());
    // Inspected before, so it is an object.
    let _ = json::members(event, |name, value| {
        if name != NUMBER {
            rest.raw(name, value.get());
        }
    });
    rest.end()
}

/// Which numbers belong together: added to the ApplicationRegistered of an application whose events have them.
pub fn push_sequence_id(notice: &mut String, id: &str) {
    push_members(notice, &format!("\"ariws_sequence_id\":\"{id}\""));
}

/// What happened while there was no connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outage {
    /// For how long there was none, in milliseconds.
    pub down_ms: u64,
    /// Events that wait and follow.
    pub events_queued: u64,
    /// Events that were dropped.
    pub events_dropped: u64,
    /// Events that had been sent without proof of arrival.
    pub events_unconfirmed: u64,
}

/// `ApplicationResumed`, without what only the host knows.
pub fn resumed(application: &str, timestamp: &str, asterisk_id: &str, outage: &Outage) -> String {
    let mut event = Object::with_capacity(256);
    event
        .text("type", "ApplicationResumed")
        .text("timestamp", timestamp)
        .text("application", application)
        .text("asterisk_id", asterisk_id)
        .number("down_ms", outage.down_ms)
        .number("events_queued", outage.events_queued)
        .number("events_dropped", outage.events_dropped)
        .number("events_unconfirmed", outage.events_unconfirmed);
    event.end_short()
}

/// What is in an application, as members of its ApplicationResumed: `channel_ids`, `bridge_ids` and `endpoint_ids` of what
/// `GET /applications/{app}` answers. Those that are no arrays are left away.
pub fn inside(snapshot: &str) -> String {
    const NAMES: [(&str, &str); 3] = [
        ("channel_ids", "channels"),
        ("bridge_ids", "bridges"),
        ("endpoint_ids", "endpoints"),
    ];
    let mut found: [Option<Raw<'_>>; 3] = [None; 3];
    let seen = json::members(snapshot, |name, value| {
        let place = NAMES.iter().position(|(its, _)| *its == name);
        if let Some(place) = place.filter(|_| value.get().starts_with('[')) {
            found[place] = Some(value);
        }
    });
    if !seen.is_ok_and(|seen| seen.shape == Shape::Object) {
        return String::new();
    }
    let members = NAMES.iter().zip(found);
    let members: Vec<_> = members
        .filter_map(|((_, name), value)| Some(format!("\"{name}\":{}", value?.get())))
        .collect();
    members.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_stands_behind_all_else() {
        let mut event = String::from(r#"{"type":"Dial","x":{}}"#);
        push_number(&mut event, u64::MAX);
        assert_eq!(event, r#"{"type":"Dial","x":{},"ariws_sequence":18446744073709551615}"#);
    }

    #[test]
    fn a_number_has_room() {
        let mut event = String::from("{\"a\":1}");
        let before = event.len();
        push_number(&mut event, u64::MAX);
        assert!(event.len() - before <= NUMBER_ROOM);
    }

    #[test]
    fn a_number_of_somebody_elses_is_removed_however_it_is_spelled() {
        let event = r#"{"ariws_sequence":5,"a\"b":1.50, "ariws\u005fsequence":[6], "x":{"ariws_sequence":7}}"#;
        let expected = r#"{"a\"b":1.50,"x":{"ariws_sequence":7}}"#;
        assert_eq!(without_number(event).as_deref(), Some(expected));
    }

    #[test]
    fn what_is_in_an_application_is_taken_as_it_stands() {
        let snapshot = r#"{"name":"a","bridge_ids":[],"channel_ids":["1.1", "1.2"],"endpoint_ids":["PJSIP/a"],"x":[]}"#;
        assert_eq!(
            inside(snapshot),
            r#""channels":["1.1", "1.2"],"bridges":[],"endpoints":["PJSIP/a"]"#
        );
    }

    #[test]
    fn what_a_host_does_not_tell_or_tells_badly_is_left_away() {
        assert_eq!(inside(r#"{"channel_ids":"1.1","bridge_ids":[1]}"#), r#""bridges":[1]"#);
        for bad in ["", "[]", "{", "nonsense", r#"{"channel_ids":[}"#, r#"{"channel_ids":[]} x"#] {
            assert_eq!(inside(bad), "", "{bad}");
        }
    }

    #[test]
    fn resumed_says_what_was_missed() {
        let outage = Outage {
            down_ms: 1,
            events_queued: 2,
            events_dropped: 3,
            events_unconfirmed: 4,
        };
        let mut text = resumed("a", "now", "id", &outage);
        push_members(&mut text, &inside("{}"));
        push_members(&mut text, "\"channels\":[]");
        assert_eq!(
            text,
            concat!(
                r#"{"type":"ApplicationResumed","timestamp":"now","application":"a","asterisk_id":"id","down_ms":1,"#,
                r#""events_queued":2,"events_dropped":3,"events_unconfirmed":4,"channels":[]}"#
            )
        );
    }
}
