//! Events on their way to an application.

use std::borrow::Cow;

use super::json::{self, Shape};
use super::numbers::NUMBER;
use super::object::Object;
use super::scan::Raw;

/// What is known of an event, and what [`complete`] has to add.
#[derive(Debug, Clone)]
pub struct Inspection<'a> {
    /// The event itself: an object.
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
    channel: Named<'a>,
    replaced: Named<'a>,
}

/// Where the id of a channel stands.
#[derive(Debug, Clone, Copy)]
enum Named<'a> {
    /// There is none.
    Nowhere,
    /// In an object.
    Object(Raw<'a>),
    /// The host has told it.
    Told(&'a str),
}

/// An event of which its host says what is in it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Trusted<'a> {
    /// The event itself.
    pub json: &'a [u8],
    /// `type`, empty if there is none.
    pub kind: &'a str,
    /// `channel.id`.
    pub channel: Option<&'a str>,
    /// `replace_channel.id`.
    pub replaced: Option<&'a str>,
    /// Whether there is an `application`.
    pub has_application: bool,
    /// Whether there is a `timestamp`.
    pub has_timestamp: bool,
    /// Whether there is an `asterisk_id`.
    pub has_asterisk_id: bool,
}

/// Checks that an event is a JSON object in UTF-8, and notes what it has, in one pass: this runs on a thread of the host
/// that has calls to serve.
pub fn inspect(json: &[u8]) -> Result<Inspection<'_>, String> {
    let mut inspection = Inspection::of(json)?;
    let seen = json::members(inspection.text, |name, value| match name {
        "type" => inspection.kind = value.text().unwrap_or_default(),
        "application" => inspection.has_application = true,
        "timestamp" => inspection.has_timestamp = true,
        "asterisk_id" => inspection.has_asterisk_id = true,
        "channel" => inspection.channel = Named::Object(value),
        "replace_channel" => inspection.replaced = Named::Object(value),
        NUMBER => inspection.has_number = true,
        _ => {}
    });
    match seen.map(|seen| seen.shape) {
        Ok(Shape::Object) => Ok(inspection),
        Ok(Shape::Array) => Err("an array, where an object is expected".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Takes the host's word for what an event is. What can be told at once is looked at: it is UTF-8, as a text frame has to be,
/// and there is a brace at both of its ends, so that members can be added.
pub fn trust<'a>(event: &Trusted<'a>) -> Result<Inspection<'a>, String> {
    let inspection = Inspection::of(event.json)?;
    if inspection.text.len() < 2 || !inspection.text.starts_with('{') || !inspection.text.ends_with('}') {
        return Err("it does not stand between braces".to_owned());
    }
    let named = |id: Option<&'a str>| id.map_or(Named::Nowhere, Named::Told);
    Ok(Inspection {
        kind: Cow::Borrowed(event.kind),
        has_application: event.has_application,
        has_timestamp: event.has_timestamp,
        has_asterisk_id: event.has_asterisk_id,
        channel: named(event.channel),
        replaced: named(event.replaced),
        ..inspection
    })
}

impl<'a> Inspection<'a> {
    /// An event of which nothing is known but that it is UTF-8.
    fn of(json: &'a [u8]) -> Result<Self, String> {
        Ok(Self {
            text: simdutf8::compat::from_utf8(json).map_err(|error| error.to_string())?,
            kind: Cow::Borrowed(""),
            has_application: false,
            has_timestamp: false,
            has_asterisk_id: false,
            has_number: false,
            channel: Named::Nowhere,
            replaced: Named::Nowhere,
        })
    }

    /// The same of another spelling of the event.
    pub fn with_text<'b>(&self, text: &'b str) -> Inspection<'b>
    where
        'a: 'b,
    {
        Inspection { text, ..self.clone() }
    }

    /// The channels that it is about.
    pub fn channels(&self) -> Channels {
        Channels {
            id: self.channel.id(),
            replaced: self.replaced.id(),
        }
    }
}

impl Named<'_> {
    fn id(self) -> Option<String> {
        match self {
            Self::Nowhere => None,
            Self::Object(object) => id(object),
            Self::Told(id) => Some(id.to_owned()),
        }
    }
}

/// An inspected event with the members that every event has, where they are missing: `timestamp`, `asterisk_id`,
/// `application`, in Asterisk's order (recorded), and room for so many more bytes. It is written into `memory`, which grows
/// where it is too small; nothing if the system refuses that.
pub fn complete(
    inspection: &Inspection<'_>,
    application: &str,
    timestamp: impl FnOnce() -> String,
    asterisk_id: &str,
    room: usize,
    memory: String,
) -> Option<String> {
    let members = inspection.text.trim().strip_suffix('}')?;
    let members = members.trim_end();
    let missing = !(inspection.has_timestamp && inspection.has_asterisk_id && inspection.has_application);
    let mut event = Object::continued(memory, members, room + if missing { 128 } else { 0 });
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

/// The `id` of an object.
fn id(object: Raw<'_>) -> Option<String> {
    let mut id = None;
    json::members(object.get(), |name, value| {
        if name == "id" {
            id = value.text();
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
        complete_inspected(&inspect(json.as_bytes()).unwrap())
    }

    fn complete_inspected(inspection: &Inspection<'_>) -> String {
        complete(inspection, "app\"1", || "now".to_owned(), "id", 0, String::new()).unwrap()
    }

    fn channels(json: &str) -> Channels {
        inspect(json.as_bytes()).unwrap().channels()
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
    fn of_a_trusted_event_the_hosts_word_counts() {
        let event = Trusted {
            json: br#"{"type":"Dial","timestamp":"t"}"#,
            kind: "StasisStart",
            channel: Some("2"),
            has_asterisk_id: true,
            ..Trusted::default()
        };
        let inspection = trust(&event).unwrap();
        assert_eq!(inspection.kind, "StasisStart");
        let expected = Channels {
            id: Some("2".into()),
            replaced: None,
        };
        assert_eq!(inspection.channels(), expected);
        assert_eq!(
            complete_inspected(&inspection),
            r#"{"type":"Dial","timestamp":"t","timestamp":"now","application":"app\"1"}"#
        );
    }

    #[test]
    fn a_trusted_event_is_utf_8_between_braces() {
        let texts: [&[u8]; 7] = [b"", b"{", b"}", b"[]", b" {}", b"{} ", b"{\"a\":\"\xff\"}"];
        for json in texts {
            let event = Trusted {
                json,
                ..Trusted::default()
            };
            assert!(trust(&event).is_err(), "{}", json.escape_ascii());
        }
        let nonsense = Trusted {
            json: b"{{,}",
            ..Trusted::default()
        };
        assert!(trust(&nonsense).is_ok());
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
