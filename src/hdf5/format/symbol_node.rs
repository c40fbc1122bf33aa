//! The symbol table node: links of an old-style group. HDF5 File Format 3.0, III.B and III.C.

use super::Sizes;
use super::fixed::{self, Address};
use crate::bytes::Cursor;
use crate::bytes::put::Put;
use crate::error::Result;

/// Bytes before the entries.
pub(crate) const HEAD_LEN: usize = 8;

/// One link of an old-style group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Offset of its name in the local heap.
    pub(crate) name: u64,
    pub(crate) target: EntryTarget,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EntryTarget {
    /// Address of an object header.
    Hard(Option<u64>),
    /// Offset of the path of a soft link in the local heap.
    Soft(u64),
}

/// Reads the head and returns the number of entries after it.
pub(crate) fn read_head(src: &mut Cursor<'_>) -> Result<u16> {
    src.expect_signature(b"SNOD")?;
    match src.read_u8()? {
        1 => {}
        v => return Err(src.unsupported(format!("symbol table node version {v}"))),
    }
    src.skip(1)?;
    src.read_u16()
}

/// Bytes of one entry.
pub(crate) fn entry_len(sizes: Sizes) -> usize {
    usize::from(sizes.offset).saturating_mul(2).saturating_add(24)
}

pub(crate) fn read_entry(src: &mut Cursor<'_>, sizes: Sizes) -> Result<Entry> {
    let stored: StoredEntry = fixed::read(src, (sizes,))?;
    // III.C, type 2: "The entry is a symbolic link. The first four bytes of the scratch-pad space are the
    // offset into the local heap for the link value." Type 1 only repeats what the group's own header says.
    let [a, b, c, d, ..] = stored.scratch;
    let target = match stored.cache_type {
        2 => EntryTarget::Soft(u64::from(u32::from_le_bytes([a, b, c, d]))),
        _ => EntryTarget::Hard(stored.header.0),
    };
    Ok(Entry { name: stored.name.0.unwrap_or(u64::MAX), target })
}

/// A symbol table entry: a link in a node, and the root group in old superblocks. III.C.
#[binrw::binrw]
#[brw(little, import(sizes: Sizes))]
#[derive(Debug)]
pub(crate) struct StoredEntry {
    /// Offset of the name in the local heap.
    #[brw(args(sizes))]
    pub(crate) name: Address,
    #[brw(args(sizes))]
    pub(crate) header: Address,
    pub(crate) cache_type: u32,
    pub(crate) reserved: u32,
    /// Cached data, whose meaning depends on the cache type.
    pub(crate) scratch: [u8; 16],
}

/// Maximum number of entries of a node: twice the superblock's K.
pub(crate) const ENTRIES: usize = 8;

/// Builds a node of hard links: offsets of names in the heap, and addresses of objects.
pub(crate) fn write(links: &[(u64, u64)]) -> Vec<u8> {
    let mut out = b"SNOD".to_vec();
    out.put(&[1, 0]);
    out.put_u16(u16::try_from(links.len()).unwrap_or(u16::MAX));
    for (name, object) in links {
        let (name, header) = ((*name).into(), (*object).into());
        let entry = StoredEntry { name, header, cache_type: 0, reserved: 0, scratch: [0; 16] };
        fixed::write(&entry, (Sizes::WRITTEN,), &mut out);
    }
    out.fill_to(8usize.saturating_add(40usize.saturating_mul(ENTRIES)));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: Sizes = Sizes { offset: 8, length: 8 };

    #[test]
    fn a_soft_link_among_hard_ones() {
        let mut b = vec![];
        b.extend(8u64.to_le_bytes()); // name at 8 of the heap
        b.extend(u64::MAX.to_le_bytes()); // no object header
        b.extend([2, 0, 0, 0, 0, 0, 0, 0]); // cache type 2, reserved
        b.extend([24, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]); // link value at 24
        assert_eq!(b.len(), entry_len(SIZES));
        let e = read_entry(&mut Cursor::new(&b, 0), SIZES).unwrap();
        assert_eq!(e, Entry { name: 8, target: EntryTarget::Soft(24) });
    }

    #[test]
    fn a_node_of_another_version_is_named() {
        let e = read_head(&mut Cursor::new(b"SNOD\x02\0\0\0", 0)).unwrap_err();
        assert_eq!(e.kind(), crate::Kind::Unsupported);
    }
}
