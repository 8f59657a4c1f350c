//! What is known of a parameter, and how the text of its value is read.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::values::{boolean, integer};

/// What is known of a parameter.
#[derive(Debug, Clone)]
pub struct About {
    /// What stands before the `=`.
    pub name: &'static str,
    /// What may stand behind it.
    pub form: Form,
    /// What is read if it is missing; empty if nothing is.
    pub default: &'static str,
    /// What a change of it asks of a running session.
    pub effect: Effect,
    /// What it is for, in Markdown.
    pub description: &'static str,
    /// Whether Asterisk 22 has it.
    pub in_asterisk: bool,
}

/// What a change asks of a running session, the weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// The connection became valid or invalid, or for another reason. With an invalid one nothing
    /// else is to be done, whatever the parameters: its sessions go on as they are.
    Validity,
    /// The new values are used when they are next needed; the session goes on.
    NextConnect,
    /// The applications differ, if only in their order or spelling; the session goes on.
    Applications,
    /// Every old application is unregistered and every new one registered; the session goes on.
    SubscribeAll,
    /// The session is closed and made anew with the new values.
    Reconnect,
    /// `connection_type` changed: the old kind is ended and the new one begun.
    Replace,
}

/// What may stand behind the `=` of a parameter.
#[derive(Debug, Clone)]
pub enum Form {
    /// Anything; it is the host's, and nothing is made of it.
    Ignored,
    /// A text that must not be missing.
    Required,
    /// A text.
    Text,
    /// The path of a file or a folder.
    Path,
    /// Yes or no.
    Boolean,
    /// A whole number.
    Number(RangeInclusive<i64>),
    /// A whole number of bytes.
    Bytes(RangeInclusive<i64>),
    /// A whole number of milliseconds.
    Milliseconds(RangeInclusive<i64>),
    /// A whole number of seconds.
    Seconds(RangeInclusive<i64>),
    /// One of several words.
    Words(fn() -> Vec<&'static str>),
}

impl Form {
    /// A number in the range.
    fn integer(&self, text: &str) -> Option<i64> {
        let (Self::Number(range)
        | Self::Bytes(range)
        | Self::Milliseconds(range)
        | Self::Seconds(range)) = self
        else {
            return None;
        };
        integer(text).filter(|number| range.contains(number))
    }

    /// What to say of a value that is none.
    pub(super) fn fault(&self) -> String {
        let (unit, range) = match self {
            Self::Boolean => return "it is neither yes nor no; write one of them".to_owned(),
            Self::Words(words) => {
                return format!("there is no such value; write {}", words().join(" or "));
            }
            Self::Number(range) | Self::Bytes(range) => ("", range),
            Self::Milliseconds(range) => (" of milliseconds", range),
            Self::Seconds(range) => (" of seconds", range),
            Self::Ignored | Self::Required | Self::Text | Self::Path => return String::new(),
        };
        format!(
            "it is no whole number{unit} from {} to {}; write one, and nothing behind it",
            range.start(),
            range.end(),
        )
    }
}

/// What the text of a value may become.
pub(super) trait Value: Default {
    /// Reads what has the given form; nothing if it has not.
    fn read(text: &str, form: &Form) -> Option<Self>;
}

impl Value for bool {
    fn read(text: &str, _: &Form) -> Option<Self> {
        boolean(text)
    }
}

impl Value for i32 {
    fn read(text: &str, form: &Form) -> Option<Self> {
        form.integer(text)?.try_into().ok()
    }
}

impl Value for u32 {
    fn read(text: &str, form: &Form) -> Option<Self> {
        form.integer(text)?.try_into().ok()
    }
}

impl Value for usize {
    fn read(text: &str, form: &Form) -> Option<Self> {
        form.integer(text)?.try_into().ok()
    }
}

impl Value for Duration {
    fn read(text: &str, form: &Form) -> Option<Self> {
        let number = form.integer(text)?.try_into().ok()?;
        Some(match form {
            Form::Seconds(_) => Self::from_secs(number),
            _ => Self::from_millis(number),
        })
    }
}

impl Value for Option<PathBuf> {
    fn read(text: &str, _: &Form) -> Option<Self> {
        Some((!text.is_empty()).then(|| text.into()))
    }
}

/// None where there is no default.
impl<T: Value> Value for Option<T> {
    fn read(text: &str, form: &Form) -> Option<Self> {
        T::read(text, form).map(Some)
    }
}

/// A value that is one of several words.
pub(super) trait Word: Copy + Default + 'static {
    const WORDS: &'static [(&'static str, Self)];
}

/// The words of [`Form::Words`].
pub(super) fn words<T: Word>() -> Vec<&'static str> {
    T::WORDS.iter().map(|(word, _)| *word).collect()
}

/// In any case.
impl<T: Word> Value for T {
    fn read(text: &str, _: &Form) -> Option<Self> {
        let mut words = T::WORDS.iter();
        let found = words.find(|(word, _)| word.eq_ignore_ascii_case(text));
        found.map(|(_, value)| *value)
    }
}
