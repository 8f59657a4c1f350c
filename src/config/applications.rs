//! The applications of a connection.

use std::collections::HashSet;

use super::Connection;
use super::lines::trim;
use super::object::Object;
use super::parameter::About;

/// The longest name of an application, in bytes: Asterisk refuses longer ones.
const APP_LENGTH: usize = 73;

/// Reads `apps` into a connection.
pub(super) fn read_apps(connection: &mut Connection, object: &mut Object<'_>, about: &About) {
    let key = about.name;
    let text = object.required(key);
    connection.apps_as_written = text.to_owned();
    match apps(text) {
        Ok(apps) => {
            if apps.repeated {
                object.warning(key, "an application stands here twice; once is enough");
            }
            if object.is_appended(key) {
                let message = "+= adds a blank and no comma; \
                               begin the value with a comma to add an application";
                object.warning(key, message);
            }
            if apps.names.iter().any(|name| name.contains(['“', '”', '„'])) {
                let message = "typographic quotes belong to the name; remove them";
                object.warning(key, message);
            }
            connection.apps = apps.names;
        }
        // That it is empty is told already.
        Err(_) if text.is_empty() => {}
        Err(message) => object.error(key, message),
    }
}

/// What a list of applications says.
#[derive(Debug, PartialEq, Eq)]
struct Apps {
    names: Vec<String>,
    /// A name stood there more than once.
    repeated: bool,
}

/// `apps`: names between commas. Blanks around them, and quotes around one or around the whole, are
/// no part of them (recorded), and a name that is repeated is one application.
fn apps(text: &str) -> Result<Apps, String> {
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
            return Err(format!("an application's name is longer than {APP_LENGTH} bytes; shorten it"));
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
    result.names.shrink_to_fit();
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;

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
        for name in ["my app", "a/1", "a:1", "é", "a=b", "[a]", "#a", "a'b", "*", "."] {
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
}
