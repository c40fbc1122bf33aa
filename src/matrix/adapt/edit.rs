//! Edits lines as they are read: sorts them, sums duplicates, drops zeros.

use crate::dtype::{Element, with_element};
use crate::error::{Error, Result};
use crate::matrix::block::{Block, line_of};
use crate::matrix::budget::Budget;
use crate::matrix::layout::Layout;
use crate::matrix::lines::Lines;
use crate::matrix::pump::each_block;
use crate::matrix::source::{Buffer, Source, read_block};
use crate::observe::Observer;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Changes to make to each line, applied in this order: sort, sum, drop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Edit {
    /// Sort entries by minor index; entries with the same index keep their order.
    pub sort: bool,
    /// Replace all entries with the same minor index by one, whose value is their sum, added in stored order.
    /// Also sorts, as scipy does.
    pub sum_duplicates: bool,
    /// Remove entries whose value is zero. NaN is not zero.
    pub drop_zeros: bool,
}

impl Edit {
    /// Whether nothing is to be changed.
    pub fn is_none(&self) -> bool {
        *self == Edit::default()
    }
}

/// A source whose lines are edited as they are read. Lines are read whole, so the longest line must fit the
/// budget.
pub struct Edited<'s> {
    from: &'s dyn Source,
    edit: Edit,
    layout: Layout,
    pointers: Vec<u64>,
    longest: u64,
}

impl<'s> Edited<'s> {
    /// Reads all of `from` once to count the entries that each line will have.
    ///
    /// # Errors
    /// Errors of reading; `Malformed` if summing duplicates overflows an integer type.
    pub fn new(from: &'s dyn Source, edit: Edit, budget: Budget, observer: &dyn Observer) -> Result<Self> {
        let pointers = from.pointers();
        let lines = Lines::new(from);
        let longest = lines.longest();
        let counts: Vec<AtomicU64> = (1..pointers.len()).map(|_| AtomicU64::new(0)).collect();
        let size = lines.layout().dtype.size() as u64;
        let bytes = |n: u64| n * (2 * size + 16);
        each_block(&lines, budget, observer, &bytes, &|block| {
            edit_block(block, edit, &mut |line, minor, _| counts[line].store(minor.len() as u64, Relaxed))
        })?;
        let mut sums = Vec::with_capacity(pointers.len());
        let mut sum = 0;
        sums.push(0);
        for c in &counts {
            sum += c.load(Relaxed);
            sums.push(sum);
        }
        let layout = Layout { entries: sum, ..*from.layout() };
        Ok(Edited { from, edit, layout, pointers: sums, longest })
    }
}

impl std::fmt::Debug for Edited<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Edited").field("edit", &self.edit).field("layout", &self.layout).finish()
    }
}

impl Source for Edited<'_> {
    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn pointers(&self) -> &[u64] {
        &self.pointers
    }

    fn cut(&self, start: u64, target: u64) -> u64 {
        // As many whole lines as have at most `target` entries before editing.
        let first = line_of(&self.pointers, start);
        let old = self.from.pointers();
        let bound = old[first].saturating_add(target.max(1));
        let end = old.partition_point(|p| *p <= bound).saturating_sub(1).max(first + 1);
        let end = end.min(old.len() - 1);
        // A block must not be empty: if editing leaves no entries, continue to the next line that has some.
        let next = self.pointers[end];
        if next > start { next } else { self.pointers[line_of(&self.pointers, start) + 1] }
    }

    fn largest_block(&self, target: u64) -> u64 {
        target.max(self.longest)
    }

    fn read(&self, range: Range<u64>, into: &mut Buffer) -> Result<()> {
        let mut state: Box<Buffer> = into.take_state();
        let first = line_of(&self.pointers, range.start);
        let last = line_of(&self.pointers, range.end - 1);
        let old = self.from.pointers();
        let whole = old[first]..old[last + 1];
        let block = read_block(self.from, whole, &mut state)?;
        into.resize(range.end - range.start, self.layout.dtype)?;
        let size = self.layout.dtype.size();
        let mut at = 0;
        let (minor_out, values_out) = (&mut into.minor, &mut into.values);
        let mut fits = true;
        edit_block(&block, self.edit, &mut |_, minor, values| {
            let end = at + minor.len();
            if let (Some(m), Some(v)) =
                (minor_out.get_mut(at..end), values_out.get_mut(at * size..end * size))
            {
                m.copy_from_slice(minor);
                v.copy_from_slice(values);
            } else {
                fits = false;
            }
            at = end;
        })?;
        if !fits || at as u64 != range.end - range.start {
            return Err(Error::malformed("the source changed while it was read"));
        }
        into.checked();
        into.keep(state);
        Ok(())
    }

    fn working_bytes(&self, entries: u64) -> u64 {
        let size = self.layout.dtype.size() as u64;
        self.from.working_bytes(entries).saturating_add(entries.saturating_mul(3 * size + 24))
    }

    fn resident_bytes(&self) -> u64 {
        self.from.resident_bytes() + self.pointers.len() as u64 * 8
    }

    fn sequential(&self) -> bool {
        self.from.sequential()
    }
}

