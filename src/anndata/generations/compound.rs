//! Compound datasets of anndata 0.6 and earlier: data frames with their categories in `uns`, and mappings.

use crate::anndata::column::from_value;
#[cfg(feature = "write")]
use crate::anndata::{AnnDataWriter, axes::Axes, copy::select_value};
use crate::error::{Error, Kind, Place, Result};
use crate::observe::{Observer, Warning};
use crate::table::{Categorical, Column, Frame};
#[cfg(feature = "write")]
use crate::tree::Location;
use crate::tree::Node;

/// Reads a data frame stored as a compound dataset: the first member is the index; a member of integers is
/// categorical if `uns` has its categories. Members that cannot be a column are left out with a warning.
///
/// # Errors
/// `Unsupported` if it is not a compound; `Malformed` if it has no member; `Cancelled`; otherwise errors of
/// reading.
pub(crate) fn read_frame(object: &Node, uns: Option<&Node>, observer: &dyn Observer) -> Result<Frame> {
    let value = object.array()?.read()?;
    let names: Vec<String> = value
        .member_names()
        .ok_or_else(|| Error::unsupported(format!("expected a data frame, got {}", value.datatype().name())))
        .in_object(object.path())?
        .into_iter()
        .map(str::to_owned)
        .collect();
    let Some((index_name, rest)) = names.split_first() else {
        return Err(
            Error::malformed("expected a data frame with an index, got no member").in_object(object.path())
        );
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

#[cfg(feature = "write")]
impl AnnDataWriter<'_> {
    /// Writes each member of a compound dataset as a separate array, selecting `rows` of it: `obsm` and
    /// `varm` of anndata 0.5 are compounds with an array for each key.
    ///
    /// # Errors
    /// Errors of reading and of writing.
    pub fn compound_mapping(&mut self, at: &Location, object: &Node, rows: Option<&[u64]>) -> Result<()> {
        let value = object.array()?.read()?;
        for name in value.member_names().unwrap_or_default() {
            let member = value.member(name)?.unpacked();
            let member = match rows {
                Some(_) => select_value(&member, Axes { rows, columns: None }, object)?,
                None => member,
            };
            let encoded = self.writer.value(&member)?;
            self.array(&at.child(name), &encoded, "array")?;
        }
        Ok(())
    }
}

/// Makes a categorical column of integer codes if `uns/NAME_categories` has a category for every code. The
/// file does not say whether these belong to `obs` or to `var`.
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
