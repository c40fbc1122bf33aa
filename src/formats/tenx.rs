//! Feature-barcode matrices in HDF5 as Cell Ranger of 10x Genomics writes them, versions 2 and 3.
//!
//! Stored as genes × cells in CSC, which is cells × genes in CSR without any change to the arrays. In comes the
//! group of a matrix; out go the matrix and its tables, as scanpy's `read_10x_h5` names them.

use crate::anndata::{FileColumn, Sparse, shape_of};
use crate::error::{Error, Kind, Place, Result};
use crate::matrix::Orientation;
use crate::observe::{Observer, Warning};
use crate::table::{Column, ColumnRows, Table, TableColumn};
use crate::tree::Node;
use std::sync::Arc;

/// Whether `group` has the children of a feature-barcode matrix.
pub(crate) fn is_matrix(group: &Node) -> Result<bool> {
    if !group.is_group() {
        return Ok(false);
    }
    let names: Vec<String> = group.links()?.iter().map(|l| l.name().into_owned()).collect();
    let has = |n: &str| names.iter().any(|x| x == n);
    let arrays = ["barcodes", "data", "indices", "indptr", "shape"].iter().all(|n| has(n));
    Ok(arrays && (has("features") || has("genes") || has("gene_names")))
}

/// Opens the matrix as cells × genes.
///
/// # Errors
/// `Malformed` if arrays are missing or do not fit the shape; those of reading.
pub(crate) fn open(group: &Node) -> Result<Sparse> {
    let shape = group.descend("shape")?;
    let [genes, cells] =
        shape.array()?.read()?.integers().and_then(|s| shape_of(&s)).in_object(shape.path())?;
    Sparse::from_parts(group, Orientation::Csr, [cells, genes])
}

/// The table of cells: barcodes as index, no columns.
///
/// # Errors
/// `Malformed` if there are no barcodes; those of reading.
pub(crate) fn obs(group: &Node) -> Result<Table<'static>> {
    Table::new(None, texts(group, "barcodes")?, Vec::new()).in_object(group.path())
}

/// Whether a child of `features` has a value for each feature.
pub(crate) fn is_property(name: &str) -> bool {
    !name.starts_with('_') && name != "target_sets"
}

/// The table of genes: names as index, ids and other properties as columns. Properties that are not columns are
/// left out with a warning.
///
/// # Errors
/// `Malformed` if names are missing or columns differ in length; those of reading.
pub(crate) fn var(group: &Node, observer: &dyn Observer) -> Result<Table<'static>> {
    let Some(features) = group.child("features")? else {
        let ids = texts(group, "genes")?;
        return Table::new(None, texts(group, "gene_names")?, vec![("gene_ids".into(), ids)])
            .in_object(group.path());
    };
    let renamed = [
        ("id", "gene_ids"),
        ("feature_type", "feature_types"),
        ("genome", "genome"),
        ("gene_id", "gene_ids"),
    ];
    let mut columns: Vec<(String, TableColumn<'static>)> = Vec::new();
    let links = features.links()?;
    let others = links
        .iter()
        .map(|l| l.name().into_owned())
        .filter(|n| is_property(n) && n != "name" && !renamed.iter().any(|(from, _)| from == n));
    let first = renamed.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned()));
    for (from, to) in first.chain(others.map(|n| (n.clone(), n))) {
        let Some(child) = features.child(&from)? else { continue };
        // files of probes have both `id` (of the probe) and `gene_id`
        let to =
            if from == "id" && features.child("gene_id")?.is_some() { "probe_ids".to_owned() } else { to };
        if !child.is_array() || columns.iter().any(|(n, _)| *n == to) {
            continue;
        }
        observer.check_cancelled()?;
        match FileColumn::open(&child) {
            Ok(column) => columns.push((to, Arc::new(column))),
            Err(e) if e.kind() == Kind::Unsupported => observer.warn(&Warning::column(child.path(), e)),
            Err(e) => return Err(e),
        }
    }
    Table::new(None, texts(&features, "name")?, columns).in_object(features.path())
}

/// The array `name` of a group, which must be text.
fn texts(group: &Node, name: &str) -> Result<TableColumn<'static>> {
    let child = group
        .child(name)?
        .ok_or_else(|| Error::malformed(format!("'{name}' is missing")))
        .in_object(group.path())?;
    let column = FileColumn::open(&child)?;
    match column.head() {
        Column::Strings(_) => Ok(Arc::new(column)),
        other => {
            let text = format!("text expected, got {}", other.type_name());
            Err(Error::unsupported(text).in_object(child.path()))
        }
    }
}
