//! `ws://` and `wss://` URIs (RFC 6455 section 3, RFC 3986), and addresses with a port.

use std::net::Ipv6Addr;
use std::sync::Arc;

use super::lines::Flaw;
use super::object::Object;
use super::parameter::About;
use super::{CallText, Client, Secret, Uri};

/// What stands for a password where a URI is shown.
const STARS: &str = "********";

/// Servers that a client may have: whoever needs more has a name with several addresses, or a balancer.
const SERVERS: usize = 16;

/// Reads each `uri` into a client, the servers in order of preference; without one, or with a wrong one, there is none.
pub(super) fn read_uris(client: &mut Client, object: &mut Object<'_>, about: &About) {
    let key = about.name;
    if object.required(key).is_empty() {
        return;
    }
    let mut servers: Vec<Arc<Uri>> = Vec::new();
    let mut all_usable = true;
    for (place, setting) in object.last_given(key).enumerate() {
        if place == SERVERS {
            let message = format!("there may be {SERVERS} servers; give a name with several addresses, or a balancer, instead");
            return object.error_of(setting, message);
        }
        let text = setting.value.as_str();
        if !text.is_empty() && !text.contains("://") && setting.flaw != Flaw::CutAtNul {
            // As with Asterisk; but what is left out may have been meant to be wss://.
            let message = "there is no ws:// or wss:// in front, so it is ws://; write one of them";
            object.warning_of(setting, message);
        }
        let read = match setting.flaw {
            Flaw::CutAtNul => Err("a URI has no NUL bytes; remove them".to_owned()),
            _ if text.is_empty() => Err("it is empty; give it a value".to_owned()),
            _ => parse(text),
        };
        let message = match read {
            Ok(uri) if servers.iter().any(|other| **other == uri) => {
                "this server stands above already; remove one of them".to_owned()
            }
            Ok(uri) => {
                servers.push(Arc::new(uri));
                continue;
            }
            Err(message) => message,
        };
        all_usable = false;
        object.error_of(setting, message);
    }
    if all_usable {
        servers.shrink_to_fit();
        client.servers = servers;
    }
}

/// Takes a URI apart, and refuses one that could never be connected to. The message has nothing
/// of the URI that might be secret.
fn parse(written: &str) -> Result<Uri, String> {
    // What stands in the places of a call's values follows other rules than a URI.
    let (skeleton, places) = CallText::parse(written)?.skeleton();
    let text = skeleton.as_str();
    if text.starts_with(['"', '\'']) {
        return Err("remove the quotes around the URI".to_owned());
    }
    if text.contains([' ', '\t']) {
        return Err("a URI has no blanks; write %20 for one".to_owned());
    }
    if !text.chars().all(|character| character.is_ascii_graphic()) {
        let message = "a URI has only printable ASCII characters; write others as %xx, \
                       and a host name with them in its xn-- form";
        return Err(message.to_owned());
    }
    let (tls, rest) = scheme(text)?;
    let begin = text.len() - rest.len();
    let rest = rest.split_once('#').map_or(rest, |(rest, _fragment)| rest);
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    if places.iter().any(|(at, _)| *at < begin + end) {
        return Err("values of a call may stand in the path and in the query only; write %7B for a brace".to_owned());
    }
    let (authority, path_and_query) = rest.split_at(end);
    if authority.contains(':') && !authority.contains('@') && text.contains('@') {
        // Otherwise the rest of the password would be shown as the path.
        let message = "write / ? and # in a password as %2F, %3F and %23, an @ elsewhere as %40";
        return Err(message.to_owned());
    }
    let (credentials, address) = match authority.rsplit_once('@') {
        Some((user_information, address)) => (Some(user_pass(user_information)?), address),
        None => (None, authority),
    };
    let (host, port) = host_and_port(address)?;
    let slash = if path_and_query.starts_with('/') { "" } else { "/" };
    check_path_and_query(path_and_query)?;
    // What the rules above let through must be a URI for everybody else, too.
    format!("ws://{address}{slash}{path_and_query}")
        .parse::<http::Uri>()
        .map_err(|error| format!("this is no usable URI: {error}"))?;
    Ok(Uri {
        display: masked(written),
        tls,
        host,
        port,
        path_and_query: CallText::of_skeleton(slash, text, &places, begin + end..begin + rest.len()),
        credentials,
    })
}

/// Whether the scheme asks for TLS, and what follows it. Without a scheme it is `ws`, as with
/// Asterisk; schemes are the same in upper case (RFC 3986 section 3.1).
fn scheme(text: &str) -> Result<(bool, &str), String> {
    let is_scheme = |text: &str| {
        text.chars()
            .all(|character| character.is_ascii_alphanumeric() || "+-.".contains(character))
    };
    match text.split_once("://") {
        Some((scheme, rest)) if is_scheme(scheme) => match scheme.to_ascii_lowercase().as_str() {
            "ws" => Ok((false, rest)),
            "wss" => Ok((true, rest)),
            "http" => Err("write ws:// instead of http://".to_owned()),
            "https" => Err("write wss:// instead of https://".to_owned()),
            _ => Err("the URI must begin with ws:// or wss://".to_owned()),
        },
        _ => Ok((false, text)),
    }
}

