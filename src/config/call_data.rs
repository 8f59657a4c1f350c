//! Texts in which values of a call may stand: who calls, for the `uri` and the headers of a per-call client.
//!
//! `{app}`, `{channel_id}`, `{channel_name}` and `{connection}` are known here, `${...}` is the host's. They are found when the
//! configuration is read, evaluated once a call, and put in their places when an attempt is made.

use std::fmt;
use std::ops::{Deref, Range};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroizing;

use super::values::nearest;
use super::{Client, ConnectionType, Secret, Source};

/// All but the unreserved characters of RFC 3986 section 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What one value may have, in bytes. Servers take 8 KiB of a whole request at most.
const LONGEST: usize = 8 << 10;

/// What every value is where there is no call: in a test of a connection.
const WITHOUT_CALL: &str = "test";

/// A value of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallValue {
    /// `{app}`: the application that the channel enters, as configured.
    App,
    /// `{channel_id}`
    ChannelId,
    /// `{channel_name}`
    ChannelName,
    /// `{connection}`: the connection id.
    Connection,
    /// An expression of the host's, from `$` to its last brace.
    Expression(String),
}

const NAMES: [(&str, CallValue); 4] = [
    ("app", CallValue::App),
    ("channel_id", CallValue::ChannelId),
    ("channel_name", CallValue::ChannelName),
    ("connection", CallValue::Connection),
];

/// As it is written.
impl fmt::Display for CallValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expression(expression) => formatter.write_str(expression),
            value => {
                let name = NAMES.iter().find(|(_, named)| named == value);
                write!(formatter, "{{{}}}", name.map_or("", |(name, _)| name))
            }
        }
    }
}

/// A text with places for values of a call. Its `Debug` prints stars for the rest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallText {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// It may be a part of a token.
    Text(Secret),
    Value(CallValue),
}

impl CallText {
    /// A text without such places.
    pub fn fixed(text: &str) -> Self {
        let mut fixed = Self::default();
        fixed.push_text(text);
        fixed
    }

    /// Finds the places. `{{` is a brace, and so is one that is not followed by a name and the other brace.
    ///
    /// # Errors
    /// There is no such value, or an expression does not end.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut parsed = Self::default();
        // What has been read of the text that goes before the next value.
        let mut before = Zeroizing::new(String::with_capacity(text.len()));
        let mut rest = text;
        while let Some(at) = rest.find('{') {
            let (text, braces) = rest.split_at(at);
            let inside = braces.strip_prefix('{').unwrap_or_default();
            if let Some(after) = inside.strip_prefix('{') {
                before.push_str(text);
                before.push('{');
                rest = after;
                continue;
            }
            let (text, value, after) = if let Some(text) = text.strip_suffix('$') {
                let (expression, after) = expression(rest.get(at - 1..).unwrap_or_default())?;
                (text, CallValue::Expression(expression.to_owned()), after)
            } else if let Some((name, after)) = name(inside) {
                (text, named(name)?, after)
            } else {
                before.push_str(text);
                before.push('{');
                rest = inside;
                continue;
            };
            before.push_str(text);
            parsed.push_text(&before);
            before.clear();
            parsed.parts.push(Part::Value(value));
            rest = after;
        }
        before.push_str(rest);
        parsed.push_text(&before);
        Ok(parsed)
    }

    fn push_text(&mut self, text: &str) {
        if !text.is_empty() {
            // Most have one, and are kept as long as the configuration.
            self.parts.reserve_exact(1);
            self.parts.push(Part::Text(Secret::new(text)));
        }
    }

    /// The text, if no value stands in it.
    pub fn as_fixed(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text.reveal()),
            _ => None,
        }
    }

    /// The values, in order.
    pub fn values(&self) -> impl Iterator<Item = &CallValue> {
        self.parts.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Value(value) => Some(value),
        })
    }

    /// A text with one letter for each value, and the place of each.
    pub(super) fn skeleton(&self) -> (String, Vec<(usize, CallValue)>) {
        let (mut text, mut places) = (String::new(), Vec::new());
        for part in &self.parts {
            match part {
                Part::Text(part) => text.push_str(part.reveal()),
                Part::Value(value) => {
                    places.push((text.len(), value.clone()));
                    text.push('x');
                }
            }
        }
        (text, places)
    }

    /// A part of a skeleton, behind a text of its own.
    pub(super) fn of_skeleton(before: &str, text: &str, places: &[(usize, CallValue)], part: Range<usize>) -> Self {
        let mut parsed = Self::default();
        let mut before = before.to_owned();
        let mut from = part.start;
        for (at, value) in places.iter().filter(|(at, _)| part.contains(at)) {
            before.push_str(text.get(from..*at).unwrap_or_default());
            parsed.push_text(&before);
            before.clear();
            parsed.parts.push(Part::Value(value.clone()));
            from = at + 1;
        }
        before.push_str(text.get(from..part.end).unwrap_or_default());
        parsed.push_text(&before);
        parsed
    }

    /// With the values of a call in their places, percent-encoded, as a part of a URI.
    pub(crate) fn in_uri(&self, call: Option<&CallData>) -> Filled<'_> {
        self.filled(call, |value, text| {
            utf8_percent_encode(value, RESERVED).for_each(|piece| text.push_str(piece));
        })
    }

    /// With the values of a call in their places, as they are.
    pub(crate) fn in_header(&self, call: Option<&CallData>) -> Filled<'_> {
        self.filled(call, |value, text| text.push_str(value))
    }

    fn filled(&self, call: Option<&CallData>, write: impl Fn(&str, &mut String)) -> Filled<'_> {
        if let Some(text) = self.as_fixed() {
            return Filled::Fixed(text);
        }
        let value = |value| call.map_or(WITHOUT_CALL, |call| call.value(value));
        // Three bytes for one of a value, so that the text is never moved, which would leave a copy.
        let longest = self.parts.iter().map(|part| match part {
            Part::Text(text) => text.reveal().len(),
            Part::Value(it) => value(it).len() * 3,
        });
        let mut text = Zeroizing::new(String::with_capacity(longest.sum()));
        for part in &self.parts {
            match part {
                Part::Text(part) => text.push_str(part.reveal()),
                Part::Value(it) => write(value(it), &mut text),
            }
        }
        Filled::Made(text)
    }
}

