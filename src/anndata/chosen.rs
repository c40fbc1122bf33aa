//! Rows chosen of elements that are held in memory.

use super::axes::Axes;
use crate::error::{Error, Result};
use crate::tree::{Node, Value};

/// Returns `rows` if an element of `len` rows has all of them.
pub(super) fn checked<'r>(rows: &'r [u64], len: usize, object: &Node) -> Result<&'r [u64]> {
    match rows.iter().find(|r| **r >= len as u64) {
        Some(r) => {
            Err(Error::malformed(format!("expected rows below {len}, got row {r}")).in_object(object.path()))
        }
        None => Ok(rows),
    }
}

/// Selects rows of an array in memory, also of strings, whose bytes refer to a heap.
pub(super) fn select_value(value: &Value, axes: Axes<'_>, object: &Node) -> Result<Value> {
    let shape = value.shape().unwrap_or_default();
    let (Some(rows), None) = (axes.rows, axes.columns.filter(|_| shape.len() > 1)) else {
        return Err(Error::unsupported("columns of an array of strings").in_object(object.path()));
    };
    checked(rows, shape[0] as usize, object)?;
    let size = value.raw().len() / (shape[0] as usize).max(1);
    let bytes = rows.iter().flat_map(|r| value.raw()[*r as usize * size..][..size].iter().copied()).collect();
    let mut dims = shape.to_vec();
    dims[0] = rows.len() as u64;
    Ok(value.with(&dims, bytes))
}
