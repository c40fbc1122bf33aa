//! Fixed array: the chunk index of a dataset of fixed extent. HDF5 File Format 3.0, VII.C.

use super::fixed::{self, Address, Length};
use super::{Sizes, checksum};
use crate::bytes::Cursor;
use crate::bytes::checked;
use crate::bytes::put::Put;
use crate::error::Result;

/// Length of a header in bytes.
pub(crate) fn header_len(sizes: Sizes) -> usize {
    usize::from(sizes.offset).saturating_add(usize::from(sizes.length)).saturating_add(12)
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    /// Whether entries carry a size and a filter mask.
    pub(crate) filtered: bool,
    pub(crate) entry_size: u8,
    /// Data blocks of more than 2^`page_bits` entries are divided into pages of that many entries.
    pub(crate) page_bits: u8,
    pub(crate) entries: u64,
    pub(crate) data_block: Option<u64>,
}

pub(crate) fn read_header(bytes: &[u8], offset: u64, sizes: Sizes) -> Result<Header> {
    let mut src = checksum::split_verified(bytes, offset, "fixed array header")?;
    src.expect_signature(b"FAHD")?;
    match src.read_u8()? {
        0 => {}
        v => return Err(src.unsupported(format!("fixed array version {v}"))),
    }
    let filtered = read_client(&mut src)?;
    let s: FixedArrayHeader = fixed::read(&mut src, (sizes,))?;
    let (entries, data_block) = (s.entries.0, s.data_block.0);
    Ok(Header { filtered, entry_size: s.entry_size, page_bits: s.page_bits, entries, data_block })
}

/// A header after its signature, version and client.
#[binrw::binrw]
#[brw(little, import(sizes: Sizes))]
struct FixedArrayHeader {
    entry_size: u8,
    page_bits: u8,
    #[brw(args(sizes))]
    entries: Length,
    #[brw(args(sizes))]
    data_block: Address,
}

/// Reads the client ID: 0 for chunks without filters, 1 with.
pub(crate) fn read_client(src: &mut Cursor<'_>) -> Result<bool> {
    match src.read_u8()? {
        0 => Ok(false),
        1 => Ok(true),
        v => Err(src.unsupported(format!("array index of client {v}"))),
    }
}

/// Layout of the entries of a data block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BlockShape {
    /// Bytes before the entries, including the checksum of that part if paged.
    pub(crate) head: u64,
    /// Number of pages; 0 if the entries follow the head directly and one checksum ends the block.
    pub(crate) pages: u64,
    /// Number of entries of a full page.
    pub(crate) page_entries: u64,
}

pub(crate) fn block_shape(header: &Header, sizes: Sizes) -> Result<BlockShape> {
    let page_entries = checked::power_of_two(u32::from(header.page_bits))?;
    let head = u64::from(sizes.offset).saturating_add(6);
    if header.entries <= page_entries {
        return Ok(BlockShape { head, pages: 0, page_entries });
    }
    let pages = header.entries.div_ceil(page_entries);
    let head = head.saturating_add(pages.div_ceil(8)).saturating_add(4);
    Ok(BlockShape { head, pages, page_entries })
}

/// Reads the head of a data block. Returns the bitmap of initialised pages, empty if it is not paged.
pub(crate) fn read_block_head<'a>(
    src: &mut Cursor<'a>,
    shape: &BlockShape,
    sizes: Sizes,
) -> Result<&'a [u8]> {
    src.expect_signature(b"FADB")?;
    match src.read_u8()? {
        0 => {}
        v => return Err(src.unsupported(format!("fixed array data block version {v}"))),
    }
    read_client(src)?;
    src.skip(usize::from(sizes.offset))?; // address of the header
    src.take(checked::size(shape.pages.div_ceil(8))?)
}

/// Whether page `n` was ever written; bits run from the most significant of each byte.
pub(crate) fn page_is_set(bitmap: &[u8], n: u64) -> bool {
    let byte = usize::try_from(n / 8).ok().and_then(|i| bitmap.get(i)).copied().unwrap_or(0);
    let bit = u32::try_from(n % 8).unwrap_or(0);
    byte & 0x80u8.wrapping_shr(bit) != 0
}

/// Entries per page of a written array, as a power of two.
pub(crate) const WRITTEN_PAGE_BITS: u8 = 10;

/// Builds the header of an array.
pub(crate) fn write_header(header: &Header) -> Vec<u8> {
    let mut out = b"FAHD\0".to_vec();
    out.put_u8(u8::from(header.filtered));
    let stored = FixedArrayHeader {
        entry_size: header.entry_size,
        page_bits: header.page_bits,
        entries: Length(header.entries),
        data_block: Address(header.data_block),
    };
    fixed::write(&stored, (Sizes::WRITTEN,), &mut out);
    checksum::append(&mut out);
    out
}

/// Builds the data block from all entries, concatenated in `entries`; every page is initialised.
pub(crate) fn write_block(header: &Header, header_at: u64, entries: &[u8], sizes: Sizes) -> Result<Vec<u8>> {
    let shape = block_shape(header, sizes)?;
    let mut out = b"FADB\0".to_vec();
    out.put_u8(u8::from(header.filtered));
    out.put_u64(header_at);
    if shape.pages == 0 {
        out.put(entries);
        checksum::append(&mut out);
        return Ok(out);
    }
    out.put(&bits_set(shape.pages, shape.pages));
    checksum::append(&mut out);
    let page = checked::size(checked::mul(shape.page_entries, u64::from(header.entry_size))?)?;
    for part in entries.chunks(page.max(1)) {
        out.put(&with_checksum(part));
    }
    Ok(out)
}

/// Returns the entries of a page with their checksum.
pub(crate) fn with_checksum(entries: &[u8]) -> Vec<u8> {
    let mut out = entries.to_vec();
    checksum::append(&mut out);
    out
}

/// Builds a bitmap of `len` pages with the first `set` of them marked.
pub(crate) fn bits_set(set: u64, len: u64) -> Vec<u8> {
    let byte = |first: u64| {
        (0..8u32)
            .filter(|b| first.saturating_add(u64::from(*b)) < set)
            .fold(0u8, |v, b| v | 0x80u8.wrapping_shr(b))
    };
    (0..len.div_ceil(8)).map(|n| byte(n.saturating_mul(8))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: Sizes = Sizes { offset: 8, length: 8 };

    #[test]
    fn header_and_shape() {
        let mut b = b"FAHD\x00\x01".to_vec(); // version 0, filtered
        b.extend([13, 2]); // entries of 13 bytes, pages of 4
        b.extend(10u64.to_le_bytes());
        b.extend(0x100u64.to_le_bytes());
        let sum = checksum::lookup3(&b, 0);
        b.extend(sum.to_le_bytes());
        assert_eq!(b.len(), header_len(SIZES));
        let h = read_header(&b, 0, SIZES).unwrap();
        assert!(h.filtered && h.entry_size == 13 && h.entries == 10 && h.data_block == Some(0x100));
        let s = block_shape(&h, SIZES).unwrap();
        assert_eq!(s, BlockShape { head: 14 + 1 + 4, pages: 3, page_entries: 4 });
        assert!(page_is_set(&[0b1010_0000], 2) && !page_is_set(&[0b1010_0000], 1));
        b[8] ^= 1;
        assert_eq!(read_header(&b, 0, SIZES).unwrap_err().kind(), crate::Kind::Checksum);
    }
}
