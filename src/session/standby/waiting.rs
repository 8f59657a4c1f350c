//! One open connection that waits for a call: kept alive, and given away alive or not at all.

use std::time::Duration;

use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::sync::oneshot;
use tokio::task::yield_now;
use tokio::time::{Instant as Timer, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message as Frame};

use crate::config::Keepalive;
use crate::net::{CLOSE_TIME, Connected, Link, Metered, Sockets};
use crate::session::endings::{End, described};
use crate::session::wire::failed;

/// How a connection is kept alive where `enable_pingpongs` does not say: more often than what lies in between forgets silent
/// ones. One that leaves a ping unanswered is replaced; nobody has it yet.
const PINGS: Keepalive = Keepalive {
    time: Duration::from_secs(20),
    interval: Duration::from_secs(20),
    probes: 1,
};
/// Frames between which the thread does other work.
const FRAMES: usize = 32;
/// Pings of the peer that may come while it takes no pong.
const UNTAKEN: usize = 64;

type Websocket = WebSocketStream<Metered<Box<dyn Link>>>;

/// What the connection is wanted for.
pub(super) enum Wish {
    /// A call takes it.
    Give(oneshot::Sender<Connected>),
    /// It is closed with 1000.
    Close,
}

/// How it ceased to wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Left {
    /// As was wished.
    AsWished,
    /// Its socket was needed elsewhere.
    GaveWay,
    /// It was lost, or left by the application.
    Lost(End),
}

impl Left {
    pub(super) fn lost(cause: &str) -> Self {
        Self::Lost(End::Lost(cause.to_owned()))
    }
}

/// Waits until the connection is wanted, or lost.
pub(super) async fn wait(
    connected: Connected,
    sockets: &Sockets,
    pingpong: Option<Keepalive>,
    mut wished: oneshot::Receiver<Wish>,
) -> Left {
    let keepalive = pingpong.unwrap_or(PINGS);
    let Connected {
        mut websocket,
        meter,
        remote,
        server,
        place,
        watched_elsewhere,
    } = connected;
    let lent = sockets.lend(place);
    let mut next_ping = Timer::now() + keepalive.time;
    let (mut unanswered, mut frames, mut untaken) = (0, 0, 0);
    loop {
        tokio::select! {
            biased;
            wish = &mut wished => {
                let Ok(Wish::Give(reply)) = wish else {
                    close(&mut websocket).await;
                    return Left::AsWished;
                };
                // What has come is read first: it may be the end.
                while let Some(frame) = websocket.next().now_or_never() {
                    if let Err(end) = judge(frame) {
                        return Left::Lost(end);
                    }
                }
                if websocket.get_ref().peer_has_gone() {
                    return Left::lost("the peer closed the connection");
                }
                let Some(place) = lent.keep() else {
                    drop(reply);
                    return give_way(websocket).await;
                };
                let given = Connected { websocket, meter, remote, server, place, watched_elsewhere };
                if let Err(mut kept) = reply.send(given) {
                    close(&mut kept.websocket).await;
                }
                return Left::AsWished;
            }
            () = lent.taken() => {
                // A call that asks now is not to wait for it.
                drop(wished);
                return give_way(websocket).await;
            }
            () = sleep_until(next_ping) => {
                if unanswered >= keepalive.probes {
                    return Left::lost(&format!("the peer answered none of {unanswered} pings"));
                }
                unanswered += 1;
                next_ping = Timer::now() + keepalive.interval;
                // What does not go out now goes with what is read next, or is not answered.
                let ping = websocket.send(Frame::Ping(b"standby".as_slice().into()));
                if let Some(Err(error)) = ping.now_or_never() {
                    return Left::lost(&failed(&error).0);
                }
            }
            frame = websocket.next() => {
                match judge(frame) {
                    Ok(Heard::Pong) => unanswered = 0,
                    Ok(Heard::Ping) => {
                        untaken = if meter.is_blocked() { untaken + 1 } else { 0 };
                    }
                    Err(end) => {
                        drop(wished);
                        close(&mut websocket).await;
                        return Left::Lost(end);
                    }
                }
                if untaken >= UNTAKEN {
                    return Left::lost("the peer sends pings and takes no pong");
                }
                frames += 1;
                if frames % FRAMES == 0 {
                    yield_now().await;
                }
            }
        }
    }
}

/// What a peer may send to a connection without an application.
enum Heard {
    Pong,
    Ping,
}

/// An error if the connection is of no use any more.
fn judge(frame: Option<Result<Frame, Error>>) -> Result<Heard, End> {
    let lost = |cause: &str| Err(End::Lost(cause.to_owned()));
    match frame {
        Some(Ok(Frame::Pong(_))) => Ok(Heard::Pong),
        Some(Ok(Frame::Ping(_) | Frame::Frame(_))) => Ok(Heard::Ping),
        Some(Ok(Frame::Text(_) | Frame::Binary(_))) => lost("the application sent a message, and there is no call yet"),
        Some(Ok(Frame::Close(frame))) => {
            let code = frame.as_ref().map(|frame| frame.code.into());
            let cause = format!("the application closed the connection ({})", described(frame.as_ref()));
            Err(End::ClosedByPeer(code, cause))
        }
        Some(Err(error)) => lost(&failed(&error).0),
        None => lost("the peer closed the connection"),
    }
}

/// Closes with 1000, or answers the peer's Close.
pub(super) async fn close(websocket: &mut Websocket) {
    let closing = async {
        // Whatever comes instead of an answer, it ends here.
        let _ = websocket.close(Some(normal())).await;
        while let Some(Ok(_)) = websocket.next().await {}
    };
    let _ = timeout(CLOSE_TIME, closing).await;
}

/// Closes with 1000 too. Its socket is to be gone soon, so that the answer is not waited for.
async fn give_way(mut websocket: Box<Websocket>) -> Left {
    let _ = timeout(CLOSE_TIME, WebSocketStream::close(&mut websocket, Some(normal()))).await;
    Left::GaveWay
}

fn normal() -> CloseFrame {
    CloseFrame {
        code: CloseCode::Normal,
        reason: "".into(),
    }
}
