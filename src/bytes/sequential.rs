//! A file that one thread writes from its beginning, of a length that is not known before.

use super::output::{EarlyFlush, Summary};
use crate::error::{Error, Place, Result};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Bytes buffered before they are written.
const BUFFER: usize = 1 << 20;

#[derive(Debug)]
pub(crate) struct SequentialFile {
    path: PathBuf,
    file: File,
    buffer: Vec<u8>,
    len: u64,
    crc: crc32fast::Hasher,
    flushed: EarlyFlush,
}

impl SequentialFile {
    /// Creates `path`, which must not exist.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).open(path);
        Ok(SequentialFile {
            path: path.to_owned(),
            file: file.map_err(|e| Error::io("create", e)).in_file(path)?,
            buffer: Vec::with_capacity(BUFFER),
            len: 0,
            crc: crc32fast::Hasher::new(),
            flushed: EarlyFlush::default(),
        })
    }

    fn write_out(&mut self) -> io::Result<()> {
        self.file.write_all(&self.buffer)?;
        self.crc.update(&self.buffer);
        self.len += self.buffer.len() as u64;
        self.flushed.wrote(&self.file, self.buffer.len() as u64);
        self.buffer.clear();
        Ok(())
    }

    /// Flushes to the disk, and returns length and checksum.
    pub(crate) fn finish(mut self) -> Result<Summary> {
        self.write_out().map_err(|e| Error::io("write", e)).in_file(&self.path)?;
        self.file.sync_all().map_err(|e| Error::io("flush", e)).in_file(&self.path)?;
        Ok(Summary { len: self.len, crc: self.crc.finalize() })
    }
}

impl Write for SequentialFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = bytes.len().min(BUFFER - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..room]);
        if self.buffer.len() == BUFFER {
            self.write_out()?;
        }
        Ok(room)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write_out()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_and_the_checksum_are_those_of_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let bytes: Vec<u8> = (0..3_000_001u32).map(|i| (i % 251) as u8).collect();
        let mut file = SequentialFile::create(&path).unwrap();
        file.write_all(&bytes[..10]).unwrap();
        file.write_all(&bytes[10..]).unwrap();
        let done = file.finish().unwrap();
        assert!(std::fs::read(&path).unwrap() == bytes);
        assert_eq!((done.len, done.crc), (bytes.len() as u64, crc32fast::hash(&bytes)));
        assert!(SequentialFile::create(&path).is_err(), "it exists");
    }
}
