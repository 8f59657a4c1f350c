//! Rust prints panics to standard error, which belongs to the host. Inside the library they are kept silent; the
//! guards and the tasks' owners report them in words. One that ends the process is told of: nothing else will.

use std::cell::{Cell, RefCell};
use std::panic;
use std::sync::Once;

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
    /// The last panic that was kept silent here.
    static LAST: RefCell<String> = const { RefCell::new(String::new()) };
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
            let is_silent = QUIET.get() || on_own_thread();
            if is_silent && !ends_the_process(info) {
                LAST.set(info.to_string());
                return;
            }
            if is_silent {
                eprintln!("libariws: {}", LAST.take());
            }
            before(info);
        }));
    });
}

/// Whether it is the panic that follows another one which must not unwind: out of a C function, out of a destructor.
fn ends_the_process(info: &panic::PanicHookInfo<'_>) -> bool {
    let text = info.payload().downcast_ref::<&str>();
    text.is_some_and(|text| text.starts_with("panic in a "))
}

fn on_own_thread() -> bool {
    std::thread::current().name().is_some_and(|name| name.starts_with("ariws-"))
}
