//! The tables that go with a matrix, each read once for as long as somebody holds it.

use super::anndata::{AnnData, Flavour};
use crate::anndata::{Axis, Dimension, dimensions_of, frame_rows, read_frame};
use crate::error::{Error, Kind, Place, Result};
use crate::formats::{loom, tenx};
use crate::observe::Observer;
use crate::sync::lock;
use crate::table::Frame;
use crate::tree::Node;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};

/// Tables that were read, by what they are of. One that nobody holds any more is forgotten, so that the memory it takes is
/// that of its users.
#[derive(Debug, Clone, Default)]
pub(super) struct Tables(Arc<Mutex<HashMap<String, Weak<Frame>>>>);

impl Tables {
    /// The table called `name`, made by `read` unless somebody holds it.
    fn get(&self, name: &str, read: impl FnOnce() -> Result<Frame>) -> Result<Arc<Frame>> {
        if let Some(frame) = lock(&self.0).get(name).and_then(Weak::upgrade) {
            return Ok(frame);
        }
        let frame = Arc::new(read()?);
        lock(&self.0).insert(name.to_owned(), Arc::downgrade(&frame));
        Ok(frame)
    }
}

impl AnnData {
    /// The tables of the rows and the columns of the matrix called `name`, whose shape is `shape`. A dimension that has no
    /// table, such as the second one of `obsm`, gets numbers for names.
    ///
    /// # Errors
    /// `Malformed` where a table is damaged, or its length is not that of the matrix.
    pub fn frames(&self, name: &str, shape: [u64; 2], observer: &dyn Observer) -> Result<[Arc<Frame>; 2]> {
        Ok([self.frame(name, 0, shape[0], observer)?, self.frame(name, 1, shape[1], observer)?])
    }

    /// The table of one dimension (0: rows, 1: columns) of the matrix called `name`, which has `len` positions there.
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
        let name = name.trim_matches('/');
        let frame = match (self.flavour(), dimension) {
            (Flavour::Loom, 0) => self
                .tables
                .get("col_attrs", || loom::frame(self.root(), "col_attrs", "CellID", len, observer))?,
            (Flavour::Loom, _) => self
                .tables
                .get("row_attrs", || loom::frame(self.root(), "row_attrs", "Gene", len, observer))?,
            (Flavour::TenX3 | Flavour::TenX2, 0) => {
                let group = self.tenx_group(name)?;
                self.tables.get(&format!("{}/barcodes", group.path()), || tenx::obs(&group))?
            }
            (Flavour::TenX3 | Flavour::TenX2, _) => {
                let group = self.tenx_group(name)?;
                self.tables.get(&format!("{}/features", group.path()), || tenx::var(&group, observer))?
            }
            _ => self.anndata_frame(name, dimension, len, observer)?,
        };
        if frame.rows() as u64 != len {
            let what = ["rows", "columns"][dimension];
            let text = format!("the matrix '{name}' has {len} {what}, their table has {}", frame.rows());
            return Err(Error::malformed(text));
        }
        Ok(frame)
    }

    fn anndata_frame(
        &self,
        name: &str,
        dimension: usize,
        len: u64,
        observer: &dyn Observer,
    ) -> Result<Arc<Frame>> {
        let (root, inner) = self.modality_of(name)?;
        let path = match dimensions_of(inner)[dimension] {
            Dimension::Axis(axis) => axis.name(),
            Dimension::RawVar if root.child("raw.var")?.is_some() || inner == "raw.X" => "raw.var",
            Dimension::RawVar => "raw/var",
            Dimension::Own => return Ok(Arc::new(Frame::unnamed(len))),
        };
        let uns = root.child("uns").ok().flatten().filter(Node::is_group);
        self.tables.get(&format!("{}/{path}", root.path()), || match root.descend(path) {
            Ok(object) => read_frame(&object, uns.as_ref(), len, observer),
            Err(e) if e.kind() == Kind::NotFound => Ok(Frame::unnamed(len)),
            Err(e) => Err(e),
        })
    }

    /// The AnnData that a matrix belongs to, and its name in there: in MuData the modality is the root of what is below it.
    fn modality_of<'n>(&self, name: &'n str) -> Result<(Node, &'n str)> {
        match name.strip_prefix("mod/").and_then(|n| n.split_once('/')) {
            Some((modality, inner)) => Ok((self.root().descend(&format!("mod/{modality}"))?, inner)),
            None => Ok((self.root().clone(), name)),
        }
    }

    /// Rows and columns of a matrix. A file without `X` has the shape that its tables have; only their metadata is read.
    ///
    /// # Errors
    /// As [`matrix`](Self::matrix); where a table cannot be opened.
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
