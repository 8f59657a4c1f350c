//! Events on their way to an application.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::json::{self, Shape};
use super::numbers::NUMBER;
use super::object::Object;

/// What an event has, and what [`complete`] has to add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection<'a> {
    /// The event itself: valid JSON, an object.
    pub text: &'a str,
    /// `type`, empty if there is none.
    pub kind: Cow<'a, str>,
    /// Whether there is an `application`.
    pub has_application: bool,
    /// Whether there is a `timestamp`.
    pub has_timestamp: bool,
    /// Whether there is an `asterisk_id`.
    pub has_asterisk_id: bool,
    /// Whether there is an `ariws_sequence`, which is the library's to give.
    pub has_number: bool,
}

/// Checks that an event is a JSON object in UTF-8, and notes what it has, in one pass: this runs on a thread of the host
/// that has calls to serve.
pub fn inspect(json: &[u8]) -> Result<Inspection<'_>, String> {
    let text = std::str::from_utf8(json).map_err(|error| error.to_string())?;
    let mut inspection = Inspection {
        text,
        kind: Cow::Borrowed(""),
        has_application: false,
        has_timestamp: false,
        has_asterisk_id: false,
        has_number: false,
    };
    let shape = json::members(text, |name, value| match name {
        "type" => inspection.kind = json::text(value).unwrap_or_default(),
        "application" => inspection.has_application = true,
        "timestamp" => inspection.has_timestamp = true,
        "asterisk_id" => inspection.has_asterisk_id = true,
        NUMBER => inspection.has_number = true,
        _ => {}
    });
    match shape {
        Ok(Shape::Object) => Ok(inspection),
        Ok(Shape::Array) => Err("an array, where an object is expected".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// An inspected event with the members that every event has, where they are missing: `timestamp`, `asterisk_id`,
/// `application`, in Asterisk's order (recorded), and room for so many more bytes. Nothing if the system refuses the memory for
/// it.
pub fn complete(
    json: &str,
    inspection: &Inspection<'_>,
    application: &str,
    timestamp: impl FnOnce() -> String,
    asterisk_id: &str,
    room: usize,
) -> Option<String> {
    let json = json.trim();
    let members = json.strip_suffix('}')?;
    let members = members.trim_end();
    let missing = !(inspection.has_timestamp && inspection.has_asterisk_id && inspection.has_application);
    let mut event = Object::continued(members, room + if missing { 128 } else { 0 });
    if !inspection.has_timestamp {
        event.text("timestamp", &timestamp());
    }
    if !inspection.has_asterisk_id {
        event.text("asterisk_id", asterisk_id);
    }
    if !inspection.has_application {
        event.text("application", application);
    }
    event.end()
}

/// The channels of an event.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Channels {
    /// `channel.id`.
    pub id: Option<String>,
    /// `replace_channel.id`, which StasisStart has after a transfer.
    pub replaced: Option<String>,
}

/// Which channels an event is about.
pub fn channels(json: &str) -> Channels {
    let mut channels = Channels::default();
    // Inspected before, so it is an object.
    let _ = json::members(json, |name, value| match name {
        "channel" => channels.id = id(value),
        "replace_channel" => channels.replaced = id(value),
        _ => {}
    });
    channels
}

/// The `id` of an object.
fn id(object: &RawValue) -> Option<String> {
    let mut id = None;
    json::members(object.get(), |name, value| {
        if name == "id" {
            id = json::text(value);
        }
    })
    .ok()?;
    id.map(Cow::into_owned)
}

/// `ApplicationRegistered` and its kin, byte for byte as Asterisk sends them (recorded).
pub fn application_event(kind: &str, application: &str, timestamp: &str, asterisk_id: &str) -> String {
    let mut event = Object::with_capacity(160);
    event
        .text("type", kind)
        .text("timestamp", timestamp)
        .text("application", application)
        .text("asterisk_id", asterisk_id);
    event.end_short()
}

/// A message as `pretty = yes` wants it: two blanks per level (recorded). Answers keep their `message_body` as it is. Nothing
/// if the system refuses the memory for it.
pub fn indented(json: &str) -> Option<String> {
    json::indented(json)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn completed(json: &str) -> String {
        let inspection = inspect(json.as_bytes()).unwrap();
        complete(json, &inspection, "app\"1", || "now".to_owned(), "id", 0).unwrap()
    }

    #[test]
    fn an_event_that_has_everything_stays_as_it_is() {
        let json = r#"{"type":"StasisStart","timestamp":"t","args":[],"asterisk_id":"a","application":"b"}"#;
        assert_eq!(completed(json), json);
    }

    #[test]
    fn what_is_missing_is_added_at_the_end() {
        assert_eq!(
            completed(r#"{"type":"Dial","x":1.50}"#),
            r#"{"type":"Dial","x":1.50,"timestamp":"now","asterisk_id":"id","application":"app\"1"}"#
        );
        assert_eq!(
            completed(" { } \n"),
            r#"{"timestamp":"now","asterisk_id":"id","application":"app\"1"}"#
        );
        assert_eq!(
            completed("{\"timestamp\":\"t\"\n}"),
            r#"{"timestamp":"t","asterisk_id":"id","application":"app\"1"}"#
        );
    }

    #[test]
    fn members_of_members_do_not_count() {
        let inspection = inspect(br#"{"x":{"type":"T","timestamp":1}}"#).unwrap();
        assert_eq!(inspection.kind, "");
        assert!(!inspection.has_timestamp);
    }

    #[test]
    fn the_type_is_decoded_and_anything_but_a_string_is_none() {
        assert_eq!(inspect(br#"{"\u0074ype":"Dia\u006c"}"#).unwrap().kind, "Dial");
        assert_eq!(inspect(br#"{"type":["Dial"]}"#).unwrap().kind, "");
    }

    #[test]
    fn what_is_no_object_is_refused() {
        let texts: [&[u8]; 8] = [
            b"",
            b"[]",
            b"5",
            b"{",
            b"{} {}",
            b"{\"a\":tru}",
            b"{\"a\":\"\x01\"}",
            b"{\"a\":\"\xff\"}",
        ];
        for text in texts {
            assert!(inspect(text).is_err(), "{}", text.escape_ascii());
        }
    }

    #[test]
    fn the_channel_of_an_event_is_found() {
        let json = r#"{"type":"StasisEnd","channel":{"name":"n","id":"17\u002e1"},"id":"other"}"#;
        assert_eq!(channels(json).id.as_deref(), Some("17.1"));
        assert_eq!(channels(r#"{"channel":{"name":"n"}}"#).id, None);
        assert_eq!(channels(r#"{"channel":"n"}"#).id, None);
        assert_eq!(channels(r#"{"id":"n"}"#), Channels::default());
    }

    #[test]
    fn the_channel_that_another_replaces_is_found() {
        let json = r#"{"type":"StasisStart","channel":{"id":"2"},"replace_channel":{"id":"1"}}"#;
        let expected = Channels {
            id: Some("2".into()),
            replaced: Some("1".into()),
        };
        assert_eq!(channels(json), expected);
    }

    #[test]
    fn application_events_have_asterisks_bytes() {
        assert_eq!(
            application_event(
                "ApplicationRegistered",
                "testapp",
                "2026-11-23T01:16:06.717+0000",
                "02:fc:00:00:00:01"
            ),
            concat!(
                r#"{"type":"ApplicationRegistered","timestamp":"2026-11-23T01:16:06.717+0000","#,
                r#""application":"testapp","asterisk_id":"02:fc:00:00:00:01"}"#
            )
        );
    }

    #[test]
    fn pretty_output_has_asterisks_bytes() {
        let json = concat!(
            r#"{"type":"StasisStart","args":[],"channel":{"id":"c1","caller":{"name":"a, b: {c}","#,
            r#""number":""},"list":[1,[2.50]]},"message_body":"{\"a\":[1]}"}"#
        );
        let expected = r#"{
  "type": "StasisStart",
  "args": [],
  "channel": {
    "id": "c1",
    "caller": {
      "name": "a, b: {c}",
      "number": ""
    },
    "list": [
      1,
      [
        2.50
      ]
    ]
  },
  "message_body": "{\"a\":[1]}"
}"#;
        assert_eq!(indented(json).as_deref(), Some(expected));
        assert_eq!(indented(expected).as_deref(), Some(expected));
        assert_eq!(indented("{ }").as_deref(), Some("{}"));
    }
}
