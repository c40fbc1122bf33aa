//! A box of elements of a chunked dataset, and its overlap with each chunk.

use super::addresses::Addresses;
use super::chunk_index::ChunkEntry;
use super::chunks::{Decoder, Scratch};
use super::in_order::OpenStreams;
use crate::bytes::checked;
use crate::bytes::slab::{self, Overlap};
use crate::error::Result;
use std::ops::Range;

/// Unfiltered chunks of fewer bytes are read together instead of one by one.
const PLAIN: u64 = 64 << 10;
/// Of unfiltered chunks of at least this many bytes, only the rows in the box are read.
const LARGE: u64 = 1 << 20;
/// Chunks of at least this many bytes are not held if they can be decoded in order.
pub(crate) const GIANT: u64 = 32 << 20;

/// The requested box.
pub(super) struct BoxSelection<'a> {
    pub(super) addresses: &'a Addresses,
    pub(super) decoder: &'a Decoder,
    pub(super) start: &'a [u64],
    pub(super) count: &'a [u64],
    /// Bytes of an element.
    pub(super) size: u64,
}

impl BoxSelection<'_> {
    /// Reads the parts of the box in `entries` into `out`, which holds the whole box.
    pub(super) fn read_all(
        &self,
        entries: &[ChunkEntry],
        out: &mut [u8],
        scratch: &mut Scratch,
    ) -> Result<()> {
        if scratch.in_order || self.is_giant(entries) {
            return self.read_in_order(entries, out, scratch);
        }
        let done = self.read_each(entries, out, scratch);
        scratch.forget();
        done
    }

    /// Whether the chunks are too large to be held, can be decoded in order, and are not all wanted whole.
    fn is_giant(&self, entries: &[ChunkEntry]) -> bool {
        let streamed = |e: &ChunkEntry| self.decoder.stream_width(e).is_some();
        self.decoder.chunk_bytes >= GIANT
            && entries.iter().all(streamed)
            && entries.iter().any(|e| self.run_of(&self.part_of(e)).is_none())
    }

    fn read_each(&self, mut rest: &[ChunkEntry], out: &mut [u8], scratch: &mut Scratch) -> Result<()> {
        // holds no more bytes than were requested
        let most = out.len() as u64;
        while let [entry, behind @ ..] = rest {
            // large plain chunks are read directly into the output
            if self.decoder.chunk_bytes < PLAIN || !self.decoder.is_plain(entry) {
                scratch.read_ahead(self.addresses, rest, most)?;
            }
            let part = self.part_of(entry);
            rest = match behind {
                [second, behind @ ..] if self.read_both([entry, second], &part, out, scratch)? => behind,
                _ => {
                    self.read_part(entry, &part, out, scratch)?;
                    behind
                }
            };
        }
        Ok(())
    }

    fn read_part(
        &self,
        entry: &ChunkEntry,
        part: &Overlap,
        out: &mut [u8],
        scratch: &mut Scratch,
    ) -> Result<()> {
        let decoder = self.decoder;
        if let Some(whole) = self.run_of(part).and_then(|run| out.get_mut(run)) {
            return decoder.decode(self.addresses, entry, whole, scratch);
        }
        if decoder.is_plain(entry) && self.count.len() == 1 {
            let first = |v: &[u64]| v.first().copied().unwrap_or(0).saturating_mul(self.size);
            let (from, len) = (checked::size(first(&part.in_out))?, checked::size(first(&part.count))?);
            let slot = out.get_mut(from..).and_then(|o| o.get_mut(..len)).unwrap_or_default();
            return decoder.read_plain(self.addresses, entry, first(&part.in_chunk), slot);
        }
        if decoder.is_plain(entry) && decoder.chunk_bytes >= LARGE {
            // only its rows in the box
            return self.read_band(&[*entry], out, &mut OpenStreams::default());
        }
        let bytes = decoder.decode_kept(self.addresses, entry, scratch)?;
        let from = slab::BoxPlace { dims: &decoder.grid.chunk, at: &part.in_chunk };
        let to = slab::BoxPlace { dims: self.count, at: &part.in_out };
        slab::copy_box((bytes, from), (out, to), &part.count, self.size);
        Ok(())
    }

    /// Decodes two chunks together, directly into the output; `false` if that is not possible.
    fn read_both(
        &self,
        [a, b]: [&ChunkEntry; 2],
        part_of_a: &Overlap,
        out: &mut [u8],
        scratch: &mut Scratch,
    ) -> Result<bool> {
        let Some(run_a) = self.run_of(part_of_a) else { return Ok(false) };
        let Some(width) = self.decoder.common_width(a, b) else { return Ok(false) };
        let Some(run_b) = self.run_of(&self.part_of(b)) else { return Ok(false) };
        let Ok(outs) = out.get_disjoint_mut([run_a, run_b]) else { return Ok(false) };
        self.decoder.decode_both(self.addresses, width, [a, b], outs, scratch).map(|()| true)
    }

    pub(super) fn part_of(&self, entry: &ChunkEntry) -> Overlap {
        let grid = &self.decoder.grid;
        Overlap::of(&grid.start_of(entry.number), &grid.chunk, self.start, self.count)
    }

    /// The range of the output that is exactly this chunk, if it is contiguous.
    fn run_of(&self, part: &Overlap) -> Option<Range<usize>> {
        part.whole_run(&self.decoder.grid.chunk, self.count, self.size, self.decoder.chunk_bytes)
    }
}
