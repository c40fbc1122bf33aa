//! Loom files: `/matrix` and `/layers` are genes × cells, `/row_attrs` hold the columns of `var` and
//! `/col_attrs` those of `obs`. In comes the root of the file; out go matrices as cells × genes, and tables.
//! Defined by loompy, "Loom file format specs".

use crate::anndata::{Dense, FileColumn};
use crate::error::{Error, Kind, Place, Result};
use crate::observe::{Observer, Warning};
use crate::table::{Table, TableColumn};
use crate::tree::Node;
use std::sync::Arc;

/// Whether `root` is the root of a loom file.
pub(crate) fn is_loom(root: &Node) -> Result<bool> {
    let links = root.links()?;
    let has = |n: &str| links.iter().any(|l| l.is_called(n));
    Ok(has("matrix") && has("row_attrs") && has("col_attrs"))
}

/// Opens the matrix at the path `name` below the root, as cells × genes. `X` is the layer `spliced` if there is
/// one, as in anndata, and `/matrix` otherwise.
///
/// # Errors
/// `NotFound` if there is no dataset at `name`; those of [`Dense::open`].
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

/// Opens the attributes in `group` as a table of `rows` rows; the attribute `index` becomes its index.
/// Attributes that are not columns are left out with a warning.
///
/// # Errors
/// `Malformed` if the attributes differ in length; those of opening.
pub(crate) fn frame(
    root: &Node,
    group: &str,
    index: &str,
    rows: u64,
    observer: &dyn Observer,
) -> Result<Table<'static>> {
    let group = root.descend(group)?;
    let mut columns: Vec<(String, TableColumn<'static>)> = Vec::new();
    let mut names: Option<TableColumn<'static>> = None;
    for link in group.links()? {
        let name = link.name().into_owned();
        let child = group.open_link(link)?;
        if !child.is_array() {
            continue;
        }
        observer.check_cancelled()?;
        match FileColumn::open(&child) {
            Ok(column) if name == index => names = Some(Arc::new(column)),
            Ok(column) => columns.push((name, Arc::new(column))),
            Err(e) if e.kind() == Kind::Unsupported => observer.warn(&Warning::column(child.path(), e)),
            Err(e) => return Err(e),
        }
    }
    let name = names.is_some().then(|| index.to_owned());
    Table::new(name, names.unwrap_or_else(|| Table::numbered(rows)), columns).in_object(group.path())
}
