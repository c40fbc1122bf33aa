//! Columns of a data frame, in all their encodings: arrays, `categorical` and the nullable encodings.

#[cfg(feature = "write")]
mod write;

use crate::anndata::element::{ColumnKind, ElementKind};
use crate::anndata::encoding::Encoding;
use crate::error::{Error, Place, Result};
use crate::table::{Categorical, Column};
use crate::tree::{Node, Value};

/// Reads a column of any encoding.
///
/// # Errors
/// `Malformed` if a part is missing or does not fit the others; `Unsupported` for several dimensions,
/// compounds and other types that cannot be a column; otherwise errors of reading.
pub(crate) fn read_column(object: &Node) -> Result<Column> {
    read_inner(object).in_object(object.path())
}

fn read_inner(object: &Node) -> Result<Column> {
    let part = |name: &str| {
        object
            .child(name)?
            .ok_or_else(|| Error::malformed(format!("expected a column with '{name}', got none")))
    };
    match ElementKind::of(object)? {
        ElementKind::Array | ElementKind::ReferringColumn => match object.attribute("categories")? {
            Some(reference) => read_referred(object, &reference),
            None => from_value(&object.array()?.read()?),
        },
        ElementKind::Column(ColumnKind::Categorical) => {
            let ordered = object.attribute("ordered")?.is_some_and(|v| is_true(&v));
            let categories = read_column(&part("categories")?)?;
            let codes = part("codes")?.array()?.read()?.integers()?;
            Ok(Column::Categorical(Categorical::new(&codes, categories, ordered)?))
        }
        ElementKind::Column(ColumnKind::Nullable) => {
            let (values, missing) = (part("values")?.array()?.read()?, read_mask(&part("mask")?)?);
            let (dtype, bytes) = values.numbers()?;
            same_length(bytes.len() / dtype.size(), missing.len())?;
            Ok(Column::Nullable { dtype, bytes, missing })
        }
        ElementKind::Column(ColumnKind::NullableStrings) => {
            let (values, missing) = (part("values")?.array()?.read()?.strings()?, read_mask(&part("mask")?)?);
            same_length(values.len(), missing.len())?;
            Ok(Column::NullableStrings { values, missing })
        }
        _ => Err(Error::unsupported(format!("expected a column, got encoding {:?}", Encoding::of(object)?))),
    }
}

fn read_referred(object: &Node, reference: &Value) -> Result<Column> {
    let labels = object.open_reference(reference, &format!("{}@categories", object.path()))?;
    let ordered = labels.attribute("ordered")?.is_some_and(|v| is_true(&v));
    let categories = from_value(&labels.array()?.read()?)?;
    let codes = object.array()?.read()?.integers()?;
    Ok(Column::Categorical(Categorical::new(&codes, categories, ordered)?))
}

/// Makes a column of an array in memory.
///
/// # Errors
/// `Unsupported` for several dimensions and types that cannot be a column; `Malformed` if the heap of strings
/// is damaged.
pub(crate) fn from_value(value: &Value) -> Result<Column> {
    if value.shape().is_some_and(|s| s.len() > 1) {
        return Err(Error::unsupported("expected a column of one dimension, got several"));
    }
    if value.is_text() {
        return Ok(Column::Strings(value.strings()?));
    }
    let (dtype, bytes) = value.numbers()?;
    Ok(Column::Numbers { dtype, bytes })
}

fn read_mask(object: &Node) -> Result<Vec<bool>> {
    let (dtype, bytes) = object.array()?.read()?.numbers().in_object(object.path())?;
    // h5py writes bools, other writers integers of 8 bits
    if dtype.size() != 1 {
        return Err(
            Error::malformed(format!("expected a mask of bools, got {dtype}")).in_object(object.path())
        );
    }
    Ok(bytes.iter().map(|b| *b != 0).collect())
}

fn same_length(values: usize, mask: usize) -> Result<()> {
    if values != mask {
        return Err(Error::malformed(format!("expected a mask of {values} values, got {mask}")));
    }
    Ok(())
}

fn is_true(value: &Value) -> bool {
    value.integers().is_ok_and(|v| v.first().is_some_and(|x| *x != 0))
}
