//! Copies elements of one file to another: in the current encoding, with rows and columns selected.

use crate::anndata::AnnDataWriter;
use crate::anndata::Awkward;
use crate::anndata::axes::Axes;
use crate::anndata::chosen::{checked, select_value};
use crate::anndata::column::FileColumn;
use crate::anndata::copied::CopyOutcome;
use crate::anndata::dataframe::open_frame_without;
use crate::anndata::element::ElementKind;
use crate::anndata::encoding::{Encoding, text_attribute};
use crate::anndata::matrix::StoredMatrix;
use crate::anndata::target::is_unstructured;
use crate::array::{CastArray, Room, Rows, SelectedRows};
use crate::dtype::{Class, Datatype, Dtype, Member, Numeric, Policy};
use crate::error::{Error, Kind, Place, Result};
use crate::matrix::{Selected, Source};
use crate::observe::{Phase, Verb, Warning};
use crate::table::{TableColumn, selected};
use crate::tree::{Array, EncodedValue, Link, Location, Node};
use std::sync::Arc;

/// Arrays of at most this many bytes are copied through memory.
const SMALL: u64 = 8 << 20;

impl AnnDataWriter<'_> {
    /// Copies an element with everything below it, selecting `axes` of it. An object that was copied before, with
    /// the same selection, is linked again. Returns `false` if it is [left out](Self::leaving_out); the observer
    /// then gets a warning with the reason, unless it was left out by name.
    ///
    /// # Errors
    /// `Limit` if groups are nested too deeply; errors of reading what is not left out, and of writing.
    pub fn copy(&mut self, at: &Location, object: &Node, axes: Axes<'_>) -> Result<bool> {
        if self.leaves(at, object.path()) {
            Ok(false)
        } else {
            self.copy_from(at, object.path(), object, axes)
        }
    }

    /// Copies the element to which the link at `path` leads, unless it is left out because of an error.
    fn copy_from(&mut self, at: &Location, path: &str, object: &Node, axes: Axes<'_>) -> Result<bool> {
        if self.leave.is_below(path) || self.leave.is_below(&at.to_string()) {
            // other links to the object lead to all of it
            return self.copy_once(at, object, axes).map(|copy| self.left_out(path, copy.err()));
        }
        let key = self.copied.key(object, axes);
        let copy = match self.copied.get(&key).cloned() {
            Some(Ok(written)) => return self.writer.link_to(at, &written).map(|()| true),
            Some(left_out) => left_out,
            None => self.copy_once(at, object, axes)?,
        };
        // a group that contains this link has no copy yet
        if !self.copied.is_open(object) {
            self.copied.set(key, copy.clone());
        }
        Ok(self.left_out(path, copy.err()))
    }

    /// Warns that the element at `path` is left out, if there is a reason. Returns whether there is none.
    fn left_out(&self, path: &str, reason: Option<Error>) -> bool {
        let Some(reason) = reason else { return true };
        self.observer.warn(&Warning::element(path, reason));
        false
    }

    /// Whether an element is left out by name: that in the input, or that in the output.
    pub(crate) fn leaves(&self, at: &Location, path: &str) -> bool {
        self.leave.names(path) || self.leave.names(&at.to_string())
    }

    /// Copies an object for the first time; what is left out is discarded.
    fn copy_once(&mut self, at: &Location, object: &Node, axes: Axes<'_>) -> Result<CopyOutcome> {
        self.observer.check_cancelled()?;
        let level = self.copied.level();
        let copied = self.copy_inner(at, object, axes);
        self.copied.leave_to(level);
        match copied {
            Err(e) if self.leave.covers(&e) => {
                self.writer.discard(at)?;
                Ok(Err(e))
            }
            Err(e) => Err(e),
            Ok(()) => match self.writer.written(at) {
                Some(written) => Ok(Ok(written)),
                None => Err(Error::usage("expected a location below the root").in_object(&at.to_string())),
            },
        }
    }

    /// Discards what is [left out](Self::leaving_out) because of an error, with a warning.
    ///
    /// # Errors
    /// The error of `written`, if it is no reason to leave the element out.
    pub(crate) fn tolerated(&mut self, at: &Location, path: &str, written: Result<()>) -> Result<()> {
        match written {
            Err(e) if self.leave.covers(&e) => {
                self.writer.discard(at)?;
                self.left_out(path, Some(e));
                Ok(())
            }
            other => other,
        }
    }

    /// Records that `object`, with `axes` of it selected, was written at `at` by other means than
    /// [`copy`](Self::copy), so that its other links lead there.
    pub(crate) fn note_copy(&mut self, at: &Location, object: &Node, axes: Axes<'_>) {
        if let Some(written) = self.writer.written(at) {
            let key = self.copied.key(object, axes);
            self.copied.set(key, Ok(written));
        }
    }

    /// Begins the children of `group`: a link back to it from below is left out. Returns the level for
    /// [`leave_group`](Self::leave_group).
    ///
    /// # Errors
    /// `Unsupported` if `group` is being copied already; `Limit` if it is nested too deeply.
    pub(crate) fn enter_group(&mut self, group: &Node) -> Result<usize> {
        let level = self.copied.level();
        self.copied.enter(group).map(|()| level)
    }

    /// Ends the children of the group that [`enter_group`](Self::enter_group) began at `level`.
    pub(crate) fn leave_group(&mut self, level: usize) {
        self.copied.leave_to(level);
    }

    fn copy_inner(&mut self, at: &Location, object: &Node, axes: Axes<'_>) -> Result<()> {
        let kind = ElementKind::of(object)?;
        self.encodings.check(at, &kind, object).in_object(object.path())?;
        match kind {
            ElementKind::Array => self.copy_array(at, object, axes),
            ElementKind::Sparse(_) => self.copy_matrix(at, &StoredMatrix::open(object)?, axes),
            ElementKind::Frame
                if self.encodings.are_all()
                    && text_attribute(object, "encoding-version")?.as_deref() == Some("0.2.0") =>
            {
                self.children(at, object, Axes { columns: None, ..axes })?;
                self.with_attributes(at, object)
            }
            ElementKind::Frame => {
                let table = open_frame_without(object, None, 0, &self.leave, self.observer)?;
                match axes.rows {
                    Some(rows) => {
                        let table = table.select(checked(rows, table.rows() as usize, object)?)?;
                        self.table(at, &table.without_unused(&mut |_, _, _| ())?)
                    }
                    None => self.table(at, &table),
                }
            }
            ElementKind::Column(_) | ElementKind::ReferringColumn => self.copy_column(at, object, axes),
            ElementKind::Awkward if axes.rows.is_some() => {
                let array = Awkward::read(object)?;
                let rows = checked(axes.rows.unwrap_or_default(), array.len(), object)?;
                let rows: Vec<Option<u64>> = rows.iter().copied().map(Some).collect();
                self.awkward(at, &array.take(&rows))
            }
            ElementKind::Awkward | ElementKind::Unknown(_) => {
                self.children(at, object, Axes::default())?;
                self.with_attributes(at, object)
            }
            // of a key or a column whose name has a `/`: what is inside follows the same axes
            ElementKind::Mapping => {
                self.children(at, object, axes)?;
                self.dict(at)
            }
            ElementKind::Structure => {
                self.children(at, object, Axes::default())?;
                self.dict(at)
            }
        }
    }

    /// Copies all children of a group, with the same selection for each; those that are left out are missing.
    pub(crate) fn children(&mut self, at: &Location, object: &Node, axes: Axes<'_>) -> Result<()> {
        let level = self.enter_group(object).in_object(&at.to_string())?;
        for link in object.links()? {
            self.copy_link(at, object, link, axes)?;
        }
        self.leave_group(level);
        Ok(())
    }

    /// Copies one child of `group` into the group at `at`. Returns `false` if it is left out.
    pub(crate) fn copy_link(
        &mut self,
        at: &Location,
        group: &Node,
        link: Link<'_>,
        axes: Axes<'_>,
    ) -> Result<bool> {
        let to = at.child(&link.name());
        match self.open_link(&to, group, link)? {
            Some(child) => self.copy_from(&to, &path_of(group, link), &child, axes),
            None => Ok(false),
        }
    }

    /// Opens a child of `group` that is to be written at `at`; `None` if it is left out. A link that leads nowhere
    /// or to another file always is, with a warning.
    pub(crate) fn open_link(&self, at: &Location, group: &Node, link: Link<'_>) -> Result<Option<Node>> {
        let path = path_of(group, link);
        if self.leaves(at, &path) {
            return Ok(None);
        }
        match group.open_link(link) {
            Ok(child) => Ok(Some(child)),
            Err(e) if self.leave.covers(&e) || (link.is_by_path() && e.kind() == Kind::Malformed) => {
                self.left_out(&path, Some(e));
                Ok(None)
            }
            Err(e) => Err(e),
        }
    }

    /// Writes the group of copied children with the attributes of `object`.
    fn with_attributes(&mut self, at: &Location, object: &Node) -> Result<()> {
        let mut attributes = Vec::new();
        for (name, value) in object.attributes()? {
            attributes.push((name, self.writer.value(&value?).in_object(object.path())?));
        }
        self.writer.group(at, &attributes)
    }

    fn copy_column(&mut self, at: &Location, object: &Node, axes: Axes<'_>) -> Result<()> {
        let column: TableColumn<'_> = Arc::new(FileColumn::open(object)?);
        let Some(rows) = axes.rows else { return self.column_rows(at, &*column) };
        let rows = checked(rows, column.rows() as usize, object)?;
        self.column_rows(at, &*selected(&column, rows)?)
    }

    /// Copies a matrix, selecting `axes` of it. Compressed matrices stay compressed and dense ones dense,
    /// except those stored transposed (loom), which become compressed.
    ///
    /// # Errors
    /// Errors of reading and of writing.
    pub fn copy_matrix(&mut self, at: &Location, matrix: &StoredMatrix, axes: Axes<'_>) -> Result<()> {
        match matrix {
            StoredMatrix::Dense(d) if !d.is_transposed() => {
                d.array().check_holes()?;
                let attributes = self.encoding("array", "0.2.0")?;
                match self.other_dtype(at, d.array().datatype()) {
                    Some(dtype) => self.cast_rows(at, d.array(), axes, dtype),
                    None => self.chosen_rows(at, d.array(), axes, &attributes),
                }
            }
            _ => self.copy_opened(at, matrix, axes),
        }
    }

    fn copy_opened(&mut self, at: &Location, matrix: &StoredMatrix, axes: Axes<'_>) -> Result<()> {
        let source = matrix.source(self.budget, self.observer)?;
        let width = source.layout().entry_bytes();
        if axes.is_all() {
            self.observer
                .phase(&Phase::new(Verb::Copying, source.layout().entries * width).of(matrix.path()));
            return self.sparse(at, &source);
        }
        let [lines, minor] = axes.of(source.layout().orientation);
        let selected = Selected::new(&source, lines, minor, self.budget, self.observer)?;
        self.observer.phase(&Phase::new(Verb::Copying, selected.layout().entries * width).of(matrix.path()));
        self.sparse(at, &selected)
    }

    fn copy_array(&mut self, at: &Location, object: &Node, axes: Axes<'_>) -> Result<()> {
        let array = object.array()?;
        let (kind, version) = encoding_of(object, &array)?;
        let fixed = !array.datatype().has_references();
        array.check_holes()?;
        if !array.shape().is_empty()
            && let Some(dtype) = self.other_dtype(at, array.datatype())
        {
            return self.cast_rows(at, &array, axes, dtype);
        }
        if fixed && !array.shape().is_empty() && (array.byte_len() > SMALL || array.has_holes()?) {
            let attributes = self.encoding(kind, version)?;
            return self.chosen_rows(at, &array, axes, &attributes);
        }
        if kind == "string-array" && array.shape().len() == 1 {
            return self.copy_column(at, object, axes);
        }
        let value = if axes.is_all() || array.shape().is_empty() {
            array.read()?
        } else if fixed {
            return self.copy_chosen(at, &array, axes, kind, version, object);
        } else {
            select_value(&array.read()?, axes, object)?
        };
        let encoded = if value.is_text() && value.shape().is_some() {
            // strings of fixed length become strings of variable length
            let shape = if kind == "string" { &[] } else { value.shape().unwrap_or_default() };
            self.writer.texts(&value.strings()?, shape)?
        } else {
            self.writer.value(&value).in_object(object.path())?
        };
        let attributes = self.encoding(kind, version)?;
        self.writer.array(at, &encoded, &attributes, &self.storing(encoded.shape()))
    }

    /// The type in which the elements of an array are written, if it is not their own.
    fn other_dtype(&self, at: &Location, datatype: &Datatype) -> Option<Dtype> {
        let from = Numeric::of(datatype).filter(|_| !is_unstructured(at))?.dtype;
        Some(self.encodings.value_dtype(from)).filter(|dtype| *dtype != from)
    }

    /// Copies an array with elements of another type, rounded where that does not hold them.
    fn cast_rows(&mut self, at: &Location, array: &Array, axes: Axes<'_>, dtype: Dtype) -> Result<()> {
        let rows = SelectedRows::new(array, axes.rows, axes.columns).in_object(array.path())?;
        let cast = CastArray::new(&rows, dtype, Policy::Round).in_object(array.path())?;
        self.observer.warn(&self.encodings.changed(&at.to_string(), &format!("written as {dtype}")));
        self.dense(at, &cast)
    }

    /// Copies a large array of values of fixed size, with rows and columns selected.
    fn chosen_rows(
        &mut self,
        at: &Location,
        array: &Array,
        axes: Axes<'_>,
        attributes: &[(String, EncodedValue)],
    ) -> Result<()> {
        let rows = SelectedRows::new(array, axes.rows, axes.columns).in_object(array.path())?;
        self.rows(at, &rows, attributes)
    }

    /// Copies a small array of values of fixed size, with rows and columns selected.
    fn copy_chosen(
        &mut self,
        at: &Location,
        array: &Array,
        axes: Axes<'_>,
        kind: &str,
        version: &str,
        object: &Node,
    ) -> Result<()> {
        let rows = SelectedRows::new(array, axes.rows, axes.columns).in_object(object.path())?;
        let dims = rows.shape();
        let mut bytes = vec![0; (rows.rows() * rows.row_bytes()) as usize];
        if !bytes.is_empty() {
            rows.read(0..dims[0], &mut bytes, &mut Room::default())?;
        }
        let value = EncodedValue::elements(array.datatype(), dims, bytes);
        let attributes = self.encoding(kind, version)?;
        self.writer.array(at, &value, &attributes, &self.storing(value.shape()))
    }
}

