//! JSON as it is read and written here, beside what serde_json makes of the same text: written ones, and damaged ones.

use std::fmt;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::event::inspect;
use super::json::{self, Shape};
use super::object::Object;
use super::scan::{Raw, Scan};

/// Parts of strings, as they are written.
const PIECES: [&str; 20] = [
    "",
    "a",
    "type",
    "id",
    "é",
    "😀",
    "\u{7f}",
    "\u{2028}",
    "{",
    "]",
    ":,",
    " ",
    r#"\""#,
    r"\\",
    r"\n",
    r"\/",
    r"\u0041",
    r"\u0000",
    r"\ud83d\ude00",
    r"\ud83d",
];
const NUMBERS: [&str; 12] = [
    "0",
    "-0",
    "1",
    "1.50",
    "-12e+7",
    "1E-2",
    "0.0",
    "1e999",
    "-1e-999",
    "18446744073709551616",
    "1234567890123456789012345678901234567890",
    "5e00",
];
/// What damage puts in: brackets and quotes, what numbers and escapes are made of, and what has no place in JSON.
const DAMAGE: [&str; 24] = [
    "{", "}", "[", "]", "\"", "\\", ",", ":", "u", "d8", "e", "-", ".", "0", "9", " ", "\n", "\0", "\u{1f}", "\u{b}",
    "\u{feff}", "é", "null", "\\ud800",
];

fn string() -> impl Strategy<Value = String> {
    vec(select(&PIECES[..]), 0..6).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

/// JSON with white space wherever it may be, and names that stand more than once.
fn written() -> impl Strategy<Value = String> {
    let blank = || select(&["", "", "", " ", "\t", "\r\n"][..]);
    let scalar = prop_oneof![
        select(&["true", "false", "null"][..]).prop_map(str::to_owned),
        select(&NUMBERS[..]).prop_map(str::to_owned),
        string(),
    ];
    let value = scalar.prop_recursive(6, 60, 6, move |inner| {
        let item = (blank(), inner.clone(), blank()).prop_map(|(before, value, behind)| format!("{before}{value}{behind}"));
        let member = (blank(), string(), blank(), item.clone());
        let member = member.prop_map(|(before, name, behind, value)| format!("{before}{name}{behind}:{value}"));
        prop_oneof![
            3 => (vec(member, 0..6), blank()).prop_map(|(members, blank)| format!("{{{}{blank}}}", members.join(","))),
            2 => (vec(item, 0..6), blank()).prop_map(|(items, blank)| format!("[{}{blank}]", items.join(","))),
            1 => (inner, 1..300_usize).prop_map(|(value, levels)| format!("{}{value}{}", "[".repeat(levels), "]".repeat(levels))),
        ]
    });
    (blank(), value, blank()).prop_map(|(before, value, behind)| format!("{before}{value}{behind}"))
}

/// The same, cut, with characters that are missing, doubled, or others.
fn damaged() -> impl Strategy<Value = String> {
    let damage = (any::<Index>(), 0..5_u8, select(&DAMAGE[..]));
    (written(), vec(damage, 1..4)).prop_map(|(mut text, damages)| {
        for (at, kind, put) in damages {
            let places: Vec<usize> = text.char_indices().map(|(place, _)| place).collect();
            if places.is_empty() {
                break;
            }
            let place = *at.get(&places);
            match kind {
                0 => text.truncate(place),
                1 => drop(text.remove(place)),
                2 => text.insert_str(place, put),
                3 => {
                    text.remove(place);
                    text.insert_str(place, put);
                }
                _ => text.extend_from_within(place..),
            }
        }
        text
    })
}

/// What serde_json makes of the members of an object, each with its value as it stands there.
struct Members(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: serde::Deserializer<'de>>(text: D) -> Result<Self, D::Error> {
        struct Visits;
        impl<'de> Visitor<'de> for Visits {
            type Value = Members;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
                    members.push((name, value.get().to_owned()));
                }
                Ok(Members(members))
            }
        }
        text.deserialize_map(Visits)
    }
}

/// Every string of a text can be read, and has no NUL.
struct Sound;

impl<'de> DeserializeSeed<'de> for Sound {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, text: D) -> Result<(), D::Error> {
        text.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Sound {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        match text.contains('\0') {
            true => Err(E::custom("NUL")),
            false => Ok(()),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Sound)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while members.next_key_seed(Sound)?.is_some() {
            members.next_value_seed(Sound)?;
        }
        Ok(())
    }
}

