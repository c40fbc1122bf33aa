//! Canonical bytes of values, so that two readers can be compared, and the names of types.
//!
//! Numbers, enums and bools little-endian in their own width; fixed strings with their padding; variable
//! strings up to their end and a NUL; sequences as their length (u64) and their elements; arrays as their
//! elements; compounds as their members in order, without gaps. References have no canonical form.

use super::chunks::Scratch;
use super::dataset::{Dataset, Storage};
use super::global_heap::HeapReader;
use super::selection::GIANT;
use super::value::Value;
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
        if !self.datatype().has_canonical_form() {
            return Ok(None);
        }
        let mut crc = crc32fast::Hasher::new();
        update(self, &mut crc, &mut HeapReader::new(self.addresses()))?;
        Ok(Some(crc.finalize()))
    }
}

impl Dataset {
    /// CRC-32 of the canonical bytes of all elements, read a window at a time; 0 if there are no elements;
    /// `None` if the type has no canonical form. Rows that were never written are not read: their checksum
    /// follows from that of one fill value.
    ///
    /// # Errors
    /// Fails if the elements cannot be read.
    pub fn canonical_crc(&self) -> Result<Option<u32>> {
        if !self.datatype().has_canonical_form() {
            return Ok(None);
        }
        if self.elements() == 0 {
            return Ok(Some(0));
        }
        let mut crc = crc32fast::Hasher::new();
        let shape = self.shape().to_vec();
        let file = self.object().file();
        let mut heap = HeapReader::new(file.addresses());
        let Some((&rows, inner)) = shape.split_first() else {
            update(&self.read()?, &mut crc, &mut heap).in_object(self.object().path())?;
            return Ok(Some(crc.finalize()));
        };
        let in_row = checked::product(inner)?;
        let row_bytes = checked::mul(in_row, u64::from(self.datatype().size))?;
        let (step, mut scratch) = self.window(rows, row_bytes)?;
        let mut at = 0u64;
        while at < rows {
            let stored = self.next_stored_row(at)?.unwrap_or(rows).min(rows);
            if stored > at {
                let elements = checked::mul(stored.saturating_sub(at), in_row)?;
                crc.combine(&repeated(&self.fill_crc(&mut heap)?, elements));
                at = stored;
                continue;
            }
            let n = step.min(rows.saturating_sub(at));
            let mut start = vec![0; shape.len()];
            let mut count = shape.clone();
            if let (Some(s), Some(c)) = (start.first_mut(), count.first_mut()) {
                (*s, *c) = (at, n);
            }
            let mut buffer = crate::limits::zeroed(checked::size(checked::mul(n, row_bytes)?)?)?;
            self.read_slab(&start, &count, &mut buffer, &mut scratch)?;
            let part = Value::new(file, self.datatype().clone(), &Dataspace::fixed(&count), buffer);
            update(&part, &mut crc, &mut heap).in_object(self.object().path())?;
            at = at.saturating_add(n);
        }
        Ok(Some(crc.finalize()))
    }

    /// Number of rows read at a time, and the scratch for them: whole chunks, or fewer rows in order if those are
    /// giant.
    fn window(&self, rows: u64, row_bytes: u64) -> Result<(u64, Scratch)> {
        let step = match self.storage() {
            Storage::Chunked(c) => c.first().copied().unwrap_or(1),
            _ => 1,
        };
        let fit = WINDOW.checked_div(row_bytes.max(1)).unwrap_or(1);
        let window = fit.checked_next_multiple_of(step).unwrap_or(step).max(step).min(rows);
        let bytes = checked::mul(window, row_bytes)?;
        if bytes >= GIANT && self.filters().is_empty() {
            return Ok((fit.clamp(1, rows), Scratch::default()));
        }
        if bytes >= GIANT && self.in_order_bytes()?.is_some_and(|memory| memory < bytes) {
            return Ok((fit.clamp(1, rows), Scratch::in_order()));
        }
        let most = self.most_bytes();
        if bytes > most {
            let e = Error::limit(format!("rows of chunks of {bytes} bytes (limit {most})"));
            return Err(e.in_object(self.object().path()));
        }
        Ok((window, Scratch::default()))
    }

    /// CRC-32 of the canonical bytes of one element that was never written.
    fn fill_crc(&self, heap: &mut HeapReader<'_>) -> Result<crc32fast::Hasher> {
        let mut bytes = self.fill_value().to_vec();
        if bytes.is_empty() {
            bytes = crate::limits::zeroed(checked::size(u64::from(self.datatype().size))?)?;
        }
        let one = Value::new(self.object().file(), self.datatype().clone(), &Dataspace::fixed(&[1]), bytes);
        let mut crc = crc32fast::Hasher::new();
        update(&one, &mut crc, heap).in_object(self.object().path())?;
        Ok(crc)
    }
}

