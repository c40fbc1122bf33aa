//! Elements of one file into another: in the current encoding, with rows and columns chosen.

use super::H5adWriter;
use crate::anndata::Awkward;
use crate::anndata::column::read_column;
use crate::anndata::dataframe::read_frame;
use crate::anndata::encoding::{Encoding, text_attribute};
use crate::anndata::matrix::Matrix;
use crate::anndata::rows::{Axes, read_rows};
use crate::dtype::Class;
use crate::error::{Error, Kind, Place, Result};
use crate::hdf5::{Dataset, Dataspace, EncodedValue, Group, Link, Object, ObjectAddress, Scratch, Value};
use crate::matrix::{Selected, Source};
use crate::table::Column;

/// Arrays up to this many bytes are copied by way of memory.
const SMALL: u64 = 8 << 20;

impl H5adWriter<'_> {
    /// Copies an element with everything below it. `None` where it is of a kind that cannot be copied; the observer is
    /// told why.
    ///
    /// # Errors
    /// Where it cannot be read or written.
    pub fn copy(&mut self, object: &Object, axes: Axes<'_>) -> Result<Option<ObjectAddress>> {
        match self.copy_inner(object, axes) {
            Err(e) if e.kind() == Kind::Unsupported => {
                self.observer.warn(&format!("left out: {e}"));
                Ok(None)
            }
            other => other.map(Some),
        }
    }

    fn copy_inner(&mut self, object: &Object, axes: Axes<'_>) -> Result<ObjectAddress> {
        if object.is_dataset() {
            return self.copy_dataset(object, axes);
        }
        match Encoding::of(object)? {
            Encoding::Sparse(_) => self.copy_matrix(&Matrix::open(object)?, axes),
            Encoding::DataFrame
                if text_attribute(object, "encoding-version")?.as_deref() == Some("0.2.0") =>
            {
                let group = self.children(object, Axes { columns: None, ..axes })?;
                self.with_attributes(group, object)
            }
            Encoding::DataFrame => {
                let frame = read_frame(object, None, 0, self.observer)?;
                match axes.rows {
                    Some(rows) => {
                        let frame = frame.select(checked(rows, frame.rows(), object)?)?;
                        self.frame(&frame.without_unused(&mut |_, _, _| ())?)
                    }
                    None => self.frame(&frame),
                }
            }
            Encoding::Categorical | Encoding::Nullable | Encoding::NullableStrings => {
                self.copy_column(object, axes)
            }
            Encoding::Awkward if axes.rows.is_some() => {
                let array = Awkward::read(object)?;
                let rows = checked(axes.rows.unwrap_or_default(), array.len(), object)?;
                let rows: Vec<Option<u64>> = rows.iter().copied().map(Some).collect();
                self.awkward(&array.take(&rows))
            }
            kind => {
                let group = self.children(object, Axes::default())?;
                match kind {
                    Encoding::Awkward | Encoding::Other(_) => self.with_attributes(group, object),
                    _ => self.dict(group),
                }
            }
        }
    }

    /// Everything in a group, each with the same axes; what cannot be copied is left out with a warning.
    pub(crate) fn children(&mut self, object: &Object, axes: Axes<'_>) -> Result<Group> {
        let mut group = Group::new();
        for link in object.links()? {
            if let Some(written) = self.copy_link(object, link, axes)? {
                group.link(&link.name(), written);
            }
        }
        Ok(group)
    }

    /// Copies one child of a group; `None` where it cannot be copied, of which the observer is told.
    pub(crate) fn copy_link(
        &mut self,
        group: &Object,
        link: &Link,
        axes: Axes<'_>,
    ) -> Result<Option<ObjectAddress>> {
        match group.open_link(link) {
            Err(e) if e.kind() == Kind::Unsupported => {
                self.observer.warn(&format!("left out: {e}"));
                Ok(None)
            }
            child => self.copy(&child?, axes),
        }
    }

    /// Writes a group with the attributes that it had.
    fn with_attributes(&mut self, mut group: Group, object: &Object) -> Result<ObjectAddress> {
        for a in object.attributes()? {
            let value = self.writer.value(&a.value?).in_object(object.path())?;
            group.attribute(&a.name, value);
        }
        self.writer.group(&group)
    }

    fn copy_column(&mut self, object: &Object, axes: Axes<'_>) -> Result<ObjectAddress> {
        let column = read_column(object)?;
        let Some(rows) = axes.rows else { return self.column(&column) };
        match column.select(checked(rows, column.len(), object)?) {
            Column::Categorical(c) => self.column(&Column::Categorical(c.without_unused()?.0)),
            other => self.column(&other),
        }
    }

    /// Copies a matrix: compressed ones stay so, dense ones too.
    ///
    /// # Errors
    /// Where it cannot be read or written.
    pub fn copy_matrix(&mut self, element: &Matrix, axes: Axes<'_>) -> Result<ObjectAddress> {
        match element {
            Matrix::Dense(d) if !d.is_transposed() => {
                let attributes = self.encoding("array", "0.2.0")?;
                self.rows(d.dataset(), axes, &attributes)
            }
            _ => self.copy_opened(element, axes),
        }
    }

    fn copy_opened(&mut self, element: &Matrix, axes: Axes<'_>) -> Result<ObjectAddress> {
        let opened = element.source(self.budget, self.observer)?;
        let source = opened.as_source();
        let width = 4 + source.layout().dtype.size() as u64;
        if axes.is_all() {
            self.observer.phase("copying", source.layout().entries * width);
            return self.sparse(source);
        }
        let [lines, minor] = axes.of(source.layout().orientation);
        let selected = Selected::new(source, lines, minor, self.budget, self.observer)?;
        self.observer.phase("copying", selected.layout().entries * width);
        self.sparse(&selected)
    }

    fn copy_dataset(&mut self, object: &Object, axes: Axes<'_>) -> Result<ObjectAddress> {
        // anndata 0.7: codes that refer to their labels
        if Encoding::of(object)? == Encoding::None && object.attribute("categories")?.is_some() {
            return self.copy_column(object, axes);
        }
        let dataset = object.dataset()?;
        let (kind, version) = encoding_of(object, &dataset)?;
        let fixed = !dataset.datatype().has_references();
        if fixed && dataset.byte_len() > SMALL && !dataset.shape().is_empty() {
            let attributes = self.encoding(kind, version)?;
            return self.rows(&dataset, axes, &attributes);
        }
        let value = if axes.is_all() || dataset.shape().is_empty() {
            dataset.read()?
        } else if fixed {
            return self.copy_chosen(&dataset, axes, kind, version, object);
        } else {
            select_value(&dataset.read()?, axes, object)?
        };
        let ready = if value.is_text() && value.shape().is_some() {
            // strings of fixed length become strings of any
            let shape = if kind == "string" { &[] } else { value.shape().unwrap_or_default() };
            self.writer.texts(&value.strings()?, shape)?
        } else {
            self.writer.value(&value).in_object(object.path())?
        };
        let attributes = self.encoding(kind, version)?;
        let how = self.storing(ready.shape());
        self.writer.dataset(&ready, &attributes, &how)
    }

    /// Each member of a compound as an array by itself: mappings of anndata 0.5.
    ///
    /// # Errors
    /// Where it cannot be read or written.
    pub fn compound_mapping(&mut self, object: &Object, rows: Option<&[u64]>) -> Result<Group> {
        let value = object.dataset()?.read()?;
        let mut group = Group::new();
        for name in value.member_names().unwrap_or_default() {
            let member = value.member(name)?.unpacked();
            let member = match rows {
                Some(_) => select_value(&member, Axes { rows, columns: None }, object)?,
                None => member,
            };
            let ready = self.writer.value(&member)?;
            group.link(name, self.array(&ready, "array")?);
        }
        Ok(group)
    }

    /// A small array of elements of fixed size, with rows and columns chosen.
    fn copy_chosen(
        &mut self,
        dataset: &Dataset,
        axes: Axes<'_>,
        kind: &str,
        version: &str,
        object: &Object,
    ) -> Result<ObjectAddress> {
        let mut dims = dataset.shape().to_vec();
        if let Some(rows) = axes.rows {
            checked(rows, dims[0] as usize, object)?;
            dims[0] = rows.len() as u64;
        }
        if let (Some(columns), Some(d)) = (axes.columns, dims.get_mut(1)) {
            checked(columns, *d as usize, object)?;
            *d = columns.len() as u64;
        }
        let mut bytes = vec![0; (dims.iter().product::<u64>() * u64::from(dataset.datatype().size)) as usize];
        if !bytes.is_empty() {
            read_rows(dataset, axes, 0..dims[0], &mut bytes, &mut Scratch::default())?;
        }
        let value = EncodedValue::numbers(crate::Dtype::Uint8, &dims, bytes).of_type(dataset.datatype());
        let attributes = self.encoding(kind, version)?;
        let how = self.storing(value.shape());
        self.writer.dataset(&value, &attributes, &how)
    }
}

