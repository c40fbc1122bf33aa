//! Folds all entries, with one state per piece, to a result that does not depend on the number of threads.
//!
//! The matrix is cut into *pieces*: ranges of entries that depend on the matrix alone. Each piece is folded
//! in order into its own state, and the states of adjacent pieces are joined in a binary tree. So
//! floating-point sums are rounded in the same way for any number of threads and any budget.

use super::block::Block;
use super::entries::Entries;
use super::joined::JoinTree;
use super::pump::BlockPlan;
use super::source::{Buffer, Source, check_source, read_block};
use crate::error::{Error, Result};
use crate::observe::Observer;
use crate::sync::{into_inner, lock};
use rayon::Scope;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard};

/// Largest number of pieces, so that joining stays cheap for large matrices.
const MOST_PIECES: u64 = 256;

impl Entries<'_> {
    /// Reads every entry once, on all threads of the current rayon pool. `init` creates the state of a piece,
    /// `step` receives the blocks of the piece in order, and `join` adds the state of later pieces (second
    /// argument) to that of earlier ones (first argument). Without any entries the result is `init()`.
    ///
    /// The result does not depend on threads, budget or timing, provided that `step` does not depend on where
    /// blocks end, which holds for [`Block::each`]. A line may be cut between two blocks and between two
    /// pieces.
    ///
    /// At most two states per worker and one per level of the tree (at most 9) exist at a time.
    ///
    /// # Errors
    /// The first error of the source or of `step`, in the order of entries; `Limit` if the budget is too
    /// small for one block and the states of one worker; `Cancelled`.
    pub fn fold<T: Send>(
        self,
        init: impl Fn() -> T + Sync,
        step: impl Fn(&mut T, &Block<'_>) -> Result<()> + Sync,
        join: impl Fn(&mut T, T) + Sync,
    ) -> Result<T> {
        let source = self.source;
        check_source(source)?;
        let pieces = pieces(source, self.piece);
        let tree = JoinTree::new(pieces.len());
        let state = self.state_bytes.saturating_add(size_of::<T>() as u64);
        let for_tree = u64::from(tree.levels()).saturating_mul(state);
        let per_worker = state.saturating_mul(2);
        let plan = BlockPlan::new(source, source.sequential(), self.budget, for_tree, &|_| per_worker)?;
        let most_states = 2 * plan.workers + tree.levels() as usize;
        let progress = FoldState { next: 0, running: 0, states: 0, tree, failed: None };
        let fold = Fold {
            source,
            observer: self.observer,
            target: plan.target,
            pieces,
            workers: plan.workers,
            most_states,
            progress: Mutex::new(progress),
            failed_at: AtomicU64::new(u64::MAX),
            init,
            step,
            join,
        };
        if source.sequential() {
            fold.run_in_order();
        } else {
            rayon::scope(|scope| fold.start_workers(scope));
        }
        let progress = into_inner(fold.progress);
        match progress.failed {
            Some((_, e)) => Err(e),
            None => Ok(progress.tree.into_root().unwrap_or_else(fold.init)),
        }
    }
}

/// Returns the entry ranges of the pieces of `source`.
fn pieces(source: &dyn Source, least: u64) -> Vec<Range<u64>> {
    let total = source.layout().entries;
    let target = least.max(total.div_ceil(MOST_PIECES));
    let mut out = Vec::new();
    let mut at = 0;
    while at < total {
        let end = source.fixed_cut(at, target).clamp(at + 1, total);
        out.push(at..end);
        at = end;
    }
    out
}

/// A fold in progress.
struct Fold<'s, T, I, S, J> {
    source: &'s dyn Source,
    observer: &'s dyn Observer,
    /// Target entries of a block.
    target: u64,
    pieces: Vec<Range<u64>>,
    workers: usize,
    most_states: usize,
    progress: Mutex<FoldState<T>>,
    /// First entry of the block with the error nearest the beginning.
    failed_at: AtomicU64,
    init: I,
    step: S,
    join: J,
}

/// State shared by the workers.
struct FoldState<T> {
    /// Next piece to hand out.
    next: usize,
    /// Number of running workers.
    running: usize,
    /// Number of states that exist.
    states: usize,
    tree: JoinTree<T>,
    /// The error nearest the beginning, with the first entry of its block.
    failed: Option<(u64, Error)>,
}

