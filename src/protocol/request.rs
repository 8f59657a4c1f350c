//! Requests of applications: `RESTRequest` messages, and what the library answers by itself.

use std::borrow::Cow;
use std::sync::Arc;

use super::json;
use super::response::{Response, compact_body, reason_phrase};
use super::scan::Raw;

/// A method that Asterisk knows; they are compared with case (recorded).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// GET
    Get,
    /// POST
    Post,
    /// PUT
    Put,
    /// DELETE
    Delete,
    /// HEAD
    Head,
    /// OPTIONS
    Options,
}

impl Method {
    const ALL: [Self; 6] = [Self::Get, Self::Post, Self::Put, Self::Delete, Self::Head, Self::Options];

    /// The method's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
            Self::Head => "HEAD",
            Self::Options => "OPTIONS",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == name)
    }

    /// Whether a read-only user may use it (recorded; HEAD is none of them).
    fn only_reads(self) -> bool {
        matches!(self, Self::Get | Self::Options)
    }
}

/// A request that can be given to the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `transaction_id`, empty if there is none; a number as it was written.
    pub transaction_id: String,
    /// `request_id`, likewise.
    pub request_id: String,
    /// `method`.
    pub method: Method,
    /// `uri` up to its first `?`, as it was sent. The host has it while the answer, which repeats it, may be on its way.
    pub path: Arc<str>,
    /// Decoded: of the uri's query, then `query_strings`, then a form body. The last of a name counts (recorded).
    pub parameters: Vec<(String, String)>,
    /// `content_type` as it was written, if there is a body.
    pub content_type: Option<String>,
    /// The JSON body: an object or an array. A form body became [`Request::parameters`].
    pub body: Option<String>,
}

/// Reads a message of an application. Where it is no request, the error is the answer to send.
///
/// The order of the checks and every word of the answers are Asterisk's (recorded). Different on purpose: ids may be
/// numbers, integers may be of any size, content types are compared without case and parameters, and control characters are
/// refused where no host expects them.
pub fn parse(text: &str) -> Result<Request, Box<Response<'static>>> {
    let message = Message::read(text).ok_or_else(|| {
        Box::new(Response {
            transaction_id: Cow::Borrowed(""),
            request_id: Cow::Borrowed(""),
            status: 400,
            reason: "Failed to parse request message JSON".into(),
            uri: Cow::Borrowed(""),
            body: None,
        })
    })?;
    match filled(message.kind).as_deref() {
        None => return Err(message.bad_request("", "No 'type' property.")),
        Some("RESTRequest") => {}
        Some(_) => return Err(message.bad_request("", "Unknown request type.")),
    }
    let Some(uri) = filled(message.uri) else {
        return Err(message.bad_request("", "Empty or missing 'uri' property."));
    };
    let (path, query) = uri.split_once('?').unwrap_or((uri.as_ref(), ""));
    let bad_request = |text| message.bad_request(path, text);
    // RFC 3986 section 2 has none, and a host that forwards or logs the path would take them for the end of its line.
    if has_controls(&uri) {
        return Err(bad_request("Control characters in the 'uri' property."));
    }

    let method = message
        .method
        .and_then(Raw::text)
        .and_then(|name| Method::named(&name))
        .ok_or_else(|| bad_request("Unknown or missing 'method' property."))?;
    let mut parameters = Parameters::default();
    parameters
        .add(decoded(query))
        .and_then(|()| parameters.add(message.query_strings()))
        .map_err(bad_request)?;
    let mut request = Request {
        transaction_id: id(message.transaction_id),
        request_id: id(message.request_id),
        method,
        path: path.into(),
        parameters: Vec::new(),
        content_type: None,
        body: None,
    };
    // A body that is no string or is empty counts as none, whatever its content type (recorded).
    if let Some(body) = filled(message.message_body) {
        let content_type = filled(message.content_type).ok_or_else(|| bad_request("No 'content_type' for 'message_body'."))?;
        if has_controls(&content_type) {
            return Err(bad_request("Control characters in the 'content_type' property."));
        } else if is_media_type(&content_type, "application/x-www-form-urlencoded") {
            parameters.add(decoded(&body)).map_err(bad_request)?;
        } else if !is_media_type(&content_type, "application/json") {
            return Err(bad_request("Unknown content type."));
        } else if !json::members(&body, |_, _| ()).is_ok_and(|seen| seen.is_sound) {
            return Err(bad_request("Unable to parse 'message_body' as 'application/json'."));
        } else {
            request.body = Some(body.into_owned());
            request.content_type = Some(content_type.into_owned());
        }
    }
    request.parameters = parameters.0;
    match parameter_fault(&request.parameters) {
        Some(fault) => Err(bad_request(fault)),
        None => Ok(request),
    }
}