/// Rows that an element of `len` rows has.
fn checked<'r>(rows: &'r [u64], len: usize, object: &Object) -> Result<&'r [u64]> {
    match rows.iter().find(|r| **r >= len as u64) {
        Some(r) => {
            Err(Error::malformed(format!("{len} rows where row {r} is wanted")).in_object(object.path()))
        }
        None => Ok(rows),
    }
}

/// Rows of elements that refer to a heap.
fn select_value(value: &Value, axes: Axes<'_>, object: &Object) -> Result<Value> {
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

/// What a dataset is called today: by its own word if it has one, else by its type and shape.
fn encoding_of(object: &Object, dataset: &Dataset) -> Result<(&'static str, &'static str)> {
    let scalar = dataset.shape().is_empty();
    let null = matches!(dataset.dataspace(), Dataspace::Null);
    Ok(match (&dataset.datatype().class, Encoding::of(object)?) {
        _ if null => ("null", "0.1.0"),
        (Class::VarString(_) | Class::FixedString(_), _) if scalar => ("string", "0.2.0"),
        // before encodings, one text was a list of one
        (Class::FixedString(_), Encoding::None) if dataset.shape() == [1] => ("string", "0.2.0"),
        (Class::VarString(_) | Class::FixedString(_), _) => ("string-array", "0.2.0"),
        (Class::Compound(members), kind) if kind == Encoding::RecArray || !is_complex(members) => {
            ("rec-array", "0.2.0")
        }
        _ if scalar => ("numeric-scalar", "0.2.0"),
        _ => ("array", "0.2.0"),
    })
}

/// As h5py stores complex numbers.
fn is_complex(members: &[crate::dtype::Member]) -> bool {
    matches!(members, [a, b] if a.name == "r" && b.name == "i" && a.datatype == b.datatype)
}
