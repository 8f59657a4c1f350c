//! Timeouts of the library's that are longer in a replay than in its recording: servers of a replay share the processors with
//! those of other cases, and may have to wait for one. What the library prints is what was recorded.

use super::configured;

/// By how much they are longer, in milliseconds; longer than whatever a server has to wait for.
const LONGER: u64 = 60_000;
const PARAMETER: &str = "connection_timeout";
/// What `ari show outbound-websocket` calls it.
const SHOWN: &str = "connec_timeout = ";

/// A configuration file with timeouts that no busy machine exceeds.
pub fn lengthened(text: &str) -> String {
    if text.to_ascii_lowercase().contains(PARAMETER) {
        return each_line(text, |line| {
            let (name, value) = line.split_once('=')?;
            let given = (name.trim() == PARAMETER)
                .then(|| value.trim().parse().ok())
                .flatten();
            let given = given.filter(|given| (1..LONGER).contains(given))?;
            Some(format!("{PARAMETER} = {}\n", given + LONGER))
        });
    }
    each_line(text, |line| {
        let (name, value) = line.split_once('=')?;
        let is_client = name.trim() == "type" && value.trim() == "websocket_client";
        let default = configured::DEFAULT_MILLISECONDS + LONGER;
        is_client.then(|| format!("{line}{PARAMETER} = {default}\n"))
    })
}

/// What the library printed, with the timeouts as they were recorded.
pub fn recorded(output: &str) -> String {
    each_line(output, |line| {
        let (before, value) = line.split_once(SHOWN)?;
        let given: u64 = value.trim().parse().ok()?;
        let (blanks, _) = value.split_at(value.len() - value.trim_start().len());
        let given = given.checked_sub(LONGER)?;
        Some(format!("{before}{SHOWN}{blanks}{given}\n"))
    })
}

/// The text with those lines replaced for which there is something else.
fn each_line(text: &str, replace: impl Fn(&str) -> Option<String>) -> String {
    text.split_inclusive('\n')
        .map(|line| replace(line).unwrap_or_else(|| line.to_owned()))
        .collect()
}

/// What the tests of the runner itself check.
pub fn check() {
    assert_eq!(
        lengthened("[c]\ntype = websocket_client\nconnection_timeout = 700\n"),
        "[c]\ntype = websocket_client\nconnection_timeout = 60700\n"
    );
    assert_eq!(
        lengthened("[c]\ntype = websocket_client\nuri = x\n"),
        "[c]\ntype = websocket_client\nconnection_timeout = 60500\nuri = x\n"
    );
    for odd in ["connection_timeout = abc\n", "connection_timeout = -5\n"] {
        assert_eq!(lengthened(odd), odd);
    }
    assert_eq!(
        recorded("connec_timeout =         60700\n"),
        "connec_timeout =         700\n"
    );
    assert_eq!(recorded("connec_timeout = 700\n"), "connec_timeout = 700\n");
}
