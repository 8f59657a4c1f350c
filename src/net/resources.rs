//! What all attempts of an instance share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::{Dial, Network, Resolver, Stage};
use crate::histogram::Histogram;
use crate::threads::Blocking;

/// What all attempts of an instance share.
pub struct Resources {
    /// What makes streams to servers.
    pub(super) dialer: Arc<dyn Dial>,
    /// Where names are looked up.
    pub resolver: Resolver,
    /// Where files are read.
    pub(crate) blocking: Blocking,
    /// How many sockets there may be.
    pub sockets: Sockets,
    /// How long the stages of attempts took that went well.
    stages: [Histogram; Stage::ALL.len()],
}

impl Default for Resources {
    /// As many sockets as the system grants.
    fn default() -> Self {
        Self::new(Blocking::default(), usize::MAX)
    }
}

impl Resources {
    pub(crate) fn new(blocking: Blocking, sockets: usize) -> Self {
        Self::over(Arc::new(Network), blocking, sockets)
    }

    /// Over something else than the network.
    pub(crate) fn over(dialer: Arc<dyn Dial>, blocking: Blocking, sockets: usize) -> Self {
        Self {
            dialer,
            resolver: Resolver::default(),
            blocking,
            sockets: Sockets::new(sockets),
            stages: Default::default(),
        }
    }

    /// How long a stage took where it went well.
    pub fn stage(&self, stage: Stage) -> &Histogram {
        let [secrets, resolve, tcp, proxy, tls, upgrade] = &self.stages;
        match stage {
            Stage::Secrets => secrets,
            Stage::Resolve => resolve,
            Stage::Tcp => tcp,
            Stage::Proxy => proxy,
            Stage::Tls => tls,
            Stage::Upgrade => upgrade,
        }
    }
}

/// Sockets to servers that may be open at a time, so that descriptors are left for the host.
pub struct Sockets {
    most: usize,
    free: Arc<Semaphore>,
    refused: AtomicU64,
    /// Places of connections that only wait, the oldest first.
    lent: Mutex<Vec<Weak<Lending>>>,
}

/// How sockets are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SocketsInUse {
    /// Those that are open.
    pub open: usize,
    /// How many there may be.
    pub most: usize,
    /// How often there was none left for an attempt.
    pub refused: u64,
}

/// The right to have a socket, until it is dropped.
#[derive(Debug)]
pub struct Place(#[expect(dead_code, reason = "held, not looked at")] OwnedSemaphorePermit);

/// The place of a connection that only waits to be wanted: it has it until somebody else finds none.
#[derive(Debug)]
pub struct Lent(Arc<Lending>);

#[derive(Debug)]
struct Lending {
    place: Mutex<Option<Place>>,
    taken: Notify,
}

impl Lent {
    /// Waits until somebody else has it: the connection is to be closed.
    pub async fn taken(&self) {
        self.0.taken.notified().await;
    }

    /// Keeps it for good, if nobody else has it yet.
    pub fn keep(&self) -> Option<Place> {
        self.0.place().take()
    }
}

impl Lending {
    fn place(&self) -> MutexGuard<'_, Option<Place>> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sockets {
    fn new(most: usize) -> Self {
        let most = most.min(Semaphore::MAX_PERMITS);
        Self {
            most,
            free: Arc::new(Semaphore::new(most)),
            refused: AtomicU64::new(0),
            lent: Mutex::default(),
        }
    }

    /// Whether nobody gets a place but from a connection that only waits.
    pub fn are_all_in_use(&self) -> bool {
        self.free.available_permits() == 0
    }

    /// Lends a place to a connection that only waits.
    pub fn lend(&self, place: Place) -> Lent {
        let lending = Arc::new(Lending {
            place: Mutex::new(Some(place)),
            taken: Notify::new(),
        });
        let mut lent = self.lent();
        lent.retain(|lending| lending.strong_count() > 0);
        lent.push(Arc::downgrade(&lending));
        Lent(lending)
    }

    /// The place of the connection that has waited longest.
    fn take_lent(&self) -> Option<Place> {
        let mut lent = self.lent();
        while !lent.is_empty() {
            let Some(lending) = lent.remove(0).upgrade() else {
                continue;
            };
            let place = lending.place().take();
            if place.is_some() {
                lending.taken.notify_one();
                return place;
            }
        }
        None
    }

    fn lent(&self) -> MutexGuard<'_, Vec<Weak<Lending>>> {
        self.lent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// # Errors
    /// There are as many as there may be; in words for the operator.
    pub(crate) fn take(&self) -> Result<Place, String> {
        let place = Arc::clone(&self.free).try_acquire_owned().ok().map(Place);
        place.or_else(|| self.take_lent()).ok_or_else(|| {
            self.refused.fetch_add(1, Ordering::Relaxed);
            format!(
                "the PBX lets there be {} sockets at a time, and all are in use (max_sockets, RLIMIT_NOFILE)",
                self.most
            )
        })
    }

    /// How they are used at this moment.
    pub fn in_use(&self) -> SocketsInUse {
        SocketsInUse {
            open: self.most - self.free.available_permits(),
            most: self.most,
            refused: self.refused.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_that_is_closed_leaves_its_place() {
        let sockets = Sockets::new(2);
        let (one, other) = (sockets.take(), sockets.take());
        assert!(one.is_ok() && other.is_ok());
        let refused = sockets.take().expect_err("no third");
        assert!(refused.contains("2 sockets"), "{refused}");
        let expected = SocketsInUse {
            open: 2,
            most: 2,
            refused: 1,
        };
        assert_eq!(sockets.in_use(), expected);
        drop(one);
        assert!(sockets.take().is_ok());
    }

    #[tokio::test]
    async fn who_only_waits_gives_way_the_oldest_first() {
        let sockets = Sockets::new(3);
        let [kept, old, new] = [(); 3].map(|()| sockets.lend(sockets.take().expect("a place")));
        let place = kept.keep();
        assert!(place.is_some() && sockets.are_all_in_use());
        let taken = sockets.take();
        assert!(taken.is_ok());
        old.taken().await;
        assert!(old.keep().is_none());
        drop(new);
        assert!(!sockets.are_all_in_use());
        let another = sockets.take();
        assert!(another.is_ok() && sockets.take().is_err());
    }
}
