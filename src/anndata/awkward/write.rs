//! Writes `awkward-array`: the form as an attribute, the buffers as arrays.

use super::Awkward;
use crate::anndata::AnnDataWriter;
use crate::error::Result;
use crate::tree::{EncodedValue, Location};

impl AnnDataWriter<'_> {
    /// Writes an awkward array.
    pub(crate) fn awkward(&mut self, at: &Location, array: &Awkward) -> Result<()> {
        let (form, buffers) = array.buffers();
        let mut attributes = self.encoding("awkward-array", "0.1.0")?;
        attributes.push(("form".into(), self.writer.text(&form)?));
        attributes.push(("length".into(), EncodedValue::integer(array.len() as i64)));
        for (name, dtype, bytes) in buffers {
            let n = (bytes.len() / dtype.size()) as u64;
            self.array(&at.child(&name), &EncodedValue::numbers(dtype, &[n], bytes), "array")?;
        }
        self.writer.group(at, &attributes)
    }
}
