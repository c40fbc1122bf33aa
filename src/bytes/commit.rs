//! A directory or file that appears under its name complete or not at all.
//!
//! Everything is written to a temporary sibling, flushed, then renamed. Dropping a [`Pending`] without
//! committing removes the sibling; the next run with the same target removes what a killed process left
//! behind. A sibling in use differs from a left-over by its writer's lock, which the kernel releases however
//! the writer exits.

use crate::error::{Error, Hint, Place, Result};
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Age at which left-overs are removed if their lock cannot be tested (some network file systems).
const STALE: Duration = Duration::from_secs(7 * 24 * 3600);

/// A directory or a file being written.
#[derive(Debug)]
pub(crate) struct Pending {
    temporary: PathBuf,
    target: PathBuf,
    replace: bool,
    /// Holds the lock; `None` after the commit.
    open: Option<File>,
}

impl Pending {
    /// Begins a directory that will be named `target`. An existing one is an error unless `replace`.
    pub(crate) fn directory(target: &Path, replace: bool) -> Result<Self> {
        Self::begin(target, replace, &|path| fs::create_dir(path).and_then(|()| File::open(path)))
    }

    /// Begins a file that will be named `target`, open for writing. An existing one is an error unless
    /// `replace`.
    pub(crate) fn file(target: &Path, replace: bool) -> Result<(Self, File)> {
        let create = |path: &Path| File::options().read(true).write(true).create_new(true).open(path);
        let pending = Self::begin(target, replace, &create)?;
        let open = pending.open.as_ref().map(File::try_clone).transpose();
        match open.map_err(|e| Error::io("open", e)).in_file(target)? {
            Some(file) => Ok((pending, file)),
            None => Err(Error::usage("the file is complete already").in_file(target)),
        }
    }

    fn begin(target: &Path, replace: bool, create: &dyn Fn(&Path) -> io::Result<File>) -> Result<Self> {
        // For a symbolic link the file it points to is replaced, not the link.
        let target = if target.is_symlink() {
            fs::canonicalize(target).map_err(|e| Error::io("resolve link", e)).in_file(target)?
        } else {
            target.to_owned()
        };
        if !replace {
            Self::refuse_existing(&target)?;
        }
        let (parent, name) = split(&target)?;
        fs::create_dir_all(&parent).map_err(|e| Error::io("create directory", e)).in_file(&parent)?;
        remove_stale(&parent, &name);
        for attempt in 0u32.. {
            let temporary = parent.join(format!(".{name}.annmap-{}-{attempt}.tmp", std::process::id()));
            match create(&temporary) {
                Ok(open) => {
                    // If this file system has no locks, name and age decide.
                    let _ = open.try_lock();
                    return Ok(Pending { temporary, target, replace, open: Some(open) });
                }
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists && attempt < 1000 => {}
                Err(e) => return Err(Error::io("create", e).in_file(&temporary)),
            }
        }
        unreachable!("the loop ends by returning")
    }

    /// Fails if the target exists.
    pub(crate) fn refuse_existing(target: &Path) -> Result<()> {
        if target.symlink_metadata().is_ok() {
            let e = Error::new(crate::error::Kind::Io, "the output exists");
            return Err(e.hinting(Hint::Replace).in_file(target));
        }
        Ok(())
    }

    /// Temporary path to write to before the commit.
    pub(crate) fn path(&self) -> &Path {
        &self.temporary
    }

    /// Renames to the final name. The writers must have flushed the files inside.
    pub(crate) fn commit(mut self) -> Result<()> {
        let Some(open) = self.open.take() else { return Ok(()) };
        let done = self.publish(&open);
        if done.is_err() {
            self.open = Some(open); // so that dropping cleans up
        }
        done
    }

    fn publish(&self, open: &File) -> Result<()> {
        open.sync_all().map_err(|e| Error::io("flush", e)).in_file(&self.temporary)?;
        let exists = self.target.symlink_metadata().is_ok();
        if exists && self.replace {
            self.exchange().map_err(|e| Error::io("replace", e)).in_file(&self.target)?;
        } else {
            rename_new(&self.temporary, &self.target)
                .map_err(|e| Error::io("rename", e))
                .in_file(&self.target)?;
        }
        let (parent, _) = split(&self.target)?;
        if let Ok(dir) = File::open(&parent) {
            // Some file systems cannot flush a directory; the rename is valid anyway.
            let _ = dir.sync_all();
        }
        Ok(())
    }