/// The path of a link of `group`.
fn path_of(group: &Node, link: Link<'_>) -> String {
    format!("{}/{}", group.path().trim_end_matches('/'), link.name())
}

/// The current encoding and version of an array, from its type, shape and stored encoding.
fn encoding_of(object: &Node, dataset: &Array) -> Result<(&'static str, &'static str)> {
    let scalar = dataset.shape().is_empty();
    let null = dataset.is_null();
    Ok(match (&dataset.datatype().class, Encoding::of(object)?) {
        _ if null => ("null", "0.1.0"),
        (Class::VarString(_) | Class::FixedString(_), _) if scalar => ("string", "0.2.0"),
        // before encodings, one string was stored as an array of one
        (Class::FixedString(_), Encoding::None) if dataset.shape() == [1] => ("string", "0.2.0"),
        (Class::VarString(_) | Class::FixedString(_), _) => ("string-array", "0.2.0"),
        (Class::Compound(members), kind) if kind == Encoding::RecArray || !is_complex(members) => {
            ("rec-array", "0.2.0")
        }
        _ if scalar => ("numeric-scalar", "0.2.0"),
        _ => ("array", "0.2.0"),
    })
}

/// Whether the members are those of a complex number as h5py stores it.
pub(crate) fn is_complex(members: &[Member]) -> bool {
    matches!(members, [a, b] if a.name == "r" && b.name == "i" && a.datatype == b.datatype)
}

