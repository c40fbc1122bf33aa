//! ElementForm that are not ranges of the file: read, converted and stored in the map.

use super::map::quoted;
use super::numpy_type::{ElementForm, Field, FieldForm, NumpyType, code};
use crate::dtype::{Class, Numeric};
use crate::error::{Error, Result};
use crate::limits;
use crate::observe::Observer;
use crate::strings::{Strings, readable};
use crate::tree::{Array, ArrayScratch, Value};

/// Bytes of stored elements in one chunk of the map, and texts in one.
const CHUNK_BYTES: u64 = 1 << 20;
const CHUNK_TEXTS: u64 = 1 << 15;

/// An array whose elements are stored in the map, in chunks of whole rows.
#[derive(Debug, Clone)]
pub(super) struct Inlined {
    array: Array,
    elements: ElementForm,
    /// Rows of a chunk.
    pub(super) rows: u64,
    /// Characters of the longest text of each field of records; 0 for other fields.
    widths: Vec<usize>,
    /// Bytes of all elements before they are compressed.
    pub(super) bytes: u64,
}

impl Inlined {
    /// Plans to store `array` in the map, in at most `most` bytes.
    ///
    /// # Errors
    /// `Unsupported` if it takes more; errors of reading text, whose length is counted.
    pub(super) fn new(
        array: &Array,
        elements: ElementForm,
        most: u64,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let each = match &elements {
            ElementForm::Stored(..) => u64::from(array.datatype().size),
            ElementForm::Converted(numeric) => numeric.dtype.size() as u64,
            // the length of each
            ElementForm::Text => 4,
            ElementForm::Records(_) => 1,
        };
        let rows = array.shape().first().copied().unwrap_or(1);
        let row = array.elements().checked_div(rows).unwrap_or(0).max(1);
        let of_chunk = match &elements {
            ElementForm::Text => CHUNK_TEXTS / row,
            _ => CHUNK_BYTES / row.saturating_mul(u64::from(array.datatype().size)).max(1),
        };
        let mut plan = Inlined {
            array: array.clone(),
            elements,
            rows: of_chunk.clamp(1, rows.max(1)),
            widths: Vec::new(),
            bytes: array.elements().saturating_mul(each),
        };
        expect_few(plan.bytes, most)?;
        match &plan.elements {
            ElementForm::Text => {
                let mut bytes = plan.bytes;
                plan.each_box(observer, |value, _| {
                    bytes =
                        bytes.saturating_add(value.strings()?.iter().map(|t| readable(t).len() as u64).sum());
                    expect_few(bytes, most)
                })?;
                plan.bytes = bytes;
            }
            ElementForm::Records(fields) => {
                let mut widths = vec![0; fields.len()];
                plan.each_box(observer, |value, _| {
                    for (field, width) in
                        fields.iter().zip(&mut widths).filter(|(f, _)| f.form == FieldForm::Text)
                    {
                        let longest = value.member(&field.name)?.strings()?;
                        let longest = longest.iter().map(|t| readable(t).chars().count()).max();
                        *width = longest.unwrap_or(0).max(*width);
                    }
                    Ok(())
                })?;
                plan.widths = widths.into_iter().map(|w: usize| w.max(1)).collect();
                let sizes = fields.iter().zip(&plan.widths).map(|(f, w)| f.size(*w, array));
                let each = sizes.fold(0u64, u64::saturating_add);
                plan.bytes = array.elements().saturating_mul(each);
                expect_few(plan.bytes, most)?;
            }
            // whether it can be decoded, before any of it is in the map
            ElementForm::Stored(..) | ElementForm::Converted(_) => plan.each_box(observer, |_, _| Ok(()))?,
        }
        Ok(plan)
    }

    /// The type of the elements in the map, as JSON.
    pub(super) fn dtype(&self) -> Result<String> {
        Ok(match &self.elements {
            ElementForm::Stored(stored, _) => stored.json.clone(),
            ElementForm::Converted(numeric) => NumpyType::plain(numeric.dtype).json,
            ElementForm::Text => "\"|O\"".to_owned(),
            ElementForm::Records(fields) => {
                let one = |(field, width): (&Field, &usize)| {
                    let json = match &field.form {
                        FieldForm::Stored(stored) => stored.json.clone(),
                        FieldForm::Converted(numeric) => format!("\"<{}\"", code(numeric.dtype)),
                        FieldForm::Text => format!("\"<U{width}\""),
                    };
                    Ok(format!("[{},{json}]", quoted(&field.name)?))
                };
                let fields: Result<Vec<String>> = fields.iter().zip(&self.widths).map(one).collect();
                format!("[{}]", fields?.join(","))
            }
        })
    }

