//! A system that refuses memory for what a peer or the host makes large.

use std::fs;

use ariws::ffi::*;
use ariws_testkit::{Connection, Pbx, refusing_memory, refusing_memory_elsewhere, request};
use serde_json::{Value, json};

use crate::child;

const MEBIBYTE: usize = 1 << 20;

/// A persistent connection over which all is well.
struct Setting {
    pbx: Pbx,
    connection: Connection,
}

impl Setting {
    fn new() -> Self {
        let (pbx, connection) = Pbx::persistent("app1").up();
        Self { pbx, connection }
    }

    fn event(&self, json: &str) -> i32 {
        self.pbx.event("app1", json)
    }

    /// The id of a request that the host has not answered.
    fn ask(&mut self) -> u64 {
        self.pbx.host.forget();
        self.connection.send(&request("r", "GET", "large"));
        self.pbx.wait_for_request("large").id
    }

    fn complete(&self, id: u64, status: i32, body: Option<&str>) -> i32 {
        self.pbx.complete(id, status, body)
    }

    /// All is as before.
    fn works(&mut self) {
        assert_eq!(self.event(r#"{"type":"Short"}"#), ARIWS_OK);
        self.connection.says(["Short app1"]);
        let id = self.ask();
        assert_eq!(self.complete(id, 204, None), ARIWS_OK);
        assert_eq!(self.connection.json()["status_code"], 204);
    }

    fn has_dropped_one_event(&self) {
        assert_eq!(self.pbx.metric(r#"events_dropped_total{reason="no_memory"}"#), 1);
        assert_eq!(self.pbx.metric("events_dropped_total"), 1);
    }
}

/// JSON of about so many bytes.
fn large(kind: &str, bytes: usize) -> String {
    format!(r#"{{"type":"{kind}","text":"{}"}}"#, "x".repeat(bytes))
}

/// Lets the process map so many bytes more than it has.
fn limit_memory(more: Option<usize>) {
    let statm = fs::read_to_string("/proc/self/statm").expect("proc(5)");
    let pages = statm.split(' ').next().and_then(|pages| pages.parse().ok());
    let mapped: usize = pages.expect("a number of pages");
    let limit = match more {
        Some(more) => (mapped * 4096 + more) as u64,
        None => libc::RLIM_INFINITY,
    };
    let limit = libc::rlimit {
        rlim_cur: limit,
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: the limit is valid to read.
    let set = unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) };
    assert_eq!(set, 0);
}

/// What the process may still have, but for less than a MiB in one piece: the C library keeps some of what was freed.
fn all_memory() -> Vec<Vec<u8>> {
    let mut all = Vec::with_capacity(4096);
    loop {
        let mut memory: Vec<u8> = Vec::new();
        match memory.try_reserve_exact(MEBIBYTE) {
            Ok(()) => all.push(memory),
            Err(_) => return all,
        }
    }
}

#[test]
fn an_event_or_an_answer_that_there_is_no_memory_for_is_an_error() {
    child::run(|| {
        let mut setting = Setting::new();
        let (event, body) = (large("Large", 4 * MEBIBYTE), large("x", 4 * MEBIBYTE));
        let id = setting.ask();
        limit_memory(Some(2 * MEBIBYTE));
        let hoard = all_memory();
        let offered = setting.event(&event);
        let answered = setting.complete(id, 200, Some(&body));
        drop(hoard);
        limit_memory(None);
        assert_eq!((offered, answered), (ARIWS_ERROR_SYSTEM, ARIWS_ERROR_SYSTEM));
        // The request still waits.
        assert_eq!(setting.complete(id, 200, Some(&body)), ARIWS_OK);
        let answer = setting.connection.json();
        assert_eq!(answer["message_body"], Value::from(body));
        assert_eq!(setting.event(&event), ARIWS_OK);
        setting.connection.says(["Large app1"]);
        setting.works();
        setting.has_dropped_one_event();
    });
}

#[test]
fn any_large_allocation_of_an_event_or_an_answer_may_be_refused() {
    child::run(|| {
        let mut setting = Setting::new();
        let text = large("Large", MEBIBYTE);
        // What is sent is another test's.
        let mut refusals = 0;
        for granted in 0.. {
            let offered = refusing_memory(MEBIBYTE, granted, || setting.event(&text));
            if offered == ARIWS_OK {
                break;
            }
            assert_eq!(offered, ARIWS_ERROR_SYSTEM);
            refusals += 1;
            setting.works();
        }
        assert!(refusals > 0, "nothing was refused");
    });
}

#[test]
fn an_event_that_there_is_no_memory_to_send_is_dropped_and_told() {
    child::run(|| {
        let mut setting = Setting::new();
        let text = large("Large", MEBIBYTE);
        refusing_memory_elsewhere(MEBIBYTE, || {
            assert_eq!(setting.event(&text), ARIWS_OK);
            setting
                .pbx
                .wait_for_log("the system refused the memory to send an event of 1048");
            setting.works();
        });
        setting.has_dropped_one_event();
    });
}

#[test]
fn an_answer_that_there_is_no_memory_to_send_is_a_short_one() {
    child::run(|| {
        let mut setting = Setting::new();
        let body = large("x", MEBIBYTE);
        let id = setting.ask();
        refusing_memory_elsewhere(MEBIBYTE, || {
            assert_eq!(setting.complete(id, 200, Some(&body)), ARIWS_OK);
            let answer = setting.connection.json();
            assert_eq!(answer["status_code"], 507, "{answer}");
            assert_eq!(answer["request_id"], "r");
            setting
                .pbx
                .wait_for_log("the system refused the memory to send an answer of ");
        });
        setting.works();
    });
}

#[test]
fn an_answer_that_there_is_no_memory_to_make_is_a_short_one() {
    child::run(|| {
        let mut setting = Setting::new();
        let body = large("x", MEBIBYTE);
        let mut statuses = Vec::new();
        for granted in 0.. {
            let id = setting.ask();
            let complete = || setting.complete(id, 200, Some(&body));
            let answered = refusing_memory(MEBIBYTE, granted, complete);
            if answered == ARIWS_ERROR_SYSTEM {
                assert_eq!(setting.complete(id, 204, None), ARIWS_OK);
            }
            let status = setting.connection.json()["status_code"].as_u64();
            statuses.push(status.expect("a status"));
            if statuses.last() == Some(&200) {
                break;
            }
        }
        statuses.dedup();
        assert_eq!(statuses, [204, 507, 200]);
        setting.works();
    });
}

#[test]
fn a_request_that_there_is_no_memory_for_is_refused() {
    child::run(|| {
        let mut setting = Setting::new();
        let mut message = request("large", "POST", "x");
        message["content_type"] = json!("application/json");
        message["message_body"] = json!(large("x", MEBIBYTE / 4));
        refusing_memory_elsewhere(MEBIBYTE, || {
            setting.connection.send(&message);
            let answer = setting.connection.json();
            assert_eq!(answer["status_code"], 503, "{answer}");
            assert_eq!(answer["request_id"], "large");
        });
        setting.works();
    });
}
