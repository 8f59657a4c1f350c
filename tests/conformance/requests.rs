//! Requests as the host gets them: which of them it must never see, how they are answered, and whether their parameters came
//! through: variables that were set are what Asterisk says they are.

use std::collections::BTreeMap;

use serde_json::Value;

use super::asterisk::Answer;
use super::story::member;
use super::support::host::Request;

/// Whether the websocket layer of Asterisk gave this answer without asking a resource.
pub fn is_the_librarys(answer: &str) -> bool {
    let value: Value = serde_json::from_str(answer).unwrap_or_default();
    let reason = value["reason_phrase"].as_str().unwrap_or_default();
    let body = value["message_body"].as_str().unwrap_or_default();
    match value["status_code"].as_u64() {
        Some(400) => reason == "Bad request" || reason == "Failed to parse request message JSON",
        Some(401) => body.contains("Authentication required"),
        Some(403) => body.contains("Write access denied"),
        _ => false,
    }
}

/// The answer that Asterisk's resource gave.
pub fn answer(recorded: &str) -> Answer {
    let value: Value = serde_json::from_str(recorded).unwrap_or_default();
    Answer {
        status: value["status_code"]
            .as_i64()
            .and_then(|status| i32::try_from(status).ok())
            .unwrap_or(500),
        reason: value["reason_phrase"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
        body: value["message_body"].as_str().map(str::to_owned),
    }
}

/// The answer to a request that Asterisk left without one.
pub fn usual(request: &Request) -> Answer {
    let body = (request.method == "GET").then(|| "{}".to_owned());
    let status = if body.is_some() { 200 } else { 204 };
    let reason = if body.is_some() { "OK" } else { "No Content" };
    Answer {
        status,
        reason: reason.to_owned(),
        body,
    }
}

/// The variables that applications set.
#[derive(Default)]
pub struct Variables {
    set: BTreeMap<(String, String), String>,
    /// Asterisk did something else, so it has other values from now on.
    unknown: bool,
}

impl Variables {
    /// Follows a request, `differs` if what Asterisk has set is another matter from now on: one that sets a variable, or one that asks for one that was set, whose value must be that.
    pub fn follow(&mut self, request: &Request, answer: &Answer, differs: bool) -> Option<String> {
        self.unknown |= differs;
        if self.unknown || !request.path.ends_with("/variable") {
            return None;
        }
        let key = (request.path.clone(), effective(request, "variable")?);
        match (request.method.as_str(), answer.status) {
            ("POST", 204) => {
                self.set
                    .insert(key, effective(request, "value").unwrap_or_default());
                None
            }
            ("GET", 200) => {
                let (set, recorded) = (self.set.get(&key)?, answer.value());
                let recorded = recorded["value"].as_str()?;
                (set != recorded).then(|| {
                    format!(
                        "{} {} was set to {set:?}, for Asterisk it is {recorded:?}",
                        key.0, key.1
                    )
                })
            }
            _ => None,
        }
    }
}

/// The value of a parameter: the last one counts, and the body overrides them all.
fn effective(request: &Request, name: &str) -> Option<String> {
    let body: Value = request
        .body
        .as_deref()
        .and_then(|body| serde_json::from_str(body).ok())
        .unwrap_or_default();
    match body.get(name) {
        Some(Value::String(value)) => Some(value.clone()),
        // Asterisk takes what is no string for empty.
        Some(_) => Some(String::new()),
        None => request
            .parameters
            .iter()
            .rev()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.clone()),
    }
}

/// An object with its members in this order, as Asterisk writes them.
pub fn in_order(object: &Value, names: &[&str]) -> String {
    let members: Vec<String> = names
        .iter()
        .map(|name| format!("\"{name}\":{}", object[*name]))
        .collect();
    format!("{{{}}}", members.join(","))
}

/// The event as a host gives it: compact, and what the library adds at its end is left to it.
pub fn without_trailer(event: &str) -> String {
    let compact = compact(event);
    let (Some(id), Some(application)) =
        (member(event, "asterisk_id"), member(event, "application"))
    else {
        return compact;
    };
    let trailer = format!(
        ",\"asterisk_id\":{},\"application\":{}}}",
        Value::from(id),
        Value::from(application)
    );
    match compact.strip_suffix(&trailer) {
        Some(start) => format!("{start}}}"),
        None => compact,
    }
}

/// JSON without white space between its tokens.
fn compact(json: &str) -> String {
    let (mut quoted, mut escaped) = (false, false);
    json.chars()
        .filter(|character| {
            let outside = !quoted;
            match character {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => quoted = !quoted,
                _ => {}
            }
            !(outside && character.is_ascii_whitespace())
        })
        .collect()
}
