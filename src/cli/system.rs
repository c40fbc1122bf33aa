//! Cores and memory available to this process.

use std::fs;
use std::path::{Component, Path, PathBuf};

/// Returns the number of cores that the affinity mask and the control groups allow.
pub(crate) fn default_threads() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    GroupShare::of(Path::new("/")).cores.map_or(cores, |quota| cores.min(quota))
}

/// Raises the number of files that this process may have open as far as it may.
pub(crate) fn allow_open_files() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let mut limit = getrlimit(Resource::Nofile);
        limit.current =
            limit.maximum.map(|most| most.min(MOST_FILES)).or(Some(MOST_FILES)).max(limit.current);
        // Some systems have another, lower limit; the one set before stays then.
        let _ = setrlimit(Resource::Nofile, limit);
    }
}

/// Files that no run needs more of.
const MOST_FILES: u64 = 1 << 16;

/// Returns how many inputs, or outputs, may be open at the same time: half of the files that this process may open.
pub(crate) fn open_files() -> usize {
    #[cfg(unix)]
    let allowed = rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(MOST_FILES);
    #[cfg(not(unix))]
    let allowed = 512;
    usize::try_from(allowed / 2).unwrap_or(usize::MAX)
}

/// Returns half of the free memory in bytes, at most 4 GiB.
pub(crate) fn default_memory() -> u64 {
    const MOST: u64 = 4 << 30;
    let free = [meminfo(), GroupShare::of(Path::new("/")).memory].into_iter().flatten().min();
    free.map_or(1 << 30, |f| (f / 2).clamp(64 << 20, MOST))
}

fn meminfo() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|l| l.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|k| k * 1024)
}

/// What the control groups of this process leave it: the least of all levels up to the root.
#[derive(Debug, Default, PartialEq, Eq)]
struct GroupShare {
    /// Free memory in bytes, if it is limited.
    memory: Option<u64>,
    /// Number of cores, at least 1, if it is limited.
    cores: Option<usize>,
}

impl GroupShare {
    /// The share under the file system `root`, which has `proc` and `sys`.
    fn of(root: &Path) -> GroupShare {
        let mut share = GroupShare::default();
        let Ok(text) = fs::read_to_string(root.join("proc/self/cgroup")) else { return share };
        let mounts = root.join("sys/fs/cgroup");
        for line in text.lines() {
            // number:controllers:path; version 2 has the number 0 and no controllers
            let mut fields = line.splitn(3, ':').skip(1);
            let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
            if controllers.is_empty() {
                for mount in [mounts.clone(), mounts.join("unified")] {
                    for group in levels(&mount, path) {
                        share.memory(&group, "memory.max", "memory.current");
                        share.quota(&group);
                    }
                }
                continue;
            }
            for mount in controllers.split(',').chain([controllers]).map(|name| mounts.join(name)) {
                for group in levels(&mount, path) {
                    share.memory(&group, "memory.limit_in_bytes", "memory.usage_in_bytes");
                    share.quota(&group);
                }
            }
        }
        share
    }

    fn memory(&mut self, group: &Path, limit: &str, usage: &str) {
        let number = |name: &str| text(group, name)?.parse::<u64>().ok();
        // version 2 reports "no limit" as a word, version 1 as a number near 2^63
        let Some(most) = number(limit).filter(|most| *most < 1 << 62) else { return };
        let free = most.saturating_sub(number(usage).unwrap_or(0));
        self.memory = Some(self.memory.map_or(free, |least| least.min(free)));
    }

    /// A quota is time per period: version 2 has both in one file, version 1 in two, with -1 for no quota.
    fn quota(&mut self, group: &Path) {
        let both = text(group, "cpu.max").or_else(|| {
            Some(format!("{} {}", text(group, "cpu.cfs_quota_us")?, text(group, "cpu.cfs_period_us")?))
        });
        let Some(both) = both else { return };
        let mut numbers = both.split_whitespace().map(str::parse::<usize>);
        if let (Some(Ok(quota)), Some(Ok(period))) = (numbers.next(), numbers.next()) {
            let cores = quota.checked_div(period).unwrap_or(1).max(1);
            self.cores = Some(self.cores.map_or(cores, |least| least.min(cores)));
        }
    }
}

/// The group at `path` below `mount`, and all groups around it up to the mount itself. In a container some of them
/// may not be visible.
fn levels(mount: &Path, path: &str) -> Vec<PathBuf> {
    let mut group = mount.to_owned();
    let mut all = vec![group.clone()];
    for name in Path::new(path).components() {
        if let Component::Normal(name) = name {
            group.push(name);
            all.push(group.clone());
        }
    }
    all
}

fn text(group: &Path, name: &str) -> Option<String> {
    fs::read_to_string(group.join(name)).ok().map(|text| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A root with these files.
    fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        dir
    }

    fn share(files: &[(&str, &str)]) -> GroupShare {
        GroupShare::of(root(files).path())
    }

    #[test]
    fn the_smallest_limit_of_all_levels_counts() {
        let groups = [
            ("proc/self/cgroup", "0::/batch/job/step\n"),
            ("sys/fs/cgroup/batch/memory.max", "1000\n"),
            ("sys/fs/cgroup/batch/memory.current", "400\n"),
            ("sys/fs/cgroup/batch/cpu.max", "150000 100000\n"),
            ("sys/fs/cgroup/batch/job/memory.max", "max\n"),
            ("sys/fs/cgroup/batch/job/memory.current", "300\n"),
            ("sys/fs/cgroup/batch/job/cpu.max", "max 100000\n"),
            ("sys/fs/cgroup/batch/job/step/memory.max", "900\n"),
            ("sys/fs/cgroup/batch/job/step/memory.current", "100\n"),
            ("sys/fs/cgroup/batch/job/step/cpu.max", "800000 100000\n"),
        ];
        assert_eq!(share(&groups), GroupShare { memory: Some(600), cores: Some(1) });
    }

    #[test]
    fn version_1_has_a_tree_for_each_controller() {
        let groups = [
            ("proc/self/cgroup", "5:memory:/batch/job\n4:cpu,cpuacct:/batch/job\n0::/\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ("sys/fs/cgroup/memory/memory.usage_in_bytes", "5000\n"),
            ("sys/fs/cgroup/memory/batch/memory.limit_in_bytes", "2000\n"),
            ("sys/fs/cgroup/memory/batch/memory.usage_in_bytes", "500\n"),
            ("sys/fs/cgroup/cpu,cpuacct/batch/cpu.cfs_quota_us", "-1\n"),
            ("sys/fs/cgroup/cpu,cpuacct/batch/cpu.cfs_period_us", "100000\n"),
            ("sys/fs/cgroup/cpu,cpuacct/batch/job/cpu.cfs_quota_us", "300000\n"),
            ("sys/fs/cgroup/cpu,cpuacct/batch/job/cpu.cfs_period_us", "100000\n"),
        ];
        assert_eq!(share(&groups), GroupShare { memory: Some(1500), cores: Some(3) });
    }

    /// In a container the path is often that of the host, of which only the mount is visible; and there may be no limit.
    #[test]
    fn groups_that_are_not_visible_are_passed_over() {
        let mounted = [("proc/self/cgroup", "0::/../host/job\n"), ("sys/fs/cgroup/memory.max", "700\n")];
        assert_eq!(share(&mounted), GroupShare { memory: Some(700), cores: None });
        assert_eq!(share(&[("proc/self/cgroup", "0::/\nnonsense\n")]), GroupShare::default());
        assert_eq!(share(&[]), GroupShare::default());
    }
}