/// Callback with a line's number, minor indices and values.
type Visit<'v> = &'v mut dyn FnMut(usize, &[u32], &[u8]);

/// Edits the lines of a block of whole lines and calls `visit` with each line's number, minor indices and
/// values.
fn edit_block(block: &Block<'_>, edit: Edit, visit: Visit<'_>) -> Result<()> {
    with_element!(block.values.dtype, T => edit_typed::<T>(block, edit, visit))
}

fn edit_typed<T: Element>(block: &Block<'_>, edit: Edit, visit: Visit<'_>) -> Result<()> {
    let size = size_of::<T>();
    let is_bool = block.values.dtype == crate::Dtype::Bool;
    let mut line_entries: Vec<(u32, T)> = Vec::new();
    let (mut minor, mut values): (Vec<u32>, Vec<T>) = (Vec::new(), Vec::new());
    for line in block.lines() {
        line_entries.clear();
        let bytes = &block.values.bytes[line.range.start * size..line.range.end * size];
        let pairs = block.minor[line.range.clone()].iter().zip(bytes.chunks_exact(size));
        line_entries.extend(pairs.map(|(m, v)| (*m, bytemuck::pod_read_unaligned::<T>(v))));
        if (edit.sort || edit.sum_duplicates) && !line_entries.is_sorted_by_key(|e| e.0) {
            line_entries.sort_by_key(|e| e.0); // stable
        }
        minor.clear();
        values.clear();
        for (m, v) in &line_entries {
            match (minor.last(), values.last_mut()) {
                (Some(last), Some(sum)) if edit.sum_duplicates && last == m => {
                    *sum = if is_bool && !sum.is_zero() {
                        *sum
                    } else {
                        sum.add(*v)
                            .ok_or_else(|| overflow(block, line.number, *m, sum.scalar(), v.scalar()))?
                    };
                }
                _ => {
                    minor.push(*m);
                    values.push(*v);
                }
            }
        }
        if edit.drop_zeros {
            let mut kept = 0;
            for i in 0..minor.len() {
                if !values[i].is_zero() {
                    minor[kept] = minor[i];
                    values[kept] = values[i];
                    kept += 1;
                }
            }
            minor.truncate(kept);
            values.truncate(kept);
        }
        visit(line.number, &minor, bytemuck::cast_slice(&values));
    }
    Ok(())
}

fn overflow(
    block: &Block<'_>,
    line: usize,
    minor: u32,
    a: crate::dtype::Scalar,
    b: crate::dtype::Scalar,
) -> Error {
    let dtype = block.values.dtype;
    Error::malformed(format!("duplicates in line {line} at {minor} sum beyond {dtype} ({a} + {b})"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::Dtype;
    use crate::matrix::{InMemory, IntoMemory, Orientation, pump};

    fn edited(edit: Edit) -> (Vec<u64>, Vec<u32>, Vec<f32>) {
        // lines: [5:1, 2:0, 5:2], [], [1:-1, 1:1], [3:7]
        let values: [f32; 6] = [1.0, 0.0, 2.0, -1.0, 1.0, 7.0];
        let layout =
            Layout { orientation: Orientation::Csr, lines: 4, minor: 6, entries: 6, dtype: Dtype::Float32 };
        let from = InMemory::new(
            layout,
            vec![0, 3, 3, 5, 6],
            vec![5, 2, 5, 1, 1, 3],
            bytemuck::cast_slice(&values).to_vec(),
        )
        .unwrap();
        let budget = Budget::new(1 << 20);
        let source = Edited::new(&from, edit, budget, &()).unwrap();
        let got = pump(&source, IntoMemory::new(source.layout()), budget, &()).unwrap();
        let values =
            got.values().chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
        (got.pointers().to_vec(), got.minor().to_vec(), values)
    }

    #[test]
    fn each_edit() {
        let sort = edited(Edit { sort: true, ..Edit::default() });
        assert_eq!(sort, (vec![0, 3, 3, 5, 6], vec![2, 5, 5, 1, 1, 3], vec![0.0, 1.0, 2.0, -1.0, 1.0, 7.0]));
        let sum = edited(Edit { sum_duplicates: true, ..Edit::default() });
        assert_eq!(sum, (vec![0, 2, 2, 3, 4], vec![2, 5, 1, 3], vec![0.0, 3.0, 0.0, 7.0]));
        let drop = edited(Edit { drop_zeros: true, ..Edit::default() });
        assert_eq!(drop, (vec![0, 2, 2, 4, 5], vec![5, 5, 1, 1, 3], vec![1.0, 2.0, -1.0, 1.0, 7.0]));
        let all = edited(Edit { sort: true, sum_duplicates: true, drop_zeros: true });
        assert_eq!(all, (vec![0, 1, 1, 1, 2], vec![5, 3], vec![3.0, 7.0]));
    }
}
