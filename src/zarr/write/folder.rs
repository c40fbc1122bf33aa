//! A folder being written: a value is a file. It has a temporary name until it is complete.

use super::keys::join;
use crate::bytes::commit::{Approve, Pending};
use crate::bytes::output::EarlyFlush;
use crate::error::{Error, Place, Result};
use crate::sync::FirstError;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

#[derive(Debug)]
pub(super) struct FolderWriter {
    pending: Pending,
    /// The final name, which errors have.
    target: PathBuf,
}

/// A file that grows.
#[derive(Debug)]
pub(super) struct FolderValue {
    file: File,
    /// The path that it will have.
    path: PathBuf,
    flushed: EarlyFlush,
}

impl FolderWriter {
    /// Begins a folder that will be named `path`. An existing one is an error unless `replace` approves of its removal.
    pub(super) fn create(path: &Path, replace: Option<Approve>) -> Result<Self> {
        Ok(FolderWriter { pending: Pending::directory(path, replace)?, target: path.to_owned() })
    }

    fn path(&self, key: &str) -> PathBuf {
        self.pending.path().join(key)
    }

    /// Creates the file of a key, and the folders above it; also returns the path that it will have.
    fn file(&self, key: &str) -> Result<(File, PathBuf)> {
        let path = self.path(key);
        let create = || File::options().write(true).create_new(true).open(&path);
        let created = match create() {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                let parent = path.parent().unwrap_or(self.pending.path());
                fs::create_dir_all(parent).and_then(|()| create())
            }
            other => other,
        };
        match created {
            Ok(file) => Ok((file, self.target.join(key))),
            Err(e) => Err(Error::io("create", e).in_file(&self.target.join(key))),
        }
    }

    pub(super) fn put(&self, key: &str, bytes: &[u8]) -> Result<()> {
        let (mut file, path) = self.file(key)?;
        file.write_all(bytes).map_err(|e| Error::io("write", e)).in_file(&path)
    }

    pub(super) fn begin(&self, key: &str) -> Result<FolderValue> {
        let (file, path) = self.file(key)?;
        Ok(FolderValue { file, path, flushed: EarlyFlush::default() })
    }

    pub(super) fn copy(&self, from: &str, to: &str, most: u64) -> Result<Option<u64>> {
        let mut folders = vec![String::new()];
        let mut copied = 0u64;
        while let Some(folder) = folders.pop() {
            let source = self.path(&join(from, folder.trim_start_matches('/')));
            let target = self.path(&join(to, folder.trim_start_matches('/')));
            fs::create_dir_all(&target).map_err(|e| Error::io("create directory", e)).in_file(&target)?;
            let listed = source.read_dir().map_err(|e| Error::io("list", e)).in_file(&source)?;
            for entry in listed {
                let entry = entry.map_err(|e| Error::io("list", e)).in_file(&source)?;
                let name = entry.file_name();
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    folders.push(format!("{folder}/{}", name.to_string_lossy()));
                    continue;
                }
                copied = copied.saturating_add(1);
                if copied > most {
                    return Ok(None);
                }
                let to = target.join(&name);
                fs::copy(entry.path(), &to).map_err(|e| Error::io("copy", e)).in_file(&to)?;
            }
        }
        Ok(Some(copied))
    }

    pub(super) fn discard(&self, path: &str) -> Result<()> {
        let path = self.path(path);
        match fs::remove_dir_all(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", e).in_file(&path)),
            _ => Ok(()),
        }
    }

    pub(super) fn finish(self) -> Result<()> {
        flush_all(self.pending.path())?;
        self.pending.commit()
    }
}

impl FolderValue {
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|e| Error::io("write", e)).in_file(&self.path)?;
        self.flushed.wrote(&self.file, bytes.len() as u64);
        Ok(())
    }

    pub(super) fn end(self) -> Result<()> {
        Ok(())
    }
}

/// Files that are flushed at the same time: file systems take several flushes together.
const FLUSHES: usize = 16;
/// Files that are listed before they are flushed.
const LISTED: usize = 4096;

/// Flushes all files below a folder to the disk.
fn flush_all(folder: &Path) -> Result<()> {
    let (mut folders, mut files) = (vec![folder.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        let listed = folder.read_dir().map_err(|e| Error::io("list", e)).in_file(&folder)?;
        for entry in listed {
            let entry = entry.map_err(|e| Error::io("list", e)).in_file(&folder)?;
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder {
                folders.push(entry.path())
            } else {
                files.push(entry.path())
            }
            if files.len() >= LISTED {
                flush(&files)?;
                files.clear();
            }
        }
    }
    flush(&files)
}

fn flush(files: &[PathBuf]) -> Result<()> {
    let (next, failed) = (AtomicUsize::new(0), FirstError::default());
    let work = || {
        while let Some(path) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            let flushed = File::options().write(true).open(path).and_then(|file| file.sync_all());
            if let Err(e) = flushed {
                failed.note(0, Error::io("flush", e).in_file(path));
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..FLUSHES.min(files.len()) {
            // if no thread can be started, the others do its work
            let _ = std::thread::Builder::new().stack_size(64 << 10).spawn_scoped(scope, work);
        }
        work();
    });
    failed.finish()
}
