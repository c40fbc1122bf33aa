//! Version 2 B-trees: names of dense links and attributes, huge heap objects, chunks.
//! HDF5 File Format 3.0, III.A.2.

use super::fixed::{self, Address, Length};
use super::{Sizes, checksum};
use crate::bytes::Cursor;
use crate::bytes::checked;
use crate::bytes::put::Put;
use crate::error::{Error, Result};

/// Length of a header in bytes.
pub(crate) fn header_len(sizes: Sizes) -> usize {
    usize::from(sizes.offset).saturating_add(usize::from(sizes.length)).saturating_add(22)
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) record_type: u8,
    pub(crate) node_size: u32,
    pub(crate) record_size: u16,
    pub(crate) depth: u16,
    pub(crate) root: Option<u64>,
    pub(crate) root_records: u16,
    pub(crate) total_records: u64,
}

pub(crate) fn read_header(bytes: &[u8], offset: u64, sizes: Sizes) -> Result<Header> {
    let mut src = checksum::split_verified(bytes, offset, "B-tree header")?;
    src.expect_signature(b"BTHD")?;
    match src.read_u8()? {
        0 => {}
        v => return Err(src.unsupported(format!("version 2 B-tree of version {v}"))),
    }
    let s: BtreeV2Header = fixed::read(&mut src, (sizes,))?;
    if s.record_size == 0 || s.node_size < 16 {
        return Err(src.malformed("B-tree with empty records or nodes"));
    }
    Ok(Header {
        record_type: s.record_type,
        node_size: s.node_size,
        record_size: s.record_size,
        depth: s.depth,
        root: s.root.0,
        root_records: s.root_records,
        total_records: s.total_records.0,
    })
}

/// A header after its signature and version.
#[binrw::binrw]
#[brw(little, import(sizes: Sizes))]
struct BtreeV2Header {
    record_type: u8,
    node_size: u32,
    record_size: u16,
    depth: u16,
    /// Percentages of fullness at which a node is split and merged.
    split: u8,
    merge: u8,
    #[brw(args(sizes))]
    root: Address,
    root_records: u16,
    #[brw(args(sizes))]
    total_records: Length,
}

/// Widths in bytes of the child pointers at each level, derived from how many records a node can hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Widths {
    /// Width of a child's number of records.
    pub(crate) records: u8,
    /// Width of the total number of records below a child at this level; 0 for leaves.
    totals: Vec<u8>,
    /// Maximum number of records of a node at each level, leaves first.
    capacity: Vec<u64>,
}

/// Bytes of a node for signature, version, type and checksum.
const NODE_FRAME: u64 = 10;

impl Widths {
    /// Computes the widths as `H5B2__hdr_init` does.
    pub(crate) fn of(header: &Header, sizes: Sizes) -> Result<Self> {
        let body = checked::sub(u64::from(header.node_size), NODE_FRAME)?;
        let record = u64::from(header.record_size);
        let leaf = body.checked_div(record).unwrap_or(0);
        let records = checked::bytes_for(leaf);
        let (mut totals, mut capacity, mut below) = (vec![0u8], vec![leaf], leaf);
        for level in 1..=usize::from(header.depth) {
            let child_totals = totals.get(level.saturating_sub(1)).copied().unwrap_or(0);
            let pointer = u64::from(sizes.offset)
                .saturating_add(u64::from(records))
                .saturating_add(u64::from(child_totals));
            let room = checked::sub(body, pointer)?;
            let most = room.checked_div(record.saturating_add(pointer)).unwrap_or(0);
            if most == 0 {
                return Err(Error::malformed("B-tree node too small for one record"));
            }
            below = most.saturating_add(1).saturating_mul(below).saturating_add(most);
            totals.push(checked::bytes_for(below));
            capacity.push(most);
        }
        Ok(Widths { records, totals, capacity })
    }

    /// Rejects a number of records that a node of this level has no room for.
    pub(crate) fn check(&self, level: u16, records: u64) -> Result<()> {
        let most = self.capacity.get(usize::from(level)).copied().unwrap_or(0);
        if records > most {
            return Err(Error::malformed(format!(
                "too many records in a B-tree node (expected at most {most}, got {records})"
            )));
        }
        Ok(())
    }
}

/// A child of an internal node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Child {
    pub(crate) address: u64,
    pub(crate) records: u64,
}

