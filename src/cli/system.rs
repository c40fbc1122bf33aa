//! Cores and memory available to this process.

use std::fs;

/// Returns the number of cores that the affinity mask and the control group allow.
pub(crate) fn default_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Returns half of the free memory in bytes, at most 4 GiB.
pub(crate) fn default_memory() -> u64 {
    const MOST: u64 = 4 << 30;
    let free = [meminfo(), cgroup_v2(), cgroup_v1()].into_iter().flatten().min();
    free.map_or(1 << 30, |f| (f / 2).clamp(64 << 20, MOST))
}

fn meminfo() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|l| l.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|k| k * 1024)
}

fn number(path: &str) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// The group this process is in, from a line `0::/path`.
fn cgroup_v2() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/cgroup").ok()?;
    let group = text.lines().find_map(|l| l.strip_prefix("0::"))?;
    // Limits of outer groups apply as well.
    let mut free: Option<u64> = None;
    let mut at = group.trim_end_matches('/');
    loop {
        let dir = format!("/sys/fs/cgroup{at}");
        if let (Some(max), Some(now)) =
            (number(&format!("{dir}/memory.max")), number(&format!("{dir}/memory.current")))
        {
            let left = max.saturating_sub(now);
            free = Some(free.map_or(left, |f| f.min(left)));
        }
        at = match at.rfind('/') {
            Some(i) => &at[..i],
            None => return free,
        };
    }
}

fn cgroup_v1() -> Option<u64> {
    let dir = "/sys/fs/cgroup/memory";
    let max = number(&format!("{dir}/memory.limit_in_bytes"))?;
    // cgroup v1 reports "no limit" as a number near 2^63.
    let now = number(&format!("{dir}/memory.usage_in_bytes"))?;
    (max < 1 << 62).then(|| max.saturating_sub(now))
}
