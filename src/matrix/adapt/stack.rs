//! Combines several matrices into one: stacked vertically, horizontally or along the diagonal.

use super::select::{changed, sort_line};
use crate::dtype::{Dtype, Policy, cast};
use crate::error::{Error, Result};
use crate::matrix::block::line_of;
use crate::matrix::layout::{Layout, Orientation};
use crate::matrix::lines::cut_at_lines;
use crate::matrix::source::{Buffer, Source, read_block};
use std::ops::Range;

/// One matrix of a [`Stacked`], and the position of its first line and first minor index.
pub struct StackedPart<'s> {
    /// Source of its entries.
    pub from: &'s dyn Source,
    /// Position of its first line in the whole.
    pub line: u64,
    /// Position of its first minor index in the whole.
    pub minor: u64,
    /// Entries to add to those of the source.
    pub fill: Option<Fill>,
}

/// Absent cells that are filled with a non-zero value.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fill {
    /// The value as little-endian bytes of the type of the whole matrix.
    pub value: Vec<u8>,
    /// Minor indices to fill in every line, ascending.
    pub minor: Vec<u32>,
    /// Lines to fill completely, ascending.
    pub lines: Vec<u64>,
}

impl std::fmt::Debug for StackedPart<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StackedPart")
            .field("layout", self.from.layout())
            .field("line", &self.line)
            .finish_non_exhaustive()
    }
}

/// Several matrices of the same orientation as one. If several parts share a line, their entries are stored
/// in it in the order of the parts. Lines are read whole, so the longest line must fit the budget.
#[derive(Debug)]
pub struct Stacked<'s> {
    parts: Vec<StackedPart<'s>>,
    layout: Layout,
    pointers: Vec<u64>,
    longest: u64,
}

impl StackedPart<'_> {
    fn lines(&self) -> Range<u64> {
        self.line..self.line + self.from.layout().lines
    }

    /// Number of filled entries in a line of the part.
    fn filled(&self, line: u64) -> u64 {
        match &self.fill {
            None => 0,
            Some(f) if f.lines.binary_search(&line).is_ok() => self.from.layout().minor,
            Some(f) => f.minor.len() as u64,
        }
    }
}

impl<'s> Stacked<'s> {
    /// Combines `parts` into a matrix of `shape` (lines, minor indices) with values of `dtype`.
    ///
    /// # Errors
    /// `Usage` if a part does not fit inside `shape` or the orientations differ.
    pub fn new(
        orientation: Orientation,
        shape: [u64; 2],
        dtype: Dtype,
        parts: Vec<StackedPart<'s>>,
    ) -> Result<Self> {
        let [lines, minor] = shape;
        let layout = Layout::of_lines(orientation, lines, minor, 0, dtype)?;
        let mut pointers = vec![0u64; usize::try_from(lines).unwrap_or(usize::MAX).saturating_add(1)];
        for part in &parts {
            let l = part.from.layout();
            let inside = part.lines().end <= lines && part.minor + l.minor <= minor;
            if l.orientation != orientation || !inside {
                return Err(Error::usage(format!("{l:?} inside {lines} lines of {minor} {orientation:?}")));
            }
            for (line, ends) in part.lines().zip(part.from.pointers().windows(2)) {
                pointers[line as usize + 1] += ends[1] - ends[0] + part.filled(line - part.line);
            }
        }
        let longest = pointers.iter().copied().max().unwrap_or(0);
        for i in 1..pointers.len() {
            pointers[i] += pointers[i - 1];
        }
        let entries = pointers[pointers.len() - 1];
        Ok(Stacked { parts, layout: Layout { entries, ..layout }, pointers, longest })
    }

