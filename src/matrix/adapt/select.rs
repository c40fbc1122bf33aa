//! Selects and reorders lines and minor indices of a source, and can insert empty ones.

use crate::error::{Error, Result};
use crate::matrix::block::line_of;
use crate::matrix::budget::Budget;
use crate::matrix::layout::{Layout, Orientation};
use crate::matrix::lines::cut_at_lines;
use crate::matrix::pump::each_block;
use crate::matrix::source::{Buffer, Source, read_block};
use crate::observe::{Observer, Phase, Verb};
use std::borrow::Cow;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Index for an empty line or minor index that is not in the source.
pub const ABSENT: u64 = u64::MAX;

/// Rows and columns to select, in this order; `None` selects all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    /// Rows (cells).
    pub obs: Option<Vec<u64>>,
    /// Columns (genes).
    pub var: Option<Vec<u64>>,
}

impl Selection {
    /// Whether everything is selected.
    pub fn is_all(&self) -> bool {
        self.obs.is_none() && self.var.is_none()
    }

    /// Returns the selected lines and the selected minor indices of a compressed matrix, in this order.
    pub fn of(&self, orientation: Orientation) -> [Option<&[u64]>; 2] {
        match orientation {
            Orientation::Csr => [self.obs.as_deref(), self.var.as_deref()],
            Orientation::Csc => [self.var.as_deref(), self.obs.as_deref()],
        }
    }
}

/// Selected lines and minor indices of a source, renumbered. Lines are read whole, so the longest line must
/// fit the budget.
pub struct Selected<'s> {
    from: &'s dyn Source,
    layout: Layout,
    /// Those of the source if all lines are selected and none of their entries is left out.
    pointers: Cow<'s, [u64]>,
    /// Source line of each line; `None` stands for all lines in order.
    lines: Option<&'s [u64]>,
    minor: Option<Minor>,
    /// Number of entries in the longest line of the source.
    longest: u64,
}

/// New minor indices of each old one: none, one or several.
struct Minor {
    starts: Vec<u32>,
    targets: Vec<u32>,
    /// Whether new indices ascend with old ones, so that sorted lines stay sorted.
    ascending: bool,
}

impl Minor {
    fn new(chosen: &[u64], old: u64) -> Result<Self> {
        let old = usize::try_from(old).map_err(|_| Error::limit("too many minor indices"))?;
        let mut starts = vec![0u32; old + 1];
        let there = || chosen.iter().filter(|c| **c != ABSENT);
        for c in there() {
            match starts.get_mut(*c as usize + 1).filter(|_| (*c as usize) < old) {
                Some(s) => *s += 1,
                None => return Err(Error::usage(format!("there is no index {c} (there are {old})"))),
            }
        }
        for i in 0..old {
            starts[i + 1] += starts[i];
        }
        let mut next = starts.clone();
        let mut targets = vec![0; there().count()];
        for (new, c) in (0u32..).zip(chosen).filter(|(_, c)| **c != ABSENT) {
            let slot = &mut next[*c as usize];
            targets[*slot as usize] = new;
            *slot += 1;
        }
        let ascending = there().is_sorted();
        Ok(Minor { starts, targets, ascending })
    }

    /// Whether each old index has exactly one new one.
    fn is_renumbering(&self) -> bool {
        self.starts.windows(2).all(|w| w[1] - w[0] == 1)
    }

    fn of(&self, old: u32) -> &[u32] {
        let (a, b) = (self.starts[old as usize], self.starts[old as usize + 1]);
        &self.targets[a as usize..b as usize]
    }
}

impl std::fmt::Debug for Selected<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Selected").field("layout", &self.layout).finish_non_exhaustive()
    }
}

