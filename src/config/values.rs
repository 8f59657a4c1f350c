//! The text of a value to what it means, as Asterisk reads it.

use std::collections::HashSet;

use super::lines::trim;
use super::problem::shown;

/// The longest name of an application, in bytes: Asterisk refuses longer ones.
const APP_LENGTH: usize = 73;

/// The words that Asterisk takes for *yes*, and those for *no*. Asterisk takes every other word
/// for *no* as well, whatever was meant by it; here it is none of both.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "true" | "y" | "t" | "1" | "on" => Some(true),
        "no" | "false" | "n" | "f" | "0" | "off" => Some(false),
        _ => None,
    }
}

/// A whole number as strtol(3) reads it with base 0: decimal, `0x` hexadecimal, `0` octal.
pub(super) fn integer(text: &str) -> Option<i64> {
    let (sign, digits) = match text.as_bytes().first() {
        Some(b'-') => (-1, text.get(1..)?),
        Some(b'+') => (1, text.get(1..)?),
        _ => (1, text),
    };
    let (digits, radix) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (digits.get(2..)?, 16),
        [b'0', _, ..] => (digits.get(1..)?, 8),
        _ => (digits, 10),
    };
    // A second sign would pass from_str_radix.
    if !digits.starts_with(|digit: char| digit.is_ascii_alphanumeric()) {
        return None;
    }
    i64::from_str_radix(digits, radix)
        .ok()
        .map(|number| sign * number)
}

/// What a list of applications says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Apps {
    pub(super) names: Vec<String>,
    /// A name stood there more than once.
    pub(super) repeated: bool,
}

/// `apps`: names between commas. Blanks around them, and quotes around one or around the whole, are
/// no part of them (recorded), and a name that is repeated is one application.
pub(super) fn apps(text: &str) -> Result<Apps, String> {
    let mut seen = HashSet::new();
    let mut result = Apps {
        names: Vec::new(),
        repeated: false,
    };
    for item in text.split(',') {
        let name = trim(trim(item).trim_matches(['"', '\'']));
        if name.is_empty() {
            return Err("an application's name is empty; remove the comma too many".to_owned());
        }
        if name.len() > APP_LENGTH {
            return Err(format!(
                "an application's name is longer than {APP_LENGTH} bytes; shorten it"
            ));
        }
        if name.contains(char::is_control) {
            return Err("an application's name has control characters; remove them".to_owned());
        }
        if seen.insert(name) {
            result.names.push(name.to_owned());
        } else {
            result.repeated = true;
        }
    }
    Ok(result)
}

/// The one of `known` that `text` was most likely meant to be, if any is near.
pub(super) fn nearest<'a>(text: &str, known: &[&'a str]) -> Option<&'a str> {
    const NEAR: f64 = 0.6;
    let text = text.to_ascii_lowercase();
    known
        .iter()
        // Anything longer is no slip of the pen, and comparing it would take its time.
        .filter(|_| text.len() <= 64)
        .map(|candidate| {
            let similarity = strsim::normalized_damerau_levenshtein(&text, candidate);
            (similarity, *candidate)
        })
        .filter(|(similarity, _)| *similarity >= NEAR)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, candidate)| candidate)
}

/// The name that was most likely meant, for a message. Of very many names not all are looked at.
pub(super) fn nearest_name<'a>(
    text: &str,
    names: impl Iterator<Item = &'a String>,
) -> Option<String> {
    const LOOKED_AT: usize = 200;
    let names: Vec<&str> = names.take(LOOKED_AT).map(String::as_str).collect();
    nearest(text, &names).map(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn booleans_are_the_words_of_asterisk_in_any_case() {
        for word in ["yes", "true", "y", "t", "1", "on", "YES", "True", "oN"] {
            assert_eq!(boolean(word), Some(true), "{word}");
        }
        for word in ["no", "false", "n", "f", "0", "off", "NO", "False"] {
            assert_eq!(boolean(word), Some(false), "{word}");
        }
    }

    #[test]
    fn other_words_are_no_booleans() {
        for word in [
            "",
            "maybe",
            "2",
            "01",
            "\"yes\"",
            "yes please",
            "yesx",
            "enabled",
        ] {
            assert_eq!(boolean(word), None, "{word}");
        }
    }

    #[test]
    fn integers_may_be_decimal_hexadecimal_or_octal() {
        for (text, number) in [
            ("0", 0),
            ("500", 500),
            ("+5", 5),
            ("-1", -1),
            ("0x1F", 31),
            ("-0X10", -16),
            ("010", 8),
            ("00", 0),
            ("9223372036854775807", i64::MAX),
        ] {
            assert_eq!(integer(text), Some(number), "{text}");
        }
    }

    #[test]
    fn other_texts_are_no_integers() {
        for text in [
            "",
            "-",
            "+",
            "0x",
            "x",
            "08",
            "1.5",
            "1e3",
            "5 ms",
            "5x",
            "--5",
            "0x-5",
            "0+5",
            "٣",
            "9223372036854775808",
        ] {
            assert_eq!(integer(text), None, "{text}");
        }
    }

    fn names(text: &str) -> Vec<String> {
        apps(text).expect("applications").names
    }

    #[test]
    fn blanks_and_quotes_are_no_part_of_an_application() {
        assert_eq!(names("a , b"), ["a", "b"]);
        assert_eq!(names("\ta\t,\tb\t"), ["a", "b"]);
        assert_eq!(names("\"a,b\""), ["a", "b"]);
        assert_eq!(names("a, \"b\" ,\" c \""), ["a", "b", "c"]);
        assert_eq!(names("'a', b"), ["a", "b"]);
    }

    #[test]
    fn whatever_else_is_in_the_name_of_an_application_belongs_to_it() {
        for name in [
            "my app", "a/1", "a:1", "é", "a=b", "[a]", "#a", "a'b", "*", ".",
        ] {
            assert_eq!(names(name), [name]);
        }
    }

    #[test]
    fn applications_differ_in_case() {
        assert_eq!(names("A,a"), ["A", "a"]);
    }

    #[test]
    fn a_repeated_application_is_one() {
        let apps = apps("a,b, a").expect("applications");
        assert_eq!(apps.names, ["a", "b"]);
        assert!(apps.repeated);
    }

    #[test]
    fn an_empty_application_is_refused() {
        for text in ["", ",a", "a,", "a,,b", " , ", "\"\"", "a,\"\""] {
            assert!(apps(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_application_may_have_73_bytes() {
        assert!(apps(&"x".repeat(73)).is_ok());
        assert!(apps(&"x".repeat(74)).is_err());
        assert!(apps(&"é".repeat(37)).is_err());
    }

    #[test]
    fn the_nearest_word_is_the_one_meant() {
        let known = ["apps", "subscribe_all", "local_ari_user"];
        assert_eq!(nearest("app", &known), Some("apps"));
        assert_eq!(nearest("Subscribe-All", &known), Some("subscribe_all"));
        assert_eq!(nearest("foo", &known), None);
        assert_eq!(nearest(&"apps".repeat(1 << 20), &known), None);
    }
}
