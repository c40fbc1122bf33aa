//! Canonical bytes of values, so that two readers can be compared, and the names of types.
//!
//! Numbers, enums and bools little-endian in their own width; fixed strings with their padding; variable
//! strings up to their end and a NUL; sequences as their length (u64) and their elements; arrays as their
//! elements; compounds as their members in order, without gaps. References have no canonical form.

use super::chunks::Scratch;
use super::dataset::{Dataset, Storage};
use super::global_heap::HeapReader;
use super::value::{Value, trimmed};
use crate::bytes::Cursor;
use crate::bytes::checked;
use crate::dtype::{Class, Datatype, Numeric, Padding};
use crate::error::{Error, Place, Result};
use crate::hdf5::format::message::dataspace::Dataspace;

/// Bytes of elements per read.
const WINDOW: u64 = 8 << 20;

impl Value {
    /// CRC-32 of the canonical bytes; 0 if there are no elements; `None` if the type has no canonical form.
    ///
    /// # Errors
    /// Fails if the heap that holds the values is damaged.
    pub fn canonical_crc(&self) -> Result<Option<u32>> {
        if !has_canonical_form(self.datatype()) {
            return Ok(None);
        }
        let mut crc = crc32fast::Hasher::new();
        update(self, &mut crc, &mut HeapReader::new(self.addresses()))?;
        Ok(Some(crc.finalize()))
    }
}

impl Dataset {
    /// CRC-32 of the canonical bytes of all elements, read a window at a time; 0 if there are no elements;
    /// `None` if the type has no canonical form.
    ///
    /// # Errors
    /// Fails if the elements cannot be read.
    pub fn canonical_crc(&self) -> Result<Option<u32>> {
        if !has_canonical_form(self.datatype()) {
            return Ok(None);
        }
        let mut crc = crc32fast::Hasher::new();
        let shape = self.shape().to_vec();
        let file = self.object().file();
        let mut heap = HeapReader::new(file.addresses());
        let Some((&rows, inner)) = shape.split_first() else {
            update(&self.read()?, &mut crc, &mut heap).in_object(self.object().path())?;
            return Ok(Some(crc.finalize()));
        };
        if self.elements() == 0 {
            return Ok(Some(0));
        }
        let row_bytes = checked::mul(checked::product(inner)?, u64::from(self.datatype().size))?;
        self.check_holes()?;
        // Reads whole chunks at a time, so that each is decoded once.
        let step = match self.storage() {
            Storage::Chunked(c) => c.first().copied().unwrap_or(1),
            _ => 1,
        };
        let fit = WINDOW.checked_div(row_bytes.max(1)).unwrap_or(1);
        let window = fit.checked_next_multiple_of(step).unwrap_or(step).max(step).min(rows);
        let bytes = checked::mul(window, row_bytes)?;
        let most = self.most_bytes();
        if bytes > most {
            let e = Error::limit(format!("rows of chunks of {bytes} bytes (limit {most})"));
            return Err(e.in_object(self.object().path()));
        }
        let mut scratch = Scratch::default();
        let mut at = 0u64;
        while at < rows {
            let n = window.min(rows.saturating_sub(at));
            let mut start = vec![0; shape.len()];
            let mut count = shape.clone();
            if let (Some(s), Some(c)) = (start.first_mut(), count.first_mut()) {
                (*s, *c) = (at, n);
            }
            let mut buffer = crate::limits::zeroed(checked::size(checked::mul(n, row_bytes)?)?)?;
            self.read_slab(&start, &count, &mut buffer, &mut scratch)?;
            let part = Value::new(file, self.datatype().clone(), Dataspace::fixed(&count), buffer);
            update(&part, &mut crc, &mut heap).in_object(self.object().path())?;
            at = at.saturating_add(n);
        }
        Ok(Some(crc.finalize()))
    }
}

