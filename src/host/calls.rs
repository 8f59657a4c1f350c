//! Calls of the host from the library's tasks: off the threads that do input and output, bounded, and counted.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio_util::task::TaskTracker;

use super::{ContextState, Failed, Host, HostRequest, Registration};

/// Runs the host's callbacks on the runtime's pool of blocking threads.
#[derive(Clone)]
pub struct Calls {
    host: Arc<dyn Host>,
    requests: Arc<Semaphore>,
    running: TaskTracker,
}

impl Calls {
    /// `requests`: how many ARI requests the host runs at a time. Registrations and the like are not bounded here: there
    /// are no more of them than connections being made, and each of them may be what a request is waiting for.
    pub fn new(host: Arc<dyn Host>, requests: usize) -> Self {
        Self {
            host,
            requests: Arc::new(Semaphore::new(requests)),
            running: TaskTracker::new(),
        }
    }

    /// `app_register`.
    pub async fn app_register(
        &self,
        app: &str,
        subscribe_all: bool,
    ) -> Result<Registration, Failed> {
        let app = app.to_owned();
        self.run(move |host| host.app_register(&app, subscribe_all))
            .await
            .unwrap_or(Err(Failed))
    }

    /// `app_unregister`.
    pub async fn app_unregister(&self, app: &str) {
        let app = app.to_owned();
        self.run(move |host| host.app_unregister(&app)).await;
    }

    /// `app_is_registered`.
    pub async fn app_is_registered(&self, app: &str) -> bool {
        let app = app.to_owned();
        self.run(move |host| host.app_is_registered(&app))
            .await
            .unwrap_or(false)
    }

    /// `context_create`.
    pub async fn context_create(&self, context: &str, app: &str) -> Result<ContextState, Failed> {
        let (context, app) = (context.to_owned(), app.to_owned());
        self.run(move |host| host.context_create(&context, &app))
            .await
            .unwrap_or(Err(Failed))
    }

    /// `context_destroy`.
    pub async fn context_destroy(&self, context: &str) {
        let context = context.to_owned();
        self.run(move |host| host.context_destroy(&context)).await;
    }

    /// `stasis_failed`.
    pub async fn stasis_failed(&self, channel_id: &str, application: &str) {
        let (channel_id, application) = (channel_id.to_owned(), application.to_owned());
        self.run(move |host| host.stasis_failed(&channel_id, &application))
            .await;
    }

    /// `inbound_shutdown`.
    pub async fn inbound_shutdown(&self, session_id: &str) -> bool {
        let session_id = session_id.to_owned();
        self.run(move |host| host.inbound_shutdown(&session_id))
            .await
            .unwrap_or(false)
    }

    /// `ari_request`; waits for its turn among all requests.
    pub async fn ari_request(&self, request: HostRequest) {
        // The semaphore is never closed.
        let _turn = self.requests.acquire().await;
        self.run(move |host| host.ari_request(&request)).await;
    }

    /// Runs something else that calls the host, such as the end of an asynchronous start.
    pub async fn run<R: Send + 'static>(
        &self,
        call: impl FnOnce(&dyn Host) -> R + Send + 'static,
    ) -> Option<R> {
        // Taken before the look at `closed`, so that whoever closes waits for this call or this call sees it.
        let token = self.running.token();
        if self.running.is_closed() {
            return None;
        }
        let host = Arc::clone(&self.host);
        spawn_blocking(move || {
            let _token = token;
            call(host.as_ref())
        })
        .await
        .ok()
    }

    /// Lets no callback begin any more, and waits until none runs.
    pub async fn finished(&self) {
        self.running.close();
        self.running.wait().await;
    }
}
