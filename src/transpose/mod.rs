//! The second pump: the same entries in the other layout.
//!
//! Every entry is decoded once. As blocks arrive, their entries are partitioned by ranges of minor indices
//! (*bands*); counting on the way tells where each line of the output begins. When all have arrived, each band
//! is placed by counting sort, in memory that stays in a core's cache, and goes to the sink as a block.
//!
//! Where all entries do not fit the budget, the bands are wider and go to a temporary file, appended in large
//! pieces; groups of bands that fit are read back one after the other and treated as above. Nothing is ever
//! written at random over more than the budget.
//!
//! The order is stable: within a line of the output minor indices ascend, and entries with the same one keep
//! the order they were stored in.

mod bands;
mod place;
mod spill;

use crate::bytes::spill::SpillFile;
use crate::error::Result;
use crate::matrix::{Block, Budget, Layout, Sink, Source, each_block_of};
use crate::observe::Observer;
use bands::{Bands, Counts, Partitioned};
use spill::Spilled;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Entries of a block that is partitioned at once.
const BLOCK: u64 = 1 << 18;
/// Entries of a band that is placed at once: its lines and values stay in a core's own cache.
const PLACED: u64 = 96 << 10;
/// The most bands kept in memory.
const MOST_BANDS: u64 = 4096;

/// All entries of a matrix, partitioned for the other layout.
#[derive(Debug)]
pub struct Partitions {
    layout: Layout,
    pointers: Vec<u64>,
    held: Held,
    budget: Budget,
}

#[derive(Debug)]
enum Held {
    Memory(Bands, Vec<Partitioned>),
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
    let layout = Layout {
        orientation: source.orientation.flipped(),
        lines: source.minor,
        minor: source.lines,
        ..source
    };
    if layout.minor > u64::from(u32::MAX) {
        let text = format!("{} lines cannot become minor indices (at most {})", layout.minor, u32::MAX);
        return Err(crate::error::Error::unsupported(text));
    }
    let plan = Plan::new(from, budget)?;
    let counts = Counts::new(layout.lines);
    let record = 8 + source.dtype.size() as u64;
    let (pointers, held);
    if plan.in_memory {
        let wanted = source.entries.div_ceil(PLACED).clamp(1, MOST_BANDS);
        let bands = Bands::new(layout.lines, wanted);
        let parts: Mutex<Vec<(u64, Partitioned)>> = Mutex::default();
        each_block_of(plan.target, from, budget, observer, &|_| 0, &|block| {
            also(block)?;
            let part = bands::partition_block(block, &bands, &counts)?;
            parts.lock().unwrap_or_else(PoisonError::into_inner).push((block.entries.start, part));
            Ok(())
        })?;
        let mut parts = parts.into_inner().unwrap_or_else(PoisonError::into_inner);
        parts.sort_unstable_by_key(|(start, _)| *start);
        pointers = counts.pointers();
        held = Held::Memory(bands, parts.into_iter().map(|(_, p)| p).collect());
    } else {
        let file = SpillFile::create(directory, source.entries.saturating_mul(record))?;
        let bands = Bands::new(layout.lines, plan.bands);
        let spilled = Spilled::new(file, bands, source.dtype.size(), plan.staging);
        each_block_of(plan.target, from, budget, observer, &|_| 0, &|block| {
            also(block)?;
            spilled.take(block, &counts)
        })?;
        spilled.flush()?;
        pointers = counts.pointers();
        held = Held::Disk(spilled);
    }
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
        let out = place::Output::new(&self.layout, &self.pointers, observer, &visit);
        match self.held {
            Held::Memory(bands, parts) => {
                let all = 0..bands.count();
                place::place_bands(&bands, all, &parts, self.layout.dtype.size(), &out)?;
            }
            Held::Disk(spilled) => spilled.deliver(self.budget, &out)?,
        }
        to.finish()
    }
}

/// What fits where.
struct Plan {
    in_memory: bool,
    /// Entries of a block.
    target: u64,
    /// Bands on the disk.
    bands: u64,
    /// Bytes staged for the disk, over all workers and bands.
    staging: u64,
}

impl Plan {
    fn new(from: &dyn Source, budget: Budget) -> Result<Self> {
        let layout = from.layout();
        let width = layout.dtype.size() as u64;
        let record = 8 + width;
        let threads = rayon::current_num_threads() as u64;
        let pointers = (layout.minor + 1) * 8;
        // A block while it is read, its lines, and its entries by bands.
        let per_block = |n: u64| {
            let n = from.largest_block(n).min(layout.entries.max(1));
            from.working_bytes(n).saturating_add(n.saturating_mul(4 + width + 4 + record))
        };
        let least_block = 1 << 12;
        let fixed = from.resident_bytes().saturating_add(pointers.saturating_mul(2));
        let left = budget.after(fixed, per_block(least_block).saturating_mul(4))?;
        let all = layout.entries.saturating_mul(record);
        // Placing needs little besides the entries themselves.
        let working = per_block(BLOCK).saturating_mul(threads);
        if all.saturating_add(all / 16).saturating_add(working) <= left {
            return Ok(Plan { in_memory: true, target: BLOCK, bands: 0, staging: 0 });
        }
        let mut target = BLOCK;
        while target > least_block && per_block(target).saturating_mul(threads) > left / 2 {
            target /= 2;
        }
        let group = spill::group_bytes(left);
        // Bands of unequal weight are grouped afterwards, so there are several to a group.
        let bands = all.div_ceil(group.max(1)).saturating_mul(4).clamp(4, 2048);
        Ok(Plan { in_memory: false, target, bands, staging: left / 4 })
    }
}

#[cfg(test)]
mod tests;
