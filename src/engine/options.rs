//! How an instance is loaded.

use std::path::PathBuf;
use std::thread::available_parallelism;

use crate::error::{Error, Result};

/// More rarely help: the work is the kernel's.
const DEFAULT_IO_THREADS: usize = 4;
const DEFAULT_REQUEST_THREADS: usize = 16;

/// How an instance is loaded.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder with the configuration files.
    pub config_directory: PathBuf,
    /// The host's entity id.
    pub asterisk_id: String,
    /// The host's product token for the User-Agent, empty for none.
    pub product: String,
    /// Threads for input and output.
    pub io_threads: usize,
    /// Requests that the host runs at a time.
    pub request_threads: usize,
}

impl Options {
    /// Checks the values; 0 threads mean the default.
    ///
    /// # Errors
    /// A number of threads is out of range, or the product token cannot stand in a header.
    pub fn new(
        config_directory: PathBuf,
        asterisk_id: &str,
        product: &str,
        io_threads: u32,
        request_threads: u32,
    ) -> Result<Self> {
        if product
            .chars()
            .any(|character| !(' '..='~').contains(&character))
        {
            return Err(Error::Argument(
                "product may have printable ASCII characters only".into(),
            ));
        }
        let cores = available_parallelism().map_or(1, usize::from);
        Ok(Self {
            config_directory,
            asterisk_id: asterisk_id.to_owned(),
            product: product.to_owned(),
            io_threads: threads("io_threads", io_threads, 64, cores.min(DEFAULT_IO_THREADS))?,
            request_threads: threads(
                "request_threads",
                request_threads,
                256,
                DEFAULT_REQUEST_THREADS,
            )?,
        })
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
        return Err(Error::Argument(format!(
            "{name} is {given}, at most {most} are allowed"
        )));
    }
    match usize::try_from(given) {
        Ok(0) | Err(_) => Ok(default),
        Ok(given) => Ok(given),
    }
}
