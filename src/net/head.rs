//! The head of an HTTP/1 answer (RFC 9112), byte by byte if it must be.

use std::fmt;

use tokio::io::{AsyncRead, AsyncReadExt};

use super::tls;
use crate::text::brief;

/// Longer heads are refused.
const MAX_LENGTH: usize = 64 << 10;
const MAX_FIELDS: usize = 128;
/// So much of an answer tells whether it is HTTP at all.
const VERSION_LENGTH: usize = "HTTP/1.1 ".len();

/// Status line and fields of an answer, and what came after them.
pub(super) struct Head {
    /// The minor version: 1 for HTTP/1.1.
    pub(super) version: u8,
    pub(super) status: u16,
    pub(super) reason: String,
    fields: Vec<(String, String)>,
    pub(super) rest: Vec<u8>,
}

impl Head {
    /// Reads until the empty line. Interim answers are passed over (RFC 9110 section 15.2): only 101 is what one waits for.
    pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Self, String> {
        let mut bytes = Vec::with_capacity(512);
        let mut passed_over = 0;
        loop {
            let known = bytes.len();
            match stream.read_buf(&mut bytes).await {
                Ok(0) if bytes.is_empty() => {
                    return Err("the peer closed the connection without an answer".into());
                }
                Ok(0) => return Err("the peer closed the connection within its answer".into()),
                Ok(_) => {}
                Err(error) => return Err(tls::told(&error)),
            }
            // Once a line, and not for every byte of a server that sends them one by one.
            let new = bytes.get(known..).unwrap_or_default();
            let mut is_news = known < VERSION_LENGTH || new.contains(&b'\n');
            while is_news && let Some(head) = Self::parse(&bytes)? {
                if !matches!(head.status, 100 | 102..200) {
                    return Ok(head);
                }
                passed_over += bytes.len() - head.rest.len();
                bytes = head.rest;
                is_news = !bytes.is_empty();
            }
            if passed_over + bytes.len() > MAX_LENGTH {
                return Err(too_long());
            }
        }
    }

    fn parse(bytes: &[u8]) -> Result<Option<Self>, String> {
        let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
        let mut response = httparse::Response::new(&mut fields);
        // Folded values must be read (RFC 9112 section 5.2), and Asterisk passes over lines that are no fields.
        let length = match httparse::ParserConfig::default()
            .allow_obsolete_multiline_headers_in_responses(true)
            .ignore_invalid_headers_in_responses(true)
            .parse_response(&mut response, bytes)
        {
            // The end of a long one may have come with the piece that made it too long.
            Ok(httparse::Status::Complete(length)) if length > MAX_LENGTH => return Err(too_long()),
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(error) => return Err(format!("the answer is not HTTP/1: {error}")),
        };
        Ok(Some(Self {
            version: response.version.unwrap_or_default(),
            status: response.code.unwrap_or_default(),
            reason: response.reason.unwrap_or_default().to_owned(),
            fields: response
                .headers
                .iter()
                .map(|field| (field.name.to_owned(), unfolded(&String::from_utf8_lossy(field.value))))
                .collect(),
            rest: bytes.get(length..).unwrap_or_default().to_vec(),
        }))
    }

    /// The values of a field, in order.
    pub(super) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields
            .iter()
            .filter(move |(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The members of a list field (RFC 9110 section 5.6.1).
    pub(super) fn members<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.values(name)
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .filter(|member| !member.is_empty())
    }
}

fn too_long() -> String {
    format!("the head of the answer is over {MAX_LENGTH} bytes")
}

/// A value that may go over several lines in one.
fn unfolded(value: &str) -> String {
    let lines: Vec<&str> = value.lines().map(str::trim).collect();
    lines.join(" ").trim().to_owned()
}

/// "401 Unauthorized".
impl fmt::Display for Head {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.status)?;
        if !self.reason.is_empty() {
            write!(formatter, " {}", brief(&self.reason))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;

    async fn read(answer: &[u8]) -> Result<Head, String> {
        let (mut near, mut far) = tokio::io::duplex(1);
        let answer = answer.to_vec();
        let writer = tokio::spawn(async move {
            // The reader may stop early.
            let _ = far.write_all(&answer).await;
        });
        let head = Head::read(&mut near).await;
        drop(near);
        writer.await.expect("the writer ends");
        head
    }

    #[tokio::test]
    async fn an_answer_may_come_byte_by_byte() {
        let head = read(b"HTTP/1.1 407 Who are you\r\nA: b, c\r\na: d\r\n\r\n")
            .await
            .expect("a head");
        assert_eq!(head.to_string(), "407 Who are you");
        assert_eq!(head.members("A").collect::<Vec<_>>(), ["b", "c", "d"]);
    }

    #[tokio::test]
    async fn what_follows_the_head_is_kept() {
        let (mut near, mut far) = tokio::io::duplex(64);
        far.write_all(b"HTTP/1.1 101 Up\r\n\r\n\x81\x00").await.expect("room");
        let head = Head::read(&mut near).await.expect("a head");
        assert_eq!(head.rest, b"\x81\x00");
    }

    #[tokio::test]
    async fn interim_answers_are_passed_over() {
        let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n";
        let answer = format!("{interim}HTTP/1.1 101 Up\r\nA: b\r\n\r\n\u{1}");
        for head in [read(answer.as_bytes()).await, Head::read(&mut answer.as_bytes()).await] {
            let head = head.expect("a head");
            assert_eq!((head.status, head.values("A").next()), (101, Some("b")));
        }
        let endless = interim.repeat(2000);
        let error = Head::read(&mut endless.as_bytes()).await.err();
        assert!(error.is_some_and(|error| error.contains("over 65536 bytes")));
    }

    #[tokio::test]
    async fn a_folded_value_is_one_line() {
        let head = read(b"HTTP/1.1 101 Up\r\nA: b,\r\n  c\r\nD: e\r\n\r\n")
            .await
            .expect("a head");
        assert_eq!(head.values("A").collect::<Vec<_>>(), ["b, c"]);
        assert_eq!(head.values("D").collect::<Vec<_>>(), ["e"]);
    }

    #[tokio::test]
    async fn a_line_without_a_colon_is_skipped() {
        let head = read(b"HTTP/1.1 101 Up\r\nA: b\r\nnonsense\r\nC: d\r\n\r\n")
            .await
            .expect("a head");
        assert_eq!(head.values("A").collect::<Vec<_>>(), ["b"]);
        assert_eq!(head.values("C").collect::<Vec<_>>(), ["d"]);
    }

    #[tokio::test]
    async fn an_end_within_the_head_says_so() {
        let error = read(b"HTTP/1.1 101 Up\r\n").await.err();
        assert_eq!(error.as_deref(), Some("the peer closed the connection within its answer"));
    }

    #[tokio::test]
    async fn an_endless_head_is_refused() {
        let mut answer = b"HTTP/1.1 200 Fine\r\n".to_vec();
        for _ in 0..100 {
            answer.extend_from_slice(b"X: ");
            answer.extend_from_slice(&[b'y'; 1024]);
            answer.extend_from_slice(b"\r\n");
        }
        assert!(read(&answer).await.is_err_and(|error| error.contains("over 65536 bytes")));
    }

    #[tokio::test]
    async fn a_long_head_is_refused_though_its_end_comes_with_what_makes_it_long() {
        let answer = format!("HTTP/1.1 101 Up\r\nX: {}\r\n\r\n", "y".repeat(100_000));
        let error = Head::read(&mut answer.as_bytes()).await.err();
        assert_eq!(error.as_deref(), Some("the head of the answer is over 65536 bytes"));
    }
}