/// Whether a text that is JSON is sound; nothing if serde_json cannot say: it reads numbers, and no more than 128 levels.
fn is_sound(text: &str) -> Option<bool> {
    let mut reader = serde_json::Deserializer::from_str(text);
    match Sound.deserialize(&mut reader) {
        Ok(()) => Some(true),
        Err(error)
            if ["out of range", "recursion limit"]
                .iter()
                .any(|cause| error.to_string().contains(cause)) =>
        {
            None
        }
        Err(_) => Some(false),
    }
}

/// Without the white space between tokens.
fn stripped(json: &str) -> String {
    let (mut in_string, mut is_escaped) = (false, false);
    let kept = |character: &char| {
        let is_kept = in_string || !character.is_ascii_whitespace();
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => in_string = !in_string,
            _ => {}
        }
        is_kept
    };
    json.chars().filter(kept).collect()
}

fn same_as_serde(text: &str) -> Result<(), TestCaseError> {
    let is_json = serde_json::from_str::<IgnoredAny>(text).is_ok();
    prop_assert_eq!(json::check(text).is_ok(), is_json);

    let mut found = Vec::new();
    let seen = json::members(text, |name, value| found.push((name.to_owned(), value)));
    let expected = serde_json::from_str::<Members>(text).map(|members| members.0);
    let is_object = seen.as_ref().is_ok_and(|seen| seen.shape == Shape::Object);
    prop_assert_eq!(is_object, expected.is_ok());
    prop_assert_eq!(seen.is_ok(), is_object || is_json && text.trim_start().starts_with('['));
    prop_assert_eq!(inspect(text.as_bytes()).is_ok(), is_object);
    if let (Ok(seen), Some(expected)) = (&seen, is_sound(text)) {
        prop_assert_eq!(seen.is_sound, expected);
    }
    if let Ok(expected) = expected {
        let texts = found.iter().map(|(name, value)| (name.clone(), value.get().to_owned()));
        prop_assert_eq!(texts.collect::<Vec<_>>(), expected);
        for (_, value) in found {
            same_value(value)?;
        }
    }
    if is_json {
        let compact = stripped(text);
        let compacted = json::compacted(text);
        prop_assert_eq!(compacted.as_deref(), Some(compact.as_str()));
        let indented = json::indented(text).unwrap_or_default();
        prop_assert_eq!(stripped(&indented), compact);
    }
    Ok(())
}

fn same_value(value: Raw<'_>) -> Result<(), TestCaseError> {
    let text = value.get();
    let expected = serde_json::from_str::<String>(text).ok();
    prop_assert_eq!(value.text().map(String::from), expected);
    let is_number = text.starts_with('-') || text.starts_with(|first: char| first.is_ascii_digit());
    prop_assert_eq!(value.number(), is_number.then_some(text));
    let elements = json::elements(value, usize::MAX);
    let elements = elements.map(|all| all.into_iter().map(Raw::get).collect::<Vec<_>>());
    let expected = serde_json::from_str::<Vec<&RawValue>>(text).ok();
    prop_assert_eq!(elements, expected.map(|all| all.into_iter().map(RawValue::get).collect()));
    prop_assert_eq!(Scan::new(text).value(), Some(value));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_as_serde_json_reads_it(text in written()) {
        prop_assert!(serde_json::from_str::<IgnoredAny>(&text).is_ok());
        same_as_serde(&text)?;
    }

    #[test]
    fn what_is_damaged_is_refused_where_serde_json_refuses_it(text in damaged()) {
        same_as_serde(&text)?;
    }

    #[test]
    fn an_event_that_is_no_utf_8_is_refused(text in written(), at in any::<Index>(), byte in 0x80_u8..) {
        let mut bytes = text.into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let expected = std::str::from_utf8(&bytes).is_ok_and(|text| serde_json::from_str::<Members>(text).is_ok());
        prop_assert_eq!(inspect(&bytes).is_ok(), expected);
    }

    #[test]
    fn strings_are_written_as_serde_json_writes_them(text in any::<String>()) {
        let mut object = Object::with_capacity(0);
        object.text("a", &text).raw(&text, "null");
        let expected = serde_json::to_string(&text).unwrap_or_default();
        prop_assert_eq!(object.end_short(), format!("{{\"a\":{expected},{expected}:null}}"));
    }
}
