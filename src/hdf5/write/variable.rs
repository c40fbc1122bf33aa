//! Strings and lists, which have no fixed length: their bytes go into the heap, the elements refer to them.

use super::file::Writer;
use super::value::EncodedValue;
use crate::bytes::Cursor;
use crate::bytes::checked;
use crate::bytes::put::Put;
use crate::dtype::{Class, Datatype};
use crate::error::{Error, Result};
use crate::hdf5::read::global_heap::HeapReader;
use crate::hdf5::{Dataspace, Value};
use crate::strings::Strings;

impl Writer {
    /// One string in UTF-8.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn text(&mut self, text: &str) -> Result<EncodedValue> {
        let mut strings = Strings::new();
        strings.push(text.as_bytes());
        self.texts(&strings, &[])
    }

    /// Strings in UTF-8, row-major in `shape`.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub fn texts(&mut self, strings: &Strings, shape: &[u64]) -> Result<EncodedValue> {
        let mut bytes = Vec::new();
        self.heap.expect(strings.total_bytes().saturating_add(strings.len().saturating_mul(24)));
        for text in strings.iter() {
            let count = u32::try_from(text.len()).map_err(|_| Error::unsupported("a string of 4 GiB"))?;
            self.heap.refer(&mut self.file, text, count, &mut bytes)?;
        }
        Ok(EncodedValue { datatype: Datatype::string(), dataspace: Dataspace::fixed(shape), bytes })
    }

    /// A value read from another file: what lies in that file's heap comes along. References stay behind.
    ///
    /// # Errors
    /// Where the value is damaged; `Unsupported` for references, which mean nothing elsewhere.
    pub fn value(&mut self, value: &Value) -> Result<EncodedValue> {
        let mut bytes = Vec::with_capacity(value.raw().len());
        let mut heaps = HeapReader::new(value.addresses());
        let size = checked::size(u64::from(value.datatype().size))?.max(1);
        let datatype = value.datatype().packed()?;
        if datatype == *value.datatype() && !datatype.has_references() {
            bytes.extend_from_slice(value.raw());
        } else {
            for element in value.raw().chunks_exact(size) {
                self.element(value.datatype(), element, &mut heaps, &mut bytes)?;
            }
        }
        let dataspace = match value.shape() {
            None => Dataspace::Null,
            Some(shape) => Dataspace::fixed(shape),
        };
        Ok(EncodedValue { datatype, dataspace, bytes })
    }

    /// One element in its new form.
    fn element(
        &mut self,
        t: &Datatype,
        element: &[u8],
        heaps: &mut HeapReader<'_>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        match &t.class {
            Class::VarString(_) => {
                let text =
                    heaps.follow(&mut Cursor::new(element, 0), 1, |_, _, bytes, _| Ok(bytes.to_vec()))?;
                let end = text.iter().position(|b| *b == 0).unwrap_or(text.len());
                let text = text.get(..end).unwrap_or_default();
                let count = u32::try_from(text.len()).unwrap_or(u32::MAX);
                self.heap.refer(&mut self.file, text, count, out)
            }
            Class::VarLen(base) => {
                let unit = u64::from(base.size);
                let (count, bytes) =
                    heaps.follow(&mut Cursor::new(element, 0), unit, |_, count, bytes, _| {
                        Ok((count, bytes.to_vec()))
                    })?;
                let mut items = Vec::new();
                for item in bytes.chunks_exact(checked::size(unit)?.max(1)) {
                    self.element(base, item, heaps, &mut items)?;
                }
                let count = u32::try_from(count).unwrap_or(u32::MAX);
                self.heap.refer(&mut self.file, &items, count, out)
            }
            Class::Compound(members) => {
                let start = out.place();
                for (m, packed) in members.iter().zip(Datatype::packed_members(members)?) {
                    let from = checked::size(u64::from(m.offset))?;
                    let len = checked::size(u64::from(m.datatype.size))?;
                    let part = element.get(from..from.saturating_add(len)).unwrap_or_default();
                    let at = start.saturating_add(checked::size(u64::from(packed.offset))?);
                    out.fill_to(at);
                    self.element(&m.datatype, part, heaps, out)?;
                }
                Ok(())
            }
            Class::Array { base, .. } => {
                let unit = checked::size(u64::from(base.size))?.max(1);
                element.chunks_exact(unit).try_for_each(|one| self.element(base, one, heaps, out))
            }
            Class::Reference { .. } => Err(Error::unsupported("a reference to another place of its file")),
            _ => {
                out.extend_from_slice(element);
                Ok(())
            }
        }
    }
}
