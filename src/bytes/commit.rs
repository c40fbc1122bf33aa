//! A directory or file that appears under its name complete or not at all.
//!
//! Everything is written to a temporary sibling, flushed, then renamed. Dropping a [`Pending`] without
//! committing removes the sibling; the next run with the same target removes what a killed process left
//! behind. A sibling in use differs from a left-over by its writer's lock, which the kernel releases however
//! the writer exits.
//!
//! What is at the target already is looked at twice: before the work begins and when the new one takes its
//! name. A file replaces a regular file only, a directory only what its [`Approve`] accepts.

use super::special;
use super::temporaries::{Temporaries, remove};
use crate::error::{Error, Hint, Kind, Place, Result};
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Age at which left-overs are removed if their lock cannot be tested (some network file systems).
const STALE: Duration = Duration::from_secs(7 * 24 * 3600);

/// Fails unless the directory at a path may be removed with everything in it.
pub(crate) type Approve = fn(&Path) -> Result<()>;

/// What becomes a target, and what happens to something that has its name already.
#[derive(Debug, Clone, Copy)]
enum Existing {
    /// A file; one that is there is an error unless `replace`, anything else that is there always is.
    File { replace: bool },
    /// A directory; one that is there is an error unless it is approved, anything else that is there always is.
    Directory(Option<Approve>),
    /// Nothing is committed, so what is there does not matter.
    Ignored,
}

/// A directory or a file being written.
#[derive(Debug)]
pub(crate) struct Pending {
    temporary: PathBuf,
    target: PathBuf,
    existing: Existing,
    /// Holds the lock; `None` after the commit.
    open: Option<File>,
}

impl Pending {
    /// Begins a directory that will be named `target`. An existing one is an error unless `replace` approves of
    /// its removal.
    pub(crate) fn directory(target: &Path, replace: Option<Approve>) -> Result<Self> {
        Self::begin(target.to_owned(), Existing::Directory(replace), &create_directory)
    }

    /// A directory beside `target` that is never committed.
    pub(crate) fn scratch(target: &Path) -> Result<Self> {
        Self::begin(target.to_owned(), Existing::Ignored, &create_directory)
    }

    /// Begins a file that will be named `target`, open for writing. An existing one is an error unless
    /// `replace`.
    pub(crate) fn file(target: &Path, replace: bool) -> Result<(Self, File)> {
        let create = |path: &Path| File::options().read(true).write(true).create_new(true).open(path);
        let pending = Self::begin(resolved(target)?, Existing::File { replace }, &create)?;
        let open = pending.open.as_ref().map(File::try_clone).transpose();
        match open.map_err(|e| Error::io("open", e)).in_file(target)? {
            Some(file) => Ok((pending, file)),
            None => Err(Error::usage("the file is complete already").in_file(target)),
        }
    }

    fn begin(
        target: PathBuf,
        existing: Existing,
        create: &dyn Fn(&Path) -> io::Result<File>,
    ) -> Result<Self> {
        existing.check(&target)?;
        let (parent, name) = split(&target)?;
        fs::create_dir_all(&parent).map_err(|e| Error::io("create directory", e)).in_file(&parent)?;
        remove_stale(&parent, &name);
        let mut temporaries = Temporaries::lock();
        for attempt in 0u32.. {
            let temporary = parent.join(format!(".{name}.annmap-{}-{attempt}.tmp", std::process::id()));
            match create(&temporary) {
                Ok(open) => {
                    // If this file system has no locks, name and age decide.
                    let _ = open.try_lock();
                    temporaries.add(&temporary);
                    return Ok(Pending { temporary, target, existing, open: Some(open) });
                }
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists && attempt < 1000 => {}
                Err(e) => return Err(Error::io("create", e).in_file(&temporary)),
            }
        }
        unreachable!("the loop ends by returning")
    }

    /// Fails if [`directory`](Self::directory) would, before any work is done.
    pub(crate) fn refuse_directory(target: &Path, replace: Option<Approve>) -> Result<()> {
        Existing::Directory(replace).check(target)
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
        let old = self.rename()?;
        let (parent, _) = split(&self.target)?;
        if let Ok(dir) = File::open(&parent) {
            // Some file systems cannot flush a directory; the rename is valid anyway.
            let _ = dir.sync_all();
        }
        if let Some(old) = old {
            remove(&old).map_err(|e| Error::io("remove what was replaced", e)).in_file(&old)?;
            Temporaries::lock().forget(&old);
        }
        Ok(())
    }

