//! Equality of two elements, as anndata defines it when it merges `uns` and the axis across.

use super::column::read_column;
use super::dataframe::read_frame;
use super::element::ElementKind;
use super::matrix::StoredMatrix;
use crate::dtype::Numeric;
use crate::error::{Kind, Result};
use crate::matrix::{Budget, equal};
use crate::observe::Observer;
use crate::table::Column;
use crate::tree::{Array, ArrayScratch, Node};

/// Arrays of numbers of more bytes are not held in memory.
const LARGE: u64 = 8 << 20;

/// Whether two elements, neither of them a mapping, are equal: arrays in type and values, scalars in value,
/// tables in index and columns, compressed matrices in their entries. Missing equals missing, and NaN equals
/// NaN.
///
/// # Errors
/// Errors of reading.
pub(crate) fn same(a: &Node, b: &Node, budget: Budget, observer: &dyn Observer) -> Result<bool> {
    if a.is_array() && b.is_array() {
        return same_values(&a.array()?, &b.array()?);
    }
    match (ElementKind::of(a)?, ElementKind::of(b)?) {
        (ElementKind::Sparse(_), ElementKind::Sparse(_)) => {
            let (x, y) = (StoredMatrix::open(a)?, StoredMatrix::open(b)?);
            let half = Budget::new(budget.bytes / 2);
            equal(&x.source(half, observer)?, &y.source(half, observer)?, budget)
        }
        (ElementKind::Frame, ElementKind::Frame) => {
            Ok(read_frame(a, None, 0, observer)?.same(&read_frame(b, None, 0, observer)?))
        }
        (ElementKind::Column(x), ElementKind::Column(y)) if x == y => {
            Ok(read_column(a)?.same(&read_column(b)?))
        }
        // elements of other kinds are never equal
        _ => Ok(false),
    }
}

/// Compares two large arrays of numbers of the same shape, some rows at a time.
fn same_rows(a: (&Array, &Numeric), b: (&Array, &Numeric)) -> Result<bool> {
    let shape = a.0.shape();
    if a.1.dtype != b.1.dtype || shape.is_empty() {
        return Ok(false);
    }
    a.0.check_holes()?;
    b.0.check_holes()?;
    let width = shape.iter().skip(1).fold(1u64, |n, d| n.saturating_mul(*d)).max(1);
    let rows = (LARGE / 8 / width).max(1);
    let (mut scratch, mut first) = ([a.0.scratch_for(rows), b.0.scratch_for(rows)], 0);
    let alike = a.0.datatype() == b.0.datatype() && a.0.fill_value() == b.0.fill_value();
    while first < shape[0] {
        let stored = [a.0, b.0].map(|array| array.next_stored_row(first));
        let [x, y] = stored.map(|row| row.map(|row| row.unwrap_or(shape[0])));
        let next = x?.min(y?);
        if alike && next > first {
            first = next; // neither was written
            continue;
        }
        let n = rows.min(shape[0] - first);
        let (mut start, mut count) = (vec![0; shape.len()], shape.to_vec());
        (start[0], count[0]) = (first, n);
        let column = |(array, numeric): (&Array, &Numeric), scratch: &mut ArrayScratch| -> Result<Column> {
            let values = usize::try_from(n.saturating_mul(width)).unwrap_or(usize::MAX);
            let mut raw = crate::limits::zeroed(values.saturating_mul(numeric.stored_size()))?;
            array.read_box(&start, &count, &mut raw, scratch)?;
            let mut bytes = crate::limits::zeroed(values.saturating_mul(numeric.dtype.size()))?;
            numeric.convert(&raw, &mut bytes);
            Ok(Column::Numbers { dtype: numeric.dtype, bytes })
        };
        let (x, y) = (column(a, &mut scratch[0])?, column(b, &mut scratch[1])?);
        if !x.same(&y) {
            return Ok(false);
        }
        first += n;
    }
    Ok(true)
}

fn same_values(a: &Array, b: &Array) -> Result<bool> {
    if a.shape() != b.shape() {
        return Ok(false);
    }
    let numbers = (Numeric::of(a.datatype()), Numeric::of(b.datatype()));
    if let (Some(x), Some(y), true) = (numbers.0, numbers.1, a.byte_len().max(b.byte_len()) > LARGE) {
        return same_rows((a, &x), (b, &y));
    }
    let (x, y) = (a.read()?, b.read()?);
    if x.is_text() || y.is_text() {
        return Ok(x.is_text() && y.is_text() && x.strings()? == y.strings()?);
    }
    match (x.numbers(), y.numbers()) {
        (Ok((d, v)), Ok((e, w))) => {
            let scalar = a.shape().is_empty();
            let column = |dtype, bytes| Column::Numbers { dtype, bytes };
            Ok(match scalar && d != e {
                false => column(d, v).same(&column(e, w)),
                true => {
                    let number = |d, b: &[u8]| crate::dtype::scalar_at(d, b, 0).map(|s| s.as_f64());
                    number(d, &v) == number(e, &w)
                }
            })
        }
        (Err(e), _) | (_, Err(e)) if e.kind() == Kind::Unsupported => {
            Ok(a.datatype() == b.datatype() && x.raw() == y.raw() && !a.datatype().has_references())
        }
        (Err(e), _) | (_, Err(e)) => Err(e),
    }
}

