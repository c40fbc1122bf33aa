//! Decodes huge chunks sequentially, with small buffers.
//!
//! Some writers (R above all) put a whole dataset into one chunk of up to 4 GiB, or into a few. A deflated
//! chunk has no random access, but it can be decoded in order: this keeps the state of the decoder and a
//! piece of the stored bytes, never the whole chunk. A shuffled chunk stores the first bytes of all elements
//! before all second bytes, so it has one decoder for each byte of an element, each of which decodes from the
//! beginning of the chunk to its own position.

use super::addresses::Addresses;
use super::chunk_index::ChunkEntry;
use super::chunks::Decoder;
use crate::bytes::checked;
use crate::codec::shuffle;
use crate::error::{Error, Place, Result};
use rayon::prelude::*;
use std::sync::Arc;
use zlib_rs::{Inflate, InflateFlush, Status};

/// Stored bytes per read.
const PIECE: u64 = 512 << 10;
/// Elements unshuffled at once.
const STEP: usize = 1 << 16;

/// The chunks of a dataset along its first dimension, which contain all of it in whole rows.
#[derive(Debug)]
pub(crate) struct StreamChunks {
    pub(crate) entries: Vec<ChunkEntry>,
    pub(crate) decoder: Arc<Decoder>,
    /// Bytes of a shuffled element; 1 without shuffle.
    pub(crate) width: usize,
}

/// The elements of a dataset in order, row-major, in the byte layout of the file.
#[derive(Debug)]
pub struct DatasetStream {
    addresses: Addresses,
    path: String,
    chunks: StreamChunks,
    /// Bytes of all elements.
    len: u64,
    /// Bytes returned so far.
    at: u64,
    /// Number of the open chunk.
    open: Option<usize>,
    /// Decoders of the open chunk: one for each byte of a shuffled element.
    planes: Vec<Plane>,
    /// Buffer of elements that are still shuffled.
    shuffled: Vec<u8>,
}

impl DatasetStream {
    pub(crate) fn new(addresses: &Addresses, path: &str, chunks: StreamChunks, len: u64) -> Self {
        DatasetStream {
            addresses: addresses.clone(),
            path: path.to_owned(),
            chunks,
            len,
            at: 0,
            open: None,
            planes: Vec::new(),
            shuffled: Vec::new(),
        }
    }

    /// Position of the next byte, in bytes from the first element.
    pub fn position(&self) -> u64 {
        self.at
    }

    /// Memory of the stream in bytes.
    pub fn memory(&self) -> u64 {
        // a window, tables and a piece for each decoder
        let each = PIECE.saturating_add(64 << 10).saturating_add(STEP as u64);
        (self.chunks.width as u64).saturating_mul(each)
    }

    /// Moves to byte `at`, which must be the start of an element. The next [`read`](Self::read) decodes the
    /// bytes in between; a move backward restarts from the beginning of the chunk.
    pub fn seek(&mut self, at: u64) {
        if at < self.at {
            self.open = None;
        }
        self.at = at;
    }

    /// Frees the decoders; the next [`read`](Self::read) opens them again.
    pub(crate) fn close(&mut self) {
        self.open = None;
        (self.planes, self.shuffled) = (Vec::new(), Vec::new());
    }

    /// Fills `out`, whose length is a multiple of the element size, with the next elements.
    ///
    /// # Errors
    /// `Malformed` if a chunk is damaged or has the wrong length; `Io`; `Usage` past the end.
    pub fn read(&mut self, out: &mut [u8]) -> Result<()> {
        let end = checked::add(self.at, out.len() as u64)?;
        let width = self.chunks.width as u64;
        let whole = [self.at, end].iter().all(|at| at.checked_rem(width) == Some(0));
        if end > self.len || !whole {
            let text = format!("bytes {} to {end} of {} in elements of {width}", self.at, self.len);
            return Err(Error::usage(text).in_object(&self.path));
        }
        let mut rest = out;
        while !rest.is_empty() {
            let chunk_bytes = self.chunks.decoder.chunk_bytes;
            let number = checked::size(self.at.checked_div(chunk_bytes).unwrap_or(0))?;
            let inside = self.at.checked_rem(chunk_bytes).unwrap_or(0);
            let n = usize::try_from(chunk_bytes.saturating_sub(inside)).unwrap_or(usize::MAX).min(rest.len());
            let (now, later) = rest.split_at_mut(n);
            rest = later;
            let last = self.at.saturating_add(n as u64) == self.len;
            self.read_in_chunk(number, inside, now, last)
                .map_err(|e| self.place(number, e))
                .in_object(&self.path)?;
            self.at = self.at.saturating_add(n as u64);
        }
        Ok(())
    }

    fn place(&self, chunk: usize, e: Error) -> Error {
        match self.chunks.entries.get(chunk) {
            Some(entry) => {
                let start = self.chunks.decoder.grid.start_of(entry.number);
                e.in_chunk(&start).at(self.addresses.offset_of(entry.address))
            }
            None => e,
        }
    }

