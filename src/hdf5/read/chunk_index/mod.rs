//! Six kinds of chunk index with one result: where each chunk of a dataset is stored.
//!
//! Chunks are identified by their number on the grid over the *current* extent, row-major. The contents of an
//! index are checked: chunks are on the grid, no chunk occurs twice, and the bytes of each are inside the
//! file.

mod arrays;
mod btree_v1;
mod btree_v2;
mod extensible_array;
mod fixed_array;
mod implicit;

use super::addresses::Addresses;
use super::grid::Grid;
use crate::error::{Error, Result};
use crate::hdf5::format::message::layout::{Chunked, Index, size_width};
use crate::limits::Limits;
use std::ops::RangeInclusive;

/// Location of one chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ChunkEntry {
    /// Number on the grid.
    pub(crate) number: u64,
    pub(crate) address: u64,
    /// Stored bytes.
    pub(crate) size: u64,
    /// Bit n set: filter n was skipped.
    pub(crate) mask: u32,
}

/// The chunks of a dataset that were written, by number.
#[derive(Debug)]
pub(crate) struct ChunkMap {
    entries: Vec<ChunkEntry>,
}

impl ChunkMap {
    /// The chunk with this number; `None` if it was never written.
    pub(crate) fn get(&self, number: u64) -> Option<&ChunkEntry> {
        // Usually every chunk is stored, and chunk n is entry n.
        let direct =
            usize::try_from(number).ok().and_then(|i| self.entries.get(i)).filter(|e| e.number == number);
        direct.or_else(|| {
            let at = self.entries.binary_search_by_key(&number, |e| e.number).ok()?;
            self.entries.get(at)
        })
    }

    /// The written chunks with these numbers.
    pub(crate) fn between(&self, numbers: RangeInclusive<u64>) -> &[ChunkEntry] {
        let first = self.entries.partition_point(|e| e.number < *numbers.start());
        let rest = self.entries.get(first..).unwrap_or_default();
        let end = rest.partition_point(|e| e.number <= *numbers.end());
        rest.get(..end).unwrap_or_default()
    }

    pub(crate) fn entries(&self) -> &[ChunkEntry] {
        &self.entries
    }
}

/// Reads the whole index of the dataset whose chunks decode to `chunk_bytes` each; `filtered`: it has a
/// filter pipeline.
pub(crate) fn load(
    addresses: &Addresses,
    layout: &Chunked,
    grid: &Grid,
    chunk_bytes: u64,
    filtered: bool,
) -> Result<ChunkMap> {
    let mut sink = Collector { addresses, layout, grid, chunk_bytes, entries: Vec::new() };
    if let Some(address) = layout.address {
        match layout.index {
            Index::BtreeV1 => btree_v1::load(address, &mut sink)?,
            Index::Single(stored) => {
                let (size, mask) = stored.unwrap_or((chunk_bytes, 0));
                sink.push(Some(0), address, size, mask)?;
            }
            Index::Implicit => implicit::load(address, &mut sink)?,
            Index::FixedArray => fixed_array::load(address, &mut sink)?,
            Index::ExtensibleArray => extensible_array::load(address, &mut sink)?,
            Index::BtreeV2 => btree_v2::load(address, filtered, &mut sink)?,
        }
    }
    let mut entries = sink.entries;
    entries.sort_unstable_by_key(|e| e.number);
    let twice = entries.iter().zip(entries.iter().skip(1)).find(|(a, b)| a.number == b.number);
    if let Some((a, b)) = twice {
        let e = Error::malformed("chunk comes twice in its index").in_chunk(&grid.start_of(a.number));
        return Err(e.at(addresses.offset_of(b.address)));
    }
    Ok(ChunkMap { entries })
}

/// Parameters of reading an index, and the chunks found so far.
struct Collector<'a> {
    addresses: &'a Addresses,
    layout: &'a Chunked,
    grid: &'a Grid,
    /// Bytes of a decoded chunk.
    chunk_bytes: u64,
    entries: Vec<ChunkEntry>,
}

impl Collector<'_> {
    /// Adds a chunk; skips one without a `number`, which is outside the current extent (the dataset has
    /// shrunk).
    fn push(&mut self, number: Option<u64>, address: u64, size: u64, mask: u32) -> Result<()> {
        let Some(number) = number else { return Ok(()) };
        self.addresses.check(address, size).map_err(|e| e.in_chunk(&self.grid.start_of(number)))?;
        self.entries.push(ChunkEntry { number, address, size, mask });
        Limits::check("chunks", self.entries.len() as u64, self.addresses.limits().chunks)
    }

    /// Width of the stored size of a filtered chunk in the entries of arrays and trees.
    fn size_width(&self) -> u8 {
        if self.layout.wide_sizes { self.addresses.sizes().length } else { size_width(self.chunk_bytes) }
    }
}
