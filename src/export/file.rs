//! The elements of a file, one after the other.

use super::Run;
use crate::anndata::{Axes, MAPPINGS, StoredMatrix, graphs_in_uns};
use crate::dataset::{AnnData, Flavour};
use crate::error::Result;
use crate::matrix::{Selected, Source};
use crate::table::{Column, Frame};
use crate::tree::{Location, Node};
use std::collections::HashMap;
use std::sync::Arc;

/// A file on its way out.
pub(super) struct File<'r, 'a> {
    pub(super) run: &'r mut Run<'a>,
    pub(super) data: &'r AnnData,
}

/// A column that lost labels: how many it had, and which are left.
type LostLabels = HashMap<String, (u64, Vec<u64>)>;

/// What follows from the tables for `uns`.
#[derive(Default)]
struct Labels {
    /// Colours of columns that lost labels.
    lost: LostLabels,
    /// Names of the labels that columns have themselves now.
    consumed: Vec<String>,
}

impl File<'_, '_> {
    pub(super) fn tables_and_matrices(&mut self) -> Result<()> {
        let (obs, var) = (self.run.selection.obs.as_deref(), self.run.selection.var.as_deref());
        let both = Axes { rows: obs, columns: var };
        let name = self.run.matrix.clone();
        if self.data.has_x()? {
            let matrix = self.data.matrix(&name)?;
            self.matrix(&Location::root().child("X"), &name, &matrix, both)?;
        }
        let shape = self.data.shape_of(&name)?;
        let labels = self.frames(&name, shape)?;
        match self.data.flavour() {
            Flavour::Loom => self.loom(both),
            Flavour::TenX2 | Flavour::TenX3 => Ok(()),
            _ => self.anndata(&labels),
        }
    }

    fn frames(&mut self, name: &str, shape: [u64; 2]) -> Result<Labels> {
        let frames = self.data.frames(name, shape, self.run.observer)?;
        let selected = [self.run.selection.obs.as_deref(), self.run.selection.var.as_deref()];
        let mut labels = Labels::default();
        let mut left = |frame: Arc<Frame>, rows: Option<&[u64]>| -> Result<Frame> {
            for (column, _) in frame.columns().iter().filter(|(_, c)| matches!(c, Column::Categorical(_))) {
                labels.consumed.push(format!("{column}_categories"));
            }
            let Some(rows) = rows else { return Ok(Arc::unwrap_or_clone(frame)) };
            frame.select(rows)?.without_unused(&mut |column, had, left| {
                labels.lost.insert(format!("{column}_colors"), (had as u64, left.to_vec()));
            })
        };
        let ([obs, var], [rows, columns]) = (frames, selected);
        let [obs, var] = self.run.names.applied([left(obs, rows)?, left(var, columns)?])?;
        let root = Location::root();
        self.run.writer.frame(&root.child("obs"), &obs)?;
        self.run.writer.frame(&root.child("var"), &var)?;
        self.run.shape = [obs.rows() as u64, var.rows() as u64];
        Ok(labels)
    }

    /// `X` or `raw/X`, in the layout asked for.
    fn matrix(&mut self, at: &Location, name: &str, matrix: &StoredMatrix, axes: Axes<'_>) -> Result<()> {
        if self.run.ready.remove(name) {
            return Ok(());
        }
        let stored = match matrix {
            StoredMatrix::Sparse(s) => Some(s.orientation()),
            StoredMatrix::Dense(_) => None,
        };
        if self.run.layout.is_none() || stored.is_none() || stored == self.run.layout {
            return self.run.writer.copy_matrix(at, matrix, axes);
        }
        let source = matrix.source(self.run.budget, self.run.observer)?;
        let [lines, minor] = axes.of(source.layout().orientation);
        let selected = Selected::new(&source, lines, minor, self.run.budget, self.run.observer)?;
        self.run.compressed(at, &selected)
    }

    /// The children of a mapping, each with the same axes.
    fn mapping(&mut self, at: &Location, object: &Node, axes: Axes<'_>) -> Result<()> {
        self.run.writer.children(at, object, axes)?;
        self.run.writer.dict(at)
    }

    /// The layers of AnnData, but for those that are written already.
    fn layers(&mut self, at: &Location, object: &Node, axes: Axes<'_>) -> Result<()> {
        for link in object.links()? {
            if !self.run.ready.remove(&format!("layers/{}", link.name())) {
                self.run.writer.copy_link(at, object, link, axes)?;
            }
        }
        self.run.writer.dict(at)
    }

