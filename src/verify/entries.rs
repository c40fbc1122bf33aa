//! Compares the entries of two matrices in the same layout, line by line.

use super::{Comparison, Difference, NamingTables, SHOWN};
use crate::dtype::{Dtype, Scalar, scalar_at};
use crate::error::{Error, Result};
use crate::matrix::{Block, Budget, Buffer, Lines, Sink, Source, pump};
use crate::observe::Observer;
use crate::sync::{self, lock};
use std::sync::Mutex;

/// The matrix B, and the differences found so far.
pub(super) struct ComparedEntries<'s> {
    b: &'s dyn Source,
    names: NamingTables,
    /// Type of A's values.
    dtype: Dtype,
    buffers: Mutex<Vec<Buffer>>,
    found: Mutex<FoundDifference>,
}

#[derive(Default)]
struct FoundDifference {
    count: u64,
    /// First differences, ordered by line and minor index of B.
    first: Vec<One>,
}

/// One difference: line, minor index, value in A, value in B.
#[derive(Clone, Copy)]
struct One {
    line: u64,
    minor: u32,
    a: Option<Scalar>,
    b: Option<Scalar>,
}

/// Entries of a line in one matrix.
#[derive(Clone, Copy)]
struct Side<'a> {
    minor: &'a [u32],
    bytes: &'a [u8],
    dtype: Dtype,
}

impl<'a> Side<'a> {
    fn value(&self, i: usize) -> Option<Scalar> {
        scalar_at(self.dtype, self.bytes, i)
    }

    fn bits(&self, i: usize) -> &'a [u8] {
        let size = self.dtype.size();
        &self.bytes[i * size..(i + 1) * size]
    }

    /// Positions of the entries, sorted by minor index and then by value.
    fn sorted(&self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.minor.len() as u32).collect();
        let ascending = self.minor.windows(2).all(|w| w[0] < w[1]);
        if !ascending {
            order.sort_by(|x, y| {
                let (x, y) = (*x as usize, *y as usize);
                self.minor[x].cmp(&self.minor[y]).then_with(|| self.bits(x).cmp(self.bits(y)))
            });
        }
        order
    }
}

impl<'s> ComparedEntries<'s> {
    pub(super) fn new(b: &'s dyn Source, names: NamingTables, dtype: Dtype, budget: Budget) -> Result<Self> {
        let longest = Lines::new(b).longest();
        let bytes = longest
            .saturating_mul(12 + b.layout().dtype.size() as u64)
            .saturating_add(b.working_bytes(longest));
        budget.after(b.resident_bytes(), bytes)?;
        Ok(ComparedEntries { b, names, dtype, buffers: Mutex::default(), found: Mutex::default() })
    }

    /// Compares whole lines of `a` as they are read.
    pub(super) fn compare_lines(
        &self,
        a: &dyn Source,
        budget: Budget,
        observer: &dyn Observer,
    ) -> Result<()> {
        self.lines_only_in_b(a.pointers())?;
        pump(&Lines::new(a), CompareLines(self), budget, observer)
    }

    /// Compares the lines that are empty in A, which no block of A contains.
    pub(super) fn lines_only_in_b(&self, pointers: &[u64]) -> Result<()> {
        let b = self.b.pointers();
        let mut buffer = Buffer::new();
        for line in 0..b.len().saturating_sub(1) {
            if pointers[line] == pointers[line + 1] && b[line] < b[line + 1] {
                self.b.read(b[line]..b[line + 1], &mut buffer)?;
                let n = (b[line + 1] - b[line]) as usize;
                let empty = Side { minor: &[], bytes: &[], dtype: self.dtype };
                self.line(line as u64, empty, self.side(&buffer, 0..n));
            }
        }
        Ok(())
    }

    pub(super) fn sink(&self) -> impl Sink<Done = ()> {
        CompareLines(self)
    }

