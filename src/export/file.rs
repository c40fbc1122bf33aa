//! Writes the elements of an HDF5 file one after another; which of them there are depends on its flavour.

use super::ExportRun;
use crate::anndata::{Axes, Axis, Dimension, MAPPINGS, StoredMatrix, graphs_in_uns};
use crate::dataset::{AnnData, Flavour};
use crate::error::{Place, Result};
use crate::matrix::{Selected, Source};
use crate::table::{Column, Frame};
use crate::tree::{Link, Location, Node};
use std::collections::HashMap;
use std::sync::Arc;

/// One input file, and the run that writes its elements.
pub(super) struct FileExport<'r, 'a> {
    pub(super) run: &'r mut ExportRun<'a>,
    pub(super) data: &'r AnnData,
}

/// Columns that lost categories, by the name of their colours in `uns`: the previous count, and which are left.
type LostLabels = HashMap<String, (u64, Vec<u64>)>;

/// What the tables change in `uns`.
#[derive(Default)]
struct Labels {
    /// Colours to subset with the categories of their columns.
    lost: LostLabels,
    /// Names of category lists (`COLUMN_categories`, before 0.7) that the columns now hold themselves.
    consumed: Vec<String>,
}

impl FileExport<'_, '_> {
    /// Writes all elements of the output.
    pub(super) fn tables_and_matrices(&mut self) -> Result<()> {
        let (obs, var) = (self.run.selection.obs.as_deref(), self.run.selection.var.as_deref());
        let both = Axes { rows: obs, columns: var };
        let name = self.run.matrix.clone();
        let at = Location::root().child("X");
        if !self.run.writer.leaves(&at, &name) {
            let written = self.x(&at, &name, both);
            self.run.writer.tolerated(&at, &format!("/{name}"), written)?;
        }
        let shape = self.data.shape_of(&name)?;
        let labels = self.frames(&name, shape)?;
        match self.data.flavour() {
            Flavour::Loom => self.loom(both),
            Flavour::TenX2 | Flavour::TenX3 => Ok(()),
            _ => self.anndata(&labels),
        }
    }

    /// Writes the matrix that becomes `X`, if there is one.
    fn x(&mut self, at: &Location, name: &str, axes: Axes<'_>) -> Result<()> {
        if name == "X" && !self.data.has_x()? {
            return Ok(());
        }
        let matrix = self.data.matrix(name)?;
        self.matrix(at, name, &matrix, axes)?;
        if self.data.flavour().is_anndata()
            && self.run.layout.is_none()
            && name == "X"
            && let Some(x) = self.data.root().child(name)?
        {
            self.run.writer.note_copy(at, &x, axes);
        }
        Ok(())
    }

    /// Writes `obs` and `var`.
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

    /// Writes `X` or `raw/X` in the layout asked for, unless [`split`](super::split) has written it already.
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

    /// Writes a mapping and its children, all selected along the same axes, except those that
    /// [`split`](super::split) has written already.
    fn mapping(&mut self, at: &Location, object: &Node, axes: Axes<'_>) -> Result<()> {
        self.each_child(at, object, |export, link| {
            let name = format!("{at}/{}", link.name());
            if !export.run.ready.remove(name.trim_start_matches('/')) {
                export.run.writer.copy_link(at, object, link, axes)?;
            }
            Ok(())
        })
    }

