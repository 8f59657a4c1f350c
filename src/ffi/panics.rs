//! Rust prints panics to standard error, which belongs to the host. Inside the library they are kept silent; the
//! guards and the tasks' owners report them in words.

use std::cell::Cell;
use std::panic;
use std::sync::Once;

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Runs `body` on a host's thread without letting a panic print.
pub(super) fn quiet<R>(body: impl FnOnce() -> R) -> R {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            QUIET.set(self.0);
        }
    }
    let _restore = Restore(QUIET.replace(true));
    body()
}

/// Puts the silence in place, once; panics of others go where they went before.
pub(super) fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !QUIET.get() && !on_own_thread() {
                before(info);
            }
        }));
    });
}

fn on_own_thread() -> bool {
    std::thread::current()
        .name()
        .is_some_and(|name| name.starts_with("ariws-"))
}