/// Reads a node of `records` records at `level` (0: leaf). Returns the records' bytes and, for an internal
/// node, its children, one more than records.
pub(crate) fn read_node<'a>(
    bytes: &'a [u8],
    offset: u64,
    header: &Header,
    widths: &Widths,
    sizes: Sizes,
    level: u16,
    records: u64,
) -> Result<(Vec<Cursor<'a>>, Vec<Child>)> {
    widths.check(level, records).map_err(|e| e.at(offset))?;
    let mut src = Cursor::new(bytes, offset);
    src.expect_signature(if level == 0 { b"BTLF" } else { b"BTIN" })?;
    match src.read_u8()? {
        0 => {}
        v => return Err(src.unsupported(format!("B-tree node version {v}"))),
    }
    let got = src.read_u8()?;
    if got != header.record_type {
        return Err(src.malformed(format!("B-tree node type (expected {}, got {got})", header.record_type)));
    }
    let out = (0..records).map(|_| src.split(usize::from(header.record_size))).collect::<Result<Vec<_>>>()?;
    let mut children = Vec::new();
    if level > 0 {
        let below = usize::from(level).saturating_sub(1);
        for _ in 0..=records {
            let address = sizes.read_defined(&mut src, "a B-tree child")?;
            let records = src.read_uint(widths.records)?;
            src.read_uint(widths.totals.get(below).copied().unwrap_or(0))?;
            children.push(Child { address, records });
        }
    }
    // The checksum follows the last used byte, not the end of the node.
    let covered = bytes.len().saturating_sub(src.len());
    checksum::verify(&mut src, bytes.get(..covered).unwrap_or_default(), "B-tree node")?;
    Ok((out, children))
}

/// Builds a tree of one leaf: the leaf, to be written at address `leaf`, and the header that points to it.
pub(crate) fn write_leaf(record_type: u8, records: &[Vec<u8>], leaf: u64) -> Result<[Vec<u8>; 2]> {
    let count = u16::try_from(records.len()).map_err(|_| Error::unsupported("65,536 records in a B-tree"))?;
    let record = records.first().map_or(1, Vec::len);
    let mut node = b"BTLF\0".to_vec();
    node.put_u8(record_type);
    records.iter().for_each(|r| node.put(r));
    checksum::append(&mut node);
    node.fill_to(512);
    let stored = BtreeV2Header {
        record_type,
        node_size: u32::try_from(node.len()).unwrap_or(u32::MAX),
        record_size: u16::try_from(record).unwrap_or(u16::MAX),
        depth: 0,
        split: 100,
        merge: 40,
        root: leaf.into(),
        root_records: count,
        total_records: Length(u64::from(count)),
    };
    let mut header = b"BTHD\0".to_vec();
    fixed::write(&stored, (Sizes::WRITTEN,), &mut header);
    checksum::append(&mut header);
    Ok([node, header])
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: Sizes = Sizes { offset: 8, length: 8 };

    fn header(depth: u16) -> Header {
        Header {
            record_type: 8,
            node_size: 512,
            record_size: 17,
            depth,
            root: Some(0),
            root_records: 1,
            total_records: 1,
        }
    }

    #[test]
    fn pointer_widths_of_an_attribute_name_index() {
        // 29 records fit a leaf of 512 bytes: one byte counts them; an internal node of level 1 holds 18
        let w = Widths::of(&header(2), SIZES).unwrap();
        assert_eq!((w.records, &w.totals[..], &w.capacity[..]), (1, &[0, 2, 2][..], &[29, 18, 17][..]));
    }

    #[test]
    fn a_leaf() {
        let mut b = b"BTLF\x00\x08".to_vec();
        b.extend([7; 17]);
        let sum = checksum::lookup3(&b, 0);
        b.extend(sum.to_le_bytes());
        b.resize(512, 0);
        let h = header(0);
        let w = Widths::of(&h, SIZES).unwrap();
        let (records, children) = read_node(&b, 0, &h, &w, SIZES, 0, 1).unwrap();
        assert_eq!((records.len(), records[0].rest(), children.len()), (1, &[7; 17][..], 0));
        assert!(read_node(&b, 0, &h, &w, SIZES, 0, 2).is_err(), "checksum elsewhere");
        assert!(read_node(&b, 0, &h, &w, SIZES, 0, 30).is_err(), "no room");
    }
}
