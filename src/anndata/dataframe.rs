//! `dataframe`: a group of columns, versions 0.1.0 (anndata 0.7) and 0.2.0 (since 0.8).

use super::column::read_column;
use super::encoding::text_attribute;
use super::generations::compound;
use crate::error::{Error, Kind, Result};
use crate::observe::Observer;
use crate::table::{Column, Frame};
use crate::tree::Node;

/// Names of the parts of a data frame, without their values.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    /// The child that holds the index; `None` where the frame has none.
    pub(crate) index: Option<String>,
    /// Names of the columns, in order.
    pub(crate) columns: Vec<String>,
}

pub(crate) fn names(group: &Node) -> Result<Names> {
    let children: Vec<String> = group.links()?.iter().map(|l| l.name().into_owned()).collect();
    let index = match text_attribute(group, "_index")? {
        Some(name) => Some(name),
        // Writers that leave the attribute out use one of these names.
        None => {
            ["_index", "index"].iter().find(|n| children.iter().any(|c| c == *n)).map(|n| (*n).to_owned())
        }
    };
    // An empty order comes as an empty array of floats from h5py.
    let order = match group.attribute("column-order")? {
        Some(v) if v.is_empty() => Some(Vec::new()),
        Some(v) => {
            let s = v.strings().map_err(|e| e.in_object(&format!("{}@column-order", group.path())))?;
            Some((0..s.len()).map(|i| s.lossy(i).into_owned()).collect())
        }
        None => None,
    };
    let columns = order.unwrap_or_else(|| {
        children.into_iter().filter(|c| Some(c) != index.as_ref() && c != "__categories").collect()
    });
    Ok(Names { index, columns })
}

/// Reads a data frame of any generation; `rows` is how long it should be where it does not say itself.
/// A column that no table holds (several dimensions, compounds) is left out with a warning.
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
        let text = format!("data frame without its column '{name}'");
        object.child(name)?.ok_or_else(|| Error::malformed(text).in_object(object.path()))
    };
    let mut columns: Vec<(String, Column)> = Vec::with_capacity(names.columns.len());
    for name in names.columns {
        match read_column(&child(&name)?) {
            Ok(column) => columns.push((name, column)),
            Err(e) if e.kind() == Kind::Unsupported => observer.warn(&format!("column left out: {e}")),
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
