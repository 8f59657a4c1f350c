//! Structures that begin with their own size, so that a host and a library of different versions understand each
//! other: what one side does not know counts as absent.

use std::mem::MaybeUninit;
use std::ptr;

use crate::error::{Error, Result};

/// Copies a structure that the host filled; what it does not have is zero, what it has beyond ours is ignored.
///
/// `required` is the size without which nothing works.
///
/// # Safety
/// `source` is NULL or begins with a `size_t` that says how many of its bytes exist, and `T` may be all zero.
pub(super) unsafe fn copy<T: Copy>(
    source: *const T,
    required: usize,
    name: &'static str,
) -> Result<T> {
    if source.is_null() {
        return Err(Error::Null(name));
    }
    // SAFETY: not NULL, so it begins with its size.
    let size = unsafe { source.cast::<usize>().read() };
    if size < required {
        return Err(too_small(name, size, required));
    }
    let mut target = MaybeUninit::<T>::zeroed();
    // SAFETY: both have that many bytes, and a zeroed T is a T by the caller's promise.
    unsafe {
        ptr::copy_nonoverlapping(
            source.cast::<u8>(),
            target.as_mut_ptr().cast::<u8>(),
            size.min(size_of::<T>()),
        );
        Ok(target.assume_init())
    }
}

/// Fills a structure of the host's as far as it reaches; its size stays.
///
/// # Safety
/// `target` is NULL or begins with a `size_t` that says how many of its bytes exist.
pub(super) unsafe fn fill<T: Copy>(target: *mut T, value: T, name: &'static str) -> Result<()> {
    if target.is_null() {
        return Err(Error::Null(name));
    }
    let header = size_of::<usize>();
    // SAFETY: not NULL, so it begins with its size.
    let size = unsafe { target.cast::<usize>().read() };
    if size <= header {
        return Err(too_small(name, size, header + 1));
    }
    // SAFETY: both have that many bytes after the size.
    unsafe {
        ptr::copy_nonoverlapping(
            (&raw const value).cast::<u8>().add(header),
            target.cast::<u8>().add(header),
            size.min(size_of::<T>()) - header,
        );
    }
    Ok(())
}

fn too_small(name: &str, size: usize, required: usize) -> Error {
    Error::Argument(format!(
        "struct_size of {name} is {size}, at least {required} are needed; was it set from its _INIT macro?"
    ))
}
