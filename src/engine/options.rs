//! How an instance is loaded.

use std::path::PathBuf;
use std::thread::available_parallelism;

use super::shares;
use crate::error::{Error, Result};
use crate::host::Level;

/// More rarely help: the work is the kernel's.
const DEFAULT_IO_THREADS: usize = 4;
const DEFAULT_REQUEST_THREADS: usize = 16;
/// As in the configuration.
const LEAST_TOTAL: usize = 1 << 20;

/// How an instance is loaded.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder with the configuration files; none where the host has all of it elsewhere.
    pub config_directory: Option<PathBuf>,
    /// The host's entity id.
    pub asterisk_id: String,
    /// The host's product token for the User-Agent, empty for none.
    pub product: String,
    /// Threads for input and output.
    pub io_threads: usize,
    /// Requests that the host runs at a time.
    pub request_threads: usize,
    /// What may wait to be sent over all connections, in bytes, unless the configuration says otherwise.
    pub queue_max_total_bytes: usize,
    /// Messages that are less grave are not made.
    pub log_level: Level,
    /// Sockets to servers that may be open at a time.
    pub max_sockets: usize,
}

impl Options {
    /// Checks the values; 0 means the default.
    ///
    /// # Errors
    /// A number is out of range, or the product token cannot stand in a header.
    pub fn new(
        config_directory: Option<PathBuf>,
        asterisk_id: &str,
        product: &str,
        io_threads: u32,
        request_threads: u32,
        queue_max_total_bytes: usize,
        log_level: Level,
    ) -> Result<Self> {
        if product.chars().any(|character| !(' '..='~').contains(&character)) {
            return Err(Error::Argument("product may have printable ASCII characters only".into()));
        }
        let cores = available_parallelism().map_or(1, usize::from);
        Ok(Self {
            config_directory,
            asterisk_id: asterisk_id.to_owned(),
            product: product.to_owned(),
            io_threads: threads("io_threads", io_threads, 64, cores.min(DEFAULT_IO_THREADS))?,
            request_threads: threads("request_threads", request_threads, 256, DEFAULT_REQUEST_THREADS)?,
            queue_max_total_bytes: match queue_max_total_bytes {
                0 => shares::of_memory().max(LEAST_TOTAL),
                given if given < LEAST_TOTAL => {
                    return Err(Error::Argument(format!(
                        "queue_max_total_bytes is {given}, at least {LEAST_TOTAL} are needed"
                    )));
                }
                given => given,
            },
            log_level,
            max_sockets: shares::of_descriptors(),
        })
    }

    /// With so many sockets to applications at most; 0 means the default.
    #[must_use]
    pub fn with_max_sockets(mut self, max_sockets: u32) -> Self {
        if max_sockets > 0 {
            self.max_sockets = usize::try_from(max_sockets).unwrap_or(usize::MAX);
        }
        self
    }

    /// Host first, library second (RFC 9110 section 10.1.5).
    pub(super) fn user_agent(&self) -> String {
        let own = concat!("ariws/", env!("CARGO_PKG_VERSION"));
        if self.product.is_empty() {
            own.to_owned()
        } else {
            format!("{} {own}", self.product)
        }
    }
}

fn threads(name: &str, given: u32, most: u32, default: usize) -> Result<usize> {
    if given > most {
        return Err(Error::Argument(format!("{name} is {given}, at most {most} are allowed")));
    }
    match usize::try_from(given) {
        Ok(0) | Err(_) => Ok(default),
        Ok(given) => Ok(given),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queues_have_a_sensible_bound() {
        let options = |total| Options::new(None, "id", "", 0, 0, total, Level::Debug);
        let total = |total| options(total).map(|options| options.queue_max_total_bytes);
        assert!((LEAST_TOTAL..=1 << 30).contains(&total(0).expect("a default")));
        assert_eq!(total(LEAST_TOTAL).expect("enough"), LEAST_TOTAL);
        let error = total(LEAST_TOTAL - 1).expect_err("too few").to_string();
        let expected = "queue_max_total_bytes is 1048575, at least 1048576 are needed";
        assert_eq!(error, expected);
    }
}
