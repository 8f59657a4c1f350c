//! What all attempts of an instance share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

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

impl Sockets {
    fn new(most: usize) -> Self {
        let most = most.min(Semaphore::MAX_PERMITS);
        Self {
            most,
            free: Arc::new(Semaphore::new(most)),
            refused: AtomicU64::new(0),
        }
    }

    /// # Errors
    /// There are as many as there may be; in words for the operator.
    pub(crate) fn take(&self) -> Result<Place, String> {
        let place = Arc::clone(&self.free).try_acquire_owned();
        place.map(Place).map_err(|_| {
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
}
