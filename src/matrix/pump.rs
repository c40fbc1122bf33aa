//! Moves blocks from a source to a sink on all threads of the current pool.

use super::block::Block;
use super::budget::{Budget, workers};
use super::sink::Sink;
use super::source::{Buffer, Source, check_source};
use crate::error::{Error, Result};
use crate::observe::Observer;
use crate::sync::{into_inner, lock};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::Mutex;

/// Default number of entries in a block: their indices and values fit a core's own cache.
const TARGET: u64 = 1 << 16;
/// Number of entries in the smallest block worth cutting.
const LEAST: u64 = 1 << 10;

/// Reads all of `from`, writes it to `to`, then finishes `to`.
///
/// Uses as many threads of the current rayon pool as the budget has buffers for. Blocks are handed out in
/// order but may arrive in any order. If several errors occur, the one nearest the beginning is returned, so
/// the same input always fails in the same way.
///
/// # Errors
/// Errors of the source and the sink; `Limit` if the budget is too small for one block; `Cancelled`.
pub fn pump<S: Sink>(from: &dyn Source, to: S, budget: Budget, observer: &dyn Observer) -> Result<S::Done> {
    feed(from, &to, budget, observer)?;
    to.finish()
}

/// Like [`pump`], but does not finish the sink.
pub(crate) fn feed<S: Sink>(
    from: &dyn Source,
    to: &S,
    budget: Budget,
    observer: &dyn Observer,
) -> Result<()> {
    let visit = Visitor { block: &|block| to.block(block), lost: &|_, e| Err(e), in_order: to.in_order() };
    run(TARGET, from, budget, observer, &|entries| to.working_bytes(entries), &visit)
}

/// Entries per block and number of workers of a run.
pub(super) struct BlockPlan {
    pub(super) target: u64,
    pub(super) workers: usize,
}

impl BlockPlan {
    /// Plans blocks of the default size. `fixed` bytes are held throughout, in addition to the memory of the
    /// source; each worker needs `sink_bytes` bytes for the sink.
    pub(super) fn new(
        from: &dyn Source,
        in_order: bool,
        budget: Budget,
        fixed: u64,
        sink_bytes: &dyn Fn(u64) -> u64,
    ) -> Result<Self> {
        Self::of_blocks(TARGET, from, in_order, budget, fixed, sink_bytes)
    }

    fn of_blocks(
        wanted: u64,
        from: &dyn Source,
        in_order: bool,
        budget: Budget,
        fixed: u64,
        sink_bytes: &dyn Fn(u64) -> u64,
    ) -> Result<Self> {
        let width = from.layout().entry_bytes();
        let cost = |target: u64| {
            let n = from.largest_block(target).min(from.layout().entries);
            n.saturating_mul(width).saturating_add(from.working_bytes(n)).saturating_add(sink_bytes(n))
        };
        let left = budget.after(from.resident_bytes().saturating_add(fixed), cost(LEAST))?;
        // Ordered blocks are read ahead while the results of earlier ones are still held.
        let held = if in_order { 2 } else { 1 };
        let affordable = |target: u64| workers(left, cost(target).saturating_mul(held));
        let mut target = wanted;
        while target > LEAST && cost(target) > left {
            target /= 2;
        }
        if !from.sequential() {
            target = busiest(target, wanted, from, &affordable);
        }
        Ok(BlockPlan { target, workers: affordable(target) })
    }
}

/// The target of the largest blocks that occupy the most threads. Blocks above the wanted size are made smaller, down
/// to single chunks, if more threads then have one, in memory and of the matrix.
fn busiest(target: u64, wanted: u64, from: &dyn Source, affordable: &dyn Fn(u64) -> usize) -> u64 {
    let largest = |target| from.largest_block(target).max(1);
    let busy = |target| {
        let blocks = from.layout().entries.div_ceil(largest(target));
        affordable(target).min(usize::try_from(blocks).unwrap_or(usize::MAX))
    };
    let mut best = target;
    let mut smaller = target / 2;
    while smaller >= LEAST && largest(best) > wanted {
        if busy(smaller) > busy(best) {
            best = smaller;
        }
        smaller /= 2;
    }
    best
}

/// State shared by the workers.
struct PumpState {
    /// Next entry to hand out; past the end after an error.
    next: u64,
    /// The error nearest the beginning, with the first entry of its block.
    failed: Option<(u64, Error)>,
}

