//! The variables that applications set through the host: what came of the parameters of their requests.

use std::collections::BTreeMap;

use serde_json::Value;

use super::story::Answer;
use super::support::host::Request;

#[derive(Default)]
pub struct Variables {
    set: BTreeMap<(String, String), String>,
    /// Asterisk did something else, so it has other values from now on.
    unknown: bool,
}

impl Variables {
    /// Follows a request, `differs` if what Asterisk has set is another matter from now on: one that sets a variable, or one
    /// that asks for one that was set, whose value must be that.
    pub fn follow(&mut self, request: &Request, answer: &Answer, differs: bool) -> Option<String> {
        self.unknown |= differs;
        if self.unknown || !request.path.ends_with("/variable") {
            return None;
        }
        let key = (request.path.clone(), effective(request, "variable")?);
        match (request.method.as_str(), answer.status) {
            ("POST", 204) => {
                let value = effective(request, "value").unwrap_or_default();
                self.set.insert(key, value);
                None
            }
            ("GET", 200) => {
                let (set, answered) = (self.set.get(&key)?, parsed(answer.body.as_deref()));
                let recorded = answered["value"].as_str()?;
                let problem = format!("{} {} was set to {set:?}, for Asterisk it is {recorded:?}", key.0, key.1);
                (set != recorded).then_some(problem)
            }
            _ => None,
        }
    }
}

/// The value of a parameter: the last one counts, and the body overrides them all.
fn effective(request: &Request, name: &str) -> Option<String> {
    match parsed(request.body.as_deref()).get(name) {
        Some(Value::String(value)) => Some(value.clone()),
        // Asterisk takes what is no string for empty.
        Some(_) => Some(String::new()),
        None => {
            let mut parameters = request.parameters.iter().rev();
            let found = parameters.find(|(known, _)| known == name);
            found.map(|(_, value)| value.clone())
        }
    }
}

fn parsed(body: Option<&str>) -> Value {
    let value = body.and_then(|body| serde_json::from_str(body).ok());
    value.unwrap_or_default()
}
