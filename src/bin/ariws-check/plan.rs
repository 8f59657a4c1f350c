//! What several servers mean for a call or a connection, in words and milliseconds.

use std::time::Duration;

use ariws::config::{Client, ConnectionType, Preference};

/// The order of the servers, and what follows when one of them is down; nothing of a client that has one server.
pub(crate) fn plan(client: &Client) -> Vec<String> {
    let [first, second, ..] = &client.servers[..] else {
        return Vec::new();
    };
    let (first, second) = (&first.display, &second.display);
    let numbered = client.servers.iter().enumerate();
    let mut plan: Vec<_> = numbered
        .map(|(place, uri)| format!("{}. {}", place + 1, uri.display))
        .collect();
    let (timeout, failback) = (client.connection_timeout.as_millis(), client.failback_interval.as_millis());
    let tried = format!("at once if it refuses, after {timeout} ms (connection_timeout) if it does not answer");
    match (client.connection_type, client.preference) {
        (ConnectionType::Persistent, _) => {
            plan.push(format!(
                "the connection is made to {first}; when that is down, to {second}: {tried}"
            ));
            plan.push(format!(
                "while it runs on a later server, those before it are tried every {failback} ms (failback_interval), and it moves to \
                 the first that answers"
            ));
        }
        (ConnectionType::PerCallConfig, preference) => {
            plan.push(match preference {
                Preference::Failover => {
                    format!("a call goes to {first}; the first one that finds it down goes to {second}: {tried}")
                }
                Preference::Spread => {
                    format!(
                        "each call goes to the next of them; the first one that finds it down goes to the one after it: {tried}"
                    )
                }
            });
            plan.push(format!(
                "from then on calls go past it without a wait, and it is tried every {failback} ms (failback_interval) until it answers"
            ));
            plan.push(format!(
                "if none can be had, a call goes on with STASISSTATUS=FAILED after {}, {} ms after it came if none answers",
                match client.attempts() {
                    1 => "one round of attempts".to_owned(),
                    rounds => format!("{rounds} rounds of attempts (reconnect_attempts)"),
                },
                longest(client).as_millis()
            ));
            if let Some(longest) = client.fail_fast {
                plan.push(format!(
                    "while all are known to be down, it does after {} ms (fail_fast)",
                    longest.as_millis()
                ));
            }
        }
    }
    plan
}

/// What the attempts of a call take if no server answers: the longest pauses between rounds, and each attempt its timeout.
fn longest(client: &Client) -> Duration {
    let rounds = client.attempts();
    let servers = u32::try_from(client.servers.len()).unwrap_or(u32::MAX);
    let attempts = client.connection_timeout.saturating_mul(servers).saturating_mul(rounds);
    let pauses = match client.max_reconnect_interval {
        None => client.interval().saturating_mul(rounds - 1),
        Some(longest) => {
            let doubled =
                (0..rounds.saturating_sub(1).min(31)).map(|doublings| client.interval().saturating_mul(1 << doublings));
            let sum: Duration = doubled.map(|pause| pause.min(longest)).sum();
            sum.saturating_add(longest.saturating_mul(rounds.saturating_sub(32)))
        }
    };
    attempts.saturating_add(pauses)
}