fn update(value: &Value, crc: &mut crc32fast::Hasher, heap: &mut HeapReader<'_>) -> Result<()> {
    let datatype = value.datatype();
    if let Some(n) = Numeric::of(datatype)
        && n.is_native()
    {
        crc.update(value.raw());
        return Ok(());
    }
    let mut out = Vec::new();
    let mut src = Cursor::new(value.raw(), 0);
    for _ in 0..value.len() {
        let mut one = src.split(value.element_size().min(src.len()))?;
        write(datatype, &mut one, &mut out, heap, 0)?;
        if out.len() > 1 << 16 {
            crc.update(&out);
            out.clear();
        }
    }
    crc.update(&out);
    Ok(())
}

fn has_canonical_form(t: &Datatype) -> bool {
    match &t.class {
        Class::Integer(_) | Class::Bitfield(_) | Class::Float(_) => Numeric::of(t).is_some(),
        Class::Time { .. } | Class::Reference { .. } => false,
        Class::FixedString(_) | Class::Opaque { .. } | Class::VarString(_) => true,
        Class::Compound(members) => members.iter().all(|m| has_canonical_form(&m.datatype)),
        Class::Enum { base, .. } | Class::VarLen(base) | Class::Array { base, .. } | Class::Complex(base) => {
            has_canonical_form(base)
        }
    }
}

/// Writes the canonical bytes of the element in `src`, which holds exactly one element.
fn write(
    t: &Datatype,
    src: &mut Cursor<'_>,
    out: &mut Vec<u8>,
    heap: &mut HeapReader<'_>,
    depth: u32,
) -> Result<()> {
    if depth > heap.limits().nesting {
        return Err(Error::limit("values nested too deeply"));
    }
    let bytes = src.rest();
    match &t.class {
        Class::Compound(members) => {
            for m in members {
                let mut part = src.clone();
                part.skip(checked::size(u64::from(m.offset))?)?;
                let mut part = part.split(checked::size(u64::from(m.datatype.size))?)?;
                write(&m.datatype, &mut part, out, heap, depth.saturating_add(1))?;
            }
        }
        Class::Array { base, dims } => write_many(base, checked::product(dims)?, src, out, heap, depth)?,
        Class::Complex(base) => write_many(base, 2, src, out, heap, depth)?,
        Class::VarString(_) => heap.follow(src, 1, |_, _, text, _| {
            out.extend_from_slice(trimmed(text, Padding::NullTerminated));
            out.push(0);
            Ok(())
        })?,
        Class::VarLen(base) => {
            let unit = u64::from(base.size);
            // The object borrows the heap, which its elements may need mutably, so it is copied first.
            let (count, object, at) =
                heap.follow(src, unit, |_, n, bytes, at| Ok((n, bytes.to_vec(), at)))?;
            out.extend_from_slice(&count.to_le_bytes());
            write_many(base, count, &mut Cursor::new(&object, at), out, heap, depth)?;
        }
        Class::FixedString(text) => {
            // HDF5 converts strings on reading: the bytes after the end of the text become NULs.
            let kept = match text.padding {
                Padding::NullPadded => bytes,
                padding => trimmed(bytes, padding),
            };
            out.extend_from_slice(kept);
            out.resize(out.len().saturating_add(bytes.len().saturating_sub(kept.len())), 0);
        }
        _ => match Numeric::of(t) {
            Some(n) => {
                let at = out.len();
                out.resize(at.saturating_add(n.dtype.size()), 0);
                n.convert(bytes, out.get_mut(at..).unwrap_or_default());
            }
            None => out.extend_from_slice(bytes),
        },
    }
    Ok(())
}

fn write_many(
    base: &Datatype,
    count: u64,
    src: &mut Cursor<'_>,
    out: &mut Vec<u8>,
    heap: &mut HeapReader<'_>,
    depth: u32,
) -> Result<()> {
    let size = checked::size(u64::from(base.size))?;
    for _ in 0..count {
        let mut one = src.split(size)?;
        write(base, &mut one, out, heap, depth.saturating_add(1))?;
    }
    Ok(())
}
