//! The websockets of a session that have requests, and what belongs to each.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

use super::queue::Queue;

/// Requests of one websocket that may be waiting, with the host, or answered and not sent; more are refused. They go on
/// being read, so that an application that asks without pause hears so, and its pings and its end are noticed.
pub(super) const PLACES: usize = 4096;
/// The requests of one websocket.
pub(super) struct Requests {
    /// The number of the websocket among those of its session.
    pub(super) number: u64,
    pub(super) queue: Mutex<Queue>,
    /// The places that are taken.
    pub(super) places: TaskTracker,
    pub(super) refusals: TaskTracker,
    /// Refused requests of which the log was told.
    pub(super) refused: Mutex<u64>,
    /// Tells who watches that the websocket has ended, or one of its last requests.
    pub(super) changed: Notify,
    /// Where its tasks run.
    pub(super) runtime: Handle,
}

impl Requests {
    /// Of a websocket that is open; on one of the library's tasks.
    fn new(number: u64) -> Self {
        let tracker = || {
            let tracker = TaskTracker::new();
            // So that one can wait until there is none; more may come all the same.
            tracker.close();
            tracker
        };
        Self {
            number,
            queue: Mutex::default(),
            places: tracker(),
            refusals: tracker(),
            refused: Mutex::default(),
            changed: Notify::new(),
            runtime: Handle::current(),
        }
    }

    pub(super) fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The websockets of a session that have requests, the open one last.
#[derive(Default)]
pub(in crate::session) struct AllRequests(Mutex<Vec<Arc<Requests>>>);

impl AllRequests {
    /// Requests that wait, and those that the host has.
    pub(in crate::session) fn depth(&self) -> (usize, usize) {
        self.all().iter().fold((0, 0), |(waiting, given), one| {
            let queue = one.queue();
            (waiting + queue.waiting().0, given + queue.under_way())
        })
    }

    /// Waits until every request of the open websocket is answered and its answer handed over.
    pub(in crate::session) async fn answered(&self) {
        let last = self.all().last().cloned();
        if let Some(last) = last {
            last.places.wait().await;
        }
    }

    /// A websocket is open; on one of the library's tasks.
    pub(super) fn open(&self, number: u64) -> Arc<Requests> {
        let requests = Arc::new(Requests::new(number));
        let mut all = self.all();
        all.retain(|one| !one.places.is_empty());
        all.push(Arc::clone(&requests));
        requests
    }

    /// Gives up requests that wait, of the oldest websockets first, until there are no more than one websocket may have; gives
    /// their number.
    pub(super) fn give_up_oldest(&self) -> usize {
        let (mut given_up, mut room) = (0, PLACES);
        for one in self.all().iter().rev() {
            let mut queue = one.queue();
            let (waiting, _) = queue.waiting();
            if waiting > room {
                given_up += queue.give_up().len();
            }
            room = room.saturating_sub(waiting);
        }
        given_up
    }

    fn all(&self) -> MutexGuard<'_, Vec<Arc<Requests>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
