//! Reads and decodes single chunks.

use super::addresses::Addresses;
use super::chunk_index::ChunkEntry;
use super::grid::Grid;
use super::in_order::OpenStreams;
use crate::bytes::{checked, slab};
use crate::codec::deflate::short;
use crate::error::{Error, Result};
use crate::hdf5::filter::pipeline::{Pipeline, Workspace};

/// Buffers that a worker needs to decode chunks, reused from one chunk to the next. Make one per thread.
#[derive(Debug, Default)]
pub struct Scratch {
    stored: Vec<u8>,
    /// Stored bytes of the second of two chunks that are decoded together.
    second: Vec<u8>,
    chunk: Vec<u8>,
    /// Addresses of the dataset and chunk whose elements `chunk` holds, because misaligned readers request
    /// them again.
    holds: Option<(u64, u64)>,
    /// File of these addresses.
    file: Option<Addresses>,
    ahead: Ahead,
    work: Workspace,
    /// Whether boxes are read in ascending order and chunks stay open between them.
    pub(super) in_order: bool,
    pub(super) streams: OpenStreams,
}

/// Stored bytes of several chunks, read in one request.
#[derive(Debug, Default)]
struct Ahead {
    /// Location of the bytes. Cleared after each call, because the next may be for another file.
    runs: Vec<ChunkRun>,
    bytes: Vec<u8>,
}

/// Chunks close together in the file, and the bytes between them.
#[derive(Debug, Clone, Copy)]
struct ChunkRun {
    /// Address of the first byte.
    start: u64,
    len: u64,
    /// Total length of the preceding runs.
    at: u64,
}

impl ChunkRun {
    fn end(&self) -> u64 {
        self.start.saturating_add(self.len)
    }
}

/// Maximum bytes per request for several chunks.
pub(crate) const REQUEST: u64 = 4 << 20;
/// Maximum gap between two chunks that is read along, instead of starting another run.
const GAP: u64 = 32 << 10;
/// Maximum runs per request.
const RUNS: usize = 64;

impl Ahead {
    /// The stored bytes of a chunk, if they were read ahead.
    fn find(&self, entry: &ChunkEntry) -> Option<&[u8]> {
        let end = entry.address.checked_add(entry.size)?;
        let run = self.runs.iter().find(|r| r.start <= entry.address && end <= r.end())?;
        let from = entry.address.checked_sub(run.start)?.checked_add(run.at)?;
        self.bytes.get(usize::try_from(from).ok()?..)?.get(..usize::try_from(entry.size).ok()?)
    }
}

/// Number and runs of the leading `entries` that one request may read: at most `most` bytes in [`RUNS`] runs.
/// Stops at a chunk outside the file; the error is reported when that chunk itself is read.
fn runs(addresses: &Addresses, entries: &[ChunkEntry], most: u64) -> (usize, Vec<ChunkRun>) {
    let (mut chunks, mut total, mut out) = (0usize, 0u64, Vec::<ChunkRun>::new());
    for e in entries {
        if addresses.check(e.address, e.size).is_err() {
            break;
        }
        let gap = out.last().and_then(|r| e.address.checked_sub(r.end())).filter(|gap| *gap <= GAP);
        let more = e.size.saturating_add(gap.unwrap_or(0));
        if total.saturating_add(more) > most || (gap.is_none() && out.len() == RUNS) {
            break;
        }
        match out.last_mut().filter(|_| gap.is_some()) {
            Some(run) => run.len = run.len.saturating_add(more),
            None => out.push(ChunkRun { start: e.address, len: e.size, at: total }),
        }
        total = total.saturating_add(more);
        chunks = chunks.saturating_add(1);
    }
    (chunks, out)
}

impl Scratch {
    /// A scratch for boxes of ascending rows: each chunk is decoded once, however few of its rows a box has, and
    /// deflated ones are never held whole. Going back decodes from the beginning of a chunk again.
    pub fn in_order() -> Self {
        Scratch { in_order: true, ..Scratch::default() }
    }