    /// Reads the lines of one part that are in `lines` into their positions; `next` is the next free position
    /// of each line.
    fn place(
        &self,
        part: &StackedPart<'_>,
        lines: &Range<u64>,
        next: &mut [usize],
        room: &mut Placement<'_>,
    ) -> Result<()> {
        let here = part.lines();
        let wanted = here.start.max(lines.start)..here.end.min(lines.end);
        if wanted.is_empty() {
            return Ok(());
        }
        let (from, old) = (part.from, part.from.pointers());
        let at = |line: u64| old[(line - part.line) as usize];
        let whole = at(wanted.start)..at(wanted.end);
        let n = (whole.end - whole.start) as usize;
        if n > 0 {
            read_block(from, whole.clone(), room.read)?;
        }
        let (stored, size) = (from.layout().dtype, room.size);
        let values = if stored == self.layout.dtype {
            &room.read.values[..n * size]
        } else {
            room.cast.resize(n * size, 0);
            cast(stored, &room.read.values[..n * stored.size()], self.layout.dtype, room.cast, Policy::Round)
                .map_err(|_| Error::malformed(format!("a value of {stored} as {}", self.layout.dtype)))?;
            &room.cast[..]
        };
        for line in wanted {
            let entries = (at(line) - whole.start) as usize..(at(line + 1) - whole.start) as usize;
            let slot = &mut next[(line - lines.start) as usize];
            let (begun, end) = (*slot, *slot + entries.len());
            let minors = room.minor.get_mut(begun..end).ok_or_else(changed)?;
            for (to, m) in minors.iter_mut().zip(&room.read.minor[entries.clone()]) {
                *to = m + part.minor as u32;
            }
            room.values[begun * size..end * size]
                .copy_from_slice(&values[entries.start * size..entries.end * size]);
            *slot = end;
            if let Some(fill) = &part.fill {
                let number = line - part.line;
                let filled = part.filled(number) as usize;
                for i in 0..filled {
                    let m = if filled == fill.minor.len() { fill.minor[i] } else { i as u32 };
                    *room.minor.get_mut(end + i).ok_or_else(changed)? = m + part.minor as u32;
                    room.values[(end + i) * size..(end + i + 1) * size].copy_from_slice(&fill.value);
                }
                *slot = end + filled;
                sort_line(
                    &mut room.minor[begun..*slot],
                    &mut room.values[begun * size..*slot * size],
                    size,
                    room.order,
                );
            }
        }
        Ok(())
    }
}

/// Output buffers for entries, and the scratch space of a worker.
struct Placement<'a> {
    minor: &'a mut [u32],
    values: &'a mut [u8],
    size: usize,
    read: &'a mut Buffer,
    cast: &'a mut Vec<u8>,
    order: &'a mut Vec<u32>,
}

/// State that a worker keeps between blocks.
#[derive(Default)]
struct StackState {
    read: Buffer,
    cast: Vec<u8>,
    order: Vec<u32>,
}

