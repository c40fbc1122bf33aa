//! Finds a column, or the index, by name.

use crate::dtype::scalar_at;
use crate::error::{Error, Result};
use crate::strings::Strings;
use crate::table::{Column, Frame};

/// A column of a frame, or its index.
#[derive(Clone, Copy)]
pub(super) enum ColumnOrIndex<'f> {
    Column(&'f Column),
    Index(&'f Strings),
}

impl<'f> ColumnOrIndex<'f> {
    /// The column `name`. The index is called `index`, or by its own name; a column of that name comes first.
    ///
    /// # Errors
    /// `NotFound`, with the existing names.
    pub(super) fn find(frame: &'f Frame, name: &str) -> Result<Self> {
        match frame.column(name) {
            Some(column) => Ok(ColumnOrIndex::Column(column)),
            None if name == "index" || Some(name) == frame.index_name() => {
                Ok(ColumnOrIndex::Index(frame.index()))
            }
            None => {
                let names = frame.columns().iter().map(|(name, _)| name.as_str());
                let names: Vec<&str> = std::iter::once("index").chain(names).collect();
                let text = format!("there is no column '{name}' (there are: {})", names.join(", "));
                Err(Error::not_found(text))
            }
        }
    }

    /// The value of a row as text; `None` if it is missing.
    ///
    /// # Errors
    /// `Malformed` if the text is not UTF-8.
    pub(super) fn text(self, row: usize) -> Result<Option<String>> {
        match self {
            ColumnOrIndex::Column(column) if is_missing(column, row) => Ok(None),
            ColumnOrIndex::Column(column) => column.text(row),
            ColumnOrIndex::Index(names) => names.utf8(row).map(|name| Some(name.to_owned())),
        }
    }
}

/// Whether the value of a row is missing: a masked value, the code −1, or NaN.
pub(super) fn is_missing(column: &Column, row: usize) -> bool {
    match column {
        Column::Numbers { dtype, bytes } | Column::Nullable { dtype, bytes, .. } if dtype.is_float() => {
            column.is_missing(row) || scalar_at(*dtype, bytes, row).is_some_and(|v| v.as_f64().is_nan())
        }
        other => other.is_missing(row),
    }
}
