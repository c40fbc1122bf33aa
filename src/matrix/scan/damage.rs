//! Reads all of a source despite errors, and reports the lines that cannot be read and statistics of the
//! values.

use super::order::{LineOrder, OrderCheck};
use crate::dtype::{Element, with_element};
use crate::error::{Error, Kind, Result};
use crate::matrix::block::{Block, line_of};
use crate::matrix::budget::Budget;
use crate::matrix::pump::each_block_past;
use crate::matrix::sink::Sink;
use crate::matrix::source::{Buffer, Source};
use crate::observe::Observer;
use crate::sync::{into_inner, lock};
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Lines that cannot be read completely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostLines {
    /// Numbers of the lines.
    pub lines: Range<u64>,
    /// Message of the error that occurred in reading them.
    pub reason: String,
}

/// Result of reading all entries.
#[derive(Debug)]
pub struct Damage {
    /// Ranges of lost lines, ascending and without overlap.
    pub lost: Vec<LostLines>,
    /// Order and duplicates of the lines that could be read.
    pub order: LineOrder,
    /// Number of NaN values.
    pub nan: u64,
    /// Number of infinite values.
    pub infinite: u64,
    /// Number of finite values that are not integers.
    pub fractional: u64,
    /// Number of values below zero.
    pub negative: u64,
}

/// Reads all of `source` and reports damaged lines, their order and statistics of the values.
///
/// # Errors
/// `Limit` if the budget is too small for one block; `Cancelled`. Entries that cannot be read are reported in
/// the result, not as an error.
pub fn damage(source: &dyn Source, budget: Budget, observer: &dyn Observer) -> Result<Damage> {
    let lost = Mutex::new(Vec::new());
    let note = |entries: Range<u64>, e: &Error| {
        let pointers = source.pointers();
        let first = line_of(pointers, entries.start) as u64;
        let last = line_of(pointers, entries.end - 1) as u64;
        let mut lost = lock(&lost);
        lost.push(LostLines { lines: first..last + 1, reason: e.to_string() });
    };
    let order = OrderCheck::new();
    let values = ValueCounts::default();
    let visit = |block: &Block<'_>| {
        values.add(block);
        order.block(block)
    };
    each_block_past(
        source,
        budget,
        observer,
        &|entries, e| match e.kind() {
            Kind::Cancelled => Err(e),
            _ if source.sequential() => {
                note(entries, &e);
                Ok(())
            }
            _ => {
                let mut buffer = Buffer::new();
                let mut gone = Vec::new();
                let mut tell = |range: Range<u64>, e: &Error| {
                    note(range.clone(), e);
                    gone.push(range);
                };
                let mut rescue = |range: Range<u64>| source.read(range, &mut buffer);
                narrow(source.pointers(), entries.clone(), e, &mut rescue, &mut tell);
                visit_rest(source, entries, gone, &mut buffer, &visit)
            }
        },
        &visit,
    )?;
    let lost = merged(into_inner(lost));
    let [nan, infinite, fractional, negative] = values.0.map(AtomicU64::into_inner);
    Ok(Damage { lost, order: order.finish()?, nan, infinite, fractional, negative })
}

