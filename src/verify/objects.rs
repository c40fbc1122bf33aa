//! Compares all elements of two datasets: finds those that belong together, and compares each by its kind.

use super::elements::{CurrentElement, ElementContent, elements};
use super::matrices::of_half;
use super::{CompareRun, tables, tables_of};
use crate::anndata::{ElementKind, StoredMatrix, read_column, read_frame};
use crate::dtype::Numeric;
use crate::error::{Place, Result};
use crate::matrix::AnySource;
use crate::table::Frame;
use crate::tree::Node;
use std::collections::HashMap;
use std::sync::Arc;

/// Mappings whose elements are matrices, compared by their entries whatever their layout.
const OF_MATRICES: [&str; 3] = ["layers/", "obsp/", "varp/"];

impl<'r> CompareRun<'r> {
    /// Compares all elements of both sides.
    pub(super) fn everything(&mut self) -> Result<()> {
        let of = |side: usize| {
            let data = self.sides[side];
            elements(data, self.options.budget, self.observer).in_file(data.path())
        };
        let (left, right) = (of(0)?, of(1)?);
        let mut others: HashMap<&str, &CurrentElement> = right.iter().map(|e| (e.path.as_str(), e)).collect();
        let tables = NamedTables::of(&left);
        for a in &left {
            match others.remove(a.path.as_str()) {
                Some(b) => self.pair(a, b, &tables)?,
                None => self.on_one_side(a, ["present", "absent"]),
            }
        }
        for b in right.iter().filter(|b| others.contains_key(b.path.as_str())) {
            self.on_one_side(b, ["absent", "present"]);
        }
        Ok(())
    }

    fn skips(&self, element: &CurrentElement) -> bool {
        !self.options.tables && matches!(element.item, ElementContent::Table(_))
    }

    fn on_one_side(&mut self, element: &CurrentElement, [a, b]: [&str; 2]) {
        if !self.skips(element) {
            self.found.compared.push(element.path.clone());
            self.found.whole(&element.path, "", a, b);
        }
    }

    fn pair(&mut self, a: &CurrentElement, b: &CurrentElement, tables: &NamedTables) -> Result<()> {
        if self.skips(a) {
            return Ok(());
        }
        self.observer.check_cancelled()?;
        let path = &a.path;
        self.found.compared.push(path.clone());
        if let (Some(left), Some(right)) = (self.source(0, a)?, self.source(1, b)?) {
            if self.same_form(path, [&left, &right]) {
                let names = tables_of(path).map(|table| tables.named(table.as_deref()));
                self.entries(path, [&left, &right], names)?;
            }
            return Ok(());
        }
        let [file_a, file_b] = self.sides.map(|side| side.path());
        match (&a.item, &b.item) {
            (ElementContent::Table(x), ElementContent::Table(y)) => {
                tables::compare(path, x, y, &mut self.found)
            }
            (ElementContent::Object(x), ElementContent::Object(y)) => self.objects(path, x, y),
            (ElementContent::Member(x), ElementContent::Member(y)) => self.values(path, x, y),
            (ElementContent::Member(x), ElementContent::Object(y)) if y.is_array() => {
                let y = y.array().and_then(|array| array.read()).in_file(file_b)?;
                self.values(path, x, &y)
            }
            (ElementContent::Object(x), ElementContent::Member(y)) if x.is_array() => {
                let x = x.array().and_then(|array| array.read()).in_file(file_a)?;
                self.values(path, &x, y)
            }
            _ => {
                self.found.whole(path, "kind", kind_of(&a.item)?, kind_of(&b.item)?);
                Ok(())
            }
        }
    }