    /// Writes a mapping at `at`, whose children `write` has copied from the links of `object`.
    fn each_child(
        &mut self,
        at: &Location,
        object: &Node,
        mut write: impl FnMut(&mut Self, Link<'_>) -> Result<()>,
    ) -> Result<()> {
        let level = self.run.writer.enter_group(object).in_object(&at.to_string())?;
        let written = object.links().and_then(|links| links.into_iter().try_for_each(|l| write(self, l)));
        self.run.writer.leave_group(level);
        written?;
        self.run.writer.dict(at)
    }

    /// Writes the layers of a loom file, and its attributes of two or more dimensions as `obsm` and `varm`.
    fn loom(&mut self, axes: Axes<'_>) -> Result<()> {
        let layers = Location::root().child("layers");
        let names = self.data.matrix_names()?;
        let spliced = names.iter().any(|n| n == "layers/spliced");
        for name in &names {
            let short = name.strip_prefix("layers/").unwrap_or(name);
            if name != "matrix" || spliced {
                let (at, path) = (layers.child(short), format!("/{name}"));
                if self.run.writer.leaves(&at, &path) {
                    continue;
                }
                let writer = &mut self.run.writer;
                let written =
                    self.data.matrix(name).and_then(|matrix| writer.copy_matrix(&at, &matrix, axes));
                writer.tolerated(&at, &path, written)?;
            }
        }
        self.run.writer.dict(&layers)?;
        let root = self.data.root().clone();
        for (from, to, rows) in [("col_attrs", "obsm", axes.rows), ("row_attrs", "varm", axes.columns)] {
            let at = Location::root().child(to);
            let attributes = root.descend(from)?;
            for link in attributes.links()? {
                let to = at.child(&link.name());
                let Some(child) = self.run.writer.open_link(&to, &attributes, link)? else { continue };
                if child.is_array() && child.array()?.shape().len() > 1 {
                    self.run.writer.copy(&to, &child, Axes { rows, columns: None })?;
                }
            }
            self.run.writer.dict(&at)?;
        }
        Ok(())
    }

    /// Writes the mappings, `uns` and `raw` of an AnnData file of any generation.
    fn anndata(&mut self, labels: &Labels) -> Result<()> {
        let root = self.data.root().clone();
        let (obs, var) = (self.run.selection.obs.as_deref(), self.run.selection.var.as_deref());
        self.run.writer.enter_group(&root)?;
        self.part(&root, "uns", |export, at, uns| match uns.is_group() {
            true => export.uns(at, uns, labels),
            false => Ok(()),
        })?;
        // with `raw/X` as `X`, the columns are the genes of `raw/var`
        let genes_of_var = self.run.matrix != "raw/X";
        for (name, along) in MAPPINGS {
            if !genes_of_var && along.contains(&Dimension::Axis(Axis::Var)) {
                continue;
            }
            let axes = Axes::selected(along, obs, var);
            self.part(&root, name, |export, at, object| match object.is_group() {
                true => export.mapping(at, object, axes),
                // anndata 0.5 stored a mapping as one compound dataset, with a member for each key
                false => {
                    export.run.writer.compound_mapping(at, object, axes.rows)?;
                    export.run.writer.dict(at)
                }
            })?;
            let at = Location::root().child(name);
            if !self.run.writer.has(&at) {
                self.run.writer.dict(&at)?;
            }
        }
        let at = Location::root().child("raw");
        let left = self.run.writer.leaves(&at, "/raw") || self.run.writer.leaves(&at.child("X"), "/raw/X");
        if left || !genes_of_var {
            return Ok(());
        }
        let written = self.raw(&root, obs);
        self.run.writer.tolerated(&at, "/raw", written)
    }

    /// Runs `write` for the child `name` of the root, if there is one and it is not left out.
    fn part(
        &mut self,
        root: &Node,
        name: &str,
        write: impl FnOnce(&mut Self, &Location, &Node) -> Result<()>,
    ) -> Result<()> {
        let at = Location::root().child(name);
        let Some(link) = root.links()?.into_iter().find(|link| link.is_called(name)) else { return Ok(()) };
        let Some(object) = self.run.writer.open_link(&at, root, link)? else { return Ok(()) };
        let written = write(self, &at, &object);
        self.run.writer.tolerated(&at, object.path(), written)
    }

    /// Writes `uns`; colours follow the categories that are left.
    fn uns(&mut self, at: &Location, uns: &Node, labels: &Labels) -> Result<()> {
        let legacy = self.data.flavour() == Flavour::AnnData06;
        self.each_child(at, uns, |export, link| {
            let name = link.name().into_owned();
            if legacy && labels.consumed.contains(&name) {
                return Ok(()); // the column itself is written with its categories
            }
            let to = at.child(&name);
            let Some(child) = export.run.writer.open_link(&to, uns, link)? else { return Ok(()) };
            let colours = labels.lost.get(&name).filter(|(had, _)| {
                child.is_array() && child.array().is_ok_and(|array| array.shape() == [*had])
            });
            if name == "neighbors" && child.is_group() {
                let written = export.neighbors(&to, &child);
                return export.run.writer.tolerated(&to, child.path(), written);
            }
            let rows = colours.map(|(_, left)| left.as_slice());
            export.run.writer.copy(&to, &child, Axes { rows, columns: None }).map(drop)
        })
    }

    /// Writes `uns/neighbors`. Its graphs, which were stored here before 0.7, go to `obsp` and follow the rows.
    /// A graph of the same name in `obsp` is written later and replaces them.
    fn neighbors(&mut self, at: &Location, object: &Node) -> Result<()> {
        let rows = self.run.selection.obs.as_deref();
        let graphs = graphs_in_uns(self.data.root());
        self.each_child(at, object, |export, link| {
            let name = link.name().into_owned();
            let Some((_, graph)) = graphs.iter().find(|(graph, _)| *graph == name) else {
                return export.run.writer.copy_link(at, object, link, Axes::default()).map(drop);
            };
            let to = Location::root().child("obsp").child(&name);
            export.run.writer.copy(&to, graph, Axes { rows, columns: rows }).map(drop)
        })
    }

    /// Writes `raw`, if there is one.
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

#[cfg(all(test, feature = "write"))]
mod tests {
    use super::*;
    use crate::anndata::tests::{BUDGET, at, bytes, ints, open, texts, write_to};
    use crate::dataset::Dataset;
    use crate::dtype::Dtype;
    use crate::export::{ExportOptions, export};
    use crate::matrix::{InMemory, Layout, Orientation, Selection};
    use crate::strings::Strings;
    use crate::table::Categorical;

    /// Exports `rows` of a file with three cells in categories, their colours, one gene, and graphs of
    /// neighbours where anndata before 0.7 stored them. Returns the output's root.
    fn exported(rows: Option<&[u64]>) -> Node {
        let dir = tempfile::tempdir().unwrap();
        let (input, output) = (dir.path().join("in.h5ad"), dir.path().join("out.h5ad"));
        let labels = Column::Strings(texts(&["a", "b", "c"]));
        let group = Column::Categorical(Categorical::new(&[0, 2, 1], labels, false).unwrap());
        let obs = Frame::new(None, texts(&["c0", "c1", "c2"]), vec![("group".into(), group)]).unwrap();
        // [[0, 5, 0], [0, 0, 6], [7, 0, 0]]
        let layout = Layout::new(Orientation::Csr, [3, 3], 3, Dtype::Uint8).unwrap();
        let graph = InMemory::new(layout, vec![0, 1, 2, 3], vec![1, 2, 0], vec![5, 6, 7]).unwrap();
        write_to(&input, |w| {
            w.raw_array("X", &bytes(&[3, 1], &[1, 2, 3]))?;
            w.frame(&at("obs"), &obs)?;
            w.frame(&at("var"), &Frame::unnamed(1))?;
            w.strings(&at("uns/group_colors"), &texts(&["red", "green", "blue"]))?;
            w.strings(&at("uns/other_colors"), &texts(&["red", "green", "blue"]))?;
            w.sparse(&at("uns/neighbors/connectivities"), &graph)?;
            w.raw_array("uns/neighbors/n", &ints(&[15]))?;
            w.dict(&at("uns/neighbors"))?;
            w.dict(&at("uns"))
        });
        let selection = Selection { obs: rows.map(<[u64]>::to_vec), var: None };
        let dataset = Dataset::open(&input).unwrap();
        export(&dataset, &output, &selection, &ExportOptions::default(), &()).unwrap();
        open(&output)
    }

    fn strings(root: &Node, path: &str) -> Strings {
        root.descend(path).unwrap().array().unwrap().read().unwrap().strings().unwrap()
    }

    /// Cells 0 and 1 are in the categories a and c: b and its colour are dropped. Colours without a column stay
    /// unchanged.
    #[test]
    fn colours_follow_the_labels_that_are_left() {
        let part = exported(Some(&[0, 1]));
        assert_eq!(strings(&part, "obs/group/categories"), texts(&["a", "c"]));
        assert_eq!(strings(&part, "uns/group_colors"), texts(&["red", "blue"]));
        assert_eq!(strings(&part, "uns/other_colors"), texts(&["red", "green", "blue"]));
        assert_eq!(strings(&exported(None), "uns/group_colors"), texts(&["red", "green", "blue"]));
    }

    /// Graphs move from `uns/neighbors` to `obsp` and follow the cells along both axes; the rest of the mapping stays.
    #[test]
    fn graphs_of_neighbours_move_to_obsp() {
        let read = |root: &Node| {
            assert!(root.descend("uns/neighbors").unwrap().child("connectivities").unwrap().is_none());
            let n = root.descend("uns/neighbors/n").unwrap().array().unwrap().read().unwrap();
            assert_eq!(n.integers().unwrap(), [15]);
            let graph = StoredMatrix::open(&root.descend("obsp/connectivities").unwrap()).unwrap();
            InMemory::read(&graph.source(BUDGET, &()).unwrap(), BUDGET, &()).unwrap()
        };
        let whole = Layout::new(Orientation::Csr, [3, 3], 3, Dtype::Uint8).unwrap();
        let expected = InMemory::new(whole, vec![0, 1, 2, 3], vec![1, 2, 0], vec![5, 6, 7]).unwrap();
        assert_eq!(read(&exported(None)), expected);
        // [[0, 7], [0, 0]]: cells 2 and 0 of [[0, 5, 0], [0, 0, 6], [7, 0, 0]]
        let part = Layout::new(Orientation::Csr, [2, 2], 1, Dtype::Uint8).unwrap();
        let expected = InMemory::new(part, vec![0, 1, 1], vec![1], vec![7]).unwrap();
        assert_eq!(read(&exported(Some(&[2, 0]))), expected);
    }
}