    fn side<'a>(&self, buffer: &'a Buffer, range: std::ops::Range<usize>) -> Side<'a> {
        let dtype = self.b.layout().dtype;
        let size = dtype.size();
        Side {
            minor: &buffer.minor[range.clone()],
            bytes: &buffer.values[range.start * size..range.end * size],
            dtype,
        }
    }

    fn block(&self, block: &Block<'_>) -> Result<()> {
        let mut buffer = lock(&self.buffers).pop().unwrap_or_default();
        let done = self.block_with(block, &mut buffer);
        lock(&self.buffers).push(buffer);
        done
    }

    fn block_with(&self, block: &Block<'_>, buffer: &mut Buffer) -> Result<()> {
        let pointers = self.b.pointers();
        let lines: Vec<_> = block.lines().collect();
        let (Some(first), Some(last)) = (lines.first(), lines.last()) else { return Ok(()) };
        let size = block.values.dtype.size();
        if first.continued || first.continues {
            // A piece of a line longer than a block: A is sorted, so the entries of B must match at the same
            // positions.
            return self.piece(block, first.number, buffer);
        }
        let whole = pointers[first.number]..pointers[last.number + 1];
        if !whole.is_empty() {
            self.b.read(whole.clone(), buffer)?;
        }
        for line in &lines {
            let a = Side {
                minor: &block.minor[line.range.clone()],
                bytes: &block.values.bytes[line.range.start * size..line.range.end * size],
                dtype: block.values.dtype,
            };
            let from = (pointers[line.number] - whole.start) as usize;
            let to = (pointers[line.number + 1] - whole.start) as usize;
            self.line(line.number as u64, a, self.side(buffer, from..to));
        }
        Ok(())
    }

    fn piece(&self, block: &Block<'_>, line: usize, buffer: &mut Buffer) -> Result<()> {
        let (a_line, b) = (block.pointers, self.b.pointers());
        let n = a_line[line + 1] - a_line[line];
        if n != b[line + 1] - b[line] {
            if block.entries.start == a_line[line] {
                let mut found = lock(&self.found);
                found.count += n.abs_diff(b[line + 1] - b[line]);
            }
            return Ok(());
        }
        let shift = block.entries.start - a_line[line];
        let from = b[line] + shift;
        let to = from + (block.entries.end - block.entries.start);
        self.b.read(from..to, buffer)?;
        let side = self.side(buffer, 0..(to - from) as usize);
        if side.minor.windows(2).any(|w| w[0] > w[1]) {
            let text =
                format!("line {line} has {n} entries out of order, too many to compare (sort them first)");
            return Err(Error::limit(text));
        }
        let a = Side { minor: block.minor, bytes: block.values.bytes, dtype: block.values.dtype };
        self.line(line as u64, a, side);
        Ok(())
    }

    /// Compares one line.
    fn line(&self, line: u64, a: Side<'_>, b: Side<'_>) {
        if a.dtype == b.dtype && a.minor == b.minor && a.bytes == b.bytes {
            return;
        }
        let (order_a, order_b) = (a.sorted(), b.sorted());
        let (mut i, mut j) = (0, 0);
        let mut found = FoundDifference::default();
        let mut add = |minor, x: Option<Scalar>, y: Option<Scalar>| {
            found.count += 1;
            if found.first.len() < SHOWN {
                found.first.push(One { line, minor, a: x, b: y });
            }
        };
        loop {
            let x = order_a.get(i).map(|p| *p as usize);
            let y = order_b.get(j).map(|p| *p as usize);
            match (x, y) {
                (None, None) => break,
                (Some(x), Some(y)) if a.minor[x] == b.minor[y] => {
                    if !equal(&a, x, &b, y) {
                        add(a.minor[x], a.value(x), b.value(y));
                    }
                    (i, j) = (i + 1, j + 1);
                }
                (Some(x), y) if y.is_none_or(|y| a.minor[x] < b.minor[y]) => {
                    add(a.minor[x], a.value(x), None);
                    i += 1;
                }
                (_, Some(y)) => {
                    add(b.minor[y], None, b.value(y));
                    j += 1;
                }
                (Some(_), None) => break,
            }
        }
        if found.count > 0 {
            let mut all = lock(&self.found);
            all.count += found.count;
            all.first.append(&mut found.first);
            all.first.sort_by_key(|o| (o.line, o.minor));
            all.first.truncate(SHOWN);
        }
    }

    /// Adds the differences found in the matrix `element` to `to`.
    pub(super) fn finish(self, element: &str, to: &mut Comparison) {
        let found = sync::into_inner(self.found);
        to.differences += found.count;
        for one in found.first.into_iter().take(SHOWN.saturating_sub(to.first.len())) {
            let position = self.b.layout().position(one.line, u64::from(one.minor));
            let name = |axis: usize| {
                let names = self.names[axis].as_ref()?;
                names.name(position[axis]).map(std::borrow::Cow::into_owned)
            };
            let ([row, column], [row_name, column_name]) = (position, [name(0), name(1)]);
            let (element, a, b) = (element.to_owned(), one.a, one.b);
            to.first.push(Difference::Entry { element, row, column, row_name, column_name, a, b });
        }
    }
}