    /// Opens the entries of an element; `None` if it is not a matrix that is compared by its entries.
    fn source(&self, side: usize, element: &CurrentElement) -> Result<Option<AnySource<'r>>> {
        let (data, half) = (self.sides[side], self.half());
        match &element.item {
            ElementContent::Matrix(name) => data.matrix(name, half, self.observer).map(Some).map_err(of_half),
            ElementContent::Object(node)
                if OF_MATRICES.iter().any(|m| inner(&element.path).starts_with(m)) =>
            {
                let matrix = match StoredMatrix::open(node) {
                    Ok(StoredMatrix::Dense(d)) if Numeric::of(d.array().datatype()).is_none() => {
                        return Ok(None);
                    }
                    Ok(matrix) => matrix,
                    Err(_) => return Ok(None),
                };
                let source = matrix.source(half, self.observer).map_err(of_half).in_file(data.path())?;
                Ok(Some(source as AnySource<'r>))
            }
            _ => Ok(None),
        }
    }

    /// Compares two objects of containers by their kind.
    fn objects(&mut self, path: &str, a: &Node, b: &Node) -> Result<()> {
        let [file_a, file_b] = self.sides.map(|side| side.path());
        let (kind_a, kind_b) = (ElementKind::of(a).in_file(file_a)?, ElementKind::of(b).in_file(file_b)?);
        let column =
            |kind: &ElementKind| matches!(kind, ElementKind::Column(_) | ElementKind::ReferringColumn);
        match (&kind_a, &kind_b) {
            (ElementKind::Array, ElementKind::Array) => self.arrays(path, a, b),
            (ElementKind::Sparse(_), ElementKind::Sparse(_)) => {
                let open = |node: &Node| {
                    StoredMatrix::open(node)?.source(self.half(), self.observer).map_err(of_half)
                };
                let (left, right) = (open(a).in_file(file_a)?, open(b).in_file(file_b)?);
                match self.same_form(path, [&left, &right]) {
                    true => self.entries(path, [&left, &right], [None, None]),
                    false => Ok(()),
                }
            }
            (ElementKind::Frame, ElementKind::Frame) => {
                let frame = |node: &Node| read_frame(node, None, 0, self.observer);
                let (x, y) = (frame(a).in_file(file_a)?, frame(b).in_file(file_b)?);
                tables::compare(path, &x, &y, &mut self.found)
            }
            (x, y) if column(x) && column(y) => {
                let (x, y) = (read_column(a).in_file(file_a)?, read_column(b).in_file(file_b)?);
                tables::compare_columns(path, "", [&x, &y], &mut self.found)
            }
            (
                ElementKind::Mapping | ElementKind::Structure,
                ElementKind::Mapping | ElementKind::Structure,
            ) => self.children(path, a, b),
            (ElementKind::Awkward, ElementKind::Awkward) => self.foreign(path, a, b),
            (ElementKind::Unknown(x), ElementKind::Unknown(y)) if x == y => self.foreign(path, a, b),
            (x, y) => {
                self.found.whole(path, "kind", shown(x), shown(y));
                Ok(())
            }
        }
    }

    /// Compares groups whose encoding is compared as it is stored: attributes and children.
    fn foreign(&mut self, path: &str, a: &Node, b: &Node) -> Result<()> {
        let attributes = |node: &Node| {
            let all = node.attributes()?;
            all.into_iter().map(|(name, value)| Ok((name, value?))).collect::<Result<Vec<_>>>()
        };
        let [file_a, file_b] = self.sides.map(|side| side.path());
        let (left, right) = (attributes(a).in_file(file_a)?, attributes(b).in_file(file_b)?);
        let mut others: HashMap<_, _> = right.into_iter().collect();
        for (name, x) in left {
            let place = format!("{path}@{name}");
            match others.remove(&name) {
                Some(y) => self.values(&place, &x, &y)?,
                None => self.found.whole(path, &format!("attribute '{name}'"), "present", "absent"),
            }
        }
        let mut others: Vec<String> = others.into_keys().collect();
        others.sort();
        for name in others {
            self.found.whole(path, &format!("attribute '{name}'"), "absent", "present");
        }
        self.children(path, a, b)
    }

    /// Compares the children of two groups by name.
    fn children(&mut self, path: &str, a: &Node, b: &Node) -> Result<()> {
        let names = |node: &Node| -> Result<Vec<String>> {
            Ok(node.links()?.iter().map(|link| link.name().into_owned()).collect())
        };
        let [file_a, file_b] = self.sides.map(|side| side.path());
        for name in names(a).in_file(file_a)? {
            let place = format!("{path}/{name}");
            match (a.child(&name).in_file(file_a)?, b.child(&name).in_file(file_b)?) {
                (Some(x), Some(y)) => self.objects(&place, &x, &y)?,
                (_, None) => self.found.whole(&place, "", "present", "absent"),
                (None, _) => {}
            }
        }
        for name in names(b).in_file(file_b)? {
            if a.child(&name).in_file(file_a)?.is_none() {
                self.found.whole(&format!("{path}/{name}"), "", "absent", "present");
            }
        }
        Ok(())
    }
}

/// Tables of the first side by path, for names in differences.
struct NamedTables(HashMap<String, Arc<Frame>>);

impl NamedTables {
    fn of(elements: &[CurrentElement]) -> Self {
        let table = |e: &CurrentElement| match &e.item {
            ElementContent::Table(frame) => Some((e.path.clone(), Arc::clone(frame))),
            _ => None,
        };
        NamedTables(elements.iter().filter_map(table).collect())
    }

    fn named(&self, path: Option<&str>) -> Option<Arc<Frame>> {
        self.0.get(path?).cloned()
    }
}

/// The path of an element in its AnnData, which may be a modality of MuData.
fn inner(path: &str) -> &str {
    path.strip_prefix("mod/").and_then(|rest| rest.split_once('/')).map_or(path, |(_, inner)| inner)
}

fn kind_of(item: &ElementContent) -> Result<&'static str> {
    Ok(match item {
        ElementContent::Matrix(_) => "matrix",
        ElementContent::Table(_) => "table",
        ElementContent::Member(_) => "array",
        ElementContent::Object(node) => shown(&ElementKind::of(node)?),
    })
}

fn shown(kind: &ElementKind) -> &'static str {
    match kind {
        ElementKind::Array => "array",
        ElementKind::ReferringColumn | ElementKind::Column(_) => "column",
        ElementKind::Sparse(_) => "compressed matrix",
        ElementKind::Frame => "table",
        ElementKind::Awkward => "awkward array",
        ElementKind::Mapping | ElementKind::Structure => "mapping",
        ElementKind::Unknown(_) => "group of another encoding",
    }
}
