//! Extensible array: the chunk index of a dataset with one unlimited dimension.
//! HDF5 File Format 3.0, VII.D.
//!
//! The first entries are in the index block, the next in data blocks that it points to, and the rest in data
//! blocks that super blocks point to. Super block `n` has 2^(n/2) data blocks, each of 2^((n+1)/2) times the
//! minimum number of entries.

mod write;

use super::fixed::{self, Address, Length};
use super::{Sizes, checksum, fixed_array};
use crate::bytes::Cursor;
use crate::bytes::checked;
use crate::error::{Error, Result};

/// Length of a header in bytes.
pub(crate) fn header_len(sizes: Sizes) -> usize {
    usize::from(sizes.length).saturating_mul(6).saturating_add(usize::from(sizes.offset)).saturating_add(16)
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) filtered: bool,
    pub(crate) entry_size: u8,
    max_bits: u8,
    pub(crate) index_entries: u8,
    min_block_entries: u8,
    min_pointers: u8,
    page_bits: u8,
    /// One more than the highest entry that was ever set.
    pub(crate) entries: u64,
    pub(crate) index_block: Option<u64>,
}

/// A header after its signature, version and client.
#[binrw::binrw]
#[brw(little, import(sizes: Sizes))]
struct ExtensibleArrayHeader {
    entry_size: u8,
    max_bits: u8,
    index_entries: u8,
    min_block_entries: u8,
    min_pointers: u8,
    page_bits: u8,
    #[brw(args(sizes))]
    super_blocks: Length,
    #[brw(args(sizes))]
    super_block_bytes: Length,
    #[brw(args(sizes))]
    data_blocks: Length,
    #[brw(args(sizes))]
    data_block_bytes: Length,
    #[brw(args(sizes))]
    entries: Length,
    /// Number of entries that the allocated blocks have room for.
    #[brw(args(sizes))]
    room: Length,
    #[brw(args(sizes))]
    index_block: Address,
}

pub(crate) fn read_header(bytes: &[u8], offset: u64, sizes: Sizes) -> Result<Header> {
    let mut src = checksum::split_verified(bytes, offset, "extensible array header")?;
    src.expect_signature(b"EAHD")?;
    match src.read_u8()? {
        0 => {}
        v => return Err(src.unsupported(format!("extensible array version {v}"))),
    }
    let filtered = fixed_array::read_client(&mut src)?;
    let s: ExtensibleArrayHeader = fixed::read(&mut src, (sizes,))?;
    let h = Header {
        filtered,
        entry_size: s.entry_size,
        max_bits: s.max_bits,
        index_entries: s.index_entries,
        min_block_entries: s.min_block_entries,
        min_pointers: s.min_pointers,
        page_bits: s.page_bits,
        entries: s.entries.0,
        index_block: s.index_block.0,
    };
    // Keeps the geometry computations valid: each power of two fits 64 bits.
    let sane = h.min_block_entries.is_power_of_two()
        && h.min_pointers.is_power_of_two()
        && (1..=64).contains(&h.max_bits)
        && h.page_bits < 64
        && u32::from(h.max_bits) >= h.min_block_entries.trailing_zeros();
    if sane { Ok(h) } else { Err(Error::malformed("extensible array of impossible geometry").at(offset)) }
}

/// A super block's geometry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SuperBlock {
    pub(crate) blocks: u64,
    pub(crate) block_entries: u64,
}

impl Header {
    /// Maximum number of super blocks of the array.
    pub(crate) fn super_blocks(&self) -> u32 {
        u32::from(self.max_bits).saturating_sub(self.min_block_entries.trailing_zeros()).saturating_add(1)
    }

    pub(crate) fn super_block(&self, n: u32) -> Result<SuperBlock> {
        let blocks = checked::power_of_two(n / 2)?;
        let factor = checked::power_of_two(n.saturating_add(1) / 2)?;
        Ok(SuperBlock { blocks, block_entries: checked::mul(factor, u64::from(self.min_block_entries))? })
    }

    /// The first super block that is stored as a block; the index block points to the data blocks of earlier
    /// ones.
    pub(crate) fn first_indirect(&self) -> u32 {
        self.min_pointers.trailing_zeros().saturating_mul(2)
    }

    /// Number of data block addresses in the index block. VII.D: "An optimization to avoid unnecessary
    /// secondary blocks."
    pub(crate) fn direct_blocks(&self) -> u64 {
        u64::from(self.min_pointers).saturating_sub(1).saturating_mul(2)
    }

    /// Width in bytes of a block's offset in the array.
    fn offset_width(&self) -> usize {
        usize::from(self.max_bits).div_ceil(8)
    }

