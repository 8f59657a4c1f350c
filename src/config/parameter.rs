//! What is known of a parameter, and how the text of its value is read.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::values::{boolean, integer};

/// What is known of a parameter.
pub(super) struct About {
    /// What stands before the `=`.
    pub(super) name: &'static str,
    /// What may stand behind it.
    pub(super) form: Form,
    /// What is read if it is missing; empty if nothing is.
    pub(super) default: &'static str,
    /// What a change of it asks of a running session.
    pub(super) effect: Effect,
    /// What it is for, in Markdown.
    pub(super) description: &'static str,
    /// Whether Asterisk 22 has it.
    pub(super) in_asterisk: bool,
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
pub(super) enum Form {
    /// Anything; it is the host's, and nothing is made of it.
    Ignored,
    /// A text that must not be missing.
    Required,
    /// A text that goes out on the wire, where a control character could pass for something else.
    Text,
    /// The path of a file or a folder.
    Path,
    /// Yes or no.
    Boolean,
    /// A whole number of bytes, `ms`, `s`, or just a number.
    Number(RangeInclusive<i64>, &'static str),
    /// One of several words.
    Words(fn() -> Vec<&'static str>),
}

impl Form {
    /// A number in the range.
    fn integer(&self, text: &str) -> Option<i64> {
        match self {
            Self::Number(range, _) => integer(text).filter(|number| range.contains(number)),
            _ => None,
        }
    }

    /// What to say of a value that is none.
    pub(super) fn fault(&self) -> String {
        match self {
            Self::Boolean => "it is neither yes nor no; write one of them".to_owned(),
            Self::Words(words) => format!("there is no such value; write {}", words().join(" or ")),
            Self::Number(range, unit) => {
                let unit = match *unit {
                    "ms" => " of milliseconds",
                    "s" => " of seconds",
                    _ => "",
                };
                let (least, most) = (range.start(), range.end());
                format!("it is no whole number{unit} from {least} to {most}; write one, and nothing behind it")
            }
            Self::Ignored | Self::Required | Self::Text | Self::Path => String::new(),
        }
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

macro_rules! numbers {
    ($($number:ty)*) => {
        $(impl Value for $number {
            fn read(text: &str, form: &Form) -> Option<Self> {
                form.integer(text)?.try_into().ok()
            }
        })*
    };
}
numbers!(i32 u32 usize);

impl Value for Duration {
    fn read(text: &str, form: &Form) -> Option<Self> {
        let number = form.integer(text)?.try_into().ok()?;
        match form {
            Form::Number(_, "s") => Some(Self::from_secs(number)),
            Form::Number(_, "ms") => Some(Self::from_millis(number)),
            _ => None,
        }
    }
}

impl Value for String {
    fn read(text: &str, _: &Form) -> Option<Self> {
        Some(text.to_owned())
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
    const WORDS: &[(&str, Self)];
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