/// Parameters of a request, together at most. No resource has more than two dozen; what lies far beyond is not even made, as
/// each costs the host many times the bytes that it has in the message.
const MOST_PARAMETERS: usize = 1_000;

/// The parameters of a request, as they are found.
#[derive(Default)]
struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// More of them, each of which may be a fault; those behind the first fault are not looked at.
    fn add(&mut self, pairs: impl Iterator<Item = Result<(String, String), &'static str>>) -> Result<(), &'static str> {
        for pair in pairs {
            let pair = pair?;
            if self.0.len() == MOST_PARAMETERS {
                return Err("More than 1,000 parameters.");
            }
            self.0.push(pair);
        }
        Ok(())
    }
}

/// The answer to a message that the system has no memory to read.
pub fn refused_memory(text: &str) -> Response<'static> {
    let response = short_answer(text, 503);
    response.with_message("The system refused the memory for this request")
}

/// What is sent in place of an answer that the system has no memory to send.
pub fn lost_answer(text: &str) -> Response<'static> {
    short_answer(text, 507).without_memory()
}

/// An answer with the ids of a message, if they are of ordinary length; nothing else of it is copied.
fn short_answer(text: &str, status: u16) -> Response<'static> {
    const LONGEST: usize = 1024;
    let message = Message::read(text).unwrap_or_default();
    let short = |value: Option<Raw<'_>>| id(value.filter(|value| value.get().len() <= LONGEST));
    Response {
        transaction_id: short(message.transaction_id).into(),
        request_id: short(message.request_id).into(),
        status,
        reason: reason_phrase(status).into(),
        uri: Cow::Borrowed(""),
        body: None,
    }
}

/// What no host expects of parameters, decoded as they are. A value may be a text of several lines.
fn parameter_fault(parameters: &[(String, String)]) -> Option<&'static str> {
    parameters.iter().find_map(|(name, value)| {
        if has_controls(name) {
            Some("Control characters in the name of a parameter.")
        } else if value.contains('\0') {
            // A host whose strings end at a NUL would use another value than the application gave.
            Some("NUL in the value of a parameter.")
        } else {
            None
        }
    })
}

impl Request {
    /// The answer, if the host must not see this request: a read-only user may only GET and OPTIONS, on whatever path
    /// (403), and a websocket cannot be opened from a websocket (400). In the recorded order.
    pub fn refusal(&self, read_only: bool) -> Option<Response<'_>> {
        if read_only && !self.method.only_reads() {
            let response = self.answer(403, None, None);
            return Some(response.with_message("Write access denied"));
        }
        if self.method == Method::Get && is_path(&self.path, "events") {
            let response = self.answer(400, Some(BAD_REQUEST), None);
            return Some(response.with_message("Can't upgrade to websocket from a websocket"));
        }
        None
    }

    /// The host's answer to this request. Without a reason it is the usual one of the status; white space between the
    /// tokens of the body is left out. Where the system has no memory for the body, it says so instead.
    pub fn answer<'a>(&'a self, status: u16, reason: Option<&'a str>, body: Option<&'a str>) -> Response<'a> {
        let compact = body.map(compact_body);
        let is_refused = matches!(compact, Some(None));
        let response = Response {
            transaction_id: Cow::Borrowed(&self.transaction_id),
            request_id: Cow::Borrowed(&self.request_id),
            status,
            reason: reason.unwrap_or_else(|| reason_phrase(status)).into(),
            uri: Cow::Borrowed(&self.path),
            body: compact.flatten(),
        };
        if is_refused {
            return response.without_memory();
        }
        response
    }
}

/// Asterisk's reason phrase where the websocket layer itself refuses; its resources say "Bad Request" (recorded).
const BAD_REQUEST: &str = "Bad request";

