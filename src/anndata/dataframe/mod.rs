//! `dataframe`: a group of columns, versions 0.1.0 (anndata 0.7) and 0.2.0 (since 0.8).

#[cfg(feature = "write")]
mod write;

use crate::anndata::column::read_column;
use crate::anndata::encoding::text_attribute;
use crate::anndata::generations::compound;
use crate::error::{Error, Kind, Result};
use crate::observe::{Observer, Warning};
use crate::table::{Column, Frame};
use crate::tree::Node;
use std::borrow::Cow;

/// The names of the index and the columns of a data frame.
#[derive(Debug, Clone)]
pub(crate) struct ColumnNames {
    /// Name of the child that holds the index; `None` if there is no index.
    pub(crate) index: Option<String>,
    /// Names of the columns, in order.
    pub(crate) columns: Vec<String>,
}

/// The names of the index and the columns, from attributes, or from the children if attributes are missing.
///
/// # Errors
/// `Io`, `Malformed` or `Unsupported` if the children or attributes cannot be read.
pub(crate) fn names(group: &Node) -> Result<ColumnNames> {
    let children: Vec<String> = group.links()?.iter().map(|l| l.name().into_owned()).collect();
    let index = match text_attribute(group, "_index")? {
        Some(name) => Some(name),
        // writers that omit the attribute use one of these names
        None => {
            ["_index", "index"].iter().find(|n| children.iter().any(|c| c == *n)).map(|n| (*n).to_owned())
        }
    };
    // h5py writes an empty list as an empty array of floats
    let order = match group.attribute("column-order")? {
        Some(v) if v.is_empty() => Some(Vec::new()),
        Some(v) => {
            let s = v.strings().map_err(|e| e.in_object(&format!("{}@column-order", group.path())))?;
            Some(s.iter_lossy().map(Cow::into_owned).collect())
        }
        None => None,
    };
    let columns = order.unwrap_or_else(|| {
        children.into_iter().filter(|c| Some(c) != index.as_ref() && c != "__categories").collect()
    });
    Ok(ColumnNames { index, columns })
}

/// Number of rows of a data frame of any generation, from metadata of its index, or of its first column
/// without an index.
///
/// # Errors
/// `Malformed` if that child is missing; otherwise errors of opening it.
pub(crate) fn rows(object: &Node) -> Result<u64> {
    if object.is_array() {
        return Ok(object.array()?.shape().first().copied().unwrap_or(0));
    }
    let names = names(object)?;
    let Some(name) = names.index.or(names.columns.into_iter().next()) else { return Ok(0) };
    let text = format!("expected a column '{name}', got none");
    let column = object.child(&name)?.ok_or_else(|| Error::malformed(text).in_object(object.path()))?;
    column_rows(&column)
}

/// Number of rows of a column, from metadata; for a group, of its codes or values.
///
/// # Errors
/// `Malformed` if a group has neither; otherwise errors of opening them.
pub(crate) fn column_rows(column: &Node) -> Result<u64> {
    let array = match column.is_array() {
        true => column.array()?,
        false => {
            let part = column.child("codes")?.or(column.child("values")?);
            part.ok_or_else(|| {
                Error::malformed("expected a column with 'codes' or 'values', got neither")
                    .in_object(column.path())
            })?
            .array()?
        }
    };
    Ok(array.shape().first().copied().unwrap_or(0))
}

/// Reads a data frame of any generation. `uns` has the categories of files of anndata 0.6 and earlier; `rows`
/// is the number of rows of a data frame without index and columns. A column that a [`Frame`] cannot hold
/// (several dimensions, compounds) is left out with a warning.
///
/// # Errors
/// `Malformed` if a column is missing or lengths differ; `Cancelled`; otherwise errors of reading.
pub(crate) fn read_frame(
    object: &Node,
    uns: Option<&Node>,
    rows: u64,
    observer: &dyn Observer,
) -> Result<Frame> {
    if object.is_array() {
        return compound::read_frame(object, uns, observer);
    }
    let names = names(object)?;
    let child = |name: &str| {
        let text = format!("expected a column '{name}', got none");
        object.child(name)?.ok_or_else(|| Error::malformed(text).in_object(object.path()))
    };
    let mut columns: Vec<(String, Column)> = Vec::with_capacity(names.columns.len());
    for name in names.columns {
        observer.check_cancelled()?;
        let child = child(&name)?;
        match read_column(&child) {
            Ok(column) => columns.push((name, column)),
            Err(e) if e.kind() == Kind::Unsupported => observer.warn(&Warning::column(child.path(), e)),
            Err(e) => return Err(e),
        }
    }
    let index = match &names.index {
        Some(name) => read_column(&child(name)?)?.to_strings()?,
        None => {
            let rows = columns.first().map_or(rows, |(_, c)| c.len() as u64);
            Frame::unnamed(rows).index().clone()
        }
    };
    let name = names.index.filter(|n| n != "_index");
    Frame::new(name, index, columns).map_err(|e| e.in_object(object.path()))
}
