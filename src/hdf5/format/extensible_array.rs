//! Extensible array: the chunk index of a dataset with one unlimited dimension.
//! HDF5 File Format 3.0, VII.D.
//!
//! The first entries lie in the index block itself, the next in data blocks it points to, the rest in data
//! blocks that super blocks point to. Super block `n` has 2^(n/2) data blocks of 2^((n+1)/2) times the least
//! number of entries.

use super::{Sizes, checksum, fixed_array};
use crate::bytes::Cursor;
use crate::bytes::checked;
use crate::bytes::put::Put;
use crate::error::{Error, Result};

/// Bytes of a header.
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
    /// One more than the highest entry ever set.
    pub(crate) entries: u64,
    pub(crate) index_block: Option<u64>,
}

pub(crate) fn read_header(bytes: &[u8], offset: u64, sizes: Sizes) -> Result<Header> {
    let mut src = checksum::split_verified(bytes, offset, "extensible array header")?;
    src.expect_signature(b"EAHD")?;
    match src.read_u8()? {
        0 => {}
        v => return Err(src.unsupported(format!("extensible array version {v}"))),
    }
    let filtered = fixed_array::read_client(&mut src)?;
    let entry_size = src.read_u8()?;
    let (max_bits, index_entries) = (src.read_u8()?, src.read_u8()?);
    let (min_block_entries, min_pointers, page_bits) = (src.read_u8()?, src.read_u8()?, src.read_u8()?);
    for _ in 0..4 {
        sizes.read_length(&mut src)?; // how many super blocks and data blocks there are, and their bytes
    }
    let entries = sizes.read_length(&mut src)?;
    sizes.read_length(&mut src)?; // entries there is room for
    let index_block = sizes.read_address(&mut src)?;
    let h = Header {
        filtered,
        entry_size,
        max_bits,
        index_entries,
        min_block_entries,
        min_pointers,
        page_bits,
        entries,
        index_block,
    };
    // These protect the geometry below: each power of two stays inside 64 bits.
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
    /// How many super blocks the array can have at most.
    pub(crate) fn super_blocks(&self) -> u32 {
        u32::from(self.max_bits).saturating_sub(self.min_block_entries.trailing_zeros()).saturating_add(1)
    }

    pub(crate) fn super_block(&self, n: u32) -> Result<SuperBlock> {
        let blocks = checked::power_of_two(n / 2)?;
        let factor = checked::power_of_two(n.saturating_add(1) / 2)?;
        Ok(SuperBlock { blocks, block_entries: checked::mul(factor, u64::from(self.min_block_entries))? })
    }

    /// The first super block that has a block of its own; data blocks of those before hang off the index block.
    pub(crate) fn first_indirect(&self) -> u32 {
        self.min_pointers.trailing_zeros().saturating_mul(2)
    }

    /// Data block addresses in the index block.
    pub(crate) fn direct_blocks(&self) -> u64 {
        u64::from(self.min_pointers).saturating_sub(1).saturating_mul(2)
    }

    /// Width of a block's place in the array.
    fn offset_width(&self) -> usize {
        usize::from(self.max_bits).div_ceil(8)
    }

    /// Pages of a data block with this many entries; 0 where it is not paged.
    pub(crate) fn pages(&self, block_entries: u64) -> u64 {
        let page = self.page_entries();
        if block_entries > page { block_entries.div_ceil(page) } else { 0 }
    }

    pub(crate) fn page_entries(&self) -> u64 {
        1u64.wrapping_shl(u32::from(self.page_bits))
    }

    /// Bytes of the index block.
    pub(crate) fn index_block_len(&self, sizes: Sizes) -> Result<u64> {
        let supers = u64::from(self.super_blocks().saturating_sub(self.first_indirect()));
        let addresses = checked::mul(self.direct_blocks().saturating_add(supers), u64::from(sizes.offset))?;
        let entries = u64::from(self.index_entries).saturating_mul(u64::from(self.entry_size));
        checked::add(addresses, entries.saturating_add(u64::from(sizes.offset)).saturating_add(10))
    }

    /// Bytes of a super block's own block.
    pub(crate) fn super_block_len(&self, s: SuperBlock, sizes: Sizes) -> Result<u64> {
        let addresses = checked::mul(s.blocks, u64::from(sizes.offset))?;
        let bitmaps = checked::mul(s.blocks, self.pages(s.block_entries).div_ceil(8))?;
        let frame = self.data_block_head(sizes).saturating_add(4);
        checked::add(checked::add(addresses, bitmaps)?, frame)
    }

    /// Bytes in front of the entries of a data block; a paged one has a checksum behind them.
    pub(crate) fn data_block_head(&self, sizes: Sizes) -> u64 {
        u64::from(sizes.offset).saturating_add(6).saturating_add(self.offset_width() as u64)
    }

    /// Checks a block's signature and client and passes over what leads back to the header.
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
        src.skip(usize::from(sizes.offset))?;
        if has_offset {
            src.skip(self.offset_width())?;
        }
        Ok(())
    }
}

