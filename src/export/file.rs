//! Writes the elements of an HDF5 file one after another; which of them there are depends on its flavour.

use super::ExportRun;
use crate::anndata::{Axes, Axis, Dimension, ElementKind, MAPPINGS, StoredMatrix, frame_rows, graphs_in_uns};
use crate::array::{CastArray, SelectedRows};
use crate::dataset::{AnnData, Flavour};
use crate::error::{Error, Place, Result};
use crate::matrix::{CastValues, Selected, Selection, Source};
use crate::observe::Warning;
use crate::table::{Column, Table, TableColumn};
use crate::tree::{Link, Location, Node};
use std::collections::HashMap;

/// One input file, and the run that writes its elements.
pub(super) struct FileExport<'r, 'a> {
    pub(super) run: &'r mut ExportRun<'a>,
    pub(super) data: &'r AnnData,
    /// The tables of `X`, if they are open already.
    pub(super) tables: Option<&'r [Table<'static>; 2]>,
}

/// What the tables change in `uns`.
#[derive(Default)]
pub(super) struct Labels {
    /// The columns whose categories decide about colours, by the name of the colours: `obs` before `var`.
    kept: HashMap<String, Vec<KeptLabels>>,
    /// Names of category lists (`COLUMN_categories`, before 0.7) that the columns now hold themselves.
    consumed: Vec<String>,
}

