//! Finds the elements of a dataset under the paths that they have in a current file, whatever it is.

use crate::anndata::{ElementKind, MAPPINGS, graphs_in_uns, read_frame};
use crate::dataset::{Dataset, Flavour};
use crate::error::{Kind, Result};
use crate::matrix::Budget;
use crate::observe::Observer;
use crate::table::{Column, Frame};
use crate::tree::{Node, Value};
use std::sync::Arc;

/// An element and its path.
pub(super) struct CurrentElement {
    pub(super) path: String,
    pub(super) item: ElementContent,
}

/// What an element is read from.
pub(super) enum ElementContent {
    /// A matrix that the dataset opens by this name.
    Matrix(String),
    Table(Arc<Frame>),
    /// An object of a container, with all that is in it.
    Object(Node),
    /// A key of a mapping that is stored as one compound array.
    Member(Value),
}

/// All elements, in the order in which a current file has them.
///
/// # Errors
/// Those of reading tables and of opening objects.
pub(super) fn elements(
    data: &Dataset,
    budget: Budget,
    observer: &dyn Observer,
) -> Result<Vec<CurrentElement>> {
    let mut out = FoundElements(Vec::new());
    let Some(file) = data.anndata() else {
        let shape = data.shape("X", budget, observer)?;
        out.add("X", ElementContent::Matrix("X".into()));
        if let Some(frames) = data.frames("X", shape, observer)? {
            out.tables(&frames);
        }
        return Ok(out.0);
    };
    if file.flavour() == Flavour::MuData {
        return of_mudata(data, file.root(), budget, observer);
    }
    if file.has_x()? {
        out.add("X", ElementContent::Matrix("X".into()));
    }
    let frames = file.frames("X", file.shape_of("X")?, observer)?;
    out.tables(&frames);
    let root = file.root();
    match file.flavour() {
        Flavour::TenX2 | Flavour::TenX3 => {}
        Flavour::Loom => out.loom(root, &file.matrix_names()?)?,
        flavour => {
            out.mappings(root)?;
            if let Ok(matrix) = file.matrix("raw/X") {
                out.add("raw/X", ElementContent::Matrix("raw/X".into()));
                let var = file.frame("raw/X", 1, matrix.shape()[1], observer)?;
                out.add("raw/var", ElementContent::Table(var));
                match root.descend("raw/varm").or_else(|_| root.descend("raw.varm")) {
                    Ok(varm) => out.mapping("raw/varm", &varm)?,
                    Err(e) if e.kind() == Kind::NotFound => {}
                    Err(e) => return Err(e),
                }
            }
            let consumed = match flavour {
                Flavour::AnnData06 => labels_in_uns(&frames),
                _ => Vec::new(),
            };
            if let Some(uns) = root.child("uns")?.filter(Node::is_group) {
                out.uns("uns", &uns, &consumed)?;
            }
        }
    }
    Ok(out.0)
}

/// The elements of each modality, below `mod/NAME`, and those of all cells.
fn of_mudata(
    data: &Dataset,
    root: &Node,
    budget: Budget,
    observer: &dyn Observer,
) -> Result<Vec<CurrentElement>> {
    let mut out = FoundElements(Vec::new());
    for link in root.descend("mod")?.links()? {
        let prefix = format!("mod/{}", link.name());
        for CurrentElement { path, item } in elements(&data.modality(&link.name())?, budget, observer)? {
            let item = match item {
                ElementContent::Matrix(name) => ElementContent::Matrix(format!("{prefix}/{name}")),
                item => item,
            };
            out.add(format!("{prefix}/{path}"), item);
        }
    }
    for link in root.links()?.into_iter().filter(|link| !link.is_called("mod")) {
        let (name, object) = (link.name().into_owned(), root.open_link(link)?);
        match name.as_str() {
            "obs" | "var" => {
                let frame = read_frame(&object, None, 0, observer)?;
                out.add(name, ElementContent::Table(Arc::new(frame)));
            }
            "uns" if object.is_group() => out.uns("uns", &object, &[])?,
            "obsmap" | "varmap" => out.mapping(&name, &object)?,
            name if MAPPINGS.iter().any(|(known, _)| *known == name) => out.mapping(name, &object)?,
            _ => out.add(name, ElementContent::Object(object)),
        }
    }
    Ok(out.0)
}

