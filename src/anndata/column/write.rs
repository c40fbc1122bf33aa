//! Writes columns: numbers, strings, `categorical` and the nullable encodings.

use crate::anndata::AnnDataWriter;
use crate::dtype::Dtype;
use crate::error::Result;
use crate::table::{Categorical, Column};
use crate::tree::{EncodedValue, Location};

impl AnnDataWriter<'_> {
    /// Writes a column: numbers as `array`, strings as `string-array`, the others as `categorical` 0.2.0 or a
    /// nullable encoding 0.1.0. Nullable floats become an array with NaN, because they have no encoding.
    ///
    /// # Errors
    /// `Io` if writing fails.
    pub fn column(&mut self, at: &Location, column: &Column) -> Result<()> {
        match column {
            Column::Numbers { dtype, bytes } => self.numbers(at, *dtype, bytes.clone()),
            Column::Strings(s) => self.strings(at, s),
            Column::Categorical(c) => self.categorical(at, c),
            Column::Nullable { dtype, bytes, missing } if dtype.is_float() => {
                self.numbers(at, *dtype, with_nan(*dtype, bytes, missing))
            }
            Column::Nullable { dtype, bytes, missing } => {
                let kind = if *dtype == Dtype::Bool { "nullable-boolean" } else { "nullable-integer" };
                self.numbers(&at.child("values"), *dtype, bytes.clone())?;
                self.masked(at, kind, missing)
            }
            Column::NullableStrings { values, missing } => {
                self.strings(&at.child("values"), values)?;
                self.masked(at, "nullable-string-array", missing)
            }
        }
    }

    fn numbers(&mut self, at: &Location, dtype: Dtype, bytes: Vec<u8>) -> Result<()> {
        let n = (bytes.len() / dtype.size()) as u64;
        self.array(at, &EncodedValue::numbers(dtype, &[n], bytes), "array")
    }

    /// Writes the mask, after its values, and the group of both.
    fn masked(&mut self, at: &Location, kind: &str, missing: &[bool]) -> Result<()> {
        let attributes = self.encoding(kind, "0.1.0")?;
        let mask = missing.iter().map(|m| u8::from(*m)).collect();
        self.numbers(&at.child("mask"), Dtype::Bool, mask)?;
        self.writer.group(at, &attributes)
    }

    fn categorical(&mut self, at: &Location, c: &Categorical) -> Result<()> {
        let mut attributes = self.encoding("categorical", "0.2.0")?;
        attributes.push(("ordered".into(), EncodedValue::boolean(c.ordered())));
        self.column(&at.child("categories"), c.categories())?;
        // the narrowest type, as in pandas
        let (dtype, bytes): (Dtype, Vec<u8>) = match c.categories().len() {
            0..=0x7f => (Dtype::Int8, c.codes().iter().map(|v| *v as u8).collect()),
            0x80..=0x7fff => {
                (Dtype::Int16, c.codes().iter().flat_map(|v| (*v as i16).to_le_bytes()).collect())
            }
            _ => (Dtype::Int32, c.codes().iter().flat_map(|v| v.to_le_bytes()).collect()),
        };
        self.numbers(&at.child("codes"), dtype, bytes)?;
        self.writer.group(at, &attributes)
    }
}

/// The values, with NaN for missing ones.
fn with_nan(dtype: Dtype, bytes: &[u8], missing: &[bool]) -> Vec<u8> {
    let (mut out, nan) = (bytes.to_vec(), dtype.missing());
    for (slot, _) in out.chunks_exact_mut(dtype.size()).zip(missing).filter(|(_, gone)| **gone) {
        slot.copy_from_slice(&nan);
    }
    out
}
