//! One attempt to connect, stage by stage, all of them under the one deadline that `connection_timeout` sets.

mod ahead;
mod frames;
mod head;
mod later;
mod meter;
mod outgoing;
mod proxy;
mod race;
mod resolve;
mod resources;
mod rotation;
mod secrets;
mod stream;
mod tls;
mod trail;
mod upgrade;

use std::io;
use std::mem::take;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::config::{CallData, Client, FileSecrets, Uri};
use crate::threads::is_watched_here;
use tls::Preparing;

pub use meter::{Link, Meter, Metered, NotMinimal};
pub use outgoing::Outgoing;
pub use resolve::Resolver;
pub use resources::{Lent, Place, Resources, Sockets, SocketsInUse};
pub use rotation::Rotation;
pub use stream::Stream;
pub(crate) use tls::told;
pub use tls::{TlsContext, Version};
pub use trail::Step;
pub(crate) use trail::Trail;

/// What a server answers that does not know the login (RFC 9110 section 15.5.2).
const UNAUTHORIZED: u16 = 401;

/// How long a Close may take to be sent, and stay unanswered.
pub const CLOSE_TIME: Duration = Duration::from_secs(1);

/// How far an attempt came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Reading what the server is told from files.
    Secrets,
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
    /// All of them, in their order.
    pub const ALL: [Self; 6] = [Self::Secrets, Self::Resolve, Self::Tcp, Self::Proxy, Self::Tls, Self::Upgrade];

    /// Its name for operators.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Secrets => "secrets",
            Self::Resolve => "name",
            Self::Tcp => "TCP",
            Self::Proxy => "proxy",
            Self::Tls => "TLS",
            Self::Upgrade => "upgrade",
        }
    }
}

/// What kind of failure it was, as a caller's dialplan tells them apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Lack {
    /// There is no server to talk to.
    #[default]
    Server,
    /// A server answered, and would not have the connection.
    Consent,
    /// None answered in time.
    Answer,
}

/// Why an attempt failed, in words for the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {cause}", stage.as_str())]
pub struct AttemptError {
    /// The stage that failed.
    pub stage: Stage,
    /// What happened there.
    pub cause: String,
    /// The server understood, and would not have it, or it is not the one that it should be: that will hardly be otherwise
    /// before somebody changes something.
    pub refused: bool,
    /// The server asks to be left alone for so long.
    pub retry_after: Option<Duration>,
    /// The status of the server's answer to the upgrade request, if it was another than 101.
    pub status: Option<u16>,
    /// Nobody answered in time.
    pub timed_out: bool,
}

impl AttemptError {
    /// What was lacking.
    pub fn lack(&self) -> Lack {
        match self.status {
            Some(_) => Lack::Consent,
            None if self.timed_out => Lack::Answer,
            None => Lack::Server,
        }
    }

    fn new(stage: Stage, cause: impl ToString) -> Self {
        Self {
            stage,
            cause: cause.to_string(),
            refused: false,
            retry_after: None,
            status: None,
            timed_out: false,
        }
    }
}

/// An open websocket.
pub struct Connected {
    /// The websocket; boxed, as whoever passes it on has a place for it in its future.
    pub websocket: Box<WebSocketStream<Metered<Box<dyn Link>>>>,
    /// What has been handed to the kernel.
    pub meter: Arc<Meter>,
    /// The peer, "address:port".
    pub remote: SocketAddr,
    /// The place of its server among those of the connection.
    pub server: usize,
    /// The right to have its socket.
    pub place: Place,
    /// It was opened by a thread that watched it until it was open.
    pub(crate) watched_elsewhere: bool,
}

impl Connected {
    /// From now on the runtime in which this is called watches it.
    ///
    /// # Errors
    /// The system refuses that.
    pub fn watch_here(&mut self) -> io::Result<()> {
        match take(&mut self.watched_elsewhere) {
            true => self.websocket.get_mut().watch_here(),
            false => Ok(()),
        }
    }

    /// Closes it: nobody needs it. A peer that does not take the Close is no failure.
    pub async fn close(mut self) {
        let normal = CloseFrame {
            code: CloseCode::Normal,
            reason: "".into(),
        };
        let _ = timeout(CLOSE_TIME, self.websocket.close(Some(normal))).await;
    }