#[cfg(all(test, feature = "write"))]
mod tests {
    use super::*;
    use crate::anndata::StorageOptions;
    use crate::anndata::column::read_column;
    use crate::anndata::dataframe::read_frame;
    use crate::anndata::tests::{BUDGET, Warnings, at, bytes, fixed_string, ints, open, texts, written};
    use crate::matrix::{InMemory, Layout, Orientation};
    use crate::table::{Categorical, Column, Frame};

    fn axes<'a>(rows: Option<&'a [u64]>, columns: Option<&'a [u64]>) -> Axes<'a> {
        Axes { rows, columns }
    }

    /// The copy of `x` with these rows and columns.
    fn copied(root: &Node, rows: Option<&[u64]>, columns: Option<&[u64]>) -> Node {
        let root = written(|w| {
            assert!(w.copy(&at("x"), &root.descend("x").unwrap(), axes(rows, columns))?);
            Ok(())
        });
        root.descend("x").unwrap()
    }

    fn kind(node: &Node) -> String {
        node.attribute("encoding-type").unwrap().unwrap().string().unwrap()
    }

    fn integers(node: &Node) -> Vec<i64> {
        node.array().unwrap().read().unwrap().integers().unwrap()
    }

    /// Whatever an array was called before, its copy has the encoding that its type and shape have now.
    #[test]
    fn arrays_get_their_encoding() {
        let fixed = |dims: &[u64], text: &[u8]| EncodedValue::elements(&fixed_string(2), dims, text.to_vec());
        let members = vec![Member { name: "a".into(), offset: 0, datatype: Datatype::of(Dtype::Uint8) }];
        let records = Datatype { size: 1, class: Class::Compound(members) };
        let records = EncodedValue::elements(&records, &[2], vec![1, 2]);
        for (value, expected) in [
            (ints(&[1, 2]), "array"),
            (EncodedValue::integer(1), "numeric-scalar"),
            (fixed(&[2], b"abcd"), "string-array"),
            (fixed(&[1], b"ab"), "string"),
            (fixed(&[], b"ab"), "string"),
            (EncodedValue::null(), "null"),
            (records, "rec-array"),
        ] {
            let root = written(|w| w.raw_array("x", &value));
            assert_eq!(kind(&copied(&root, None, None)), expected);
        }
        let root = written(|w| w.raw_array("x", &fixed(&[2], b"abcd")));
        let copy = copied(&root, None, None).array().unwrap();
        assert!(matches!(copy.datatype().class, Class::VarString(_)), "{}", copy.datatype().name());
        assert_eq!(copy.read().unwrap().strings().unwrap(), texts(&["ab", "cd"]));
    }