impl<'a> FileExport<'_, 'a> {
    /// Writes all elements of the output.
    pub(super) fn tables_and_matrices(&mut self) -> Result<()> {
        let (obs, var) = (self.run.selection.obs.as_deref(), self.run.selection.var.as_deref());
        let both = Axes { rows: obs, columns: var };
        let name = self.run.matrix.clone();
        if self.data.flavour().is_anndata() {
            self.data.check_mappings(self.data.shape_of("X")?)?;
        }
        self.data.check_shape(&name)?;
        let (at, path) = (self.run.at("X"), self.path(&name));
        if !self.run.writer.leaves(&at, &path) {
            let written = self.x(&at, &name, both);
            self.run.writer.tolerated(&at, &path, written)?;
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
            && self.run.cast.is_none()
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
        let opened = |dimension: usize| match self.tables {
            Some(tables) => Ok(tables[dimension].clone()),
            None => self.data.table(name, dimension, shape[dimension], self.run.observer),
        };
        let [obs, var] = [opened(0)?, opened(1)?];
        let selection: &'a Selection = self.run.selection;
        let mut labels = Labels::default();
        let partial = !selection.is_all();
        let mut left = |table: Table<'a>, rows: Option<&'a [u64]>| -> Result<Table<'a>> {
            let categorical = |c: &TableColumn<'a>| matches!(c.head(), Column::Categorical(_));
            for (column, _) in table.columns().iter().filter(|(_, c)| categorical(c)) {
                labels.consumed.push(format!("{column}_categories"));
            }
            let table = match rows {
                Some(rows) => table.select(rows)?,
                None => table,
            };
            if !partial {
                return Ok(table);
            }
            table.without_unused(&mut |column, had, left| {
                let kept = KeptLabels { had: had as u64, left: left.to_vec() };
                labels.kept.entry(format!("{column}_colors")).or_default().push(kept);
            })
        };
        let tables = [left(obs, selection.obs.as_deref())?, left(var, selection.var.as_deref())?];
        let [obs, var] = self.run.names.applied(tables)?;
        self.run.writer.table(&self.run.at("obs"), &obs)?;
        self.run.writer.table(&self.run.at("var"), &var)?;
        self.run.shape = [obs.rows(), var.rows()];
        Ok(labels)
    }

    /// Writes a matrix of cells and genes in the layout and type asked for, unless [`split`](super::split) has
    /// written it already.
    fn matrix(&mut self, at: &Location, name: &str, matrix: &StoredMatrix, axes: Axes<'_>) -> Result<()> {
        if self.run.ready.remove(name) {
            return Ok(());
        }
        let stored = matrix.orientation();
        let cast = self.run.cast_of(at, matrix.dtype().ok());
        let turned = self.run.must_turn(at, stored);
        let place = self.path(name);
        match (matrix, cast) {
            (_, None) if !turned => self.run.writer.copy_matrix(at, matrix, axes),
            (StoredMatrix::Dense(dense), Some((dtype, policy))) if !dense.is_transposed() && !turned => {
                dense.array().check_holes()?;
                let chosen = SelectedRows::new(dense.array(), axes.rows, axes.columns).in_object(&place)?;
                let rows = CastArray::new(&chosen, dtype, policy).in_object(&place)?;
                self.run.writer.dense(at, &rows).in_object(&place)
            }
            _ => {
                let (budget, observer) = (self.run.budget, self.run.observer);
                let source = matrix.source(budget, observer)?;
                let [lines, minor] = axes.of(source.layout().orientation);
                let selected = Selected::new(&source, lines, minor, budget, observer)?;
                let cast = cast.map(|(dtype, policy)| CastValues::new(&selected, dtype, policy));
                let values: &dyn Source = cast.as_ref().map_or(&selected, |cast| cast);
                self.run.compressed(at, values).in_object(&place)
            }
        }
    }

    /// Writes a mapping and its children, all selected along the same axes, except those that
    /// [`split`](super::split) has written already.
    fn mapping(&mut self, at: &Location, object: &Node, axes: Axes<'_>) -> Result<()> {
        // tables lose unused categories whichever axis is selected
        let pruned = axes.rows.is_none() && !self.run.selection.is_all();
        self.each_child(at, object, |export, link| {
            let name = format!("{at}/{}", link.name());
            if export.run.ready.remove(name.trim_start_matches('/')) {
                return Ok(());
            }
            if export.turned_layer(at, object, link, axes)? {
                return Ok(());
            }
            let all: Option<Vec<u64>> = match object.open_link(link) {
                Ok(child) if pruned && ElementKind::of(&child).is_ok_and(|k| k == ElementKind::Frame) => {
                    Some((0..frame_rows(&child)?).collect())
                }
                _ => None,
            };
            let axes = Axes { rows: all.as_deref().or(axes.rows), ..axes };
            export.run.writer.copy_link(at, object, link, axes).map(drop)
        })
    }

    /// Writes a layer in another layout, if the program that is to read the output asks for it. Returns whether it
    /// does.
    fn turned_layer(&mut self, at: &Location, layers: &Node, link: Link<'_>, axes: Axes<'_>) -> Result<bool> {
        if *at != self.run.at("layers") {
            return Ok(false);
        }
        let (to, name) = (at.child(&link.name()), format!("layers/{}", link.name()));
        let opened = layers.open_link(link).and_then(|layer| StoredMatrix::open(&layer));
        let Ok(matrix) = opened.as_ref() else { return Ok(false) };
        if self.run.writer.leaves(&to, &format!("/{name}")) || !self.run.must_turn(&to, matrix.orientation())
        {
            return Ok(false);
        }
        let written = self.matrix(&to, &name, matrix, axes);
        self.run.writer.tolerated(&to, &format!("/{name}"), written).map(|()| true)
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
        let layers = self.run.at("layers");
        let names = self.data.matrix_names()?;
        let spliced = names.iter().any(|n| n == "layers/spliced");
        for name in &names {
            let short = name.strip_prefix("layers/").unwrap_or(name);
            if name != "matrix" || spliced {
                let (at, path) = (layers.child(short), self.path(name));
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
            let at = self.run.at(to);
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
        let level = self.run.writer.enter_group(&root)?;
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
            self.aligned(&root, name, Axes::selected(along, obs, var))?;
        }
        self.run.writer.leave_group(level);
        let (at, path) = (self.run.at("raw"), self.path("raw"));
        let left =
            self.run.writer.leaves(&at, &path) || self.run.writer.leaves(&at.child("X"), &self.path("raw/X"));
        if left || !genes_of_var {
            return Ok(());
        }
        let written = self.raw(&root, obs);
        self.run.writer.tolerated(&at, &path, written)
    }

    /// The path in the input of the element `name` of this AnnData.
    fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.data.root().path().trim_end_matches('/'))
    }

    /// Writes the mapping `name`, whose elements follow `axes`; an empty one if there is none.
    pub(super) fn aligned(&mut self, root: &Node, name: &str, axes: Axes<'_>) -> Result<()> {
        self.part(root, name, |export, at, object| match object.is_group() {
            true => export.mapping(at, object, axes),
            // anndata 0.5 stored a mapping as one compound dataset, with a member for each key
            false => {
                export.run.writer.compound_mapping(at, object, axes.rows)?;
                export.run.writer.dict(at)
            }
        })?;
        let at = self.run.at(name);
        if self.run.writer.has(&at) { Ok(()) } else { self.run.writer.dict(&at) }
    }

    /// Runs `write` for the child `name` of the root, if there is one and it is not left out.
    pub(super) fn part(
        &mut self,
        root: &Node,
        name: &str,
        write: impl FnOnce(&mut Self, &Location, &Node) -> Result<()>,
    ) -> Result<()> {
        let at = self.run.at(name);
        let Some(link) = root.links()?.into_iter().find(|link| link.is_called(name)) else { return Ok(()) };
        let Some(object) = self.run.writer.open_link(&at, root, link)? else { return Ok(()) };
        let written = write(self, &at, &object);
        self.run.writer.tolerated(&at, object.path(), written)
    }

    /// Writes `uns`; colours follow the categories that are left.
    pub(super) fn uns(&mut self, at: &Location, uns: &Node, labels: &Labels) -> Result<()> {
        let legacy = self.data.flavour() == Flavour::AnnData06;
        self.each_child(at, uns, |export, link| {
            let name = link.name().into_owned();
            if legacy && labels.consumed.contains(&name) {
                return Ok(()); // the column itself is written with its categories
            }
            let to = at.child(&name);
            let Some(child) = export.run.writer.open_link(&to, uns, link)? else { return Ok(()) };
            let written = match labels.kept.get(&name) {
                Some(kept) if child.is_array() => export.colours(&to, &child, kept),
                _ if name == "neighbors" && child.is_group() => export.neighbors(&to, &child),
                _ => return export.run.writer.copy(&to, &child, Axes::default()).map(drop),
            };
            export.run.writer.tolerated(&to, child.path(), written)
        })
    }

    /// Writes the colours of categories, without those of categories that are dropped.
    fn colours(&mut self, at: &Location, object: &Node, kept: &[KeptLabels]) -> Result<()> {
        let array = object.array()?;
        match remaining(array.shape(), kept) {
            Ok(rows) if array.shape().is_empty() => {
                let text = array.read()?;
                if !text.is_text() {
                    return self.run.writer.copy(at, object, Axes::default()).map(drop);
                }
                // one colour for one category, which anndata's view makes a list
                let colour = text.strings()?;
                let left = rows.iter().filter_map(|_| colour.bytes(0)).collect();
                self.run.writer.strings(at, &left)
            }
            Ok(rows) => self.run.writer.copy(at, object, Axes { rows: Some(&rows), columns: None }).map(drop),
            Err(reason) => {
                let reason = reason.in_object(object.path());
                self.run.observer.warn(&Warning::element(object.path(), reason));
                Ok(())
            }
        }
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
            let to = export.run.at("obsp").child(&name);
            export.run.writer.copy(&to, graph, Axes { rows, columns: rows }).map(drop)
        })
    }

    /// Writes `raw`, if there is one.
    fn raw(&mut self, root: &Node, obs: Option<&[u64]>) -> Result<()> {
        let Ok(matrix) = self.data.matrix("raw/X") else { return Ok(()) };
        let at = self.run.at("raw");
        let axes = Axes { rows: obs, columns: None };
        self.matrix(&at.child("X"), "raw/X", &matrix, axes)?;
        let var = self.data.table("raw/X", 1, matrix.shape()[1], self.run.observer)?;
        self.run.writer.table(&at.child("var"), &var)?;
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

/// Which categories of a column are left.
struct KeptLabels {
    /// The number of categories before.
    had: u64,
    /// The codes, among those, of the categories that are left.
    left: Vec<u64>,
}

/// The rows that are left of colours of the given shape, as anndata's view takes them: first by the column of
/// `obs`, then by that of `var` of the same name. One colour alone counts as a list of one.
///
/// # Errors
/// `Malformed` if there is not one colour for each category; anndata then drops the colours.
fn remaining(shape: &[u64], kept: &[KeptLabels]) -> Result<Vec<u64>> {
    let mut rows: Vec<u64> = (0..shape.first().copied().unwrap_or(1)).collect();
    for (step, column) in kept.iter().enumerate() {
        if step == 0 && shape.is_empty() {
            continue;
        }
        if rows.len() as u64 != column.had {
            let text = format!("expected a colour for each of {} categories, got {}", column.had, rows.len());
            return Err(Error::malformed(text));
        }
        rows = column.left.iter().filter_map(|code| rows.get(*code as usize).copied()).collect();
    }
    Ok(rows)
}

#[cfg(all(test, feature = "write"))]
mod tests {
    use super::*;
    use crate::anndata::tests::{BUDGET, at, bytes, ints, open, texts, write_to};
    use crate::dataset::Dataset;
    use crate::dtype::Dtype;
    use crate::export::{ExportOptions, export};
    use crate::matrix::{InMemory, Layout, Orientation};
    use crate::strings::Strings;
    use crate::table::{Categorical, Frame};

    /// Exports `rows` of a file with three cells in categories, their colours, one gene, and graphs of
    /// neighbours where anndata before 0.7 stored them. Returns the output's root.
    fn exported(rows: Option<&[u64]>) -> Node {
        exported_part(rows, None)
    }

    /// As [`exported`], with the number of genes of `columns`. Every column of labels has an unused one.
    fn exported_part(rows: Option<&[u64]>, columns: Option<&[u64]>) -> Node {
        let dir = tempfile::tempdir().unwrap();
        let (input, output) = (dir.path().join("in.h5ad"), dir.path().join("out.h5ad"));
        let labels = |list: &[&str], codes: &[i64], ordered| {
            let labels = Column::Strings(texts(list));
            Column::Categorical(Categorical::new(codes, labels, ordered).unwrap())
        };
        let group = labels(&["a", "b", "c"], &[0, 2, 1], false);
        let size = labels(&["small", "middle", "big"], &[2, 0, -1], true);
        let none = labels(&["x"], &[-1, -1, -1], false);
        let columns_of = vec![("group".into(), group), ("size".into(), size), ("none".into(), none)];
        let obs = Frame::new(None, texts(&["c0", "c1", "c2"]), columns_of).unwrap();
        let biotype = || vec![("biotype".to_owned(), labels(&["rna", "dna"], &[1], false))];
        let var = Frame::new(None, texts(&["g"]), biotype()).unwrap();
        let more = Frame::new(
            None,
            texts(&["c0", "c1", "c2"]),
            vec![("m".into(), labels(&["k", "l"], &[1; 3], false))],
        );
        // [[0, 5, 0], [0, 0, 6], [7, 0, 0]]
        let layout = Layout::new(Orientation::Csr, [3, 3], 3, Dtype::Uint8).unwrap();
        let graph = InMemory::new(layout, vec![0, 1, 2, 3], vec![1, 2, 0], vec![5, 6, 7]).unwrap();
        write_to(&input, |w| {
            w.raw_array("X", &bytes(&[3, 1], &[1, 2, 3]))?;
            w.frame(&at("obs"), &obs)?;
            w.frame(&at("var"), &var)?;
            w.frame(&at("obsm/frame"), &more.unwrap())?;
            w.dict(&at("obsm"))?;
            w.frame(&at("raw/var"), &var)?;
            w.raw_array("raw/X", &bytes(&[3, 1], &[1, 2, 3]))?;
            w.raw(&at("raw"))?;
            w.strings(&at("uns/size_colors"), &texts(&["1", "2"]))?;
            w.strings(&at("uns/biotype_colors"), &texts(&["r", "d"]))?;
            w.text(&at("uns/none_colors"), "grey")?;
            w.strings(&at("uns/group_colors"), &texts(&["red", "green", "blue"]))?;
            w.strings(&at("uns/other_colors"), &texts(&["red", "green", "blue"]))?;
            w.sparse(&at("uns/neighbors/connectivities"), &graph)?;
            w.raw_array("uns/neighbors/n", &ints(&[15]))?;
            w.dict(&at("uns/neighbors"))?;
            w.dict(&at("uns"))
        });
        let selection = Selection { obs: rows.map(<[u64]>::to_vec), var: columns.map(<[u64]>::to_vec) };
        let dataset = Dataset::open(&input).unwrap();
        export(&dataset, &output, &selection, &ExportOptions::default(), &()).unwrap();
        open(&output)
    }

    #[test]
    fn an_element_of_another_shape_is_refused_before_anything_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let (input, output) = (dir.path().join("in.h5ad"), dir.path().join("out.h5ad"));
        write_to(&input, |w| {
            w.raw_array("X", &bytes(&[3, 1], &[1, 2, 3]))?;
            w.frame(&at("obs"), &Frame::unnamed(3))?;
            w.frame(&at("var"), &Frame::unnamed(1))?;
            w.raw_array("obsm/wide", &bytes(&[4, 2], &[0; 8]))?;
            w.dict(&at("obsm"))
        });
        let dataset = Dataset::open(&input).unwrap();
        let done = export(&dataset, &output, &Selection::default(), &ExportOptions::default(), &());
        let e = done.map(drop).unwrap_err();
        assert_eq!((e.message(), e.object()), ("expected 3 rows, as in obs, got 4", Some("/obsm/wide")));
        assert!(!output.exists());
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

    /// Selecting genes drops the unused categories of cells too, and the other way round: anndata's view does so,
    /// of both tables and those in `obsm`, but not of `raw`. Colours of another number than the categories are
    /// dropped, and one colour alone becomes a list.
    #[test]
    fn unused_categories_go_whichever_axis_is_selected() {
        for (rows, columns) in [(None, Some(&[0][..])), (Some(&[0, 1, 2][..]), None)] {
            let part = exported_part(rows, columns);
            let categories = |path: &str| strings(&part, &format!("{path}/categories"));
            assert_eq!(categories("obs/group"), texts(&["a", "b", "c"]));
            assert_eq!(categories("obs/size"), texts(&["small", "big"]));
            assert_eq!(categories("obs/none"), texts(&[]));
            assert_eq!(categories("var/biotype"), texts(&["dna"]));
            assert_eq!(categories("obsm/frame/m"), texts(&["l"]));
            assert_eq!(categories("raw/var/biotype"), texts(&["rna", "dna"]));
            assert_eq!(strings(&part, "uns/biotype_colors"), texts(&["d"]));
            assert_eq!(strings(&part, "uns/none_colors"), texts(&["grey"]));
            assert!(part.descend("uns").unwrap().child("size_colors").unwrap().is_none());
        }
        let whole = exported(None);
        assert_eq!(strings(&whole, "obs/size/categories"), texts(&["small", "middle", "big"]));
        assert_eq!(strings(&whole, "uns/size_colors"), texts(&["1", "2"]));
    }

    /// A column of `obs` and one of `var` share the name of their colours: the second takes what the first left.
    #[test]
    fn colours_of_two_columns() {
        let kept = |had, left: &[u64]| KeptLabels { had, left: left.to_vec() };
        assert_eq!(remaining(&[3], &[kept(3, &[0, 2]), kept(2, &[1])]).unwrap(), [2]);
        let error = remaining(&[3], &[kept(3, &[0, 2]), kept(3, &[1])]).unwrap_err();
        assert_eq!(error.message(), "expected a colour for each of 3 categories, got 2");
        assert_eq!(remaining(&[], &[kept(3, &[0, 2])]).unwrap(), [0]);
        assert!(remaining(&[], &[kept(3, &[0, 2]), kept(2, &[0])]).is_err());
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
