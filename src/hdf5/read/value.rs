//! Elements with their type, as read from attributes and datasets.

use super::addresses::Addresses;
use super::file::File;
use super::global_heap::HeapReader;
use crate::bytes::Cursor;
use crate::bytes::checked;
use crate::dtype::Dtype;
use crate::dtype::Numeric;
use crate::dtype::{Class, Datatype, Padding};
use crate::error::{Error, Result};
use crate::hdf5::format::message::dataspace::Dataspace;
use crate::strings::Strings;

/// Elements in the file's own bytes, with their type and shape.
#[derive(Debug, Clone)]
pub struct Value {
    file: File,
    datatype: Datatype,
    dataspace: Dataspace,
    bytes: Vec<u8>,
}

impl Value {
    pub(crate) fn new(file: &File, datatype: Datatype, dataspace: Dataspace, bytes: Vec<u8>) -> Self {
        Value { file: file.clone(), datatype, dataspace, bytes }
    }

    /// Type of the elements.
    pub fn datatype(&self) -> &Datatype {
        &self.datatype
    }

    /// Dimensions; empty for a scalar, `None` for a null dataspace.
    pub fn shape(&self) -> Option<&[u64]> {
        self.dataspace.shape()
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        let n = self.dataspace.elements().unwrap_or(0);
        usize::try_from(n).unwrap_or(usize::MAX)
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of the elements, as stored in the file.
    pub fn raw(&self) -> &[u8] {
        &self.bytes
    }

    /// Turns the dimensions of array elements into dimensions of the value.
    pub(crate) fn unpacked(&self) -> Value {
        let crate::dtype::Class::Array { dims, base } = &self.datatype.class else { return self.clone() };
        let shape: Vec<u64> = self.shape().unwrap_or_default().iter().chain(dims).copied().collect();
        Value::new(&self.file, (**base).clone(), Dataspace::fixed(&shape), self.bytes.clone())
    }

    /// A value of other elements with the same type and file.
    pub(crate) fn with(&self, shape: &[u64], bytes: Vec<u8>) -> Value {
        Value::new(&self.file, self.datatype.clone(), Dataspace::fixed(shape), bytes)
    }

    /// Bytes of the file that the value comes from.
    pub(crate) fn addresses(&self) -> &Addresses {
        self.file.addresses()
    }

    /// Bytes of one element.
    pub(crate) fn element_size(&self) -> usize {
        usize::try_from(self.datatype.size).unwrap_or(usize::MAX).max(1)
    }

    /// Whether the elements are strings, of fixed or variable length.
    pub fn is_text(&self) -> bool {
        matches!(self.datatype.class, Class::FixedString(_) | Class::VarString(_))
    }

    /// The elements as numbers: their plain type and little-endian bytes.
    ///
    /// # Errors
    /// `Unsupported` if they are not numbers.
    pub fn numbers(&self) -> Result<(Dtype, Vec<u8>)> {
        let n = Numeric::of(&self.datatype)
            .ok_or_else(|| Error::unsupported(format!("numbers expected, got {}", self.datatype.name())))?;
        if n.is_native() {
            return Ok((n.dtype, self.bytes.clone()));
        }
        let mut out = crate::limits::zeroed(self.len().saturating_mul(n.dtype.size()))?;
        n.convert(&self.bytes, &mut out);
        Ok((n.dtype, out))
    }

    /// The elements as integers.
    ///
    /// # Errors
    /// `Unsupported` if they are not numbers; `Malformed` if one is not a 64-bit integer.
    pub fn integers(&self) -> Result<Vec<i64>> {
        let (dtype, bytes) = self.numbers()?;
        let values = (0..self.len()).map(|i| match crate::dtype::scalar_at(dtype, &bytes, i) {
            Some(crate::dtype::Scalar::Int(v)) => i64::try_from(v).ok(),
            Some(crate::dtype::Scalar::Bool(v)) => Some(i64::from(v)),
            #[allow(clippy::cast_possible_truncation, clippy::float_cmp)] // checked by going back
            Some(crate::dtype::Scalar::Float(v, _)) if (v as i64) as f64 == v => Some(v as i64),
            _ => None,
        });
        values
            .collect::<Option<Vec<i64>>>()
            .ok_or_else(|| Error::malformed("integers expected, got other numbers"))
    }

    /// The value as one integer.
    ///
    /// # Errors
    /// As [`integers`](Self::integers); `Malformed` if there is not exactly one.
    pub fn integer(&self) -> Result<i64> {
        match self.integers()?[..] {
            [one] => Ok(one),
            ref other => Err(Error::malformed(format!("one integer expected, got {}", other.len()))),
        }
    }

    /// The elements as byte strings, without their padding.
    ///
    /// # Errors
    /// `Unsupported` if they are not text; `Malformed` if the heap that holds them is damaged.
    pub fn strings(&self) -> Result<Strings> {
        let mut out = Strings::new();
        match &self.datatype.class {
            Class::FixedString(text) => {
                if self.datatype.size == 0 {
                    (0..self.len()).for_each(|_| out.push(b""));
                }
                for s in self.bytes.chunks_exact(self.element_size()) {
                    out.push(trimmed(s, text.padding));
                }
            }
            Class::VarString(_) => {
                let mut heap = HeapReader::new(self.addresses());
                let mut src = Cursor::new(&self.bytes, 0);
                for s in self.bytes.chunks_exact(self.element_size()) {
                    let mut one = src.split(s.len())?;
                    heap.follow(&mut one, 1, |_, _, bytes, _| {
                        out.push(trimmed(bytes, Padding::NullTerminated));
                        Ok(())
                    })?;
                }
            }
            _ => return Err(Error::unsupported(format!("text expected, got {}", self.datatype.name()))),
        }
        Ok(out)
    }

    /// The value as one string; an array of one string is accepted too. Bytes that are not UTF-8 are read as
    /// Latin-1, which is what files that declare ASCII contain in practice.
    ///
    /// # Errors
    /// As [`strings`](Self::strings); `Malformed` if there is not exactly one.
    pub fn string(&self) -> Result<String> {
        let all = self.strings()?;
        if all.len() != 1 {
            return Err(Error::malformed(format!("one string expected, got {}", all.len())));
        }
        let bytes = all.bytes(0).unwrap_or_default();
        Ok(match std::str::from_utf8(bytes) {
            Ok(s) => s.to_owned(),
            Err(_) => bytes.iter().map(|b| char::from(*b)).collect(),
        })
    }

    /// Addresses of the objects that the references point to; 0 for a null reference.
    ///
    /// # Errors
    /// `Unsupported` if the elements are not object references.
    pub(crate) fn object_references(&self) -> Result<Vec<u64>> {
        let Class::Reference { kind: 0 } = self.datatype.class else {
            return Err(Error::unsupported(format!(
                "object reference expected, got {}",
                self.datatype.name()
            )));
        };
        let width = self.addresses().sizes().offset;
        let mut out = Vec::new();
        for one in self.bytes.chunks_exact(self.element_size()) {
            out.push(Cursor::new(one, 0).read_uint(width)?);
        }
        Ok(out)
    }

    /// Names of the members, if the elements are compounds.
    pub fn member_names(&self) -> Option<Vec<&str>> {
        match &self.datatype.class {
            Class::Compound(members) => Some(members.iter().map(|m| m.name.as_str()).collect()),
            _ => None,
        }
    }

    /// The member `name` of every element, as a value. An array member adds its dimensions.
    ///
    /// # Errors
    /// `NotFound` if there is no such member; `Usage` if the elements are not compounds.
    pub fn member(&self, name: &str) -> Result<Value> {
        let Class::Compound(members) = &self.datatype.class else {
            return Err(Error::usage(format!("compound expected, got {}", self.datatype.name())));
        };
        let m = members.iter().find(|m| m.name == name);
        let m = m.ok_or_else(|| Error::not_found(format!("no member '{name}'")))?;
        let (from, len) = (checked::size(u64::from(m.offset))?, checked::size(u64::from(m.datatype.size))?);
        let mut bytes = crate::limits::reserved(self.len().saturating_mul(len))?;
        for element in self.bytes.chunks_exact(self.element_size()) {
            let part = element.get(from..).and_then(|b| b.get(..len));
            bytes.extend_from_slice(part.ok_or_else(|| Error::malformed("member outside its compound"))?);
        }
        let mut shape = self.shape().unwrap_or_default().to_vec();
        let mut datatype = m.datatype.clone();
        if let Class::Array { dims, base } = &m.datatype.class {
            shape.extend(dims);
            datatype = (**base).clone();
        }
        Ok(Value::new(&self.file, datatype, Dataspace::fixed(&shape), bytes))
    }
}

/// A fixed-length string without its padding, as HDF5 converts it.
pub(crate) fn trimmed(bytes: &[u8], padding: Padding) -> &[u8] {
    let end = match padding {
        Padding::NullTerminated => bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len()),
        Padding::NullPadded => bytes.iter().rposition(|b| *b != 0).map_or(0, |i| i.saturating_add(1)),
        Padding::Spaces => bytes.iter().rposition(|b| *b != b' ').map_or(0, |i| i.saturating_add(1)),
    };
    bytes.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_no_text() {
        assert_eq!(trimmed(b"ab\0c", Padding::NullTerminated), b"ab");
        assert_eq!(trimmed(b"ab\0c\0\0", Padding::NullPadded), b"ab\0c");
        assert_eq!(trimmed(b"ab c  ", Padding::Spaces), b"ab c");
        assert_eq!(trimmed(b"   ", Padding::Spaces), b"");
    }
}