/// Calls `visit` with the entries of a block except those in `gone`.
fn visit_rest(
    source: &dyn Source,
    entries: Range<u64>,
    mut gone: Vec<Range<u64>>,
    buffer: &mut Buffer,
    visit: &dyn Fn(&Block<'_>) -> Result<()>,
) -> Result<()> {
    gone.sort_by_key(|g| g.start);
    gone.push(entries.end..entries.end);
    let mut at = entries.start;
    for g in gone {
        let rest = at..g.start;
        at = g.end.max(at);
        if rest.is_empty() || source.read(rest.clone(), buffer).is_err() {
            continue;
        }
        visit(&buffer.block(source, rest)?)?;
    }
    Ok(())
}

/// Bisects a range of unreadable entries at the ends of lines and calls `note` with the entries of the lines
/// at fault.
fn narrow(
    pointers: &[u64],
    entries: Range<u64>,
    e: Error,
    read: &mut dyn FnMut(Range<u64>) -> Result<()>,
    note: &mut dyn FnMut(Range<u64>, &Error),
) {
    let (first, last) = (line_of(pointers, entries.start), line_of(pointers, entries.end - 1));
    let middle = pointers[first + (last - first).div_ceil(2)];
    if first == last || middle <= entries.start || middle >= entries.end {
        return note(entries, &e);
    }
    let (left, right) = (entries.start..middle, middle..entries.end);
    match (read(left.clone()), read(right.clone())) {
        // Both halves fail on the same chunk: find the lines before and after it that can be read.
        (Err(a), Err(b)) if a.same_fault(&b) => {
            let (mut low, mut high) = (first, first + (last - first).div_ceil(2));
            while low < high {
                let line = low + (high - low).div_ceil(2);
                let head = left.start..pointers[line].max(left.start);
                if head.is_empty() || read(head).is_ok() { low = line } else { high = line - 1 }
            }
            let start = pointers[low].max(left.start);
            let (mut low, mut high) = (first + (last - first).div_ceil(2), last + 1);
            while low < high {
                let line = low + (high - low) / 2;
                let tail = pointers[line].min(right.end)..right.end;
                if tail.is_empty() || read(tail).is_ok() { high = line } else { low = line + 1 }
            }
            note(start..pointers[low].min(right.end), &a);
        }
        (a, b) => {
            for (range, done) in [(left, a), (right, b)] {
                if let Err(e) = done {
                    narrow(pointers, range, e, read, note);
                }
            }
        }
    }
}

/// Merges ranges that overlap, or that touch and have the same reason. Overlapping ranges keep the first
/// reason.
pub(crate) fn merged(mut lost: Vec<LostLines>) -> Vec<LostLines> {
    lost.sort_by_key(|l| (l.lines.start, l.lines.end));
    let mut out: Vec<LostLines> = Vec::with_capacity(lost.len());
    for l in lost {
        match out.last_mut() {
            Some(before)
                if l.lines.start < before.lines.end
                    || (l.lines.start == before.lines.end && l.reason == before.reason) =>
            {
                before.lines.end = before.lines.end.max(l.lines.end);
            }
            _ => out.push(l),
        }
    }
    out
}

/// Counts of NaN, infinite, fractional and negative values, in this order.
#[derive(Default)]
struct ValueCounts([AtomicU64; 4]);

impl ValueCounts {
    fn add(&self, block: &Block<'_>) {
        if block.values.dtype.is_unsigned() {
            return;
        }
        let mut found = [0u64; 4];
        with_element!(block.values.dtype, T => {
            for one in block.values.bytes.chunks_exact(size_of::<T>()) {
                let v = bytemuck::pod_read_unaligned::<T>(one).scalar().as_f64();
                found[0] += u64::from(v.is_nan());
                found[1] += u64::from(v.is_infinite());
                found[2] += u64::from(v.is_finite() && v.fract() != 0.0);
                found[3] += u64::from(v < 0.0);
            }
        });
        self.0.iter().zip(found).for_each(|(sum, n)| {
            sum.fetch_add(n, Relaxed);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::Dtype;
    use crate::matrix::{IntoMemory, Layout, Orientation, WithoutLines, pump};

    /// A matrix in which some entries cannot be read.
    struct Holes {
        layout: Layout,
        pointers: Vec<u64>,
        bad: Vec<Range<u64>>,
    }

    impl Source for Holes {
        fn layout(&self) -> &Layout {
            &self.layout
        }
        fn pointers(&self) -> &[u64] {
            &self.pointers
        }
        fn cut(&self, start: u64, target: u64) -> u64 {
            start + target
        }
        fn read(&self, range: Range<u64>, into: &mut Buffer) -> Result<()> {
            if let Some(b) = self.bad.iter().find(|b| b.start < range.end && range.start < b.end) {
                return Err(Error::malformed(format!("entry {}", b.start)));
            }
            into.resize(range.end - range.start, Dtype::Float32)?;
            for (i, e) in range.enumerate() {
                into.minor[i] = (e % 10) as u32;
                let v = if e == 7 { f32::NAN } else { e as f32 / 2.0 };
                into.values[4 * i..4 * i + 4].copy_from_slice(&v.to_le_bytes());
            }
            Ok(())
        }
    }

    fn holes(bad: &[Range<u64>]) -> Holes {
        let (lines, each) = (50_000, 4);
        let layout = Layout {
            orientation: Orientation::Csr,
            lines,
            minor: 10,
            entries: lines * each,
            dtype: Dtype::Float32,
        };
        Holes { layout, pointers: (0..=lines).map(|l| l * each).collect(), bad: bad.to_vec() }
    }

    #[test]
    fn only_the_lines_at_fault_are_lost() {
        let source = holes(&[41..42, 4_000..80_000, 199_999..200_000]);
        let found = damage(&source, Budget::new(8 << 20), &()).unwrap();
        let lines: Vec<_> = found.lost.iter().map(|l| l.lines.clone()).collect();
        assert_eq!(lines, [10..11, 1_000..20_000, 49_999..50_000]);
        assert!(found.lost[0].reason.contains("entry 41"));
        assert_eq!(found.nan, 1);
        assert!(found.fractional > 50_000 && found.negative == 0 && found.infinite == 0);
    }

    #[test]
    fn what_is_kept_is_the_same_and_the_lost_lines_are_empty() {
        let source = holes(&[41..42, 4_000..80_000]);
        let found = damage(&source, Budget::new(8 << 20), &()).unwrap();
        let kept = WithoutLines::new(&source, &found.lost);
        let m = pump(&kept, IntoMemory::new(kept.layout()), Budget::new(8 << 20), &()).unwrap();
        assert_eq!(m.layout().entries, 200_000 - 4 - 76_000);
        let p = m.pointers();
        assert_eq!((p[10], p[11], p[12]), (40, 40, 44));
        let mut buffer = Buffer::new();
        m.read(p[20_000]..p[20_000] + 1, &mut buffer).unwrap();
        assert_eq!(buffer.values[..4], 40_000f32.to_le_bytes());
    }
}
