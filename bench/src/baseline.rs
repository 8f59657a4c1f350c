// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the library is measured against: tokio-tungstenite alone, without configuration, queue, reconnecting or JSON.

use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use crate::Result;
use crate::host::BODY;

/// The library's own, so that memory is compared like with like.
const READ_BUFFER: usize = 4 << 10;
const WRITE_BUFFER: usize = 64 << 10;
/// Bytes between two flushes, as in the library.
const BURST: usize = 256 << 10;

/// A runtime like the library's.
pub fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

/// Connects and upgrades.
pub async fn connect(address: SocketAddr) -> Result<WebSocketStream<TcpStream>> {
    let tcp = TcpStream::connect(address).await?;
    tcp.set_nodelay(true)?;
    upgrade(address, tcp).await
}

/// The same over TLS.
pub async fn connect_tls(
    address: SocketAddr,
    connector: &TlsConnector,
) -> Result<WebSocketStream<tokio_rustls::client::TlsStream<TcpStream>>> {
    let tcp = TcpStream::connect(address).await?;
    tcp.set_nodelay(true)?;
    let name = ServerName::IpAddress(address.ip().into());
    upgrade(address, connector.connect(name, tcp).await?).await
}

/// A client that trusts the application's authority.
pub fn connector(authority: &str) -> Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.as_bytes())?)?;
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

async fn upgrade<S: AsyncRead + AsyncWrite + Unpin>(address: SocketAddr, stream: S) -> Result<WebSocketStream<S>> {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER);
    let uri = format!("ws://{address}/ari");
    let (websocket, _) = tokio_tungstenite::client_async_with_config(uri, stream, Some(config)).await?;
    Ok(websocket)
}

/// Sends the text so many times, a burst at a time.
pub async fn send(websocket: &mut WebSocketStream<TcpStream>, text: &Utf8Bytes, count: usize) -> Result<()> {
    let mut unflushed = 0;
    for _ in 0..count {
        websocket.feed(Message::Text(text.clone())).await?;
        unflushed += text.len();
        if unflushed >= BURST {
            websocket.flush().await?;
            unflushed = 0;
        }
    }
    Ok(websocket.flush().await?)
}

/// Answers every text with the same text, until the peer ends the connection.
pub async fn answer(mut websocket: WebSocketStream<TcpStream>) {
    let response = Utf8Bytes::from(response());
    loop {
        let frame = match websocket.next().now_or_never() {
            Some(frame) => frame,
            None => {
                // One write for the answers to all that came in one piece.
                if websocket.flush().await.is_err() {
                    return;
                }
                websocket.next().await
            }
        };
        match frame {
            Some(Ok(Message::Text(_))) => {
                let answer = Message::Text(response.clone());
                if websocket.feed(answer).await.is_err() {
                    return;
                }
            }
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return,
        }
    }
}

/// A request as applications write them.
pub fn request(path: &str) -> String {
    format!(
        r#"{{"type":"RESTRequest","transaction_id":"6a9ab01c-4a5e-4d39-a0cb-a23d81ea2f24","request_id":"c4df2c3e-4a5e-4d39-a0cb-a23d81ea2f24","method":"GET","uri":"{path}"}}"#
    )
}

/// The library's answer to it.
fn response() -> String {
    format!(
        r#"{{"type":"RESTResponse","transaction_id":"6a9ab01c-4a5e-4d39-a0cb-a23d81ea2f24","request_id":"c4df2c3e-4a5e-4d39-a0cb-a23d81ea2f24","status_code":200,"reason_phrase":"OK","uri":"asterisk/ping","content_type":"application/json","message_body":"{}","application":"app0","timestamp":"2026-01-01T00:00:00.000+0000","asterisk_id":"02:fc:00:00:00:01"}}"#,
        BODY.replace('"', "\\\"")
    )
}

/// An event as Asterisk writes them, complete, of so many bytes.
pub fn event(kind: &str, channel: &str, bytes: usize) -> String {
    let (head, tail) = (
        format!(
            r#"{{"type":"{kind}","timestamp":"2026-01-01T00:00:00.000+0000","channel":{{"id":"{channel}","state":"Up","connected":{{"name":""#
        ),
        r#"","number":""}},"asterisk_id":"02:fc:00:00:00:01","application":"app0"}"#,
    );
    let filler = bytes.saturating_sub(head.len() + tail.len());
    format!("{head}{}{tail}", "x".repeat(filler))
}
