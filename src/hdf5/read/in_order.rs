//! Reads boxes of ascending rows so that each chunk is decoded once, even if a box has few of its rows.
//!
//! The chunks beside each other, which have the same rows, are decoded in step, each by a
//! [`ChunkStream`] that stays open from one box to the next.

use super::addresses::Addresses;
use super::chunk_index::ChunkEntry;
use super::chunks::{Decoder, Scratch};
use super::selection::BoxSelection;
use super::stream::{self, ChunkStream};
use crate::bytes::checked;
use crate::bytes::slab::Overlap;
use crate::bytes::slab::{self, BoxPlace};
use crate::error::Result;
use rayon::prelude::*;

/// Decoded bytes of the chunks beside each other that are held at once, so that they fit a cache; at least one row.
const STEP: u64 = 512 << 10;

/// The open streams of one dataset.
#[derive(Debug, Default)]
pub(super) struct OpenStreams {
    /// The open file, and the address of the dataset in it.
    dataset: Option<(Addresses, u64)>,
    streams: Vec<ChunkStream>,
    buffers: Vec<Vec<u8>>,
}

impl OpenStreams {
    /// Closes the streams of another dataset.
    fn turn_to(&mut self, addresses: &Addresses, decoder: &Decoder) {
        let same = |(file, dataset): &(Addresses, u64)| file.is(addresses) && *dataset == decoder.dataset;
        if !self.dataset.as_ref().is_some_and(same) {
            self.streams.clear();
            self.dataset = Some((addresses.clone(), decoder.dataset));
        }
    }

    /// Opens exactly the chunks of `band`, and keeps those that are open already.
    fn open(&mut self, addresses: &Addresses, decoder: &Decoder, band: &[ChunkEntry]) -> Result<()> {
        let mut before = std::mem::take(&mut self.streams);
        before.retain(|stream| band.binary_search_by_key(&stream.entry.number, |e| e.number).is_ok());
        let mut before = before.into_iter().peekable();
        let widths = band.iter().map(|e| decoder.stream_width(e).unwrap_or(1) as u64);
        let piece = stream::piece(widths.sum());
        for entry in band {
            let open = match before.next_if(|stream| stream.entry == *entry) {
                Some(open) => open,
                None => ChunkStream::open(addresses, decoder, *entry, piece)
                    .map_err(|e| decoder.place(addresses, entry, e))?,
            };
            self.streams.push(open);
        }
        Ok(())
    }
}

impl Decoder {
    /// Bytes of a decoded row of a chunk.
    pub(super) fn row_bytes(&self) -> u64 {
        self.chunk_bytes.checked_div(self.grid.chunk.first().copied().unwrap_or(1)).unwrap_or(0).max(1)
    }

    /// Memory in bytes of the streams that read the chunks `entries` in order.
    pub(super) fn in_order_bytes(&self, entries: &[ChunkEntry]) -> u64 {
        let beside = self.grid.beside();
        let mut widths =
            entries.iter().map(|e| if self.is_plain(e) { Some(1) } else { self.stream_width(e) });
        let width = widths.try_fold(1usize, |most, width| width.map(|w| w.max(most)));
        let streams = match width {
            Some(width) => stream::memory(beside, width as u64),
            // held whole, and decoded one after another
            None => beside.saturating_add(2).saturating_mul(self.chunk_bytes),
        };
        let buffers = if beside > 1 { beside.saturating_mul(self.row_bytes()).max(STEP) } else { 0 };
        streams.saturating_add(buffers)
    }
}

