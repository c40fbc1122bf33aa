//! The table of shared messages: for each index, the message types it covers and the heap that holds them.
//! HDF5 File Format 3.0, III.I and IV.A.2.p.

use super::fixed::{self, Address};
use super::{Sizes, checksum};
use crate::bytes::Cursor;
use crate::error::Result;

/// Reads the shared message table message (0x000F): address of the table, and its number of indexes.
pub(crate) fn read_message(src: &mut Cursor<'_>, sizes: Sizes) -> Result<(u64, u8)> {
    src.skip(1)?; // version
    Ok((sizes.read_defined(src, "the shared-message table")?, src.read_u8()?))
}

/// Length in bytes of a table of `indexes` indexes.
pub(crate) fn table_len(indexes: u8, sizes: Sizes) -> u64 {
    let each = u64::from(sizes.offset).saturating_mul(2).saturating_add(14);
    each.saturating_mul(u64::from(indexes)).saturating_add(8)
}

/// One index.
#[binrw::binrw]
#[brw(little, import(sizes: Sizes))]
#[derive(Debug)]
struct SharedIndex {
    version: u8,
    /// Whether the index is a list or a B-tree.
    kind: u8,
    message_types: u16,
    least_size: u32,
    list_cutoff: u16,
    tree_cutoff: u16,
    messages: u16,
    #[brw(args(sizes))]
    index: Address,
    #[brw(args(sizes))]
    heap: Address,
}

/// Reads the table: for each index, its message types, one bit each, and the address of its heap.
pub(crate) fn read(bytes: &[u8], offset: u64, indexes: u8, sizes: Sizes) -> Result<Vec<(u16, u64)>> {
    let mut src = checksum::split_verified(bytes, offset, "shared-message table")?;
    src.expect_signature(b"SMTB")?;
    let mut out = Vec::new();
    for _ in 0..indexes {
        let index: SharedIndex = fixed::read(&mut src, (sizes,))?;
        if let Some(heap) = index.heap.0 {
            out.push((index.message_types, heap));
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_index_of_datatypes() {
        let sizes = Sizes { offset: 4, length: 4 };
        let mut b = b"SMTB".to_vec();
        b.extend([0, 0, 0x08, 0]); // version, a list, datatype messages
        b.extend([50, 0, 0, 0, 50, 0, 40, 0, 1, 0]); // least size, cut-offs, one message
        b.extend([0x20, 0, 0, 0, 0x40, 0, 0, 0]); // index, heap
        let sum = checksum::lookup3(&b, 0);
        b.extend(sum.to_le_bytes());
        assert_eq!(b.len() as u64, table_len(1, sizes));
        assert_eq!(read(&b, 0, 1, sizes).unwrap(), [(8, 0x40)]);
        b[6] = 2;
        assert_eq!(read(&b, 0, 1, sizes).unwrap_err().kind(), crate::Kind::Checksum);
    }
}
