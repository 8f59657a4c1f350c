//! The upgrade to a websocket (RFC 6455 section 4).
//!
//! tungstenite's own handshake refuses answers that the RFC allows (a list in `Connection`, no subprotocol although some
//! were offered) and lets extensions pass; so the request is written and the answer judged here, and tungstenite gets
//! the stream afterwards, together with what came in the same segment.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use zeroize::Zeroizing;

use super::head::Head;
use super::{AttemptError, Caller, Link, Metered, Stage, later, tls};
use crate::config::{Client, FileSecrets, Secret, Uri};
use crate::text::brief;

/// Kept by each connection, also while it is at rest. What is read at a time is more: see `ahead`.
const READ_BUFFER: usize = 256;
/// Frames gathered before the kernel is asked to take them.
const WRITE_BUFFER: usize = 64 << 10;

/// Asks for the upgrade and judges the answer; gives the subprotocol that the server chose as well.
pub(super) async fn upgrade<S: Link>(
    mut stream: Metered<S>,
    client: &Client,
    uri: &Uri,
    secrets: &FileSecrets,
    caller: Caller<'_>,
) -> Result<(WebSocketStream<Metered<S>>, Option<String>), AttemptError> {
    let fail = |cause: String| AttemptError::new(Stage::Upgrade, cause);
    let key = generate_key();
    stream
        .write_all(request(client, uri, secrets, caller, &key).as_bytes())
        .await
        .map_err(|error| fail(tls::told(&error)))?;
    stream.flush().await.map_err(|error| fail(tls::told(&error)))?;
    let head = Head::read(&mut stream).await.map_err(fail)?;
    judge(&head, client, &key).map_err(|cause| AttemptError {
        refused: matches!(head.status, 401 | 403 | 404),
        retry_after: later::retry_after(&head),
        status: (head.status != 101).then_some(head.status),
        ..fail(cause)
    })?;
    let protocol = head.values("Sec-WebSocket-Protocol").next().map(str::to_owned);

    let limit = usize::try_from(client.max_message_size).ok();
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_message_size(limit)
        .max_frame_size(limit);
    let first = stream.begin_frames(head.rest);
    let websocket = WebSocketStream::from_partially_read(stream, first, Role::Client, Some(config)).await;
    Ok((websocket, protocol))
}

/// What came of it, for operators.
pub(super) fn describe(protocol: Option<&str>) -> String {
    match protocol {
        Some(protocol) => format!("the server speaks the subprotocol {}", brief(protocol)),
        None => "the server chose no subprotocol".into(),
    }
}

fn request(client: &Client, uri: &Uri, secrets: &FileSecrets, caller: Caller<'_>, key: &str) -> Zeroizing<String> {
    let host = if uri.host.contains(':') {
        format!("[{}]", uri.host)
    } else {
        uri.host.clone()
    };
    let path_and_query = uri.path_and_query.in_uri(caller.call);
    let start = format!(
        " HTTP/1.1\r\n\
         Sec-WebSocket-Version: 13\r\n\
         Upgrade: websocket\r\n\
         Connection: Upgrade\r\n\
         Host: {host}:{}\r\n",
        client.port(uri)
    );
    let login = credentials(client, uri, secrets).map(|(user, password)| basic(user, password));
    let token = secrets.bearer_token.as_ref();
    let login = login.or(token.map(|token| joined(["Bearer ", token.reveal()].into_iter())));
    let mut fields: Vec<(&str, &str)> = Vec::new();
    if let Some(login) = &login {
        fields.push(("Authorization", login));
    }
    if !client.protocols.is_empty() {
        fields.push(("Sec-WebSocket-Protocol", &client.protocols));
    }
    let own: Vec<_> = client
        .headers
        .iter()
        .map(|(name, value)| (name, value.in_header(caller.call)))
        .collect();
    fields.extend(own.iter().map(|(name, value)| (name.as_str(), &**value)));
    let of_files = secrets.headers.iter();
    fields.extend(of_files.map(|(name, value)| (name.as_str(), value.reveal())));
    fields.push(("User-Agent", caller.user_agent));
    fields.push(("Sec-WebSocket-Key", key));
    let fields = fields.iter().flat_map(|(name, value)| [*name, ": ", *value, "\r\n"]);
    joined(["GET ", &path_and_query, &start].into_iter().chain(fields).chain(["\r\n"]))
}