    /// Layers, and attributes of more than one dimension, which are no columns.
    fn loom(&mut self, axes: Axes<'_>) -> Result<()> {
        let layers = Location::root().child("layers");
        let names = self.data.matrix_names()?;
        let spliced = names.iter().any(|n| n == "layers/spliced");
        for name in &names {
            let short = name.strip_prefix("layers/").unwrap_or(name);
            if name != "matrix" || spliced {
                let matrix = self.data.matrix(name)?;
                self.run.writer.copy_matrix(&layers.child(short), &matrix, axes)?;
            }
        }
        self.run.writer.dict(&layers)?;
        let root = self.data.root().clone();
        for (from, to, rows) in [("col_attrs", "obsm", axes.rows), ("row_attrs", "varm", axes.columns)] {
            let at = Location::root().child(to);
            let attributes = root.descend(from)?;
            for link in attributes.links()? {
                let child = attributes.open_link(link)?;
                if child.is_array() && child.array()?.shape().len() > 1 {
                    self.run.writer.copy(&at.child(&link.name()), &child, Axes { rows, columns: None })?;
                }
            }
            self.run.writer.dict(&at)?;
        }
        Ok(())
    }

    fn anndata(&mut self, labels: &Labels) -> Result<()> {
        let root = self.data.root().clone();
        let (obs, var) = (self.run.selection.obs.as_deref(), self.run.selection.var.as_deref());
        if let Some(uns) = root.child("uns")?.filter(Node::is_group) {
            self.uns(&Location::root().child("uns"), &uns, labels)?;
        }
        for (name, along) in MAPPINGS {
            let axes = Axes::selected(along, obs, var);
            let at = Location::root().child(name);
            match root.child(name)? {
                Some(object) if name == "layers" && object.is_group() => self.layers(&at, &object, axes)?,
                Some(object) if object.is_group() => self.mapping(&at, &object, axes)?,
                // anndata 0.5: a compound with an array for each key
                Some(object) => {
                    self.run.writer.compound_mapping(&at, &object, axes.rows)?;
                    self.run.writer.dict(&at)?;
                }
                None => self.run.writer.dict(&at)?,
            }
        }
        self.raw(&root, obs)
    }

    fn uns(&mut self, at: &Location, uns: &Node, labels: &Labels) -> Result<()> {
        let legacy = self.data.flavour() == Flavour::AnnData06;
        for link in uns.links()? {
            let name = link.name().into_owned();
            if legacy && labels.consumed.contains(&name) {
                continue; // the labels of a column, which has them itself now
            }
            let child = uns.open_link(link)?;
            let to = at.child(&name);
            match labels.lost.get(&name) {
                Some((had, left)) if child.is_array() && child.array()?.shape() == [*had] => {
                    self.run.writer.copy(&to, &child, Axes { rows: Some(left), columns: None })?;
                }
                _ if name == "neighbors" && child.is_group() => self.neighbors(&to, &child)?,
                _ => {
                    self.run.writer.copy(&to, &child, Axes::default())?;
                }
            }
        }
        self.run.writer.dict(at)
    }

    /// Neighbour graphs were in `uns` before 0.7; they belong to `obsp` now and follow the rows. A graph of the same name in
    /// `obsp` is written later and takes their place.
    fn neighbors(&mut self, at: &Location, object: &Node) -> Result<()> {
        let rows = self.run.selection.obs.as_deref();
        let graphs = graphs_in_uns(self.data.root());
        for link in object.links()? {
            let name = link.name().into_owned();
            if let Some((_, graph)) = graphs.iter().find(|(graph, _)| *graph == name) {
                let to = Location::root().child("obsp").child(&name);
                self.run.writer.copy(&to, graph, Axes { rows, columns: rows })?;
            } else {
                let child = object.open_link(link)?;
                self.run.writer.copy(&at.child(&name), &child, Axes::default())?;
            }
        }
        self.run.writer.dict(at)
    }

    fn raw(&mut self, root: &Node, obs: Option<&[u64]>) -> Result<()> {
        let Ok(matrix) = self.data.matrix("raw/X") else { return Ok(()) };
        let at = Location::root().child("raw");
        let axes = Axes { rows: obs, columns: None };
        self.matrix(&Location::from_path("raw/X"), "raw/X", &matrix, axes)?;
        let var = self.data.frame("raw/X", 1, matrix.shape()[1], self.run.observer)?;
        self.run.writer.frame(&at.child("var"), &var)?;
        let varm = at.child("varm");
        match root.descend("raw/varm").or_else(|_| root.descend("raw.varm")) {
            Ok(object) if object.is_group() => self.mapping(&varm, &object, Axes::default())?,
            Ok(object) => {
                self.run.writer.compound_mapping(&varm, &object, None)?;
                self.run.writer.dict(&varm)?;
            }
            Err(_) => self.run.writer.dict(&varm)?,
        }
        self.run.writer.raw(&at)
    }
}
