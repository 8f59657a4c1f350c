//! A host in Rust that panics in its callbacks: each costs what was asked of it, and nothing else.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use ariws::engine::{Engine, Options};
use ariws::host::{ContextState, Failed, Host, HostRequest, Level, Registration};
use ariws_testkit::{Configuration, Server, Watched, alone};

/// Panics in one of its callbacks, every time.
#[derive(Default)]
struct Panicking {
    callback: &'static str,
    panicked: Watched<usize>,
    registered: Mutex<BTreeSet<String>>,
    engine: OnceLock<Arc<Engine>>,
}

impl Panicking {
    fn perhaps(&self, callback: &str) {
        if self.callback == callback {
            self.panicked.change(|panicked| *panicked += 1);
            panic!("on purpose");
        }
    }
}

impl Host for Panicking {
    fn log(&self, _: Level, _: &str, _: &str) {
        self.perhaps("log");
    }

    fn ari_request(&self, request: &HostRequest<'_>) {
        self.perhaps("ari_request");
        let engine = self.engine.get().expect("loaded");
        engine
            .request_complete(request.id, 204, None, None)
            .expect("it waits for its answer");
    }

    fn request_cancelled(&self, _: u64) {
        self.perhaps("request_cancelled");
    }

    fn app_register(&self, app: &str, _: bool) -> Result<Registration, Failed> {
        self.perhaps("app_register");
        let mut registered = self.registered.lock().expect("the lock");
        registered.insert(app.to_owned());
        Ok(Registration::New)
    }

    fn app_unregister(&self, app: &str) {
        self.perhaps("app_unregister");
        self.registered.lock().expect("the lock").remove(app);
    }

    fn app_is_registered(&self, app: &str) -> bool {
        self.perhaps("app_is_registered");
        self.registered.lock().expect("the lock").contains(app)
    }

    fn context_create(&self, _: &str, _: &str) -> Result<ContextState, Failed> {
        self.perhaps("context_create");
        Ok(ContextState::Created)
    }

    fn context_destroy(&self, _: &str) {
        self.perhaps("context_destroy");
    }

    fn stasis_failed(&self, _: &str, _: &str) {
        self.perhaps("stasis_failed");
    }

    fn inbound_shutdown(&self, _: &str) -> bool {
        self.perhaps("inbound_shutdown");
        true
    }

    fn finalize(&self) {}
}

/// An instance with a persistent and a per-call connection, whose host panics in one callback.
struct Instance {
    host: Arc<Panicking>,
    engine: Arc<Engine>,
    server: Server,
    _configuration: Configuration,
}

impl Instance {
    fn with_panics_in(callback: &'static str) -> Self {
        let server = Server::start();
        let address = server.address();
        let configuration =
            Configuration::with("persistent", address, "app1").connection("calls", "per_call_config", address, "app2", "");
        let host = Arc::new(Panicking {
            callback,
            ..Panicking::default()
        });
        let folder = configuration.folder().to_owned();
        let options = Options::new(Some(folder), "id", "", 1, 1, 0, Level::Debug).expect("good options");
        let shared: Arc<dyn Host> = Arc::clone(&host) as _;
        let engine = Engine::start(shared, options).expect("threads");
        host.engine.set(Arc::clone(&engine)).ok().expect("set once");
        engine.load(&mut |_| {}).expect("a load");
        Self {
            host,
            engine,
            server,
            _configuration: configuration,
        }
    }

    /// Waits until the callback has panicked so often.
    fn wait_for_panics(&self, count: usize) {
        self.host.panicked.wait_for(
            |panicked| (*panicked >= count).then_some(()),
            |panicked| format!("{} panicked {panicked} times", self.host.callback),
        );
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.engine.unload(Duration::from_millis(100));
    }
}

#[test]
fn a_request_that_panics_is_answered_500_and_the_next_one_runs() {
    let _alone = alone();
    let instance = Instance::with_panics_in("ari_request");
    let mut connection = instance.server.accept();
    connection.summary();
    for _ in 0..2 {
        assert_eq!(connection.ask("GET", "x")["status_code"], 500);
    }
}

#[test]
fn a_log_that_panics_gets_the_next_message() {
    let _alone = alone();
    let instance = Instance::with_panics_in("log");
    instance.server.accept().summary();
    instance.engine.reload(false, &mut |_| {}).expect("a reload");
    instance.wait_for_panics(2);
}

#[test]
fn a_registration_that_panics_counts_as_failed() {
    let _alone = alone();
    let instance = Instance::with_panics_in("app_register");
    assert!(instance.engine.event("app1", b"{\"type\":\"Event\"}").is_err());
    assert!(instance.engine.stasis_start("app2", "2", "SIP/2").is_err());
}

#[test]
fn other_callbacks_that_panic_leave_the_instance_working() {
    let _alone = alone();
    for callback in [
        "app_unregister",
        "app_is_registered",
        "context_create",
        "context_destroy",
        "stasis_failed",
        "inbound_shutdown",
    ] {
        let instance = Instance::with_panics_in(callback);
        let mut connection = instance.server.accept();
        connection.says(["ApplicationRegistered app1"]);
        let engine = &instance.engine;
        let _call = std::thread::scope(|scope| {
            let start = scope.spawn(|| engine.stasis_start("app2", "2", "SIP/2"));
            let call = instance.server.accept();
            let application = start.join().expect("a start").expect("a name");
            assert_eq!(application, "app2:SIP/2", "{callback}");
            call
        });
        assert_eq!(connection.ask("GET", "x")["status_code"], 204, "{callback}");
        engine.event("app1", b"{\"type\":\"Event\"}").expect("a connection");
        connection.says(["Event app1"]);
    }
}
