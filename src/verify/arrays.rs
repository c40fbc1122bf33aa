//! Compares two arrays: of numbers strip by strip within the budget, of others in memory.

use super::both::RowsOfBoth;
use super::{CompareRun, SHOWN};
use crate::anndata::Encoding;
use crate::array::{Rows, StripPlan, strips_in_order};
use crate::dtype::{Class, Dtype, Numeric, Scalar, scalar_at};
use crate::error::{Place, Result};
use crate::observe::{Phase, Verb};
use crate::tree::{Array, Node, Value};
use std::borrow::Cow;
use std::ops::Range;

/// Arrays of at most this many bytes are compared in memory.
const SMALL: u64 = 8 << 20;
/// Elements of a strip, as far as the budget allows.
const STRIP: u64 = 1 << 18;

/// The differences of one strip: how many, and the first of them by their place in the array.
type StripDifferences = (u64, Vec<(u64, Option<Scalar>, Option<Scalar>)>);

impl CompareRun<'_> {
    /// Compares two arrays of any type.
    pub(super) fn arrays(&mut self, path: &str, a: &Node, b: &Node) -> Result<()> {
        let [file_a, file_b] = self.sides.map(|side| side.path());
        let (x, y) = (a.array().in_file(file_a)?, b.array().in_file(file_b)?);
        let (shape_a, shape_b) = (meant_shape(a, &x).in_file(file_a)?, meant_shape(b, &y).in_file(file_b)?);
        if shape_a != shape_b || x.is_null() != y.is_null() {
            let shown = |array: &Array, shape: &[u64]| match array.is_null() {
                true => "null".to_owned(),
                false => format!("{shape:?}"),
            };
            self.found.whole(path, "shape", shown(&x, shape_a), shown(&y, shape_b));
            return Ok(());
        }
        match (Numeric::of(x.datatype()), Numeric::of(y.datatype())) {
            (Some(n), Some(m)) if x.byte_len() > SMALL && !shape_a.is_empty() => {
                if n.dtype != m.dtype && !self.options.numeric {
                    self.found.whole(path, "type", n.dtype, m.dtype);
                    return Ok(());
                }
                self.strips(path, (&x, n), (&y, m))
            }
            _ => {
                // containers give nulls types of their own
                if x.is_null() {
                    return Ok(());
                }
                let (v, w) = (x.read().in_file(file_a)?, y.read().in_file(file_b)?);
                self.values(path, &v, &w)
            }
        }
    }

    /// Compares two large arrays of numbers of the same shape.
    fn strips(&mut self, path: &str, (a, n): (&Array, Numeric), (b, m): (&Array, Numeric)) -> Result<()> {
        let both = RowsOfBoth::new([a, b], self.sides.map(|side| side.path()));
        let size = u64::from(a.datatype().size).max(1);
        let plan = StripPlan::new(&both, STRIP.saturating_mul(size), self.options.budget).in_object(path)?;
        self.observer.phase(&Phase::new(Verb::Comparing, both.rows() * both.row_cost()).of(path));
        let make = |rows: Range<u64>, bytes: &[u8], _: &mut ()| -> Result<StripDifferences> {
            let [left, right] = both.sides(rows.end - rows.start, bytes);
            let (left, right) = (plain(&n, left), plain(&m, right));
            Ok(differences(rows.start * (a.row_bytes() / size), (n.dtype, &left), (m.dtype, &right)))
        };
        let (shape, found) = (a.shape(), &mut self.found);
        let take = |(count, first): StripDifferences| {
            found.numbers(path, shape, count, &first);
            Ok(())
        };
        strips_in_order(&both, plan, self.observer, make, take)
    }

    /// Compares values in memory.
    pub(super) fn values(&mut self, path: &str, a: &Value, b: &Value) -> Result<()> {
        let [file_a, file_b] = self.sides.map(|side| side.path());
        if a.len() != b.len() {
            self.found.whole(path, "length", a.len(), b.len());
            return Ok(());
        }
        let shape = a.shape().unwrap_or_default();
        if let (Some(left), Some(right)) = (a.member_names(), b.member_names()) {
            for name in &left {
                match right.contains(name) {
                    true => self.values(&format!("{path}/{name}"), &a.member(name)?, &b.member(name)?)?,
                    false => self.found.whole(path, &format!("member '{name}'"), "present", "absent"),
                }
            }
            for name in right.iter().filter(|name| !left.contains(name)) {
                self.found.whole(path, &format!("member '{name}'"), "absent", "present");
            }
            return Ok(());
        }
        if a.is_text() && b.is_text() {
            let (left, right) = (a.strings().in_file(file_a)?, b.strings().in_file(file_b)?);
            for (n, (x, y)) in left.iter().zip(right.iter()).enumerate().filter(|(_, (x, y))| x != y) {
                let (x, y) = (String::from_utf8_lossy(x), String::from_utf8_lossy(y));
                self.found.whole(path, &place(n as u64, shape), x, y);
            }
            return Ok(());
        }
        match (Numeric::of(a.datatype()), Numeric::of(b.datatype())) {
            (Some(n), Some(m)) if n.dtype == m.dtype || self.options.numeric => {
                let (x, y) = (plain(&n, a.raw()), plain(&m, b.raw()));
                let (count, first) = differences(0, (n.dtype, &x), (m.dtype, &y));
                self.found.numbers(path, shape, count, &first);
            }
            _ if a.datatype() != b.datatype() || a.datatype().has_references() => {
                let (a, b) = (a.datatype().name(), b.datatype().name());
                let what = if a == b { "(values of this type cannot be compared)" } else { "type" };
                self.found.whole(path, what, a, b);
            }
            _ if a.raw() != b.raw() => self.found.whole(path, "bytes", "one", "another"),
            _ => {}
        }
        Ok(())
    }
}

