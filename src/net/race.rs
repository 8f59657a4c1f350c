//! Opening TCP: the addresses are raced, so that one of which nothing comes costs a moment, not the attempt (RFC 8305).

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::trail::{Mark, Trail};
use super::{AttemptError, Place, Server, Stage};
use crate::threads::watched_here;

/// The Connection Attempt Delay of RFC 8305 section 5.
const LONGEST_HEAD_START: Duration = Duration::from_millis(250);
/// And the least that it allows.
const SHORTEST_HEAD_START: Duration = Duration::from_millis(10);

/// Opens TCP to the first address that takes it. Each has a head start before the next; it ends with its failure.
pub(super) async fn open(
    addresses: Vec<SocketAddr>,
    connection_timeout: Duration,
    server: &Server,
    trail: &Trail,
) -> Result<(TcpStream, Place), AttemptError> {
    // Of a short timeout some must be left for those that follow.
    let head_start = (connection_timeout / 4).clamp(SHORTEST_HEAD_START, LONGEST_HEAD_START);
    let mut waiting = addresses.into_iter();
    let mut runners: Vec<(SocketAddr, Mark)> = Vec::new();
    let mut connecting = FuturesUnordered::new();
    let mut last = AttemptError::new(Stage::Resolve, "the name has no address");
    // Until one of those that have begun leaves its socket.
    let mut is_short = false;
    loop {
        if let Some(&address) = waiting.as_slice().first() {
            match server.resources.sockets.take() {
                Ok(place) => {
                    waiting.next();
                    runners.push((address, trail.enter(Stage::Tcp, Some(address))));
                    connecting.push(async move {
                        let connected = watched_here(TcpStream::connect(address)).await;
                        (address, connected.map(|stream| (stream, place)))
                    });
                }
                // No address is to blame; those that have begun go on.
                Err(cause) if connecting.is_empty() => {
                    let mark = trail.enter(Stage::Tcp, None);
                    trail.failed(mark, &cause);
                    return Err(AttemptError::new(Stage::Tcp, cause));
                }
                Err(_) => is_short = true,
            }
        }
        let ended = tokio::select! {
            ended = connecting.next() => match ended {
                Some(ended) => ended,
                None => return Err(last),
            },
            () = sleep(head_start), if waiting.len() > 0 && !is_short => continue,
        };
        is_short = false;
        let Some(place) = runners.iter().position(|(address, _)| *address == ended.0) else {
            continue;
        };
        let (address, mark) = runners.remove(place);
        match ended.1 {
            Ok(opened) => {
                // Those that began before had their head start, and still said nothing.
                for (slow, mark) in runners.drain(..place) {
                    server.rotation.failed(slow);
                    trail.failed(mark, "no answer yet when another address had answered");
                }
                for (_, mark) in runners {
                    trail.forget(mark);
                }
                trail.passed(mark, || "connected".into());
                return Ok(opened);
            }
            Err(error) => {
                server.rotation.failed(address);
                trail.failed(mark, &error.to_string());
                last = AttemptError::new(Stage::Tcp, format!("{address}: {error}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::sync::Arc;

    use tokio::time::timeout;

    use super::*;
    use crate::config::Uri;
    use crate::net::{Resources, TlsContext};
    use crate::threads::Blocking;

    /// An address of which nothing comes: that of a listener whose queue is full.
    struct Silent {
        listener: socket2::Socket,
        _queue: Vec<socket2::Socket>,
    }

    impl Silent {
        fn new() -> Self {
            use socket2::{Domain, Socket, Type};
            let listener = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
            let any = SocketAddr::from(([127, 0, 0, 1], 0));
            listener.bind(&any.into()).expect("a free port");
            listener.listen(0).expect("a listener");
            let address = listener.local_addr().expect("its address");
            let queue = (0..3)
                .map(|_| {
                    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
                    socket.set_nonblocking(true).expect("an option");
                    // The first is queued; what comes then is dropped.
                    let _ = socket.connect(&address);
                    socket
                })
                .collect();
            Self { listener, _queue: queue }
        }

        fn address(&self) -> SocketAddr {
            let address = self.listener.local_addr().expect("its address");
            address.as_socket().expect("an internet address")
        }
    }

    async fn race(addresses: &[SocketAddr], server: &Server) -> (Option<SocketAddr>, Vec<String>) {
        let trail = Trail::complete();
        let timeout = Duration::from_secs(10);
        let opened = open(addresses.to_vec(), timeout, server, &trail).await;
        let peer = opened.ok().map(|(stream, _)| stream.peer_addr().expect("a peer"));
        let steps = trail
            .steps()
            .into_iter()
            .map(|step| match (step.address, step.outcome) {
                (Some(address), Ok(text) | Err(text)) => format!("{address}: {text}"),
                (None, Ok(text) | Err(text)) => text,
            })
            .collect();
        (peer, steps)
    }

    #[tokio::test]
    async fn an_address_of_which_nothing_comes_is_overtaken() {
        let silent = Silent::new();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let well = listener.local_addr().expect("its address");
        let server = Server::new(&Arc::<Uri>::default(), 0, &TlsContext::default(), &Arc::default());
        let (peer, steps) = race(&[silent.address(), well], &server).await;
        assert_eq!(peer, Some(well));
        assert_eq!(
            steps,
            [
                format!("{}: no answer yet when another address had answered", silent.address()),
                format!("{well}: connected"),
            ]
        );
        let next = server.rotation.order(vec![silent.address(), well]);
        assert_eq!(next.last(), Some(&silent.address()));
    }

    #[tokio::test]
    async fn an_address_for_which_there_is_no_socket_is_tried_when_there_is_one() {
        let silent = Silent::new();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let well = listener.local_addr().expect("its address");
        let resources = Arc::new(Resources::new(Blocking::default(), 1));
        let server = Server::new(&Arc::<Uri>::default(), 0, &TlsContext::default(), &resources);
        let trail = Trail::position();
        let opening = open(vec![silent.address(), well], Duration::from_secs(10), &server, &trail);
        let reset = async {
            while resources.sockets.in_use().refused == 0 {
                sleep(Duration::from_millis(5)).await;
            }
            // Whoever had begun is refused.
            drop(silent);
        };
        let both = timeout(Duration::from_secs(30), async { tokio::join!(opening, reset).0 });
        let opened = both.await.expect("an outcome in time");
        let (stream, _) = opened.expect("a connection to the other address");
        assert_eq!(stream.peer_addr().expect("a peer"), well);
    }

    #[tokio::test]
    async fn a_refusal_ends_the_head_start() {
        let refusing = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("an address where nobody listens any more");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let well = listener.local_addr().expect("its address");
        let (peer, steps) = race(
            &[refusing, well],
            &Server::new(&Arc::<Uri>::default(), 0, &TlsContext::default(), &Arc::default()),
        )
        .await;
        assert_eq!(peer, Some(well));
        assert_eq!(steps.len(), 2, "{steps:?}");
        assert!(steps[0].contains("refused"), "{steps:?}");
    }

    #[tokio::test]
    async fn where_all_refuse_the_last_refusal_is_told() {
        let refusing = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("an address where nobody listens any more");
        let trail = Trail::position();
        let timeout = Duration::from_secs(10);
        let error = open(
            vec![refusing],
            timeout,
            &Server::new(&Arc::<Uri>::default(), 0, &TlsContext::default(), &Arc::default()),
            &trail,
        )
        .await
        .expect_err("nobody listens");
        assert_eq!(error.stage, Stage::Tcp);
        assert!(error.cause.starts_with(&refusing.to_string()), "{error}");
    }
}
