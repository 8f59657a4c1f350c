//! Persistent connections that are down: each has a line of its own when its outage begins, and from then on all of them
//! together have one line a minute, however many they are.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;

use super::Engine;
use crate::session::Phase;

/// From one line to the next.
const INTERVAL: Duration = Duration::from_secs(60);
/// How many connections a line names.
const NAMED: usize = 3;

/// A connection that is down.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Outage {
    connection: String,
    reason: String,
}

impl Engine {
    /// Tells of outages for as long as the runtime lives.
    pub(super) async fn tell_of_outages(self: Arc<Self>) {
        watch(
            &self.context.outage_begun,
            || self.outages(),
            |line| self.log().warning("", line),
        )
        .await;
    }

    fn outages(&self) -> Vec<Outage> {
        if self.is_unloading() {
            return Vec::new();
        }
        let sessions: Vec<_> = self.table().all_persistent().cloned().collect();
        let views = sessions.iter().map(|session| (session.id(), session.view()));
        views
            .filter(|(_, view)| view.failed_attempts > 0 && matches!(view.phase, Phase::Connecting | Phase::Waiting))
            .map(|(id, view)| Outage {
                connection: id.to_owned(),
                reason: view.last_error.unwrap_or_default(),
            })
            .collect()
    }
}

/// Has no timer while nothing is down.
async fn watch(begun: &Notify, outages: impl Fn() -> Vec<Outage>, tell: impl Fn(String)) {
    loop {
        begun.notified().await;
        loop {
            sleep(INTERVAL).await;
            let Some(line) = line(&outages()) else {
                break;
            };
            tell(line);
        }
    }
}

/// What is said of the connections that are down; nothing if there are none.
fn line(outages: &[Outage]) -> Option<String> {
    let reason = most_frequent(outages.iter().map(|outage| outage.reason.as_str()))?;
    let names: Vec<_> = outages.iter().take(NAMED).map(|outage| outage.connection.as_str()).collect();
    let (names, count) = (names.join(", "), outages.len());
    Some(match count {
        1 => format!("connection {names} is still down ({reason})"),
        _ if count <= NAMED => {
            format!("{count} connections are still down: {names} (most often: {reason})")
        }
        _ => format!(
            "{count} connections are still down: {names} and {} more (most often: {reason})",
            count - NAMED
        ),
    })
}

/// Of those that are equally frequent, the first.
fn most_frequent<'a>(texts: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut counts: HashMap<&str, (usize, usize)> = HashMap::new();
    for (place, text) in texts.enumerate() {
        counts.entry(text).or_insert((0, place)).0 += 1;
    }
    let most = counts
        .into_iter()
        .max_by_key(|&(_, (count, place))| (count, usize::MAX - place));
    most.map(|(text, _)| text)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use tokio::time::{Instant, timeout};

    use super::*;

    fn outage(connection: &str, reason: &str) -> Outage {
        Outage {
            connection: connection.into(),
            reason: reason.into(),
        }
    }

    #[test]
    fn one_connection_is_named_with_its_reason() {
        assert_eq!(
            line(&[outage("bots", "refused")]).as_deref(),
            Some("connection bots is still down (refused)")
        );
    }

    #[test]
    fn a_few_are_named_with_the_most_frequent_reason() {
        let outages = [outage("a", "reset"), outage("b", "refused"), outage("c", "refused")];
        assert_eq!(
            line(&outages).as_deref(),
            Some("3 connections are still down: a, b, c (most often: refused)")
        );
    }

    #[test]
    fn many_are_counted() {
        let outages: Vec<_> = (1..=100).map(|number| outage(&number.to_string(), "refused")).collect();
        assert_eq!(
            line(&outages).as_deref(),
            Some("100 connections are still down: 1, 2, 3 and 97 more (most often: refused)")
        );
    }

    #[test]
    fn there_is_nothing_to_say_of_none() {
        assert_eq!(line(&[]), None);
    }

    #[tokio::test(start_paused = true)]
    async fn there_is_a_line_a_minute_until_nothing_is_down() {
        let (begun, down) = (Notify::new(), RefCell::new(vec![outage("bots", "refused")]));
        let (began, told) = (Instant::now(), RefCell::new(Vec::new()));
        let tell = |_| {
            told.borrow_mut().push(began.elapsed().as_secs());
            if told.borrow().len() == 3 {
                down.borrow_mut().clear();
            }
        };
        begun.notify_one();
        let watch = watch(&begun, || down.borrow().clone(), tell);
        assert!(timeout(Duration::from_secs(3600), watch).await.is_err());
        assert_eq!(*told.borrow(), [60, 120, 180]);
    }
}
