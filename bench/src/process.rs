// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the kernel knows of this process.

use std::fs;

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::Result;

/// As many open files as this user may have.
pub fn raise_file_limit() -> Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    Ok(setrlimit(Resource::Nofile, limit)?)
}

/// Memory of this process alone that is in use, in bytes.
pub fn memory() -> Result<u64> {
    let rollup = fs::read_to_string("/proc/self/smaps_rollup")?;
    let kilobytes = |name: &str| -> u64 {
        rollup
            .lines()
            .find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok())
            .unwrap_or_default()
    };
    Ok((kilobytes("Private_Clean:") + kilobytes("Private_Dirty:")) << 10)
}

/// How many threads there are, and how often they have gone to sleep, all together.
pub fn threads() -> Result<(usize, u64)> {
    let (mut threads, mut sleeps) = (0, 0);
    for task in fs::read_dir("/proc/self/task")? {
        let status = fs::read_to_string(task?.path().join("status"))?;
        threads += 1;
        sleeps += status
            .lines()
            .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")?.trim().parse().ok())
            .unwrap_or(0_u64);
    }
    Ok((threads, sleeps))
}