/// The parts as one text, which has a secret: it is wiped in the end, and never moved, which would leave a copy.
pub(super) fn joined<'a>(parts: impl Iterator<Item = &'a str> + Clone) -> Zeroizing<String> {
    let length = parts.clone().map(str::len).sum();
    let mut text = Zeroizing::new(String::with_capacity(length));
    parts.for_each(|part| text.push_str(part));
    text
}

/// The user information of the URI wins over `username` and `password`, of which one alone is none.
fn credentials<'a>(client: &'a Client, uri: &'a Uri, secrets: &'a FileSecrets) -> Option<(&'a str, &'a Secret)> {
    match &uri.credentials {
        Some((user, password)) => Some((user, password)),
        None if client.username.is_empty() => None,
        None => {
            let password = secrets.password.as_ref().or(client.password.as_ref());
            password.map(|password| (client.username.as_str(), password))
        }
    }
}

/// Basic credentials (RFC 7617).
pub(super) fn basic(user: &str, password: &Secret) -> Zeroizing<String> {
    let login = joined([user, ":", password.reveal()].into_iter());
    let encoded = Zeroizing::new(STANDARD.encode(login.as_bytes()));
    joined(["Basic ", &encoded].into_iter())
}

/// RFC 6455 section 4.1, the checks of the answer.
fn judge(head: &Head, client: &Client, key: &str) -> Result<(), String> {
    // Proxies may answer with HTTP/1.0, servers of websockets may not.
    if head.version != 1 {
        return Err("the answer is HTTP/1.0; a websocket needs HTTP/1.1".into());
    }
    if head.status != 101 {
        return Err(refusal(head, client));
    }
    let has = |name, token: &str| head.members(name).any(|member| member.eq_ignore_ascii_case(token));
    if !has("Upgrade", "websocket") {
        return Err("the answer has no Upgrade: websocket".into());
    }
    if !has("Connection", "Upgrade") {
        return Err("the answer has no Connection: Upgrade".into());
    }
    let accept = derive_accept_key(key.as_bytes());
    if !head.values("Sec-WebSocket-Accept").eq([accept.as_str()]) {
        return Err("the Sec-WebSocket-Accept of the answer does not fit the request".into());
    }
    if let Some(extension) = head.members("Sec-WebSocket-Extensions").next() {
        return Err(format!(
            "the server wants the extension {}, which was not offered",
            brief(extension)
        ));
    }
    let mut chosen = head.values("Sec-WebSocket-Protocol");
    if let Some(protocol) = chosen.next() {
        let offered = client
            .protocols
            .split(',')
            .any(|offer| offer.trim().eq_ignore_ascii_case(protocol));
        if !offered || chosen.next().is_some() {
            return Err(format!(
                "the server chose the subprotocol {}, offered were: {} (protocols)",
                brief(protocol),
                if client.protocols.is_empty() {
                    "none"
                } else {
                    &client.protocols
                }
            ));
        }
    }
    Ok(())
}

fn refusal(head: &Head, client: &Client) -> String {
    let remedy = match head.status {
        401 | 403 if client.secret_files.bearer_token.is_some() => "; check the token in bearer_token_file",
        401 | 403 if client.has_login() => "; check username and password",
        401 | 403 => "; it may want username and password",
        404 => "; check the path of the uri",
        300..=399 => "; redirects are not followed: put the place that it names into the uri",
        _ => "",
    };
    let place = match head.values("Location").next() {
        Some(place) if (300..400).contains(&head.status) => {
            format!(" (Location: {})", brief(place))
        }
        _ => String::new(),
    };
    format!("the server answered {head}{place}{remedy}")
}
