//! Bytes that grow: in memory while they are few, then in a temporary file without a name.

use crate::error::{Error, Result};
use std::path::{Path, PathBuf};

#[cfg(feature = "store")]
use super::spill::SpillFile;

/// Bytes that are held in memory, if there is a directory for the others.
const HELD: usize = 1 << 20;

/// Bytes that are appended, then read.
#[derive(Debug)]
pub(crate) struct Growing {
    /// Where the temporary file goes; without one, everything stays in memory.
    directory: Option<PathBuf>,
    #[cfg(feature = "store")]
    spilled: Option<SpillFile>,
    /// Bytes in the temporary file.
    before: u64,
    held: Vec<u8>,
}

impl Growing {
    /// No bytes yet. More than a mebibyte go to a temporary file in `directory`.
    pub(crate) fn new(directory: Option<&Path>) -> Self {
        Growing {
            directory: directory.map(Path::to_owned),
            #[cfg(feature = "store")]
            spilled: None,
            before: 0,
            held: Vec::new(),
        }
    }

    /// Number of bytes.
    pub(crate) fn len(&self) -> u64 {
        self.before + self.held.len() as u64
    }

    /// Appends `bytes`.
    ///
    /// # Errors
    /// `Io` if the temporary file cannot be written.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.held.extend_from_slice(bytes);
        #[cfg(feature = "store")]
        if self.held.len() > HELD
            && let Some(directory) = &self.directory
        {
            if self.spilled.is_none() {
                self.spilled = Some(SpillFile::create(directory, 0)?);
            }
            if let Some(file) = &self.spilled {
                file.append(&self.held)?;
                self.before += self.held.len() as u64;
                self.held.clear();
            }
        }
        Ok(())
    }

    /// Fills `out` from the bytes at `at`.
    ///
    /// # Errors
    /// `Usage` if they end before; `Io` if the temporary file cannot be read.
    pub(crate) fn read(&self, at: u64, out: &mut [u8]) -> Result<()> {
        let in_file = self.before.saturating_sub(at).min(out.len() as u64) as usize;
        let (first, rest) = out.split_at_mut(in_file);
        #[cfg(feature = "store")]
        if let Some(file) = &self.spilled
            && !first.is_empty()
        {
            file.read(at, first)?;
        }
        let from = (at + first.len() as u64).saturating_sub(self.before) as usize;
        let held = self.held.get(from..).and_then(|held| held.get(..rest.len()));
        rest.copy_from_slice(held.ok_or_else(|| Error::usage("a read past the end of a temporary file"))?);
        Ok(())
    }

    /// Calls `take` with all bytes in order, in pieces.
    ///
    /// # Errors
    /// Those of `take`; `Io` if the temporary file cannot be read.
    pub(crate) fn each(&self, mut take: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let mut piece = vec![0; self.len().min(HELD as u64) as usize];
        let mut at = 0;
        while at < self.len() {
            let n = (self.len() - at).min(piece.len() as u64);
            let piece = &mut piece[..n as usize];
            self.read(at, piece)?;
            take(piece)?;
            at += n;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_from_memory_and_from_the_file() {
        let dir = tempfile::tempdir().unwrap();
        for directory in [None, Some(dir.path())] {
            let mut growing = Growing::new(directory);
            let mut all = Vec::new();
            for n in 0..30u8 {
                let bytes = vec![n; 100_000];
                growing.append(&bytes).unwrap();
                all.extend(bytes);
            }
            assert_eq!(growing.len(), all.len() as u64);
            let mut back = Vec::new();
            growing
                .each(|piece| {
                    back.extend_from_slice(piece);
                    Ok(())
                })
                .unwrap();
            assert!(back == all);
            for at in [0usize, 99_999, 1_999_990, 2_999_990] {
                let mut out = [0; 10];
                growing.read(at as u64, &mut out).unwrap();
                assert_eq!(out, all[at..at + 10]);
            }
            assert!(growing.read(2_999_991, &mut [0; 10]).is_err());
            assert!(Growing::new(directory).each(|_| panic!()).is_ok());
        }
    }
}
