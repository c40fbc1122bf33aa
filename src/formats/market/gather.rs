//! Reads the entries of a file on all threads and puts them in order.
//!
//! The first attempt assumes what is usual: that the entries are in the order of the matrix, as Cell Ranger and
//! scipy write them, so that they only have to be kept, and that float32 holds every value. An attempt ends at
//! the first entry that is otherwise, and the next one allows for it: entries in any order are partitioned by
//! line, other values are held in 64 bits.

use super::header::{MarketHeader, Symmetry};
use super::parse::{EntryBatch, EntryLines, EntryParser};
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::formats::gathered::{TextPlan, summed};
use crate::formats::lines;
use crate::formats::numbers::{HeldAs, HeldValue, Seen};
use crate::formats::text_blocks::{LongestLine, Next, TextBlocks, each_text_block, with_line};
use crate::matrix::{Budget, Layout, LineOrder, OrderCheck, Orientation};
use crate::observe::{Observer, Phase, Verb};
use crate::sync::{into_inner, lock};
use crate::transpose::{KeptEntries, KeptMatrix, KeptSink, LineCounts, LooseEntries, Unordered};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// Reads all entries of the file at `path` as CSR; with `flip`, its columns are the rows of the result.
///
/// # Errors
/// Those of [`MatrixMarket::read`](super::MatrixMarket::read).
pub(super) fn read(
    path: &Path,
    header: &MarketHeader,
    flip: bool,
    budget: Budget,
    directory: &Path,
    observer: &dyn Observer,
) -> Result<KeptMatrix> {
    let most = lines::most_text(path)?.saturating_sub(header.end) / header.kind.least_bytes();
    if header.entries > most {
        return Err(Error::malformed(format!(
            "expected at most {most} entries in a file of this size, got {}",
            header.entries
        )));
    }
    let (lines, minor) = if flip { (header.columns, header.rows) } else { (header.rows, header.columns) };
    let plan = TextPlan::new(budget, (lines + 1).saturating_mul(24), 0)?;
    let in_order = header.kind.symmetry == Symmetry::General && (flip || !header.kind.array);
    let mut attempt = Attempt {
        path,
        header,
        flip,
        lines,
        minor,
        plan,
        directory,
        observer,
        held: HeldAs::Float32,
        in_order,
        signed: false,
    };
    loop {
        let done = match attempt.held {
            HeldAs::Float32 => attempt.run::<f32>(),
            HeldAs::Integer => attempt.run::<u64>(),
            HeldAs::Real => attempt.run::<f64>(),
        };
        match done.map_err(|e| with_line(path, e))? {
            Ok(matrix) => return Ok(matrix),
            Err(Otherwise::Unordered) => attempt.in_order = false,
            Err(Otherwise::Wider) if header.kind.integers => attempt.held = HeldAs::Integer,
            Err(Otherwise::Wider) => attempt.held = HeldAs::Real,
            Err(Otherwise::Signed) => attempt.signed = true,
        }
    }
}

/// What was assumed about the entries.
struct Attempt<'a> {
    path: &'a Path,
    header: &'a MarketHeader,
    flip: bool,
    /// Lines and minor indices of the result.
    lines: u64,
    minor: u64,
    plan: TextPlan,
    directory: &'a Path,
    observer: &'a dyn Observer,
    held: HeldAs,
    /// Entries are sorted by line and minor index, without duplicates.
    in_order: bool,
    /// There are negative integers, so that all must fit int64.
    signed: bool,
}

/// What is otherwise than assumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Otherwise {
    Unordered,
    Wider,
    Signed,
}

/// Where the entries of blocks go.
enum Gathering {
    InOrder {
        kept: KeptEntries,
        counts: LineCounts,
        /// Number of each block, with the first and the last key.
        ends: Mutex<Vec<(u64, [u64; 2])>>,
    },
    Unordered(Unordered),
}

/// State of an attempt, which all threads share.
struct AttemptState {
    gathering: Gathering,
    read: AtomicU64,
    /// Entries, with those that mirror others.
    added: AtomicU64,
    seen: Mutex<Seen>,
    unordered: AtomicBool,
    wider: AtomicBool,
}

