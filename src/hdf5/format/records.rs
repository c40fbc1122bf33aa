//! Records of version 2 B-trees, which index names of dense links and attributes, huge heap objects and
//! chunks.
//! HDF5 File Format 3.0, III.A.2.

use super::Sizes;
use super::fixed::{self, Address, Length};
use crate::bytes::Cursor;
use crate::bytes::put::Put;
use crate::error::{Error, Result};

/// Record type of a tree of huge objects without filters, indexed by key.
pub(crate) const HUGE: u8 = 1;
/// Record type of a tree of huge objects with filters, indexed by key.
pub(crate) const HUGE_FILTERED: u8 = 2;
/// Record type of a tree of link names.
pub(crate) const LINK_NAMES: u8 = 5;
/// Record type of a tree of attribute names.
pub(crate) const ATTRIBUTE_NAMES: u8 = 8;
/// Record type of a tree of chunks without filters.
pub(crate) const CHUNKS: u8 = 10;
/// Record type of a tree of chunks with filters.
pub(crate) const CHUNKS_FILTERED: u8 = 11;

/// Rejects a tree of records of another type; `what` names the tree in the error.
pub(crate) fn expect_type(got: u8, expected: u8, what: &str) -> Result<()> {
    if got != expected {
        return Err(Error::malformed(format!("B-tree of {what} (expected type {expected}, got {got})")));
    }
    Ok(())
}

/// A link of a group, by the hash of its name (type 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LinkName<'a> {
    pub(crate) hash: u32,
    /// ID of the link message in the heap.
    pub(crate) id: &'a [u8],
}

impl<'a> LinkName<'a> {
    /// Reads a record with IDs of `id_len` bytes.
    pub(crate) fn read(src: &mut Cursor<'a>, id_len: usize) -> Result<Self> {
        Ok(LinkName { hash: src.read_u32()?, id: src.take(id_len)? })
    }
}

/// An attribute of an object, by the hash of its name (type 8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AttributeName<'a> {
    /// ID of the attribute message in the heap.
    pub(crate) id: &'a [u8],
    /// Flags of the message.
    pub(crate) flags: u8,
    pub(crate) order: u32,
    pub(crate) hash: u32,
}

impl<'a> AttributeName<'a> {
    /// Reads a record with IDs of `id_len` bytes.
    pub(crate) fn read(src: &mut Cursor<'a>, id_len: usize) -> Result<Self> {
        let (id, flags) = (src.take(id_len)?, src.read_u8()?);
        Ok(AttributeName { id, flags, order: src.read_u32()?, hash: src.read_u32()? })
    }

    /// Returns the bytes of the record.
    pub(crate) fn write(&self) -> Vec<u8> {
        let mut out = self.id.to_vec();
        out.put_u8(self.flags);
        out.put_u32(self.order);
        out.put_u32(self.hash);
        out
    }
}

/// A huge object of a heap, by its key (types 1 and 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Huge {
    pub(crate) address: u64,
    pub(crate) len: u64,
    /// Filter mask and unfiltered length in bytes, if the heap has filters.
    pub(crate) filtered: Option<(u32, u64)>,
    pub(crate) key: u64,
}

/// The record of a huge object without filters.
#[binrw::binrw]
#[brw(little, import(sizes: Sizes))]
struct PlainHuge {
    #[brw(args(sizes))]
    address: Address,
    #[brw(args(sizes))]
    len: Length,
    #[brw(args(sizes))]
    key: Length,
}

/// The record of a huge object with filters.
#[binrw::binrw]
#[brw(little, import(sizes: Sizes))]
struct FilteredHuge {
    #[brw(args(sizes))]
    address: Address,
    #[brw(args(sizes))]
    stored: Length,
    mask: u32,
    #[brw(args(sizes))]
    len: Length,
    #[brw(args(sizes))]
    key: Length,
}

impl Huge {
    /// Reads a record of a tree of `record_type`.
    pub(crate) fn read(src: &mut Cursor<'_>, record_type: u8, sizes: Sizes) -> Result<Self> {
        let at = src.offset();
        let (address, len, filtered, key) = match record_type {
            HUGE => {
                let r: PlainHuge = fixed::read(src, (sizes,))?;
                (r.address, r.len, None, r.key)
            }
            HUGE_FILTERED => {
                let r: FilteredHuge = fixed::read(src, (sizes,))?;
                (r.address, r.stored, Some((r.mask, r.len.0)), r.key)
            }
            t => {
                let text = format!("B-tree of huge objects (expected type 1 or 2, got {t})");
                return Err(Error::malformed(text));
            }
        };
        Ok(Huge { address: address.defined("a huge object", at)?, len: len.0, filtered, key: key.0 })
    }

    /// Returns the bytes of a record of type 1.
    pub(crate) fn write(&self) -> Vec<u8> {
        let record = PlainHuge { address: self.address.into(), len: Length(self.len), key: Length(self.key) };
        let mut out = Vec::new();
        fixed::write(&record, (Sizes::WRITTEN,), &mut out);
        out
    }
}

/// A chunk of a dataset (types 10 and 11).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub(crate) address: u64,
    /// Stored length in bytes and filter mask, if the dataset has filters.
    pub(crate) filtered: Option<(u64, u32)>,
    /// Position in the grid of chunks, in chunks rather than elements.
    pub(crate) at: Vec<u64>,
}

impl Chunk {
    /// Reads a record of a dataset of `rank` dimensions; `size_width` is the width of the stored size, if it
    /// has filters.
    pub(crate) fn read(
        src: &mut Cursor<'_>,
        sizes: Sizes,
        size_width: Option<u8>,
        rank: usize,
    ) -> Result<Self> {
        let address = sizes.read_defined(src, "a chunk")?;
        let filtered = match size_width {
            Some(width) => Some((src.read_uint(width)?, src.read_u32()?)),
            None => None,
        };
        let at = (0..rank).map(|_| src.read_u64()).collect::<Result<Vec<_>>>()?;
        Ok(Chunk { address, filtered, at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let huge = Huge { address: 64, len: 9, filtered: None, key: 3 };
        let bytes = huge.write();
        assert_eq!(bytes.len(), 24);
        assert_eq!(Huge::read(&mut Cursor::new(&bytes, 0), HUGE, Sizes::WRITTEN).unwrap(), huge);
        let name = AttributeName { id: &[1, 2, 3, 4, 5, 6, 7, 8], flags: 0, order: 4, hash: 0xdead_beef };
        assert_eq!(AttributeName::read(&mut Cursor::new(&name.write(), 0), 8).unwrap(), name);
    }

    #[test]
    fn narrow_addresses_and_filters() {
        let sizes = Sizes { offset: 2, length: 2 };
        let bytes = [
            0x40, 0, // address
            5, 0, // stored bytes
            1, 0, 0, 0, // filter mask
            9, 0, // bytes without filters
            7, 0, // key
        ];
        let huge = Huge { address: 0x40, len: 5, filtered: Some((1, 9)), key: 7 };
        assert_eq!(Huge::read(&mut Cursor::new(&bytes, 0), HUGE_FILTERED, sizes).unwrap(), huge);
        assert!(Huge::read(&mut Cursor::new(&bytes, 0), 3, sizes).is_err());
        let chunk = [0x40, 0, 5, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(
            Chunk::read(&mut Cursor::new(&chunk, 0), sizes, Some(3), 1).unwrap(),
            Chunk { address: 0x40, filtered: Some((5, 1)), at: vec![2] }
        );
    }
}
