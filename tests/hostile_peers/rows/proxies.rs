//! Proxies that are no help.

use crate::bytes::*;
use crate::row::Step::*;
use crate::row::{Group, answered, refused, rows};

pub fn group() -> Group {
    let connected = || Send(status("200 OK"));
    Group {
        name: "proxies",
        about: "What goes for servers before the upgrade goes for a proxy (`proxy_host`), too, and `connection_timeout` is for \
                both together.",
        settings: &["proxy_host = {address}"],
        before: vec![Head, connected()],
        rows: rows! {
            "answers 407", [Head, Send(status("407 No"))] => refused("check proxy_username and proxy_password");
            "speaks SOCKS", [Head, Send(b"\x05\0".repeat(9))] => refused("the answer is not HTTP/1");
            "sends more than its answer", [Head, Send([status("200 OK"), vec![b'x'; 100]].concat())]
                => refused("the proxy sent more than its answer");
            "connects and answers the upgrade itself with a page", [Head, connected(), Head, Send(status("200 OK"))]
                => refused("the server answered 200 OK");
            "connects and says nothing", [Head, connected(), Head]
                => refused("(connection_timeout)").with(&["connection_timeout = 1000"]).takes_time(3000);
            "sends its answer byte by byte", [Head, Pieces(status("200 OK"), 1, 0), Up, Send(ask())] => answered(204);
        },
    }
}
