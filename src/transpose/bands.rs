//! Bands: ranges of minor indices.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Divides the minor indices into bands of `2^shift` each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bands {
    shift: u32,
    lines: u64,
}

/// Number of a band.
pub(crate) type Band = usize;

impl Bands {
    /// Divides `lines` minor indices into at least `wanted` bands, or into one per index if there are fewer.
    pub(crate) fn new(lines: u64, wanted: u64) -> Self {
        let width = (lines / wanted.max(1)).max(1);
        Bands { shift: width.ilog2().min(31), lines }
    }

    pub(crate) fn count(&self) -> usize {
        (self.lines.div_ceil(1 << self.shift)).max(1) as usize
    }

    /// Number of minor indices in a band; the last band may have fewer.
    pub(crate) fn width(&self) -> u64 {
        1 << self.shift
    }

    /// Returns the band of a minor index and the offset of the index in that band.
    #[inline(always)]
    pub(crate) fn split(&self, minor: u32) -> (Band, u32) {
        ((minor >> self.shift) as usize, minor & ((1 << self.shift) - 1))
    }

    /// Returns the minor indices of a band.
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

    /// Returns the first entry of each line, followed by the number of entries.
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