impl Source for Stacked<'_> {
    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn pointers(&self) -> &[u64] {
        &self.pointers
    }

    fn cut(&self, start: u64, target: u64) -> u64 {
        cut_at_lines(&self.pointers, start, target)
    }

    fn largest_block(&self, target: u64) -> u64 {
        target.max(self.longest)
    }

    fn read(&self, range: Range<u64>, into: &mut Buffer) -> Result<()> {
        let first = line_of(&self.pointers, range.start);
        let lines = first as u64..line_of(&self.pointers, range.end - 1) as u64 + 1;
        let mut state: Box<StackState> = into.take_state();
        into.resize(range.end - range.start, self.layout.dtype)?;
        let mut next: Vec<usize> = self.pointers[first..lines.end as usize]
            .iter()
            .map(|p| p.saturating_sub(range.start) as usize)
            .collect();
        let mut room = Placement {
            minor: &mut into.minor,
            values: &mut into.values,
            size: self.layout.dtype.size(),
            read: &mut state.read,
            cast: &mut state.cast,
            order: &mut state.order,
        };
        self.parts.iter().try_for_each(|part| self.place(part, &lines, &mut next, &mut room))?;
        into.checked();
        into.keep(state);
        Ok(())
    }

    fn working_bytes(&self, entries: u64) -> u64 {
        let n = entries.max(self.longest);
        let below = self.parts.iter().map(|p| p.from.working_bytes(n)).max().unwrap_or(0);
        // Entries read from a part, as stored and after conversion.
        below + n.saturating_mul(4 + 8 + 8)
    }

    fn resident_bytes(&self) -> u64 {
        let below: u64 = self.parts.iter().map(|p| p.from.resident_bytes()).sum();
        below + self.pointers.len() as u64 * 8
    }

    fn sequential(&self) -> bool {
        self.parts.iter().any(|p| p.from.sequential())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::{ABSENT, Budget, InMemory, IntoMemory, Selected, pump};
    use proptest::prelude::*;

    type Dense = Vec<Vec<u8>>;

    fn sparse(dense: &Dense, columns: usize) -> InMemory {
        let (mut pointers, mut minor, mut values) = (vec![0], vec![], vec![]);
        for row in dense {
            for (j, v) in row.iter().enumerate().filter(|(_, v)| **v != 0) {
                minor.push(j as u32);
                values.push(*v);
            }
            pointers.push(minor.len() as u64);
        }
        let layout = Layout {
            orientation: Orientation::Csr,
            lines: dense.len() as u64,
            minor: columns as u64,
            entries: minor.len() as u64,
            dtype: Dtype::Uint8,
        };
        InMemory::new(layout, pointers, minor, values).unwrap()
    }

    fn dense(m: &InMemory) -> Vec<Vec<i16>> {
        let l = *m.layout();
        let mut out = vec![vec![0; l.minor as usize]; l.lines as usize];
        for (line, row) in out.iter_mut().enumerate() {
            let entries = m.pointers()[line] as usize..m.pointers()[line + 1] as usize;
            assert!(m.minor()[entries.clone()].is_sorted());
            for e in entries {
                row[m.minor()[e] as usize] = i16::from_le_bytes([m.values()[2 * e], m.values()[2 * e + 1]]);
            }
        }
        out
    }

    fn matrix(rows: usize) -> impl Strategy<Value = Dense> {
        proptest::collection::vec(proptest::collection::vec(0u8..3, 4), 0..rows)
    }

    proptest! {
        #[test]
        fn below_each_other_with_missing_columns_filled(
            a in matrix(9),
            b in matrix(9),
            chosen in proptest::collection::vec(prop_oneof![Just(ABSENT), 0u64..4], 5)
                .prop_filter("each once", |c| (0..4).all(|i| c.iter().filter(|x| **x == i).count() <= 1)),
            fill in any::<bool>(),
        ) {
            let budget = Budget::new(8 << 20);
            let (one, two) = (sparse(&a, 4), sparse(&b, 4));
            let selected = Selected::new(&two, None, Some(&chosen), budget, &()).unwrap();
            let missing = (0u32..).zip(&chosen).filter(|(_, c)| **c == ABSENT).map(|(i, _)| i).collect();
            let fill_of = || fill.then(|| Fill { value: (-7i16).to_le_bytes().to_vec(), minor: missing, lines: vec![] });
            let last = || fill.then(|| Fill { value: (-7i16).to_le_bytes().to_vec(), minor: vec![4], lines: vec![] });
            let all: Vec<u64> = vec![0, 1, 2, 3, ABSENT];
            let first = Selected::new(&one, None, Some(&all), budget, &()).unwrap();
            let parts = vec![
                StackedPart { from: &first, line: 0, minor: 0, fill: last() },
                StackedPart { from: &selected, line: a.len() as u64, minor: 0, fill: fill_of() },
            ];
            let shape = [(a.len() + b.len()) as u64, 5];
            let joined = Stacked::new(Orientation::Csr, shape, Dtype::Int16, parts).unwrap();
            let got = dense(&pump(&joined, IntoMemory::new(joined.layout()), budget, &()).unwrap());
            let absent = if fill { -7 } else { 0 };
            let mut want: Vec<Vec<i16>> =
                a.iter().map(|r| r.iter().map(|v| i16::from(*v)).chain([absent]).collect()).collect();
            want.extend(b.iter().map(|r| {
                chosen.iter().map(|c| if *c == ABSENT { absent } else { i16::from(r[*c as usize]) }).collect::<Vec<_>>()
            }));
            prop_assert_eq!(got, want);
        }

        #[test]
        fn beside_each_other_with_missing_rows_filled(
            a in matrix(7),
            b in matrix(7),
            fill in any::<bool>(),
            diagonal in any::<bool>(),
        ) {
            let budget = Budget::new(8 << 20);
            let rows = a.len().max(b.len());
            let sources = [sparse(&a, 4), sparse(&b, 4)];
            let lines_of = |m: &Dense| -> Vec<u64> {
                (0..rows as u64).map(|r| if r < m.len() as u64 { r } else { ABSENT }).collect()
            };
            let (la, lb) = (lines_of(&a), lines_of(&b));
            let missing = |l: &[u64]| (0u64..).zip(l).filter(|(_, c)| **c == ABSENT).map(|(i, _)| i).collect();
            let selected = [
                Selected::new(&sources[0], Some(&la), None, budget, &()).unwrap(),
                Selected::new(&sources[1], Some(&lb), None, budget, &()).unwrap(),
            ];
            let parts = (0u64..).zip(&selected).zip([&la, &lb]).map(|((i, s), l)| StackedPart {
                from: s,
                line: if diagonal { i * rows as u64 } else { 0 },
                minor: i * 4,
                fill: fill.then(|| Fill { value: 9i16.to_le_bytes().to_vec(), minor: vec![], lines: missing(l) }),
            }).collect();
            let shape = [rows as u64 * if diagonal { 2 } else { 1 }, 8];
            let joined = Stacked::new(Orientation::Csr, shape, Dtype::Int16, parts).unwrap();
            let got = dense(&pump(&joined, IntoMemory::new(joined.layout()), budget, &()).unwrap());
            let mut want = vec![vec![0i16; 8]; shape[0] as usize];
            for (i, m) in [&a, &b].iter().enumerate() {
                for r in 0..rows {
                    for c in 0..4 {
                        let v = m.get(r).map_or(if fill { 9 } else { 0 }, |row| i16::from(row[c]));
                        want[r + if diagonal { i * rows } else { 0 }][i * 4 + c] = v;
                    }
                }
            }
            prop_assert_eq!(got, want);
        }
    }
}
