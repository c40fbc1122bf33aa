//! The second pump: the same entries in the other layout.
//!
//! Every entry is decoded once. As blocks arrive, their entries are partitioned by ranges of minor indices
//! (*bands*) into records of a few bytes; counting on the way tells where each line of the output begins. When all have
//! arrived, each band is placed by counting sort, in memory that stays in a core's cache, and goes to the sink as a block.
//!
//! Where all entries do not fit the budget, the bands are wider and go to a temporary file, appended in large
//! pieces; groups of bands that fit are read back one after the other and treated as above. Nothing is ever
//! written at random over more than the budget.
//!
//! The order is stable: within a line of the output minor indices ascend, and entries with the same one keep
//! the order they were stored in.

mod arena;
mod bands;
mod place;
mod record;
mod scatter;
mod spill;

/// Where temporary files go unless another directory is asked for.
pub(crate) use crate::bytes::commit::beside;
use crate::bytes::spill::SpillFile;
use crate::error::Result;
use crate::matrix::{Block, Budget, Layout, Sink, Source, each_block_of};
use crate::observe::Observer;
use arena::Arena;
use bands::{Bands, LineCounts};
use record::Records;
use spill::Spilled;
use std::path::Path;

/// Entries of a block that is partitioned at once.
const BLOCK: u64 = 1 << 18;
/// Entries of a band that is placed at once: its lines and values stay in a core's own cache.
const PLACED: u64 = 96 << 10;
/// Bytes that are left at least: three quarters of them are for reading.
const LEAST: u64 = 2 << 20;
/// The most bands kept in memory.
const MOST_BANDS: u64 = 4096;
/// The most bands on the disk.
const MOST_SPILLED: u64 = 2048;
/// Bytes of one band written at once, at least, where larger records would make that more.
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

/// Reads all of `from` and partitions it; `also` sees each block on the way, so that the stored layout can be
/// written from the same decoding. Temporary files, where the budget asks for them, go to `directory`.
///
/// # Errors
/// Those of reading and of `also`; `Limit` where the budget is too small; `Io` for temporary files.
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

impl Partitions {
    /// The layout that comes out.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Where its lines begin.
    pub fn pointers(&self) -> &[u64] {
        &self.pointers
    }

    /// Gives all entries to `to`, on all threads of the current pool, and finishes it.
    ///
    /// # Errors
    /// Those of the sink; `Io` for temporary files; `Cancelled`.
    pub fn deliver<S: Sink>(self, to: S, observer: &dyn Observer) -> Result<S::Done> {
        let visit = |block: &Block<'_>| to.block(block);
        let sink_bytes = |entries: u64| to.working_bytes(entries);
        let out =
            place::Output::new(&self.layout, &self.pointers, observer, &visit, &sink_bytes, to.in_order());
        match self.held {
            SortedEntries::Memory(bands, records, mut arena) => {
                let left = self.budget.bytes.saturating_sub(arena.bytes());
                place::place_bands(&bands, records, &arena.parts(), &out, left)?;
                // the system takes its time to take so much memory back, the sink waits for the disk
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

/// What fits where.
struct PartitionPlan {
    in_memory: bool,
    records: Records,
    /// Entries of a block.
    target: u64,
    /// Bands to sort by, at least.
    bands: u64,
    /// Bytes staged for the disk, over all workers and bands.
    staging: u64,
    /// What is left for reading, and for sorting what goes to the disk.
    reading: Budget,
}

impl PartitionPlan {
    fn new(from: &dyn Source, to: &Layout, budget: Budget) -> Result<Self> {
        let layout = from.layout();
        let width = layout.dtype.size();
        let threads = rayon::current_num_threads() as u64;
        for number in [1, 2] {
            let records = Records { number, width };
            // Bands narrow enough for the records
            let least_bands = to.lines.div_ceil(records.reach()).max(1);
            if least_bands > MOST_SPILLED || !lines_are_near(from, records) {
                continue;
            }
            let plan = Self::with_records(from, records, least_bands, budget);
            if number > 1 {
                return plan;
            }
            // The smallest are not worth many small writes.
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
        // A block while it is read, and its entries by bands.
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
        // Bands of unequal weight are grouped afterwards, so there are several to a group.
        let bands = all.div_ceil(group.max(1)).saturating_mul(4).clamp(least_bands.max(4), MOST_SPILLED);
        let staging = left / 4;
        let reading = Budget::new(resident + left - staging);
        Ok(PartitionPlan { in_memory: false, records, target, bands, staging, reading })
    }
}

/// Whether no block has lines further apart than records tell: so many lines together always have more entries than a
/// block.
fn lines_are_near(from: &dyn Source, records: Records) -> bool {
    let block = from.largest_block(BLOCK);
    let near = |w: &[u64]| w[w.len() - 1] - w[0] >= block;
    from.pointers().windows(records.reach() as usize).all(near)
}

#[cfg(test)]
mod tests;