/// A text with values in their places, if it has any.
pub(crate) enum Filled<'a> {
    Fixed(&'a str),
    Made(Zeroizing<String>),
}

impl Deref for Filled<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Fixed(text) => text,
            Self::Made(text) => text,
        }
    }
}

/// The name before a closing brace, and what follows.
fn name(inside: &str) -> Option<(&str, &str)> {
    let (name, after) = inside.split_once('}')?;
    let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
    (name.starts_with(|first: char| first.is_ascii_alphabetic()) && name.chars().all(is_name)).then_some((name, after))
}

fn named(name: &str) -> Result<CallValue, String> {
    let mut names = NAMES.iter();
    if let Some((_, value)) = names.find(|(known, _)| *known == name) {
        return Ok(value.clone());
    }
    let names = NAMES.map(|(name, _)| name);
    Err(match nearest(name, names) {
        Some(near) => format!("there is no such value; perhaps {{{near}}} is meant, or write {{{{ for a brace"),
        None => format!(
            "there is no such value; write one of {{{}}}, or {{{{ for a brace",
            names.join("}, {")
        ),
    })
}

/// An expression at the beginning of a text, to the brace that ends it, and what follows.
fn expression(text: &str) -> Result<(&str, &str), String> {
    let mut depth = 0_usize;
    for (at, character) in text.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 1 => return Ok(text.split_at(at + 1)),
            '}' => depth = depth.saturating_sub(1),
            character if character.is_control() => {
                return Err("control characters are not allowed here; remove them".to_owned());
            }
            _ => {}
        }
    }
    Err("the } of a ${ is missing; add it, or write ${{ for what is no expression".to_owned())
}

/// The values of one call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallData {
    /// `{app}`
    pub app: String,
    /// `{channel_id}`
    pub channel_id: String,
    /// `{channel_name}`
    pub channel_name: String,
    /// `{connection}`
    pub connection: String,
    /// Each expression with what the host has made of it.
    pub expressions: Vec<(String, Secret)>,
}

impl CallData {
    fn value(&self, value: &CallValue) -> &str {
        match value {
            CallValue::App => &self.app,
            CallValue::ChannelId => &self.channel_id,
            CallValue::ChannelName => &self.channel_name,
            CallValue::Connection => &self.connection,
            CallValue::Expression(expression) => {
                let found = self.expressions.iter().find(|(known, _)| known == expression);
                found.map_or("", |(_, value)| value.reveal())
            }
        }
    }
}

impl Client {
    /// Whether values of the call stand in what a server is told.
    pub fn has_call_data(&self) -> bool {
        self.call_values().next().is_some()
    }

    /// The values of the call that a server is told, each once, as they are written.
    pub fn call_data(&self) -> Vec<String> {
        let mut written: Vec<String> = Vec::new();
        for value in self.call_values().map(ToString::to_string) {
            if !written.contains(&value) {
                written.push(value);
            }
        }
        written
    }

    /// The expressions that the host evaluates for a call, each once.
    pub fn expressions(&self) -> Vec<&str> {
        let mut expressions = Vec::new();
        for value in self.call_values() {
            match value {
                CallValue::Expression(expression) if !expressions.contains(&expression.as_str()) => {
                    expressions.push(expression);
                }
                _ => {}
            }
        }
        expressions
    }

    fn call_values(&self) -> impl Iterator<Item = &CallValue> {
        let headers = self.headers.iter().flat_map(|(_, value)| value.values());
        let uris = self.servers.iter().flat_map(|server| server.path_and_query.values());
        uris.chain(headers)
    }

