//! The encodings of few: text alone, nothing, records, lists of lists.

use super::H5adWriter;
use crate::anndata::Awkward;
use crate::dtype::{Class, Datatype, Member};
use crate::error::Result;
use crate::hdf5::{EncodedValue, Group, ObjectAddress};

impl H5adWriter<'_> {
    /// Writes one text.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn text(&mut self, text: &str) -> Result<ObjectAddress> {
        let value = self.writer.text(text)?;
        self.array(&value, "string")
    }

    /// Writes what Python calls None.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn null(&mut self) -> Result<ObjectAddress> {
        let attributes = self.encoding("null", "0.1.0")?;
        self.writer.dataset(&EncodedValue::null(), &attributes, &self.storing(None))
    }

    /// Writes records of numbers: the columns by name, all of one dimension and length.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub fn records(&mut self, columns: &[(&str, EncodedValue)]) -> Result<ObjectAddress> {
        let mut members = Vec::new();
        let mut offset = 0;
        for (name, values) in columns {
            let datatype = values.datatype().clone();
            let size = datatype.size;
            members.push(Member { name: (*name).to_owned(), offset, datatype });
            offset += size;
        }
        let rows = columns.first().and_then(|(_, v)| v.shape()).map_or(0, |s| s[0]);
        let mut bytes = Vec::new();
        for row in 0..rows as usize {
            for (_, values) in columns {
                let size = values.datatype().size as usize;
                bytes.extend_from_slice(&values.bytes()[row * size..(row + 1) * size]);
            }
        }
        let records = Datatype { size: offset, class: Class::Compound(members) };
        let value = EncodedValue::numbers(crate::Dtype::Uint8, &[rows], bytes).of_type(&records);
        self.array(&value, "rec-array")
    }

    /// Writes an awkward array.
    pub(crate) fn awkward(&mut self, array: &Awkward) -> Result<ObjectAddress> {
        let (form, buffers) = array.buffers();
        let mut group = Group::new();
        self.encode(&mut group, "awkward-array", "0.1.0")?;
        group.attribute("form", self.writer.text(&form.to_string())?);
        group.attribute("length", EncodedValue::integer(array.len() as i64));
        for (name, dtype, bytes) in buffers {
            let n = (bytes.len() / dtype.size()) as u64;
            group.link(&name, self.array(&EncodedValue::numbers(dtype, &[n], bytes), "array")?);
        }
        self.writer.group(&group)
    }
}