impl Attempt<'_> {
    fn run<T: HeldValue>(&self) -> Result<Result<KeptMatrix, Otherwise>> {
        self.observer.phase(&Phase::new(Verb::Reading, lines::plain_len(self.path)));
        let shared = self.shared()?;
        let counted = self.header.kind.array.then_some(&EntryLines as _);
        let longest = LongestLine { format: lines::LONGEST, budget: self.plan.longest };
        let blocks = TextBlocks::open(self.path, self.header.end, self.plan.block, longest, counted)?;
        let parser = EntryParser { header: self.header, flip: self.flip, signed: self.signed };
        let work = |block: &_, batch: &mut EntryBatch<T>| {
            if !parser.block(block, batch)? {
                shared.wider.store(true, Relaxed);
                return Ok(Next::Stop);
            }
            self.add(block.order, batch, &shared)
        };
        each_text_block(&blocks, self.plan.workers, self.observer, EntryBatch::default, work)?;
        if shared.wider.load(Relaxed) {
            return Ok(Err(Otherwise::Wider));
        }
        let read = shared.read.load(Relaxed);
        if read > self.header.entries {
            return Err(self.header.too_many(self.path)?);
        }
        if shared.unordered.load(Relaxed) {
            return Ok(Err(Otherwise::Unordered));
        }
        if read < self.header.entries {
            return Err(Error::malformed(format!("expected {} entries, got {read}", self.header.entries)));
        }
        self.finish(shared)
    }

    fn shared(&self) -> Result<AttemptState> {
        let (width, left) = (self.held.width(), self.plan.left);
        let gathering = if self.in_order {
            let (counts, ends) = (LineCounts::new(self.lines), Mutex::default());
            Gathering::InOrder { kept: KeptEntries::new(width, left * 2 / 3, self.directory), counts, ends }
        } else {
            let mirrored = if self.header.kind.symmetry == Symmetry::General { 1 } else { 2 };
            let entries = self.header.entries.saturating_mul(mirrored);
            Gathering::Unordered(Unordered::new(self.lines, width, entries, left * 2 / 3, self.directory)?)
        };
        Ok(AttemptState {
            gathering,
            read: AtomicU64::new(0),
            added: AtomicU64::new(0),
            seen: Mutex::default(),
            unordered: AtomicBool::new(false),
            wider: AtomicBool::new(false),
        })
    }

    /// Adds the entries of a block.
    fn add<T: HeldValue>(&self, order: u64, batch: &EntryBatch<T>, shared: &AttemptState) -> Result<Next> {
        let mut seen = lock(&shared.seen);
        *seen = seen.merge(batch.seen);
        drop(seen);
        shared.added.fetch_add(batch.lines.len() as u64, Relaxed);
        if shared.read.fetch_add(batch.read, Relaxed) + batch.read > self.header.entries {
            return Ok(Next::Stop);
        }
        let (minor, values) = (&batch.minor[..], bytemuck::cast_slice(&batch.values));
        match &shared.gathering {
            Gathering::InOrder { kept, counts, ends } => {
                if !batch.is_ascending() {
                    shared.unordered.store(true, Relaxed);
                    return Ok(Next::Stop);
                }
                for line in batch.lines.chunk_by(|a, b| a == b) {
                    counts.add(u64::from(line[0]), line.len() as u64);
                }
                if let Some(keys) = batch.ends() {
                    lock(ends).push((order, keys));
                }
                kept.add(order, minor, values)?;
            }
            Gathering::Unordered(unordered) => {
                unordered.add(order, &LooseEntries { lines: &batch.lines, minor, values })?;
            }
        }
        Ok(Next::Continue)
    }

    /// Puts the entries together, sorted and without duplicates.
    fn finish(&self, shared: AttemptState) -> Result<Result<KeptMatrix, Otherwise>> {
        let seen = into_inner(shared.seen);
        let dtype = match self.held {
            HeldAs::Float32 => Some(Dtype::Float32),
            HeldAs::Integer => seen.integer_dtype(),
            HeldAs::Real => Some(Dtype::Float64),
        };
        let Some(dtype) = dtype else { return Ok(Err(Otherwise::Signed)) };
        let (entries, orientation) = (shared.added.into_inner(), Orientation::Csr);
        let layout = Layout::of_lines(orientation, self.lines, self.minor, entries, dtype)?;
        match shared.gathering {
            Gathering::InOrder { kept, counts, ends } => {
                let mut ends = into_inner(ends);
                ends.sort_unstable_by_key(|(order, _)| *order);
                if ends.windows(2).any(|w| w[0].1[1] >= w[1].1[0]) {
                    return Ok(Err(Otherwise::Unordered));
                }
                kept.finish(layout, counts.pointers()).map(Ok)
            }
            Gathering::Unordered(unordered) => {
                let third = self.plan.left / 3;
                let partitions = unordered.finish(layout)?;
                let kept = KeptEntries::new(dtype.size(), third, self.directory);
                let sink = KeptSink::new(kept, layout, partitions.pointers().to_vec());
                self.observer.phase(&Phase::new(Verb::Transposing, layout.bytes()));
                let (kept, order) = partitions.deliver((sink, OrderCheck::new()), self.observer)?;
                if order == (LineOrder { sorted: true, duplicates: Some(false) }) {
                    return Ok(Ok(kept));
                }
                summed(&kept, !seen.real, third, self.directory, self.observer).map(Ok)
            }
        }
    }
}
