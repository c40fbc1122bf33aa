//! The local heap: names of an old-style group's links. HDF5 File Format 3.0, III.D.

use super::Sizes;
use super::fixed::{self, Address, Length};
use crate::bytes::Cursor;
use crate::error::{Error, Result};

/// Maximum length of the header in bytes.
pub(crate) const MAX_LEN: usize = 32;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LocalHeap {
    pub(crate) data_len: u64,
    pub(crate) data_address: u64,
    /// Offset of the first free block in the data; 1 if there is none.
    pub(crate) free: Option<u64>,
}

pub(crate) fn read_local_heap(src: &mut Cursor<'_>, sizes: Sizes) -> Result<LocalHeap> {
    src.expect_signature(b"HEAP")?;
    match src.read_u8()? {
        0 => {}
        v => return Err(src.unsupported(format!("local heap version {v}"))),
    }
    let at = src.offset();
    let stored: LocalHeapHeader = fixed::read(src, (sizes,))?;
    let data_address = stored.data.defined("a local heap's data", at)?;
    Ok(LocalHeap { data_len: stored.data_len.0, data_address, free: stored.free.0 })
}

/// A header after its signature and version.
#[binrw::binrw]
#[brw(little, import(sizes: Sizes))]
struct LocalHeapHeader {
    reserved: [u8; 3],
    #[brw(args(sizes))]
    data_len: Length,
    #[brw(args(sizes))]
    free: Address,
    #[brw(args(sizes))]
    data: Address,
}

/// Returns the NUL-terminated bytes at offset `at` of the heap's data, which start at `offset` in the file.
pub(crate) fn name_at(data: &[u8], offset: u64, at: u64) -> Result<&[u8]> {
    let place = offset.saturating_add(at);
    let tail = usize::try_from(at).ok().and_then(|at| data.get(at..)).ok_or_else(|| {
        Error::malformed(format!("name outside its local heap (heap has {} bytes, got {at})", data.len()))
            .at(place)
    })?;
    let end = tail.iter().position(|&b| b == 0);
    let end = end.ok_or_else(|| Error::malformed("name without an end in its local heap").at(place))?;
    Ok(tail.get(..end).unwrap_or_default())
}

/// Builds the header of a heap of `data_len` bytes at `data_address`, without free space.
pub(crate) fn write(data_len: u64, data_address: u64) -> Vec<u8> {
    let stored = LocalHeapHeader {
        reserved: [0; 3],
        data_len: Length(data_len),
        free: Address(Some(1)),
        data: data_address.into(),
    };
    let mut out = b"HEAP\0".to_vec();
    fixed::write(&stored, (Sizes::WRITTEN,), &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_and_names() {
        let bytes = [
            b'H', b'E', b'A', b'P', 0, 0, 0, 0, // signature, version
            16, 0, 0, 0, // data: 16 bytes
            1, 0, 0, 0, // no free block
            0x40, 0, 0, 0, // at 0x40
        ];
        let h = read_local_heap(&mut Cursor::new(&bytes, 0), Sizes { offset: 4, length: 4 }).unwrap();
        assert_eq!(h, LocalHeap { data_len: 16, data_address: 0x40, free: Some(1) });
        assert_eq!(name_at(b"\0obs\0var", 0, 1).unwrap(), b"obs");
        assert!(name_at(b"\0obs\0var", 0, 5).is_err(), "no terminator");
        assert!(name_at(b"\0obs\0var", 0, 99).is_err(), "outside");
    }
}
