//! Reading of the files that the configuration consists of, or names.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use zeroize::Zeroizing;

/// Reads a regular file of at most `limit` bytes. Anything else would hold the host up, perhaps for ever: a pipe that
/// nobody writes to, a device that never ends. What was read is wiped in the end: it may be a password or a key.
///
/// # Errors
/// It cannot be read, or is something else: then with [`io::ErrorKind::Unsupported`], until the file changes.
pub(crate) fn read_file(path: &Path, limit: u64) -> io::Result<Zeroizing<Vec<u8>>> {
    let (file, length) = open(path, limit)?;
    let length = usize::try_from(length).unwrap_or(0);
    // With a byte more, at which the end is seen without the text being moved, which would leave a copy.
    let mut bytes = Zeroizing::new(Vec::with_capacity(length + 1));
    // It may grow while it is read, and files of the kernel's do not say how long they are.
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > limit {
        true => Err(too_large(limit)),
        false => Ok(bytes),
    }
}

/// Whether [`read_file`] would begin to read.
pub(super) fn check_file(path: &Path, limit: u64) -> io::Result<()> {
    open(path, limit).map(drop)
}

/// The file and its length, which is within the limit.
fn open(path: &Path, limit: u64) -> io::Result<(File, u64)> {
    // Looked at before it is opened, as that already does something to some devices; and after, as it may be another by then.
    check(&fs::metadata(path)?, limit)?;
    let file = File::options()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)?;
    let metadata = file.metadata()?;
    check(&metadata, limit)?;
    Ok((file, metadata.len()))
}

fn check(metadata: &fs::Metadata, limit: u64) -> io::Result<()> {
    match metadata.is_file() {
        true if metadata.len() > limit => Err(too_large(limit)),
        true => Ok(()),
        false => {
            let message = "it is not a regular file";
            Err(io::Error::new(io::ErrorKind::Unsupported, message))
        }
    }
}

fn too_large(limit: u64) -> io::Error {
    let message = format!("it is too large, at most {limit} bytes are read");
    io::Error::new(io::ErrorKind::Unsupported, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_bound() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        fs::write(&path, "12345").expect("a file");
        assert_eq!(read_file(&path, 5).expect("its bytes")[..], *b"12345");
        let error = read_file(&path, 4).expect_err("too large");
        assert_eq!(error.kind(), io::ErrorKind::Unsupported);
        assert_eq!(error.to_string(), "it is too large, at most 4 bytes are read");
    }

    #[test]
    fn a_file_that_does_not_say_its_length_is_bounded_all_the_same() {
        let status = Path::new("/proc/self/status");
        assert_eq!(fs::metadata(status).expect("proc(5)").len(), 0);
        assert!(read_file(status, 1 << 20).is_ok());
        assert!(read_file(status, 10).is_err());
    }
}
