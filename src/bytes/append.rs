//! A file that grows at its end, with places patched later, and appears under its name when it is whole.

use super::commit::Pending;
use super::output::EarlyFlush;
use crate::error::{Error, Place, Result};
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Bytes held back before they are written.
const BUFFER: usize = 1 << 20;

/// An output file that is appended to.
#[derive(Debug)]
pub(crate) struct AppendFile {
    pending: Pending,
    file: File,
    path: PathBuf,
    /// Bytes that are in the file already.
    written: u64,
    buffer: Vec<u8>,
    flushed: EarlyFlush,
}

impl AppendFile {
    /// Begins a file that will be called `path`. An existing one is refused unless `replace`.
    pub(crate) fn create(path: &Path, replace: bool) -> Result<Self> {
        let (pending, file) = Pending::file(path, replace)?;
        Ok(AppendFile {
            pending,
            file,
            path: path.to_owned(),
            written: 0,
            buffer: Vec::with_capacity(BUFFER),
            flushed: EarlyFlush::default(),
        })
    }

    /// Where the next byte goes.
    pub(crate) fn end(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    /// Appends `bytes`; where they begin comes back.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<u64> {
        let at = self.end();
        if self.buffer.len() + bytes.len() > BUFFER {
            self.flush()?;
        }
        if bytes.len() > BUFFER {
            self.file.write_all(bytes).map_err(|e| self.failed(e))?;
            self.wrote(bytes.len());
        } else {
            self.buffer.extend_from_slice(bytes);
        }
        Ok(at)
    }

    /// Appends zeros up to a multiple of eight.
    pub(crate) fn align(&mut self) -> Result<()> {
        let zeros = (self.end().next_multiple_of(8) - self.end()) as usize;
        self.append(&[0; 8][..zeros]).map(drop)
    }

    /// Writes over bytes that are there already.
    pub(crate) fn patch(&mut self, at: u64, bytes: &[u8]) -> Result<()> {
        if at >= self.written {
            let from = (at - self.written) as usize;
            self.buffer[from..from + bytes.len()].copy_from_slice(bytes);
            return Ok(());
        }
        self.flush()?;
        let end = self.written;
        let patched = self
            .file
            .seek(SeekFrom::Start(at))
            .and_then(|_| self.file.write_all(bytes))
            .and_then(|()| self.file.seek(SeekFrom::Start(end)));
        patched.map(drop).map_err(|e| self.failed(e))
    }

    fn flush(&mut self) -> Result<()> {
        self.file.write_all(&self.buffer).map_err(|e| self.failed(e))?;
        self.wrote(self.buffer.len());
        self.buffer.clear();
        Ok(())
    }

    fn wrote(&mut self, len: usize) {
        self.written += len as u64;
        self.flushed.wrote(&self.file, len as u64);
    }

    fn failed(&self, e: std::io::Error) -> Error {
        Error::io("write", e).in_file(&self.path)
    }

    /// Writes what is held back, flushes, and gives the file its name.
    pub(crate) fn commit(mut self) -> Result<()> {
        self.flush()?;
        self.pending.commit().in_file(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn appended_patched_and_named_at_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out.h5");
        let mut f = AppendFile::create(&path, false).unwrap();
        assert_eq!(f.append(b"abc").unwrap(), 0);
        f.align().unwrap();
        assert_eq!(f.append(&vec![1; 3 << 20]).unwrap(), 8);
        assert_eq!(f.append(b"end").unwrap(), 8 + (3 << 20));
        f.patch(0, b"X").unwrap();
        f.patch(8 + (3 << 20), b"E").unwrap();
        assert!(!path.exists());
        f.commit().unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert!(bytes.starts_with(b"Xbc\0\0\0\0\0\x01") && bytes.ends_with(b"\x01End"));
        assert!(AppendFile::create(&path, false).is_err(), "exists");
        drop(AppendFile::create(&path, true).unwrap());
        assert_eq!(std::fs::read(&path).unwrap(), bytes, "dropped: nothing happened");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