/// `user:password` before the `@`, decoded.
fn user_pass(text: &str) -> Result<(String, Secret), String> {
    let (user, password) = text.split_once(':').unwrap_or((text, ""));
    if user.is_empty() || password.is_empty() {
        let message = "write both a user and a password before the @, or use username and password";
        return Err(message.to_owned());
    }
    let decode = |text| {
        percent_decoded(text)
            .filter(|text| !text.contains(char::is_control))
            .ok_or("before the @ is a % that is not followed by the code of a character")
    };
    let (user, password) = (decode(user)?, decode(password)?);
    // RFC 7617 section 2: the first colon ends the name.
    if user.contains(':') {
        return Err("a user name must not contain a colon".to_owned());
    }
    Ok((user, Secret::new(password)))
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte == b'%' {
            let (code, after) = rest.split_at_checked(2)?;
            bytes.push(hexadecimal(code)?);
            rest = after;
        } else {
            bytes.push(*byte);
        }
    }
    String::from_utf8(bytes).ok()
}

/// The value of two hexadecimal digits.
fn hexadecimal(digits: &[u8]) -> Option<u8> {
    digits.iter().try_fold(0u8, |value, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(value << 4 | u8::try_from(digit).ok()?)
    })
}

/// `host`, `host:port`, `[IPv6]` or `[IPv6]:port`.
pub(super) fn host_and_port(text: &str) -> Result<(String, Option<u16>), String> {
    if let Some(rest) = text.strip_prefix('[') {
        let (address, rest) = rest.split_once(']').ok_or("the ] after the IPv6 address is missing")?;
        address
            .parse::<Ipv6Addr>()
            .map_err(|_| "between [ and ] stands no IPv6 address")?;
        let port = match rest.strip_prefix(':') {
            Some(port) => parse_port(port)?,
            None if rest.is_empty() => None,
            None => return Err("after the ] may only stand a : and a port".to_owned()),
        };
        return Ok((address.to_owned(), port));
    }
    let (host, port) = match text.split_once(':') {
        Some((_, rest)) if rest.contains(':') => {
            return Err("there are several colons; write an IPv6 address in brackets".to_owned());
        }
        Some((host, port)) => (host, parse_port(port)?),
        None => (text, None),
    };
    if host.is_empty() {
        return Err("the host is missing".to_owned());
    }
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .chars()
                .all(|character| character.is_ascii_alphanumeric() || "-_".contains(character))
    };
    // A name may end with the dot of the root (RFC 1034 section 3.1).
    let labels = host.strip_suffix('.').unwrap_or(host);
    if labels.len() > 253 || !labels.split('.').all(is_label) {
        let message = "the host is no name: a name has letters, digits, hyphens and single dots";
        return Err(message.to_owned());
    }
    Ok((host.to_owned(), port))
}

/// An empty port is none (RFC 3986 section 3.2.3).
fn parse_port(text: &str) -> Result<Option<u16>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(port @ 1..) if digits => Ok(Some(port)),
        _ => Err("the port must be a number from 1 to 65535".to_owned()),
    }
}

/// RFC 3986 sections 3.3 and 3.4. Asterisk takes other characters, and then never connects.
fn check_path_and_query(text: &str) -> Result<(), String> {
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'%' if rest.get(..2).and_then(hexadecimal).is_none() => {
                return Err("a % must be followed by two hexadecimal digits; write %25 for one".into());
            }
            b'%' => {}
            byte if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?".contains(byte) => {}
            byte => {
                return Err(format!(
                    "a URI must not contain {}; write %{byte:02X} for it",
                    char::from(*byte),
                ));
            }
        }
    }
    Ok(())
}

