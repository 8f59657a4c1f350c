//! One attempt to connect, stage by stage, all of them under the one deadline that `connection_timeout` sets.

mod head;
mod meter;
mod proxy;
mod resolve;
mod stream;
mod tls;
mod upgrade;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;

use crate::config::Client;

pub use meter::{Link, Meter, Metered};
pub use resolve::Rotation;
pub use stream::Stream;
pub use tls::TlsContext;

/// How far an attempt came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Finding the addresses of the name.
    Resolve,
    /// Opening the TCP connection.
    Tcp,
    /// Asking the HTTP proxy for a tunnel (RFC 9110 section 9.3.6).
    Proxy,
    /// The TLS handshake (RFC 8446).
    Tls,
    /// The upgrade to a websocket (RFC 6455 section 4).
    Upgrade,
}

impl Stage {
    fn as_str(self) -> &'static str {
        match self {
            Self::Resolve => "name",
            Self::Tcp => "TCP",
            Self::Proxy => "proxy",
            Self::Tls => "TLS",
            Self::Upgrade => "upgrade",
        }
    }
}

/// Why an attempt failed, in words for the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {cause}", stage.as_str())]
pub struct AttemptError {
    /// The stage that failed.
    pub stage: Stage,
    /// What happened there.
    pub cause: String,
}

impl AttemptError {
    fn new(stage: Stage, cause: impl ToString) -> Self {
        Self {
            stage,
            cause: cause.to_string(),
        }
    }
}

/// An open websocket.
pub struct Connected {
    /// The websocket.
    pub websocket: WebSocketStream<Metered<Stream>>,
    /// What has been handed to the kernel.
    pub meter: Arc<Meter>,
    /// The peer, "address:port".
    pub remote: SocketAddr,
}

/// What a connection keeps from one attempt to the next.
#[derive(Default)]
pub struct Memory {
    /// Which address comes next.
    pub rotation: Rotation,
    /// The TLS configuration, with the sessions to resume.
    pub tls: TlsContext,
}

/// Makes one attempt.
///
/// # Errors
/// The stage that failed and why; also when `connection_timeout` passed.
pub async fn connect(
    client: &Client,
    user_agent: &str,
    memory: &Memory,
) -> Result<Connected, AttemptError> {
    let progress = Progress::default();
    match timeout(
        client.connection_timeout,
        attempt(client, user_agent, memory, &progress),
    )
    .await
    {
        Ok(outcome) => outcome,
        Err(_) => Err(progress.timed_out(client.connection_timeout, memory)),
    }
}

async fn attempt(
    client: &Client,
    user_agent: &str,
    memory: &Memory,
    progress: &Progress,
) -> Result<Connected, AttemptError> {
    progress.enter(Stage::Resolve, None);
    let (host, port) = match &client.proxy {
        Some(proxy) => (proxy.host.as_str(), proxy.port),
        None => (client.uri.host.as_str(), client.port()),
    };
    let addresses = resolve::resolve(host, port)
        .await
        .map_err(|error| AttemptError::new(Stage::Resolve, error))?;
    let tcp = open(&memory.rotation.order(addresses), memory, progress).await?;
    let remote = tcp
        .peer_addr()
        .map_err(|error| AttemptError::new(Stage::Tcp, error))?;
    configure(&tcp, client).map_err(|error| AttemptError::new(Stage::Tcp, error))?;

    let stream = secure(tcp, client, memory, progress, remote).await;
    let upgraded = match stream {
        Ok(stream) => {
            progress.enter(Stage::Upgrade, Some(remote));
            let (stream, meter) = Metered::new(stream);
            upgrade::upgrade(stream, client, user_agent)
                .await
                .map(|websocket| (websocket, meter))
        }
        Err(error) => Err(error),
    };
    let (websocket, meter) = upgraded.inspect_err(|_| memory.rotation.failed(remote))?;
    memory.rotation.succeeded(remote);
    Ok(Connected {
        websocket,
        meter,
        remote,
    })
}

/// Opens TCP to the first address that takes it.
async fn open(
    addresses: &[SocketAddr],
    memory: &Memory,
    progress: &Progress,
) -> Result<TcpStream, AttemptError> {
    let mut last = AttemptError::new(Stage::Resolve, "the name has no address");
    for &address in addresses {
        progress.enter(Stage::Tcp, Some(address));
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => {
                memory.rotation.failed(address);
                last = AttemptError::new(Stage::Tcp, format!("{address}: {error}"));
            }
        }
    }
    Err(last)
}

fn configure(tcp: &TcpStream, client: &Client) -> std::io::Result<()> {
    tcp.set_nodelay(true)?;
    if let Some(keepalive) = client.tcp_keepalive {
        let settings = TcpKeepalive::new()
            .with_time(keepalive.time)
            .with_interval(keepalive.interval)
            .with_retries(keepalive.probes);
        SockRef::from(tcp).set_tcp_keepalive(&settings)?;
    }
    Ok(())
}

/// Through the proxy and under TLS, as far as they are configured.
async fn secure(
    mut tcp: TcpStream,
    client: &Client,
    memory: &Memory,
    progress: &Progress,
    remote: SocketAddr,
) -> Result<Stream, AttemptError> {
    if let Some(proxy) = &client.proxy {
        progress.enter(Stage::Proxy, Some(remote));
        proxy::tunnel(&mut tcp, proxy, &client.uri.host, client.port())
            .await
            .map_err(|cause| AttemptError::new(Stage::Proxy, cause))?;
    }
    if !client.uses_tls() {
        return Ok(Stream::Plain(tcp));
    }
    progress.enter(Stage::Tls, Some(remote));
    memory
        .tls
        .handshake(tcp, client)
        .await
        .map(|stream| Stream::Tls(Box::new(stream)))
        .map_err(|cause| AttemptError::new(Stage::Tls, cause))
}

/// Where an attempt is, so that a deadline can say what it cut short.
#[derive(Default)]
struct Progress(Mutex<Option<(Stage, Option<SocketAddr>)>>);

impl Progress {
    fn enter(&self, stage: Stage, address: Option<SocketAddr>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((stage, address));
    }

    fn timed_out(&self, after: Duration, memory: &Memory) -> AttemptError {
        let (stage, address) = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .unwrap_or((Stage::Resolve, None));
        if let Some(address) = address {
            memory.rotation.failed(address);
        }
        let who = address.map_or_else(String::new, |address| format!("{address}: "));
        let what = match stage {
            Stage::Resolve => "no answer from the name servers",
            Stage::Tcp => "no answer to the connection request",
            Stage::Proxy => "no answer from the proxy",
            Stage::Tls => "the TLS handshake did not end",
            Stage::Upgrade => "no complete answer to the upgrade request",
        };
        AttemptError::new(
            stage,
            format!(
                "{who}{what} within {} ms (connection_timeout)",
                after.as_millis()
            ),
        )
    }
}
