//! Writes an extensible array: the index block first, the header last.

use super::{ExtensibleArrayHeader, Header, SuperBlock};
use crate::bytes::checked;
use crate::bytes::put::Put;
use crate::error::Result;
use crate::hdf5::format::fixed::{self, Length};
use crate::hdf5::format::{Sizes, checksum, fixed_array};

/// An extensible array ready to be appended.
pub(crate) struct WrittenArray {
    /// All blocks, concatenated, valid only at the address they were built for.
    pub(crate) bytes: Vec<u8>,
    /// The header, to be appended after the blocks.
    pub(crate) header: Vec<u8>,
}

/// Number of blocks of one kind and their total bytes, as the header stores them.
#[derive(Default)]
struct Tally {
    blocks: u64,
    bytes: u64,
}

impl Tally {
    fn add(&mut self, block: &[u8]) {
        self.blocks = self.blocks.saturating_add(1);
        self.bytes = self.bytes.saturating_add(block.len() as u64);
    }
}

/// The blocks built so far.
struct ArrayBlocks<'e> {
    header: Header,
    header_at: u64,
    /// Address of the index block; the others follow it.
    at: u64,
    bytes: Vec<u8>,
    /// Entries not yet placed, and the value of an absent one.
    rest: std::slice::ChunksExact<'e, u8>,
    none: Vec<u8>,
    /// Number of entries that still need a block.
    left: u64,
    /// Number of entries before the next data block.
    place: u64,
    super_blocks: Tally,
    data_blocks: Tally,
}

impl Header {
    /// The parameters libhdf5 uses: 32 bits, 4 entries in the index block, blocks from 16, 4 pointers, pages
    /// of 1024.
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

    /// Creation parameters in the order of the layout message.
    pub(crate) fn parameters(&self) -> [u8; 5] {
        [self.max_bits, self.index_entries, self.min_pointers, self.min_block_entries, self.page_bits]
    }

    /// Builds the blocks of the array from `entries` (concatenated), to be written at `at`, and the header
    /// after them.
    pub(crate) fn write(self, entries: &[u8], at: u64, sizes: Sizes) -> Result<WrittenArray> {
        let size = usize::from(self.entry_size);
        let header_at = checked::add(at, self.written_len(sizes)?)?;
        let mut none = vec![0; size];
        none.iter_mut().take(8).for_each(|b| *b = 0xff);
        let mut blocks = ArrayBlocks {
            left: self.entries.saturating_sub(u64::from(self.index_entries)),
            bytes: vec![0; checked::size(self.index_block_len(sizes)?)?],
            rest: entries.chunks_exact(size.max(1)),
            header: self,
            header_at,
            at,
            none,
            place: 0,
            super_blocks: Tally::default(),
            data_blocks: Tally::default(),
        };
        let index = blocks.make()?;
        if let Some(room) = blocks.bytes.get_mut(..index.len()) {
            room.copy_from_slice(&index);
        }
        let header = blocks.header()?;
        Ok(WrittenArray { bytes: blocks.bytes, header })
    }

    /// Total length in bytes of the blocks that [`write`](Self::write) builds.
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

    /// Number of entries that the allocated blocks have room for.
    fn room(&self) -> Result<u64> {
        let mut room = u64::from(self.index_entries);
        for n in 0..self.super_blocks() {
            let s = self.super_block(n)?;
            for _ in 0..s.blocks {
                if room >= self.entries {
                    return Ok(room);
                }
                room = checked::add(room, s.block_entries)?;
            }
        }
        Ok(room)
    }
}