impl super::Comparison {
    /// Adds differences of an array of numbers: how many, and the first of them.
    fn numbers(
        &mut self,
        path: &str,
        shape: &[u64],
        count: u64,
        first: &[(u64, Option<Scalar>, Option<Scalar>)],
    ) {
        let text = |value: &Option<Scalar>| value.map(|v| v.to_string()).unwrap_or_default();
        for (at, a, b) in first {
            self.whole(path, &place(*at, shape), text(a), text(b));
        }
        self.differences += count - first.len() as u64;
    }
}

/// The shape of an array as it is meant: before encodings, a single string was stored as an array of one.
fn meant_shape<'s>(node: &Node, array: &'s Array) -> Result<&'s [u64]> {
    let one = matches!(array.datatype().class, Class::FixedString(_)) && array.shape() == [1];
    Ok(if one && Encoding::of(node)? == Encoding::None { &[] } else { array.shape() })
}

/// The place of an element by its number in row-major order: `[3, 1]`; nothing for a scalar.
fn place(mut number: u64, shape: &[u64]) -> String {
    let mut position: Vec<u64> = shape
        .iter()
        .rev()
        .map(|len| {
            let at = number % (*len).max(1);
            number /= (*len).max(1);
            at
        })
        .collect();
    position.reverse();
    if position.is_empty() { String::new() } else { format!("{position:?}") }
}

/// Stored numbers in their plain form.
fn plain<'b>(numeric: &Numeric, stored: &'b [u8]) -> Cow<'b, [u8]> {
    if numeric.is_native() {
        return Cow::Borrowed(stored);
    }
    let mut out = vec![0; stored.len() / numeric.stored_size().max(1) * numeric.dtype.size()];
    numeric.convert(stored, &mut out);
    Cow::Owned(out)
}

/// The differences between as many numbers of two types, of which the first has the number `start`.
fn differences(start: u64, (d, a): (Dtype, &[u8]), (e, b): (Dtype, &[u8])) -> StripDifferences {
    let (mut count, mut first) = (0, Vec::new());
    if d == e && a == b {
        return (count, first);
    }
    for (n, (x, y)) in a.chunks_exact(d.size()).zip(b.chunks_exact(e.size())).enumerate() {
        let value = |dtype, bytes| scalar_at(dtype, bytes, 0);
        let same = match (d == e, value(d, x), value(e, y)) {
            (true, ..) => x == y,
            (_, Some(x), Some(y)) => super::entries::same_number(x, y),
            _ => false,
        };
        if !same {
            count += 1;
            if first.len() < SHOWN {
                first.push((start + n as u64, value(d, x), value(e, y)));
            }
        }
    }
    (count, first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_differences_by_number() {
        assert_eq!([place(7, &[3, 4]), place(7, &[8]), place(0, &[])], ["[1, 3]", "[7]", ""]);
        let (count, first) = differences(10, (Dtype::Uint8, &[1, 2, 3]), (Dtype::Int8, &[1, 0, 3]));
        assert_eq!((count, first), (1, vec![(11, Some(Scalar::Int(2)), Some(Scalar::Int(0)))]));
        let many = differences(0, (Dtype::Uint8, &[1; 50]), (Dtype::Uint8, &[2; 50]));
        assert_eq!((many.0, many.1.len()), (50, SHOWN));
    }
}
