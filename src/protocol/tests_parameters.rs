//! Parameters and bodies of requests, against recorded behaviour.

use super::tests_request::{message_of, refused, request, with};

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected
        .iter()
        .map(|(name, value)| (String::from(*name), String::from(*value)))
        .collect()
}

#[test]
fn parameters_come_from_the_uri_then_query_strings_then_the_form() {
    let text = with(
        r#""uri":"a?x=1","query_strings":[{"name":"x","value":"2","other":[]}],"content_type":"application/x-www-form-urlencoded","message_body":"x=3&y""#,
    );
    let request = request(&text);
    assert_eq!(request.parameters, pairs(&[("x", "1"), ("x", "2"), ("x", "3"), ("y", "")]));
    assert_eq!(request.body, None);
}

#[test]
fn only_uri_and_form_are_decoded() {
    let encoded = "a%26b+c%2B%C3%A9%zz%";
    let text = with(&format!(
        r#""uri":"p%41+?%6e=1&n={encoded}","query_strings":[{{"name":"n","value":"{encoded}"}}],"content_type":"application/x-www-form-urlencoded","message_body":"n={encoded}""#
    ));
    let request = request(&text);
    assert_eq!(&*request.path, "p%41+");
    assert_eq!(
        request.parameters,
        pairs(&[("n", "1"), ("n", "a&b c+é%zz%"), ("n", encoded), ("n", "a&b c+é%zz%")])
    );
}

#[test]
fn query_strings_that_are_no_array_are_ignored() {
    for value in ["null", "5", "true", "{\"x\":1}", "\"x=1\"", "[]"] {
        assert_eq!(request(&with(&format!(r#""query_strings":{value}"#))).parameters, []);
    }
}

#[test]
fn one_bad_item_of_query_strings_fails_the_request() {
    for item in [
        "{}",
        r#"{"name":"x"}"#,
        r#"{"value":"x"}"#,
        r#"{"name":"x","value":5}"#,
        r#"{"name":"x","value":null}"#,
        r#"{"name":5,"value":"x"}"#,
        r#"{"Name":"x","Value":"x"}"#,
        "null",
        "\"x=1\"",
        "[]",
        "5",
    ] {
        let text = with(&format!(r#""query_strings":[{{"name":"","value":""}},{item}]"#));
        assert_eq!(
            message_of(&refused(&text)),
            "Unable to parse 'query_strings' array.",
            "{item}"
        );
    }
}

#[test]
fn a_body_that_is_no_filled_string_counts_as_none() {
    for body in ["{}", "[1]", "5", "null", "\"\""] {
        let text = with(&format!(r#""message_body":{body},"content_type":"bogus""#));
        let request = request(&text);
        assert_eq!((request.body, request.content_type), (None, None), "{body}");
    }
}

#[test]
fn a_content_type_that_is_no_filled_string_counts_as_none() {
    for content_type in ["{}", "[1]", "5", "null", "\"\""] {
        let text = with(&format!(r#""message_body":"x","content_type":{content_type}"#));
        assert_eq!(message_of(&refused(&text)), "No 'content_type' for 'message_body'.");
    }
}

#[test]
fn content_types_are_compared_without_case_and_parameters() {
    for content_type in ["Application/JSON", "application/json; charset=utf-8", "application/json ;x"] {
        let text = with(&format!(
            r#""message_body":"{{\"a\": 1.50}}","content_type":"{content_type}""#
        ));
        let request = request(&text);
        assert_eq!(request.body.as_deref(), Some("{\"a\": 1.50}"));
        assert_eq!(request.content_type.as_deref(), Some(content_type));
    }
    for content_type in ["text/json", "application/jsonx", "multipart/form-data", ";"] {
        let text = with(&format!(r#""message_body":"{{}}","content_type":"{content_type}""#));
        assert_eq!(message_of(&refused(&text)), "Unknown content type.");
    }
}

#[test]
fn a_json_body_is_an_object_or_an_array() {
    for body in ["{}", "[]", "[1,2]", " {\\\"variables\\\":{\\\"a\\\":[1]}}\\n"] {
        request(&with(&format!(
            r#""message_body":"{body}","content_type":"application/json""#
        )));
    }
    for body in [
        "5",
        "null",
        "true",
        "\\\"x\\\"",
        " ",
        "\\n",
        "{",
        "{} x",
        "{'a':1}",
        "{\\\"a\\\":\\\"\\\\ud800\\\"}",
        "{\\\"a\\\":\\\"\\\\u0000\\\"}",
    ] {
        let text = with(&format!(r#""message_body":"{body}","content_type":"application/json""#));
        assert_eq!(
            message_of(&refused(&text)),
            "Unable to parse 'message_body' as 'application/json'.",
            "{body}"
        );
    }
}

/// As many parameters from each of the three places.
fn parameters_from(uri: usize, query_strings: usize, form: usize) -> String {
    with(&format!(
        r#""uri":"a?{}","query_strings":[{}],"content_type":"application/x-www-form-urlencoded","message_body":"{}""#,
        "a=1&".repeat(uri),
        vec![r#"{"name":"a","value":"1"}"#; query_strings].join(","),
        "a=1&".repeat(form),
    ))
}

#[test]
fn a_request_has_a_thousand_parameters_at_most_from_all_places_together() {
    for (uri, query_strings, form) in [(1000, 0, 0), (0, 1000, 0), (0, 0, 1000), (400, 300, 300)] {
        let accepted = request(&parameters_from(uri, query_strings, form));
        assert_eq!(accepted.parameters.len(), 1000);
        for (more_uri, more_query_strings, more_form) in [(1, 0, 0), (0, 1, 0), (0, 0, 1)] {
            let text = parameters_from(uri + more_uri, query_strings + more_query_strings, form + more_form);
            let refused = refused(&text);
            assert_eq!(
                (refused.status, message_of(&refused).as_str()),
                (400, "More than 1,000 parameters.")
            );
        }
    }
}
