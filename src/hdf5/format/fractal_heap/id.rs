//! IDs of heap objects: where an object is stored.

use super::Header;
use crate::bytes::Cursor;
use crate::error::{Error, Result};
use crate::hdf5::format::Sizes;

/// The location of an object, decoded from its ID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HeapId {
    /// In the heap's own address space.
    Managed { offset: u64, len: u64 },
    /// Directly in the file.
    HugeAt { address: u64, len: u64, filtered: Option<(u32, u64)> },
    /// In the file, at an address indexed by key in the heap's B-tree.
    HugeKey(u64),
    /// In the ID itself.
    Tiny(Vec<u8>),
}

pub(crate) fn read_id(id: &[u8], offset: u64, header: &Header, sizes: Sizes) -> Result<HeapId> {
    let mut src = Cursor::new(id, offset);
    let first = src.read_u8()?;
    match (first & 0xc0, first & 0x30) {
        (0, 0x00) => Ok(HeapId::Managed {
            offset: src.read_uint(header.offset_width())?,
            len: src.read_uint(header.length_width())?,
        }),
        (0, 0x10) => {
            // III.G: "Depending on whether the IDs for a heap are large enough to hold the object's retrieval
            // information and whether I/O pipeline filters are applied to the heap's objects, 4 sub-types are
            // derived"
            let (o, l) = (usize::from(sizes.offset), usize::from(sizes.length));
            let direct = o.saturating_add(l);
            let room = usize::from(header.id_len).saturating_sub(1);
            match &header.filters {
                None if room >= direct => Ok(HeapId::HugeAt {
                    address: sizes.read_defined(&mut src, "a heap object")?,
                    len: sizes.read_length(&mut src)?,
                    filtered: None,
                }),
                Some(_) if room >= direct.saturating_add(l).saturating_add(4) => Ok(HeapId::HugeAt {
                    address: sizes.read_defined(&mut src, "a heap object")?,
                    len: sizes.read_length(&mut src)?,
                    filtered: Some((src.read_u32()?, sizes.read_length(&mut src)?)),
                }),
                _ => Ok(HeapId::HugeKey(src.read_uint(u8::try_from(room.min(8)).unwrap_or(8))?)),
            }
        }
        (0, 0x20) => {
            // III.G: "The value stored is one less than the actual length (since zero-length objects are not
            // allowed to be stored in the heap)."
            let mut len = usize::from(first & 0x0f);
            // III.G: "If the heap ID length is greater than 18 bytes in length, the "extended" form is used."
            // Its length has 12 bits.
            if header.id_len > 18 {
                len = len.wrapping_shl(8) | usize::from(src.read_u8()?);
            }
            Ok(HeapId::Tiny(src.take(len.saturating_add(1))?.to_vec()))
        }
        _ => Err(Error::malformed(format!("heap ID of unknown kind {first:#04x}")).at(offset)),
    }
}

/// Encodes the ID of a managed object.
pub(crate) fn managed_id(offset: u64, len: usize) -> [u8; 8] {
    let [a, b, c, d, e, ..] = offset.to_le_bytes();
    let [low, high, ..] = len.to_le_bytes();
    [0, a, b, c, d, e, low, high]
}

/// Encodes the ID of a huge object with this key.
pub(crate) fn huge_id(key: u64) -> [u8; 8] {
    let [a, b, c, d, e, f, g, _] = key.to_le_bytes();
    [0x10, a, b, c, d, e, f, g]
}
