//! Tests that do something to their whole process run in one of their own.

use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use std::{env, thread};

/// Names the test whose process this is.
const VARIABLE: &str = "ARIWS_TEST_IN_CHILD";
/// Far longer than any of them takes: one that hangs is to fail.
const DEADLINE: Duration = Duration::from_secs(120);

/// Runs the body of a test in a process of its own.
pub fn run<Body: FnOnce()>(body: Body) {
    let test = name_of::<Body>();
    let Some((status, output, errors)) = end_of(body) else {
        return;
    };
    assert!(status.success(), "{test}: {status}: {output}\n{errors}");
    assert!(output.contains("1 passed"), "there is no {test}: {output}\n{errors}");
}

/// The same for a body that ends its process: gives how it ended, and what it said. None in that process itself.
pub fn end_of<Body: FnOnce()>(body: Body) -> Option<(ExitStatus, String, String)> {
    let test = name_of::<Body>();
    if env::var(VARIABLE).is_ok_and(|name| name == test) {
        body();
        return None;
    }
    let program = env::current_exe().expect("this test");
    let mut child = Command::new(program)
        .args(["--exact", test, "--test-threads=1", "--nocapture"])
        .env(VARIABLE, test)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a process");
    let output = [
        read(child.stdout.take().expect("a pipe")),
        read(child.stderr.take().expect("a pipe")),
    ];
    let ended = wait(&mut child);
    let [output, errors] = output.map(|reader| reader.join().expect("what it says"));
    let status = ended.unwrap_or_else(|| panic!("{test} hangs: {output}\n{errors}"));
    Some((status, output, errors))
}

/// The name of the test that a closure is written in, with its module.
fn name_of<Body>() -> &'static str {
    let closure = std::any::type_name::<Body>();
    let path = closure.strip_suffix("::{{closure}}");
    let (_, test) = path.and_then(|path| path.split_once("::")).expect("a closure");
    test
}

/// Reads to the end, so that nothing that is said fills the pipe.
fn read(mut pipe: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut text = Vec::new();
        // What was read before an error is shown.
        let _ = pipe.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    })
}

/// Waits for its end; one that does not come to it is killed.
fn wait(child: &mut Child) -> Option<ExitStatus> {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(status) = child.try_wait().expect("its state") {
            return Some(status);
        }
        if Instant::now() >= deadline {
            child.kill().expect("its end");
            child.wait().expect("its end");
            return None;
        }
        thread::sleep(Duration::from_millis(5));
    }
}
