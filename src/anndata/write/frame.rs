//! `dataframe`, `categorical` and the nullable columns.

use super::H5adWriter;
use crate::dtype::Dtype;
use crate::error::Result;
use crate::hdf5::{EncodedValue, Group, ObjectAddress};
use crate::strings::Strings;
use crate::table::{Categorical, Column, Frame};

impl H5adWriter<'_> {
    /// Writes a data frame, version 0.2.0.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn frame(&mut self, frame: &Frame) -> Result<ObjectAddress> {
        self.frame_listing(frame, &[])
    }

    /// As [`frame`](Self::frame), with `more` columns listed than there are: a table that is broken.
    pub(crate) fn frame_listing(&mut self, frame: &Frame, more: &[&str]) -> Result<ObjectAddress> {
        let mut group = Group::new();
        let taken = |n: &str| frame.columns().iter().any(|(c, _)| c == n);
        let index = frame.index_name().filter(|n| !n.is_empty() && !taken(n)).unwrap_or("_index");
        let names: Strings =
            frame.columns().iter().map(|(n, _)| n.as_str()).chain(more.iter().copied()).collect();
        self.encode(&mut group, "dataframe", "0.2.0")?;
        group.attribute("_index", self.writer.text(index)?);
        let order = match names.len() {
            // as h5py writes an empty list
            0 => EncodedValue::numbers(Dtype::Float64, &[0], Vec::new()),
            n => self.writer.texts(&names, &[n as u64])?,
        };
        group.attribute("column-order", order);
        group.link(index, self.strings(frame.index())?);
        for (name, column) in frame.columns() {
            let written = self.column(column)?;
            group.link(name, written);
        }
        self.writer.group(&group)
    }

    /// Writes one column by itself.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn column(&mut self, column: &Column) -> Result<ObjectAddress> {
        match column {
            Column::Numbers { dtype, bytes } => self.numbers(*dtype, bytes.clone()),
            Column::Strings(s) => self.strings(s),
            Column::Categorical(c) => self.categorical(c),
            Column::Nullable { dtype, bytes, missing } if dtype.is_float() => {
                self.numbers(*dtype, with_nan(*dtype, bytes, missing))
            }
            Column::Nullable { dtype, bytes, missing } => {
                let kind = if *dtype == Dtype::Bool { "nullable-boolean" } else { "nullable-integer" };
                let values = self.numbers(*dtype, bytes.clone())?;
                self.masked(kind, values, missing)
            }
            Column::NullableStrings { values, missing } => {
                let values = self.strings(values)?;
                self.masked("nullable-string-array", values, missing)
            }
        }
    }

    fn numbers(&mut self, dtype: Dtype, bytes: Vec<u8>) -> Result<ObjectAddress> {
        let n = (bytes.len() / dtype.size()) as u64;
        self.array(&EncodedValue::numbers(dtype, &[n], bytes), "array")
    }

    fn masked(&mut self, kind: &str, values: ObjectAddress, missing: &[bool]) -> Result<ObjectAddress> {
        let mut group = Group::new();
        self.encode(&mut group, kind, "0.1.0")?;
        group.link("values", values);
        group.link("mask", self.numbers(Dtype::Bool, missing.iter().map(|m| u8::from(*m)).collect())?);
        self.writer.group(&group)
    }

    fn categorical(&mut self, c: &Categorical) -> Result<ObjectAddress> {
        let mut group = Group::new();
        self.encode(&mut group, "categorical", "0.2.0")?;
        group.attribute("ordered", EncodedValue::boolean(c.ordered()));
        group.link("categories", self.column(c.categories())?);
        // as narrow as pandas has them
        let (dtype, bytes): (Dtype, Vec<u8>) = match c.categories().len() {
            0..=0x7f => (Dtype::Int8, c.codes().iter().map(|v| *v as u8).collect()),
            0x80..=0x7fff => {
                (Dtype::Int16, c.codes().iter().flat_map(|v| (*v as i16).to_le_bytes()).collect())
            }
            _ => (Dtype::Int32, c.codes().iter().flat_map(|v| v.to_le_bytes()).collect()),
        };
        group.link("codes", self.numbers(dtype, bytes)?);
        self.writer.group(&group)
    }
}

/// The values, NaN where they are missing: there is no encoding of nullable floats.
fn with_nan(dtype: Dtype, bytes: &[u8], missing: &[bool]) -> Vec<u8> {
    let (mut out, nan) = (bytes.to_vec(), dtype.missing());
    for (slot, _) in out.chunks_exact_mut(dtype.size()).zip(missing).filter(|(_, gone)| **gone) {
        slot.copy_from_slice(&nan);
    }
    out
}
