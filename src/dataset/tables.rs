//! The tables of the rows and columns of a matrix. What was opened stays open, what was read is cached while it is
//! in use.

use super::anndata::{AnnData, Flavour};
use crate::anndata::{Axis, Dimension, dimensions_of, frame_rows, open_frame_without};
use crate::error::{Error, Kind, Place, Result};
use crate::formats::{loom, tenx};
use crate::observe::Observer;
use crate::table::{Frame, Table};
use crate::tree::Node;
use std::sync::Arc;

impl AnnData {
    /// The tables of the rows and the columns of the matrix `name`, which has the shape `shape`. A dimension
    /// without a table, such as the second one in `obsm`, gets a table without columns whose names are
    /// numbers from 0.
    ///
    /// # Errors
    /// `Malformed` if a table is damaged or its length differs from the dimension of the matrix; otherwise
    /// errors of reading.
    pub fn frames(&self, name: &str, shape: [u64; 2], observer: &dyn Observer) -> Result<[Arc<Frame>; 2]> {
        Ok([self.frame(name, 0, shape[0], observer)?, self.frame(name, 1, shape[1], observer)?])
    }

    /// The table of one dimension (0: rows, 1: columns) of the matrix `name`, which has `len` rows or columns.
    ///
    /// # Errors
    /// As [`frames`](Self::frames).
    pub fn frame(
        &self,
        name: &str,
        dimension: usize,
        len: u64,
        observer: &dyn Observer,
    ) -> Result<Arc<Frame>> {
        let (path, table) = self.opened(name, dimension, len, observer)?;
        self.tables.get(&path, || table.read(0..len))
    }

    /// As [`frame`](Self::frame), but the table is only opened: it is read by ranges of rows.
    ///
    /// # Errors
    /// `Malformed` if its length differs from the dimension of the matrix; otherwise errors of opening.
    pub fn table(
        &self,
        name: &str,
        dimension: usize,
        len: u64,
        observer: &dyn Observer,
    ) -> Result<Table<'static>> {
        Ok(self.opened(name, dimension, len, observer)?.1)
    }

    /// The table of one dimension of a matrix, and its path.
    fn opened(
        &self,
        name: &str,
        dimension: usize,
        len: u64,
        observer: &dyn Observer,
    ) -> Result<(String, Table<'static>)> {
        let name = name.trim_matches('/');
        let (path, table) = match (self.flavour(), dimension) {
            (Flavour::Loom, _) => {
                let (path, index) = [("col_attrs", "CellID"), ("row_attrs", "Gene")][dimension.min(1)];
                let open = || loom::frame(self.root(), path, index, len, observer);
                (path.to_owned(), self.tables.opened(path, open)?)
            }
            (Flavour::TenX3 | Flavour::TenX2, 0) => {
                let group = self.tenx_group(name)?;
                let path = format!("{}/barcodes", group.path());
                let table = self.tables.opened(&path, || tenx::obs(&group))?;
                (path, table)
            }
            (Flavour::TenX3 | Flavour::TenX2, _) => {
                let group = self.tenx_group(name)?;
                let path = format!("{}/features", group.path());
                let table = self.tables.opened(&path, || tenx::var(&group, observer))?;
                (path, table)
            }
            _ => self.anndata_table(name, dimension, len, observer)?,
        };
        if table.rows() != len {
            return Err(of_other_length(name, dimension, len, table.rows()));
        }
        Ok((path, table))
    }

    fn anndata_table(
        &self,
        name: &str,
        dimension: usize,
        len: u64,
        observer: &dyn Observer,
    ) -> Result<(String, Table<'static>)> {
        let Some((root, table_name)) = self.table_of(name, dimension)? else {
            return Ok((format!("{name} {dimension}"), Table::unnamed(len)));
        };
        let uns = root.child("uns").ok().flatten().filter(Node::is_group);
        let path = format!("{}/{table_name}", root.path());
        let table = self.tables.opened(&path, || match root.descend(table_name) {
            Ok(object) => open_frame_without(&object, uns.as_ref(), len, &self.leave_out, observer),
            Err(e) if e.kind() == Kind::NotFound => Ok(Table::unnamed(len)),
            Err(e) => Err(e),
        })?;
        Ok((path, table))
    }

    /// Where the table of one dimension of the matrix `name` belongs: the root of its AnnData, and the path there.
    /// `None` if the dimension has no table.
    fn table_of(&self, name: &str, dimension: usize) -> Result<Option<(Node, &'static str)>> {
        let (root, inner) = self.modality_of(name)?;
        let path = match dimensions_of(inner)[dimension] {
            Dimension::Axis(axis) => axis.name(),
            Dimension::RawVar if root.child("raw.var")?.is_some() || inner == "raw.X" => "raw.var",
            Dimension::RawVar => "raw/var",
            Dimension::Own => return Ok(None),
        };
        Ok(Some((root, path)))
    }

    /// Checks that the matrix `name` has as many rows and columns as their tables. Reads metadata only, of files whose
    /// tables have their length there; a table that cannot be opened is left to whoever reads it.
    ///
    /// # Errors
    /// As [`frames`](Self::frames) for another length; errors of opening the matrix.
    pub(crate) fn check_shape(&self, name: &str) -> Result<()> {
        if matches!(self.flavour(), Flavour::Loom | Flavour::TenX2 | Flavour::TenX3) {
            return Ok(());
        }
        let name = name.trim_matches('/');
        for (dimension, len) in self.shape_of(name)?.into_iter().enumerate() {
            let Some((root, path)) = self.table_of(name, dimension)? else { continue };
            let rows = root.descend(path).and_then(|table| frame_rows(&table));
            // a table without index and columns has no length of its own
            if let Ok(rows) = rows
                && rows != len
                && rows > 0
            {
                return Err(of_other_length(name, dimension, len, rows));
            }
        }
        Ok(())
    }

    /// The root of the AnnData that contains the matrix `name`, and its name there: in MuData, `mod/NAME` is
    /// the root of a modality.
    fn modality_of<'n>(&self, name: &'n str) -> Result<(Node, &'n str)> {
        match name.strip_prefix("mod/").and_then(|n| n.split_once('/')) {
            Some((modality, inner)) => Ok((self.root().descend(&format!("mod/{modality}"))?, inner)),
            None => Ok((self.root().clone(), name)),
        }
    }

    /// Number of rows and columns of the matrix `name`, from metadata. Without `X`, its shape is that of the
    /// tables.
    ///
    /// # Errors
    /// As [`matrix`](Self::matrix); errors of opening a table.
    pub fn shape_of(&self, name: &str) -> Result<[u64; 2]> {
        if name.trim_matches('/') != "X" || self.has_x()? {
            return Ok(self.matrix(name)?.shape());
        }
        let rows = |axis: Axis| match self.root().child(axis.name())? {
            Some(object) => frame_rows(&object).in_object(object.path()),
            None => Ok(0),
        };
        Ok([rows(Axis::Obs)?, rows(Axis::Var)?])
    }
}

fn of_other_length(name: &str, dimension: usize, len: u64, rows: u64) -> Error {
    let what = ["rows", "columns"][dimension];
    Error::malformed(format!("the matrix '{name}' has {len} {what}, their table has {rows}"))
}
