//! Transposes a matrix: converts its entries from CSR to CSC order or back.
//!
//! Every entry is decoded once. As blocks arrive, their entries are partitioned by ranges of minor indices
//! (*bands*) into records of a few bytes, and counted per line of the output, which gives the line pointers.
//! After the last block each band is placed by counting sort, in memory that fits a core's cache, and goes to
//! the sink as a block.
//!
//! If the entries do not all fit the budget, the bands are wider and are appended to a temporary file in
//! large pieces. Groups of bands that fit the budget are then read back one at a time and placed in the same
//! way. Random writes never cover more memory than the budget.
//!
//! Entries that come in no order (a text file) are partitioned in the same way, each with its line
//! (`unordered.rs`); `kept.rs` holds the result, in memory or in a temporary file, for whoever reads it.
//!
//! The order is stable: minor indices ascend within a line of the output, and entries with the same minor
//! index keep the order they were stored in.

mod arena;
mod bands;
#[cfg_attr(not(feature = "text"), allow(dead_code))]
mod kept;
mod place;
mod record;
mod scatter;
mod spill;
#[cfg_attr(not(feature = "text"), allow(dead_code))]
mod unordered;

/// Default directory for temporary files.
pub(crate) use crate::bytes::commit::beside;
use crate::bytes::spill::SpillFile;
use crate::error::Result;
use crate::matrix::{Block, Budget, Layout, Sink, Source, each_block_of};
use crate::observe::Observer;
use arena::Arena;
use bands::Bands;
pub(crate) use bands::LineCounts;
use record::Records;
use spill::Spilled;
use std::path::Path;
#[cfg_attr(not(feature = "text"), allow(unused_imports))]
pub(crate) use {
    kept::{KeptEntries, KeptMatrix, KeptSink},
    unordered::{LooseEntries, Unordered},
};

/// Entries of a block that is read and partitioned.
const BLOCK: u64 = 1 << 18;
/// Entries of a band that is placed at once: its lines and values fit a core's own cache.
const PLACED: u64 = 96 << 10;
/// Smallest working memory in bytes; three quarters of it is for reading.
const LEAST: u64 = 2 << 20;
/// Largest number of bands in memory.
const MOST_BANDS: u64 = 4096;
/// Largest number of bands on disk.
const MOST_SPILLED: u64 = 2048;
/// Smallest write of a band, in bytes. Larger records are used if the smallest ones would lead to smaller
/// writes.
const LEAST_EXTENT: u64 = 128 << 10;

/// All entries of a matrix, partitioned for the other layout.
#[derive(Debug)]
pub struct Partitions {
    layout: Layout,
    pointers: Vec<u64>,
    held: SortedEntries,
    budget: Budget,
}

#[derive(Debug)]
enum SortedEntries {
    Memory(Bands, Records, Arena),
    Disk(Spilled),
}

