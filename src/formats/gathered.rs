//! What the readers of text share: how the budget is divided, and the last step, which adds up duplicates.

use crate::dtype::{Dtype, Policy, cast};
use crate::error::Result;
use crate::matrix::{Block, Budget, Edit, Edited, Layout, Sink, Source, Stacked, StackedPart, pump};
use crate::observe::{Observer, Phase, Verb};
use crate::transpose::{KeptEntries, KeptMatrix, KeptSink};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Bytes of memory for each byte of text that a thread works on: the text, and the entries read from it, which
/// have at least two bytes of text each.
const COST: u64 = 14;
/// Largest and smallest size of a block of text, in bytes.
const BLOCK: u64 = 1 << 20;
const LEAST_BLOCK: u64 = 16 << 10;
/// Least memory in addition to what is held throughout.
const LEAST: u64 = 1 << 20;

/// How the budget of reading a text is used.
#[derive(Debug, Clone, Copy)]
pub(super) struct TextPlan {
    /// Bytes of a block of text.
    pub(super) block: u64,
    /// Largest text line or row, in bytes.
    pub(super) longest: u64,
    pub(super) workers: usize,
    /// Bytes that are not for the threads.
    pub(super) left: u64,
}

impl TextPlan {
    /// `resident` bytes are held throughout; `line` is the length of a text line or row of the file.
    ///
    /// # Errors
    /// `Limit` with the least budget if this one is too small.
    pub(super) fn new(budget: Budget, resident: u64, line: u64) -> Result<TextPlan> {
        let least = line.saturating_mul(2).max(LEAST_BLOCK);
        let left = budget.after(resident, least.saturating_mul(COST * 4).max(LEAST))?;
        let (reading, threads) = (left / 4, rayon::current_num_threads() as u64);
        let mut block = BLOCK.max(least);
        while block / 2 >= least && block.saturating_mul(COST * threads) > reading {
            block /= 2;
        }
        let workers = (reading / (block * COST)).clamp(1, threads);
        let longest = reading / COST / workers;
        Ok(TextPlan { block, longest, workers: workers as usize, left: left - reading })
    }
}

/// Adds up the duplicates of `kept`, in int64 or float64 if its values are float32. The sums become float32 again
/// if that holds all of them. `integers` says that all values were written as integers.
///
/// # Errors
/// `Malformed` if a sum is too large for its type; `Limit` if the longest line does not fit `bytes`; `Io`.
pub(super) fn summed(
    kept: &KeptMatrix,
    integers: bool,
    bytes: u64,
    directory: &Path,
    observer: &dyn Observer,
) -> Result<KeptMatrix> {
    let layout = *kept.layout();
    let wide = match layout.dtype {
        Dtype::Float32 if integers => Dtype::Int64,
        Dtype::Float32 => Dtype::Float64,
        same => same,
    };
    // the pointers of all these sources are counted already
    let budget =
        Budget::new(bytes.max(LEAST).saturating_add(kept.resident_bytes() + (layout.lines + 1) * 32));
    observer.phase(&Phase::new(Verb::Summing, 0));
    let widened = as_type(kept, wide)?;
    let edit = Edit { sum_duplicates: true, ..Edit::default() };
    let sums = Edited::new(&widened, edit, budget, observer)?;
    let fits = layout.dtype == Dtype::Float32 && {
        let fits = FitsFloat32(AtomicBool::new(true));
        pump(&sums, fits, budget, observer)?
    };
    let narrow = if fits { Dtype::Float32 } else { wide };
    let narrowed = as_type(&sums, narrow)?;
    let entries = KeptEntries::new(narrow.size(), bytes, directory);
    let sink = KeptSink::new(entries, *narrowed.layout(), narrowed.pointers().to_vec());
    pump(&narrowed, sink, budget, observer)
}

/// The same matrix with values of another type, which holds all of them.
fn as_type(from: &dyn Source, dtype: Dtype) -> Result<Stacked<'_>> {
    let Layout { orientation, lines, minor, .. } = *from.layout();
    let part = StackedPart { from, line: 0, minor: 0, fill: None };
    Stacked::new(orientation, [lines, minor], dtype, vec![part])
}

/// Finds out whether float32 holds all values exactly.
struct FitsFloat32(AtomicBool);

impl Sink for FitsFloat32 {
    type Done = bool;

    fn block(&self, block: &Block<'_>) -> Result<()> {
        let mut out = crate::limits::zeroed(block.minor.len() * 4)?;
        let (dtype, bytes) = (block.values.dtype, block.values.bytes);
        if cast(dtype, bytes, Dtype::Float32, &mut out, Policy::Exact).is_err() {
            self.0.store(false, Relaxed);
        }
        Ok(())
    }

    fn finish(self) -> Result<bool> {
        Ok(self.0.into_inner())
    }

    fn working_bytes(&self, entries: u64) -> u64 {
        entries.saturating_mul(4)
    }
}
