//! Requests over the connection.

use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::HashMap;

use crate::story::{Item, Request, Story, What, member};

/// An answer that has not come after so many milliseconds does not come.
const LATEST_ANSWER: f64 = 500.0;

/// Asterisk loses ids that are numbers; the library gives them back as strings of the same digits.
pub fn numeric_ids(story: &mut Story) -> bool {
    change_answers(story, |request, answer| {
        let mut changed = answer.to_owned();
        for name in ["transaction_id", "request_id"] {
            if let Some(digits) = raw_member(&request.text, name).filter(|raw| is_number(raw)) {
                changed = changed.replace(
                    &format!("\"{name}\":\"\""),
                    &format!("\"{name}\":\"{digits}\""),
                );
            }
        }
        (changed != answer).then_some(changed)
    })
}

/// Asterisk cannot read an integer that does not fit in 64 bits; for the library it is a number like any other.
pub fn big_numbers(story: &mut Story) -> bool {
    change_answers(story, |request, answer| {
        let refused = member(answer, "reason_phrase")? == "Failed to parse request message JSON";
        let big = integers(&request.text).any(|digits| digits.parse::<i64>().is_err());
        let readable = serde_json::from_str::<&RawValue>(&request.text).is_ok();
        (refused && big && readable).then(|| hosts_answer(request, answer))
    })
}

/// Asterisk compares content types byte by byte; the library without regard to case and parameters.
pub fn content_types(story: &mut Story) -> bool {
    change_answers(story, |request, answer| {
        let given = member(&request.text, "content_type")?;
        let plain = given
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        let known =
            ["application/json", "application/x-www-form-urlencoded"].contains(&plain.as_str());
        (known && answer.contains("Unknown content type.")).then(|| hosts_answer(request, answer))
    })
}

/// Asterisk looks for a resource whose name has a control character, and takes a value up to its first NUL; the library refuses
/// both.
pub fn controls_in_requests(story: &mut Story) -> bool {
    change_answers(story, |request, answer| {
        control_fault(&request.text).map(|fault| {
            let [transaction, id, echo, application, time, asterisk] = [
                "transaction_id",
                "request_id",
                "uri",
                "application",
                "timestamp",
                "asterisk_id",
            ]
            .map(|name| raw_member(answer, name).unwrap_or_default());
            let body = format!(r#"{{\"message\":\"{fault}\"}}"#);
            format!(
                r#"{{"type":"RESTResponse","transaction_id":{transaction},"request_id":{id},"status_code":400,"reason_phrase":"Bad request","uri":{echo},"content_type":"application/json","message_body":"{body}","application":{application},"timestamp":{time},"asterisk_id":{asterisk}}}"#
            )
        })
    })
}

fn control_fault(text: &str) -> Option<&'static str> {
    let uri = member(text, "uri")?;
    let (_, query) = uri.split_once('?').unwrap_or((&uri, ""));
    let form = member(text, "content_type").is_some_and(|kind| kind.contains("urlencoded"));
    let body = member(text, "message_body").filter(|_| form);
    if uri.contains('\0') {
        // It makes the whole message unreadable for both.
        None
    } else if uri.contains(char::is_control) {
        Some("Control characters in the 'uri' property.")
    } else if query.contains("%00") || body.is_some_and(|body| body.contains("%00")) {
        Some("NUL in the value of a parameter.")
    } else {
        None
    }
}

/// Asterisk answers 401 for ever when the local user's password is not what it was, or has a colon in the user's name; the
/// library uses the user as it is configured.
pub fn password_changes(story: &mut Story) -> bool {
    let moments: Vec<(f64, bool)> = story.requests().map(|(_, at, _)| (at, false)).collect();
    let known: Vec<bool> = moments
        .iter()
        .map(|(at, _)| has_its_users(story, *at))
        .collect();
    let mut known = known.into_iter();
    change_answers(story, move |request, answer| {
        let known = known.next().unwrap_or_default();
        (known && answer.contains("Authentication required")).then(|| hosts_answer(request, answer))
    })
}

/// Whether every local user that is named is there at a moment.
fn has_its_users(story: &Story, at: f64) -> bool {
    let files = story.files_at(at);
    let ari = files.get("ari.conf").cloned().flatten().unwrap_or_default();
    let mut names = ari
        .lines()
        .filter_map(|line| line.split_once("local_ari_user = "))
        .map(|(_, name)| name.trim());
    names.all(|name| ari.lines().any(|line| line.trim() == format!("[{name}]")))
}

/// Asterisk drops a connection on which a frame of more than 65,535 bytes arrives, header included; the library takes messages
/// up to `max_message_size`. What went on on the next connection goes on on this one.
pub fn long_messages(story: &mut Story) -> bool {
    // It cuts longer messages that come in fragments, and cannot read what is left.
    let mut changed = change_answers(story, |request, answer| {
        let cut = (65_532..=1_048_576).contains(&request.text.len())
            && member(answer, "reason_phrase")? == "Failed to parse request message JSON"
            && serde_json::from_str::<&RawValue>(&request.text).is_ok();
        cut.then(|| hosts_answer(request, answer))
    });
    loop {
        let long = story.requests().find_map(|(link, at, request)| {
            let long =
                (65_532..=1_048_576).contains(&request.text.len()) && request.answer.is_none();
            long.then_some((link, at))
        });
        let Some((link, at)) = long else { break };
        changed = true;
        let next = story
            .links
            .iter()
            .position(|next| next.made.is_some_and(|made| made > at));
        story.links[link].closed = None;
        story.links[link]
            .items
            .retain(|(_, item)| !matches!(item, Item::Close(_)));
        if let Some(next) = next {
            story.merge(link, next);
        }
        let answer = story.answer_for(link, at);
        story.links[link]
            .items
            .push((at + 0.1, Item::Answer(answer)));
    }
    changed
}