    /// Bounds how long what was sent may stay unacknowledged (TCP_USER_TIMEOUT, RFC 5482): without it the kernel tries for a
    /// quarter of an hour to reach a peer that has vanished. It is the write timeout, for which no byte may be taken.
    ///
    /// TCP keepalives obey the same limit, whatever their number: with them it is such that the last one decides.
    ///
    /// # Errors
    /// The system does not know the option.
    pub fn bound_silence(&self, client: &Client, write_timeout: Duration) -> io::Result<()> {
        let limit = match client.tcp_keepalive {
            None => write_timeout,
            Some(keepalive) => keepalive.longest() - keepalive.interval / 2,
        };
        self.websocket.get_ref().stream().bound_silence(limit)
    }
}

/// What makes the streams that websockets run over.
pub(crate) trait Dial: Send + Sync {
    /// A stream to a server of the client on which the upgrade can be asked for. Tells the trail what it does.
    fn dial<'a>(
        &'a self,
        client: &'a Client,
        server: &'a Server,
        trail: &'a Trail,
    ) -> BoxFuture<'a, Result<Dialed, AttemptError>>;
}

/// A stream to a server.
pub(crate) struct Dialed {
    pub(crate) stream: Box<dyn Link>,
    /// The peer, "address:port".
    pub(crate) remote: SocketAddr,
    /// The right to have its socket.
    pub(crate) place: Place,
}

/// The network: names, TCP, proxies and TLS.
struct Network;

impl Dial for Network {
    fn dial<'a>(
        &'a self,
        client: &'a Client,
        server: &'a Server,
        trail: &'a Trail,
    ) -> BoxFuture<'a, Result<Dialed, AttemptError>> {
        Box::pin(dial(client, server, trail))
    }
}

/// One of the servers of a connection, and what is kept of it from one attempt to the next.
pub struct Server {
    /// Where it is.
    pub uri: Arc<Uri>,
    /// Its place among those of the connection.
    pub place: usize,
    /// Which address comes next.
    pub rotation: Rotation,
    /// The TLS configuration, with the sessions to resume: one for all servers of a connection, as its files are.
    pub tls: TlsContext,
    /// What all connections share.
    pub resources: Arc<Resources>,
}

impl Server {
    /// Nothing is known of it yet.
    pub fn new(uri: &Arc<Uri>, place: usize, tls: &TlsContext, resources: &Arc<Resources>) -> Self {
        Self {
            uri: Arc::clone(uri),
            place,
            rotation: Rotation::default(),
            tls: tls.clone(),
            resources: Arc::clone(resources),
        }
    }

    /// Which state of the files of TLS a connection is made with from now on; none without TLS, or if no connection can be
    /// made.
    pub async fn version(&self, client: &Client) -> Option<Version> {
        match client.uses_tls(&self.uri) {
            true => self.tls.version(client, &self.resources.blocking).await,
            false => None,
        }
    }
}

/// Who asks for the upgrade.
#[derive(Clone, Copy)]
pub struct Caller<'a> {
    /// The User-Agent.
    pub user_agent: &'a str,
    /// The call that the connection is for; without it, values of one are made up.
    pub call: Option<&'a CallData>,
}

/// Makes one attempt.
///
/// # Errors
/// The stage that failed and why; also when `connection_timeout` passed.
pub async fn connect(client: &Client, caller: Caller<'_>, server: &Server) -> Result<Connected, AttemptError> {
    let trail = Trail::timed(Arc::clone(&server.resources));
    attempt(client, caller, server, &trail).await
}

/// Makes one attempt that nothing else knows of, and closes the connection that came of it. Tells every stage; the last one
/// failed if the attempt did.
pub async fn probe(client: &Client, uri: &Arc<Uri>, user_agent: &str, resources: &Arc<Resources>) -> Vec<Step> {
    let trail = Trail::complete();
    let caller = Caller { user_agent, call: None };
    let server = Server::new(uri, 0, &TlsContext::default(), resources);
    match attempt(client, caller, &server, &trail).await {
        Ok(connected) => connected.close().await,
        Err(error) => trail.all_failed(&error.cause),
    }
    trail.steps()
}

/// Makes one attempt at each server of a client, one after the other; see [`probe`]. Gives their uris, for display, with what
/// came of them.
pub async fn probe_all(client: &Client, user_agent: &str, resources: &Arc<Resources>) -> Vec<(String, Vec<Step>)> {
    let mut probed = Vec::new();
    for uri in &client.servers {
        let steps = probe(client, uri, user_agent, resources).await;
        probed.push((uri.display.clone(), steps));
    }
    probed
}

/// Whether the attempt of a [`probe`] came to a websocket. Where a name has several addresses, some may have failed.
pub fn worked(steps: &[Step]) -> bool {
    steps.last().is_some_and(|step| step.outcome.is_ok())
}

