//! Decodes a chunk from its beginning to its end, with small buffers.
//!
//! Some writers put a whole dataset into one chunk of up to 4 GiB, or into a few. A deflated chunk has no random
//! access, but it can be decoded in order: this keeps the state of the decoder and a piece of the stored bytes,
//! never the whole chunk. A shuffled chunk stores the first bytes of all elements before all second bytes, so it
//! has one decoder for each byte of an element, each of which decodes from the beginning of the chunk to its own
//! position. Chunks of other filters are held whole.

use super::addresses::Addresses;
use super::chunk_index::ChunkEntry;
use super::chunks::{Decoder, Scratch};
use crate::bytes::checked;
use crate::codec::shuffle;
use crate::error::{Error, Result};
use rayon::prelude::*;
use zlib_rs::{Inflate, InflateFlush, Status};

/// Stored bytes per read.
const PIECE: u64 = 512 << 10;
/// Fewest stored bytes per read, where many chunks are decoded side by side.
const LEAST_PIECE: u64 = 16 << 10;
/// Stored bytes that all decoders together hold, as long as none has less than [`LEAST_PIECE`].
const PIECES: u64 = 1 << 20;
/// Memory of a decoder: its window and its tables.
const DECODER: u64 = 64 << 10;
/// Elements unshuffled at once.
const STEP: usize = 1 << 16;

/// Stored bytes per read of each of `decoders` decoders.
pub(super) fn piece(decoders: u64) -> u64 {
    PIECES.checked_div(decoders).unwrap_or(PIECE).clamp(LEAST_PIECE, PIECE)
}

/// Memory in bytes of the streams of `chunks` chunks with elements of `width` shuffled bytes each.
pub(super) fn memory(chunks: u64, width: u64) -> u64 {
    let decoders = chunks.saturating_mul(width);
    let each = piece(decoders).saturating_add(DECODER);
    // elements that are still shuffled
    let step = if width > 1 { STEP as u64 } else { 0 };
    decoders.saturating_mul(each.saturating_add(step))
}

/// A chunk that is decoded in order.
#[derive(Debug)]
pub(super) struct ChunkStream {
    addresses: Addresses,
    pub(super) entry: ChunkEntry,
    /// Bytes of the decoded chunk.
    len: u64,
    source: StreamSource,
    /// Bytes decoded so far.
    at: u64,
}

#[derive(Debug)]
enum StreamSource {
    /// Stored without filters.
    Plain,
    /// Decoders: one for each byte of a shuffled element.
    Planes { planes: Vec<Plane>, shuffled: Vec<u8> },
    /// Decoded whole.
    Whole(Vec<u8>),
}

impl ChunkStream {
    /// Opens a chunk; deflated bytes are read `piece` at a time.
    pub(super) fn open(
        addresses: &Addresses,
        decoder: &Decoder,
        entry: ChunkEntry,
        piece: u64,
    ) -> Result<Self> {
        let source = if decoder.is_plain(&entry) {
            StreamSource::Plain
        } else if let Some(width) = decoder.stream_width(&entry) {
            let planes = (0..width).map(|_| Plane::new(addresses, entry, piece)).collect();
            StreamSource::Planes { planes, shuffled: Vec::new() }
        } else {
            decoder.check_expansion(&entry)?;
            let mut whole = crate::limits::zeroed(checked::size(decoder.chunk_bytes)?)?;
            decoder.decode_unplaced(addresses, &entry, &mut whole, &mut Scratch::default())?;
            StreamSource::Whole(whole)
        };
        Ok(ChunkStream { addresses: addresses.clone(), entry, len: decoder.chunk_bytes, source, at: 0 })
    }

    /// Fills `out`, whole elements, from byte `from` of the decoded chunk. Going back decodes from the beginning
    /// again.
    pub(super) fn read(&mut self, from: u64, out: &mut [u8]) -> Result<()> {
        let end = checked::add(from, out.len() as u64)?;
        match &mut self.source {
            StreamSource::Plain => {
                self.addresses.read_into(checked::add(self.entry.address, from)?, out)?;
            }
            StreamSource::Whole(bytes) => {
                let part = bytes.get(checked::size(from)?..checked::size(end)?);
                let part = part.ok_or_else(|| Error::usage("bytes outside a chunk"))?;
                out.copy_from_slice(part);
            }
            StreamSource::Planes { planes, shuffled } => {
                if from < self.at {
                    planes.iter_mut().for_each(Plane::restart);
                }
                read_planes(planes, shuffled, self.len, from, out)?;
            }
        }
        self.at = end;
        Ok(())
    }

    /// Reads all of the chunk, and discards it.
    pub(super) fn check(&mut self) -> Result<()> {
        if !matches!(self.source, StreamSource::Plain) {
            return self.finish();
        }
        let mut waste = crate::limits::zeroed(checked::size(PIECE)?)?;
        while self.at < self.len {
            let n = checked::size(PIECE.min(self.len.saturating_sub(self.at)))?;
            self.read(self.at, waste.get_mut(..n).unwrap_or_default())?;
        }
        Ok(())
    }

    /// Decodes what is left of the chunk, and checks its length and checksum.
    pub(super) fn finish(&mut self) -> Result<()> {
        let (len, StreamSource::Planes { planes, .. }) = (self.len, &mut self.source) else { return Ok(()) };
        self.at = len;
        // The checksum can only be verified at the end of the stream.
        planes.last_mut().map_or(Ok(()), |plane| plane.finish(len))
    }
}

/// Fills `out` from byte `from` of a chunk of `len` bytes.
fn read_planes(
    planes: &mut [Plane],
    shuffled: &mut Vec<u8>,
    len: u64,
    from: u64,
    out: &mut [u8],
) -> Result<()> {
    let width = planes.len();
    let elements = len.checked_div(width as u64).unwrap_or(0);
    let first = from.checked_div(width as u64).unwrap_or(0);
    if let [plane] = planes {
        plane.skip_to(first)?;
        return plane.read(out);
    }
    // Each decoder starts at its own byte plane; after a seek it has many bytes to skip.
    let begin = |k: usize| (k as u64).saturating_mul(elements).saturating_add(first);
    planes.par_iter_mut().enumerate().try_for_each(|(k, plane)| plane.skip_to(begin(k)))?;
    for part in out.chunks_mut(STEP.saturating_mul(width)) {
        let each = part.len().checked_div(width).unwrap_or(0);
        shuffled.resize(part.len(), 0);
        let bytes = shuffled.par_chunks_mut(each.max(1));
        planes.par_iter_mut().zip(bytes).try_for_each(|(plane, bytes)| plane.read(bytes))?;
        shuffle::unshuffle(shuffled, width, part);
    }
    Ok(())
}

/// A decoder at one position of a chunk.
struct Plane {
    addresses: Addresses,
    entry: ChunkEntry,
    state: Inflate,
    /// Stored bytes per read.
    most: u64,
    /// Stored bytes read, and how many of them are consumed.
    piece: Vec<u8>,
    used: usize,
    /// Stored bytes read so far.
    fetched: u64,
    /// Decoded bytes returned so far.
    at: u64,
}

impl Plane {
    fn new(addresses: &Addresses, entry: ChunkEntry, most: u64) -> Self {
        let (addresses, state) = (addresses.clone(), Inflate::new(true, 15));
        Plane { addresses, entry, state, most, piece: Vec::new(), used: 0, fetched: 0, at: 0 }
    }

    fn restart(&mut self) {
        self.state.reset(true);
        self.piece.clear();
        (self.used, self.fetched, self.at) = (0, 0, 0);
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
        self.piece.resize(checked::size(left.min(self.most))?, 0);
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