    /// Discards what was read ahead.
    pub(crate) fn forget(&mut self) {
        self.ahead.runs.clear();
    }

    /// Reads as many leading `entries` as fit in `most` bytes, unless the first was read ahead already or
    /// only one fits.
    pub(crate) fn read_ahead(
        &mut self,
        addresses: &Addresses,
        entries: &[ChunkEntry],
        most: u64,
    ) -> Result<()> {
        if entries.first().is_none_or(|first| self.ahead.find(first).is_some()) {
            return Ok(());
        }
        self.forget();
        let (chunks, runs) = runs(addresses, entries, most.min(REQUEST));
        if chunks < 2 {
            return Ok(());
        }
        let len = checked::size(runs.last().map_or(0, |r| r.at.saturating_add(r.len)))?;
        if self.ahead.bytes.len() < len {
            self.ahead.bytes = crate::limits::zeroed(len)?;
        }
        let mut rest = self.ahead.bytes.as_mut_slice();
        let mut ranges = Vec::with_capacity(runs.len());
        for run in &runs {
            let (now, later) = std::mem::take(&mut rest)
                .split_at_mut_checked(checked::size(run.len)?)
                .ok_or_else(|| Error::malformed("chunks that are longer than they are"))?;
            ranges.push((run.start, now));
            rest = later;
        }
        addresses.read_ranges(&mut ranges)?;
        self.ahead.runs = runs;
        Ok(())
    }
}

/// How the chunks of one dataset are decoded.
#[derive(Debug)]
pub(crate) struct Decoder {
    pub(crate) pipeline: Pipeline,
    pub(crate) grid: Grid,
    /// Bytes of an element.
    pub(crate) element: u64,
    /// Bytes of a decoded chunk.
    pub(crate) chunk_bytes: u64,
    /// Whether partial chunks at the edge are stored without filters.
    pub(crate) plain_edges: bool,
    /// Address of the dataset's header; with the chunk's address, the key of a kept chunk.
    pub(crate) dataset: u64,
}

impl Decoder {
    /// Decodes a chunk into `out`, which has the length of a chunk.
    pub(crate) fn decode(
        &self,
        addresses: &Addresses,
        entry: &ChunkEntry,
        out: &mut [u8],
        scratch: &mut Scratch,
    ) -> Result<()> {
        self.decode_unplaced(addresses, entry, out, scratch).map_err(|e| self.place(addresses, entry, e))
    }

    /// As [`decode`](Self::decode), with errors that do not name the chunk.
    pub(super) fn decode_unplaced(
        &self,
        addresses: &Addresses,
        entry: &ChunkEntry,
        out: &mut [u8],
        scratch: &mut Scratch,
    ) -> Result<()> {
        let Scratch { stored, ahead, work, .. } = scratch;
        self.decode_inner(addresses, entry, out, (stored, ahead), work)
    }

    /// Bytes of a shuffled element (1 without shuffle), if the chunk can be decoded in order without being held.
    pub(crate) fn stream_width(&self, entry: &ChunkEntry) -> Option<usize> {
        let width = self.pipeline.in_order(self.mask(entry))?;
        (width == 1 || width as u64 == self.element).then_some(width)
    }

    /// Whether the chunk can be read piece by piece.
    pub(super) fn is_streamed(&self, entry: &ChunkEntry) -> bool {
        self.is_plain(entry) || self.stream_width(entry).is_some()
    }

    /// Bytes of a shuffled element, if it is the same for both chunks and they may be decoded together.
    pub(crate) fn common_width(&self, a: &ChunkEntry, b: &ChunkEntry) -> Option<usize> {
        let width = |entry| self.pipeline.in_order(self.mask(entry));
        width(a).filter(|of_a| width(b) == Some(*of_a))
    }

