//! A temporary file without a name: appended to by many threads, read back in pieces.
//!
//! It is unlinked as soon as it is open, so it disappears however the process exits.

use crate::error::{Error, Place, Result};
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug)]
pub(crate) struct SpillFile {
    file: File,
    directory: PathBuf,
    next: AtomicU64,
}

/// Position of a piece in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) offset: u64,
    pub(crate) len: u64,
}

impl SpillFile {
    /// Opens a file in `directory`, whose file system must have about `expected` bytes free.
    pub(crate) fn create(directory: &Path, expected: u64) -> Result<Self> {
        super::output::check_space(directory, expected)?;
        let file =
            unnamed(directory).map_err(|e| Error::io("create a temporary file", e)).in_file(directory)?;
        Ok(SpillFile { file, directory: directory.to_owned(), next: AtomicU64::new(0) })
    }

    /// Appends `bytes`.
    pub(crate) fn append(&self, bytes: &[u8]) -> Result<Extent> {
        let len = bytes.len() as u64;
        let offset = self.next.fetch_add(len, Ordering::Relaxed);
        super::output::write_all_at(&self.file, bytes, offset)
            .map_err(|e| Error::io(format!("write {len} bytes to a temporary file"), e))
            .in_file(&self.directory)?;
        Ok(Extent { offset, len })
    }

    /// Fills `out` from the bytes at `offset`.
    pub(crate) fn read(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        read_exact_at(&self.file, out, offset)
            .map_err(|e| Error::io("read a temporary file", e))
            .in_file(&self.directory)
    }
}

#[cfg(unix)]
pub(crate) fn read_exact_at(file: &File, out: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, out, offset)
}

#[cfg(windows)]
pub(crate) fn read_exact_at(file: &File, mut out: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !out.is_empty() {
        let n = std::os::windows::fs::FileExt::seek_read(file, out, offset)?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        out = &mut out[n..];
        offset += n as u64;
    }
    Ok(())
}

/// Opens a file without a name if the system can; otherwise one whose name is removed at once.
fn unnamed(directory: &Path) -> io::Result<File> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, Mode, OFlags, openat};
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        if let Ok(fd) = openat(CWD, directory, flags, Mode::RUSR | Mode::WUSR) {
            return Ok(File::from(fd));
        }
    }
    for attempt in 0..1000u32 {
        let path = directory.join(format!(".annmap-{}-{attempt}.spill", std::process::id()));
        match OpenOptions::new().read(true).write(true).create_new(true).open(&path) {
            Ok(file) => {
                std::fs::remove_file(&path)?;
                return Ok(file);
            }
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(e),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_no_name_and_keeps_what_is_appended() {
        let dir = tempfile::tempdir().unwrap();
        let f = SpillFile::create(dir.path(), 10).unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        let a = f.append(b"abc").unwrap();
        let b = f.append(b"defg").unwrap();
        let mut out = [0; 4];
        f.read(b.offset, &mut out).unwrap();
        assert_eq!((&out, a), (b"defg", Extent { offset: 0, len: 3 }));
        assert!(f.read(5, &mut out).is_err());
        assert!(SpillFile::create(dir.path(), u64::MAX).is_err(), "no room");
    }
}