impl<'s> Selected<'s> {
    /// Selects `lines` and `minor` of `from`; `None` selects all, and each [`ABSENT`] gives an empty one. If
    /// some minor indices are left out, this reads the selected lines once to count their entries.
    ///
    /// # Errors
    /// `Usage` if a selected index is out of range; errors of reading.
    pub fn new(
        from: &'s dyn Source,
        lines: Option<&'s [u64]>,
        minor: Option<&[u64]>,
        budget: Budget,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let old = from.pointers();
        let there = from.layout().lines;
        if let Some(bad) = lines.into_iter().flatten().find(|l| **l >= there && **l != ABSENT) {
            return Err(Error::usage(format!("there is no line {bad} (there are {there})")));
        }
        let longest = old.windows(2).map(|w| w[1] - w[0]).max().unwrap_or(0);
        let count = lines.map_or(there, |l| l.len() as u64);
        let pointers = match lines {
            None => Cow::Borrowed(old),
            Some(lines) => {
                let mut sum = 0;
                let ends = lines.iter().map(|line| {
                    sum += entries_of(old, *line);
                    sum
                });
                Cow::Owned(std::iter::once(0).chain(ends).collect())
            }
        };
        let entries = pointers.last().copied().unwrap_or(0);
        let layout = Layout { lines: count, entries, ..*from.layout() };
        let mut selected = Selected { from, layout, pointers, lines, minor: None, longest };
        if let Some(chosen) = minor {
            let map = Minor::new(chosen, from.layout().minor)?;
            selected.layout.minor = chosen.len() as u64;
            if map.is_renumbering() {
                selected.minor = Some(map);
                return Ok(selected);
            }
            // after the first, which stays 0, one for each line
            let counts: Vec<AtomicU64> = (0..=count).map(|_| AtomicU64::new(0)).collect();
            observer.phase(&Phase::new(Verb::Counting, layout.bytes()));
            each_block(&selected, budget, observer, &|_| 0, &|block| {
                for line in block.lines() {
                    let n: usize = block.minor[line.range].iter().map(|m| map.of(*m).len()).sum();
                    counts[line.number + 1].fetch_add(n as u64, Relaxed);
                }
                Ok(())
            })?;
            selected.pointers = Cow::Borrowed(&[]);
            let mut sum = 0;
            let ends = counts.into_iter().map(|count| {
                sum += count.into_inner();
                sum
            });
            selected.pointers = Cow::Owned(ends.collect());
            selected.layout.entries = sum;
            selected.minor = Some(map);
        }
        Ok(selected)
    }

    /// Selects the rows and columns of `selection` from `from`.
    ///
    /// # Errors
    /// The same as of [`new`](Self::new).
    pub fn taken(
        from: &'s dyn Source,
        selection: &'s Selection,
        budget: Budget,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let [lines, minor] = selection.of(from.layout().orientation);
        Self::new(from, lines, minor, budget, observer)
    }

    fn old_line(&self, line: usize) -> u64 {
        self.lines.map_or(line as u64, |l| l[line])
    }
}

impl Source for Selected<'_> {
    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn pointers(&self) -> &[u64] {
        &self.pointers
    }

    fn cut(&self, start: u64, target: u64) -> u64 {
        let p = &self.pointers;
        let end = cut_at_lines(p, start, target);
        if self.minor.is_none() {
            return end;
        }
        // Far more entries may be read than are kept.
        let (first, old) = (line_of(p, start), self.from.pointers());
        let most = target.saturating_mul(4).max(self.longest);
        let mut read = 0;
        let fits = (first..line_of(p, end - 1) + 1).take_while(|line| {
            read += entries_of(old, self.old_line(*line));
            read <= most
        });
        p[first + fits.count().max(1)]
    }

    fn largest_block(&self, target: u64) -> u64 {
        let repeated = self
            .minor
            .as_ref()
            .map_or(1, |m| m.starts.windows(2).map(|w| u64::from(w[1] - w[0])).max().unwrap_or(1).max(1));
        target.max(self.longest).saturating_mul(repeated)
    }

    fn read(&self, range: Range<u64>, into: &mut Buffer) -> Result<()> {
        let (first, last) = (line_of(&self.pointers, range.start), line_of(&self.pointers, range.end - 1));
        let (old, size) = (self.from.pointers(), self.layout.dtype.size());
        let mut state: Box<Buffer> = into.take_state();
        into.resize(range.end - range.start, self.layout.dtype)?;
        let mut at = 0usize;
        let mut line = first;
        let mut order: Vec<u32> = Vec::new();
        while line <= last {
            // Read lines that are consecutive in the source together.
            let start = self.old_line(line);
            if start == ABSENT {
                line += 1;
                continue;
            }
            let mut run = 1;
            while line + run <= last && self.old_line(line + run) == start + run as u64 {
                run += 1;
            }
            let start = start as usize;
            let whole = old[start]..old[start + run];
            if whole.is_empty() {
                line += run;
                continue;
            }
            let block = read_block(self.from, whole.clone(), &mut state)?;
            let n = block.minor.len();
            let Some(map) = &self.minor else {
                let room = into.minor.get_mut(at..at + n).ok_or_else(changed)?;
                room.copy_from_slice(block.minor);
                into.values[at * size..(at + n) * size].copy_from_slice(block.values.bytes);
                at += n;
                line += run;
                continue;
            };
            for l in start..start + run {
                let begun = at;
                let entries = (old[l] - whole.start) as usize..(old[l + 1] - whole.start) as usize;
                for e in entries {
                    for new in map.of(block.minor[e]) {
                        *into.minor.get_mut(at).ok_or_else(changed)? = *new;
                        into.values[at * size..(at + 1) * size]
                            .copy_from_slice(&block.values.bytes[e * size..(e + 1) * size]);
                        at += 1;
                    }
                }
                if !map.ascending {
                    sort_line(
                        &mut into.minor[begun..at],
                        &mut into.values[begun * size..at * size],
                        size,
                        &mut order,
                    );
                }
            }
            line += run;
        }
        into.checked();
        into.keep(state);
        if at as u64 == range.end - range.start { Ok(()) } else { Err(changed()) }
    }

    fn working_bytes(&self, entries: u64) -> u64 {
        let read = entries.max(self.longest);
        let width = self.layout.entry_bytes();
        let kept = if self.minor.is_some() { 4 } else { 1 };
        self.from.working_bytes(read) + read.saturating_mul(width).saturating_mul(kept)
    }

    fn resident_bytes(&self) -> u64 {
        let map = self.minor.as_ref().map_or(0, |m| (m.starts.len() + m.targets.len()) as u64 * 4);
        let lines = self.lines.map_or(0, |l| l.len() as u64 * 8);
        let pointers = match &self.pointers {
            Cow::Owned(own) => own.len() as u64 * 8,
            Cow::Borrowed(_) => 0,
        };
        self.from.resident_bytes() + pointers + map + lines
    }

    fn sequential(&self) -> bool {
        self.from.sequential()
    }
}

