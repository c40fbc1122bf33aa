//! Copies elements of one file to another: in the current encoding, with rows and columns selected.

use crate::anndata::AnnDataWriter;
use crate::anndata::Awkward;
use crate::anndata::axes::Axes;
use crate::anndata::column::read_column;
use crate::anndata::dataframe::read_frame;
use crate::anndata::element::ElementKind;
use crate::anndata::encoding::{Encoding, text_attribute};
use crate::anndata::matrix::StoredMatrix;
use crate::array::{Room, Rows, SelectedRows};
use crate::dtype::{Class, Member};
use crate::error::{Error, Kind, Place, Result};
use crate::matrix::{Selected, Source};
use crate::observe::{Phase, Verb, Warning};
use crate::table::Column;
use crate::tree::{Array, EncodedValue, Link, Location, Node, Value};

/// Arrays of at most this many bytes are copied through memory.
const SMALL: u64 = 8 << 20;

impl AnnDataWriter<'_> {
    /// Copies an element with everything below it, selecting `axes` of it. Returns `false` if it is of a kind
    /// that cannot be copied; then it is left out, and the observer gets a warning with the reason.
    ///
    /// # Errors
    /// Errors of reading, except `Unsupported`, and of writing.
    pub fn copy(&mut self, at: &Location, object: &Node, axes: Axes<'_>) -> Result<bool> {
        match self.copy_inner(at, object, axes) {
            Err(e) if e.kind() == Kind::Unsupported => {
                self.observer.warn(&Warning::element(object.path(), e));
                self.writer.discard(at);
                Ok(false)
            }
            other => other.map(|()| true),
        }
    }

    fn copy_inner(&mut self, at: &Location, object: &Node, axes: Axes<'_>) -> Result<()> {
        match ElementKind::of(object)? {
            ElementKind::Array => self.copy_array(at, object, axes),
            ElementKind::Sparse(_) => self.copy_matrix(at, &StoredMatrix::open(object)?, axes),
            ElementKind::Frame if text_attribute(object, "encoding-version")?.as_deref() == Some("0.2.0") => {
                self.children(at, object, Axes { columns: None, ..axes })?;
                self.with_attributes(at, object)
            }
            ElementKind::Frame => {
                let frame = read_frame(object, None, 0, self.observer)?;
                match axes.rows {
                    Some(rows) => {
                        let frame = frame.select(checked(rows, frame.rows(), object)?)?;
                        self.frame(at, &frame.without_unused(&mut |_, _, _| ())?)
                    }
                    None => self.frame(at, &frame),
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
            ElementKind::Mapping | ElementKind::Structure => {
                self.children(at, object, Axes::default())?;
                self.dict(at)
            }
        }
    }

    /// Copies all children of a group, with the same selection for each; those that cannot be copied are left
    /// out with a warning.
    pub(crate) fn children(&mut self, at: &Location, object: &Node, axes: Axes<'_>) -> Result<()> {
        for link in object.links()? {
            self.copy_link(at, object, link, axes)?;
        }
        Ok(())
    }

    /// Copies one child of `group` into the group at `at`. Returns `false` after a warning if it cannot be copied.
    pub(crate) fn copy_link(
        &mut self,
        at: &Location,
        group: &Node,
        link: Link<'_>,
        axes: Axes<'_>,
    ) -> Result<bool> {
        match group.open_link(link) {
            Err(e) if e.kind() == Kind::Unsupported => {
                self.observer.warn(&Warning::child(group.path(), &link.name(), e));
                Ok(false)
            }
            child => self.copy(&at.child(&link.name()), &child?, axes),
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
        let column = read_column(object)?;
        let Some(rows) = axes.rows else { return self.column(at, &column) };
        match column.select(checked(rows, column.len(), object)?)? {
            Column::Categorical(c) => self.column(at, &Column::Categorical(c.without_unused()?.0)),
            other => self.column(at, &other),
        }
    }

    /// Copies a matrix, selecting `axes` of it. Compressed matrices stay compressed and dense ones dense,
    /// except those stored transposed (loom), which become compressed.
    ///
    /// # Errors
    /// Errors of reading and of writing.
    pub fn copy_matrix(&mut self, at: &Location, matrix: &StoredMatrix, axes: Axes<'_>) -> Result<()> {
        match matrix {
            StoredMatrix::Dense(d) if !d.is_transposed() => {
                let attributes = self.encoding("array", "0.2.0")?;
                self.chosen_rows(at, d.array(), axes, &attributes)
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
        if fixed && array.byte_len() > SMALL && !array.shape().is_empty() {
            let attributes = self.encoding(kind, version)?;
            return self.chosen_rows(at, &array, axes, &attributes);
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

/// Returns `rows` if an element of `len` rows has all of them.
fn checked<'r>(rows: &'r [u64], len: usize, object: &Node) -> Result<&'r [u64]> {
    match rows.iter().find(|r| **r >= len as u64) {
        Some(r) => {
            Err(Error::malformed(format!("expected rows below {len}, got row {r}")).in_object(object.path()))
        }
        None => Ok(rows),
    }
}

/// Selects rows of an array in memory, also of strings, whose bytes refer to a heap.
pub(super) fn select_value(value: &Value, axes: Axes<'_>, object: &Node) -> Result<Value> {
    let shape = value.shape().unwrap_or_default();
    let (Some(rows), None) = (axes.rows, axes.columns.filter(|_| shape.len() > 1)) else {
        return Err(Error::unsupported("columns of an array of strings").in_object(object.path()));
    };
    checked(rows, shape[0] as usize, object)?;
    let size = value.raw().len() / (shape[0] as usize).max(1);
    let bytes = rows.iter().flat_map(|r| value.raw()[*r as usize * size..][..size].iter().copied()).collect();
    let mut dims = shape.to_vec();
    dims[0] = rows.len() as u64;
    Ok(value.with(&dims, bytes))
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
fn is_complex(members: &[Member]) -> bool {
    matches!(members, [a, b] if a.name == "r" && b.name == "i" && a.datatype == b.datatype)
}