/// Reads all of `from` and partitions it. Calls `also` with each block, so that the stored layout can be
/// written from the same decoding. Temporary files, if the budget requires them, are created in `directory`.
///
/// # Errors
/// Errors of reading and of `also`; `Limit` if the budget is too small; `Io` for temporary files.
pub fn partition(
    from: &dyn Source,
    budget: Budget,
    directory: &Path,
    observer: &dyn Observer,
    also: &(dyn Fn(&Block<'_>) -> Result<()> + Sync),
) -> Result<Partitions> {
    let source = *from.layout();
    let layout = source.flipped()?;
    let plan = PartitionPlan::new(from, &layout, budget)?;
    let (records, counts) = (plan.records, LineCounts::new(layout.lines));
    let all = source.entries.saturating_mul(records.bytes() as u64);
    let bands = Bands::new(layout.lines, plan.bands);
    let held = if plan.in_memory {
        let arena = Arena::new(all);
        each_block_of(plan.target, from, plan.reading, observer, &|_| 0, &|block| {
            also(block)?;
            let [first, _] = scatter::lines_of(block, records)?;
            arena.add(block.entries.start, first, block.minor.len() * records.bytes(), |out| {
                let starts = scatter::sort_block(&bands, records, block, first, out)?;
                scatter::count(&bands, records, &starts, out, &counts);
                Ok(starts)
            })
        })?;
        SortedEntries::Memory(bands, records, arena)
    } else {
        let file = SpillFile::create(directory, all)?;
        let spilled = Spilled::new(file, bands, records, plan.staging);
        let sorted = |entries: u64| entries.saturating_mul(records.bytes() as u64);
        each_block_of(plan.target, from, plan.reading, observer, &sorted, &|block| {
            also(block)?;
            spilled.take(block, &counts)
        })?;
        spilled.flush()?;
        SortedEntries::Disk(spilled)
    };
    let pointers = counts.pointers();
    Ok(Partitions { layout, pointers, held, budget })
}

/// How many bytes of temporary files [`partition`] will need; 0 if all entries fit the budget.
///
/// # Errors
/// `Limit` if the budget is too small.
pub(crate) fn temporary_bytes(from: &dyn Source, budget: Budget) -> Result<u64> {
    let plan = PartitionPlan::new(from, &from.layout().flipped()?, budget)?;
    let all = from.layout().entries.saturating_mul(plan.records.bytes() as u64);
    Ok(if plan.in_memory { 0 } else { all })
}

impl Partitions {
    /// Layout of the output.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// First entry of each line of the output, followed by the number of entries.
    pub fn pointers(&self) -> &[u64] {
        &self.pointers
    }

    /// Writes all entries to `to` on all threads of the current pool, then finishes `to`.
    ///
    /// # Errors
    /// Errors of the sink; `Io` for temporary files; `Cancelled`.
    pub fn deliver<S: Sink>(self, to: S, observer: &dyn Observer) -> Result<S::Done> {
        let visit = |block: &Block<'_>| to.block(block);
        let sink_bytes = |entries: u64| to.working_bytes(entries);
        let out =
            place::Output::new(&self.layout, &self.pointers, observer, &visit, &sink_bytes, to.in_order());
        match self.held {
            SortedEntries::Memory(bands, records, mut arena) => {
                let left = self.budget.bytes.saturating_sub(arena.bytes());
                place::place_bands(&bands, records, &arena.parts(), &out, left)?;
                // Freeing this much memory takes time: do it while the sink waits for the disk.
                rayon::in_place_scope(|scope| {
                    scope.spawn(|_| drop(arena));
                    to.finish()
                })
            }
            SortedEntries::Disk(spilled) => {
                spilled.deliver(self.budget, &out)?;
                to.finish()
            }
        }
    }
}

/// How the budget is used.
struct PartitionPlan {
    in_memory: bool,
    records: Records,
    /// Target entries of a block.
    target: u64,
    /// Smallest number of bands.
    bands: u64,
    /// Bytes staged before they are written to disk, for all workers and bands together.
    staging: u64,
    /// Budget for reading, and for sorting entries that are spilled.
    reading: Budget,
}

impl PartitionPlan {
    fn new(from: &dyn Source, to: &Layout, budget: Budget) -> Result<Self> {
        let layout = from.layout();
        let width = layout.dtype.size();
        let threads = rayon::current_num_threads() as u64;
        for number in [1, 2] {
            let records = Records { number, width };
            // A band may hold no more minor indices than a record can number.
            let least_bands = to.lines.div_ceil(records.reach()).max(1);
            if least_bands > MOST_SPILLED || !lines_are_near(from, records) {
                continue;
            }
            let plan = Self::with_records(from, records, least_bands, budget);
            if number > 1 {
                return plan;
            }
            // The smallest records do not pay if they lead to many small writes.
            let few_writes =
                |p: &PartitionPlan| p.in_memory || p.staging / threads / least_bands >= LEAST_EXTENT;
            if let Some(plan) = plan.ok().filter(few_writes) {
                return Ok(plan);
            }
        }
        Self::with_records(from, Records { number: 4, width }, 1, budget)
    }

    fn with_records(from: &dyn Source, records: Records, least_bands: u64, budget: Budget) -> Result<Self> {
        let layout = from.layout();
        let record = records.bytes() as u64;
        let threads = rayon::current_num_threads() as u64;
        let pointers = (layout.minor + 1) * 8;
        // A block while it is read, and its entries sorted by band.
        let per_block = |n: u64| {
            let n = from.largest_block(n).min(layout.entries.max(1));
            from.working_bytes(n).saturating_add(n.saturating_mul(4 + records.width as u64 + record))
        };
        let least_block = 1 << 12;
        let fixed = from.resident_bytes().saturating_add(pointers.saturating_mul(2));
        let left = budget.after(fixed, per_block(least_block).saturating_mul(2).max(LEAST))?;
        let resident = from.resident_bytes();
        let all = layout.entries.saturating_mul(record);
        // Placing needs little besides the entries themselves.
        let working = per_block(BLOCK).saturating_mul(threads);
        if all.saturating_add(all / 16).saturating_add(working) <= left {
            let bands = layout.entries.div_ceil(PLACED).clamp(least_bands, MOST_BANDS);
            let reading = Budget::new(resident + left - all);
            return Ok(PartitionPlan { in_memory: true, records, target: BLOCK, bands, staging: 0, reading });
        }
        let mut target = BLOCK;
        while target > least_block && per_block(target).saturating_mul(threads) > left / 2 {
            target /= 2;
        }
        let group = spill::group_bytes(left);
        // Bands differ in size and are grouped afterwards, so plan several bands per group.
        let bands = all.div_ceil(group.max(1)).saturating_mul(4).clamp(least_bands.max(4), MOST_SPILLED);
        let staging = left / 4;
        let reading = Budget::new(resident + left - staging);
        Ok(PartitionPlan { in_memory: false, records, target, bands, staging, reading })
    }
}

/// Whether any `reach` consecutive lines hold at least one block of entries, so that line offsets within a
/// block fit a record.
fn lines_are_near(from: &dyn Source, records: Records) -> bool {
    let block = from.largest_block(BLOCK);
    let near = |w: &[u64]| w[w.len() - 1] - w[0] >= block;
    from.pointers().windows(records.reach() as usize).all(near)
}

#[cfg(test)]
mod tests;
