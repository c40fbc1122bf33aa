//! One huge chunk, inflated through a small window, from its beginning to its end.
//!
//! Some writers (R above all) put a whole dataset into one chunk, up to 4 GiB. Such a chunk cannot be decoded in
//! parts, but it can be decoded in order: this keeps the decoder's state and a piece of the stored bytes, never the
//! chunk.

use super::chunk_index::ChunkEntry;
use super::file::File;
use crate::error::{Error, Place, Result};
use crate::hdf5::checked;
use zlib_rs::{Inflate, InflateFlush, Status};

/// Stored bytes read at once.
const PIECE: u64 = 1 << 20;

/// The elements of a one-dimensional dataset in one deflated chunk, in order.
pub struct ElementStream {
    file: File,
    path: String,
    entry: ChunkEntry,
    state: Inflate,
    /// Stored bytes that were read, and how many of them are used up.
    piece: Vec<u8>,
    used: usize,
    /// Stored bytes read so far.
    fetched: u64,
    /// Decoded bytes given out so far.
    at: u64,
}

impl ElementStream {
    pub(crate) fn new(file: &File, path: &str, entry: ChunkEntry) -> Self {
        ElementStream {
            file: file.clone(),
            path: path.to_owned(),
            entry,
            state: Inflate::new(true, 15),
            piece: Vec::new(),
            used: 0,
            fetched: 0,
            at: 0,
        }
    }

    /// Where the next byte comes from, in bytes from the first element.
    pub fn position(&self) -> u64 {
        self.at
    }

    /// Goes to byte `at`: forward by decoding what lies between, backward by beginning again.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn seek(&mut self, at: u64) -> Result<()> {
        if at < self.at {
            *self = Self::new(&self.file, &self.path, self.entry);
        }
        let mut waste = [0; 4096];
        while self.at < at {
            let n = usize::try_from(at.saturating_sub(self.at)).unwrap_or(waste.len()).min(waste.len());
            self.read(waste.get_mut(..n).unwrap_or_default())?;
        }
        Ok(())
    }

    /// Fills `out` with what comes next.
    ///
    /// # Errors
    /// `Malformed` where the stream is broken or ends before that; `Io`.
    pub fn read(&mut self, out: &mut [u8]) -> Result<()> {
        self.read_inner(out)
            .map_err(|e| e.in_chunk(&[0]).at(self.file.offset_of(self.entry.address)))
            .in_object(&self.path)
    }

    fn read_inner(&mut self, out: &mut [u8]) -> Result<()> {
        let mut filled = 0usize;
        while filled < out.len() {
            if self.used == self.piece.len() {
                self.fetch()?;
            }
            let input = self.piece.get(self.used..).unwrap_or_default();
            let (read, made) = (self.state.total_in(), self.state.total_out());
            let room = out.get_mut(filled..).unwrap_or_default();
            let status = self.state.decompress(input, room, InflateFlush::NoFlush);
            let read = checked::size(self.state.total_in().saturating_sub(read))?;
            let made = checked::size(self.state.total_out().saturating_sub(made))?;
            self.used = self.used.saturating_add(read);
            filled = filled.saturating_add(made);
            self.at = self.at.saturating_add(made as u64);
            let exhausted = self.used == self.piece.len() && self.fetched == self.entry.size;
            match status {
                Ok(Status::StreamEnd) if filled < out.len() => return Err(self.early()),
                Ok(Status::StreamEnd) => {}
                Ok(_) if made == 0 && exhausted => return Err(self.early()),
                Ok(_) => {}
                Err(e) => {
                    let why = self.state.error_message().unwrap_or_else(|| e.as_str());
                    return Err(Error::malformed(format!(
                        "deflate stream is broken after {} bytes: {why}",
                        self.at
                    )));
                }
            }
        }
        Ok(())
    }

    fn early(&self) -> Error {
        Error::malformed(format!("deflate stream ends early (after {} bytes)", self.at))
    }

    fn fetch(&mut self) -> Result<()> {
        let left = self.entry.size.saturating_sub(self.fetched);
        self.piece.resize(checked::size(left.min(PIECE))?, 0);
        self.file.read_into(checked::add(self.entry.address, self.fetched)?, &mut self.piece)?;
        self.fetched = self.fetched.saturating_add(self.piece.len() as u64);
        self.used = 0;
        Ok(())
    }
}

impl std::fmt::Debug for ElementStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ElementStream").field("path", &self.path).field("at", &self.at).finish()
    }
}
