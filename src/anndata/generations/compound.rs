//! Data frames from before 0.7: compound datasets, their labels in `uns`.

use crate::anndata::column::from_value;
use crate::error::{Error, Kind, Place, Result};
use crate::observe::{Observer, Warning};
use crate::table::{Categorical, Column, Frame};
use crate::tree::Node;

/// Reads a compound dataset: the first member is the index, integer members named in `uns` are categorical.
pub(crate) fn read_frame(object: &Node, uns: Option<&Node>, observer: &dyn Observer) -> Result<Frame> {
    let value = object.array()?.read()?;
    let names: Vec<String> = value
        .member_names()
        .ok_or_else(|| Error::unsupported(format!("a data frame of type {}", value.datatype().name())))
        .in_object(object.path())?
        .into_iter()
        .map(str::to_owned)
        .collect();
    let Some((index_name, rest)) = names.split_first() else {
        return Err(Error::malformed("data frame without an index").in_object(object.path()));
    };
    let member =
        |name: &str| from_value(&value.member(name)?).in_object(&format!("{}/{name}", object.path()));
    let index = member(index_name)?.to_strings()?;
    let mut columns = Vec::new();
    for name in rest {
        observer.check_cancelled()?;
        let column = match member(name) {
            Ok(c) => c,
            Err(e) if e.kind() == Kind::Unsupported => {
                observer.warn(&Warning::column(format!("{}/{name}", object.path()), e));
                continue;
            }
            Err(e) => return Err(e),
        };
        columns.push((name.clone(), with_labels(column, name, uns)?));
    }
    Frame::new(Some(index_name.clone()), index, columns).in_object(object.path())
}

/// Makes a categorical of integer codes whose labels are `uns/NAME_categories`. Whether they are meant for this
/// table is not said: they are where every code has a label.
fn with_labels(column: Column, name: &str, uns: Option<&Node>) -> Result<Column> {
    let Column::Numbers { dtype, bytes } = &column else { return Ok(column) };
    if dtype.is_float() {
        return Ok(column);
    }
    let Some(uns) = uns else { return Ok(column) };
    let Some(labels) = uns.child(&format!("{name}_categories"))? else { return Ok(column) };
    let Ok(labels) = labels.array().and_then(|d| d.read()) else { return Ok(column) };
    let labels = from_value(&labels)?;
    let codes: Option<Vec<i64>> = (0..column.len())
        .map(|i| match crate::dtype::scalar_at(*dtype, bytes, i)? {
            crate::dtype::Scalar::Int(v) => i64::try_from(v).ok(),
            crate::dtype::Scalar::Bool(v) => Some(i64::from(v)),
            crate::dtype::Scalar::Float(..) => None,
        })
        .collect();
    match codes {
        Some(codes) if codes.iter().all(|c| *c < labels.len() as i64) => {
            Ok(Column::Categorical(Categorical::new(&codes, labels, false)?))
        }
        _ => Ok(column),
    }
}
