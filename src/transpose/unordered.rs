//! Entries that come in any order, each with its line: partitioned by line as they arrive.

use super::arena::Arena;
use super::bands::{Bands, LineCounts};
use super::record::Records;
use super::scatter;
use super::spill::{self, Spilled};
use super::{MOST_BANDS, MOST_SPILLED, PLACED, Partitions, SortedEntries};
use crate::bytes::spill::SpillFile;
use crate::error::{Error, Result};
use crate::matrix::{Budget, Layout};
use std::path::Path;

/// Entries as three lists of the same length; the values as little-endian bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LooseEntries<'a> {
    /// Line of each entry.
    pub(crate) lines: &'a [u32],
    /// Minor index of each entry.
    pub(crate) minor: &'a [u32],
    pub(crate) values: &'a [u8],
}

/// Partitions entries by line. Within a line they keep the order in which they were stored.
#[derive(Debug)]
pub(crate) struct Unordered {
    bands: Bands,
    records: Records,
    counts: LineCounts,
    held: HeldRecords,
    budget: u64,
}

#[derive(Debug)]
enum HeldRecords {
    Memory(Arena),
    Disk(Spilled),
}

impl Unordered {
    /// For at most `entries` entries in `lines` lines, with values of `width` bytes. Uses about `bytes` bytes
    /// of memory in addition to the counts of the lines, and a temporary file in `directory` if they do not
    /// suffice.
    ///
    /// # Errors
    /// `Io` for the temporary file.
    pub(crate) fn new(lines: u64, width: usize, entries: u64, bytes: u64, directory: &Path) -> Result<Self> {
        let records = Records { number: 4, width };
        let all = entries.saturating_mul(records.bytes() as u64);
        let (bands, held);
        if all.saturating_add(all / 16) <= bytes {
            bands = Bands::new(lines, entries.div_ceil(PLACED).clamp(1, MOST_BANDS));
            held = HeldRecords::Memory(Arena::new(all));
        } else {
            let group = spill::group_bytes(bytes).max(1);
            // each band of each thread stages at least one extent
            let threads = rayon::current_num_threads() as u64;
            let most = (bytes / 4 / threads / spill::LEAST_STAGED).clamp(4, MOST_SPILLED);
            bands = Bands::new(lines, all.div_ceil(group).saturating_mul(4).clamp(4, most));
            let file = SpillFile::create(directory, all)?;
            held = HeldRecords::Disk(Spilled::new(file, bands, records, bytes / 4));
        }
        Ok(Unordered { bands, records, counts: LineCounts::new(lines), held, budget: bytes })
    }

    /// Adds entries; `order` is unique and ascends with their position in the stored order.
    ///
    /// # Errors
    /// `Io` for the temporary file; `Limit` if there are too many entries at once.
    pub(crate) fn add(&self, order: u64, entries: &LooseEntries<'_>) -> Result<()> {
        let len = entries.lines.len() * self.records.bytes();
        let sort = |out: &mut [u8]| {
            let starts = scatter::sort_loose(&self.bands, self.records, entries, out)?;
            scatter::count(&self.bands, self.records, &starts, out, &self.counts);
            Ok(starts)
        };
        match &self.held {
            HeldRecords::Memory(arena) => arena.add(order, 0, len, sort),
            HeldRecords::Disk(spilled) => spilled.take_sorted(order, [0, u32::MAX], len, sort),
        }
    }

    /// Returns the entries by line. `layout` is that of the matrix.
    ///
    /// # Errors
    /// `Io` for the temporary file; `Malformed` if the number of entries is not that of the layout.
    pub(crate) fn finish(self, layout: Layout) -> Result<Partitions> {
        let pointers = self.counts.pointers();
        let got = pointers.last().copied().unwrap_or(0);
        if got != layout.entries {
            return Err(Error::malformed(format!("expected {} entries, got {got}", layout.entries)));
        }
        let held = match self.held {
            HeldRecords::Memory(arena) => SortedEntries::Memory(self.bands, self.records, arena),
            HeldRecords::Disk(spilled) => {
                spilled.flush()?;
                SortedEntries::Disk(spilled)
            }
        };
        let budget = Budget::new(self.budget.saturating_add(pointers.len() as u64 * 16));
        Ok(Partitions { layout, pointers, held, budget })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::Dtype;
    use crate::matrix::{InMemory, IntoMemory, Orientation};
    use proptest::prelude::*;

    /// The same entries by line, sorted by the standard library.
    fn model(entries: &[(u32, u32, u16)], layout: Layout) -> InMemory {
        let mut sorted = entries.to_vec();
        sorted.sort_by_key(|e| e.0);
        let pointers = (0..=layout.lines).map(|l| sorted.partition_point(|e| u64::from(e.0) < l) as u64);
        let minor = sorted.iter().map(|e| e.1).collect();
        let values = sorted.iter().flat_map(|e| e.2.to_le_bytes()).collect();
        InMemory::new(layout, pointers.collect(), minor, values).unwrap()
    }

    proptest! {
        #[test]
        fn entries_in_any_order_come_by_line(
            entries in prop::collection::vec((0u32..40, 0u32..9, any::<u16>()), 0..600),
            piece in 1usize..200,
            bytes in prop::sample::select(vec![0u64, 1 << 10, 1 << 20, 1 << 30]),
        ) {
            let dir = tempfile::tempdir().unwrap();
            let n = entries.len() as u64;
            let layout =
                Layout { orientation: Orientation::Csr, lines: 40, minor: 9, entries: n, dtype: Dtype::Uint16 };
            let unordered = Unordered::new(40, 2, n, bytes, dir.path()).unwrap();
            for (order, part) in entries.chunks(piece).enumerate().collect::<Vec<_>>().into_iter().rev() {
                let lines: Vec<u32> = part.iter().map(|e| e.0).collect();
                let minor: Vec<u32> = part.iter().map(|e| e.1).collect();
                let values: Vec<u8> = part.iter().flat_map(|e| e.2.to_le_bytes()).collect();
                let loose = LooseEntries { lines: &lines, minor: &minor, values: &values };
                unordered.add(order as u64, &loose).unwrap();
            }
            let got = unordered.finish(layout).unwrap().deliver(IntoMemory::new(&layout), &()).unwrap();
            prop_assert!(got == model(&entries, layout));
            prop_assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        }
    }
}
