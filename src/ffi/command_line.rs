//! The commands that a host offers on its command line.

use std::ffi::{c_char, c_void};
use std::ptr;

use super::guard::{calling_host, guard};
use super::instance::engine;
use super::strings::{required_text, run};
use super::types::{ariws_cli_command, ariws_instance, ariws_write_callback};
use super::{result::ARIWS_ERROR_NOT_FOUND, sized};
use crate::cli;
use crate::error::{Error, Result};

/// The commands, one by one, for the host to register.
///
/// @param index    from 0 up, until ARIWS_ERROR_NOT_FOUND
/// @param command  receives the command; `struct_size` must be set (ARIWS_CLI_COMMAND_INIT)
/// @return ARIWS_OK, or ARIWS_ERROR_NOT_FOUND past the last command
///
/// Thread: any. Never blocks. Needs no instance.
///
/// # Safety
/// `command` is NULL or points to as many bytes as its `struct_size` says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ariws_cli_commands(index: usize, command: *mut ariws_cli_command) -> i32 {
    let mut found = true;
    let result = guard(ptr::null_mut(), 0, || {
        let Some(entry) = cli::COMMANDS.get(index) else {
            found = false;
            return Ok(());
        };
        let filled = ariws_cli_command {
            struct_size: 0,
            words: entry.words.as_ptr(),
            arguments: entry.arguments.as_ptr(),
            summary: entry.summary.as_ptr(),
            usage: entry.usage.as_ptr(),
        };
        // SAFETY: the caller vouches for the structure and its size.
        unsafe { sized::fill(command, filled, "command") }
    });
    if found { result } else { ARIWS_ERROR_NOT_FOUND }
}

/// Runs a command.
///
/// @param instance    the instance
/// @param words       the words of the line as the operator typed them; the command's own words in any case
/// @param count       how many
/// @param write       receives the output
/// @param write_data  given to `write`
/// @return ARIWS_OK; ARIWS_ERROR_COMMAND if it failed (the output says why); ARIWS_ERROR_USAGE if the words are no
///         command or do not fit it (the output is its usage, if it is one)
///
/// Thread: any. Blocks for commands that start or stop connections as `ariws_reload` does, and for `ari test` until the
/// attempt has ended, for `connection_timeout` at most.
///
/// # Safety
/// Pointers are NULL or valid for what they stand for; `words` points to `count` strings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ariws_cli_execute(
    instance: *const ariws_instance,
    words: *const *const c_char,
    count: usize,
    write: ariws_write_callback,
    write_data: *mut c_void,
) -> i32 {
    guard(ptr::null_mut(), 0, || {
        let engine = engine(instance)?;
        // SAFETY: the caller vouches for the words.
        let words = unsafe { collect(words, count)? };
        let output = writer(write, write_data)?;
        cli::execute(&*engine, &words, super::guard::inside_callback(), output)
    })
}

/// Completes a word of a command.
///
/// @param instance    the instance
/// @param words       the complete words before the one to complete
/// @param count       how many
/// @param prefix      what was typed of the word to complete, "" if nothing; compared without regard to case
/// @param write       receives each candidate in a call of its own, in order
/// @param write_data  given to `write`
/// @return ARIWS_OK, also if there is no candidate
///
/// Thread: any. Never blocks.
///
/// # Safety
/// Pointers are NULL or valid for what they stand for; `words` points to `count` strings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ariws_cli_complete(
    instance: *const ariws_instance,
    words: *const *const c_char,
    count: usize,
    prefix: *const c_char,
    write: ariws_write_callback,
    write_data: *mut c_void,
) -> i32 {
    guard(ptr::null_mut(), 0, || {
        let engine = engine(instance)?;
        // SAFETY: the caller vouches for the words and the prefix.
        let (words, prefix) = unsafe { (collect(words, count)?, required_text(prefix, "prefix")?) };
        let mut output = writer(write, write_data)?;
        for candidate in cli::complete(&*engine, &words, prefix) {
            output(&candidate);
        }
        Ok(())
    })
}

/// # Safety
/// `words` is NULL or points to `count` strings, each NULL or NUL-terminated, that outlive the result.
unsafe fn collect<'a>(words: *const *const c_char, count: usize) -> Result<Vec<&'a str>> {
    // SAFETY: the caller's promise.
    let words = unsafe { run(words, count, "words")? };
    words
        .iter()
        // SAFETY: likewise.
        .map(|word| unsafe { required_text(*word, "words") })
        .collect()
}

/// Writes through the host's callback.
pub(super) fn writer(write: ariws_write_callback, data: *mut c_void) -> Result<impl FnMut(&str)> {
    let write = write.ok_or(Error::Null("write"))?;
    Ok(move |text: &str| {
        calling_host(|| {
            // SAFETY: the host gave the pair of callback and data; the text lives until the callback returns.
            unsafe { write(data, text.as_ptr().cast(), text.len()) };
        });
    })
}