/// One attempt; another one at once if the server would not have what stood in a file, and something else stands there by now.
async fn attempt(client: &Client, caller: Caller<'_>, server: &Server, trail: &Trail) -> Result<Connected, AttemptError> {
    let secrets = secrets::read(client, server, trail).await?;
    let outcome = within_timeout(client, &secrets, caller, server, trail).await;
    match outcome {
        Err(error) if error.status == Some(UNAUTHORIZED) && !client.secret_files.is_empty() => {
            match secrets::read(client, server, &Trail::position()).await {
                Ok(newer) if newer != secrets => {
                    trail.all_failed(&error.cause);
                    within_timeout(client, &newer, caller, server, trail).await
                }
                _ => Err(error),
            }
        }
        outcome => outcome,
    }
}

async fn within_timeout(
    client: &Client,
    secrets: &FileSecrets,
    caller: Caller<'_>,
    server: &Server,
    trail: &Trail,
) -> Result<Connected, AttemptError> {
    let connected = open(client, secrets, caller, server, trail);
    match timeout(client.connection_timeout, connected).await {
        Ok(outcome) => outcome,
        Err(_) => Err(trail.timed_out(client.connection_timeout, &server.rotation)),
    }
}

async fn open(
    client: &Client,
    secrets: &FileSecrets,
    caller: Caller<'_>,
    server: &Server,
    trail: &Trail,
) -> Result<Connected, AttemptError> {
    let dialed = server.resources.dialer.dial(client, server, trail).await?;
    let remote = dialed.remote;
    let mark = trail.enter(Stage::Upgrade, Some(remote));
    let (stream, meter) = Metered::new(dialed.stream);
    let (websocket, protocol) = upgrade::upgrade(stream, client, &server.uri, secrets, caller)
        .await
        .inspect_err(|_| server.rotation.failed(remote))?;
    trail.passed(mark, || upgrade::describe(protocol.as_deref()));
    server.rotation.succeeded(remote);
    Ok(Connected {
        websocket: Box::new(websocket),
        meter,
        remote,
        server: server.place,
        place: dialed.place,
        watched_elsewhere: is_watched_here(),
    })
}

async fn dial(client: &Client, server: &Server, trail: &Trail) -> Result<Dialed, AttemptError> {
    let resources = &server.resources;
    let uses_tls = client.uses_tls(&server.uri);
    let tls = uses_tls.then(|| server.tls.prepare(client, &resources.blocking));
    let mark = trail.enter(Stage::Resolve, None);
    let (host, port) = match &client.proxy {
        Some(proxy) => (proxy.host.as_str(), proxy.port),
        None => (server.uri.host.as_str(), client.port(&server.uri)),
    };
    let addresses = resources
        .resolver
        .resolve(host, port)
        .await
        .map_err(|error| AttemptError::new(Stage::Resolve, error))?;
    trail.passed(mark, || {
        let addresses: Vec<_> = addresses.iter().map(|found| found.ip().to_string()).collect();
        format!("{host}: {}", addresses.join(", "))
    });
    let addresses = server.rotation.order(addresses);
    let (tcp, place) = race::open(addresses, client.connection_timeout, server, trail).await?;
    let remote = tcp.peer_addr().map_err(|error| AttemptError::new(Stage::Tcp, error))?;
    configure(&tcp, client).map_err(|error| AttemptError::new(Stage::Tcp, error))?;

    let stream = secure(tcp, client, &server.uri, tls, trail, remote).await;
    let stream = stream.inspect_err(|_| server.rotation.failed(remote))?;
    Ok(Dialed {
        stream: Box::new(stream),
        remote,
        place,
    })
}

fn configure(tcp: &TcpStream, client: &Client) -> io::Result<()> {
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
    uri: &Uri,
    tls: Option<Preparing>,
    trail: &Trail,
    remote: SocketAddr,
) -> Result<Stream, AttemptError> {
    if let Some(proxy) = &client.proxy {
        let mark = trail.enter(Stage::Proxy, Some(remote));
        proxy::tunnel(&mut tcp, proxy, &uri.host, client.port(uri))
            .await
            .map_err(|cause| AttemptError::new(Stage::Proxy, cause))?;
        trail.passed(mark, || format!("tunnel to {}:{}", uri.host, client.port(uri)));
    }
    let Some(tls) = tls else {
        return Ok(Stream::Plain(tcp));
    };
    let mark = trail.enter(Stage::Tls, Some(remote));
    // Boxed, so that plain connections, which take the same way, do not have its size.
    let stream = Box::pin(tls.handshake(tcp, &uri.host)).await?;
    trail.passed(mark, || tls::describe(&stream, client));
    Ok(Stream::Tls(Box::new(stream)))
}
