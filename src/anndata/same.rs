//! Equality of two elements, as anndata defines it when it merges `uns` and the axis across.

use super::column::read_column;
use super::dataframe::read_frame;
use super::element::ElementKind;
use super::matrix::StoredMatrix;
use crate::error::{Kind, Result};
use crate::matrix::{Budget, equal};
use crate::observe::Observer;
use crate::tree::{Array, Node};

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

fn same_values(a: &Array, b: &Array) -> Result<bool> {
    if a.shape() != b.shape() {
        return Ok(false);
    }
    let (x, y) = (a.read()?, b.read()?);
    if x.is_text() || y.is_text() {
        return Ok(x.is_text() && y.is_text() && x.strings()? == y.strings()?);
    }
    match (x.numbers(), y.numbers()) {
        (Ok((d, v)), Ok((e, w))) => {
            let scalar = a.shape().is_empty();
            let column = |dtype, bytes| crate::table::Column::Numbers { dtype, bytes };
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