    /// Number of pages of a data block with this many entries; 0 if it is not paged. VII.D: "These pages are
    /// laid out contiguously on the disk after the data block, are initialized as needed, and are tracked via
    /// bitmaps stored in the secondary block."
    pub(crate) fn pages(&self, block_entries: u64) -> u64 {
        let page = self.page_entries();
        if block_entries > page { block_entries.div_ceil(page) } else { 0 }
    }

    pub(crate) fn page_entries(&self) -> u64 {
        1u64.wrapping_shl(u32::from(self.page_bits))
    }

    /// Length of the index block in bytes.
    pub(crate) fn index_block_len(&self, sizes: Sizes) -> Result<u64> {
        let supers = u64::from(self.super_blocks().saturating_sub(self.first_indirect()));
        let addresses = checked::mul(self.direct_blocks().saturating_add(supers), u64::from(sizes.offset))?;
        let entries = u64::from(self.index_entries).saturating_mul(u64::from(self.entry_size));
        checked::add(addresses, entries.saturating_add(u64::from(sizes.offset)).saturating_add(10))
    }

    /// Length of a super block in bytes.
    pub(crate) fn super_block_len(&self, s: SuperBlock, sizes: Sizes) -> Result<u64> {
        let addresses = checked::mul(s.blocks, u64::from(sizes.offset))?;
        // VII.D, Page Bitmap: "Exists only if the data block is paged."
        let bitmaps = checked::mul(s.blocks, self.pages(s.block_entries).div_ceil(8))?;
        let frame = self.data_block_head(sizes).saturating_add(4);
        checked::add(checked::add(addresses, bitmaps)?, frame)
    }

    /// Bytes before the entries of a data block; in a paged one they end with a checksum.
    pub(crate) fn data_block_head(&self, sizes: Sizes) -> u64 {
        u64::from(sizes.offset).saturating_add(6).saturating_add(self.offset_width() as u64)
    }

    /// Checks a block's signature and client and skips the address of the header.
    pub(crate) fn read_block_frame(
        &self,
        src: &mut Cursor<'_>,
        signature: &[u8; 4],
        has_offset: bool,
        sizes: Sizes,
    ) -> Result<()> {
        src.expect_signature(signature)?;
        match src.read_u8()? {
            0 => {}
            v => return Err(src.unsupported(format!("extensible array block version {v}"))),
        }
        if fixed_array::read_client(src)? != self.filtered {
            return Err(src.malformed("extensible array block of another client than its header"));
        }
        // VII.D: "The address of the Extensible Array header. Principally used for file integrity checking."
        src.skip(usize::from(sizes.offset))?;
        if has_offset {
            src.skip(self.offset_width())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_geometry_h5py_writes() {
        // 32 bits, 4 entries in the index block, data blocks from 16 entries, 4 pointers, pages of 1024
        let h = Header {
            filtered: false,
            entry_size: 8,
            max_bits: 32,
            index_entries: 4,
            min_block_entries: 16,
            min_pointers: 4,
            page_bits: 10,
            entries: 0,
            index_block: None,
        };
        assert_eq!((h.super_blocks(), h.first_indirect(), h.direct_blocks()), (29, 4, 6));
        assert_eq!(h.super_block(0).unwrap(), SuperBlock { blocks: 1, block_entries: 16 });
        assert_eq!(h.super_block(3).unwrap(), SuperBlock { blocks: 2, block_entries: 64 });
        assert_eq!(h.super_block(5).unwrap(), SuperBlock { blocks: 4, block_entries: 128 });
        assert_eq!((h.pages(1024), h.pages(2048)), (0, 2));
    }

    #[test]
    fn blocks_lie_where_the_walk_looks_for_them() {
        let sizes = Sizes::WRITTEN;
        // the last entries are in the first super block that has a block of its own
        let entries: Vec<u8> = (0..500u64).flat_map(u64::to_le_bytes).collect();
        let array = Header::new(false, 8, 500).write(&entries, 0, sizes).unwrap();
        let header = read_header(&array.header, 0, sizes).unwrap();
        assert_eq!((header.entries, header.index_block), (500, Some(0)));
        let len = usize::try_from(header.index_block_len(sizes).unwrap()).unwrap();
        let mut src = checksum::split_verified(&array.bytes[..len], 0, "index block").unwrap();
        header.read_block_frame(&mut src, b"EAIB", false, sizes).unwrap();
        assert_eq!(src.take(32).unwrap(), &entries[..32], "the first four are in the index block");
        let block = usize::try_from(sizes.read_defined(&mut src, "a block").unwrap()).unwrap();
        let first = block + usize::try_from(header.data_block_head(sizes)).unwrap();
        assert_eq!(array.bytes[first..first + 8], entries[32..40]);
    }
}
