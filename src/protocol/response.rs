//! Answers to requests: `RESTResponse` messages.

use std::borrow::Cow;

use http::StatusCode;

use super::json;
use super::object::Object;

/// What is kept of an id or a path of the application's in a short answer, in bytes.
const SHORT: usize = 1000;

/// The answer to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response<'a> {
    /// `transaction_id` of the request, empty if it had none.
    pub transaction_id: Cow<'a, str>,
    /// `request_id` of the request, empty if it had none.
    pub request_id: Cow<'a, str>,
    /// `status_code`: of HTTP (RFC 9110 section 15).
    pub status: u16,
    /// `reason_phrase`.
    pub reason: Cow<'a, str>,
    /// `uri`: the path as it was sent, without its query.
    pub uri: Cow<'a, str>,
    /// `message_body`: compact JSON.
    pub body: Option<Cow<'a, str>>,
}

impl Response<'_> {
    /// The message that goes to the application, its members in the order in which Asterisk sends them (recorded).
    /// `application` is the first one of the connection. Nothing if the system refuses the memory for it.
    pub fn to_json(&self, application: &str, timestamp: &str, asterisk_id: &str) -> Option<String> {
        let body = self.body.as_deref();
        // A body is full of quotes, which are escaped.
        let mut message = Object::with_capacity(512 + body.map_or(0, |body| body.len() * 5 / 4));
        message
            .text("type", "RESTResponse")
            .text("transaction_id", &self.transaction_id)
            .text("request_id", &self.request_id)
            .number("status_code", self.status)
            .text("reason_phrase", &self.reason)
            .text("uri", &self.uri);
        if let Some(body) = body {
            message.text("content_type", "application/json").text("message_body", body);
        }
        message
            .text("application", application)
            .text("timestamp", timestamp)
            .text("asterisk_id", asterisk_id);
        message.end()
    }

    /// The same with no more of what the application wrote than anybody needs: for what is sent whatever else waits.
    pub fn shortened(&self) -> Response<'_> {
        let cut = |text| {
            let mut end = str::len(text).min(SHORT);
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            Cow::Borrowed(text.get(..end).unwrap_or_default())
        };
        Response {
            transaction_id: cut(&self.transaction_id),
            request_id: cut(&self.request_id),
            uri: cut(&self.uri),
            ..self.clone()
        }
    }

    /// What is answered in its place if it cannot wait to be sent.
    pub fn without_room(self) -> Self {
        self.instead(
            "The request was run; its answer is lost, as too much waits to be sent (queue_max_bytes, queue_max_total_bytes)",
        )
    }

    /// What is answered in its place if the system has no memory for it.
    pub fn without_memory(self) -> Self {
        self.instead("The request was run; its answer is lost, as the system refused the memory for it")
    }

    fn instead(self, message: &str) -> Self {
        let status = StatusCode::INSUFFICIENT_STORAGE.as_u16();
        Self {
            status,
            reason: reason_phrase(status).into(),
            ..self
        }
        .with_message(message)
    }

    /// What the library answers by itself: Asterisk's `{"message":"..."}` (recorded).
    pub(super) fn with_message(mut self, message: &str) -> Self {
        let mut body = Object::with_capacity(64);
        body.text("message", message);
        self.body = Some(body.end_short().into());
        self
    }
}

/// The usual phrase of a status code (RFC 9110 section 15 and the IANA registry), "Unknown" for one that has none.
pub fn reason_phrase(status: u16) -> &'static str {
    StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("Unknown")
}

/// Checks that what a host gave as the body of an answer is JSON; any value will do (RFC 8259 section 2).
pub fn check_body(body: &str) -> Result<(), String> {
    json::check(body).map_err(|error| error.to_string())
}

/// A host's body as it is sent: Asterisk's are always compact (recorded). Nothing if the system refuses the memory for it.
pub(super) fn compact_body(body: &str) -> Option<Cow<'_, str>> {
    json::compacted(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(body: Option<&str>) -> Response<'_> {
        Response {
            transaction_id: "t".into(),
            request_id: "a\"b\\c/é😀".into(),
            status: 200,
            reason: "OK".into(),
            uri: "channels/h%C3%A9".into(),
            body: body.and_then(compact_body),
        }
    }

    #[test]
    fn keys_come_in_asterisks_order_and_slashes_and_utf8_stay() {
        let expected = concat!(
            r#"{"type":"RESTResponse","transaction_id":"t","request_id":"a\"b\\c/é😀","status_code":200,"#,
            r#""reason_phrase":"OK","uri":"channels/h%C3%A9","content_type":"application/json","#,
            r#""message_body":"{\"ping\":\"pong\",\"x\":1.50}","application":"testapp","#,
            r#""timestamp":"2026-11-23T01:10:07.093+0000","asterisk_id":"02:fc:00:00:00:01"}"#,
        );
        let json = response(Some("{\"ping\" : \"pong\",\n \"x\":1.50}\n")).to_json(
            "testapp",
            "2026-11-23T01:10:07.093+0000",
            "02:fc:00:00:00:01",
        );
        assert_eq!(json.as_deref(), Some(expected));
    }

    #[test]
    fn a_short_answer_keeps_the_beginning_of_what_the_application_wrote() {
        let long = Response {
            uri: "é".repeat(1000).into(),
            ..response(None)
        };
        let short = long.shortened();
        assert_eq!(short.uri, "é".repeat(SHORT / 2));
        assert_eq!(short.request_id, long.request_id);
        assert_eq!(response(None).shortened(), response(None));
    }

    #[test]
    fn without_a_body_there_is_no_content_type() {
        let expected = concat!(
            r#"{"type":"RESTResponse","transaction_id":"t","request_id":"a\"b\\c/é😀","status_code":200,"#,
            r#""reason_phrase":"OK","uri":"channels/h%C3%A9","application":"a","timestamp":"t","asterisk_id":"i"}"#,
        );
        let json = response(None).to_json("a", "t", "i");
        assert_eq!(json.as_deref(), Some(expected));
    }

    #[test]
    fn reason_phrases_are_those_of_http() {
        assert_eq!(reason_phrase(204), "No Content");
        assert_eq!(reason_phrase(422), "Unprocessable Entity");
        assert_eq!(reason_phrase(599), "Unknown");
        assert_eq!(reason_phrase(7), "Unknown");
    }

    #[test]
    fn a_body_may_be_any_json_value() {
        for body in ["[]", " {} ", "null", "\"x\"", "5"] {
            assert_eq!(check_body(body), Ok(()), "{body}");
        }
        for body in ["", " ", "{", "nothing", "{} x"] {
            assert!(check_body(body).is_err(), "{body}");
        }
    }
}
