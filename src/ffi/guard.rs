//! The fence around every exported function: no panic leaves it, and calls from inside callbacks are known.

use std::any::Any;
use std::cell::Cell;
use std::ffi::c_char;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::result::ARIWS_OK;
use super::strings::write_text;
use super::{fork, panics};
use crate::error::{Error, Result};
use crate::text::visible;

thread_local! {
    static CALLBACKS: Cell<u32> = const { Cell::new(0) };
}

/// Whether this thread is inside a callback of the host that the library made.
pub(super) fn inside_callback() -> bool {
    CALLBACKS.get() > 0
}

/// Marks the thread as inside a callback while `call` runs.
pub(super) fn calling_host<R>(call: impl FnOnce() -> R) -> R {
    struct Inside;
    impl Drop for Inside {
        fn drop(&mut self) {
            CALLBACKS.set(CALLBACKS.get() - 1);
        }
    }
    CALLBACKS.set(CALLBACKS.get() + 1);
    let _inside = Inside;
    call()
}

/// Runs the body of an exported function: an error becomes its code, with its text in `message` if that is not NULL. In
/// a child of the process that loaded the library it is not run.
pub(super) fn guard(message: *mut c_char, message_size: usize, body: impl FnOnce() -> Result<()>) -> i32 {
    let outcome = if fork::is_orphaned() {
        Ok(Err(Error::Forked))
    } else {
        catch_unwind(AssertUnwindSafe(|| panics::quiet(body)))
    };
    let error = match outcome {
        Ok(Ok(())) => return ARIWS_OK,
        Ok(Err(error)) => error,
        Err(panic) => Error::Internal(text_of(panic.as_ref())),
    };
    // SAFETY: the exported function's contract: NULL, or that many bytes.
    unsafe { write_text(message, message_size, &visible(&error.to_string())) };
    i32::from(&error)
}

/// The same for functions that return a value and cannot fail.
pub(super) fn guard_value<R>(otherwise: R, body: impl FnOnce() -> R) -> R {
    catch_unwind(AssertUnwindSafe(|| panics::quiet(body))).unwrap_or(otherwise)
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "panic".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffi::result::{ARIWS_ERROR_INTERNAL, ARIWS_ERROR_NULL};

    #[test]
    fn a_panic_becomes_a_code_and_a_text() {
        let mut message = [0 as c_char; 64];
        let code = guard(message.as_mut_ptr(), message.len(), || panic!("broken"));
        assert_eq!(code, ARIWS_ERROR_INTERNAL);
        let text: Vec<u8> = message.iter().map(|&byte| byte as u8).take_while(|&byte| byte != 0).collect();
        assert_eq!(text, b"internal error: broken");
    }

    #[test]
    fn an_error_becomes_its_code() {
        let code = guard(std::ptr::null_mut(), 0, || Err(Error::Null("app")));
        assert_eq!(code, ARIWS_ERROR_NULL);
    }

    #[test]
    fn callbacks_nest() {
        calling_host(|| calling_host(|| assert!(inside_callback())));
        assert!(!inside_callback());
    }
}
