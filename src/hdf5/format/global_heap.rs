//! Global heap collections: the values of variable-length data. HDF5 File Format 3.0, III.E.

use super::Sizes;
use crate::bytes::Cursor;
use crate::bytes::put::Put;
use crate::error::Result;
use std::ops::Range;

/// Bytes before the objects.
pub(crate) fn head_len(sizes: Sizes) -> usize {
    usize::from(sizes.length).saturating_add(8)
}

/// Reads the size in bytes of the whole collection, including its head.
pub(crate) fn read_head(src: &mut Cursor<'_>, sizes: Sizes) -> Result<u64> {
    src.expect_signature(b"GCOL")?;
    match src.read_u8()? {
        1 => {}
        v => return Err(src.unsupported(format!("global heap version {v}"))),
    }
    src.skip(3)?;
    sizes.read_length(src)
}

/// A variable-length value's reference to its object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reference {
    /// Elements of a sequence or bytes of a string; 0 if there is no object.
    pub(crate) count: u32,
    /// Address of the collection; 0 if there is no object.
    pub(crate) address: u64,
    /// Index of the object in its collection.
    pub(crate) index: u32,
}

impl Reference {
    /// The reference of an empty value, which has no object.
    pub(crate) const NONE: Reference = Reference { count: 0, address: 0, index: 0 };

    pub(crate) fn read(src: &mut Cursor<'_>, sizes: Sizes) -> Result<Self> {
        Ok(Reference {
            count: src.read_u32()?,
            address: src.read_uint(sizes.offset)?,
            index: src.read_u32()?,
        })
    }

    pub(crate) fn write(self, out: &mut Vec<u8>) {
        out.put_u32(self.count);
        out.put_u64(self.address);
        out.put_u32(self.index);
    }
}

/// Returns the highest reference count of any object.
pub(crate) fn highest_count(bytes: &[u8], offset: u64, sizes: Sizes) -> Result<u16> {
    let starts = read_objects(bytes, offset, sizes)?;
    let frame = head_len(sizes);
    let counts = starts.iter().filter_map(|(_, range)| {
        let at = range.start.checked_sub(frame)?.checked_add(2)?;
        bytes.get(at..)?.first_chunk::<2>().map(|c| u16::from_le_bytes(*c))
    });
    Ok(counts.max().unwrap_or(0))
}

/// Returns the range of each object in `bytes` (the collection without its head) with its index; sorted by
/// index.
pub(crate) fn read_objects(bytes: &[u8], offset: u64, sizes: Sizes) -> Result<Vec<(u16, Range<usize>)>> {
    let frame = head_len(sizes);
    let mut src = Cursor::new(bytes, offset);
    let mut out = Vec::new();
    while src.len() >= frame {
        let index = src.read_u16()?;
        src.skip(2)?; // reference count
        src.skip(4)?;
        let len = sizes.read_length(&mut src)?;
        // III.E: object 0 is the free space and comes last; its size includes its own frame.
        if index == 0 {
            break;
        }
        let start = bytes.len().saturating_sub(src.len());
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        src.skip(len)?;
        out.push((index, start..start.saturating_add(len)));
        // Objects are padded to a multiple of 8; the last one of a full collection may lack its padding.
        let padding = len.checked_next_multiple_of(8).unwrap_or(len).saturating_sub(len);
        src.skip(padding.min(src.len()))?;
    }
    out.sort_unstable_by_key(|(index, _)| *index);
    Ok(out)
}

/// A collection without its head.
#[derive(Debug)]
pub(crate) struct Collection {
    pub(crate) bytes: Vec<u8>,
    /// Range of each object, sorted by index.
    objects: Vec<(u16, Range<usize>)>,
}

impl Collection {
    /// Parses the collection `bytes`, which start at `offset` in the file.
    pub(crate) fn new(bytes: Vec<u8>, offset: u64, sizes: Sizes) -> Result<Self> {
        let objects = read_objects(&bytes, offset, sizes)?;
        Ok(Collection { bytes, objects })
    }

    /// Returns the bytes of an object.
    pub(crate) fn object(&self, index: u16) -> Option<&[u8]> {
        let found = self.objects.binary_search_by_key(&index, |(i, _)| *i).ok()?;
        self.bytes.get(self.objects.get(found)?.1.clone())
    }

    /// Memory in use, in bytes.
    pub(crate) fn memory(&self) -> usize {
        let each = size_of::<(u16, Range<usize>)>();
        self.bytes.len().saturating_add(self.objects.capacity().saturating_mul(each))
    }
}

/// Builds a collection of `size` bytes from `objects`, numbered from 1, which must fit.
pub(crate) fn write(objects: &[u8], spans: &[Range<usize>], size: usize) -> Vec<u8> {
    let mut out = b"GCOL".to_vec();
    out.put(&[1, 0, 0, 0]);
    out.put_u64(0); // size, patched later
    for (index, span) in (1u16..).zip(spans) {
        out.put_u16(index);
        out.put(&[0; 6]);
        out.put_u64(span.len() as u64);
        out.put(objects.get(span.clone()).unwrap_or_default());
        out.pad_to(8);
    }
    // The remainder is one free object, or unused if it is smaller than an object's head.
    let used = out.place();
    if size.saturating_sub(used) >= 16 {
        out.put(&[0; 8]);
        out.put_u64(size.saturating_sub(used) as u64);
    }
    out.fill_to(size);
    if let Some(place) = out.get_mut(8..16) {
        place.copy_from_slice(&(size as u64).to_le_bytes());
    }
    out
}

/// Minimum length in bytes of a collection that libhdf5 accepts.
pub(crate) const LEAST: usize = 4096;
/// Bytes of a collection's head, and of an object's head, with lengths of 8 bytes.
pub(crate) const WRITTEN_HEAD: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: Sizes = Sizes { offset: 8, length: 8 };

    #[test]
    fn a_reference_written_is_read() {
        let reference = Reference { count: 3, address: 0x1000, index: 7 };
        let mut bytes = Vec::new();
        reference.write(&mut bytes);
        assert_eq!(bytes, [3, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0]);
        assert_eq!(Reference::read(&mut Cursor::new(&bytes, 0), SIZES).unwrap(), reference);
    }

    #[test]
    fn two_objects_and_free_space() {
        let bytes = [
            2, 0, 1, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, // object 2, 3 bytes
            b'a', b'b', b'c', 0, 0, 0, 0, 0, // padded to 8
            1, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, // object 1, 1 byte
            b'z', 0, 0, 0, 0, 0, 0, 0, //
            0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, // free space
        ];
        let objects = read_objects(&bytes, 0, SIZES).unwrap();
        assert_eq!(objects, [(1, 40..41), (2, 16..19)]);
        let mut broken = bytes;
        broken[8] = 200;
        assert!(read_objects(&broken, 0, SIZES).is_err());
    }
}
