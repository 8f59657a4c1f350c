//! Structures that begin with their own size, so that a host and a library of different versions understand each
//! other: what one side does not know counts as absent.

use std::mem::{MaybeUninit, offset_of};
use std::ptr;

use super::types::{ariws_cli_command, ariws_host, ariws_inbound, ariws_options, ariws_trusted_event};
use crate::error::{Error, Result};

/// A structure that begins with a `struct_size`, and may be all zero.
pub(super) trait Grows: Copy {
    /// Where each field ends, in order.
    const ENDS: &'static [usize];

    /// How much of a structure of the given size is fields that are whole: a pointer of which one side has a part is
    /// none.
    fn whole(size: usize) -> usize {
        let ends = Self::ENDS.iter().copied();
        ends.take_while(|&end| end <= size).last().unwrap_or(0)
    }
}

/// Every field must be listed, as otherwise this is no Rust.
macro_rules! sized {
    ($structure:ident: $($field:ident),+) => {
        impl Grows for $structure {
            const ENDS: &'static [usize] = &[
                $(offset_of!($structure, $field) + size_of_field(|whole: &$structure| &whole.$field)),+
            ];
        }

        const _: fn($structure) = |whole| {
            let $structure { $($field: _),+ } = whole;
        };
    };
}

const fn size_of_field<S, F>(_: fn(&S) -> &F) -> usize {
    size_of::<F>()
}

sized!(
    ariws_host: struct_size, userdata, log, ari_request, app_register, app_unregister, app_is_registered, context_create,
    context_destroy, stasis_failed, inbound_shutdown, finalize, request_cancelled, connection_state, expand, app_snapshot,
    config_read
);
sized!(
    ariws_options: struct_size, config_directory, asterisk_id, product, io_threads, request_threads, queue_max_total_bytes,
    log_level, max_sockets
);
sized!(ariws_inbound: struct_size, session_id, remote_address, apps);
sized!(
    ariws_trusted_event: struct_size, json, json_length, r#type, channel_id, replaced_channel_id, members
);
sized!(ariws_cli_command: struct_size, words, arguments, summary, usage);

/// Copies a structure that the host filled; what it does not have is zero, what it has beyond ours is ignored.
///
/// `required` is the size without which nothing works.
///
/// # Safety
/// `source` is NULL or begins with a `size_t` that says how many of its bytes exist.
pub(super) unsafe fn copy<T: Grows>(source: *const T, required: usize, name: &'static str) -> Result<T> {
    if source.is_null() {
        return Err(Error::Null(name));
    }
    // SAFETY: not NULL, so it begins with its size.
    let size = unsafe { source.cast::<usize>().read() };
    if size < required {
        return Err(too_small(name, size, required));
    }
    let mut target = MaybeUninit::<T>::zeroed();
    // SAFETY: both have that many bytes, and a zeroed T is a T by the promise of the trait.
    unsafe {
        ptr::copy_nonoverlapping(source.cast::<u8>(), target.as_mut_ptr().cast::<u8>(), T::whole(size));
        Ok(target.assume_init())
    }
}

/// Fills a structure of the host's as far as it reaches; its size stays.
///
/// # Safety
/// `target` is NULL or begins with a `size_t` that says how many of its bytes exist.
pub(super) unsafe fn fill<T: Grows>(target: *mut T, value: T, name: &'static str) -> Result<()> {
    if target.is_null() {
        return Err(Error::Null(name));
    }
    let header = size_of::<usize>();
    // SAFETY: not NULL, so it begins with its size.
    let size = unsafe { target.cast::<usize>().read() };
    let required = T::ENDS.get(1).copied().unwrap_or(header);
    if size < required {
        return Err(too_small(name, size, required));
    }
    // SAFETY: both have that many bytes after the size.
    unsafe {
        ptr::copy_nonoverlapping(
            (&raw const value).cast::<u8>().add(header),
            target.cast::<u8>().add(header),
            T::whole(size) - header,
        );
    }
    Ok(())
}

fn too_small(name: &str, size: usize, required: usize) -> Error {
    Error::Argument(format!(
        "struct_size of {name} is {size}, at least {required} are needed; was it set from its _INIT macro?"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_structure_is_its_fields_in_order() {
        assert_eq!(
            ariws_options::whole(size_of::<ariws_options>()),
            offset_of!(ariws_options, max_sockets) + 4
        );
        assert_eq!(ariws_host::whole(usize::MAX), size_of::<ariws_host>());
        for ends in [
            ariws_host::ENDS,
            ariws_options::ENDS,
            ariws_inbound::ENDS,
            ariws_trusted_event::ENDS,
            ariws_cli_command::ENDS,
        ] {
            assert_eq!(ends.first(), Some(&size_of::<usize>()));
            assert!(ends.is_sorted_by(|one, next| one < next));
        }
    }

    #[test]
    fn a_field_of_which_a_part_is_there_is_not() {
        let end = offset_of!(ariws_options, product);
        for size in end..end + size_of::<usize>() {
            assert_eq!(ariws_options::whole(size), end);
        }
    }
}
