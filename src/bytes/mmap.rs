//! Maps finished files of a store for reading.

use super::special;
use crate::error::{Error, Result};
use std::ops::Deref;
use std::path::Path;

/// A file of a store, mapped read-only.
///
/// Files of a store never change once they have their final name: this crate only replaces whole directories.
/// If another program truncates a mapped file, access raises the operating system's signal, as with
/// `numpy.memmap`.
#[derive(Debug)]
pub(crate) struct Mapped(Option<memmap2::Mmap>);

impl Mapped {
    /// Maps all of `path`; an empty file is an empty slice.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = special::open(path).map_err(|e| Error::io("open", e).in_file(path))?;
        let len = file.metadata().map_err(|e| Error::io("stat", e).in_file(path))?.len();
        if len == 0 {
            return Ok(Mapped(None));
        }
        // SAFETY: the map is read-only and the file is one of a committed store, which is never written again.
        let map = unsafe { memmap2::Mmap::map(&file) }.map_err(|e| Error::io("map", e).in_file(path))?;
        Ok(Mapped(Some(map)))
    }
}

impl Deref for Mapped {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        self.0.as_deref().unwrap_or(&[])
    }
}
