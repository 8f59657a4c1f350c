//! The parameters of one section: each is looked up, checked and, if it is wrong, told with its
//! line. All of them are looked at, so that one reading tells everything that is wrong.

use std::collections::{HashMap, HashSet};

use super::dialect::Setting;
use super::lines::Flaw;
use super::parameter::{About, Form, Value};
use super::problem::{Origin, Problems, Severity};
use super::template::Section;
use super::values::nearest;

/// A row in a table of parameters. `T` is what the section becomes.
pub(super) struct Parameter<T> {
    pub(super) about: About,
    pub(super) place: Place<T>,
}

/// Where the value of a parameter goes.
pub(super) struct Place<T> {
    /// Reads it out of a section.
    pub(super) read: fn(&mut T, &mut Object<'_>, &About),
    /// Whether two states of an object differ in it.
    pub(super) differs: fn(&T, &T) -> bool,
}

impl<T> Place<T> {
    /// Nothing is made of it.
    pub(super) const NONE: Self = Self {
        read: |_, _, _| {},
        differs: |_, _| false,
    };
}

/// A section while its parameters are read.
pub(super) struct Object<'a> {
    pub(super) section: &'a Section,
    /// The last setting of each key: of several, the last one counts.
    settings: HashMap<&'a str, &'a Setting>,
    problems: &'a mut Problems,
    failed: bool,
}

impl<'a> Object<'a> {
    pub(super) fn new(section: &'a Section, problems: &'a mut Problems) -> Self {
        let settings = section.settings.iter();
        Self {
            section,
            settings: settings.map(|setting| (setting.key.as_str(), setting)).collect(),
            problems,
            failed: false,
        }
    }

    /// Whether further errors are only counted.
    pub(super) fn is_full(&self) -> bool {
        self.problems.is_full()
    }

    /// Reads every parameter of a table, in its order.
    pub(super) fn read<T>(&mut self, table: &[Parameter<T>], into: &mut T) {
        for Parameter { about, place } in table {
            (place.read)(into, self, about);
        }
    }

    /// What was read, unless something was wrong.
    pub(super) fn finish<T>(self, value: T) -> Option<T> {
        (!self.failed).then_some(value)
    }

    /// Where a parameter stands; the section if it is missing.
    pub(super) fn origin(&self, key: &str) -> &'a Origin {
        let setting = self.settings.get(key);
        setting.map_or(&self.section.origin, |setting| &setting.origin)
    }

    pub(super) fn error_at(&mut self, origin: &Origin, key: &str, message: impl Into<String>) {
        let problem = origin.error(message).of(&self.section.name, key);
        self.problems.add(problem);
        self.failed = true;
    }

    /// Notes that a parameter is wrong, which the whole object then is.
    pub(super) fn error(&mut self, key: &str, message: impl Into<String>) {
        let origin = self.origin(key);
        self.error_at(origin, key, message);
    }

    /// Notes something that harms nothing.
    pub(super) fn warning(&mut self, key: &str, message: impl Into<String>) {
        let problem = self.origin(key).problem(Severity::Warning, message);
        self.problems.add(problem.of(&self.section.name, key));
    }

    /// Whether a parameter stands there, if only without a value.
    pub(super) fn has(&self, key: &str) -> bool {
        self.settings.contains_key(key)
    }

    /// Whether something was appended to a parameter.
    pub(super) fn is_appended(&self, key: &str) -> bool {
        self.settings.get(key).is_some_and(|found| found.appended)
    }

    /// The text of a parameter; empty if it is missing.
    pub(super) fn text(&self, key: &str) -> &'a str {
        self.settings.get(key).map_or("", |setting| &setting.value)
    }

    /// A text that must not be missing.
    pub(super) fn required(&mut self, key: &str) -> &'a str {
        let text = self.text(key);
        if text.is_empty() {
            let message = match self.has(key) {
                true => "it is empty; give it a value".to_owned(),
                false => format!("it is missing; add {key} = and a value"),
            };
            self.error(key, message);
        }
        text
    }

    /// A text that goes out on the wire, where a control character could pass for something else.
    pub(super) fn wire_text(&mut self, key: &str) -> &'a str {
        let text = self.text(key);
        if text.contains(char::is_control) || self.is_cut(key) {
            self.error(key, "control characters are not allowed here; remove them");
        }
        text
    }

    /// Whether a NUL byte ended a parameter.
    pub(super) fn is_cut(&self, key: &str) -> bool {
        let cut = |setting: &&Setting| setting.flaw == Flaw::CutAtNul;
        self.settings.get(key).is_some_and(cut)
    }

    /// Every value of a parameter that may be repeated.
    pub(super) fn all(&self, key: &'static str) -> impl Iterator<Item = &'a Setting> + use<'a> {
        let settings = self.section.settings.iter();
        settings.filter(move |setting| setting.key == key)
    }

    /// As [`Object::error`], of one of several settings with this key.
    pub(super) fn error_of(&mut self, setting: &Setting, message: impl Into<String>) {
        self.error_at(&setting.origin, &setting.key, message);
    }

    /// The value of a parameter; that of its default if it is missing or wrong.
    pub(super) fn value<V: Value>(&mut self, about: &About) -> V {
        match about.form {
            Form::Required => self.required(about.name),
            Form::Text => self.wire_text(about.name),
            _ => "",
        };
        if self.has(about.name) {
            match V::read(self.text(about.name), &about.form) {
                Some(value) => return value,
                None => self.error(about.name, about.form.fault()),
            }
        }
        V::read(about.default, &about.form).unwrap_or_default()
    }
}