/// Compares bits if the types are the same, else numbers.
fn equal(a: &Side<'_>, x: usize, b: &Side<'_>, y: usize) -> bool {
    if a.dtype == b.dtype {
        return a.bits(x) == b.bits(y);
    }
    match (a.value(x), b.value(y)) {
        (Some(a), Some(b)) => same_number(a, b),
        _ => false,
    }
}

pub(super) fn same_number(a: Scalar, b: Scalar) -> bool {
    let integer = |s: Scalar| match s {
        Scalar::Bool(v) => Some(i128::from(v)),
        Scalar::Int(v) => Some(v),
        Scalar::Float(v, _) => (v.fract() == 0.0 && v.abs() < 1e38).then_some(v as i128),
    };
    match (a, b) {
        (Scalar::Float(a, _), Scalar::Float(b, _)) => a == b || (a.is_nan() && b.is_nan()),
        _ => integer(a).is_some() && integer(a) == integer(b),
    }
}

struct CompareLines<'e, 's>(&'e ComparedEntries<'s>);

impl Sink for CompareLines<'_, '_> {
    type Done = ();
    fn block(&self, block: &Block<'_>) -> Result<()> {
        self.0.block(block)
    }
    fn finish(self) -> Result<()> {
        Ok(())
    }
    fn working_bytes(&self, n: u64) -> u64 {
        n.saturating_mul(12 + self.0.b.layout().dtype.size() as u64).saturating_add(self.0.b.working_bytes(n))
    }
    fn in_order(&self) -> bool {
        self.0.b.sequential()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::{InMemory, Layout, Orientation};

    fn matrix(minor: &[u32], values: &[f32], pointers: &[u64]) -> InMemory {
        let layout = Layout {
            orientation: Orientation::Csr,
            lines: pointers.len() as u64 - 1,
            minor: 10,
            entries: minor.len() as u64,
            dtype: Dtype::Float32,
        };
        InMemory::new(layout, pointers.to_vec(), minor.to_vec(), bytemuck::cast_slice(values).to_vec())
            .unwrap()
    }

    fn differences(a: &InMemory, b: &InMemory) -> u64 {
        let budget = Budget::new(4 << 20);
        let e = ComparedEntries::new(b, [None, None], Dtype::Float32, budget).unwrap();
        e.compare_lines(a, budget, &()).unwrap();
        let mut c = Comparison::default();
        e.finish("X", &mut c);
        assert_eq!(c.first.len() as u64, c.differences.min(SHOWN as u64));
        c.differences
    }

    #[test]
    fn order_does_not_matter_and_everything_else_does() {
        let nan = f32::from_bits(0x7fc0_0001);
        let a = matrix(&[1, 5, 5, 2], &[1.0, 2.0, 3.0, nan], &[0, 3, 3, 4]);
        assert_eq!(differences(&a, &a), 0);
        let order = matrix(&[5, 1, 5, 2], &[3.0, 1.0, 2.0, nan], &[0, 3, 3, 4]);
        assert_eq!(differences(&a, &order), 0);
        let value = matrix(&[1, 5, 5, 2], &[1.0, 2.0, 3.5, nan], &[0, 3, 3, 4]);
        assert_eq!(differences(&a, &value), 1);
        let bits = matrix(&[1, 5, 5, 2], &[1.0, 2.0, 3.0, f32::NAN], &[0, 3, 3, 4]);
        assert_eq!(differences(&a, &bits), 1, "another NaN");
        let index = matrix(&[0, 5, 5, 2], &[1.0, 2.0, 3.0, nan], &[0, 3, 3, 4]);
        assert_eq!(differences(&a, &index), 2, "one only in A, one only in B");
        let line = matrix(&[1, 5, 5, 2], &[1.0, 2.0, 3.0, nan], &[0, 3, 4, 4]);
        assert_eq!(differences(&a, &line), 2, "moved to a line that A has nothing of");
        let zero = matrix(&[1, 5, 5, 2, 3], &[1.0, 2.0, 3.0, nan, 0.0], &[0, 3, 3, 5]);
        assert_eq!(differences(&a, &zero), 1, "a stored zero is an entry");
    }

    #[test]
    fn numbers_of_different_types() {
        assert!(same_number(Scalar::Int(1), Scalar::Float(1.0, Dtype::Float32)));
        assert!(!same_number(Scalar::Int(1), Scalar::Float(1.5, Dtype::Float32)));
        assert!(same_number(
            Scalar::Float(f64::NAN, Dtype::Float32),
            Scalar::Float(f64::NAN, Dtype::Float64)
        ));
    }
}
