//! Pointers from C to Rust's strings and back.

use std::ffi::{CStr, CString, c_char};
use std::slice;

use crate::error::{Error, Result};

/// A NUL-terminated string that must be there.
///
/// # Safety
/// `text` is NULL or NUL-terminated, and outlives the result.
pub(super) unsafe fn required_text<'a>(text: *const c_char, name: &'static str) -> Result<&'a str> {
    // SAFETY: the caller's promise.
    unsafe { optional_text(text, name)? }.ok_or(Error::Null(name))
}

/// A NUL-terminated string that names somebody: it must be there and may not be empty.
///
/// # Safety
/// As for [`required_text`].
pub(super) unsafe fn required_id<'a>(text: *const c_char, name: &'static str) -> Result<&'a str> {
    // SAFETY: the caller's promise.
    let id = unsafe { required_text(text, name)? };
    if id.is_empty() {
        return Err(Error::Argument(format!("{name} is empty")));
    }
    Ok(id)
}

/// A NUL-terminated string that may be NULL.
///
/// # Safety
/// As for [`required_text`].
pub(super) unsafe fn optional_text<'a>(text: *const c_char, name: &'static str) -> Result<Option<&'a str>> {
    if text.is_null() {
        return Ok(None);
    }
    // SAFETY: not NULL, so NUL-terminated by the caller's promise.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_str().map(Some).map_err(|_| Error::Utf8(name))
}

/// A run of bytes; the pointer is ignored if the length is 0.
///
/// # Safety
/// As for [`run`].
pub(super) unsafe fn bytes<'a>(start: *const c_char, length: usize, name: &'static str) -> Result<&'a [u8]> {
    // SAFETY: the caller's promise; a byte is as large as a character of C's.
    unsafe { run(start.cast(), length, name) }
}

/// So many things one behind the other; the pointer is ignored if there are none.
///
/// # Safety
/// `start` is NULL or valid for `count` of them that outlive the result.
pub(super) unsafe fn run<'a, T>(start: *const T, count: usize, name: &'static str) -> Result<&'a [T]> {
    if count == 0 {
        return Ok(&[]);
    }
    if start.is_null() {
        return Err(Error::Null(name));
    }
    if isize::try_from(count.saturating_mul(size_of::<T>())).is_err() {
        return Err(Error::Argument(format!("the length of {name} is impossible")));
    }
    // SAFETY: not NULL, no longer than anything can be, and the caller vouches for the rest.
    Ok(unsafe { slice::from_raw_parts(start, count) })
}

/// What cannot stand in a C string is shown as what it is: a character that does not belong.
pub(super) fn c_text(text: &str) -> CString {
    CString::new(text).unwrap_or_else(|_| CString::new(text.replace('\0', "\u{fffd}")).unwrap_or_default())
}

/// Strings of one call in one piece of memory, each with a NUL behind it.
pub(super) struct CTexts(Vec<u8>);

/// Where one of them begins.
#[derive(Clone, Copy)]
pub(super) struct CText(usize);

impl CTexts {
    /// With room for so many bytes.
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    /// A string that ends at its NUL: as in [`c_text`], none is in it.
    pub(super) fn push(&mut self, text: &str) -> CText {
        match text.contains('\0') {
            true => self.push_whole(&text.replace('\0', "\u{fffd}")),
            false => self.push_whole(text),
        }
    }

    /// A string that is told with its length, as it is.
    pub(super) fn push_whole(&mut self, text: &str) -> CText {
        let start = self.0.len();
        self.0.extend_from_slice(text.as_bytes());
        self.0.push(0);
        CText(start)
    }

    /// Where it lies, once all are there and until this is dropped.
    pub(super) fn get(&self, text: CText) -> *const c_char {
        let bytes = self.0.get(text.0..).unwrap_or_default();
        bytes.as_ptr().cast()
    }
}

/// Writes text to the caller's buffer, NUL-terminated and cut at a character if it must be. NULL and 0 are fine.
///
/// # Safety
/// `buffer` is NULL or valid for `size` bytes.
pub(super) unsafe fn write_text(buffer: *mut c_char, size: usize, text: &str) {
    let Some(room) = size.checked_sub(1) else {
        return;
    };
    if buffer.is_null() {
        return;
    }
    let text = text.split('\0').next().unwrap_or_default();
    let end = (0..=room.min(text.len()))
        .rev()
        .find(|&end| text.is_char_boundary(end))
        .unwrap_or(0);
    // SAFETY: `end` is below `size`, for which the caller vouches.
    unsafe {
        std::ptr::copy_nonoverlapping(text.as_ptr(), buffer.cast(), end);
        buffer.add(end).write(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_longer_than_anything_can_be_is_refused() {
        for count in [isize::MAX as usize / 2 + 1, usize::MAX] {
            // SAFETY: what no memory can hold is what is tried.
            let refused = unsafe { run(c"".as_ptr().cast::<u16>(), count, "words") };
            assert!(matches!(refused, Err(Error::Argument(_))), "{count}");
        }
    }

    #[test]
    fn text_is_cut_at_a_character() {
        let mut buffer = [1 as c_char; 4];
        // SAFETY: the buffer has four bytes.
        unsafe { write_text(buffer.as_mut_ptr(), buffer.len(), "ab\u{e9}") };
        assert_eq!(buffer, [b'a' as c_char, b'b' as c_char, 0, 1]);
    }
}