/// The sections of a file by what they are.
pub(super) struct Sorted<'a> {
    /// Those with a known type.
    pub(super) typed: Vec<(&'static str, &'a Section)>,
    /// The names of those without: objects of these names were not deleted.
    pub(super) untyped: HashSet<&'a str>,
}

/// Which file has objects of a type.
const FILES: [(&str, &str); 3] = [
    ("user", "ari.conf"),
    ("outbound_websocket", "ari.conf or ari_outbound.conf"),
    ("websocket_client", "websocket_client.conf or ari_outbound.conf"),
];

/// Sorts sections by their `type`. Of several `type` the first counts, and only in lower case,
/// as with Asterisk; two sections of one type and name make the file unusable.
///
/// `types` tells which a section may have where it stands, and
/// `loaded_before` tells whether there was an object of a type and name.
pub(super) fn sort<'a>(
    sections: impl IntoIterator<Item = &'a Section>,
    types: impl Fn(&Section) -> &'static [&'static str],
    loaded_before: impl Fn(&str, &str) -> bool,
    problems: &mut Problems,
) -> Sorted<'a> {
    let mut found: HashMap<(&'static str, &'a str), &Origin> = HashMap::new();
    let mut typed = Vec::new();
    let mut without = Vec::new();
    for section in sections.into_iter().filter(|section| !section.template) {
        if section.name.is_empty() || section.name.contains(char::is_control) || section.flaw == Flaw::NotUtf8 {
            let message = "the section's name is empty, not UTF-8 or has control characters; \
                           mend it";
            problems.add(section.origin.error(message));
            continue;
        }
        let setting = section.kind();
        let mut settings = section.settings.iter().filter(|one| one.key == "type");
        if let Some(other) = settings.find(|one| setting.is_some_and(|first| first.value != one.value)) {
            let message = "another type stands above, and that one counts; remove one of them";
            problems.add(other.origin.warning(message).of(&section.name, "type"));
        }
        let Some(kind) = setting.and_then(|one| types(section).iter().find(|kind| **kind == one.value)) else {
            without.push((section, setting));
            continue;
        };
        if let Some(other) = found.insert((kind, &section.name), &section.origin) {
            let place = other.seen_from(&section.origin);
            let message = format!("another {kind} has this name ({place}); rename or remove one of them");
            problems.refuse(section.origin.error(message).of(&section.name, ""));
            continue;
        }
        typed.push((*kind, section));
    }
    for (section, setting) in &without {
        let types = types(section);
        let message = match setting {
            None => format!("the type is missing; write type = {}", types.join(" or ")),
            Some(setting) => wrong_type(&setting.value, types),
        };
        let origin = setting.map_or(&section.origin, |setting| &setting.origin);
        let mut problem = origin.error(message).of(&section.name, "type");
        problem.kept = types
            .iter()
            .any(|kind| !found.contains_key(&(*kind, section.name.as_str())) && loaded_before(kind, &section.name));
        problems.add(problem);
    }
    Sorted {
        typed,
        untyped: without.into_iter().map(|(section, _)| section.name.as_str()).collect(),
    }
}

/// What to say about a type that has no place in a file.
fn wrong_type(kind: &str, types: &[&'static str]) -> String {
    if let Some((_, file)) = FILES.iter().find(|(other, _)| *other == kind) {
        return format!("such a section has no place in this file; move it to {file}");
    }
    match nearest(kind, types.iter().copied()) {
        Some(nearest) => format!("there is no such type; write type = {nearest}"),
        None => format!("there is no such type here; it must be {}", types.join(" or ")),
    }
}