/// The members that count, each as the last of its name (recorded).
#[derive(Default)]
struct Message<'a> {
    kind: Option<Raw<'a>>,
    transaction_id: Option<Raw<'a>>,
    request_id: Option<Raw<'a>>,
    method: Option<Raw<'a>>,
    uri: Option<Raw<'a>>,
    query_strings: Option<Raw<'a>>,
    content_type: Option<Raw<'a>>,
    message_body: Option<Raw<'a>>,
}

impl<'a> Message<'a> {
    /// `None` for what Asterisk's parser refuses. An array is a message without members (recorded).
    fn read(text: &'a str) -> Option<Self> {
        let mut message = Self::default();
        let seen = json::members(text, |name, value| {
            let member = match name {
                "type" => &mut message.kind,
                "transaction_id" => &mut message.transaction_id,
                "request_id" => &mut message.request_id,
                "method" => &mut message.method,
                "uri" => &mut message.uri,
                "query_strings" => &mut message.query_strings,
                "content_type" => &mut message.content_type,
                "message_body" => &mut message.message_body,
                _ => return,
            };
            *member = Some(value);
        });
        seen.is_ok_and(|seen| seen.is_sound).then_some(message)
    }

    /// A fault where an item has no name or value that is a string; anything but an array counts as empty (recorded). Of too
    /// many the first ones, so that whoever counts them notices.
    fn query_strings(&self) -> impl Iterator<Item = Result<(String, String), &'static str>> {
        let most = MOST_PARAMETERS + 1;
        let items = self.query_strings.and_then(|value| json::elements(value, most));
        items
            .unwrap_or_default()
            .into_iter()
            .map(|item| query_string(item).ok_or("Unable to parse 'query_strings' array."))
    }

    fn bad_request(&self, uri: &str, text: &str) -> Box<Response<'static>> {
        let response = Response {
            transaction_id: id(self.transaction_id).into(),
            request_id: id(self.request_id).into(),
            status: 400,
            reason: BAD_REQUEST.into(),
            uri: uri.to_owned().into(),
            body: None,
        };
        Box::new(response.with_message(text))
    }
}

fn query_string(item: Raw<'_>) -> Option<(String, String)> {
    let (mut name, mut value) = (None, None);
    json::members(item.get(), |member, raw| match member {
        "name" => name = raw.text(),
        "value" => value = raw.text(),
        _ => {}
    })
    .ok()?;
    Some((name?.into_owned(), value?.into_owned()))
}

/// The text of a string that is there and not empty.
fn filled(value: Option<Raw<'_>>) -> Option<Cow<'_, str>> {
    value.and_then(Raw::text).filter(|text| !text.is_empty())
}

fn has_controls(text: &str) -> bool {
    // Most have ASCII only, which is looked at as a whole.
    let (is_ascii, has_controls) = text.bytes().fold((true, false), |(is_ascii, has_controls), byte| {
        (is_ascii & byte.is_ascii(), has_controls | byte.is_ascii_control())
    });
    has_controls || !is_ascii && text.chars().any(char::is_control)
}

/// Strings as they are and numbers as they were written; everything else is no id (recorded; Asterisk loses numbers).
fn id(value: Option<Raw<'_>>) -> String {
    let text = value.and_then(|value| value.text().or(value.number().map(Cow::Borrowed)));
    text.unwrap_or_default().into_owned()
}

/// The pairs of a query or form: plus signs and percent escapes are decoded, bad escapes stay (recorded).
fn decoded(query: &str) -> impl Iterator<Item = Result<(String, String), &'static str>> {
    form_urlencoded::parse(query.as_bytes()).into_owned().map(Ok)
}

/// Compares without case and parameters (RFC 9110 section 8.3.1).
fn is_media_type(content_type: &str, expected: &str) -> bool {
    let (media_type, _) = content_type.split_once(';').unwrap_or((content_type, ""));
    media_type.trim().eq_ignore_ascii_case(expected)
}

/// Whether a path of one segment means `name`. Hosts decode segments as queries, and end them at a NUL, before they
/// compare (recorded).
fn is_path(path: &str, name: &str) -> bool {
    let (separators, encoded) = (['&', '='], ['%', '+', '\0']);
    if !path.contains(encoded) {
        return path == name;
    }
    !path.contains(separators)
        && form_urlencoded::parse(path.as_bytes())
            .next()
            .is_some_and(|(segment, _)| segment.split('\0').next() == Some(name))
}