    #[test]
    fn rows_and_columns_of_arrays() {
        let root = written(|w| w.raw_array("x", &bytes(&[3, 2], &[1, 2, 3, 4, 5, 6])));
        assert_eq!(integers(&copied(&root, Some(&[2, 0]), None)), [5, 6, 1, 2]);
        assert_eq!(integers(&copied(&root, Some(&[2, 2]), Some(&[1]))), [6, 6]);
        assert_eq!(integers(&copied(&root, Some(&[]), None)), [0; 0]);
        let root = written(|w| w.strings(&at("x"), &texts(&["a", "b", "c"])));
        let copy = copied(&root, Some(&[2, 0]), None).array().unwrap().read().unwrap();
        assert_eq!(copy.strings().unwrap(), texts(&["c", "a"]));
    }

    /// Each encoding follows the rows: matrices, columns without the labels that no row has any more, and awkward arrays.
    #[test]
    fn rows_of_groups() {
        // [[0, 5], [6, 0]]
        let layout = Layout::new(Orientation::Csr, [2, 2], 2, Dtype::Uint8).unwrap();
        let matrix = InMemory::new(layout, vec![0, 1, 2], vec![1, 0], vec![5, 6]).unwrap();
        let root = written(|w| w.sparse(&at("x"), &matrix));
        let copy = StoredMatrix::open(&copied(&root, Some(&[1]), Some(&[0]))).unwrap();
        let layout = Layout::new(Orientation::Csr, [1, 1], 1, Dtype::Uint8).unwrap();
        let expected = InMemory::new(layout, vec![0, 1], vec![0], vec![6]).unwrap();
        assert_eq!(InMemory::read(&copy.source(BUDGET, &()).unwrap(), BUDGET, &()).unwrap(), expected);

        let labels = |list: &[&str], codes: &[i64]| {
            Column::Categorical(Categorical::new(codes, Column::Strings(texts(list)), false).unwrap())
        };
        let root = written(|w| w.column(&at("x"), &labels(&["a", "b", "c"], &[0, 1, 2])));
        let copy = read_column(&copied(&root, Some(&[2, 0]), None)).unwrap();
        assert_eq!(copy, labels(&["a", "c"], &[1, 0]));

        let root = written(|w| w.awkward(&at("x"), &Awkward::lists(&[0, 2, 3], &[7, 8, 9])));
        let copy = Awkward::read(&copied(&root, Some(&[1]), None)).unwrap();
        assert_eq!(copy, Awkward::lists(&[0, 1], &[9]));
    }

