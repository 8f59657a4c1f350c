//! What a connection presents to the server: the password, subprotocols, and headers of its own.

use std::collections::HashSet;
use std::env;

use http::HeaderName;

use super::lines::{Flaw, trim};
use super::object::Object;
use super::parameter::About;
use super::problem::quoted;
use super::{CallText, Client, Secret, User};

/// Where the password may come from.
pub(super) const PASSWORDS: [&str; 3] = ["password", "password_file", "password_env"];

/// Headers that the upgrade request has already (RFC 6455 section 4.1), or that would make it
/// a request with a body. With `Expect` a server may answer 100 and wait for that body.
const OURS: [&str; 7] = [
    "host",
    "upgrade",
    "connection",
    "user-agent",
    "content-length",
    "transfer-encoding",
    "expect",
];

/// Reads the password of a user.
pub(super) fn read_user_password(user: &mut User, object: &mut Object<'_>, about: &About) {
    user.password = Secret::new(object.required(about.name));
    object.wire_text(about.name);
}

/// `password`, or what the variable that `password_env` names has. `password_file` is read at each attempt.
pub(super) fn password(client: &mut Client, object: &mut Object<'_>) -> Option<Secret> {
    let given = PASSWORDS.map(|key| !object.text(key).is_empty());
    if given.iter().filter(|given| **given).count() > 1 {
        let message = "give only one of password, password_file and password_env";
        object.error("password", message);
        client.secret_files.password = None;
        return None;
    }
    let [in_text, _, in_environment] = given;
    if in_text {
        return Some(Secret::new(object.wire_text("password")));
    } else if !in_environment {
        return None;
    }
    let checked = variable(object.text("password_env")).and_then(|password| match password.reveal() {
        "" => Err("there is no password in it; add one".to_owned()),
        text if text.contains(char::is_control) => Err("the password has control characters; remove them".to_owned()),
        _ => Ok(password),
    });
    checked.map_err(|message| object.error("password_env", message)).ok()
}

fn variable(name: &str) -> Result<Secret, String> {
    // std::env would panic or find nothing with these.
    if name.contains(['=', '\0']) {
        return Err("write the name of an environment variable".to_owned());
    }
    env::var(name).map(Secret::new).map_err(|error| match error {
        env::VarError::NotPresent => "there is no such environment variable; set it where the host is started".to_owned(),
        env::VarError::NotUnicode(_) => "its value is not UTF-8; mend it".to_owned(),
    })
}

/// `protocols`: tokens between commas, each of them once (RFC 6455 section 4.1).
pub(super) fn read_protocols(client: &mut Client, object: &mut Object<'_>, about: &About) {
    let text = object.wire_text(about.name);
    let mut seen = HashSet::new();
    let fault = text.split(',').map(trim).find_map(|name| {
        if name.is_empty() {
            return Some("a name between commas is missing; remove the comma".to_owned());
        }
        if !name.bytes().all(is_token_byte) {
            let message = "is no name of a subprotocol: it may have letters, digits and any of \
                           !#$%&'*+-.^_`|~; write names with commas between them";
            return Some(format!("{} {message}", quoted(name)));
        }
        (!seen.insert(name)).then(|| format!("{} stands twice; remove one", quoted(name)))
    });
    // Control characters are refused already.
    if let Some(message) = fault.filter(|_| !text.is_empty() && !text.contains(char::is_control)) {
        object.error(about.name, message);
    }
    client.protocols = text.to_owned();
}

/// RFC 9110 section 5.6.2.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Every `header = Name: value`. `authorized`: where the request has an `Authorization` from already.
/// `obstacle` tells why values of a call may not stand in a text.
pub(super) fn headers(
    object: &mut Object<'_>,
    authorized: Option<&str>,
    obstacle: impl Fn(&CallText) -> Option<String>,
) -> Vec<(String, CallText)> {
    let mut headers: Vec<(String, CallText)> = Vec::new();
    for setting in object.all("header") {
        let again = headers.iter().any(|(name, _)| is_authorization(name));
        match check_header(&setting.value) {
            Ok((name, _)) if is_authorization(name) && (again || authorized.is_some()) => {
                let source = authorized.map_or_else(String::new, |source| format!(", from {source}"));
                object.error_of(setting, format!("there is an Authorization already{source}; remove one"));
            }
            Ok((name, value)) => match CallText::parse(value) {
                Ok(value) => {
                    if let Some(message) = obstacle(&value) {
                        object.error_of(setting, message);
                    }
                    headers.push((name.to_owned(), value));
                }
                Err(message) => object.error_of(setting, message),
            },
            Err(message) => object.error_of(setting, message),
        }
        if setting.flaw == Flaw::CutAtNul {
            object.error_of(setting, "control characters are not allowed here; remove them");
        }
    }
    headers
}

/// The name and the value of a header.
pub(super) fn check_header(text: &str) -> Result<(&str, &str), &'static str> {
    let (name, value) = text.split_once(':').ok_or("write header = Name: value")?;
    let (name, value) = (trim(name), trim(value));
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| "a header's name has only letters, digits and hyphens; mend it")?;
    // What http::HeaderValue refuses as well; but it makes a copy, and the value may be a secret.
    if value.bytes().any(|byte| byte != b'\t' && byte.is_ascii_control()) {
        return Err("control characters are not allowed here; remove them");
    }
    let lower = name.to_ascii_lowercase();
    if OURS.contains(&lower.as_str()) || lower.starts_with("sec-websocket-") {
        return Err("this header belongs to the upgrade itself; remove it");
    }
    Ok((name, value))
}

pub(super) fn is_authorization(name: &str) -> bool {
    name.eq_ignore_ascii_case("authorization")
}
