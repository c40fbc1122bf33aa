//! A file that is appended to and appears under its name when complete.

use super::{AppendFile, AppendTarget, failed, patch};
use crate::bytes::commit::Pending;
use crate::bytes::output::EarlyFlush;
use crate::bytes::spill::read_exact_at;
use crate::error::{Error, Place, Result};
use std::any::{Any, TypeId};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

#[derive(Debug)]
struct Named {
    pending: Pending,
    file: File,
    path: PathBuf,
    flushed: EarlyFlush,
}

impl AppendFile {
    /// Begins a file that will be named `path`. An existing one is an error unless `replace`.
    pub(crate) fn create(path: &Path, replace: bool) -> Result<Self> {
        let (pending, file) = Pending::file(path, replace)?;
        let flushed = EarlyFlush::default();
        Ok(Self::new(Box::new(Named { pending, file, path: path.to_owned(), flushed })))
    }
}

impl AppendTarget for Named {
    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(failed).in_file(&self.path)?;
        self.flushed.wrote(&self.file, bytes.len() as u64);
        Ok(())
    }

    fn patch(&mut self, at: u64, bytes: &[u8], end: u64) -> Result<()> {
        patch(&mut self.file, at, bytes, end).in_file(&self.path)
    }

    fn read(&self, at: u64, out: &mut [u8]) -> Result<()> {
        read_exact_at(&self.file, out, at).map_err(|e| Error::io("read", e)).in_file(&self.path)
    }

    fn gives(&self, _: TypeId) -> bool {
        false
    }

    fn finish(self: Box<Self>) -> Result<Box<dyn Any>> {
        self.pending.commit().in_file(&self.path)?;
        Ok(Box::new(()))
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
        let mut back = [0; 4];
        f.read(7 + (3 << 20), &mut back).unwrap();
        assert_eq!(&back, b"\x01End");
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