    /// Exchanges the new and the old, then removes the old.
    fn exchange(&self) -> io::Result<()> {
        let old = if exchange_names(&self.temporary, &self.target)? {
            self.temporary.clone()
        } else {
            let old = self.temporary.with_extension("old.tmp");
            fs::rename(&self.target, &old)?;
            if let Err(e) = rename_new(&self.temporary, &self.target) {
                fs::rename(&old, &self.target)?;
                return Err(e);
            }
            old
        };
        remove(&old)
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if self.open.is_some() {
            let _ = remove(&self.temporary);
        }
    }
}

fn remove(path: &Path) -> io::Result<()> {
    if path.symlink_metadata()?.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
}

fn split(target: &Path) -> Result<(PathBuf, String)> {
    let name = target.file_name().ok_or_else(|| Error::usage("not a name for an output").in_file(target))?;
    Ok((beside(target).to_owned(), name.to_string_lossy().into_owned()))
}

/// The directory that contains a file.
pub(crate) fn beside(file: &Path) -> &Path {
    file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Removes what killed runs with this target left behind.
fn remove_stale(parent: &Path, name: &str) {
    let prefix = format!(".{name}.annmap-");
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let file_name = entry.file_name();
        let file_name = file_name.to_string_lossy();
        if !(file_name.starts_with(&prefix) && file_name.ends_with(".tmp")) {
            continue;
        }
        let abandoned = match File::open(entry.path()).map(|f| f.try_lock()) {
            Ok(Ok(())) => true,
            Ok(Err(TryLockError::WouldBlock)) | Err(_) => false,
            Ok(Err(TryLockError::Error(_))) => {
                let modified = entry.metadata().and_then(|m| m.modified()).ok();
                modified.and_then(|m| m.elapsed().ok()).is_some_and(|age| age > STALE)
            }
        };
        if abandoned {
            let _ = remove(&entry.path());
        }
    }
}

/// Renames without replacing a target that appeared in the meantime.
#[cfg(target_os = "linux")]
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use rustix::io::Errno;
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => fs::rename(from, to),
        other => Ok(other?),
    }
}

#[cfg(not(target_os = "linux"))]
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)
}

/// Exchanges two names atomically; `false` if the file system cannot.
#[cfg(target_os = "linux")]
fn exchange_names(a: &Path, b: &Path) -> io::Result<bool> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use rustix::io::Errno;
    match renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(true),
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => Ok(false),
        Err(e) => Err(e.into()),
    }
}

#[cfg(not(target_os = "linux"))]
fn exchange_names(_: &Path, _: &Path) -> io::Result<bool> {
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let mut n: Vec<_> =
            fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        n.sort();
        n
    }

    #[test]
    fn appears_only_by_commit() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("out");
        drop(Pending::directory(&target, false).unwrap());
        assert!(names(dir.path()).is_empty());
        let p = Pending::directory(&target, false).unwrap();
        fs::write(p.path().join("a"), "1").unwrap();
        assert!(!target.exists());
        p.commit().unwrap();
        assert_eq!(names(dir.path()), ["out"]);
        assert_eq!(Pending::directory(&target, false).unwrap_err().kind(), crate::error::Kind::Io);
    }

    #[test]
    fn replacing_keeps_the_old_until_the_new_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("out");
        fs::create_dir(&target).unwrap();
        fs::write(target.join("old"), "1").unwrap();
        let p = Pending::directory(&target, true).unwrap();
        fs::write(p.path().join("new"), "2").unwrap();
        assert_eq!(names(&target), ["old"]);
        p.commit().unwrap();
        assert_eq!(names(&target), ["new"]);
        assert_eq!(names(dir.path()), ["out"]);
    }

    #[test]
    fn what_a_killed_run_left_is_removed_but_not_what_is_in_use() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("out");
        fs::create_dir(dir.path().join(".out.annmap-1-0.tmp")).unwrap();
        fs::create_dir(dir.path().join(".other.annmap-1-0.tmp")).unwrap();
        let first = Pending::directory(&target, false).unwrap();
        let second = Pending::directory(&target, false).unwrap();
        assert!(first.path().exists() && second.path().exists() && first.path() != second.path());
        assert_eq!(names(dir.path()).len(), 3, "{:?}", names(dir.path()));
        first.commit().unwrap();
        assert!(second.commit().is_err(), "the second must not replace the first");
        assert_eq!(names(dir.path()), [".other.annmap-1-0.tmp", "out"]);
    }
}
