//! Compares two matrices by value, regardless of types and of how entries are stored.

use crate::dtype::{Dtype, scalar_at};
use crate::error::Result;
use crate::matrix::block::line_of;
use crate::matrix::budget::Budget;
use crate::matrix::lines::Lines;
use crate::matrix::source::{Buffer, Source};
use std::ops::Range;

/// Number of entries compared at once.
const TARGET: u64 = 1 << 16;

/// Whether `a` and `b` have the same shape, orientation and elements. Zeros may be stored or not, NaN equals
/// NaN, and the order within a line does not matter. Reads whole lines on one thread and stops at the first
/// difference.
///
/// # Errors
/// Errors of reading; `Limit` if the longest lines do not fit the budget.
pub fn equal(a: &dyn Source, b: &dyn Source, budget: Budget) -> Result<bool> {
    let (la, lb) = (a.layout(), b.layout());
    if (la.orientation, la.shape()) != (lb.orientation, lb.shape()) {
        return Ok(false);
    }
    let (a, b) = (Lines::new(a), Lines::new(b));
    let cost = |l: &Lines<'_>| {
        let n = l.longest().max(TARGET);
        l.working_bytes(n) + n * (20 + l.layout().dtype.size() as u64)
    };
    budget.after(a.resident_bytes() + b.resident_bytes(), cost(&a) + cost(&b))?;
    let (mut one, mut two) = (Buffer::new(), Buffer::new());
    let (pa, pb) = (a.pointers(), b.pointers());
    let mut line = 0;
    while line + 1 < pa.len() {
        // Compare as many lines as both sides can read at once.
        let end_of = |p: &[u64]| line_of(p, p[line] + TARGET).max(line + 1).min(p.len() - 1);
        let end = end_of(pa).min(end_of(pb));
        read(&a, pa[line]..pa[end], &mut one)?;
        read(&b, pb[line]..pb[end], &mut two)?;
        for l in line..end {
            let x = elements(&one, pa[l] - pa[line]..pa[l + 1] - pa[line], a.layout().dtype);
            let y = elements(&two, pb[l] - pb[line]..pb[l + 1] - pb[line], b.layout().dtype);
            let alike = |((i, v), (j, w)): (&(u32, f64), &(u32, f64))| {
                i == j && (v == w || (v.is_nan() && w.is_nan()))
            };
            if x.len() != y.len() || !x.iter().zip(&y).all(alike) {
                return Ok(false);
            }
        }
        line = end;
    }
    Ok(true)
}

fn read(from: &dyn Source, range: Range<u64>, into: &mut Buffer) -> Result<()> {
    if range.is_empty() { Ok(()) } else { from.read(range, into) }
}

/// Returns the non-zero elements of a line, by minor index.
fn elements(buffer: &Buffer, range: Range<u64>, dtype: Dtype) -> Vec<(u32, f64)> {
    let value = |e: usize| scalar_at(dtype, &buffer.values, e).map_or(0.0, |v| v.as_f64());
    let mut out: Vec<(u32, f64)> = (range.start as usize..range.end as usize)
        .map(|e| (buffer.minor[e], value(e)))
        .filter(|(_, v)| *v != 0.0)
        .collect();
    out.sort_by(|x, y| x.0.cmp(&y.0).then(x.1.total_cmp(&y.1)));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::{InMemory, Layout, Orientation};

    fn matrix(pointers: Vec<u64>, minor: Vec<u32>, values: Vec<f32>) -> InMemory {
        let entries = minor.len() as u64;
        let lines = pointers.len() as u64 - 1;
        let layout =
            Layout { orientation: Orientation::Csr, lines, minor: 3, entries, dtype: Dtype::Float32 };
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        InMemory::new(layout, pointers, minor, bytes).unwrap()
    }

    #[test]
    fn as_numbers() {
        let budget = Budget::new(16 << 20);
        let a = matrix(vec![0, 2, 2, 3], vec![0, 2, 1], vec![1.0, f32::NAN, 3.0]);
        let same = matrix(vec![0, 3, 3, 4], vec![2, 1, 0, 1], vec![f32::NAN, 0.0, 1.0, 3.0]);
        assert!(equal(&a, &same, budget).unwrap());
        for other in [
            matrix(vec![0, 2, 2, 3], vec![0, 1, 1], vec![1.0, f32::NAN, 3.0]),
            matrix(vec![0, 2, 2, 3], vec![0, 2, 1], vec![1.0, 2.0, 3.0]),
            matrix(vec![0, 2, 3], vec![0, 2, 1], vec![1.0, f32::NAN, 3.0]),
        ] {
            assert!(!equal(&a, &other, budget).unwrap());
        }
    }
}