    /// Gives the new one its name. Returns the temporary name that the old one has now, if there was one.
    fn rename(&self) -> Result<Option<PathBuf>> {
        let mut temporaries = Temporaries::lock();
        let replaces =
            matches!(self.existing, Existing::File { replace: true } | Existing::Directory(Some(_)));
        if !(replaces && self.target.symlink_metadata().is_ok()) {
            rename_new(&self.temporary, &self.target)
                .map_err(|e| Error::io("rename", e))
                .in_file(&self.target)?;
            temporaries.forget(&self.temporary);
            return Ok(None);
        }
        // It may be another one than when the work began.
        self.existing.check(&self.target)?;
        let old = self.exchange().map_err(|e| Error::io("replace", e)).in_file(&self.target)?;
        if old != self.temporary {
            temporaries.forget(&self.temporary);
            temporaries.add(&old);
        }
        Ok(Some(old))
    }

    /// Exchanges the new and the old; returns the name of the old one.
    fn exchange(&self) -> io::Result<PathBuf> {
        if exchange_names(&self.temporary, &self.target)? {
            return Ok(self.temporary.clone());
        }
        let old = self.temporary.with_extension("old.tmp");
        fs::rename(&self.target, &old)?;
        if let Err(e) = rename_new(&self.temporary, &self.target) {
            fs::rename(&old, &self.target)?;
            return Err(e);
        }
        Ok(old)
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if self.open.is_some() {
            let _ = remove(&self.temporary);
            Temporaries::lock().forget(&self.temporary);
        }
    }
}

impl Existing {
    /// Fails if something is at `target` that stays there.
    fn check(self, target: &Path) -> Result<()> {
        let Ok(there) = target.symlink_metadata() else { return Ok(()) };
        let (fits, expected) = match self {
            Existing::File { .. } => (there.is_file(), "the name of a file"),
            Existing::Directory(_) => (there.is_dir(), "a store or a new name"),
            Existing::Ignored => return Ok(()),
        };
        if !fits {
            let text = format!("will not replace this: it is {}, expected {expected}", special::kind(&there));
            return Err(Error::new(Kind::Io, text).in_file(target));
        }
        match self {
            Existing::File { replace: false } | Existing::Directory(None) => {
                Err(Error::new(Kind::Io, "the output exists").hinting(Hint::Replace).in_file(target))
            }
            Existing::Directory(Some(approve)) => approve(target),
            Existing::File { replace: true } | Existing::Ignored => Ok(()),
        }
    }
}

fn create_directory(path: &Path) -> io::Result<File> {
    fs::create_dir(path).and_then(|()| File::open(path))
}