impl BoxSelection<'_> {
    /// Reads the parts of the box in `entries`, which ascend, into `out`. Chunks of which this is not the last
    /// row stay open in the scratch.
    pub(super) fn read_in_order(
        &self,
        entries: &[ChunkEntry],
        out: &mut [u8],
        scratch: &mut Scratch,
    ) -> Result<()> {
        let mut open = std::mem::take(&mut scratch.streams);
        open.turn_to(self.addresses, self.decoder);
        let beside = self.decoder.grid.beside();
        let number = |e: &ChunkEntry| e.number.checked_div(beside);
        for band in entries.chunk_by(|a, b| number(a) == number(b)) {
            self.read_band(band, out, &mut open)?;
        }
        // after an error they are closed
        scratch.streams = open;
        Ok(())
    }

    /// Reads the parts of the box in chunks that have the same rows.
    pub(super) fn read_band(
        &self,
        band: &[ChunkEntry],
        out: &mut [u8],
        open: &mut OpenStreams,
    ) -> Result<()> {
        let decoder = self.decoder;
        let parts: Vec<Overlap> = band.iter().map(|entry| self.part_of(entry)).collect();
        let Some(part) = parts.first() else { return Ok(()) };
        open.open(self.addresses, decoder, band)?;
        let head = |of: &[u64]| of.first().copied().unwrap_or(0);
        let (first, rows, row_bytes) = (head(&part.in_chunk), head(&part.count), decoder.row_bytes());
        let whole_rows = decoder.grid.chunk.iter().zip(&part.count).zip(self.count).skip(1);
        if parts.len() == 1 && whole_rows.into_iter().all(|((c, n), o)| c == n && c == o) {
            let from = checked::size(head(&part.in_out).saturating_mul(row_bytes))?;
            let len = checked::size(rows.saturating_mul(row_bytes))?;
            let slot = out.get_mut(from..).and_then(|o| o.get_mut(..len)).unwrap_or_default();
            for (stream, entry) in open.streams.iter_mut().zip(band) {
                let read = stream.read(first.saturating_mul(row_bytes), slot);
                read.map_err(|e| decoder.place(self.addresses, entry, e))?;
            }
        } else {
            let row = row_bytes.saturating_mul(band.len() as u64);
            let step = STEP.checked_div(row).unwrap_or(1).max(1);
            let mut done = 0u64;
            while done < rows {
                let n = step.min(rows.saturating_sub(done));
                self.read_beside(band, &parts, (done, n), out, open)?;
                done = done.saturating_add(n);
            }
        }
        let start = band.first().map(|e| decoder.grid.start_of(e.number)).unwrap_or_default();
        let left = head(&decoder.grid.dims).saturating_sub(head(&start));
        if first.saturating_add(rows) < left.min(head(&decoder.grid.chunk)) {
            return Ok(());
        }
        let streams = open.streams.par_iter_mut().zip(band);
        streams.try_for_each(|(stream, entry)| {
            stream.finish().map_err(|e| decoder.place(self.addresses, entry, e))
        })
    }

    /// Reads `n` rows of the box, after the first `done`, from chunks that have the same rows.
    fn read_beside(
        &self,
        band: &[ChunkEntry],
        parts: &[Overlap],
        (done, n): (u64, u64),
        out: &mut [u8],
        open: &mut OpenStreams,
    ) -> Result<()> {
        let (decoder, row_bytes) = (self.decoder, self.decoder.row_bytes());
        let len = checked::size(n.saturating_mul(row_bytes))?;
        open.buffers.resize_with(band.len(), Vec::new);
        let streams = open.streams.par_iter_mut().zip(open.buffers.par_iter_mut());
        streams.zip(band.par_iter().zip(parts)).try_for_each(|((stream, buffer), (entry, part))| {
            let first = part.in_chunk.first().copied().unwrap_or(0).saturating_add(done);
            buffer.resize(len, 0);
            let read = stream.read(first.saturating_mul(row_bytes), buffer);
            read.map_err(|e| decoder.place(self.addresses, entry, e))
        })?;
        // the same place, but for the rows
        let moved = |at: &[u64], first: u64| -> Vec<u64> {
            std::iter::once(first).chain(at.iter().skip(1).copied()).collect()
        };
        let chunk = moved(&decoder.grid.chunk, n);
        for (buffer, part) in open.buffers.iter().zip(parts) {
            let (from, count) = (moved(&part.in_chunk, 0), moved(&part.count, n));
            let to = moved(&part.in_out, part.in_out.first().copied().unwrap_or(0).saturating_add(done));
            let (from, to) = (BoxPlace { dims: &chunk, at: &from }, BoxPlace { dims: self.count, at: &to });
            slab::copy_box((buffer, from), (out, to), &count, self.size);
        }
        Ok(())
    }
}
