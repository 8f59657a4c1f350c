//! Requests and the library's own answers, against recorded bytes.

use super::{Method, Request, Response, parse};

pub(super) fn request(text: &str) -> Request {
    match parse(text) {
        Ok(request) => request,
        Err(response) => panic!("{text}: {response:?}"),
    }
}

pub(super) fn refused(text: &str) -> Response<'static> {
    match parse(text) {
        Ok(request) => panic!("{text}: {request:?}"),
        Err(response) => *response,
    }
}

/// A valid request with `members` at its end, where they win over the ones before.
pub(super) fn with(members: &str) -> String {
    format!(
        r#"{{"type":"RESTRequest","transaction_id":"t1","request_id":"r1","method":"POST","uri":"asterisk/variable",{members}}}"#
    )
}

pub(super) fn message_of(response: &Response<'_>) -> String {
    let body = response.body.clone().unwrap_or_default();
    body.trim_start_matches(r#"{"message":""#)
        .trim_end_matches(r#""}"#)
        .to_owned()
}

#[test]
fn a_minimal_request_has_empty_ids() {
    let request = request(r#"{"type":"RESTRequest","method":"GET","uri":"asterisk/ping"}"#);
    let expected = Request {
        transaction_id: String::new(),
        request_id: String::new(),
        method: Method::Get,
        path: "asterisk/ping".into(),
        parameters: Vec::new(),
        content_type: None,
        body: None,
    };
    assert_eq!(request, expected);
}

#[test]
fn what_is_no_json_is_answered_without_ids_and_body() {
    let deep = format!(
        r#"{{"type":"RESTRequest","request_id":"d","method":"GET","uri":"asterisk/ping","x":{}{}}}"#,
        "[".repeat(2048),
        "]".repeat(2048)
    );
    for text in [
        "",
        " ",
        "hello",
        "{",
        "5",
        "null",
        "true",
        "\"RESTRequest\"",
        "{} {}",
        "{} x",
        "\u{feff}{}",
        "{'type':'RESTRequest'}",
        r#"{"type":"RESTRequest",}"#,
        r#"{"x":NaN}"#,
        r#"{"x":"\ud800"}"#,
        r#"{"x":"a\u0000b"}"#,
        "{\"x\":\"\0\"}",
        &deep,
    ] {
        assert_eq!(
            refused(text).to_json("testapp", "T", "A").expect("memory"),
            concat!(
                r#"{"type":"RESTResponse","transaction_id":"","request_id":"","status_code":400,"#,
                r#""reason_phrase":"Failed to parse request message JSON","uri":"","#,
                r#""application":"testapp","timestamp":"T","asterisk_id":"A"}"#
            ),
            "{text:.40}"
        );
    }
}

#[test]
fn nesting_is_taken_as_deep_as_asterisk_takes_it() {
    let x = format!("{}{}", "[".repeat(2047), "]".repeat(2047));
    assert_eq!(request(&with(&format!(r#""x":{x}"#))).request_id, "r1");
}

#[test]
fn the_first_check_that_fails_decides() {
    let cases = [
        ("{}", "", "No 'type' property."),
        ("[]", "", "No 'type' property."),
        (r#"[{"type":"RESTRequest"}]"#, "", "No 'type' property."),
        (r#"{"type":""}"#, "", "No 'type' property."),
        (r#"{"type":["RESTRequest"]}"#, "", "No 'type' property."),
        (r#"{"type":"X"}"#, "", "Unknown request type."),
        (r#"{"type":"RESTRequest"}"#, "", "Empty or missing 'uri' property."),
        (r#"{"type":"RESTRequest","uri":5}"#, "", "Empty or missing 'uri' property."),
        (
            r#"{"type":"RESTRequest","uri":"x?y=1"}"#,
            "x",
            "Unknown or missing 'method' property.",
        ),
        (
            r#"{"type":"RESTRequest","uri":"x","method":"get","query_strings":[1]}"#,
            "x",
            "Unknown or missing 'method' property.",
        ),
        (
            r#"{"type":"RESTRequest","uri":"x","method":"PATCH"}"#,
            "x",
            "Unknown or missing 'method' property.",
        ),
        (
            r#"{"type":"RESTRequest","uri":"x","method":"GET","query_strings":[1],"message_body":"x"}"#,
            "x",
            "Unable to parse 'query_strings' array.",
        ),
        (
            r#"{"type":"RESTRequest","uri":"x","method":"GET","message_body":"x"}"#,
            "x",
            "No 'content_type' for 'message_body'.",
        ),
        (
            r#"{"type":"RESTRequest","uri":"x","method":"GET","message_body":"{","content_type":"text/plain"}"#,
            "x",
            "Unknown content type.",
        ),
        (
            r#"{"type":"RESTRequest","uri":"x","method":"GET","message_body":"{","content_type":"application/json"}"#,
            "x",
            "Unable to parse 'message_body' as 'application/json'.",
        ),
    ];
    for (text, uri, message) in cases {
        let response = refused(text);
        assert_eq!((response.status, &*response.reason), (400, "Bad request"), "{text}");
        assert_eq!(response.uri, uri, "{text}");
        assert_eq!(message_of(&response), message, "{text}");
    }
}

#[test]
fn a_refused_request_keeps_its_ids() {
    let response = refused(r#"{"type":"X","transaction_id":"é€😀","request_id":"a\"b\\c\nd"}"#);
    assert_eq!(response.transaction_id, "é€😀");
    assert_eq!(response.request_id, "a\"b\\c\nd");
}

#[test]
fn ids_that_are_numbers_keep_their_digits() {
    for number in ["5", "-1", "1.50", "12345678901234567890", "1E+2"] {
        let text = with(&format!(r#""transaction_id":{number},"request_id":{number}"#));
        let request = request(&text);
        assert_eq!(request.transaction_id, number);
        assert_eq!(request.request_id, number);
    }
}

#[test]
fn ids_that_are_neither_strings_nor_numbers_are_empty() {
    for value in ["null", "true", "{}", "[1]", "\"\""] {
        assert_eq!(request(&with(&format!(r#""request_id":{value}"#))).request_id, "");
    }
}

#[test]
fn the_last_of_a_repeated_member_wins() {
    let text = r#"{"type":"X","type":"RESTRequest","request_id":"first","request_id":"last","method":"GET","method":"POST","method":"GET","uri":"nothing","uri":"asterisk\/ping"}"#;
    let request = request(text);
    assert_eq!((request.request_id.as_str(), &*request.path), ("last", "asterisk/ping"));
    assert_eq!(
        message_of(&refused(r#"{"type":"RESTRequest","type":"X","uri":"x","method":"GET"}"#)),
        "Unknown request type."
    );
}

#[test]
fn a_read_only_user_may_get_and_ask_for_options_only() {
    for (method, allowed) in [
        ("GET", true),
        ("OPTIONS", true),
        ("HEAD", false),
        ("POST", false),
        ("PUT", false),
        ("DELETE", false),
    ] {
        for path in [
            "channels",
            "nosuch",
            "/channels",
            "x/",
            "?x=1",
            "%65vents",
            "api-docs/resources.json",
        ] {
            let text = with(&format!(r#""method":"{method}","uri":"{path}""#));
            let request = request(&text);
            let denied = request.refusal(true).is_some_and(|response| response.status == 403);
            assert_eq!(denied, !allowed, "{method} {path}");
            assert!(request.refusal(false).is_none_or(|response| response.status != 403));
        }
    }
}

#[test]
fn a_denied_write_has_the_recorded_answer() {
    let request = request(&with(r#""uri":"channels/ch1?x=1""#));
    let expected = Response {
        transaction_id: "t1".into(),
        request_id: "r1".into(),
        status: 403,
        reason: "Forbidden".into(),
        uri: "channels/ch1".into(),
        body: Some(r#"{"message":"Write access denied"}"#.into()),
    };
    assert_eq!(request.refusal(true), Some(expected));
}

#[test]
fn a_websocket_is_not_opened_from_a_websocket() {
    for uri in [
        "events",
        "events?app=testapp&api_key=a:b",
        "%65vents",
        "even%74s",
        "events%00x",
    ] {
        let request = request(&with(&format!(r#""method":"GET","uri":"{uri}""#)));
        let refusal = request.refusal(true).unwrap_or_else(|| panic!("{uri}"));
        assert_eq!((refusal.status, &*refusal.reason), (400, "Bad request"));
        assert_eq!(message_of(&refusal), "Can't upgrade to websocket from a websocket");
    }
    for (method, uri) in [
        ("OPTIONS", "events"),
        ("GET", "events/user/x"),
        ("GET", "events=1"),
        ("GET", "?x"),
    ] {
        let text = with(&format!(r#""method":"{method}","uri":"{uri}""#));
        assert_eq!(request(&text).refusal(true), None, "{uri}");
    }
}

#[test]
fn a_hosts_answer_has_the_usual_reason_unless_it_gives_one() {
    let request = request(&with(r#""uri":"bridges?bridgeId=b1""#));
    let response = request.answer(409, None, Some("{ \"message\" : \"there\" }"));
    assert_eq!((&*response.reason, &*response.uri), ("Conflict", "bridges"));
    assert_eq!(response.body.as_deref(), Some(r#"{"message":"there"}"#));
    let response = request.answer(404, Some("Variable Not Found"), None);
    assert_eq!(&*response.reason, "Variable Not Found");
}

#[test]
fn control_characters_reach_no_host_where_it_expects_none() {
    for member in [
        r#""uri":"channels/a\r\nX: y""#,
        r#""uri":"asterisk/ping\u001b[2J""#,
        r#""uri":"asterisk/ping\u0085""#,
        r#""uri":"asterisk/variable?variable=a\nb""#,
        r#""content_type":"application/json\r\nX: y","message_body":"{}""#,
    ] {
        let response = refused(&with(member));
        assert_eq!(response.status, 400, "{member}");
        assert!(message_of(&response).starts_with("Control characters"), "{member}");
    }
    let escaped = request(&with(r#""uri":"channels/a%0d%0a?variable=%0a""#));
    assert_eq!(&*escaped.path, "channels/a%0d%0a");
    assert_eq!(escaped.parameters, [("variable".into(), "\n".into())]);
}

#[test]
fn control_characters_are_refused_in_names_of_parameters_wherever_they_come_from() {
    for member in [
        r#""uri":"asterisk/variable?a%0d%0aX:%20y=1""#,
        r#""query_strings":[{"name":"a\nb","value":"1"}]"#,
        r#""content_type":"application/x-www-form-urlencoded","message_body":"a%7f=1""#,
    ] {
        let response = refused(&with(member));
        let expected = "Control characters in the name of a parameter.";
        assert_eq!((response.status, message_of(&response).as_str()), (400, expected), "{member}");
    }
}

#[test]
fn a_nul_is_refused_in_values_and_line_feeds_are_not() {
    for member in [
        r#""uri":"asterisk/variable?variable=a%00b""#,
        r#""content_type":"application/x-www-form-urlencoded","message_body":"value=%00""#,
    ] {
        let response = refused(&with(member));
        let expected = "NUL in the value of a parameter.";
        assert_eq!((response.status, message_of(&response).as_str()), (400, expected), "{member}");
    }
    let lines = request(&with(r#""query_strings":[{"name":"value","value":"a\r\n\tb"}]"#));
    assert_eq!(lines.parameters, [("value".into(), "a\r\n\tb".into())]);
}