/// Asterisk's answers pass the application's event filter, and need an application that is still registered; the library's
/// always come.
pub fn answers_always(story: &mut Story) -> bool {
    let unanswered: Vec<(usize, f64)> = story
        .requests()
        .filter(|(_, _, request)| request.answer.is_none())
        .map(|(link, at, _)| (link, at))
        .collect();
    let mut changed = false;
    for (link, at) in unanswered {
        // An answer that came on no connection because that one ended is another matter.
        if story.links[link].ends_before(at + LATEST_ANSWER) {
            continue;
        }
        let answer = story.answer_for(link, at);
        story.links[link]
            .items
            .push((at + 0.1, Item::Answer(answer)));
        changed = true;
    }
    changed
}

impl Story {
    /// Gives the request of this moment the answer that the library or the host is to give, and returns it.
    pub fn answer_for(&mut self, link: usize, at: f64) -> String {
        let application = self.links[link]
            .application()
            .unwrap_or_else(|| self.first_application());
        for (its, when, request) in self.requests() {
            if its == link && when == at {
                let answer = answer(request, &application);
                request.answer = Some(answer.clone());
                request.ours = true;
                return answer;
            }
        }
        String::new()
    }

    fn first_application(&self) -> String {
        let ari = self
            .files
            .get("ari.conf")
            .cloned()
            .flatten()
            .unwrap_or_default();
        let apps = ari
            .lines()
            .find_map(|line| line.strip_prefix("apps = "))
            .unwrap_or_default();
        apps.split(',').next().unwrap_or_default().trim().to_owned()
    }

    /// What happened on a connection happens on an earlier one, which is still there.
    pub fn merge(&mut self, link: usize, next: usize) {
        let removed = self.links.remove(next);
        let items = removed.items.into_iter().filter(|(_, item)| match item {
            Item::Event(text) => member(text, "type").as_deref() != Some("ApplicationRegistered"),
            _ => true,
        });
        self.links[link].items.extend(items);
        self.links[link].closed = removed.closed;
        for act in &mut self.acts {
            let its = match &mut act.what {
                What::Say(its, _) => its,
                What::Event(event) => &mut event.link,
                _ => continue,
            };
            match (*its).cmp(&next) {
                std::cmp::Ordering::Equal => *its = link,
                std::cmp::Ordering::Greater => *its -= 1,
                std::cmp::Ordering::Less => {}
            }
        }
    }
}

/// Changes answers: both what is expected, and what the host says when it is asked.
fn change_answers(
    story: &mut Story,
    mut change: impl FnMut(&Request, &str) -> Option<String>,
) -> bool {
    let mut changes = Vec::new();
    for (link, _, request) in story.requests() {
        let changed = request
            .answer
            .as_deref()
            .and_then(|answer| change(request, answer));
        // Also called without an answer, so that whoever counts requests counts them all.
        if request.answer.is_none() {
            change(request, "");
        }
        if let Some(changed) = changed {
            request.ours = true;
            changes.push((
                link,
                request.answer.replace(changed.clone()).unwrap_or_default(),
                changed,
            ));
        }
    }
    for (link, before, after) in &changes {
        let item = story.links[*link]
            .items
            .iter_mut()
            .find(|(_, item)| matches!(item, Item::Answer(text) if text == before));
        if let Some((_, item)) = item {
            *item = Item::Answer(after.clone());
        }
    }
    !changes.is_empty()
}

/// The answer in the place of Asterisk's: that of the host.
fn hosts_answer(request: &Request, instead_of: &str) -> String {
    answer(
        request,
        &member(instead_of, "application").unwrap_or_default(),
    )
}

/// The answer to a request that nobody refuses, or to a text that is no JSON.
pub fn answer(request: &Request, application: &str) -> String {
    let (status, reason, body) = match request.method.as_str() {
        _ if serde_json::from_str::<&RawValue>(&request.text).is_err() => {
            (400, "Failed to parse request message JSON", None)
        }
        "GET" => (200, "OK", Some("{}")),
        _ => (204, "No Content", None),
    };
    let body = body.map_or(String::new(), |body| {
        format!(
            ",\"content_type\":\"application/json\",\"message_body\":{}",
            Value::from(body)
        )
    });
    format!(
        "{{\"type\":\"RESTResponse\",\"transaction_id\":{},\"request_id\":{},\"status_code\":{status},\"reason_phrase\":\"{reason}\",\"uri\":{}{body},\"application\":{},\"timestamp\":\"2026-11-23T00:00:00.000+0000\",\"asterisk_id\":\"02:fc:00:00:00:01\"}}",
        Value::from(request.transaction_id.as_str()),
        Value::from(request.request_id.as_str()),
        Value::from(request.path.as_str()),
        Value::from(application),
    )
}

/// A member as it was written.
fn raw_member(text: &str, name: &str) -> Option<String> {
    let members: HashMap<String, Box<RawValue>> = serde_json::from_str(text).ok()?;
    Some(members.get(name)?.get().to_owned())
}

fn is_number(raw: &str) -> bool {
    raw.starts_with(|first: char| first == '-' || first.is_ascii_digit())
}

/// The integers of a JSON text, outside of its strings as far as it matters.
fn integers(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !(character.is_ascii_digit() || "+-.eE".contains(character)))
        .filter(|token| is_number(token) && !token.contains(['.', 'e', 'E']))
}
