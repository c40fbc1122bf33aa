//! Cuts at the ends of lines.

use super::block::line_of;
use super::layout::Layout;
use super::source::{Buffer, Source};
use crate::error::Result;
use std::ops::Range;

/// Returns the end of the last line that ends within `target` entries of `start`, or the end of the first
/// line if that is longer.
pub(crate) fn cut_at_lines(pointers: &[u64], start: u64, target: u64) -> u64 {
    let first = line_of(pointers, start);
    let bound = start.saturating_add(target.max(1));
    let end = pointers.partition_point(|p| *p <= bound).saturating_sub(1);
    pointers[end.max(first + 1).min(pointers.len() - 1)]
}

/// A source that is cut only at the ends of lines, so the longest line must fit the budget.
pub(crate) struct Lines<'s> {
    from: &'s dyn Source,
    longest: u64,
}

impl<'s> Lines<'s> {
    pub(crate) fn new(from: &'s dyn Source) -> Self {
        let longest = from.pointers().windows(2).map(|w| w[1] - w[0]).max().unwrap_or(0);
        Lines { from, longest }
    }

    /// Number of entries in the longest line.
    pub(crate) fn longest(&self) -> u64 {
        self.longest
    }
}

impl Source for Lines<'_> {
    fn layout(&self) -> &Layout {
        self.from.layout()
    }

    fn pointers(&self) -> &[u64] {
        self.from.pointers()
    }

    fn cut(&self, start: u64, target: u64) -> u64 {
        cut_at_lines(self.pointers(), start, target)
    }

    fn largest_block(&self, target: u64) -> u64 {
        self.from.largest_block(target.max(self.longest))
    }

    fn read(&self, range: Range<u64>, into: &mut Buffer) -> Result<()> {
        self.from.read(range, into)
    }

    fn working_bytes(&self, entries: u64) -> u64 {
        self.from.working_bytes(entries)
    }

    fn resident_bytes(&self) -> u64 {
        self.from.resident_bytes()
    }

    fn sequential(&self) -> bool {
        self.from.sequential()
    }
}