    /// Decodes two chunks of a [common width](Self::common_width), each as [`decode`](Self::decode) does.
    pub(crate) fn decode_both(
        &self,
        addresses: &Addresses,
        width: usize,
        [a, b]: [&ChunkEntry; 2],
        [out_a, out_b]: [&mut [u8]; 2],
        scratch: &mut Scratch,
    ) -> Result<()> {
        let Scratch { stored, second, ahead, work, .. } = scratch;
        let stored_a = stored_bytes(addresses, a, stored, ahead).map_err(|e| self.place(addresses, a, e))?;
        let stored_b = stored_bytes(addresses, b, second, ahead).map_err(|e| self.place(addresses, b, e))?;
        let chunks = [(stored_a, &mut *out_a), (stored_b, &mut *out_b)];
        if Pipeline::decode_both(width, chunks, work).is_ok() {
            return Ok(());
        }
        // one by one, for those that end early and for the error
        self.decode(addresses, a, out_a, scratch)?;
        self.decode(addresses, b, out_b, scratch)
    }

    /// The elements of a chunk, decoded into the scratch unless it holds them already.
    pub(crate) fn decode_kept<'s>(
        &self,
        addresses: &Addresses,
        entry: &ChunkEntry,
        scratch: &'s mut Scratch,
    ) -> Result<&'s [u8]> {
        let key = (self.dataset, entry.address);
        let len = checked::size(self.chunk_bytes)?;
        if !scratch.file.as_ref().is_some_and(|f| f.is(addresses)) {
            scratch.holds = None;
            scratch.file = Some(addresses.clone());
        }
        if scratch.holds != Some(key) {
            scratch.holds = None;
            self.check_expansion(entry).map_err(|e| self.place(addresses, entry, e))?;
            if scratch.chunk.len() < len {
                scratch.chunk = crate::limits::zeroed(len)?;
            }
            let Scratch { stored, ahead, chunk, work, .. } = scratch;
            let out = chunk.get_mut(..len).unwrap_or_default();
            self.decode_inner(addresses, entry, out, (stored, ahead), work)
                .map_err(|e| self.place(addresses, entry, e))?;
            scratch.holds = Some(key);
        }
        Ok(scratch.chunk.get(..len).unwrap_or_default())
    }

    pub(super) fn place(&self, addresses: &Addresses, entry: &ChunkEntry, e: Error) -> Error {
        e.in_chunk(&self.grid.start_of(entry.number)).at(addresses.offset_of(entry.address))
    }

    /// Whether the chunk is stored without filters.
    pub(crate) fn is_plain(&self, entry: &ChunkEntry) -> bool {
        self.pipeline.is_plain(self.mask(entry)) && entry.size == self.chunk_bytes
    }

    /// Fills `out` from byte `from` of a plain chunk.
    pub(super) fn read_plain(
        &self,
        addresses: &Addresses,
        entry: &ChunkEntry,
        from: u64,
        out: &mut [u8],
    ) -> Result<()> {
        let address = checked::add(entry.address, from)?;
        addresses.read_into(address, out).map_err(|e| self.place(addresses, entry, e))
    }

    /// The filter mask of a chunk; skips all filters if partial edge chunks are stored plain and this is one.
    pub(crate) fn mask(&self, entry: &ChunkEntry) -> u32 {
        if !self.plain_edges {
            return entry.mask;
        }
        let start = self.grid.start_of(entry.number);
        let ends = start.iter().zip(&self.grid.chunk).map(|(s, c)| s.saturating_add(*c));
        let partial = ends.zip(&self.grid.dims).any(|(end, dim)| end > *dim);
        if partial { u32::MAX } else { entry.mask }
    }

    fn decode_inner(
        &self,
        addresses: &Addresses,
        entry: &ChunkEntry,
        out: &mut [u8],
        buffers: (&mut Vec<u8>, &Ahead),
        work: &mut Workspace,
    ) -> Result<()> {
        let made = self.decode_part(addresses, entry, out, buffers, work)?;
        if made < out.len() {
            if self.lacks(entry, made as u64) && !addresses.note_short_chunk() {
                return Err(short(out.len(), made as u64));
            }
            out.get_mut(made..).unwrap_or_default().fill(0);
        }
        Ok(())
    }

    /// Whether elements of the dataset are missing in a chunk of which `made` bytes are there. At the edges of the
    /// dataset, a chunk may have fewer elements than its shape.
    pub(super) fn lacks(&self, entry: &ChunkEntry, made: u64) -> bool {
        let start = self.grid.start_of(entry.number);
        let dims = self.grid.dims.iter().zip(&start).zip(&self.grid.chunk);
        let last = dims.map(|((dim, start), c)| dim.saturating_sub(*start).min(*c).saturating_sub(1));
        let origin = vec![0; start.len()];
        let last = slab::position(&self.grid.chunk, &origin, &last.collect::<Vec<u64>>());
        made < last.saturating_add(1).saturating_mul(self.element)
    }

    /// Decodes a chunk into `out`; returns the length of the decoded bytes, as [`Pipeline::decode`] does.
    fn decode_part(
        &self,
        addresses: &Addresses,
        entry: &ChunkEntry,
        out: &mut [u8],
        (stored, ahead): (&mut Vec<u8>, &Ahead),
        work: &mut Workspace,
    ) -> Result<usize> {
        let mask = self.mask(entry);
        if self.pipeline.is_plain(mask) && ahead.find(entry).is_none() {
            if entry.size != out.len() as u64 {
                let text = format!("chunk length (expected {} bytes, got {})", out.len(), entry.size);
                return Err(Error::malformed(text));
            }
            return addresses.read_into(entry.address, out).map(|()| out.len());
        }
        self.pipeline.decode(stored_bytes(addresses, entry, stored, ahead)?, mask, out, work)
    }

    /// Decodes a chunk and discards it. Returns the length of the decoded bytes, as [`Pipeline::decode`] does.
    pub(super) fn check(
        &self,
        addresses: &Addresses,
        entry: &ChunkEntry,
        scratch: &mut Scratch,
    ) -> Result<u64> {
        self.check_expansion(entry)?;
        let len = checked::size(self.chunk_bytes)?;
        let Scratch { stored, ahead, chunk, work, holds, .. } = scratch;
        *holds = None;
        if chunk.len() < len {
            *chunk = crate::limits::zeroed(len)?;
        }
        let out = chunk.get_mut(..len).unwrap_or_default();
        self.decode_part(addresses, entry, out, (stored, ahead), work).map(|made| made as u64)
    }

    /// Refuses a chunk that its stored bytes cannot expand to, before allocating memory for it.
    pub(super) fn check_expansion(&self, entry: &ChunkEntry) -> Result<()> {
        let most = self.pipeline.most_expanded(entry.size, self.mask(entry));
        if self.chunk_bytes > most {
            let text =
                format!("{} stored bytes cannot hold a chunk of {} bytes", entry.size, self.chunk_bytes);
            return Err(Error::malformed(text));
        }
        Ok(())
    }
}

/// The stored bytes of a chunk, from those read ahead or else read into `stored`.
fn stored_bytes<'s>(
    addresses: &Addresses,
    entry: &ChunkEntry,
    stored: &'s mut Vec<u8>,
    ahead: &'s Ahead,
) -> Result<&'s [u8]> {
    if let Some(bytes) = ahead.find(entry) {
        return Ok(bytes);
    }
    let size = checked::size(entry.size)?;
    addresses.check(entry.address, entry.size)?;
    if stored.len() < size {
        *stored = crate::limits::zeroed(size)?;
    }
    let stored = stored.get_mut(..size).unwrap_or_default();
    addresses.read_into(entry.address, stored)?;
    Ok(stored)
}
