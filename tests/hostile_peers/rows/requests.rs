//! Requests.

use crate::bytes::*;
use crate::row::Step::*;
use crate::row::{Group, Row, Seen, answered, asked, closed, made_again, row, rows, stays_up};

pub fn group() -> Group {
    Group {
        name: "requests",
        about: "The host answers at once here, with 204 where the library does not answer itself.",
        settings: &[],
        before: vec![],
        rows: [methods(), uris(), ids()].concat(),
    }
}

/// Sends a request for this, which is answered with the status.
fn asks(peer: &str, method: &str, uri: &str, status: u16) -> Row {
    asked(peer, text(request(method, uri)), status)
}

fn methods() -> Vec<Row> {
    let mut read_only = asks("is read-only and deletes a channel", "DELETE", "channels/1", 403);
    read_only.promise.settings = &["local_ari_user = reader"];
    rows! {
        read_only;
        asks("uses the method BREW", "BREW", "channels", 400);
        asks("puts a line into the method", "GET / HTTP/1.1\r\nX:", "channels", 400);
        asks("uses a method of 900 kB", &"G".repeat(900_000), "channels", 400);
        asks("asks for a websocket within the websocket, with an escape in its path", "GET", "%65vents", 400);
    }
}

fn uris() -> Vec<Row> {
    let parameters = (0..1000).map(|number| format!("p{number}=1")).collect::<Vec<_>>().join("&");
    let more = format!("channels?{parameters}&more=1");
    rows! {
        asks("sends a uri of 900 kB", "GET", &"u".repeat(900_000), 204);
        asks("goes up folders", "GET", "../../../../etc/passwd", 204);
        asks("escapes a NUL in a parameter", "GET", "channels?a=x%00y", 400);
        asks("escapes what is not UTF-8", "GET", "channels?a=%ff%fe", 204);
        asks("sends a thousand parameters", "GET", &format!("channels?{parameters}"), 204);
        asks("sends a parameter more than that", "GET", &more, 400);
    }
}

fn ids() -> Vec<Row> {
    let id = |peer: &str, member: &str, id| {
        let promise = stays_up().sees([Seen::AnswerTo(id, 204)]);
        row(&format!("sends an id that is {peer}"), [Up, Send(with(member))], promise)
    };
    let long = with(&format!("\"request_id\":\"{}\"", "i".repeat(900_000)));
    let mut rows = rows! {
        id("a number; it comes back as a string", r#""request_id":7"#, "7");
        id("`true`; it counts as none", r#""request_id":true"#, "");
        asked("sends an id of 900 kB", long, 204);
    };
    rows.extend(rows! {
        "sends three requests with the same id", [Up, Send(ask().repeat(3))]
            => stays_up().sees([Seen::Answer(204), Seen::Answer(204), Seen::Answer(204)]);
        "sends 200 requests and a ping behind them", [Up, Send([ask().repeat(200), frame(FINAL | PING, "x")].concat())]
            => stays_up().sees([Seen::Pong(1)]);
        "sends a request that the host never answers", [Up, Send(text(request("GET", "never")))]
            => answered(504).with(&["request_timeout = 1000"]).takes_time(5000);
        "sends ten requests that the host never answers, and resets", [Up, Send(text(request("GET", "never")).repeat(10)), Reset]
            => made_again().with(&["request_timeout = 200", "request_concurrency = 10"]);
        "sends a request and closes", [Up, Send([ask(), close(1000, "")].concat())] => closed(1000);
    });
    rows
}
