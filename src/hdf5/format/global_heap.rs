//! Global heap collections: the values of variable-length data. HDF5 File Format 3.0, III.E.

use super::Sizes;
use crate::bytes::Cursor;
use crate::error::Result;
use std::ops::Range;

/// Bytes in front of the objects.
pub(crate) fn head_len(sizes: Sizes) -> usize {
    usize::from(sizes.length).saturating_add(8)
}

/// The size of the whole collection, head included.
pub(crate) fn read_head(src: &mut Cursor<'_>, sizes: Sizes) -> Result<u64> {
    src.expect_signature(b"GCOL")?;
    match src.read_u8()? {
        1 => {}
        v => return Err(src.unsupported(format!("global heap version {v}"))),
    }
    src.skip(3)?;
    sizes.read_length(src)
}

/// The most often that an object says it is referred to.
pub(crate) fn highest_count(bytes: &[u8], offset: u64, sizes: Sizes) -> Result<u16> {
    let starts = read_objects(bytes, offset, sizes)?;
    let frame = head_len(sizes);
    let counts = starts.iter().filter_map(|(_, range)| {
        let at = range.start.checked_sub(frame)?.checked_add(2)?;
        bytes.get(at..)?.first_chunk::<2>().map(|c| u16::from_le_bytes(*c))
    });
    Ok(counts.max().unwrap_or(0))
}

/// Where each object lies inside `bytes` (the collection without its head), by its index; sorted by index.
pub(crate) fn read_objects(bytes: &[u8], offset: u64, sizes: Sizes) -> Result<Vec<(u16, Range<usize>)>> {
    let frame = head_len(sizes);
    let mut src = Cursor::new(bytes, offset);
    let mut out = Vec::new();
    while src.len() >= frame {
        let index = src.read_u16()?;
        src.skip(2)?; // reference count
        src.skip(4)?;
        let len = sizes.read_length(&mut src)?;
        // III.E: object 0 is the free space, and the end; its size counts its own frame
        if index == 0 {
            break;
        }
        let start = bytes.len().saturating_sub(src.len());
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        src.skip(len)?;
        out.push((index, start..start.saturating_add(len)));
        // padded to a multiple of 8; the last object of a full collection may lack its padding
        let padding = len.checked_next_multiple_of(8).unwrap_or(len).saturating_sub(len);
        src.skip(padding.min(src.len()))?;
    }
    out.sort_unstable_by_key(|(index, _)| *index);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: Sizes = Sizes { offset: 8, length: 8 };

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
