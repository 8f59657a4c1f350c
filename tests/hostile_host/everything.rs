//! Every function of an instance, each called with arguments that are right.

use std::ffi::CString;
use std::path::Path;
use std::ptr;
use std::sync::mpsc::channel;
use std::time::Duration;

use ariws::ffi::{ARIWS_OK, ariws_reload};
use ariws_testkit::handle::trusted;
use ariws_testkit::{Handle, Host};

/// A function's name and what it returned.
pub type Outcome = (&'static str, i32);

const NOBODYS: &str = "nobody's";

/// Calls every function; `unique` names what may exist once only.
pub fn call(handle: Handle, unique: &str) -> Vec<Outcome> {
    let name = CString::new(unique).expect("no NUL");
    let started = handle.stasis_start(NOBODYS, unique, "channel");
    let words = ["ari", "show"];
    let value = handle.connection_value("connection1", "state");
    // SAFETY: a host that wants no report passes nothing that would have to live.
    let reload = || unsafe { ariws_reload(handle.0, None, ptr::null_mut(), ptr::null_mut(), 0) };
    vec![
        ("event", handle.event("app1", r#"{"type":"Inside"}"#)),
        ("event_trusted", handle.event_trusted("app1", &trusted(b"{}", c"Inside"))),
        ("request_complete", handle.complete(u64::MAX, 204, None)),
        ("stasis_start", started.map_or_else(|(code, _)| code, |_| ARIWS_OK)),
        (
            "stasis_start_async",
            handle.begin_start(c"nobody's", &name, c"channel", channel().0),
        ),
        ("stasis_cancel", handle.stasis_cancel("nobody")),
        ("stasis_end", handle.leave(c"nobody's", c"channel")),
        ("cli_execute", handle.command("ari show sessions").0),
        ("cli_complete", handle.try_completions(&words, "").0),
        ("connection_value", value.map_or_else(|code| code, |_| ARIWS_OK)),
        ("metrics", handle.try_metrics().0),
        ("inbound_opened", handle.inbound_opened(unique, "", "")),
        ("inbound_closed", handle.inbound_closed(unique)),
        ("reload", reload()),
    ]
}

/// What is never allowed inside a callback.
pub fn call_forbidden(handle: Handle) -> Vec<Outcome> {
    let (host, nowhere) = (Host::new(), Path::new("/"));
    let loaded = Handle::load(handle.1, &host.table(), nowhere, &mut Vec::new(), |_| {});
    vec![
        ("load", loaded.map_or_else(|(code, _)| code, |_| ARIWS_OK)),
        ("unload", handle.unload(Duration::ZERO)),
    ]
}