/// Calls `visit` with every block of `from`, on as many workers as the budget allows.
pub(crate) fn each_block(
    from: &dyn Source,
    budget: Budget,
    observer: &dyn Observer,
    sink_bytes: &dyn Fn(u64) -> u64,
    visit: &(dyn Fn(&Block<'_>) -> Result<()> + Sync),
) -> Result<()> {
    each_block_of(TARGET, from, budget, observer, sink_bytes, visit)
}

/// Like [`each_block`], with blocks of about `target` entries.
pub(crate) fn each_block_of(
    target: u64,
    from: &dyn Source,
    budget: Budget,
    observer: &dyn Observer,
    sink_bytes: &dyn Fn(u64) -> u64,
    visit: &(dyn Fn(&Block<'_>) -> Result<()> + Sync),
) -> Result<()> {
    run(
        target,
        from,
        budget,
        observer,
        sink_bytes,
        &Visitor { block: visit, lost: &|_, e| Err(e), in_order: false },
    )
}

/// Like [`each_block`], but if a block cannot be read, calls `lost` with its entries and the error, and
/// continues.
pub(crate) fn each_block_past(
    from: &dyn Source,
    budget: Budget,
    observer: &dyn Observer,
    lost: &(dyn Fn(Range<u64>, Error) -> Result<()> + Sync),
    visit: &(dyn Fn(&Block<'_>) -> Result<()> + Sync),
) -> Result<()> {
    run(TARGET, from, budget, observer, &|_| 0, &Visitor { block: visit, lost, in_order: false })
}

/// Callbacks for each block, and for the entries of each block that cannot be read.
struct Visitor<'a> {
    block: &'a (dyn Fn(&Block<'_>) -> Result<()> + Sync),
    lost: &'a (dyn Fn(Range<u64>, Error) -> Result<()> + Sync),
    /// Whether blocks are passed on in order.
    in_order: bool,
}

fn run(
    target: u64,
    from: &dyn Source,
    budget: Budget,
    observer: &dyn Observer,
    sink_bytes: &dyn Fn(u64) -> u64,
    visit: &Visitor<'_>,
) -> Result<()> {
    let in_order = visit.in_order || from.sequential();
    check_source(from)?;
    let plan = BlockPlan::of_blocks(target, from, in_order, budget, 0, sink_bytes)?;
    let shared = Mutex::new(PumpState { next: 0, failed: None });
    let worker = Worker { from, visit, observer, target: plan.target, shared: &shared };
    if in_order {
        worker.run_in_order(plan.workers);
    } else if plan.workers <= 1 {
        worker.run();
    } else {
        rayon::scope(|scope| {
            for _ in 0..plan.workers {
                scope.spawn(|_| worker.run());
            }
        });
    }
    match into_inner(shared).failed {
        Some((_, e)) => Err(e),
        None => Ok(()),
    }
}

/// A block that was read, in a buffer that is reused.
#[derive(Default)]
struct Slot {
    range: Option<Range<u64>>,
    done: Option<Result<()>>,
    buffer: Buffer,
}

impl Slot {
    fn read(&mut self, from: &dyn Source) {
        self.done = self.range.clone().map(|range| from.read(range, &mut self.buffer));
    }
}

/// Blocks read together.
type Batch = Vec<Slot>;

fn batch_of(many: usize) -> Batch {
    std::iter::repeat_with(Slot::default).take(many.max(1)).collect()
}

struct Worker<'a> {
    from: &'a dyn Source,
    visit: &'a Visitor<'a>,
    observer: &'a dyn Observer,
    target: u64,
    shared: &'a Mutex<PumpState>,
}

impl Worker<'_> {
    fn run(&self) {
        let mut buffer = Buffer::new();
        while let Some(range) = self.take() {
            let read = self.from.read(range.clone(), &mut buffer);
            self.arrived(range, read, &buffer);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, PumpState> {
        lock(self.shared)
    }

    /// Returns the next block's entries, or `None` at the end or after an error.
    fn take(&self) -> Option<Range<u64>> {
        let mut shared = self.lock();
        let total = self.from.layout().entries;
        let start = shared.next;
        if start >= total || shared.failed.is_some() {
            return None;
        }
        let end = self.from.cut(start, self.target).clamp(start + 1, total);
        shared.next = end;
        Some(start..end)
    }

    /// Reads blocks, `many` at a time, while the previous ones are passed on, either in order or on all
    /// threads.
    fn run_in_order(&self, many: usize) {
        let (mut ahead, mut now) = (batch_of(many), batch_of(many));
        loop {
            let (more, ()) = rayon::join(|| self.read_batch(&mut ahead), || self.pass_on_batch(&mut now));
            std::mem::swap(&mut ahead, &mut now);
            if !more {
                return;
            }
        }
    }

    /// Reads as many blocks as `batch` has room for; returns `false` if none are left.
    fn read_batch(&self, batch: &mut Batch) -> bool {
        for slot in batch.iter_mut() {
            slot.range = self.take();
        }
        if self.from.sequential() {
            batch.iter_mut().for_each(|slot| slot.read(self.from));
        } else {
            batch.par_iter_mut().for_each(|slot| slot.read(self.from));
        }
        batch.iter().any(|slot| slot.range.is_some())
    }

    fn pass_on_batch(&self, batch: &mut Batch) {
        let pass_on = |slot: &mut Slot| {
            if let (Some(range), Some(read)) = (slot.range.take(), slot.done.take()) {
                self.arrived(range, read, &slot.buffer);
            }
        };
        if self.visit.in_order {
            batch.iter_mut().for_each(pass_on);
        } else {
            batch.par_iter_mut().for_each(pass_on);
        }
    }

    fn arrived(&self, range: Range<u64>, read: Result<()>, buffer: &Buffer) {
        let start = range.start;
        let done = match read {
            Ok(()) => self.pass_on(range, buffer),
            Err(e) => (self.visit.lost)(range, e),
        };
        self.note(start, done);
    }

    fn pass_on(&self, range: Range<u64>, buffer: &Buffer) -> Result<()> {
        if self.observer.cancelled() {
            return Err(Error::cancelled());
        }
        let bytes = (range.end - range.start).saturating_mul(self.from.layout().entry_bytes());
        (self.visit.block)(&buffer.block(self.from, range)?)?;
        self.observer.advance(bytes);
        Ok(())
    }

    fn note(&self, start: u64, done: Result<()>) {
        if let Err(e) = done {
            let mut shared = self.lock();
            if shared.failed.as_ref().is_none_or(|(at, _)| start < *at) {
                shared.failed = Some((start, e));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::Dtype;
    use crate::matrix::{InMemory, IntoMemory, Layout, Orientation};

    fn matrix(entries: u64) -> InMemory {
        let layout =
            Layout { orientation: Orientation::Csr, lines: 1, minor: entries, entries, dtype: Dtype::Uint16 };
        let values = (0..entries).flat_map(|i| (i as u16).to_le_bytes()).collect();
        InMemory::new(layout, vec![0, entries], (0..entries as u32).collect(), values).unwrap()
    }

    #[test]
    fn every_entry_arrives_once_for_any_budget_and_thread_count() {
        let from = matrix(200_000);
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            for bytes in [1 << 20, 64 << 20] {
                let to = IntoMemory::new(from.layout());
                let got = pool.install(|| pump(&from, to, Budget::new(bytes), &())).unwrap();
                assert!(got == from);
            }
        }
    }

    /// Chunks of 131,072 entries, of which two are decoded at once.
    struct InPairs(InMemory, u64);
    impl Source for InPairs {
        fn layout(&self) -> &Layout {
            self.0.layout()
        }
        fn pointers(&self) -> &[u64] {
            self.0.pointers()
        }
        fn largest_block(&self, target: u64) -> u64 {
            if target >= 1 << 14 { 2 << 17 } else { 1 << 17 }
        }
        fn read(&self, range: Range<u64>, into: &mut Buffer) -> Result<()> {
            self.0.read(range, into)
        }
        fn working_bytes(&self, _: u64) -> u64 {
            self.1
        }
    }

    #[test]
    fn pairs_of_large_chunks_where_all_threads_have_one() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(4).build().unwrap();
        let plan = |chunks: u64, budget: u64| {
            let from = InPairs(matrix(chunks << 17), 1 << 20);
            let plan = pool.install(|| BlockPlan::new(&from, false, Budget::new(budget), 0, &|_| 0)).unwrap();
            (from.largest_block(plan.target) >> 17, plan.workers)
        };
        assert_eq!(plan(16, 1 << 30), (2, 4));
        assert_eq!(plan(4, 1 << 30), (1, 4), "as many blocks as threads");
        // 2.5 MiB for two chunks, 1.75 MiB for one
        assert_eq!(plan(16, 8 << 20), (1, 4));
        assert_eq!(plan(16, 2 << 20), (1, 1));
    }

    #[test]
    fn the_error_nearest_the_beginning_wins() {
        struct Picky;
        impl Sink for Picky {
            type Done = ();
            fn block(&self, b: &Block<'_>) -> Result<()> {
                let hit = b.minor.iter().find(|m| **m >= 70_000);
                hit.map_or(Ok(()), |m| Err(Error::malformed(format!("refused {m}"))))
            }
            fn finish(self) -> Result<()> {
                Ok(())
            }
        }
        let pool = rayon::ThreadPoolBuilder::new().num_threads(4).build().unwrap();
        for _ in 0..20 {
            let e = pool.install(|| pump(&matrix(1_000_000), Picky, Budget::new(64 << 20), &())).unwrap_err();
            assert_eq!(e.message(), "refused 70000");
        }
    }

    #[test]
    fn a_budget_below_the_least_tells_the_least() {
        let e = pump(&matrix(10), IntoMemory::new(matrix(10).layout()), Budget::new(1000), &()).unwrap_err();
        assert_eq!(e.kind(), crate::Kind::Limit);
        assert!(e.message().contains("at least 1M"), "{e}");
        assert_eq!(e.needed(), Some(1 << 20));
    }

    #[test]
    fn cancelling_stops() {
        struct PumpStop;
        impl Observer for PumpStop {
            fn cancelled(&self) -> bool {
                true
            }
        }
        let from = matrix(10);
        let e = pump(&from, IntoMemory::new(from.layout()), Budget::new(1 << 20), &PumpStop).unwrap_err();
        assert_eq!(e.kind(), crate::Kind::Cancelled);
    }
}