/// An extensible array on its way into a file: blocks in the order in which they are appended.
pub(crate) struct Written {
    /// The blocks one behind the other, from `at` on.
    pub(crate) bytes: Vec<u8>,
    /// The header, to be appended behind them.
    pub(crate) header: Vec<u8>,
}

impl Header {
    /// As the library makes them: 32 bits, 4 entries in the index block, blocks from 16, 4 pointers, pages of 1024.
    pub(crate) fn new(filtered: bool, entry_size: u8, entries: u64) -> Header {
        Header {
            filtered,
            entry_size,
            max_bits: 32,
            index_entries: 4,
            min_block_entries: 16,
            min_pointers: 4,
            page_bits: 10,
            entries,
            index_block: None,
        }
    }

    /// In the order of the layout message.
    pub(crate) fn parameters(&self) -> [u8; 5] {
        [self.max_bits, self.index_entries, self.min_pointers, self.min_block_entries, self.page_bits]
    }

    fn frame(&self, signature: &[u8; 4], header_at: u64, place: Option<u64>) -> Vec<u8> {
        let mut out = signature.to_vec();
        out.put(&[0, u8::from(self.filtered)]);
        out.put_u64(header_at);
        if let Some(place) = place {
            out.put_u32(u32::try_from(place).unwrap_or(u32::MAX));
        }
        out
    }

