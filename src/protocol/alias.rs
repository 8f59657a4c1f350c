//! The application of a call by the name that it has in the configuration.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::json;

/// What applications are called in parameters and in JSON bodies (`application` where a user event is sent).
const MEMBERS: [&str; 2] = ["app", "application"];
/// The resource whose paths go on with the name of an application.
const RESOURCE: &str = "applications";
/// All but the unreserved characters of RFC 3986 section 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A name that stands for another one.
#[derive(Debug, Clone, Copy)]
pub struct Alias<'a> {
    /// What is written: `voicebot`.
    pub base: &'a str,
    /// What is meant: `voicebot:PJSIP/1172-00000000`.
    pub own: &'a str,
}

impl Alias<'_> {
    /// In parameters of a request.
    pub fn parameters(&self, parameters: &mut [(String, String)]) {
        for (name, value) in parameters {
            if MEMBERS.contains(&name.as_str()) && value == self.base {
                self.own.clone_into(value);
            }
        }
    }

    /// In the path of a request; nothing if that is another one.
    pub fn path(&self, path: &str) -> Option<String> {
        let start = path.len() - path.strip_prefix('/').unwrap_or(path).len() + RESOURCE.len() + 1;
        let (resource, rest) = (path.get(..start)?, path.get(start..)?);
        let end = rest.find('/').unwrap_or(rest.len());
        let (name, rest) = rest.split_at(end);
        // As hosts do: a segment is decoded as a query is.
        let decoded = name.replace('+', " ");
        let is_meant = resource.trim_start_matches('/').strip_suffix('/') == Some(RESOURCE)
            && percent_decode_str(&decoded).decode_utf8().is_ok_and(|name| name == self.base);
        is_meant.then(|| format!("{resource}{}{rest}", utf8_percent_encode(self.own, RESERVED)))
    }

    /// In a JSON body; nothing if that has no such member. Everything else stays as it was written.
    pub fn body(&self, body: &str) -> Option<String> {
        let mut places = Vec::new();
        let visited = json::members(body, |name, value| {
            if MEMBERS.contains(&name) && value.text().is_some_and(|text| text == self.base) {
                let value = value.get();
                // It is a part of the body.
                let start = value.as_ptr().addr() - body.as_ptr().addr();
                places.push(start..start + value.len());
            }
        });
        if visited.is_err() || places.is_empty() {
            return None;
        }
        let own = serde_json::to_string(self.own).ok()?;
        let mut changed = String::with_capacity(body.len() + places.len() * own.len());
        let mut from = 0;
        for place in places {
            changed.push_str(body.get(from..place.start)?);
            changed.push_str(&own);
            from = place.end;
        }
        changed.push_str(body.get(from..)?);
        Some(changed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALIAS: Alias<'_> = Alias {
        base: "bot",
        own: "bot:PJSIP/a\"b-1",
    };

    #[test]
    fn a_parameter_that_names_the_base_means_the_own() {
        let mut parameters = [
            ("app", "bot"),
            ("application", "bot"),
            ("endpoint", "bot"),
            ("app", "other"),
            ("app", "bots"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        ALIAS.parameters(&mut parameters);
        let values: Vec<&str> = parameters.iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!(values, [ALIAS.own, ALIAS.own, "bot", "other", "bots"]);
    }

    #[test]
    fn a_path_below_applications_that_names_the_base_means_the_own() {
        let own = "bot%3APJSIP%2Fa%22b-1";
        for (path, expected) in [
            ("applications/bot/subscription", format!("applications/{own}/subscription")),
            ("/applications/bot", format!("/applications/{own}")),
            ("applications/%62o%74/eventFilter", format!("applications/{own}/eventFilter")),
        ] {
            assert_eq!(ALIAS.path(path), Some(expected), "{path}");
        }
        for path in [
            "applications",
            "applications/",
            "applications/bots",
            "applications/bot:x",
            "channels/bot/subscription",
            "applicationsé/bot",
            "//applications/bot",
            "",
        ] {
            assert_eq!(ALIAS.path(path), None, "{path}");
        }
    }

    #[test]
    fn a_member_of_a_body_that_names_the_base_means_the_own() {
        let own = r#""bot:PJSIP/a\"b-1""#;
        for (body, expected) in [
            (r#"{ "app" : "bot", "n":1.0}"#, format!(r#"{{ "app" : {own}, "n":1.0}}"#)),
            (r#"{"app":"b\u006ft"}"#, format!(r#"{{"app":{own}}}"#)),
            (
                r#"{"app":"bot","x":{"app":"bot"},"app":"bot"}"#,
                format!(r#"{{"app":{own},"x":{{"app":"bot"}},"app":{own}}}"#),
            ),
        ] {
            assert_eq!(ALIAS.body(body), Some(expected), "{body}");
        }
        for body in [
            r#"{"app":"other"}"#,
            r#"{"app":1}"#,
            r#"{"variables":{"app":"bot"}}"#,
            r#"["app","bot"]"#,
            "{",
        ] {
            assert_eq!(ALIAS.body(body), None, "{body}");
        }
    }
}
