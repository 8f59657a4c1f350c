//! A file ten times as large takes about ten times as long, whatever is in it, up to ten megabytes.
//!
//! What is compared is the time that the reading thread computes, not what passes meanwhile: a busy machine changes
//! little of it.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::{ARI, CLIENT, Files, client_with};

/// What a file may have.
const TEN_MEGABYTES: usize = 10 << 20;
/// What suffices where each line takes its time; tests are not optimized.
const ONE_MEGABYTE: usize = 1 << 20;
/// What the large file may take, in times of the small one. Ten would be linear, a hundred would be quadratic.
const MOST: f64 = 30.0;
/// Times that the small file is read: the shortest time is the one that the least has disturbed. The large one is read
/// once, as a disturbance does not make it three times as long.
const RUNS: usize = 3;

/// What this thread has computed so far.
fn computed() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let nanoseconds = u32::try_from(time.tv_nsec).expect("less than a second");
    Duration::new(u64::try_from(time.tv_sec).expect("a time"), nanoseconds)
}

/// What it takes to read the files, with whatever result.
fn time(files: &Files) -> Duration {
    let before = computed();
    drop(files.try_read(None));
    computed() - before
}

/// `files` makes files with so many bytes in all.
fn assert_linear(size: usize, files: impl Fn(usize) -> Files) {
    let small = files(size / 10);
    let small = (0..RUNS).map(|_| time(&small)).min();
    let small = small.expect("several times");
    let large = time(&files(size));
    let ratio = large.as_secs_f64() / small.as_secs_f64();
    assert!(ratio < MOST, "{small:?} and {large:?}: {ratio:.1} times");
}

/// As [`assert_linear`], of a `websocket_client.conf` that begins as usual and goes on with `text` again and again.
fn assert_linear_lines(size: usize, text: &str) {
    assert_linear(size, |size| {
        Files::new(ARI, &format!("{CLIENT}{}", text.repeat(size / text.len())))
    });
}

/// The same with the number of each line in it.
fn assert_linear_numbered(size: usize, line: impl Fn(usize) -> String) {
    assert_linear(size, |size| {
        let mut text = CLIENT.to_owned();
        for number in 0.. {
            if text.len() >= size {
                break;
            }
            text.push_str(&line(number));
        }
        Files::new(ARI, &text)
    });
}

#[test]
fn one_long_value() {
    assert_linear(TEN_MEGABYTES, |size| {
        Files::new(ARI, &format!("{CLIENT}protocols = {}", "x".repeat(size)))
    });
}

#[test]
fn one_long_value_with_escapes() {
    assert_linear(TEN_MEGABYTES, |size| {
        let escapes = "\\;".repeat(size / 2);
        Files::new(ARI, &format!("{CLIENT}protocols = {escapes}"))
    });
}

#[test]
fn one_long_uri() {
    assert_linear(TEN_MEGABYTES, |size| {
        let text = "@:%".repeat(size / 3);
        Files::new(ARI, &client_with(&format!("uri = {text}")))
    });
}

#[test]
fn one_long_list_of_applications() {
    assert_linear(ONE_MEGABYTE, |size| {
        let apps: Vec<String> = (0..size / 8).map(|number| format!("a{number}")).collect();
        Files::new(&format!("{ARI}apps = {}", apps.join(",")), CLIENT)
    });
}

#[test]
fn one_long_list_of_templates() {
    assert_linear(ONE_MEGABYTE, |size| {
        let names = "client1,".repeat(size / 8);
        Files::new(ARI, &format!("{CLIENT}[x]({names})"))
    });
}

#[test]
fn many_sections() {
    assert_linear_numbered(ONE_MEGABYTE, |number| {
        format!("[c{number}]\ntype = websocket_client\nuri = ws://h\nconnection_type = persistent\n")
    });
}

#[test]
fn many_sections_of_one_name() {
    assert_linear_lines(ONE_MEGABYTE, "[x]\n");
}

#[test]
fn many_additions_to_a_section() {
    assert_linear_lines(ONE_MEGABYTE, "[client1](+)\nprotocols += x\n");
}

#[test]
fn many_sections_that_inherit_from_the_one_before() {
    assert_linear_numbered(ONE_MEGABYTE, |number| match number {
        0 => "[t0](!)\na=b\n".to_owned(),
        number => format!("[t{number}](!,t{})\na=b\n", number - 1),
    });
}

#[test]
fn many_sections_that_inherit_from_a_large_one() {
    assert_linear(ONE_MEGABYTE, |size| {
        let template = "a=b\n".repeat(size / 2 / 4);
        let heirs = "[x](t)\n".repeat(size / 2 / 7);
        Files::new(ARI, &format!("{CLIENT}[t](!)\n{template}{heirs}"))
    });
}

#[test]
fn many_settings_of_one_key() {
    assert_linear_lines(TEN_MEGABYTES, "uri = ws://h\n");
}

#[test]
fn many_unknown_parameters() {
    assert_linear_numbered(ONE_MEGABYTE, |number| format!("reconnect_intervall{number} = x\n"));
}

#[test]
fn many_lines_that_mean_nothing() {
    assert_linear_lines(ONE_MEGABYTE, "garbage\n= x\n# y\n");
}

#[test]
fn many_comments_in_one_another() {
    assert_linear_lines(TEN_MEGABYTES, ";--");
    assert_linear(TEN_MEGABYTES, |size| {
        let (begin, end) = (";-- ".repeat(size / 8), " --;".repeat(size / 8));
        Files::new(ARI, &format!("{CLIENT}{begin}{end}"))
    });
}

#[test]
fn many_comments_on_one_line() {
    assert_linear_lines(TEN_MEGABYTES, ";-- x --;");
}

#[test]
fn many_connections_with_one_application() {
    assert_linear(ONE_MEGABYTE, |size| {
        let mut ari = ARI.to_owned();
        for number in 0.. {
            if ari.len() >= size {
                break;
            }
            ari.push_str(&format!("[c{number}](connection1)\n"));
        }
        Files::new(&ari, CLIENT)
    });
}

#[test]
fn includes_in_one_another() {
    assert_linear(ONE_MEGABYTE, |size| {
        let files = Files::new(ARI, &format!("{CLIENT}#include 1.conf\n"));
        let lines = "protocols = x\n".repeat(size / 9 / 14);
        for number in 1..10 {
            let next = format!("#include {}.conf\n", number + 1);
            files.write(&format!("{number}.conf"), format!("{lines}{next}{lines}"));
        }
        files.write("10.conf", "");
        files
    });
}

#[test]
fn includes_by_a_pattern() {
    assert_linear(ONE_MEGABYTE, |size| {
        let files = Files::new(ARI, &format!("{CLIENT}#include d/*.conf\n"));
        let lines = "protocols = x\n".repeat(size / 900 / 14);
        for number in 0..900 {
            files.write(&format!("d/{number}.conf"), &lines);
        }
        files
    });
}

#[test]
fn includes_of_what_is_not_there() {
    assert_linear_lines(ONE_MEGABYTE, "#tryinclude none\n#tryinclude none*\n");
}
