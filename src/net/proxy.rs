//! A tunnel through an HTTP proxy (RFC 9110 section 9.3.6).

use std::iter;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::head::Head;
use super::upgrade::{basic, joined};
use crate::config::Proxy;

/// Asks the proxy to connect to `host` and `port`.
pub(super) async fn tunnel(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    proxy: &Proxy,
    host: &str,
    port: u16,
) -> Result<(), String> {
    let target = if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    };
    let start = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
    let login = proxy.credentials.as_ref().map(|(user, password)| basic(user, password));
    let field = login.iter();
    let field = field.flat_map(|login| ["Proxy-Authorization: ", login, "\r\n"]);
    let request = joined(iter::once(start.as_str()).chain(field).chain(["\r\n"]));
    stream
        .write_all(request.as_bytes())
        .await
        .map_err(|error| error.to_string())?;
    let head = Head::read(stream).await?;
    match head.status {
        200..=299 if head.rest.is_empty() => Ok(()),
        // Nobody at the far end speaks first: neither TLS nor the upgrade lets a server do so.
        200..=299 => Err("the proxy sent more than its answer".into()),
        // RFC 9110 has 407 for it; tinyproxy answers 401 to a wrong password.
        401 | 407 => Err(format!("the proxy answered {head}; check proxy_username and proxy_password")),
        _ => Err(format!("the proxy answered {head}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;
    use tokio::io::AsyncReadExt;

    async fn ask(answer: &'static [u8]) -> (Result<(), String>, String) {
        let (mut near, mut far) = tokio::io::duplex(1024);
        let proxy = Proxy {
            host: "proxy.example".into(),
            port: 3128,
            credentials: Some(("ann".into(), Secret::new("secret"))),
        };
        let served = tokio::spawn(async move {
            let mut request = [0; 1024];
            let length = far.read(&mut request).await.expect("a request");
            far.write_all(answer).await.expect("room");
            String::from_utf8_lossy(&request[..length]).into_owned()
        });
        let outcome = tunnel(&mut near, &proxy, "2001:db8::1", 8088).await;
        (outcome, served.await.expect("the proxy ends"))
    }

    #[tokio::test]
    async fn the_request_names_the_target_and_the_credentials() {
        let (outcome, request) = ask(b"HTTP/1.1 200 Established\r\n\r\n").await;
        assert_eq!(outcome, Ok(()));
        assert_eq!(
            request,
            "CONNECT [2001:db8::1]:8088 HTTP/1.1\r\nHost: [2001:db8::1]:8088\r\n\
             Proxy-Authorization: Basic YW5uOnNlY3JldA==\r\n\r\n"
        );
    }

    #[tokio::test]
    async fn an_answer_may_be_split_at_every_byte() {
        for (answer, expected) in [
            ("HTTP/1.1 200 OK\r\nVia: 1.1 p\r\n\r\n", None),
            (
                "HTTP/1.1 503 Too Busy\r\nVia: 1.1 p\r\n\r\n",
                Some("the proxy answered 503 Too Busy"),
            ),
        ] {
            for at in 1..answer.len() {
                let (first, second) = answer.split_at(at);
                // As long as the first part, so that the second waits until that has been read.
                let (mut near, mut far) = tokio::io::duplex(at);
                let proxy = Proxy {
                    host: "proxy.example".into(),
                    port: 3128,
                    credentials: None,
                };
                let served = tokio::spawn(async move {
                    let mut request = Vec::new();
                    while !request.ends_with(b"\r\n\r\n") {
                        far.read_buf(&mut request).await.expect("a request");
                    }
                    far.write_all(first.as_bytes()).await.expect("room");
                    far.write_all(second.as_bytes()).await.expect("room");
                });
                let outcome = tunnel(&mut near, &proxy, "h", 80).await;
                served.await.expect("the proxy ends");
                assert_eq!(outcome.err().as_deref(), expected, "split at {at}");
            }
        }
    }

    #[tokio::test]
    async fn an_answer_may_be_of_http_1_0() {
        let (outcome, _) = ask(b"HTTP/1.0 200 Connection established\r\n\r\n").await;
        assert_eq!(outcome, Ok(()));
    }

    #[tokio::test]
    async fn a_refusal_names_its_status_and_the_parameters() {
        let (outcome, _) = ask(b"HTTP/1.1 407 Authentication Required\r\n\r\n").await;
        assert_eq!(
            outcome.err().as_deref(),
            Some(
                "the proxy answered 407 Authentication Required; \
                 check proxy_username and proxy_password"
            )
        );
    }
}