#[cfg(all(test, feature = "write"))]
mod tests {
    use super::*;
    use crate::anndata::tests::{BUDGET, at, bytes, ints, texts, written};
    use crate::dtype::Dtype;
    use crate::matrix::{InMemory, Layout, Orientation};
    use crate::table::{Categorical, Frame};
    use crate::tree::EncodedValue;

    fn floats(dims: &[u64], values: &[f64]) -> EncodedValue {
        EncodedValue::numbers(Dtype::Float64, dims, values.iter().flat_map(|v| v.to_le_bytes()).collect())
    }

    fn compared(root: &Node, a: &str, b: &str) -> bool {
        let of = |name: &str| root.descend(&format!("uns/{name}")).unwrap();
        same(&of(a), &of(b), BUDGET, &()).unwrap()
    }

    /// Arrays are equal by type, shape and value; scalars by value whatever their type. Missing equals missing.
    #[test]
    fn arrays_and_scalars() {
        let root = written(|w| {
            w.raw_array("uns/ints", &ints(&[1, 2]))?;
            w.raw_array("uns/again", &ints(&[1, 2]))?;
            w.raw_array("uns/other", &ints(&[1, 3]))?;
            w.raw_array("uns/bytes", &bytes(&[2], &[1, 2]))?;
            w.raw_array("uns/row", &bytes(&[1, 2], &[1, 2]))?;
            w.raw_array("uns/gaps", &floats(&[2], &[1.0, f64::NAN]))?;
            w.raw_array("uns/gaps again", &floats(&[2], &[1.0, f64::NAN]))?;
            w.raw_array("uns/one", &EncodedValue::integer(1))?;
            w.raw_array("uns/one as float", &floats(&[], &[1.0]))?;
            w.raw_array("uns/half", &floats(&[], &[0.5]))?;
            w.strings(&at("uns/words"), &texts(&["1", "2"]))?;
            w.dict(&at("uns/mapping"))?;
            w.dict(&at("uns"))
        });
        for (a, b) in [("ints", "again"), ("gaps", "gaps again"), ("one", "one as float"), ("words", "words")]
        {
            assert!(compared(&root, a, b), "{a}, {b}");
        }
        for (a, b) in [
            ("ints", "other"),
            ("ints", "bytes"),
            ("bytes", "row"),
            ("one", "half"),
            ("ints", "words"),
            ("ints", "mapping"),
        ] {
            assert!(!compared(&root, a, b) && !compared(&root, b, a), "{a}, {b}");
        }
    }

    /// Compressed matrices are equal by their numbers, whatever their types and whether zeros are stored; tables and columns
    /// by all they have.
    #[test]
    fn matrices_tables_and_columns() {
        let matrix = |dtype, pointers: [u64; 3], minor: &[u32], values: &[u8]| {
            let layout = Layout::new(Orientation::Csr, [2, 2], pointers[2], dtype).unwrap();
            InMemory::new(layout, pointers.to_vec(), minor.to_vec(), values.to_vec()).unwrap()
        };
        // [[0, 5], [6, 0]] twice, and [[0, 5], [7, 0]]
        let bytes = matrix(Dtype::Uint8, [0, 1, 2], &[1, 0], &[5, 6]);
        let shorts = matrix(Dtype::Int16, [0, 2, 3], &[1, 0, 0], &[5, 0, 0, 0, 6, 0]);
        let other = matrix(Dtype::Uint8, [0, 1, 2], &[1, 0], &[5, 7]);
        let labels = |ordered| {
            let labels = Column::Strings(texts(&["a", "b"]));
            Column::Categorical(Categorical::new(&[0, -1], labels, ordered).unwrap())
        };
        let frame =
            |names: &[&str]| Frame::new(None, texts(names), vec![("x".into(), labels(false))]).unwrap();
        let root = written(|w| {
            w.sparse(&at("uns/bytes"), &bytes)?;
            w.sparse(&at("uns/shorts"), &shorts)?;
            w.sparse(&at("uns/other"), &other)?;
            w.column(&at("uns/labels"), &labels(false))?;
            w.column(&at("uns/labels again"), &labels(false))?;
            w.column(&at("uns/ordered"), &labels(true))?;
            w.frame(&at("uns/frame"), &frame(&["r", "s"]))?;
            w.frame(&at("uns/frame again"), &frame(&["r", "s"]))?;
            w.frame(&at("uns/renamed"), &frame(&["r", "t"]))?;
            w.raw_group("uns/quaternion", &[("encoding-type", "quaternion")])?;
            w.dict(&at("uns"))
        });
        for (a, b) in [("bytes", "shorts"), ("labels", "labels again"), ("frame", "frame again")] {
            assert!(compared(&root, a, b), "{a}, {b}");
        }
        for (a, b) in [("bytes", "other"), ("labels", "ordered"), ("frame", "renamed"), ("bytes", "frame")] {
            assert!(!compared(&root, a, b), "{a}, {b}");
        }
        assert!(!compared(&root, "quaternion", "quaternion"), "what is not known is equal to nothing");
    }

    /// Large arrays, of which some rows are compared at a time: equal, and different in the last value.
    #[test]
    fn large_arrays() {
        let n = LARGE as usize + 7;
        let mut values = vec![1; n];
        let root = written(|w| {
            w.raw_array("uns/a", &bytes(&[n as u64], &values))?;
            w.alias(&at("uns/b"), &at("uns/a"))?;
            values[n - 1] = 2;
            w.raw_array("uns/c", &bytes(&[n as u64], &values))?;
            w.dict(&at("uns"))
        });
        assert!(compared(&root, "a", "b") && !compared(&root, "a", "c"));
    }
}