/// The path of the file behind `target`. For a symbolic link the file it points to is replaced, as `cp` does, and
/// the link stays.
fn resolved(target: &Path) -> Result<PathBuf> {
    if !target.is_symlink() {
        return Ok(target.to_owned());
    }
    let failed = |e| Error::io("will not write through this symbolic link", e);
    fs::canonicalize(target).map_err(failed).in_file(target)
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
        // A link, a FIFO or a device with such a name is not ours, and opening it might wait.
        if !entry.file_type().is_ok_and(|t| t.is_file() || t.is_dir()) {
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
        drop(Pending::directory(&target, None).unwrap());
        assert!(names(dir.path()).is_empty());
        let p = Pending::directory(&target, None).unwrap();
        fs::write(p.path().join("a"), "1").unwrap();
        assert!(!target.exists());
        p.commit().unwrap();
        assert_eq!(names(dir.path()), ["out"]);
        assert_eq!(Pending::directory(&target, None).unwrap_err().kind(), crate::error::Kind::Io);
    }

    #[test]
    fn replacing_keeps_the_old_until_the_new_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("out");
        fs::create_dir(&target).unwrap();
        fs::write(target.join("old"), "1").unwrap();
        let p = Pending::directory(&target, Some(|_| Ok(()))).unwrap();
        fs::write(p.path().join("new"), "2").unwrap();
        assert_eq!(names(&target), ["old"]);
        p.commit().unwrap();
        assert_eq!(names(&target), ["new"]);
        assert_eq!(names(dir.path()), ["out"]);
    }

    /// Also where it comes there while the new one is written.
    #[test]
    fn a_file_replaces_files_only() {
        let dir = tempfile::tempdir().unwrap();
        let (directory, file) = (dir.path().join("directory"), dir.path().join("file"));
        fs::create_dir(&directory).unwrap();
        fs::write(&file, "1").unwrap();
        for replace in [false, true] {
            let e = Pending::file(&directory, replace).unwrap_err();
            assert!(e.message().contains("it is a directory, expected the name of a file"), "{e}");
            assert_eq!((e.kind(), e.hint()), (Kind::Io, None));
        }
        assert_eq!(Pending::file(&file, false).unwrap_err().hint(), Some(Hint::Replace));
        let e = Pending::directory(&file, Some(|_| Ok(()))).unwrap_err();
        assert!(e.message().contains("it is a file, expected a store or a new name"), "{e}");
        let (pending, _) = Pending::file(&file, true).unwrap();
        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
        fs::write(file.join("mine"), "1").unwrap();
        assert!(pending.commit().is_err() && file.join("mine").exists());
        let refuse = |_: &Path| Err(Error::new(Kind::Io, "not mine"));
        assert_eq!(Pending::directory(&directory, Some(refuse)).unwrap_err().message(), "not mine");
        assert_eq!(names(dir.path()), ["directory", "file"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_a_file_stays_and_other_links_are_refused() {
        use std::os::unix::fs::symlink;
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir(at("directory")).unwrap();
        fs::write(at("file"), "1").unwrap();
        for name in ["file", "directory", "nothing"] {
            symlink(at(name), at(&format!("to-{name}"))).unwrap();
        }
        assert_eq!(Pending::file(&at("to-file"), false).unwrap_err().hint(), Some(Hint::Replace));
        let (pending, mut file) = Pending::file(&at("to-file"), true).unwrap();
        io::Write::write_all(&mut file, b"2").unwrap();
        pending.commit().unwrap();
        assert!(at("to-file").is_symlink() && fs::read(at("file")).unwrap() == b"2");
        assert!(Pending::file(&at("to-directory"), true).is_err());
        let e = Pending::file(&at("to-nothing"), true).unwrap_err();
        assert!(e.message().starts_with("will not write through this symbolic link"), "{e}");
        let e = Pending::directory(&at("to-directory"), Some(|_| Ok(()))).unwrap_err();
        assert!(e.message().contains("it is a symbolic link"), "{e}");
        assert!(at("directory").is_dir() && !at("nothing").exists());
    }

    #[cfg(unix)]
    #[test]
    fn a_fifo_is_neither_replaced_nor_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let fifo = |name: &str| {
            let path = dir.path().join(name);
            let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
            rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
            path
        };
        let out = fifo("out");
        assert!(Pending::file(&out, true).unwrap_err().message().contains("it is a FIFO"));
        // with the name of a temporary
        let planted = fifo(&format!(".other.annmap-{}-0.tmp", std::process::id()));
        drop(Pending::directory(&dir.path().join("other"), None).unwrap());
        assert!(planted.symlink_metadata().is_ok(), "it is not ours");
    }

    #[test]
    fn what_a_killed_run_left_is_removed_but_not_what_is_in_use() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("out");
        fs::create_dir(dir.path().join(".out.annmap-1-0.tmp")).unwrap();
        fs::create_dir(dir.path().join(".other.annmap-1-0.tmp")).unwrap();
        let first = Pending::directory(&target, None).unwrap();
        let second = Pending::directory(&target, None).unwrap();
        assert!(first.path().exists() && second.path().exists() && first.path() != second.path());
        assert_eq!(names(dir.path()).len(), 3, "{:?}", names(dir.path()));
        first.commit().unwrap();
        assert!(second.commit().is_err(), "the second must not replace the first");
        assert_eq!(names(dir.path()), [".other.annmap-1-0.tmp", "out"]);
    }
}