/// The URI as it was written, with stars for the password. That is looked for once more, as braces are written otherwise than
/// they are read.
fn masked(written: &str) -> String {
    let rest = scheme(written).map_or(written, |(_, rest)| rest);
    let scheme = written.strip_suffix(rest).unwrap_or_default();
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, behind) = rest.split_at(end);
    let Some((user_information, address)) = authority.rsplit_once('@') else {
        return written.to_owned();
    };
    let user = user_information.split(':').next().unwrap_or_default();
    format!("{scheme}{user}:{STARS}@{address}{behind}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Uri {
        parse(text).expect(text)
    }

    /// Of a URI without values of a call.
    fn path(text: &str) -> String {
        let uri = uri(text);
        uri.path_and_query.as_fixed().expect(text).to_owned()
    }

    fn parts(text: &str) -> (bool, String, Option<u16>, String) {
        let uri = uri(text);
        (uri.tls, uri.host.clone(), uri.port, path(text))
    }

    #[test]
    fn a_uri_has_scheme_host_port_and_path() {
        let expected = (false, "h".to_owned(), Some(9100), "/ari".to_owned());
        assert_eq!(parts("ws://h:9100/ari"), expected);
        assert!(uri("wss://h").tls);
        assert!(uri("WSS://h").tls);
    }

    #[test]
    fn without_a_scheme_it_is_ws() {
        let expected = (false, "127.0.0.1".to_owned(), Some(9100), "/ari".to_owned());
        assert_eq!(parts("127.0.0.1:9100/ari"), expected);
        assert_eq!(path("h/a?next=http://x"), "/a?next=http://x");
    }

    #[test]
    fn a_missing_path_is_a_slash() {
        assert_eq!(path("ws://h"), "/");
        assert_eq!(path("ws://h?x=1"), "/?x=1");
    }

    #[test]
    fn the_fragment_is_dropped() {
        assert_eq!(path("ws://h/a?b#c"), "/a?b");
        assert_eq!(path("ws://h#c"), "/");
    }

    #[test]
    fn path_and_query_stay_as_they_are() {
        for text in ["/a/../b", "//a", "/%c3%A9%20", "/?", "/a?b=c/d?e", "/~-._!$&'()*+,;=:@"] {
            assert_eq!(path(&format!("ws://h{text}")), text);
        }
    }

    #[test]
    fn values_of_a_call_stand_in_path_and_query() {
        let uri = uri("ws://h/a/{app}?from=${CUT(X,#,1)?a b}&to={channel_id}#{connection}");
        assert_eq!(*uri.path_and_query.in_uri(None), *"/a/test?from=test&to=test");
        assert_eq!(
            uri.display,
            "ws://h/a/{app}?from=${CUT(X,#,1)?a b}&to={channel_id}#{connection}"
        );
        assert_eq!(*parse("ws://h?{app}").expect("a URI").path_and_query.in_uri(None), *"/?test");
    }

    #[test]
    fn an_ipv6_address_stands_in_brackets() {
        assert_eq!(uri("ws://[::1]:9100/").host, "::1");
        assert_eq!(uri("ws://[::1]:9100/").port, Some(9100));
        assert_eq!(uri("ws://[2001:db8::1]").port, None);
        for text in ["ws://::1:9100/", "ws://[::1", "ws://[::1]x", "ws://[x]", "ws://[1.2.3.4]"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_empty_port_is_none() {
        assert_eq!(uri("ws://h:/x").port, None);
    }

    #[test]
    fn a_uri_that_can_never_work_is_refused() {
        for text in [
            "",
            "ws://",
            "ws:///a",
            "ws://:80/",
            "http://h/",
            "https://h/",
            "ftp://h/",
            "ws://h:0/",
            "ws://h:65536/",
            "ws://h:99999/",
            "ws://h:+80/",
            "ws://h:x/",
            "ws://h/a b",
            "> ws://h/a",
            "ws://h/é",
            "ws://é/",
            "ws://h/\u{7}",
            "\"ws://h/\"",
            "'ws://h/'",
            "ws://h/{x}",
            "ws://h/${X",
            "ws://h/{{app}",
            "ws://{app}/",
            "ws://h:{app}/",
            "ws://u:{app}@h/",
            "{app}://h/",
            "ws://h/%{app}",
            "ws://h/a=>b",
            "ws://h/\\\\x",
            "ws://h/%2",
            "ws://h/%zz",
            "ws://h..x/",
            "ws://h,i/",
            "ws://%68/",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_uri_too_long_for_a_request_line_is_refused() {
        assert!(parse(&format!("ws://h/{}", "x".repeat(60_000))).is_ok());
        assert!(parse(&format!("ws://h/{}", "x".repeat(1 << 20))).is_err());
    }

    #[test]
    fn user_information_is_decoded() {
        let (user, password) = uri("ws://u%20u:p%40:%C3%A9@h/").credentials.expect("credentials");
        assert_eq!((user.as_str(), password.reveal()), ("u u", "p@:é"));
        assert_eq!(uri("ws://u:p@x@h/").host, "h");
    }

    #[test]
    fn half_of_a_login_is_refused() {
        for text in ["ws://u@h/", "ws://u:@h/", "ws://:p@h/", "ws://@h/", "ws://u:%0a@h/"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_password_that_would_become_the_path_is_refused() {
        for text in ["ws://ann:20/24@h/", "ws://ann:20?24@h/", "ws://ann:20#24@h/"] {
            assert!(parse(text).is_err_and(|message| message.contains("%2F")), "{text}");
        }
    }

    #[test]
    fn the_password_is_never_shown() {
        let uri = uri("ws://user:hush@h:1/a#b");
        assert_eq!(uri.display, "ws://user:********@h:1/a#b");
        assert!(!format!("{uri:?}").contains("hush"));
        // With a brace that stands for itself, the URI as it was written is not the one that was read.
        let uri = self::uri("ws://us{er:hu{{sh@h/{app}");
        assert_eq!(uri.display, "ws://us{er:********@h/{app}");
        for text in ["ftp://user:hush@h", "ws://user:hush@h:0", "ws://user:%hush@h"] {
            let message = parse(text).expect_err(text);
            assert!(!message.contains("hush"), "{message}");
        }
    }
}
