//! The elements of a file, one after the other.

use super::Run;
use crate::anndata::{Axes, Matrix};
use crate::dataset::{AnnData, Flavour};
use crate::error::Result;
use crate::hdf5::{Group, Object, ObjectAddress};
use crate::matrix::Selected;
use crate::table::{Column, Frame};
use std::collections::HashMap;

/// A file on its way out.
pub(super) struct File<'r, 'a> {
    pub(super) run: &'r mut Run<'a>,
    pub(super) data: &'r AnnData,
}

/// A column that lost labels: how many it had, and which are left.
type LostLabels = HashMap<String, (u64, Vec<u64>)>;

impl File<'_, '_> {
    pub(super) fn tables_and_matrices(&mut self) -> Result<()> {
        let (obs, var) = (self.run.selection.obs.as_deref(), self.run.selection.var.as_deref());
        let both = Axes { rows: obs, columns: var };
        let name = self.run.matrix.clone();
        if self.data.has_x()? {
            let element = self.data.matrix(&name)?;
            let x = self.matrix(&name, &element, both)?;
            self.run.root.link("X", x);
        }
        let shape = self.data.shape_of(&name)?;
        let (mut lost, mut consumed) = (LostLabels::new(), Vec::new());
        self.frames(&name, shape, &mut lost, &mut consumed)?;
        match self.data.flavour() {
            Flavour::Loom => self.loom(both),
            Flavour::TenX2 | Flavour::TenX3 => Ok(()),
            _ => self.anndata(&lost, &consumed),
        }
    }

    fn frames(
        &mut self,
        name: &str,
        shape: [u64; 2],
        lost: &mut LostLabels,
        consumed: &mut Vec<String>,
    ) -> Result<()> {
        let frames = self.data.frames(name, shape, self.run.observer)?;
        let selected = [self.run.selection.obs.as_deref(), self.run.selection.var.as_deref()];
        let mut left = |frame: Frame, rows: Option<&[u64]>| -> Result<Frame> {
            for (column, _) in frame.columns().iter().filter(|(_, c)| matches!(c, Column::Categorical(_))) {
                consumed.push(format!("{column}_categories"));
            }
            let Some(rows) = rows else { return Ok(frame) };
            frame.select(rows)?.without_unused(&mut |column, had, left| {
                lost.insert(format!("{column}_colors"), (had as u64, left.to_vec()));
            })
        };
        let ([obs, var], [rows, columns]) = (frames, selected);
        let [obs, var] = self.run.names.applied([left(obs, rows)?, left(var, columns)?])?;
        self.run.root.link("obs", self.run.writer.frame(&obs)?);
        self.run.root.link("var", self.run.writer.frame(&var)?);
        Ok(())
    }

    /// `X` or `raw/X`, in the layout asked for.
    fn matrix(&mut self, name: &str, element: &Matrix, axes: Axes<'_>) -> Result<ObjectAddress> {
        if let Some(written) = self.run.ready.remove(name) {
            return Ok(written);
        }
        let stored = match element {
            Matrix::Sparse(s) => Some(s.orientation()),
            Matrix::Dense(_) => None,
        };
        if self.run.layout.is_none() || stored.is_none() || stored == self.run.layout {
            return self.run.writer.copy_matrix(element, axes);
        }
        let opened = element.source(self.run.budget, self.run.observer)?;
        let source = opened.as_source();
        let [lines, minor] = axes.of(source.layout().orientation);
        let selected = Selected::new(source, lines, minor, self.run.budget, self.run.observer)?;
        self.run.compressed(&selected)
    }

    /// The children of a mapping, each with the same axes.
    fn mapping(&mut self, object: &Object, axes: Axes<'_>, extra: Group) -> Result<ObjectAddress> {
        let mut group = self.run.writer.children(object, axes)?;
        group.extend(extra);
        self.run.writer.dict(group)
    }

    /// The layers of AnnData, but for those that are written already.
    fn layers(&mut self, object: &Object, axes: Axes<'_>) -> Result<ObjectAddress> {
        let mut group = Group::new();
        for link in object.links()? {
            let name = link.name();
            let written = match self.run.ready.remove(&format!("layers/{name}")) {
                Some(ready) => Some(ready),
                None => self.run.writer.copy_link(object, link, axes)?,
            };
            if let Some(written) = written {
                group.link(&name, written);
            }
        }
        self.run.writer.dict(group)
    }

