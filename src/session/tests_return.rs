//! Many hosts lose one server at the same moment: how they return, by a clock that costs no time.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::backoff::{pause, random};
use crate::config::{self, Client};

const HOSTS: usize = 10_000;
const OUTAGE: Duration = Duration::from_secs(8);
const BIN: Duration = Duration::from_millis(100);

/// How many of the hosts attempt to connect in each tenth of a second of an outage.
async fn attempts(client: &Client) -> Vec<usize> {
    let began = Instant::now();
    let (attempt, mut attempted) = mpsc::unbounded_channel();
    for _ in 0..HOSTS {
        let (client, attempt) = (client.clone(), attempt.clone());
        tokio::spawn(async move {
            let mut failures = 0;
            while began.elapsed() < OUTAGE {
                let _ = attempt.send(began.elapsed());
                // Refused at once.
                failures += 1;
                sleep(pause(&client, failures, random())).await;
            }
        });
    }
    drop(attempt);
    let mut bins = vec![0; (OUTAGE.as_millis() / BIN.as_millis()) as usize];
    while let Some(time) = attempted.recv().await {
        bins[(time.as_millis() / BIN.as_millis()) as usize] += 1;
    }
    bins
}

fn client(more: &str) -> Client {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("ari.conf"), "").expect("ari.conf");
    let text = format!("[c]\ntype=websocket_client\nuri=ws://h\nconnection_type=persistent\nreconnect_interval=500\n{more}");
    std::fs::write(folder.path().join("websocket_client.conf"), text).expect("a file");
    let reading = config::read(folder.path(), None).expect("a configuration");
    Client::clone(&reading.config.clients["c"])
}

fn print(title: &str, bins: &[usize]) {
    println!("attempts of {HOSTS} hosts per 100 ms, {title}");
    for (second, bins) in bins.chunks(10).enumerate() {
        let counts: String = bins.iter().map(|count| format!(" {count:>6}")).collect();
        println!("{second:>3} s{counts}");
    }
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_hosts_return_a_tenth_at_a_time() {
    let fixed = attempts(&client("")).await;
    let spread = attempts(&client("max_reconnect_interval=30000")).await;
    print("reconnect_interval = 500", &fixed);
    print("and max_reconnect_interval = 30000", &spread);
    let highest_after_two_seconds = |bins: &[usize]| bins.iter().skip(20).copied().max();
    let (fixed, spread) = (
        highest_after_two_seconds(&fixed).expect("a longer outage"),
        highest_after_two_seconds(&spread).expect("a longer outage"),
    );
    assert!(spread * 10 < fixed, "{spread} at once, of {fixed}");
}
