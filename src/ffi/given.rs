//! Texts that callbacks give to the library, piece by piece.

use std::ffi::{c_char, c_void};

use zeroize::Zeroizing;

use super::guard::{calling_host, guard_value};
use super::strings::bytes;
use super::types::{ARIWS_TEXT_ABSENT, ARIWS_TEXT_GIVEN, ariws_write_callback};
use crate::host::Failed;

/// What a callback has given so far.
pub(super) struct Given {
    /// It may be a password.
    text: Zeroizing<Vec<u8>>,
    limit: usize,
    /// A piece was none, or there was no room for it.
    is_broken: bool,
}

impl Given {
    /// Makes the call, which is given the function and the pointer for its text; nothing if there is no such text.
    pub(super) fn ask(
        limit: usize,
        call: impl FnOnce(ariws_write_callback, *mut c_void) -> i32,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, Failed> {
        let mut given = Self {
            text: Zeroizing::default(),
            limit,
            is_broken: false,
        };
        let data = (&raw mut given).cast();
        match calling_host(|| call(Some(take_piece), data)) {
            ARIWS_TEXT_GIVEN if !given.is_broken => Ok(Some(given.text)),
            ARIWS_TEXT_ABSENT => Ok(None),
            _ => Err(Failed),
        }
    }

    fn add(&mut self, piece: &[u8]) {
        let length = self.text.len() + piece.len();
        if length > self.limit {
            self.is_broken = true;
            return;
        }
        if length > self.text.capacity() {
            // The place that is too small is wiped, as growing would not.
            let mut longer = Zeroizing::new(Vec::new());
            if longer.try_reserve_exact(length.next_power_of_two()).is_err() {
                self.is_broken = true;
                return;
            }
            longer.extend_from_slice(&self.text);
            self.text = longer;
        }
        self.text.extend_from_slice(piece);
    }
}

unsafe extern "C" fn take_piece(data: *mut c_void, text: *const c_char, length: usize) {
    guard_value((), || {
        // SAFETY: the host gives the pointer that it was given, from inside the callback that it was given to.
        let given = unsafe { &mut *data.cast::<Given>() };
        // SAFETY: the host vouches for the length.
        match unsafe { bytes(text, length, "text") } {
            Ok(piece) => given.add(piece),
            Err(_) => given.is_broken = true,
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of these pieces, with room for five bytes.
    fn ask(result: i32, pieces: &[&str]) -> Result<Option<String>, Failed> {
        let given = Given::ask(5, |write, data| {
            let write = write.expect("a function");
            for piece in pieces {
                // SAFETY: the pointer that was given, and a piece as long as it says.
                unsafe { write(data, piece.as_ptr().cast(), piece.len()) };
            }
            result
        })?;
        Ok(given.map(|text| String::from_utf8(text.to_vec()).expect("UTF-8")))
    }

    #[test]
    fn a_text_may_come_in_pieces() {
        assert_eq!(ask(ARIWS_TEXT_GIVEN, &["ab", "", "cde"]), Ok(Some("abcde".into())));
        assert_eq!(ask(ARIWS_TEXT_GIVEN, &[]), Ok(Some(String::new())));
    }

    #[test]
    fn what_is_too_long_or_failed_or_is_not_there_is_no_text() {
        assert_eq!(ask(ARIWS_TEXT_GIVEN, &["abc", "def"]), Err(Failed));
        assert_eq!(ask(-1, &["a"]), Err(Failed));
        assert_eq!(ask(ARIWS_TEXT_ABSENT, &[]), Ok(None));
    }

    #[test]
    fn a_piece_that_is_null_breaks_the_text() {
        let given = Given::ask(5, |write, data| {
            // SAFETY: NULL is what is tried.
            unsafe { write.expect("a function")(data, std::ptr::null(), 1) };
            ARIWS_TEXT_GIVEN
        });
        assert_eq!(given, Err(Failed));
    }
}
