//! Columns of a file that are read by ranges of rows.

use super::array_rows::ArrayRows;
use super::{from_value, is_true};
use crate::anndata::element::{ColumnKind, ElementKind};
use crate::anndata::encoding::Encoding;
use crate::error::{Error, Place, Result};
use crate::strings::Strings;
use crate::table::{Categorical, Column, ColumnRows};
use crate::tree::Node;
use std::ops::Range;

/// A column of a file, of any encoding.
pub(crate) struct FileColumn {
    path: String,
    head: Column,
    rows: u64,
    parts: ColumnParts,
}

/// The arrays that hold the rows of a column.
enum ColumnParts {
    /// One array of values.
    Plain(ArrayRows),
    /// The codes of labels, which are in the head.
    Codes(ArrayRows),
    /// Values, and the mask of missing ones.
    Masked(Box<(ArrayRows, ArrayRows)>),
}

impl ColumnParts {
    /// The array of values or codes.
    fn values(&self) -> &ArrayRows {
        match self {
            ColumnParts::Plain(values) | ColumnParts::Codes(values) => values,
            ColumnParts::Masked(both) => &both.0,
        }
    }
}

impl FileColumn {
    /// Opens a column; of its rows at most the first is read, to see whether they can be read at all.
    ///
    /// # Errors
    /// `Malformed` if a part is missing or does not fit the others; `Unsupported` for several dimensions,
    /// compounds and other types that cannot be a column; otherwise errors of reading.
    pub(crate) fn open(object: &Node) -> Result<Self> {
        Self::open_inner(object).in_object(object.path())
    }

    fn open_inner(object: &Node) -> Result<Self> {
        let part = |name: &str| {
            object
                .child(name)?
                .ok_or_else(|| Error::malformed(format!("expected a column with '{name}', got none")))
        };
        let (head, parts) = match ElementKind::of(object)? {
            ElementKind::Array | ElementKind::ReferringColumn => match object.attribute("categories")? {
                Some(reference) => {
                    let labels =
                        object.open_reference(&reference, &format!("{}@categories", object.path()))?;
                    let categories = from_value(&labels.array()?.read()?)?;
                    coded(&labels, categories, object)?
                }
                None => {
                    let values = ArrayRows::open(&object.array()?)?;
                    (values.head()?, ColumnParts::Plain(values))
                }
            },
            ElementKind::Column(ColumnKind::Categorical) => {
                let categories = super::read_categories(&part("categories")?)?;
                coded(object, categories, &part("codes")?)?
            }
            ElementKind::Column(ColumnKind::Nullable) => {
                let values = ArrayRows::open(&part("values")?.array()?)?;
                let head = Column::Nullable {
                    dtype: values.numeric()?.dtype,
                    bytes: Vec::new(),
                    missing: Vec::new(),
                };
                masked(head, values, &part("mask")?)?
            }
            ElementKind::Column(ColumnKind::NullableStrings) => {
                let values = ArrayRows::open(&part("values")?.array()?)?;
                values.texts(0..0)?;
                let head = Column::NullableStrings { values: Strings::new(), missing: Vec::new() };
                masked(head, values, &part("mask")?)?
            }
            _ => {
                let text = format!("expected a column, got encoding {:?}", Encoding::of(object)?);
                return Err(Error::unsupported(text));
            }
        };
        let rows = parts.values().rows();
        let column = FileColumn { path: object.path().to_owned(), head, rows, parts };
        if !column.is_stream() {
            column.read_inner(0..column.rows.min(1))?;
        }
        Ok(column)
    }

    /// Whether reading the first row decodes more than a chunk of usual size.
    fn is_stream(&self) -> bool {
        match &self.parts {
            ColumnParts::Plain(rows) | ColumnParts::Codes(rows) => rows.is_stream(),
            ColumnParts::Masked(both) => both.0.is_stream() || both.1.is_stream(),
        }
    }

    fn read_inner(&self, range: Range<u64>) -> Result<Column> {
        Ok(match (&self.head, &self.parts) {
            (Column::Categorical(c), ColumnParts::Codes(codes)) => {
                Column::Categorical(c.part(&codes.value(range.clone())?.integers()?, range.start)?)
            }
            (Column::Nullable { dtype, .. }, ColumnParts::Masked(both)) => Column::Nullable {
                dtype: *dtype,
                bytes: both.0.numbers(range.clone())?,
                missing: both.1.mask(range)?,
            },
            (Column::NullableStrings { .. }, ColumnParts::Masked(both)) => {
                Column::NullableStrings { values: both.0.texts(range.clone())?, missing: both.1.mask(range)? }
            }
            (Column::Numbers { dtype, .. }, ColumnParts::Plain(values)) => {
                Column::Numbers { dtype: *dtype, bytes: values.numbers(range)? }
            }
            (_, parts) => Column::Strings(parts.values().texts(range)?),
        })
    }
}

impl ColumnRows for FileColumn {
    fn head(&self) -> &Column {
        &self.head
    }

    fn rows(&self) -> u64 {
        self.rows
    }

    fn read(&self, range: Range<u64>) -> Result<Column> {
        self.read_inner(range).in_object(&self.path)
    }
}

/// The head and parts of a categorical column; `labels` has the flag whether they are ordered.
fn coded(labels: &Node, categories: Column, codes: &Node) -> Result<(Column, ColumnParts)> {
    let ordered = labels.attribute("ordered")?.is_some_and(|v| is_true(&v));
    let head = Column::Categorical(Categorical::new(&[], categories, ordered)?);
    Ok((head, ColumnParts::Codes(ArrayRows::open(&codes.array()?)?)))
}

/// The head and parts of a column with missing values.
fn masked(head: Column, values: ArrayRows, mask: &Node) -> Result<(Column, ColumnParts)> {
    let mask = ArrayRows::open(&mask.array()?)?;
    // h5py writes bools, other writers integers of 8 bits
    let dtype = mask.numeric().in_object(mask.path())?.dtype;
    if dtype.size() != 1 {
        let text = format!("expected a mask of bools, got {dtype}");
        return Err(Error::malformed(text).in_object(mask.path()));
    }
    if values.rows() != mask.rows() {
        let text = format!("expected a mask of {} values, got {}", values.rows(), mask.rows());
        return Err(Error::malformed(text));
    }
    Ok((head, ColumnParts::Masked(Box::new((values, mask)))))
}
