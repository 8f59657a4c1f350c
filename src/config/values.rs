//! The text of a value to what it means, as Asterisk reads it.

use super::problem::shown;

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
    i64::from_str_radix(digits, radix).ok().map(|number| sign * number)
}

/// The one of `known` that `text` was most likely meant to be, if any is near.
pub(super) fn nearest<'a>(text: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const NEAR: f64 = 0.6;
    let text = text.to_ascii_lowercase();
    known
        .into_iter()
        // Anything longer is no slip of the pen, and comparing it would take its time.
        .filter(|_| text.len() <= 64)
        .map(|candidate| {
            let similarity = strsim::normalized_damerau_levenshtein(&text, candidate);
            (similarity, candidate)
        })
        .filter(|(similarity, _)| *similarity >= NEAR)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, candidate)| candidate)
}

/// The name that was most likely meant, for a message. Of very many names not all are looked at.
pub(super) fn nearest_name<'a>(text: &str, names: impl Iterator<Item = &'a String>) -> Option<String> {
    const LOOKED_AT: usize = 200;
    nearest(text, names.take(LOOKED_AT).map(String::as_str)).map(shown)
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
        for word in ["", "maybe", "2", "01", "\"yes\"", "yes please", "yesx", "enabled"] {
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

    #[test]
    fn the_nearest_word_is_the_one_meant() {
        let known = ["apps", "subscribe_all", "local_ari_user"];
        assert_eq!(nearest("app", known), Some("apps"));
        assert_eq!(nearest("Subscribe-All", known), Some("subscribe_all"));
        assert_eq!(nearest("foo", known), None);
        assert_eq!(nearest(&"apps".repeat(1 << 20), known), None);
    }
}