/// Returns the number of entries of a line of the source; 0 for [`ABSENT`].
fn entries_of(pointers: &[u64], line: u64) -> u64 {
    if line == ABSENT { 0 } else { pointers[line as usize + 1] - pointers[line as usize] }
}

pub(super) fn changed() -> Error {
    Error::malformed("the source changed while it was read")
}

/// Sorts the entries of one line by minor index; entries with the same index keep their order.
pub(super) fn sort_line(minor: &mut [u32], values: &mut [u8], size: usize, order: &mut Vec<u32>) {
    if minor.is_sorted() {
        return;
    }
    order.clear();
    order.extend(0..minor.len() as u32);
    order.sort_by_key(|i| minor[*i as usize]);
    let (old, bytes) = (minor.to_vec(), values.to_vec());
    for (to, from) in order.iter().enumerate() {
        let from = *from as usize;
        minor[to] = old[from];
        values[to * size..(to + 1) * size].copy_from_slice(&bytes[from * size..(from + 1) * size]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::Dtype;
    use crate::matrix::{InMemory, IntoMemory, Orientation, pump};
    use proptest::prelude::*;

    type Dense = Vec<Vec<u16>>;

    fn sparse(dense: &Dense, columns: usize) -> InMemory {
        let (mut pointers, mut minor, mut values) = (vec![0], vec![], vec![]);
        for row in dense {
            for (j, v) in row.iter().enumerate().filter(|(_, v)| **v != 0) {
                minor.push(j as u32);
                values.extend(v.to_le_bytes());
            }
            pointers.push(minor.len() as u64);
        }
        let layout = Layout {
            orientation: Orientation::Csr,
            lines: dense.len() as u64,
            minor: columns as u64,
            entries: minor.len() as u64,
            dtype: Dtype::Uint16,
        };
        InMemory::new(layout, pointers, minor, values).unwrap()
    }

    proptest! {
        #[test]
        fn as_indexing_a_dense_matrix(
            dense in proptest::collection::vec(proptest::collection::vec(0u16..4, 6), 1..12),
            lines in proptest::option::of(proptest::collection::vec(0u64..12, 0..20)),
            minor in proptest::option::of(proptest::collection::vec(0u64..6, 0..9)),
        ) {
            let lines: Option<Vec<u64>> = lines.map(|l| l.into_iter().map(|x| x % dense.len() as u64).collect());
            let from = sparse(&dense, 6);
            let budget = Budget::new(4 << 20);
            let selected = Selected::new(&from, lines.as_deref(), minor.as_deref(), budget, &()).unwrap();
            let rows: Vec<u64> = lines.clone().unwrap_or_else(|| (0..dense.len() as u64).collect());
            let columns: Vec<u64> = minor.unwrap_or_else(|| (0..6).collect());
            let want: Dense = rows.iter().map(|r| columns.iter().map(|c| dense[*r as usize][*c as usize]).collect()).collect();
            let got = pump(&selected, IntoMemory::new(selected.layout()), budget, &()).unwrap();
            prop_assert!(got == sparse(&want, columns.len()));
        }
    }

    #[test]
    fn what_is_not_there_cannot_be_chosen() {
        let from = sparse(&vec![vec![1; 6]; 2], 6);
        let budget = Budget::new(4 << 20);
        assert!(Selected::new(&from, Some(&[2]), None, budget, &()).is_err());
        assert!(Selected::new(&from, None, Some(&[6]), budget, &()).is_err());
    }
}
