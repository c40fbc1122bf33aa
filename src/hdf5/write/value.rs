//! Values on their way into a file: type, shape and bytes, with what has no fixed length in the heap already.

use super::file::{ObjectAddress, Writer};
use crate::bytes::Cursor;
use crate::bytes::checked;
use crate::bytes::put::Put;
use crate::dtype::Dtype;
use crate::dtype::{Class, Datatype};
use crate::error::{Error, Result};
use crate::hdf5::read::global_heap::HeapReader;
use crate::hdf5::{Dataspace, Value};
use crate::strings::Strings;

/// A value as it will lie in the file.
#[derive(Debug, Clone, PartialEq)]
pub struct EncodedValue {
    pub(crate) datatype: Datatype,
    pub(crate) dataspace: Dataspace,
    pub(crate) bytes: Vec<u8>,
}

impl EncodedValue {
    /// Numbers or bools: little-endian bytes of `dtype`, row-major. No dimensions make a scalar.
    pub fn numbers(dtype: Dtype, shape: &[u64], bytes: Vec<u8>) -> Self {
        EncodedValue { datatype: Datatype::of(dtype), dataspace: Dataspace::fixed(shape), bytes }
    }

    /// One integer.
    pub fn integer(value: i64) -> Self {
        Self::numbers(Dtype::Int64, &[], value.to_le_bytes().to_vec())
    }

    /// One bool.
    pub fn boolean(value: bool) -> Self {
        Self::numbers(Dtype::Bool, &[], vec![u8::from(value)])
    }

    /// Nothing, of float32 as h5py's `Empty`.
    pub fn null() -> Self {
        EncodedValue { datatype: Datatype::of(Dtype::Float32), dataspace: Dataspace::Null, bytes: Vec::new() }
    }

    /// The same bytes as elements of another type.
    #[must_use]
    pub fn of_type(self, datatype: &Datatype) -> Self {
        EncodedValue { datatype: datatype.clone(), ..self }
    }

    /// References to objects of the same file, as an array of one dimension.
    pub fn references(objects: &[ObjectAddress]) -> Self {
        let bytes = objects.iter().flat_map(|o| o.0.to_le_bytes()).collect();
        let datatype = Datatype { size: 8, class: Class::Reference { kind: 0 } };
        EncodedValue { datatype, dataspace: Dataspace::fixed(&[objects.len() as u64]), bytes }
    }

    /// The bytes of all elements.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The type of an element.
    pub fn datatype(&self) -> &Datatype {
        &self.datatype
    }

    /// The shape; `None` of the null dataspace.
    pub fn shape(&self) -> Option<&[u64]> {
        self.dataspace.shape()
    }
}

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
        let datatype = written_type(value.datatype())?;
        if datatype == *value.datatype() && !has_variable(&datatype) {
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
                for m in members {
                    let from = checked::size(u64::from(m.offset))?;
                    let len = checked::size(u64::from(m.datatype.size))?;
                    let part = element.get(from..from.saturating_add(len)).unwrap_or_default();
                    let at = start.saturating_add(member_offset(members, m)?);
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

/// Whether elements refer to the heap.
pub(crate) fn has_variable(t: &Datatype) -> bool {
    match &t.class {
        Class::VarString(_) | Class::VarLen(_) | Class::Reference { .. } => true,
        Class::Compound(members) => members.iter().any(|m| has_variable(&m.datatype)),
        Class::Array { base, .. } => has_variable(base),
        _ => false,
    }
}

/// The type with references into a heap as wide as they are here, and members one behind the other where that
/// changed them.
fn written_type(t: &Datatype) -> Result<Datatype> {
    Ok(match &t.class {
        Class::VarString(text) => Datatype { size: 16, class: Class::VarString(*text) },
        Class::VarLen(base) => Datatype { size: 16, class: Class::VarLen(Box::new(written_type(base)?)) },
        Class::Compound(members) if members.iter().any(|m| has_variable(&m.datatype)) => {
            let mut packed = Vec::new();
            for m in members {
                let mut new = m.clone();
                new.datatype = written_type(&m.datatype)?;
                new.offset = u32::try_from(member_offset(members, m)?).unwrap_or(u32::MAX);
                packed.push(new);
            }
            let size = packed.iter().fold(0u32, |n, m| n.max(m.offset.saturating_add(m.datatype.size)));
            Datatype { size, class: Class::Compound(packed) }
        }
        Class::Array { dims, base } => {
            let base = written_type(base)?;
            let size = checked::mul(checked::product(dims)?, u64::from(base.size))?;
            let size = u32::try_from(size).map_err(|_| Error::unsupported("an array type of that size"))?;
            Datatype { size, class: Class::Array { dims: dims.clone(), base: Box::new(base) } }
        }
        _ => t.clone(),
    })
}

/// Where a member begins when those before it are packed.
fn member_offset(members: &[crate::dtype::Member], of: &crate::dtype::Member) -> Result<usize> {
    let mut at = 0usize;
    for m in members {
        if std::ptr::eq(m, of) {
            return Ok(at);
        }
        at = at.saturating_add(checked::size(u64::from(written_type(&m.datatype)?.size))?);
    }
    Err(Error::usage("a member of another compound").in_object(&of.name))
}
