//! The temporary files and directories of this process, so that a program that must end at once can remove them.
//!
//! This is the only static of the library: a signal comes to the process, and its handler has no other way to know
//! what is being written.

use crate::sync::lock;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

static ALIVE: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// How often a directory is emptied, into which other threads may still write.
const ATTEMPTS: u32 = 20;

/// The list while it is locked: as long as it lives, no temporary begins and none gets its final name.
pub(crate) struct Temporaries(MutexGuard<'static, Vec<PathBuf>>);

impl Temporaries {
    pub(crate) fn lock() -> Self {
        Temporaries(lock(&ALIVE))
    }

    /// Adds a temporary that was just created.
    pub(crate) fn add(&mut self, path: &Path) {
        self.0.push(path.to_owned());
    }

    /// Removes one from the list, because it has its final name or does not exist any more.
    pub(crate) fn forget(&mut self, path: &Path) {
        if let Some(i) = self.0.iter().position(|p| p == path) {
            self.0.swap_remove(i);
        }
    }
}

/// Removes the temporary files and directories of all outputs that this process is writing, then calls `end`, which
/// should end the process: its outputs cannot be completed any more. No output begins or appears under its name
/// while this runs, so each one is either complete or gone.
///
/// For programs that are interrupted and cannot wait until the work has stopped.
pub fn remove_temporaries<R>(end: impl FnOnce() -> R) -> R {
    let alive = Temporaries::lock();
    for path in alive.0.iter() {
        for _ in 0..ATTEMPTS {
            // A thread that is still writing may add a file to a directory while it is emptied.
            if !remove(path).is_err_and(|e| e.kind() == io::ErrorKind::DirectoryNotEmpty) {
                break;
            }
        }
    }
    end()
}

/// Removes a file, or a directory with everything in it; never what a link points to.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    if path.symlink_metadata()?.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
}
