//! Bands: ranges of minor indices, and a block's entries by band.

use crate::error::{Error, Result};
use crate::matrix::Block;
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
        Bands { shift: width.ilog2(), lines }
    }

    pub(crate) fn count(&self) -> usize {
        (self.lines.div_ceil(1 << self.shift)).max(1) as usize
    }

    pub(crate) fn of(&self, minor: u32) -> Band {
        (minor >> self.shift) as usize
    }

    /// The minor indices of a band.
    pub(crate) fn lines(&self, band: Band) -> Range<u64> {
        let start = (band as u64) << self.shift;
        start..(start + (1 << self.shift)).min(self.lines)
    }
}

/// Entries of each minor index, counted by many threads.
#[derive(Debug)]
pub(crate) struct Counts(Vec<AtomicU64>);

impl Counts {
    pub(crate) fn new(lines: u64) -> Self {
        Counts((0..lines).map(|_| AtomicU64::new(0)).collect())
    }

    fn add(&self, minor: u32, n: u64) {
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

/// Entries sorted by band, in their old order within each.
#[derive(Debug, Default)]
pub(crate) struct Partitioned {
    /// Where each band begins, and the end.
    pub(crate) starts: Vec<u32>,
    /// The line each entry came from: its minor index in the output.
    pub(crate) lines: Vec<u32>,
    /// The minor index each entry had: its line in the output.
    pub(crate) minor: Vec<u32>,
    pub(crate) values: Vec<u8>,
}

impl Partitioned {
    pub(crate) fn range(&self, band: Band) -> Range<usize> {
        self.starts[band] as usize..self.starts[band + 1] as usize
    }
}

/// The line of each entry of a block.
pub(crate) fn lines_of(block: &Block<'_>) -> Result<Vec<u32>> {
    let mut out = crate::limits::reserved(block.minor.len())?;
    for line in block.lines() {
        out.resize(out.len() + line.range.len(), line.number as u32);
    }
    Ok(out)
}

/// Sorts a block's entries by band and counts them by minor index.
pub(crate) fn partition_block(block: &Block<'_>, bands: &Bands, counts: &Counts) -> Result<Partitioned> {
    let lines = lines_of(block)?;
    let part = partition(bands, 0, bands.count(), &lines, block.minor, block.values.bytes)?;
    count(&part, bands, counts);
    Ok(part)
}

/// Counts the entries of each minor index. Those of a band are together, so a small table takes them first.
fn count(part: &Partitioned, bands: &Bands, counts: &Counts) {
    let width = 1usize << bands.shift;
    if width > 1 << 16 {
        part.minor.iter().for_each(|m| counts.add(*m, 1));
        return;
    }
    let mut table = vec![0u32; width];
    for band in 0..bands.count() {
        let range = part.range(band);
        if range.is_empty() {
            continue;
        }
        let base = bands.lines(band).start as u32;
        for m in &part.minor[range] {
            table[(m - base) as usize] += 1;
        }
        for (i, n) in table.iter_mut().enumerate() {
            if *n > 0 {
                counts.add(base + i as u32, u64::from(*n));
                *n = 0;
            }
        }
    }
}

/// Sorts entries by band; all of them lie in the `count` bands from `first` on.
pub(crate) fn partition(
    bands: &Bands,
    first: Band,
    count: usize,
    lines: &[u32],
    minor: &[u32],
    values: &[u8],
) -> Result<Partitioned> {
    let n = minor.len();
    if n == 0 {
        return Ok(Partitioned { starts: vec![0; count + 1], ..Partitioned::default() });
    }
    if n > u32::MAX as usize {
        return Err(Error::limit("block too large to partition"));
    }
    let mut next = vec![0u32; count + 1];
    for m in minor {
        next[bands.of(*m) - first + 1] += 1;
    }
    for b in 0..count {
        next[b + 1] += next[b];
    }
    let starts = next.clone();
    let width = values.len() / n;
    let mut out = Partitioned {
        starts,
        lines: zeroed(n)?,
        minor: zeroed(n)?,
        values: crate::limits::zeroed(values.len())?,
    };
    match width {
        1 => scatter::<1>(bands, first, &mut next, lines, minor, values, &mut out),
        2 => scatter::<2>(bands, first, &mut next, lines, minor, values, &mut out),
        4 => scatter::<4>(bands, first, &mut next, lines, minor, values, &mut out),
        _ => scatter::<8>(bands, first, &mut next, lines, minor, values, &mut out),
    }
    Ok(out)
}

fn zeroed(n: usize) -> Result<Vec<u32>> {
    let mut v = crate::limits::reserved(n)?;
    v.resize(n, 0);
    Ok(v)
}

fn scatter<const W: usize>(
    bands: &Bands,
    first: Band,
    next: &mut [u32],
    lines: &[u32],
    minor: &[u32],
    values: &[u8],
    out: &mut Partitioned,
) {
    let values = values.as_chunks::<W>().0;
    let out_values = out.values.as_chunks_mut::<W>().0;
    for ((line, m), value) in lines.iter().zip(minor).zip(values) {
        let slot = &mut next[bands.of(*m) - first];
        let at = *slot as usize;
        *slot += 1;
        out.lines[at] = *line;
        out.minor[at] = *m;
        out_values[at] = *value;
    }
}
