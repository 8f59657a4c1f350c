//! What this process may have of the system, and how much of it the library takes, so that the host is left enough.

use std::path::{Path, PathBuf};

use crate::config::read_file;

/// Files of the kernel's that tell of it are short.
const LENGTH: u64 = 64 << 10;
/// No default of memory is larger.
const MOST_MEMORY: usize = 1 << 30;
/// Where the system does not tell.
const UNKNOWN_MEMORY: u64 = 1 << 30;

/// A quarter of the memory that there is, at most 1 GiB.
pub(super) fn of_memory() -> usize {
    memory_by(text_of)
}

/// Three quarters of the descriptors; any number where the system does not tell, or sets no limit.
pub(super) fn of_descriptors() -> usize {
    descriptors_by(&text_of(Path::new("/proc/self/limits")).unwrap_or_default())
}

fn text_of(path: &Path) -> Option<String> {
    let bytes = read_file(path, LENGTH).ok()?;
    String::from_utf8(bytes.to_vec()).ok()
}

fn memory_by(read: impl Fn(&Path) -> Option<String>) -> usize {
    let machine = read(Path::new("/proc/meminfo")).and_then(|text| total(&text));
    let groups = read(Path::new("/proc/self/cgroup")).unwrap_or_default();
    let limits = groups.lines().flat_map(files_of_limits);
    let limits = limits.filter_map(|file| read(&file)?.trim().parse().ok());
    let least = limits.chain(machine).min().unwrap_or(UNKNOWN_MEMORY);
    usize::try_from(least / 4).map_or(MOST_MEMORY, |share| share.min(MOST_MEMORY))
}

/// `MemTotal` of proc_meminfo(5), in bytes.
fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    kilobytes.checked_mul(1024)
}

/// Where the limits of a control group and of those around it stand, by a line of /proc/self/cgroup (cgroups(7)).
fn files_of_limits(line: &str) -> Vec<PathBuf> {
    let mut parts = line.splitn(3, ':').skip(1);
    let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else {
        return Vec::new();
    };
    let (mount, file) = if controllers.is_empty() {
        ("/sys/fs/cgroup", "memory.max")
    } else if controllers.split(',').any(|name| name == "memory") {
        ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
    } else {
        return Vec::new();
    };
    // In a container the path may be one of the machine outside: then the mount itself is the container's.
    let path = Path::new(path.trim_start_matches('/'));
    let around = path.ancestors().map(|group| Path::new(mount).join(group).join(file));
    around.collect()
}

fn descriptors_by(limits: &str) -> usize {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok());
    soft.map_or(usize::MAX, |limit| (limit - limit.div_ceil(4)).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MACHINE: (&str, &str) = ("/proc/meminfo", "MemTotal:  2097152 kB\nMemFree: 1 kB\n");

    fn memory(files: &[(&str, &str)]) -> usize {
        memory_by(|path| {
            let file = files.iter().find(|(name, _)| Path::new(name) == path);
            file.map(|(_, text)| (*text).to_owned())
        })
    }

    #[test]
    fn the_share_of_memory_is_a_quarter_of_the_machine() {
        assert_eq!(memory(&[MACHINE]), 512 << 20);
    }

    #[test]
    fn the_share_of_memory_is_at_most_a_gibibyte() {
        let large = "MemTotal: 1073741824 kB\n";
        assert_eq!(memory(&[("/proc/meminfo", large)]), 1 << 30);
    }

    #[test]
    fn without_a_word_of_the_system_the_share_of_memory_is_moderate() {
        assert_eq!(memory(&[]), 256 << 20);
    }

    #[test]
    fn the_tightest_control_group_around_counts() {
        let files = [
            MACHINE,
            ("/proc/self/cgroup", "0::/system.slice/pbx.service\n"),
            ("/sys/fs/cgroup/system.slice/pbx.service/memory.max", "max\n"),
            ("/sys/fs/cgroup/system.slice/memory.max", "1073741824\n"),
        ];
        assert_eq!(memory(&files), 256 << 20);
    }

    #[test]
    fn control_groups_of_the_first_version_count_too() {
        let files = [
            MACHINE,
            ("/proc/self/cgroup", "5:devices:/a\n4:cpu,memory:/outside/b\n0::/\n"),
            ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "536870912\n"),
        ];
        assert_eq!(memory(&files), 128 << 20);
    }

    #[test]
    fn a_quarter_of_the_descriptors_is_left_to_the_host() {
        let limits = |soft: &str| {
            format!(
                "Limit                     Soft Limit           Hard Limit           Units\n\
                 Max processes             95870                95870                processes\n\
                 Max open files            {soft:<20} 1048576              files\n"
            )
        };
        assert_eq!(descriptors_by(&limits("1024")), 768);
        assert_eq!(descriptors_by(&limits("1")), 1);
        assert_eq!(descriptors_by(&limits("unlimited")), usize::MAX);
        assert_eq!(descriptors_by(""), usize::MAX);
        assert!(of_descriptors() > 1);
    }
}
