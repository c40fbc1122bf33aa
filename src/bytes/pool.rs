//! Many inputs through few open files: those not used for longest are closed, and opened again when they are needed.

use super::read_at::ReadAt;
use super::special;
use crate::sync::lock;
use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

/// A limit on open files, shared by all files that are opened through it.
#[derive(Debug)]
pub(crate) struct OpenFiles {
    most: usize,
    next: AtomicU64,
    kept: Mutex<KeptFiles>,
}

#[derive(Debug, Default)]
struct KeptFiles {
    /// Number of uses so far.
    clock: u64,
    /// When each file was last used, and the file.
    files: HashMap<u64, (u64, Arc<File>)>,
}

impl OpenFiles {
    /// At most `most` files, at least one, are kept open. Each thread that reads may hold one more for a moment.
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(OpenFiles { most: most.max(1), next: AtomicU64::new(0), kept: Mutex::default() })
    }

    /// Opens a regular file for reading.
    pub(crate) fn file(self: &Arc<Self>, path: &Path) -> io::Result<PooledFile> {
        let file = special::open(path)?;
        let identity = FileIdentity::of(&file.metadata()?);
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.keep(number, Arc::new(file));
        Ok(PooledFile { pool: Arc::clone(self), path: path.to_owned(), number, identity })
    }

    /// The file if it is open.
    fn get(&self, number: u64) -> Option<Arc<File>> {
        let mut kept = lock(&self.kept);
        kept.clock += 1;
        let now = kept.clock;
        let (used, file) = kept.files.get_mut(&number)?;
        *used = now;
        Some(Arc::clone(file))
    }

    fn keep(&self, number: u64, file: Arc<File>) {
        let mut kept = lock(&self.kept);
        if kept.files.len() >= self.most {
            let oldest = kept.files.iter().min_by_key(|(_, (used, _))| *used).map(|(n, _)| *n);
            oldest.and_then(|n| kept.files.remove(&n));
        }
        kept.clock += 1;
        let now = kept.clock;
        kept.files.insert(number, (now, file));
    }
}

/// What tells whether a file that is opened again is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileIdentity {
    len: u64,
    modified: Option<SystemTime>,
    /// Device and number of the file, where the system has them.
    place: [u64; 2],
}

impl FileIdentity {
    fn of(found: &Metadata) -> Self {
        #[cfg(unix)]
        let place = {
            use std::os::unix::fs::MetadataExt;
            [found.dev(), found.ino()]
        };
        #[cfg(not(unix))]
        let place = [0, 0];
        FileIdentity { len: found.len(), modified: found.modified().ok(), place }
    }
}

/// A file that is open or can be opened again.
#[derive(Debug)]
pub(crate) struct PooledFile {
    pool: Arc<OpenFiles>,
    path: PathBuf,
    number: u64,
    identity: FileIdentity,
}

impl ReadAt for PooledFile {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        if let Some(file) = self.pool.get(self.number) {
            return file.read_exact_at(buffer, offset);
        }
        let file = Arc::new(special::open(&self.path)?);
        if FileIdentity::of(&file.metadata()?) != self.identity {
            return Err(io::Error::other("the file was replaced while it was read"));
        }
        self.pool.keep(self.number, Arc::clone(&file));
        file.read_exact_at(buffer, offset)
    }

    fn len(&self) -> u64 {
        self.identity.len
    }
}

impl Drop for PooledFile {
    fn drop(&mut self) {
        lock(&self.pool.kept).files.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_files_are_read_and_few_are_open() {
        let dir = tempfile::tempdir().unwrap();
        let pool = OpenFiles::new(3);
        let path = |n: u8| dir.path().join(n.to_string());
        let files: Vec<PooledFile> = (0..10u8)
            .map(|n| {
                std::fs::write(path(n), [n; 4]).unwrap();
                pool.file(&path(n)).unwrap()
            })
            .collect();
        let read = |n: u8| {
            let mut out = [0xff; 2];
            files[usize::from(n)].read_exact_at(&mut out, 2).map(|()| out[1])
        };
        for n in [0, 9, 5, 5, 0, 1, 2, 3, 9] {
            assert_eq!(read(n).unwrap(), n);
            assert!(lock(&pool.kept).files.len() <= 3);
        }
        std::fs::remove_file(path(4)).unwrap();
        std::fs::write(path(4), [7; 5]).unwrap();
        assert!(read(4).unwrap_err().to_string().contains("replaced while it was read"));
        drop(files);
        assert!(lock(&pool.kept).files.is_empty());
    }
}
