//! The second copy of all metadata, which ends the map: in memory, or in a temporary file once there is much of it.

use crate::bytes::commit::beside;
use crate::bytes::spill::SpillFile;
use crate::error::Result;
use std::path::{Path, PathBuf};

/// Bytes from which the copy goes to a temporary file.
const MOST_HELD: usize = 4 << 20;

/// Bytes that are appended, and read once from the beginning.
#[derive(Debug)]
pub(super) struct Consolidated {
    /// Where a temporary file would be.
    directory: PathBuf,
    spill: Option<SpillFile>,
    spilled: u64,
    held: Vec<u8>,
}

impl Consolidated {
    /// Nothing yet, for a map at `path`.
    pub(super) fn new(path: &Path) -> Self {
        Consolidated { directory: beside(path).to_owned(), spill: None, spilled: 0, held: Vec::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.spilled == 0 && self.held.is_empty()
    }

    pub(super) fn append(&mut self, text: &str) -> Result<()> {
        self.held.extend_from_slice(text.as_bytes());
        if self.held.len() > MOST_HELD {
            let len = self.held.len() as u64;
            let spill = match self.spill.take() {
                Some(spill) => spill,
                None => SpillFile::create(&self.directory, len)?,
            };
            spill.append(&self.held)?;
            self.spill = Some(spill);
            self.spilled += len;
            self.held.clear();
        }
        Ok(())
    }

    /// Calls `f` with all bytes, piece by piece.
    pub(super) fn each_piece(&self, mut f: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let mut piece = vec![0; MOST_HELD.min(usize::try_from(self.spilled).unwrap_or(usize::MAX))];
        let mut at = 0;
        while let Some(spill) = self.spill.as_ref().filter(|_| at < self.spilled) {
            let len = (self.spilled - at).min(piece.len() as u64);
            let piece = piece.get_mut(..usize::try_from(len).unwrap_or(0)).unwrap_or_default();
            spill.read(at, piece)?;
            f(piece)?;
            at += len;
        }
        f(&self.held)
    }
}