    /// Fills `out` from offset `inside` of a chunk, within that chunk; `last` if the elements end there.
    fn read_in_chunk(&mut self, number: usize, inside: u64, out: &mut [u8], last: bool) -> Result<()> {
        let (width, chunk_bytes) = (self.chunks.width, self.chunks.decoder.chunk_bytes);
        if self.open != Some(number) {
            let entry = self.chunks.entries.get(number).copied();
            let entry = entry.ok_or_else(|| Error::malformed("a chunk that is not there"))?;
            self.planes.clear();
            self.planes.extend((0..width).map(|_| Plane::new(&self.addresses, entry)));
            self.open = Some(number);
        }
        let elements = chunk_bytes.checked_div(width as u64).unwrap_or(0);
        let first = inside.checked_div(width as u64).unwrap_or(0);
        // Each decoder starts at its own byte plane; after a seek it has many bytes to skip.
        let begin = |k: usize| (k as u64).saturating_mul(elements).saturating_add(first);
        self.planes.par_iter_mut().enumerate().try_for_each(|(k, plane)| plane.skip_to(begin(k)))?;
        if let [plane] = self.planes.as_mut_slice() {
            plane.read(out)?;
        } else {
            for part in out.chunks_mut(STEP.saturating_mul(width)) {
                let each = part.len().checked_div(width).unwrap_or(0);
                self.shuffled.resize(part.len(), 0);
                let bytes = self.shuffled.par_chunks_mut(each.max(1));
                self.planes.par_iter_mut().zip(bytes).try_for_each(|(plane, bytes)| plane.read(bytes))?;
                shuffle::unshuffle(&self.shuffled, width, part);
            }
        }
        match self.planes.last_mut() {
            // The checksum can only be verified at the end of the stream.
            Some(plane) if last || inside.saturating_add(out.len() as u64) == chunk_bytes => {
                plane.finish(chunk_bytes)
            }
            _ => Ok(()),
        }
    }
}

/// A decoder at one position of a chunk.
struct Plane {
    addresses: Addresses,
    entry: ChunkEntry,
    state: Inflate,
    /// Stored bytes read, and how many of them are consumed.
    piece: Vec<u8>,
    used: usize,
    /// Stored bytes read so far.
    fetched: u64,
    /// Decoded bytes returned so far.
    at: u64,
}

impl Plane {
    fn new(addresses: &Addresses, entry: ChunkEntry) -> Self {
        let state = Inflate::new(true, 15);
        Plane { addresses: addresses.clone(), entry, state, piece: Vec::new(), used: 0, fetched: 0, at: 0 }
    }

    fn skip_to(&mut self, at: u64) -> Result<()> {
        let mut waste = [0; 32 << 10];
        while self.at < at {
            let n = usize::try_from(at.saturating_sub(self.at)).unwrap_or(waste.len()).min(waste.len());
            self.read(waste.get_mut(..n).unwrap_or_default())?;
        }
        Ok(())
    }

    fn read(&mut self, out: &mut [u8]) -> Result<()> {
        let mut filled = 0usize;
        while filled < out.len() {
            let (made, ended) = self.step(out.get_mut(filled..).unwrap_or_default())?;
            filled = filled.saturating_add(made);
            if ended && filled < out.len() {
                return Err(self.early());
            }
        }
        Ok(())
    }

    /// Checks that the stream ends after `len` bytes, and its checksum.
    fn finish(&mut self, len: u64) -> Result<()> {
        self.skip_to(len)?;
        loop {
            match self.step(&mut [0])? {
                (0, true) => return Ok(()),
                (0, false) => {}
                _ => {
                    let text = format!("deflate stream holds more than the {len} bytes expected");
                    return Err(Error::malformed(text));
                }
            }
        }
    }

    /// Inflates the next bytes into `out`; returns their number and whether the stream has ended.
    fn step(&mut self, out: &mut [u8]) -> Result<(usize, bool)> {
        if self.used == self.piece.len() {
            self.fetch()?;
        }
        let input = self.piece.get(self.used..).unwrap_or_default();
        let (read, made) = (self.state.total_in(), self.state.total_out());
        let status = self.state.decompress(input, out, InflateFlush::NoFlush);
        let read = checked::size(self.state.total_in().saturating_sub(read))?;
        let made = checked::size(self.state.total_out().saturating_sub(made))?;
        self.used = self.used.saturating_add(read);
        self.at = self.at.saturating_add(made as u64);
        let exhausted = self.used == self.piece.len() && self.fetched == self.entry.size;
        match status {
            Ok(Status::StreamEnd) => Ok((made, true)),
            Ok(_) if made == 0 && exhausted => Err(self.early()),
            Ok(_) => Ok((made, false)),
            Err(e) => {
                let why = self.state.error_message().unwrap_or_else(|| e.as_str());
                let text = format!("deflate stream is broken after {} bytes: {why}", self.at);
                Err(Error::malformed(text))
            }
        }
    }

    fn early(&self) -> Error {
        Error::malformed(format!("deflate stream ends early (after {} bytes)", self.at))
    }

    fn fetch(&mut self) -> Result<()> {
        let left = self.entry.size.saturating_sub(self.fetched);
        self.piece.resize(checked::size(left.min(PIECE))?, 0);
        self.addresses.read_into(checked::add(self.entry.address, self.fetched)?, &mut self.piece)?;
        self.fetched = self.fetched.saturating_add(self.piece.len() as u64);
        self.used = 0;
        Ok(())
    }
}

impl std::fmt::Debug for Plane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plane").field("entry", &self.entry).field("at", &self.at).finish()
    }
}