/// The checksum of the bytes of `one`, `times` times, by doubling.
fn repeated(one: &crc32fast::Hasher, times: u64) -> crc32fast::Hasher {
    let (mut all, mut power, mut left) = (crc32fast::Hasher::new(), one.clone(), times);
    while left > 0 {
        if left & 1 == 1 {
            all.combine(&power);
        }
        left >>= 1;
        if left > 0 {
            power.combine(&power.clone());
        }
    }
    all
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
            out.extend_from_slice(Padding::NullTerminated.trim(text));
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
        _ => t.canonical(bytes, out)?,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::Dtype;
    use crate::hdf5::{Chunks, File, Group, Libver, Writer};

    #[test]
    fn a_pattern_many_times() {
        let mut one = crc32fast::Hasher::new();
        one.update(b"abc");
        for n in [0usize, 1, 2, 7, 1000] {
            let whole = crc32fast::hash(&b"abc".repeat(n));
            assert_eq!(repeated(&one, n as u64).finalize(), whole, "{n}");
        }
    }

    /// A dataset of `rows` × 2 numbers of 16 bits, filled with 0x0107, in chunks of 4 × 2 of which only the chunks
    /// `stored` are in the file, all ones.
    fn with_holes(rows: u64, stored: &[u64], libver: Libver) -> Dataset {
        let mut w = Writer::to_sink(std::io::Cursor::new(Vec::new()), libver).unwrap();
        let datatype = Datatype::of(Dtype::Uint16);
        let chunks = Chunks::new(datatype, &[rows, 2], &[4, 2], crate::codec::Filters::default(), false);
        let mut chunks = chunks.unwrap().filled_with(&[7, 1]);
        for n in 0..rows.div_ceil(4) {
            match stored.contains(&n) {
                true => {
                    let encoded = chunks.encode(&[1; 16], &mut crate::codec::EncodeWork::default()).unwrap();
                    chunks.push(&mut w, &encoded).unwrap();
                }
                false => chunks.skip(),
            }
        }
        let mut root = Group::new();
        root.link("x", chunks.finish(&mut w, &[]).unwrap());
        let bytes = w.finish_sink::<std::io::Cursor<Vec<u8>>>(&root).unwrap().into_inner();
        let file = File::from_reader(Box::new(bytes), crate::Limits::default()).unwrap();
        file.object("x").unwrap().dataset().unwrap()
    }

    #[test]
    fn chunks_that_were_never_written_count_as_their_fill_value() {
        for libver in [Libver::Earliest, Libver::Latest] {
            for stored in [&[][..], &[0], &[1], &[0, 2], &[0, 1, 2]] {
                let dataset = with_holes(10, stored, libver);
                let mut expected = Vec::new();
                for n in 0..3u64 {
                    let one = if stored.contains(&n) { [1, 1] } else { [7, 1] };
                    expected.extend(one.repeat(if n < 2 { 8 } else { 4 }));
                }
                assert_eq!(dataset.read().unwrap().raw(), expected, "{stored:?} {libver:?}");
                let crc = dataset.canonical_crc().unwrap();
                assert_eq!(crc, Some(crc32fast::hash(&expected)), "{stored:?} {libver:?}");
                assert_eq!(dataset.has_holes().unwrap(), stored.len() < 3);
            }
        }
    }

    /// 2^44 numbers of which none was written: 32 TiB of zeros. The checksum of zeros is that of zlib's `crc32_combine`.
    #[test]
    fn absurd_extents_take_no_time() {
        let mut w = Writer::to_sink(std::io::Cursor::new(Vec::new()), Libver::Earliest).unwrap();
        let value = crate::hdf5::StoredValue::numbers(Dtype::Uint16, &[1 << 44], Vec::new());
        let mut root = Group::new();
        root.link("x", w.dataset(&value, &[], &crate::hdf5::Storing::default()).unwrap());
        let bytes = w.finish_sink::<std::io::Cursor<Vec<u8>>>(&root).unwrap().into_inner();
        let file = File::from_reader(Box::new(bytes), crate::Limits::default()).unwrap();
        let dataset = file.object("x").unwrap().dataset().unwrap();
        let mut half = crc32fast::Hasher::new();
        half.update(&[0; 2]);
        for _ in 0..44 {
            half.combine(&half.clone());
        }
        assert_eq!(dataset.canonical_crc().unwrap(), Some(half.finalize()));
        assert_eq!(dataset.check_holes().unwrap_err().kind(), crate::Kind::Limit);
    }
}
