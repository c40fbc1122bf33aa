//! Version 1 B-tree nodes: links of old-style groups (type 0) and chunks (type 1).
//! HDF5 File Format 3.0, III.A.1.

use super::Sizes;
use super::fixed::{self, Address};
use crate::bytes::Cursor;
use crate::bytes::put::Put;
use crate::error::{Error, Result};

/// The fixed part of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) level: u8,
    pub(crate) entries: u16,
}

/// What a tree indexes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    Group,
    Chunk,
}

impl Type {
    fn number(self) -> u8 {
        match self {
            Type::Group => 0,
            Type::Chunk => 1,
        }
    }
}

/// Length of the fixed part in bytes.
pub(crate) fn head_len(sizes: Sizes) -> usize {
    usize::from(sizes.offset).saturating_mul(2).saturating_add(8)
}

pub(crate) fn read_head(src: &mut Cursor<'_>, sizes: Sizes, expected: Type) -> Result<Head> {
    src.expect_signature(b"TREE")?;
    let at = src.offset();
    let stored: BtreeV1Head = fixed::read(src, (sizes,))?;
    let (want, got) = (expected.number(), stored.kind);
    if want != got {
        return Err(Error::malformed(format!("B-tree node type (expected {want}, got {got})")).at(at));
    }
    Ok(Head { level: stored.level, entries: stored.entries })
}

/// The fixed part after the signature.
#[binrw::binrw]
#[brw(little, import(sizes: Sizes))]
struct BtreeV1Head {
    kind: u8,
    level: u8,
    entries: u16,
    #[brw(args(sizes))]
    left: Address,
    #[brw(args(sizes))]
    right: Address,
}

/// Length in bytes of the keys and children of a group node: one key before each child and one after the
/// last.
pub(crate) fn group_body_len(head: Head, sizes: Sizes) -> usize {
    let pair = usize::from(sizes.length).saturating_add(usize::from(sizes.offset));
    pair.saturating_mul(usize::from(head.entries)).saturating_add(usize::from(sizes.length))
}

/// Reads the addresses of the children of a group node.
pub(crate) fn read_group_children(src: &mut Cursor<'_>, head: Head, sizes: Sizes) -> Result<Vec<u64>> {
    let mut out = Vec::with_capacity(usize::from(head.entries));
    for _ in 0..head.entries {
        sizes.read_length(src)?; // key: offset in the heap of the smallest name below
        out.push(sizes.read_defined(src, "a B-tree child")?);
    }
    Ok(out)
}

/// The key of a chunk and its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChunkKey {
    /// Stored length in bytes.
    pub(crate) size: u32,
    /// Bit n set: filter n of the pipeline was skipped for this chunk.
    pub(crate) mask: u32,
    /// Index of the first element in each dimension.
    pub(crate) start: Vec<u64>,
    pub(crate) child: u64,
}

/// Length in bytes of the children of a chunk node for a dataset of `rank` dimensions, without the key after
/// the last.
pub(crate) fn chunk_body_len(head: Head, sizes: Sizes, rank: usize) -> usize {
    let key = rank.saturating_add(1).saturating_mul(8).saturating_add(8);
    key.saturating_add(usize::from(sizes.offset)).saturating_mul(usize::from(head.entries))
}

pub(crate) fn read_chunk_key(src: &mut Cursor<'_>, sizes: Sizes, rank: usize) -> Result<ChunkKey> {
    let (size, mask) = (src.read_u32()?, src.read_u32()?);
    let start = (0..rank).map(|_| src.read_u64()).collect::<Result<Vec<u64>>>()?;
    src.skip(8)?; // III.A.1: the dimension of the element's bytes, always 0
    let child = sizes.read_defined(src, "a B-tree child")?;
    Ok(ChunkKey { size, mask, start, child })
}

/// Maximum number of children of a group node, twice the superblock's K.
pub(crate) const GROUP_CHILDREN: usize = 32;
/// Maximum number of children of a chunk node: twice the implicit K of version 0 superblocks.
pub(crate) const CHUNK_CHILDREN: usize = 64;

/// Builds a node of either type from its encoded keys, one more than children. It is padded to the length of
/// a full node, which readers expect.
pub(crate) fn write_node(
    of: Type,
    level: u8,
    siblings: [Option<u64>; 2],
    keys: &[Vec<u8>],
    children: &[u64],
) -> Vec<u8> {
    let most = match of {
        Type::Group => GROUP_CHILDREN,
        Type::Chunk => CHUNK_CHILDREN,
    };
    let key_len = keys.first().map_or(8, Vec::len);
    let mut out = b"TREE".to_vec();
    let [left, right] = siblings.map(Address);
    let entries = u16::try_from(children.len()).unwrap_or(u16::MAX);
    let stored = BtreeV1Head { kind: of.number(), level, entries, left, right };
    fixed::write(&stored, (Sizes::WRITTEN,), &mut out);
    let mut keys = keys.iter();
    for child in children {
        out.put(keys.next().map_or(&[][..], Vec::as_slice));
        out.put_u64(*child);
    }
    out.put(keys.next().map_or(&[][..], Vec::as_slice));
    out.fill_to(node_len(key_len, most));
    out
}

/// Length in bytes of a node with room for `most` children and keys of `key_len` bytes.
pub(crate) fn node_len(key_len: usize, most: usize) -> usize {
    let pairs = key_len.saturating_add(8).saturating_mul(most);
    pairs.saturating_add(key_len).saturating_add(24)
}

/// Encodes the key of a chunk: stored length, mask, index of the first element in each dimension, and byte
/// within the element, which is 0 except in the key after the last chunk.
pub(crate) fn chunk_key(size: u32, mask: u32, start: &[u64], byte: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(start.len().saturating_mul(8).saturating_add(16));
    out.put_u32(size);
    out.put_u32(mask);
    start.iter().for_each(|s| out.put_u64(*s));
    out.put_u64(byte);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: Sizes = Sizes { offset: 8, length: 8 };

    #[test]
    fn a_chunk_leaf() {
        let mut b = b"TREE\x01\x00\x01\x00".to_vec(); // chunk node, level 0, one entry
        b.extend([0xff; 16]); // no siblings
        b.extend([20, 0, 0, 0, 1, 0, 0, 0]); // 20 bytes stored, filter 0 skipped
        b.extend([8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]); // starts at element 8
        b.extend([0, 16, 0, 0, 0, 0, 0, 0]); // address 4096
        let mut src = Cursor::new(&b, 0);
        let head = read_head(&mut src, SIZES, Type::Chunk).unwrap();
        assert_eq!(src.len(), chunk_body_len(head, SIZES, 1));
        let key = read_chunk_key(&mut src, SIZES, 1).unwrap();
        assert_eq!(key, ChunkKey { size: 20, mask: 1, start: vec![8], child: 4096 });
        assert!(read_head(&mut Cursor::new(&b, 0), SIZES, Type::Group).is_err());
    }
}