impl<T, I, S, J> Fold<'_, T, I, S, J>
where
    T: Send,
    I: Fn() -> T + Sync,
    S: Fn(&mut T, &Block<'_>) -> Result<()> + Sync,
    J: Fn(&mut T, T) + Sync,
{
    fn lock(&self) -> MutexGuard<'_, FoldState<T>> {
        lock(&self.progress)
    }

    /// Starts workers while there are pieces that may be started. Workers never wait for each other: a worker
    /// that may not start a piece ends, and the next worker that completes a piece starts it again.
    fn start_workers<'scope>(&'scope self, scope: &Scope<'scope>) {
        let missing = {
            let mut progress = self.lock();
            let states = self.most_states.saturating_sub(progress.states);
            let pieces = self.pieces.len() - progress.next;
            let missing = (self.workers - progress.running).min(states).min(pieces);
            progress.running += missing;
            missing
        };
        for _ in 0..missing {
            scope.spawn(|scope| self.work(scope));
        }
    }

    fn work<'scope>(&'scope self, scope: &Scope<'scope>) {
        let mut buffer = Buffer::new();
        while let Some(piece) = self.take() {
            match self.run_piece(self.pieces[piece].clone(), &mut buffer) {
                Ok(state) => self.complete(piece, state),
                Err((at, e)) => self.fail(at, e),
            }
            self.start_workers(scope);
        }
    }

    /// Returns the next piece, or `None` if no more may be started.
    fn take(&self) -> Option<usize> {
        let mut progress = self.lock();
        let piece = progress.next;
        if piece >= self.pieces.len() || progress.states >= self.most_states || progress.failed.is_some() {
            progress.running -= 1;
            return None;
        }
        progress.next += 1;
        progress.states += 1;
        Some(piece)
    }

    /// Folds the blocks of one piece; an error is returned with the first entry of its block.
    fn run_piece(&self, piece: Range<u64>, buffer: &mut Buffer) -> Result<T, (u64, Error)> {
        let mut state = (self.init)();
        let mut at = piece.start;
        while at < piece.end {
            // Skip entries after an error, as their result would not be used.
            if self.observer.cancelled() || self.failed_at.load(Relaxed) < at {
                return Err((at, Error::cancelled()));
            }
            let range = self.block_at(at, piece.end);
            at = range.end;
            let start = range.start;
            let block = read_block(self.source, range, buffer).map_err(|e| (start, e))?;
            (self.step)(&mut state, &block).map_err(|e| (start, e))?;
            self.advance(at - start);
        }
        Ok(state)
    }

    fn block_at(&self, start: u64, piece_end: u64) -> Range<u64> {
        start..self.source.cut(start, self.target).clamp(start + 1, piece_end)
    }

    fn advance(&self, entries: u64) {
        self.observer.advance(entries.saturating_mul(self.source.layout().entry_bytes()));
    }

    /// Adds the state of a piece to the tree, and joins adjacent states.
    fn complete(&self, piece: usize, state: T) {
        let mut pair = self.lock().tree.add(JoinTree::leaf(piece, state));
        while let Some(two) = pair {
            let one = two.join(&self.join);
            let mut progress = self.lock();
            progress.states -= 1;
            pair = progress.tree.add(one);
        }
    }

    fn fail(&self, at: u64, e: Error) {
        self.failed_at.fetch_min(at, Relaxed);
        let mut progress = self.lock();
        if progress.failed.as_ref().is_none_or(|(first, _)| at < *first) {
            progress.failed = Some((at, e));
        }
    }

    /// Runs on a source that must be read in order: reads one block while the previous one is folded.
    fn run_in_order(&self) {
        let (mut ahead, mut now) = (Buffer::new(), Buffer::new());
        let mut blocks = self.pieces.iter().enumerate().flat_map(|(piece, range)| {
            let mut at = range.start;
            std::iter::from_fn(move || {
                let block = (at < range.end).then(|| self.block_at(at, range.end))?;
                at = block.end;
                Some((piece, block))
            })
        });
        let mut state = None;
        let mut read: Option<(usize, Range<u64>)> = None;
        loop {
            let next = blocks.next();
            let read_next =
                || next.as_ref().map_or(Ok(()), |(_, range)| self.source.read(range.clone(), &mut ahead));
            let fold = || match &read {
                Some((piece, range)) => self.fold_in_order(*piece, range.clone(), &mut now, &mut state),
                None => Ok(()),
            };
            let (done, folded) = rayon::join(read_next, fold);
            let place =
                |block: &Option<(usize, Range<u64>)>| block.as_ref().map_or(0, |(_, range)| range.start);
            if let Err((at, e)) =
                folded.map_err(|e| (place(&read), e)).and(done.map_err(|e| (place(&next), e)))
            {
                return self.fail(at, e);
            }
            if next.is_none() {
                return;
            }
            read = next;
            std::mem::swap(&mut ahead, &mut now);
        }
    }

    fn fold_in_order(
        &self,
        piece: usize,
        range: Range<u64>,
        from: &mut Buffer,
        state: &mut Option<T>,
    ) -> Result<()> {
        if self.observer.cancelled() {
            return Err(Error::cancelled());
        }
        let (start, end) = (range.start, range.end);
        let is_last = end == self.pieces[piece].end;
        (self.step)(state.get_or_insert_with(&self.init), &from.block(self.source, range)?)?;
        self.advance(end - start);
        if let Some(state) = state.take_if(|_| is_last) {
            self.lock().states += 1;
            self.complete(piece, state);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::Dtype;
    use crate::matrix::{Budget, entries};
    use crate::matrix::{InMemory, Layout, Orientation};
    use proptest::prelude::*;

    /// A matrix of 60 lines of random lengths, some empty, with 40 minor indices and fractions as values.
    fn matrix(orientation: Orientation, lengths: &[u16], seed: u32) -> InMemory {
        let mut state = seed;
        let mut random = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 8
        };
        let mut pointers = vec![0];
        lengths.iter().for_each(|n| pointers.push(pointers[pointers.len() - 1] + u64::from(*n)));
        let entries = pointers[pointers.len() - 1];
        let minor = (0..entries).map(|_| random() % 40).collect();
        let values = (0..entries).flat_map(|_| (random() as f32 / 1e3).to_le_bytes()).collect();
        let lines = lengths.len() as u64;
        let layout = Layout { orientation, lines, minor: 40, entries, dtype: Dtype::Float32 };
        InMemory::new(layout, pointers, minor, values).unwrap()
    }

    fn sums(of: Entries<'_>, columns: usize, threads: usize) -> Result<Vec<f64>> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            of.fold(
                || vec![0.0; columns],
                |sums, block| block.each(|_, column, value: f64| sums[column] += value),
                |sums, others| sums.iter_mut().zip(others).for_each(|(sum, other)| *sum += other),
            )
        })
    }

    fn bits(sums: &[f64]) -> Vec<u64> {
        sums.iter().map(|s| s.to_bits()).collect()
    }

    /// A matrix that can only be read from its beginning to its end.
    struct InOrder<'m>(&'m InMemory);

    impl Source for InOrder<'_> {
        fn layout(&self) -> &Layout {
            self.0.layout()
        }
        fn pointers(&self) -> &[u64] {
            self.0.pointers()
        }
        fn cut(&self, start: u64, target: u64) -> u64 {
            self.0.cut(start, target)
        }
        fn read(&self, range: Range<u64>, into: &mut Buffer) -> Result<()> {
            self.0.read(range, into)
        }
        fn sequential(&self) -> bool {
            true
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn the_same_bits_for_any_threads_and_budget(
            lengths in proptest::collection::vec(0u16..800, 1..60),
            seed in any::<u32>(),
            piece in 100u64..6_000,
        ) {
            for orientation in [Orientation::Csr, Orientation::Csc] {
                let m = matrix(orientation, &lengths, seed);
                let columns = m.layout().shape()[1] as usize;
                let whole = || entries(&m).pieces_of(piece);
                let want = bits(&sums(whole(), columns, 1).unwrap());
                for threads in [1, 2, 5] {
                    for memory in [1 << 20, 3 << 20, 1 << 30] {
                        let got = sums(whole().memory(memory).state_bytes(320), columns, threads).unwrap();
                        prop_assert_eq!(&bits(&got), &want);
                    }
                    let in_order = InOrder(&m);
                    let got = sums(entries(&in_order).pieces_of(piece), columns, threads).unwrap();
                    prop_assert_eq!(&bits(&got), &want);
                }
                // A naive loop gives the same up to rounding.
                let mut naive = vec![0f64; columns];
                for (line, ends) in m.pointers().windows(2).enumerate() {
                    for e in ends[0] as usize..ends[1] as usize {
                        let [_, column] = m.layout().position(line as u64, u64::from(m.minor()[e]));
                        let value = f32::from_le_bytes(m.values()[4 * e..4 * e + 4].try_into().unwrap());
                        naive[column as usize] += f64::from(value);
                    }
                }
                for (a, b) in naive.iter().zip(&want) {
                    prop_assert!((a - f64::from_bits(*b)).abs() <= 1e-9 * a.abs());
                }
            }
        }
    }

    #[test]
    fn blocks_one_by_one_are_the_matrix() {
        let m = matrix(Orientation::Csr, &[700; 400], 9);
        for memory in [1 << 20, 64 << 20] {
            let mut minor = Vec::new();
            let mut values = Vec::new();
            for block in entries(&m).memory(memory).blocks().unwrap() {
                let block = block.unwrap();
                assert_eq!(block.entries().start as usize, minor.len());
                minor.extend_from_slice(block.minor());
                values.extend_from_slice(block.values().bytes);
            }
            assert!((&minor[..], &values[..]) == (m.minor(), m.values()));
        }
    }

    #[test]
    fn the_error_nearest_the_beginning_wins() {
        let m = matrix(Orientation::Csr, &[500; 400], 3);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(4).build().unwrap();
        let refuse = |_: &mut (), block: &Block<'_>| match block.lines().find(|l| l.number >= 100) {
            Some(line) => Err(Error::malformed(format!("line {}", line.number))),
            None => Ok(()),
        };
        for _ in 0..20 {
            let all = || entries(&m).pieces_of(2_000);
            let e = pool.install(|| all().fold(|| (), refuse, |(), ()| ())).unwrap_err();
            assert_eq!(e.message(), "line 100");
        }
        let in_order = InOrder(&m);
        let e = entries(&in_order).pieces_of(2_000).fold(|| (), refuse, |(), ()| ()).unwrap_err();
        assert_eq!(e.message(), "line 100");
    }

    #[test]
    fn cancelling_stops() {
        struct FoldStop;
        impl Observer for FoldStop {
            fn cancelled(&self) -> bool {
                true
            }
        }
        let m = matrix(Orientation::Csr, &[5; 4], 3);
        let in_order = InOrder(&m);
        for source in [&m as &dyn Source, &in_order] {
            let stopped = entries(source).observer(&FoldStop);
            let e = stopped
                .fold(
                    || 0,
                    |n, _| {
                        *n += 1;
                        Ok(())
                    },
                    |a, b| *a += b,
                )
                .unwrap_err();
            assert_eq!(e.kind(), crate::Kind::Cancelled);
        }
        let e = entries(&m).observer(&FoldStop).blocks().unwrap().next().unwrap().unwrap_err();
        assert_eq!(e.kind(), crate::Kind::Cancelled);
    }

    #[test]
    fn without_entries_the_state_is_new() {
        let m = matrix(Orientation::Csr, &[0, 0], 3);
        assert_eq!(sums(entries(&m), 2, 2).unwrap(), [0.0, 0.0]);
        assert!(entries(&m).blocks().unwrap().next().is_none());
    }

    #[test]
    fn states_that_do_not_fit_are_refused_and_few_are_made() {
        let m = matrix(Orientation::Csr, &[500; 400], 3);
        let one = || entries(&m).pieces_of(2_000);
        let e = sums(one().memory(4 << 20).state_bytes(1 << 20), 40, 2).unwrap_err();
        assert_eq!(e.kind(), crate::Kind::Limit);
        let (live, most) = (AtomicU64::new(0), AtomicU64::new(0));
        let new = || most.fetch_max(live.fetch_add(1, Relaxed) + 1, Relaxed);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        let join = |_: &mut u64, _| {
            live.fetch_sub(1, Relaxed);
        };
        pool.install(|| one().fold(new, |_, _| Ok(()), join)).unwrap();
        assert!(most.into_inner() <= 2 * 3 + 8, "100 pieces, 3 workers, 8 levels");
    }

    /// A source that violates the guarantees of [`Source`]; the number says in which way.
    struct Broken<'m>(&'m InMemory, u8);

    impl Source for Broken<'_> {
        fn layout(&self) -> &Layout {
            self.0.layout()
        }
        fn pointers(&self) -> &[u64] {
            if self.1 == 0 { &[0, 9, 3] } else { self.0.pointers() }
        }
        fn cut(&self, start: u64, target: u64) -> u64 {
            if self.1 == 1 { start.saturating_sub(5) } else { self.0.cut(start, target) }
        }
        fn read(&self, range: Range<u64>, into: &mut Buffer) -> Result<()> {
            let n = range.end - range.start;
            into.resize(if self.1 == 2 { n - 1 } else { n }, self.layout().dtype)?;
            into.minor.fill(if self.1 == 3 { 40 } else { 0 });
            Ok(())
        }
    }

    #[test]
    fn a_source_that_breaks_its_promises_ends_with_an_error() {
        let m = matrix(Orientation::Csr, &[50, 0, 70], 3);
        for (how, words) in [(0, "pointers"), (2, "read 119 entries"), (3, "column index 40 in row 0")] {
            let source = Broken(&m, how);
            for e in [
                sums(entries(&source), 40, 2).unwrap_err(),
                crate::matrix::pump(
                    &source,
                    crate::matrix::IntoMemory::new(m.layout()),
                    Budget::new(8 << 20),
                    &(),
                )
                .unwrap_err(),
                entries(&source).blocks().and_then(|mut b| b.next().unwrap()).unwrap_err(),
            ] {
                assert!(e.message().contains(words), "{e}");
            }
        }
        assert!(sums(entries(&Broken(&m, 1)), 40, 2).is_ok(), "cuts that go back are taken as the shortest");
    }
}