    /// Layers, and attributes of more than one dimension, which are no columns.
    fn loom(&mut self, axes: Axes<'_>) -> Result<()> {
        let mut layers = Group::new();
        let names = self.data.matrix_names()?;
        let spliced = names.iter().any(|n| n == "layers/spliced");
        for name in &names {
            let short = name.strip_prefix("layers/").unwrap_or(name);
            if name != "matrix" || spliced {
                let element = self.data.matrix(name)?;
                layers.link(short, self.run.writer.copy_matrix(&element, axes)?);
            }
        }
        self.run.root.link("layers", self.run.writer.dict(layers)?);
        let root = self.data.root().clone();
        for (from, to, rows) in [("col_attrs", "obsm", axes.rows), ("row_attrs", "varm", axes.columns)] {
            let mut group = Group::new();
            let attributes = root.descend(from)?;
            for link in attributes.links()? {
                let child = attributes.open_link(link)?;
                if child.is_dataset()
                    && child.dataset()?.shape().len() > 1
                    && let Some(written) = self.run.writer.copy(&child, Axes { rows, columns: None })?
                {
                    group.link(&link.name(), written);
                }
            }
            self.run.root.link(to, self.run.writer.dict(group)?);
        }
        Ok(())
    }

    fn anndata(&mut self, lost: &LostLabels, consumed: &[String]) -> Result<()> {
        let root = self.data.root().clone();
        let (obs, var) = (self.run.selection.obs.as_deref(), self.run.selection.var.as_deref());
        let mut graphs = Group::new();
        if let Some(uns) = root.child("uns")?.filter(Object::is_group) {
            let written = self.uns(&uns, lost, consumed, &mut graphs)?;
            self.run.root.link("uns", written);
        }
        for (name, axes) in [
            ("obsm", Axes { rows: obs, columns: None }),
            ("varm", Axes { rows: var, columns: None }),
            ("obsp", Axes { rows: obs, columns: obs }),
            ("varp", Axes { rows: var, columns: var }),
            ("layers", Axes { rows: obs, columns: var }),
        ] {
            let extra = if name == "obsp" { std::mem::take(&mut graphs) } else { Group::new() };
            let written = match root.child(name)? {
                Some(object) if name == "layers" && object.is_group() => self.layers(&object, axes)?,
                Some(object) if object.is_group() => self.mapping(&object, axes, extra)?,
                // anndata 0.5: a compound with an array for each key
                Some(object) => {
                    let group = self.run.writer.compound_mapping(&object, axes.rows)?;
                    self.run.writer.dict(group)?
                }
                None => self.run.writer.dict(extra)?,
            };
            self.run.root.link(name, written);
        }
        self.raw(&root, obs)
    }

    fn uns(
        &mut self,
        uns: &Object,
        lost: &LostLabels,
        consumed: &[String],
        graphs: &mut Group,
    ) -> Result<ObjectAddress> {
        let mut group = Group::new();
        let legacy = self.data.flavour() == Flavour::AnnData06;
        for link in uns.links()? {
            let name = link.name().into_owned();
            if legacy && consumed.contains(&name) {
                continue; // the labels of a column, which has them itself now
            }
            let child = uns.open_link(link)?;
            let written = match lost.get(&name) {
                Some((had, left)) if child.is_dataset() && child.dataset()?.shape() == [*had] => {
                    self.run.writer.copy(&child, Axes { rows: Some(left), columns: None })?
                }
                _ if name == "neighbors" && child.is_group() => Some(self.neighbors(&child, graphs)?),
                _ => self.run.writer.copy(&child, Axes::default())?,
            };
            if let Some(written) = written {
                group.link(&name, written);
            }
        }
        self.run.writer.dict(group)
    }

    /// Neighbour graphs were in `uns` before 0.7; they belong to `obsp` now and follow the rows.
    fn neighbors(&mut self, object: &Object, graphs: &mut Group) -> Result<ObjectAddress> {
        let mut group = Group::new();
        let rows = self.run.selection.obs.as_deref();
        for link in object.links()? {
            let name = link.name().into_owned();
            let child = object.open_link(link)?;
            let graph = ["distances", "connectivities"].contains(&name.as_str()) && Matrix::is_matrix(&child);
            let axes = if graph { Axes { rows, columns: rows } } else { Axes::default() };
            let Some(written) = self.run.writer.copy(&child, axes)? else { continue };
            match graph {
                true => graphs.link(&name, written),
                false => group.link(&name, written),
            }
        }
        self.run.writer.dict(group)
    }

    fn raw(&mut self, root: &Object, obs: Option<&[u64]>) -> Result<()> {
        let Ok(element) = self.data.matrix("raw/X") else { return Ok(()) };
        let mut raw = Group::new();
        let axes = Axes { rows: obs, columns: None };
        raw.link("X", self.matrix("raw/X", &element, axes)?);
        let [_, var] = self.data.frames("raw/X", element.shape(), self.run.observer)?;
        raw.link("var", self.run.writer.frame(&var)?);
        let varm = match root.descend("raw/varm").or_else(|_| root.descend("raw.varm")) {
            Ok(object) if object.is_group() => self.mapping(&object, Axes::default(), Group::new())?,
            Ok(object) => {
                let group = self.run.writer.compound_mapping(&object, None)?;
                self.run.writer.dict(group)?
            }
            Err(_) => self.run.writer.dict(Group::new())?,
        };
        raw.link("varm", varm);
        let written = self.run.writer.raw(raw)?;
        self.run.root.link("raw", written);
        Ok(())
    }
}