    /// Tables of version 0.1.0 become 0.2.0; groups of an unknown encoding keep their attributes; mappings lose theirs.
    #[test]
    fn groups_get_their_encoding() {
        let root = written(|w| {
            w.strings(&at("x/frame/_index"), &texts(&["r"]))?;
            let frame = [("encoding-type", "dataframe"), ("encoding-version", "0.1.0"), ("_index", "_index")];
            w.raw_group("x/frame", &frame)?;
            w.raw_array("x/quaternion/w", &ints(&[1]))?;
            w.raw_group("x/quaternion", &[("encoding-type", "quaternion"), ("unit", "m")])?;
            w.raw_group("x", &[("unit", "m")])
        });
        let copy = copied(&root, None, None);
        assert!(kind(&copy) == "dict" && copy.attribute("unit").unwrap().is_none());
        let frame = copy.descend("frame").unwrap();
        assert_eq!(text_attribute(&frame, "encoding-version").unwrap().as_deref(), Some("0.2.0"));
        assert_eq!(
            read_frame(&frame, None, 0, &()).unwrap(),
            Frame::new(None, texts(&["r"]), vec![]).unwrap()
        );
        let quaternion = copy.descend("quaternion").unwrap();
        assert_eq!(text_attribute(&quaternion, "unit").unwrap().as_deref(), Some("m"));
        assert_eq!(integers(&quaternion.descend("w").unwrap()), [1]);
    }

