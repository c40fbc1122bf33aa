//! A pass over all entries of a source, before it begins.

use super::budget::Budget;
use super::source::Source;
use crate::observe::Observer;

/// Smallest number of entries in a piece: reading them takes longer than joining two states.
const PIECE: u64 = 4 << 20;
/// Default budget in bytes.
const DEFAULT_BUDGET: u64 = 256 << 20;

/// Starts building a pass over the entries of `source`: set [`memory`](Entries::memory) and an
/// [`observer`](Entries::observer) if needed, then call [`fold`](Entries::fold) or
/// [`blocks`](Entries::blocks).
///
/// ```
/// use annmap::Dtype;
/// use annmap::matrix::{InMemory, Layout, Orientation, entries};
/// # fn main() -> annmap::Result<()> {
/// # let (orientation, dtype) = (Orientation::Csr, Dtype::Uint8);
/// # let layout = Layout { orientation, lines: 2, minor: 3, entries: 3, dtype };
/// # let x = InMemory::new(layout, vec![0, 2, 3], vec![0, 2, 2], vec![1, 2, 3])?;
/// let sums = entries(&x).fold(
///     || vec![0.0; 3],
///     |sums, block| block.each(|_row, column, value: f64| sums[column] += value),
///     |sums, others| sums.iter_mut().zip(others).for_each(|(sum, other)| *sum += other),
/// )?;
/// assert_eq!(sums, [1.0, 0.0, 5.0]);
/// # Ok(())
/// # }
/// ```
pub fn entries(source: &dyn Source) -> Entries<'_> {
    Entries { source, budget: Budget::new(DEFAULT_BUDGET), state_bytes: 0, observer: &(), piece: PIECE }
}

/// Builder for a pass over the entries of a source; see [`entries`].
pub struct Entries<'s> {
    pub(super) source: &'s dyn Source,
    pub(super) budget: Budget,
    pub(super) state_bytes: u64,
    pub(super) observer: &'s dyn Observer,
    pub(super) piece: u64,
}

impl std::fmt::Debug for Entries<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entries").field("layout", self.source.layout()).finish_non_exhaustive()
    }
}

impl<'s> Entries<'s> {
    /// Sets the memory for blocks in flight and states, in bytes; the default is 256 MiB.
    #[must_use]
    pub fn memory(mut self, bytes: u64) -> Self {
        self.budget = Budget::new(bytes);
        self
    }

    /// Sets the bytes that one state holds on the heap (e.g. in its vectors), which count towards the budget.
    #[must_use]
    pub fn state_bytes(mut self, bytes: u64) -> Self {
        self.state_bytes = bytes;
        self
    }

    /// Sets an observer, which receives progress in bytes of minor indices and values, and may cancel between
    /// blocks.
    #[must_use]
    pub fn observer(mut self, observer: &'s dyn Observer) -> Self {
        self.observer = observer;
        self
    }

    /// Sets the size of pieces to about `entries` entries, for tests on small matrices.
    #[cfg(test)]
    pub(super) fn pieces_of(mut self, entries: u64) -> Self {
        self.piece = entries;
        self
    }
}
