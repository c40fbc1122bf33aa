//! A file of a store: read at positions where the store is an input, mapped for those who take slices of it.

use crate::bytes::ReadAt;
use crate::bytes::mmap::Mapped;
use crate::bytes::pool::OpenFiles;
use crate::bytes::read_at::InputFile;
use crate::bytes::special;
use crate::dtype::AlignedBytes;
use crate::error::{Error, Place, Result};
use crate::observe::Observer;
use rayon::prelude::*;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// Number of bytes that one thread checksums at a time.
const PIECE: usize = 1 << 20;

/// An open file of a store.
pub(crate) struct StoreArray {
    path: PathBuf,
    file: Box<dyn ReadAt>,
    /// Whether it is a file of the file system, which can be mapped.
    is_file: bool,
    /// Made when the first slice is asked for.
    bytes: OnceLock<StoreBytes>,
}

/// All bytes of a file.
enum StoreBytes {
    Mapped(Mapped),
    /// What cannot be mapped is read.
    Read(AlignedBytes),
}

impl StoreBytes {
    fn as_slice(&self) -> &[u8] {
        match self {
            StoreBytes::Mapped(map) => map,
            StoreBytes::Read(bytes) => bytes,
        }
    }
}

impl StoreArray {
    /// Opens a regular file; through `pool`, if there is one, as one of many.
    pub(crate) fn open(path: &Path, pool: Option<&Arc<OpenFiles>>) -> Result<Self> {
        let open = || -> std::io::Result<Box<dyn ReadAt>> {
            Ok(match pool {
                Some(pool) => Box::new(pool.file(path)?),
                None => Box::new(InputFile::new(special::open(path)?)?),
            })
        };
        let file = open().map_err(|e| Error::io("open", e)).in_file(path)?;
        Ok(StoreArray { path: path.to_owned(), file, is_file: true, bytes: OnceLock::new() })
    }

    /// What `source` holds, called `path` in errors.
    pub(crate) fn of_source(path: &Path, source: Box<dyn ReadAt>) -> Self {
        StoreArray { path: path.to_owned(), file: source, is_file: false, bytes: OnceLock::new() }
    }

    /// Path of the file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Length in bytes when it was opened.
    pub(crate) fn len(&self) -> u64 {
        self.file.len()
    }

    /// Fills `out` from the byte `at`. A file that was truncated since is an error.
    pub(crate) fn read(&self, out: &mut [u8], at: u64) -> Result<()> {
        self.file.read_exact_at(out, at).map_err(|e| Error::io("read", e).at(at)).in_file(&self.path)
    }

    /// The checksum of all bytes, which many threads read piece by piece.
    ///
    /// # Errors
    /// `Io`; `Cancelled`.
    pub(crate) fn checksum(&self, observer: &dyn Observer) -> Result<u32> {
        let parts: Vec<Result<(u32, u64)>> = (0..self.len().div_ceil(PIECE as u64))
            .into_par_iter()
            .map_init(Vec::<u8>::new, |piece, n| {
                observer.check_cancelled()?;
                let at = n * PIECE as u64;
                piece.resize((self.len() - at).min(PIECE as u64) as usize, 0);
                self.read(piece, at)?;
                observer.advance(piece.len() as u64);
                Ok((crc32fast::hash(piece), piece.len() as u64))
            })
            .collect();
        let mut whole = crc32fast::Hasher::new();
        for part in parts {
            let (crc, len) = part?;
            whole.combine(&crc32fast::Hasher::new_with_initial_len(crc, len));
        }
        Ok(whole.finalize())
    }

    /// All bytes: mapped, if it is a file. Access raises a signal then if another program truncates it.
    pub(crate) fn map(&self) -> Result<&[u8]> {
        if let Some(bytes) = self.bytes.get() {
            return Ok(bytes.as_slice());
        }
        let bytes = self.all().in_file(&self.path)?;
        let bytes = self.bytes.get_or_init(|| bytes).as_slice();
        if bytes.len() as u64 != self.len() {
            let text = format!("file length (expected {} bytes, got {})", self.len(), bytes.len());
            return Err(Error::malformed(text).in_file(&self.path));
        }
        Ok(bytes)
    }

    fn all(&self) -> Result<StoreBytes> {
        if self.is_file {
            return Mapped::open(&self.path).map(StoreBytes::Mapped);
        }
        let mut bytes = AlignedBytes::default();
        bytes.resize(usize::try_from(self.len()).unwrap_or(usize::MAX))?;
        self.read(&mut bytes, 0)?;
        Ok(StoreBytes::Read(bytes))
    }
}

impl fmt::Debug for StoreArray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreArray").field("path", &self.path).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn truncation_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data.bin");
        std::fs::write(&path, [7; 100]).unwrap();
        let array = StoreArray::open(&path, None).unwrap();
        let mut out = [0; 10];
        array.read(&mut out, 90).unwrap();
        assert_eq!((out, array.len(), array.map().unwrap().len()), ([7; 10], 100, 100));
        let later = StoreArray::open(&path, None).unwrap();
        std::fs::File::options().write(true).open(&path).unwrap().set_len(50).unwrap();
        let e = later.read(&mut out, 90).unwrap_err();
        assert_eq!((e.kind(), e.offset()), (Kind::Io, Some(90)));
        assert!(later.checksum(&()).is_err() && later.map().is_err());
    }
}
