//! Fixed array of chunks: datasets without unlimited dimensions.

use super::Collector;
use super::arrays::ArrayEntries;
use crate::bytes::checked;
use crate::error::{Error, Place, Result};
use crate::hdf5::format::{checksum, fixed_array};

/// Reads the chunks of the array whose header is at `address`.
pub(super) fn load(address: u64, sink: &mut Collector<'_>) -> Result<()> {
    let addresses = sink.addresses;
    let sizes = addresses.sizes();
    let offset = addresses.offset_of(address);
    let bytes = addresses.read(address, fixed_array::header_len(sizes) as u64)?;
    let header = fixed_array::read_header(&bytes, offset, sizes)?;
    let entries = ArrayEntries::new(header.filtered, None, sink);
    entries.check(header.entry_size, sizes).at(offset)?;
    let expected = sink.grid.max_chunks()?;
    if header.entries != expected {
        let text = format!("fixed array (expected {expected} chunks, got {})", header.entries);
        return Err(Error::malformed(text).at(offset));
    }
    let Some(block) = header.data_block else { return Ok(()) };
    let shape = fixed_array::block_shape(&header, sizes)?;
    let entry = u64::from(header.entry_size);
    if shape.pages == 0 {
        let len = checked::add(checked::add(shape.head, checked::mul(header.entries, entry)?)?, 4)?;
        let bytes = addresses.read(block, len)?;
        let mut src = checksum::split_verified(&bytes, addresses.offset_of(block), "fixed array data block")?;
        fixed_array::read_block_head(&mut src, &shape, sizes)?;
        return entries.read(&mut src, 0, header.entries, sink);
    }
    let head = addresses.read(block, shape.head)?;
    let mut src = checksum::split_verified(&head, addresses.offset_of(block), "fixed array data block")?;
    let bitmap = fixed_array::read_block_head(&mut src, &shape, sizes)?;
    let page_len = checked::add(checked::mul(shape.page_entries, entry)?, 4)?;
    let pages = checked::add(block, shape.head)?;
    for page in 0..shape.pages {
        let first = checked::mul(page, shape.page_entries)?;
        if !fixed_array::page_is_set(bitmap, page) {
            continue;
        }
        let count = header.entries.saturating_sub(first).min(shape.page_entries);
        let at = checked::add(pages, checked::mul(page, page_len)?)?;
        entries.read_page(at, count, entry, first, sink)?;
    }
    Ok(())
}