/// Names of category lists in `uns` (`COLUMN_categories`, before 0.7) that belong to the columns.
fn labels_in_uns(frames: &[Arc<Frame>; 2]) -> Vec<String> {
    let columns = frames.iter().flat_map(|frame| frame.columns());
    let labels = columns.filter(|(_, column)| matches!(column, Column::Categorical(_)));
    labels.map(|(name, _)| format!("uns/{name}_categories")).collect()
}

struct FoundElements(Vec<CurrentElement>);

impl FoundElements {
    fn add(&mut self, path: impl Into<String>, item: ElementContent) {
        self.0.push(CurrentElement { path: path.into(), item });
    }

    fn has(&self, path: &str) -> bool {
        self.0.iter().any(|element| element.path == path)
    }

    fn tables(&mut self, frames: &[Arc<Frame>; 2]) {
        for (name, frame) in ["obs", "var"].into_iter().zip(frames) {
            self.add(name, ElementContent::Table(Arc::clone(frame)));
        }
    }

    /// The layers of a loom file, and its attributes of two or more dimensions.
    fn loom(&mut self, root: &Node, names: &[String]) -> Result<()> {
        let spliced = names.iter().any(|name| name == "layers/spliced");
        for name in names.iter().filter(|name| *name != "matrix" || spliced) {
            let short = name.strip_prefix("layers/").unwrap_or(name);
            self.add(format!("layers/{short}"), ElementContent::Matrix(name.clone()));
        }
        for (from, to) in [("col_attrs", "obsm"), ("row_attrs", "varm")] {
            let attributes = root.descend(from)?;
            for link in attributes.links()? {
                let child = attributes.open_link(link)?;
                if child.is_array() && child.array()?.shape().len() > 1 {
                    self.add(format!("{to}/{}", link.name()), ElementContent::Object(child));
                }
            }
        }
        Ok(())
    }

    fn mappings(&mut self, root: &Node) -> Result<()> {
        for (name, _) in MAPPINGS {
            if let Some(object) = root.child(name)? {
                self.mapping(name, &object)?;
            }
        }
        for (name, graph) in graphs_in_uns(root) {
            let path = format!("obsp/{name}");
            if !self.has(&path) {
                self.add(path, ElementContent::Object(graph));
            }
        }
        Ok(())
    }

    /// The keys of a mapping: children of a group, or members of a compound array (anndata 0.5).
    fn mapping(&mut self, at: &str, object: &Node) -> Result<()> {
        if object.is_array() {
            let value = object.array()?.read()?;
            for name in value.member_names().unwrap_or_default() {
                self.add(format!("{at}/{name}"), ElementContent::Member(value.member(name)?.unpacked()));
            }
            return Ok(());
        }
        for link in object.links()? {
            self.add(format!("{at}/{}", link.name()), ElementContent::Object(object.open_link(link)?));
        }
        Ok(())
    }

    /// The elements in a mapping of `uns`, at any depth, and empty mappings.
    fn uns(&mut self, at: &str, mapping: &Node, consumed: &[String]) -> Result<()> {
        for link in mapping.links()? {
            let path = format!("{at}/{}", link.name());
            // graphs in uns/neighbors are in obsp
            let graph = at == "uns/neighbors" && self.has(&format!("obsp/{}", link.name()));
            let child = mapping.open_link(link)?;
            if consumed.contains(&path) || (graph && crate::anndata::StoredMatrix::is_matrix(&child)) {
                continue;
            }
            let inner = child.is_group() && ElementKind::of(&child)? == ElementKind::Mapping;
            match inner && !child.links()?.is_empty() {
                true => self.uns(&path, &child, consumed)?,
                false => self.add(path, ElementContent::Object(child)),
            }
        }
        Ok(())
    }
}