    /// Calls `f` with the bytes of each chunk, uncompressed, and its number.
    pub(super) fn each_chunk(
        &self,
        observer: &dyn Observer,
        mut f: impl FnMut(u64, Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        let mut n = 0;
        self.each_box(observer, |value, missing| {
            let chunk = self.chunk(value, missing)?;
            n += 1;
            f(n - 1, chunk)
        })
    }

    /// Calls `f` with the elements of each chunk in order, and the number of elements that a whole chunk would have
    /// after them.
    fn each_box(&self, observer: &dyn Observer, mut f: impl FnMut(&Value, u64) -> Result<()>) -> Result<()> {
        let (mut start, mut count) = (vec![0; self.array.shape().len()], self.array.shape().to_vec());
        let rows = count.first().copied().unwrap_or(1);
        let row = self.array.elements().checked_div(rows).unwrap_or(0);
        let mut scratch: ArrayScratch = self.array.scratch_for(self.rows);
        let mut at = 0;
        while at < rows && row > 0 {
            observer.check_cancelled()?;
            let of_box = self.rows.min(rows - at);
            start.first_mut().into_iter().for_each(|s| *s = at);
            count.first_mut().into_iter().for_each(|c| *c = of_box);
            let elements = of_box.saturating_mul(row);
            let bytes = elements.saturating_mul(u64::from(self.array.datatype().size));
            self.array.check_bytes(bytes)?;
            let mut out = limits::zeroed(usize::try_from(bytes).unwrap_or(usize::MAX))?;
            self.array.read_box(&start, &count, &mut out, &mut scratch)?;
            f(&self.array.value_of(elements, out), (self.rows - of_box).saturating_mul(row))?;
            at += of_box;
        }
        Ok(())
    }

    /// The bytes of a chunk with `missing` more elements after those of `value`.
    fn chunk(&self, value: &Value, missing: u64) -> Result<Vec<u8>> {
        let missing = usize::try_from(missing).unwrap_or(usize::MAX);
        let padded = |mut bytes: Vec<u8>, each: usize| {
            let len = bytes.len().saturating_add(missing.saturating_mul(each));
            limits::resize(&mut bytes, len).map(|()| bytes)
        };
        match &self.elements {
            ElementForm::Stored(..) => padded(value.raw().to_vec(), value.datatype().size as usize),
            ElementForm::Converted(numeric) => padded(converted(numeric, value)?, numeric.dtype.size()),
            ElementForm::Text => Ok(texts(&value.strings()?, missing)),
            ElementForm::Records(fields) => {
                let parts = fields.iter().zip(&self.widths).map(|(field, width)| field.bytes(value, *width));
                let parts = parts.collect::<Result<Vec<(Vec<u8>, usize)>>>()?;
                let each: usize = parts.iter().map(|(_, size)| size).sum();
                let mut out = limits::reserved(value.len().saturating_mul(each))?;
                for n in 0..value.len() {
                    for (bytes, size) in &parts {
                        out.extend_from_slice(bytes.get(n * size..(n + 1) * size).unwrap_or_default());
                    }
                }
                padded(out, each)
            }
        }
    }
}

impl Field {
    /// Bytes of the field in a record; `width`: characters of its longest text.
    fn size(&self, width: usize, array: &Array) -> u64 {
        match &self.form {
            FieldForm::Stored(_) => {
                let Class::Compound(members) = &array.datatype().class else { return 0 };
                members.iter().find(|m| m.name == self.name).map_or(0, |m| u64::from(m.datatype.size))
            }
            FieldForm::Converted(numeric) => numeric.dtype.size() as u64,
            FieldForm::Text => (width as u64).saturating_mul(4),
        }
    }

    /// The bytes of this field in all records, and their size in each.
    fn bytes(&self, records: &Value, width: usize) -> Result<(Vec<u8>, usize)> {
        let value = records.member(&self.name)?;
        Ok(match &self.form {
            FieldForm::Stored(_) => (value.raw().to_vec(), value.datatype().size as usize),
            FieldForm::Converted(numeric) => (converted(numeric, &value)?, numeric.dtype.size()),
            FieldForm::Text => {
                let strings = value.strings()?;
                let mut out = limits::reserved(strings.len().saturating_mul(width * 4))?;
                for text in strings.iter() {
                    let end = out.len() + width * 4;
                    readable(text).chars().for_each(|c| out.extend(u32::from(c).to_le_bytes()));
                    out.resize(end, 0);
                }
                (out, width * 4)
            }
        })
    }
}

fn expect_few(bytes: u64, most: u64) -> Result<()> {
    if bytes > most {
        let text = format!(
            "{bytes} bytes or more that are not ranges of the file (the map holds up to {most} of an array)"
        );
        return Err(Error::unsupported(text));
    }
    Ok(())
}

fn converted(numeric: &Numeric, value: &Value) -> Result<Vec<u8>> {
    let mut out = limits::zeroed(value.len().saturating_mul(numeric.dtype.size()))?;
    numeric.convert(value.raw(), &mut out);
    Ok(out)
}

/// The form of numcodecs' `vlen-utf8`: the number of texts, then the length of each before it.
fn texts(strings: &Strings, missing: usize) -> Vec<u8> {
    let length = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes();
    let mut out = length(strings.len().saturating_add(missing)).to_vec();
    for text in strings.iter() {
        let text = readable(text);
        out.extend(length(text.len()));
        out.extend_from_slice(text.as_bytes());
    }
    (0..missing).for_each(|_| out.extend(length(0)));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_behind_their_lengths() {
        let strings: Strings = [&b"ab"[..], b"", b"\xe9"].iter().collect();
        let expected = [
            4, 0, 0, 0, // four texts
            2, 0, 0, 0, b'a', b'b', 0, 0, 0, 0, 2, 0, 0, 0, 0xc3, 0xa9, // Latin-1 becomes UTF-8
            0, 0, 0, 0, // padding
        ];
        assert_eq!(texts(&strings, 1), expected);
    }
}
