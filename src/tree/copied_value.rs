//! Values of one container in the form in which another one has them.

use super::{EncodedValue, Value};
use crate::dtype::{Class, Datatype, Member, Order};
use crate::error::{Error, Result};
use crate::hdf5;
use crate::strings::Strings;

/// Bytes of a character of UTF-32.
const CHARACTER: usize = 4;

impl Value {
    /// The value for zarr: strings as they are, and records of fixed size.
    ///
    /// # Errors
    /// `Unsupported` for references to other objects; errors of reading the strings.
    pub(super) fn for_zarr(&self) -> Result<EncodedValue> {
        let Some(dims) = self.shape() else { return Ok(EncodedValue::null()) };
        if self.is_text() {
            return Ok(EncodedValue::texts(self.strings()?, dims));
        }
        if self.member_names().is_some() && self.datatype().has_references() {
            let (datatype, bytes) = self.fixed()?;
            return Ok(EncodedValue::elements(&datatype, dims, bytes));
        }
        if self.datatype().has_references() {
            return Err(Error::unsupported(format!("zarr has no elements of {}", self.datatype().name())));
        }
        let value = self.unpacked();
        Ok(EncodedValue::elements(value.datatype(), value.shape().unwrap_or_default(), value.raw().to_vec()))
    }

    /// Type and bytes of the elements, with strings of any length as wide as the longest of them, as anndata makes
    /// them for zarr.
    fn fixed(&self) -> Result<(Datatype, Vec<u8>)> {
        let names = self.member_names().filter(|_| matches!(self.datatype().class, Class::Compound(_)));
        let Some(names) = names else {
            if matches!(self.datatype().class, Class::VarString(_)) {
                return Ok(utf32(&self.strings()?));
            }
            return Ok((self.datatype().clone(), self.raw().to_vec()));
        };
        let (mut members, mut columns, mut offset) = (Vec::new(), Vec::new(), 0u32);
        for name in names {
            let value = self.member(name)?;
            let (datatype, bytes) = value.fixed()?;
            let size = datatype.size;
            // a member of several elements
            let several = value.len() != self.len();
            if several || size == 0 {
                let text = format!("zarr has no records with a member of {}", value.datatype().name());
                return Err(Error::unsupported(text));
            }
            members.push(Member { name: name.to_owned(), offset, datatype });
            columns.push((bytes, size as usize));
            offset = offset.checked_add(size).ok_or_else(|| Error::unsupported("records of 4 GiB"))?;
        }
        let out = side_by_side(self.len(), &columns);
        Ok((Datatype { size: offset, class: Class::Compound(members) }, out))
    }
}

/// Records whose text has a fixed number of characters, for HDF5, which has no such text: of any length, as anndata
/// makes it. `None` for all others.
///
/// # Errors
/// Errors of reading the strings and of writing them to the heap.
pub(super) fn records_for_hdf5(value: &Value, writer: &mut hdf5::Writer) -> Result<Option<EncodedValue>> {
    let Class::Compound(old) = &value.datatype().class else { return Ok(None) };
    let (Some(dims), true) =
        (value.shape(), old.iter().any(|member| matches!(member.datatype.class, Class::Utf32(_))))
    else {
        return Ok(None);
    };
    let (mut members, mut columns, mut offset) = (Vec::new(), Vec::new(), 0u32);
    for member in old {
        let column = value.member(&member.name)?;
        let (datatype, bytes) = match member.datatype.class {
            Class::Utf32(_) => {
                let references = writer.texts(&column.strings()?, dims)?;
                (references.datatype().clone(), references.bytes().to_vec())
            }
            _ => (member.datatype.clone(), column.raw().to_vec()),
        };
        let size = datatype.size;
        members.push(Member { name: member.name.clone(), offset, datatype });
        columns.push((bytes, size as usize));
        offset = offset.checked_add(size).ok_or_else(|| Error::unsupported("records of 4 GiB"))?;
    }
    let bytes = side_by_side(value.len(), &columns);
    let datatype = Datatype { size: offset, class: Class::Compound(members) };
    Ok(Some(EncodedValue::elements(&datatype, dims, bytes)))
}

/// The members of records, each with its bytes and the size of one, as records.
fn side_by_side(rows: usize, columns: &[(Vec<u8>, usize)]) -> Vec<u8> {
    let size = columns.iter().fold(0usize, |n, (_, size)| n.saturating_add(*size));
    let mut out = Vec::with_capacity(rows.saturating_mul(size));
    for row in 0..rows {
        for (bytes, size) in columns {
            out.extend_from_slice(&bytes[row * size..][..*size]);
        }
    }
    out
}

/// Strings as UTF-32 of one width, with zeros at the ends; of one character at least, as numpy has it.
fn utf32(strings: &Strings) -> (Datatype, Vec<u8>) {
    let texts: Vec<Vec<char>> = strings.iter_lossy().map(|text| text.chars().collect()).collect();
    let width = texts.iter().map(Vec::len).max().unwrap_or(0).max(1);
    let mut bytes = Vec::with_capacity(texts.len() * width * CHARACTER);
    for text in &texts {
        let end = bytes.len() + width * CHARACTER;
        bytes.extend(text.iter().flat_map(|c| u32::from(*c).to_le_bytes()));
        bytes.resize(end, 0);
    }
    let size = u32::try_from(width * CHARACTER).unwrap_or(u32::MAX);
    (Datatype { size, class: Class::Utf32(Order::Little) }, bytes)
}
