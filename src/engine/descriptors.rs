//! How many descriptors this process may have, so that the host is left enough of them.

use std::path::Path;

use crate::config::read_file;

/// The file of the kernel's is short.
const LENGTH: u64 = 64 << 10;

/// Three quarters of them; any number where the system does not tell, or sets no limit.
pub(super) fn share() -> usize {
    let limits = read_file(Path::new("/proc/self/limits"), LENGTH).unwrap_or_default();
    share_of(&String::from_utf8_lossy(&limits))
}

fn share_of(limits: &str) -> usize {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok());
    soft.map_or(usize::MAX, |limit| (limit - limit.div_ceil(4)).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_is_left_to_the_host() {
        let limits = |soft: &str| {
            format!(
                "Limit                     Soft Limit           Hard Limit           Units\n\
                 Max processes             95870                95870                processes\n\
                 Max open files            {soft:<20} 1048576              files\n"
            )
        };
        assert_eq!(share_of(&limits("1024")), 768);
        assert_eq!(share_of(&limits("1")), 1);
        assert_eq!(share_of(&limits("unlimited")), usize::MAX);
        assert_eq!(share_of(""), usize::MAX);
        assert!(share() > 1);
    }
}
