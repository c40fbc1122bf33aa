//! Extensible array of chunks: datasets with one unlimited dimension.

use super::Collector;
use super::arrays::ArrayEntries;
use crate::bytes::checked;
use crate::error::{Error, Place, Result};
use crate::hdf5::format::{checksum, extensible_array, fixed_array};
use crate::hdf5::read::addresses::Addresses;

/// Reads the chunks of the array whose header is at `address`.
pub(super) fn load(address: u64, sink: &mut Collector<'_>) -> Result<()> {
    let addresses = sink.addresses;
    let sizes = addresses.sizes();
    let offset = addresses.offset_of(address);
    let unlimited = sink.grid.unlimited();
    let [unlimited] = unlimited[..] else {
        let text = format!("extensible array over {} unlimited dimensions (expected 1)", unlimited.len());
        return Err(Error::malformed(text).at(offset));
    };
    let bytes = addresses.read(address, extensible_array::header_len(sizes) as u64)?;
    let header = extensible_array::read_header(&bytes, offset, sizes)?;
    let entries = ArrayEntries::new(header.filtered, Some(unlimited), sink);
    entries.check(header.entry_size, sizes).at(offset)?;
    let Some(block) = header.index_block else { return Ok(()) };
    let bytes = addresses.read(block, header.index_block_len(sizes)?)?;
    let mut src =
        checksum::split_verified(&bytes, addresses.offset_of(block), "extensible array index block")?;
    header.read_block_frame(&mut src, b"EAIB", false, sizes)?;
    let mut next = u64::from(header.index_entries);
    entries.read(&mut src, 0, next, sink)?;
    let walk = ArrayWalk { addresses, header: &header, entries: &entries };
    let mut direct = header.direct_blocks();
    for n in 0..header.super_blocks() {
        let s = header.super_block(n)?;
        if n < header.first_indirect() {
            for _ in 0..s.blocks.min(direct) {
                let at = sizes.read_address(&mut src)?;
                walk.data_block(at, s.block_entries, next, None, sink)?;
                next = checked::add(next, s.block_entries)?;
            }
            direct = direct.saturating_sub(s.blocks);
        } else {
            let at = sizes.read_address(&mut src)?;
            walk.super_block(at, s, next, sink)?;
            next = next.saturating_add(s.blocks.saturating_mul(s.block_entries));
        }
    }
    Ok(())
}

/// Which pages of a data block were written: its bits in the bitmap of its super block.
#[derive(Clone, Copy)]
struct PageBits<'a> {
    bitmap: &'a [u8],
    first: u64,
}

/// Reads the blocks of an extensible array.
struct ArrayWalk<'a> {
    addresses: &'a Addresses,
    header: &'a extensible_array::Header,
    entries: &'a ArrayEntries,
}

impl ArrayWalk<'_> {
    fn super_block(
        &self,
        address: Option<u64>,
        s: extensible_array::SuperBlock,
        first: u64,
        sink: &mut Collector<'_>,
    ) -> Result<()> {
        let Some(address) = address else { return Ok(()) };
        let sizes = self.addresses.sizes();
        let bytes = self.addresses.read(address, self.header.super_block_len(s, sizes)?)?;
        let offset = self.addresses.offset_of(address);
        let mut src = checksum::split_verified(&bytes, offset, "extensible array super block")?;
        self.header.read_block_frame(&mut src, b"EASB", true, sizes)?;
        let bitmap_len = self.header.pages(s.block_entries).div_ceil(8);
        // The bitmap has whole bytes for each block, but the bits of consecutive blocks are packed without
        // gaps.
        let bitmap = src.take(checked::size(checked::mul(s.blocks, bitmap_len)?)?)?;
        let pages = self.header.pages(s.block_entries);
        let mut next = first;
        for n in 0..s.blocks {
            let at = sizes.read_address(&mut src)?;
            let set = PageBits { bitmap, first: checked::mul(n, pages)? };
            self.data_block(at, s.block_entries, next, Some(set), sink)?;
            next = checked::add(next, s.block_entries)?;
        }
        Ok(())
    }

    fn data_block(
        &self,
        address: Option<u64>,
        count: u64,
        first: u64,
        set: Option<PageBits<'_>>,
        sink: &mut Collector<'_>,
    ) -> Result<()> {
        let Some(address) = address else { return Ok(()) };
        let (addresses, header, sizes) = (self.addresses, self.header, self.addresses.sizes());
        let head = header.data_block_head(sizes);
        let entry = u64::from(header.entry_size);
        if header.pages(count) == 0 {
            let len = checked::add(checked::add(head, checked::mul(count, entry)?)?, 4)?;
            let bytes = addresses.read(address, len)?;
            let mut src = checksum::split_verified(
                &bytes,
                addresses.offset_of(address),
                "extensible array data block",
            )?;
            header.read_block_frame(&mut src, b"EADB", true, sizes)?;
            return self.entries.read(&mut src, first, count, sink);
        }
        let bytes = addresses.read(address, checked::add(head, 4)?)?;
        let mut src =
            checksum::split_verified(&bytes, addresses.offset_of(address), "extensible array data block")?;
        header.read_block_frame(&mut src, b"EADB", true, sizes)?;
        let pages_at = checked::add(address, checked::add(head, 4)?)?;
        let page_len = checked::add(checked::mul(header.page_entries(), entry)?, 4)?;
        for page in 0..header.pages(count) {
            let bit = set.map(|s| (s.bitmap, s.first.saturating_add(page)));
            if bit.is_some_and(|(bitmap, n)| !fixed_array::page_is_set(bitmap, n)) {
                continue;
            }
            let at = checked::add(pages_at, checked::mul(page, page_len)?)?;
            let page_first = checked::add(first, checked::mul(page, header.page_entries())?)?;
            self.entries.read_page(at, header.page_entries(), entry, page_first, sink)?;
        }
        Ok(())
    }
}
