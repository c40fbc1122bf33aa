//! Bands: ranges of minor indices.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Ranges of 2 to the `shift` minor indices each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bands {
    shift: u32,
    lines: u64,
}

/// One of them, by its number.
pub(crate) type Band = usize;

impl Bands {
    /// At least `wanted` bands over `lines` minor indices, where there are that many.
    pub(crate) fn new(lines: u64, wanted: u64) -> Self {
        let width = (lines / wanted.max(1)).max(1);
        Bands { shift: width.ilog2().min(31), lines }
    }

    pub(crate) fn count(&self) -> usize {
        (self.lines.div_ceil(1 << self.shift)).max(1) as usize
    }

    /// Minor indices of a band; the last may have fewer.
    pub(crate) fn width(&self) -> u64 {
        1 << self.shift
    }

    /// The band of a minor index, and its place there.
    #[inline(always)]
    pub(crate) fn split(&self, minor: u32) -> (Band, u32) {
        ((minor >> self.shift) as usize, minor & ((1 << self.shift) - 1))
    }

    /// The minor indices of a band.
    pub(crate) fn lines(&self, band: Band) -> Range<u64> {
        let start = (band as u64) << self.shift;
        start..(start + (1 << self.shift)).min(self.lines)
    }
}

/// Entries of each minor index, counted by many threads.
#[derive(Debug)]
pub(crate) struct LineCounts(Vec<AtomicU64>);

impl LineCounts {
    pub(crate) fn new(lines: u64) -> Self {
        LineCounts((0..lines).map(|_| AtomicU64::new(0)).collect())
    }

    pub(crate) fn add(&self, minor: u64, n: u64) {
        self.0[minor as usize].fetch_add(n, Relaxed);
    }

    /// Where each line begins, and the end.
    pub(crate) fn pointers(&self) -> Vec<u64> {
        let mut sum = 0;
        let mut out = Vec::with_capacity(self.0.len() + 1);
        out.push(0);
        for c in &self.0 {
            sum += c.load(Relaxed);
            out.push(sum);
        }
        out
    }
}
