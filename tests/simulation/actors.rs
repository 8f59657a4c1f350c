//! Threads for what may block, of which one runs at a time, and only while the simulation waits for it: so that they block
//! for as long as the clock of the simulation says, and everything has one order.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Once};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::threads::Job;

/// What a thread waits for.
enum Wait {
    For(Duration),
    Until(Arc<Woken>),
    /// Nothing; it has done its job. Whether that panicked, other than by the wish of a host.
    Nothing(bool),
}

/// Told by a waker.
struct Woken(Notify);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.notify_one();
    }
}

/// A thread, as the simulation has it.
struct Actor {
    jobs: Sender<(Handle, Job)>,
    waits: Receiver<Wait>,
    go_on: Sender<()>,
}

/// What a thread has of the simulation.
struct Turn {
    waits: Sender<Wait>,
    goes_on: Receiver<()>,
}

/// The panic of a host that panics on purpose.
pub(super) struct OnPurpose;

thread_local! {
    static IDLE: RefCell<Vec<Actor>> = const { RefCell::new(Vec::new()) };
    static TURN: RefCell<Option<Turn>> = const { RefCell::new(None) };
    static PANICKED: Cell<bool> = const { Cell::new(false) };
}

/// Notes panics of this thread from now on that a hook is told of.
pub(super) fn watch_for_panics() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            PANICKED.set(true);
            before(panic);
        }));
    });
}

/// Whether this thread has panicked since it was asked last.
pub(super) fn has_panicked() -> bool {
    PANICKED.replace(false)
}

/// Whether this thread may block.
pub(super) fn may_block() -> bool {
    TURN.with_borrow(Option::is_some)
}

/// Blocks this thread for a time of the simulation.
pub(super) fn block(time: Duration) {
    wait(Wait::For(time));
}

/// Blocks this thread until the future has ended.
pub(super) fn block_on(mut future: Pin<&mut dyn Future<Output = ()>>) {
    let woken = Arc::new(Woken(Notify::new()));
    let waker = Waker::from(Arc::clone(&woken));
    let mut context = Context::from_waker(&waker);
    while future.as_mut().poll(&mut context) == Poll::Pending {
        wait(Wait::Until(Arc::clone(&woken)));
    }
}

fn wait(wait: Wait) {
    let goes_on = TURN.with_borrow(|turn| {
        let turn = turn.as_ref().expect("a thread that may block");
        turn.waits.send(wait).is_ok() && turn.goes_on.recv().is_ok()
    });
    if !goes_on {
        // The simulation has ended, as it does when it fails.
        resume_unwind(Box::new(OnPurpose));
    }
}

/// Does a job on a thread of its own; whether it panicked.
pub(super) async fn perform(job: Job) -> bool {
    let idle = IDLE.with_borrow_mut(Vec::pop);
    let actor = idle.unwrap_or_else(Actor::start);
    actor.jobs.send((Handle::current(), job)).expect("a thread that waits");
    loop {
        match actor.waits.recv().expect("a thread that lives") {
            Wait::For(time) => sleep(time).await,
            Wait::Until(woken) => woken.0.notified().await,
            Wait::Nothing(panicked) => {
                IDLE.with_borrow_mut(|idle| idle.push(actor));
                return panicked;
            }
        }
        actor.go_on.send(()).expect("a thread that waits");
    }
}

impl Actor {
    fn start() -> Self {
        let (jobs, asked) = channel::<(Handle, Job)>();
        let (waiting, waits) = channel();
        let (go_on, goes_on) = channel();
        thread::spawn(move || {
            let done = waiting.clone();
            TURN.set(Some(Turn { waits: waiting, goes_on }));
            for (runtime, job) in asked {
                let entered = runtime.enter();
                let _ = catch_unwind(AssertUnwindSafe(job));
                drop(entered);
                drop(runtime);
                if done.send(Wait::Nothing(has_panicked())).is_err() {
                    return;
                }
            }
        });
        Self { jobs, waits, go_on }
    }
}