impl ArrayBlocks<'_> {
    /// Builds all blocks and returns the index block, whose room is reserved at the beginning.
    fn make(&mut self) -> Result<Vec<u8>> {
        let mut index = self.frame(b"EAIB", None);
        index.put(&self.take(u64::from(self.header.index_entries)));
        for n in 0..self.header.super_blocks() {
            let s = self.header.super_block(n)?;
            let (first_place, first_left) = (self.place, self.left);
            let mut addresses = Vec::new();
            for _ in 0..s.blocks {
                addresses.push(self.data_block(s.block_entries)?);
            }
            if n < self.header.first_indirect() {
                addresses.iter().for_each(|a| index.put_u64(*a));
            } else if first_left == 0 {
                index.put_undefined();
            } else {
                index.put_u64(self.super_block(s, first_place, &addresses)?);
            }
        }
        checksum::append(&mut index);
        Ok(index)
    }

    /// Takes the bytes of the next `n` entries.
    fn take(&mut self, n: u64) -> Vec<u8> {
        let mut out = Vec::new();
        for _ in 0..n {
            out.extend_from_slice(self.rest.next().unwrap_or(&self.none));
        }
        out
    }

    fn frame(&self, signature: &[u8; 4], place: Option<u64>) -> Vec<u8> {
        let mut out = signature.to_vec();
        out.put(&[0, u8::from(self.header.filtered)]);
        out.put_u64(self.header_at);
        if let Some(place) = place {
            out.put_u32(u32::try_from(place).unwrap_or(u32::MAX));
        }
        out
    }

    fn append(&mut self, block: &[u8]) -> Result<u64> {
        let address = checked::add(self.at, self.bytes.len() as u64)?;
        self.bytes.put(block);
        Ok(address)
    }

    /// Appends a data block of `entries` entries and returns its address, undefined if no entries are left.
    fn data_block(&mut self, entries: u64) -> Result<u64> {
        let place = self.place;
        self.place = self.place.saturating_add(entries);
        if self.left == 0 {
            return Ok(u64::MAX);
        }
        let pages = self.header.pages(entries);
        let mut block = self.frame(b"EADB", Some(place));
        if pages == 0 {
            block.put(&self.take(entries));
        }
        checksum::append(&mut block);
        for _ in 0..pages {
            block.put(&fixed_array::with_checksum(&self.take(self.header.page_entries())));
        }
        self.left = self.left.saturating_sub(entries);
        self.data_blocks.add(&block);
        self.append(&block)
    }

    /// Appends the super block whose data blocks are at `addresses`.
    fn super_block(&mut self, s: SuperBlock, place: u64, addresses: &[u64]) -> Result<u64> {
        let pages = self.header.pages(s.block_entries);
        let mut block = self.frame(b"EASB", Some(place));
        let bytes = checked::size(checked::mul(s.blocks, pages.div_ceil(8))?)?;
        let there = addresses.iter().filter(|a| **a != u64::MAX).count() as u64;
        let mut bits = fixed_array::bits_set(there.saturating_mul(pages), s.blocks.saturating_mul(pages));
        bits.resize(bytes, 0);
        block.put(&bits);
        addresses.iter().for_each(|a| block.put_u64(*a));
        checksum::append(&mut block);
        self.super_blocks.add(&block);
        self.append(&block)
    }

    fn header(&self) -> Result<Vec<u8>> {
        let h = &self.header;
        let stored = ExtensibleArrayHeader {
            entry_size: h.entry_size,
            max_bits: h.max_bits,
            index_entries: h.index_entries,
            min_block_entries: h.min_block_entries,
            min_pointers: h.min_pointers,
            page_bits: h.page_bits,
            super_blocks: Length(self.super_blocks.blocks),
            super_block_bytes: Length(self.super_blocks.bytes),
            data_blocks: Length(self.data_blocks.blocks),
            data_block_bytes: Length(self.data_blocks.bytes),
            entries: Length(h.entries),
            room: Length(h.room()?),
            index_block: self.at.into(),
        };
        let mut out = b"EAHD\0".to_vec();
        out.put_u8(u8::from(h.filtered));
        fixed::write(&stored, (Sizes::WRITTEN,), &mut out);
        checksum::append(&mut out);
        Ok(out)
    }
}