    /// The blocks of the array of `entries` (end to end), to be written at `at`, and the header behind them.
    pub(crate) fn write(mut self, entries: &[u8], at: u64, sizes: Sizes) -> Result<Written> {
        let size = usize::from(self.entry_size);
        let header_at = checked::add(at, self.written_len(sizes)?)?;
        let mut none = vec![0; size];
        none.iter_mut().take(8).for_each(|b| *b = 0xff);
        let index_len = checked::size(self.index_block_len(sizes)?)?;
        let mut blocks: Vec<u8> = vec![0; index_len];
        let mut index = self.frame(b"EAIB", header_at, None);
        let mut rest = entries.chunks_exact(size.max(1));
        let mut take =
            |n: u64| -> Vec<u8> { (0..n).flat_map(|_| rest.next().unwrap_or(&none).to_vec()).collect() };
        index.put(&take(u64::from(self.index_entries)));
        let mut left = self.entries.saturating_sub(u64::from(self.index_entries));
        let (mut place, mut counts) = (0u64, [0u64; 4]); // super blocks and data blocks, and their bytes
        for n in 0..self.super_blocks() {
            let s = self.super_block(n)?;
            let (mut addresses, first_place, first_left) = (Vec::new(), place, left);
            for _ in 0..s.blocks {
                if left == 0 {
                    addresses.push(u64::MAX);
                } else {
                    let pages = self.pages(s.block_entries);
                    let mut block = self.frame(b"EADB", header_at, Some(place));
                    if pages == 0 {
                        block.put(&take(s.block_entries));
                        checksum::append(&mut block);
                    } else {
                        checksum::append(&mut block);
                        for _ in 0..pages {
                            block.put(&fixed_array::with_checksum(&take(self.page_entries())));
                        }
                    }
                    addresses.push(checked::add(at, blocks.len() as u64)?);
                    counts = [
                        counts[0],
                        counts[1],
                        counts[2].saturating_add(1),
                        counts[3].saturating_add(block.len() as u64),
                    ];
                    blocks.put(&block);
                    left = left.saturating_sub(s.block_entries);
                }
                place = place.saturating_add(s.block_entries);
            }
            if n < self.first_indirect() {
                addresses.iter().for_each(|a| index.put_u64(*a));
            } else if first_left == 0 {
                index.put_undefined();
            } else {
                let pages = self.pages(s.block_entries);
                let mut block = self.frame(b"EASB", header_at, Some(first_place));
                let bytes = checked::size(checked::mul(s.blocks, pages.div_ceil(8))?)?;
                let there = addresses.iter().filter(|a| **a != u64::MAX).count() as u64;
                let mut bits =
                    fixed_array::bits_set(there.saturating_mul(pages), s.blocks.saturating_mul(pages));
                bits.resize(bytes, 0);
                block.put(&bits);
                addresses.iter().for_each(|a| block.put_u64(*a));
                checksum::append(&mut block);
                counts = [
                    counts[0].saturating_add(1),
                    counts[1].saturating_add(block.len() as u64),
                    counts[2],
                    counts[3],
                ];
                index.put_u64(checked::add(at, blocks.len() as u64)?);
                blocks.put(&block);
            }
        }
        checksum::append(&mut index);
        if let Some(room) = blocks.get_mut(..index.len()) {
            room.copy_from_slice(&index);
        }
        self.index_block = Some(at);
        let mut header = b"EAHD\0".to_vec();
        header.put(&[u8::from(self.filtered), self.entry_size, self.max_bits, self.index_entries]);
        header.put(&[self.min_block_entries, self.min_pointers, self.page_bits]);
        counts.iter().for_each(|n| header.put_u64(*n));
        header.put_u64(self.entries);
        header.put_u64(place_of_all(&self, self.entries)?);
        header.put_u64(at);
        checksum::append(&mut header);
        Ok(Written { bytes: blocks, header })
    }

    /// Bytes of all blocks that [`write`](Self::write) makes.
    fn written_len(&self, sizes: Sizes) -> Result<u64> {
        let mut len = self.index_block_len(sizes)?;
        let mut left = self.entries.saturating_sub(u64::from(self.index_entries));
        for n in 0..self.super_blocks() {
            let s = self.super_block(n)?;
            if left == 0 {
                break;
            }
            if n >= self.first_indirect() {
                len = checked::add(len, self.super_block_len(s, sizes)?)?;
            }
            let used = left.div_ceil(s.block_entries).min(s.blocks);
            let checksums = self.pages(s.block_entries).saturating_add(1).saturating_mul(4);
            let entries = checked::mul(s.block_entries, u64::from(self.entry_size))?;
            let block = self.data_block_head(sizes).saturating_add(entries).saturating_add(checksums);
            len = checked::add(len, checked::mul(used, block)?)?;
            left = left.saturating_sub(checked::mul(s.blocks, s.block_entries)?);
        }
        Ok(len)
    }
}

/// Entries there is room for once `entries` are in.
fn place_of_all(header: &Header, entries: u64) -> Result<u64> {
    let mut room = u64::from(header.index_entries);
    for n in 0..header.super_blocks() {
        let s = header.super_block(n)?;
        for _ in 0..s.blocks {
            if room >= entries {
                return Ok(room);
            }
            room = checked::add(room, s.block_entries)?;
        }
    }
    Ok(room)
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
}
