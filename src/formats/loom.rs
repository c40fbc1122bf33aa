//! Loom files: `/matrix` is genes × cells, `/row_attrs` describe genes and `/col_attrs` cells.

use crate::anndata::Dense;
use crate::anndata::read_column;
use crate::error::{Error, Kind, Place, Result};
use crate::observe::{Observer, Warning};
use crate::table::{Column, Frame};
use crate::tree::Node;

/// Whether the root is that of a loom file.
pub(crate) fn is_loom(root: &Node) -> Result<bool> {
    let links = root.links()?;
    let has = |n: &str| links.iter().any(|l| l.is_called(n));
    Ok(has("matrix") && has("row_attrs") && has("col_attrs"))
}

/// A matrix of the file as cells × genes. `X` is the layer `spliced` where there is one, as anndata reads it.
pub(crate) fn open(root: &Node, name: &str) -> Result<Dense> {
    let object = match name {
        "X" => match root.child("layers")?.map(|l| l.child("spliced")).transpose()?.flatten() {
            Some(spliced) => spliced,
            None => root.descend("matrix")?,
        },
        other => root.descend(other)?,
    };
    if !object.is_array() {
        return Err(Error::not_found("not a matrix").in_object(object.path()));
    }
    Dense::open(object.array()?, true)
}

/// One table: `index` is the attribute that names its rows.
pub(crate) fn frame(
    root: &Node,
    group: &str,
    index: &str,
    rows: u64,
    observer: &dyn Observer,
) -> Result<Frame> {
    let group = root.descend(group)?;
    let mut columns: Vec<(String, Column)> = Vec::new();
    let mut names = None;
    for link in group.links()? {
        let name = link.name().into_owned();
        let child = group.open_link(link)?;
        if !child.is_array() {
            continue;
        }
        observer.check_cancelled()?;
        match read_column(&child) {
            Ok(column) if name == index => names = Some(column.to_strings()?),
            Ok(column) => columns.push((name, column)),
            Err(e) if e.kind() == Kind::Unsupported => observer.warn(&Warning::column(child.path(), e)),
            Err(e) => return Err(e),
        }
    }
    let name = names.is_some().then(|| index.to_owned());
    let names = names.unwrap_or_else(|| Frame::unnamed(rows).index().clone());
    Frame::new(name, names, columns).in_object(group.path())
}