    /// anndata 0.5: a mapping is a compound with an array for each key.
    #[test]
    fn compounds_become_mappings() {
        let root = written(|w| w.records(&at("x"), &[("a", ints(&[1, 2])), ("b", bytes(&[2], &[3, 4]))]));
        let node = root.descend("x").unwrap();
        let copy = written(|w| {
            w.compound_mapping(&at("obsm"), &node, Some(&[1])).and_then(|()| w.dict(&at("obsm")))
        });
        assert_eq!(integers(&copy.descend("obsm/a").unwrap()), [2]);
        assert_eq!(integers(&copy.descend("obsm/b").unwrap()), [4]);
    }

    /// A row that does not exist is an error; what cannot be copied is left out, with nothing of it in the file.
    #[test]
    fn what_cannot_be_copied() {
        let root = written(|w| {
            w.column(&at("uns/column"), &Column::Strings(texts(&["a", "b"])))?;
            let words = w.writer.texts(&texts(&["a", "b"]), &[1, 2])?;
            w.raw_array("uns/words", &words)?;
            w.raw_array("uns/numbers", &bytes(&[2], &[0; 2]))?;
            w.dict(&at("uns"))
        });
        let dir = tempfile::tempdir().unwrap();
        let (path, warnings) = (dir.path().join("a.h5ad"), Warnings::default());
        let mut w =
            AnnDataWriter::create(&path, false, StorageOptions::default(), BUDGET, &warnings).unwrap();
        for name in ["column", "numbers"] {
            let node = root.descend(&format!("uns/{name}")).unwrap();
            let error = w.copy(&at("x"), &node, axes(Some(&[0, 2]), None)).unwrap_err();
            assert_eq!(error.object(), Some(node.path()), "{error}");
        }
        let words = root.descend("uns/words").unwrap();
        assert!(!w.copy(&at("x"), &words, axes(Some(&[0]), Some(&[1]))).unwrap());
        w.finish().unwrap();
        assert!(open(&path).child("x").unwrap().is_none());
        let warnings = warnings.texts();
        assert!(warnings.len() == 1 && warnings[0].contains("/uns/words"), "{warnings:?}");
    }
}