    /// Checks whether the values of a call may go to the server.
    ///
    /// # Errors
    /// One of them may not, in words without it.
    pub fn check_call_data(&self, call: &CallData) -> Result<(), String> {
        let mut values = self.call_values();
        if let Some(value) = values.find(|value| call.value(value).len() > LONGEST) {
            return Err(format!("{value} has more than {LONGEST} bytes"));
        }
        for (name, header) in &self.headers {
            // It would end the header, and begin another one.
            let mut values = header.values();
            if let Some(value) = values.find(|value| call.value(value).contains(char::is_control)) {
                return Err(format!(
                    "{value} has control characters, which may not stand in the header {name}"
                ));
            }
        }
        let mut uris = self.servers.iter().map(|server| &server.path_and_query);
        let leaves = uris.any(|uri| uri.values().next().is_some() && has_dot_segment(&uri.in_uri(Some(call))));
        if leaves {
            return Err("its values make . or .. of a part of the path, which servers take for another path".to_owned());
        }
        Ok(())
    }
}

/// RFC 3986 section 3.3.
fn has_dot_segment(path_and_query: &str) -> bool {
    let path = path_and_query.split('?').next().unwrap_or_default();
    path.split('/').any(|segment| matches!(segment, "." | ".."))
}

/// Why values of a call may not stand in a text of a client, if any do.
pub(super) fn obstacle(client: &Client, source: &Source<'_>, text: &CallText) -> Option<String> {
    let value = text.values().next()?;
    if !client.knows_its_call() {
        return Some(format!(
            "{value} is a value of a call, which only a client with connection_type = {} has; \
             write {{{{ for a brace that stands for itself",
            ConnectionType::PerCallConfig.as_str(),
        ));
    }
    if client.standby_connections > 0 {
        return Some(format!(
            "{value} is a value of a call, and connections on standby are open before there is one; remove it, or \
             standby_connections"
        ));
    }
    let is_expression = |value: &&CallValue| matches!(value, CallValue::Expression(_));
    let expression = text.values().find(is_expression).filter(|_| !source.expands)?;
    Some(format!(
        "{expression} is an expression, and this host evaluates none; remove it, \
         or write ${{{{ for what is no expression"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call() -> CallData {
        CallData {
            app: "bot".into(),
            channel_id: "1.2".into(),
            channel_name: "SIP/a?b".into(),
            connection: "c".into(),
            expressions: vec![("${CALLERID(num)}".into(), Secret::new("+49 é&#%"))],
        }
    }

    fn parse(text: &str) -> CallText {
        CallText::parse(text).expect(text)
    }

    #[test]
    fn values_stand_in_their_places() {
        let text = parse("/{app}/{channel_id}?name={channel_name}&c={connection}&from=${CALLERID(num)}");
        let expected = "/bot/1.2?name=SIP%2Fa%3Fb&c=c&from=%2B49%20%C3%A9%26%23%25";
        assert_eq!(*text.in_uri(Some(&call())), *expected);
        let expected = "/bot/1.2?name=SIP/a?b&c=c&from=+49 é&#%";
        assert_eq!(*text.in_header(Some(&call())), *expected);
    }

    #[test]
    fn without_a_call_every_value_is_the_same() {
        assert_eq!(*parse("{app} ${X}").in_header(None), *"test test");
    }

    #[test]
    fn a_brace_may_stand_for_itself() {
        for (text, expected) in [
            ("{{app}", "{app}"),
            ("{{{{", "{{"),
            ("{\"a\":1}", "{\"a\":1}"),
            ("{ app }", "{ app }"),
            ("{1}", "{1}"),
            ("}{", "}{"),
            ("${{X}", "${X}"),
            ("$5", "$5"),
            ("", ""),
        ] {
            assert_eq!(parse(text).as_fixed(), Some(expected), "{text}");
        }
    }

    #[test]
    fn braces_in_expressions_nest() {
        let text = parse("a${IF($[${X} = {1}]?${Y}:z)}b${Z}{app}");
        let values: Vec<String> = text.values().map(ToString::to_string).collect();
        assert_eq!(values, ["${IF($[${X} = {1}]?${Y}:z)}", "${Z}", "{app}"]);
    }

    #[test]
    fn an_expression_without_an_end_is_refused() {
        for text in ["${", "a${X", "${X${Y}", "${a\rb}"] {
            assert!(CallText::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_unknown_value_is_refused_with_a_suggestion() {
        let error = |text| CallText::parse(text).expect_err("no such value");
        assert!(error("{chanel_id}").contains("perhaps {channel_id} is meant"));
        assert!(error("{foo}").contains("{app}, {channel_id}, {channel_name}, {connection}"));
    }

    #[test]
    fn debug_output_has_nothing_but_values() {
        let text = format!("{:?} {:?}", parse("hush{app}"), call());
        assert!(!text.contains("hush") && !text.contains("+49"), "{text}");
    }
}
