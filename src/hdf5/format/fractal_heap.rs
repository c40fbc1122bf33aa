//! The fractal heap: dense links, dense attributes, shared messages. HDF5 File Format 3.0, III.G.

use super::message::filter_pipeline::{self, FilterPipeline};
use super::{Sizes, checksum};
use crate::bytes::Cursor;
use crate::bytes::checked;
use crate::bytes::put::Put;
use crate::error::{Error, Result};

/// Bytes of a header without filters; with filters there follow those of `filter_len`.
pub(crate) fn header_len(sizes: Sizes) -> usize {
    let (o, l) = (usize::from(sizes.offset), usize::from(sizes.length));
    l.saturating_mul(12).saturating_add(o.saturating_mul(3)).saturating_add(26)
}

/// Where the width of the encoded filters lies in a header.
pub(crate) const FILTER_LEN_AT: usize = 7;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) id_len: u16,
    /// Direct blocks carry a checksum of their own.
    pub(crate) checksum_blocks: bool,
    pub(crate) max_managed: u32,
    pub(crate) huge_tree: Option<u64>,
    pub(crate) width: u16,
    pub(crate) start_block: u64,
    pub(crate) max_direct: u64,
    /// Bits of the heap's address space.
    pub(crate) heap_bits: u16,
    pub(crate) root: Option<u64>,
    /// Rows of the root indirect block; 0 where the root is a direct block.
    pub(crate) root_rows: u16,
    pub(crate) filters: Option<HeapFilters>,
}

/// Filters of the blocks, and how the root went through them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HeapFilters {
    pub(crate) pipeline: FilterPipeline,
    pub(crate) root_size: u64,
    pub(crate) root_mask: u32,
}

pub(crate) fn read_header(bytes: &[u8], offset: u64, sizes: Sizes) -> Result<Header> {
    let mut src = checksum::split_verified(bytes, offset, "fractal heap header")?;
    src.expect_signature(b"FRHP")?;
    match src.read_u8()? {
        0 => {}
        v => return Err(src.unsupported(format!("fractal heap version {v}"))),
    }
    let id_len = src.read_u16()?;
    let filter_len = src.read_u16()?;
    let flags = src.read_u8()?;
    let max_managed = src.read_u32()?;
    sizes.read_length(&mut src)?; // next huge ID
    let huge_tree = sizes.read_address(&mut src)?;
    sizes.read_length(&mut src)?; // free space
    sizes.read_address(&mut src)?; // free space manager
    for _ in 0..8 {
        sizes.read_length(&mut src)?; // space and numbers of managed, huge and tiny objects
    }
    let width = src.read_u16()?;
    let start_block = sizes.read_length(&mut src)?;
    let max_direct = sizes.read_length(&mut src)?;
    let heap_bits = src.read_u16()?;
    src.skip(2)?; // starting rows of the root
    let root = sizes.read_address(&mut src)?;
    let root_rows = src.read_u16()?;
    let mut filters = None;
    if filter_len > 0 {
        let root_size = sizes.read_length(&mut src)?;
        let root_mask = src.read_u32()?;
        let mut message = src.split(usize::from(filter_len))?;
        filters = Some(HeapFilters { pipeline: filter_pipeline::read(&mut message)?, root_size, root_mask });
    }
    // Protects the doubling table: block sizes are powers of two that fit 64 bits, the table has columns.
    checked::log2_exact(start_block, "heap's first block").map_err(|e| e.at(offset))?;
    checked::log2_exact(max_direct, "heap's largest direct block").map_err(|e| e.at(offset))?;
    checked::log2_exact(u64::from(width), "heap's table width").map_err(|e| e.at(offset))?;
    if heap_bits == 0 || heap_bits > 64 || max_direct < start_block {
        return Err(Error::malformed("fractal heap of impossible geometry").at(offset));
    }
    Ok(Header {
        id_len,
        checksum_blocks: flags & 2 != 0,
        max_managed,
        huge_tree,
        width,
        start_block,
        max_direct,
        heap_bits,
        root,
        root_rows,
        filters,
    })
}

impl Header {
    /// Width of offsets in the heap's address space.
    pub(crate) fn offset_width(&self) -> u8 {
        u8::try_from(self.heap_bits.div_ceil(8)).unwrap_or(8)
    }

    /// Width of lengths in managed heap IDs.
    fn length_width(&self) -> u8 {
        let direct = u8::try_from(self.max_direct.trailing_zeros().saturating_add(7) / 8).unwrap_or(8);
        direct.min(checked::bytes_for(u64::from(self.max_managed)))
    }

    /// Size of the blocks of a row.
    pub(crate) fn row_block(&self, row: u16) -> Result<u64> {
        let shift = u32::from(row).saturating_sub(1);
        checked::mul(self.start_block, checked::power_of_two(shift)?)
    }

    /// Rows that hold direct blocks.
    pub(crate) fn direct_rows(&self) -> u16 {
        let ratio = self.max_direct.trailing_zeros().saturating_sub(self.start_block.trailing_zeros());
        u16::try_from(ratio.saturating_add(2)).unwrap_or(u16::MAX)
    }

    /// Rows of an indirect block that spans `block` bytes.
    pub(crate) fn rows_of(&self, block: u64) -> Result<u16> {
        let first = checked::mul(self.start_block, u64::from(self.width))?;
        let rows = block.trailing_zeros().checked_sub(first.trailing_zeros()).map(|r| r.saturating_add(1));
        rows.and_then(|r| u16::try_from(r).ok())
            .ok_or_else(|| Error::malformed("indirect heap block too small"))
    }

    /// Bytes in front of the children of an indirect block, and of the objects of a direct one.
    pub(crate) fn block_frame(&self, sizes: Sizes) -> usize {
        usize::from(sizes.offset).saturating_add(usize::from(self.offset_width())).saturating_add(5)
    }

    /// Bytes of an indirect block of `rows` rows.
    pub(crate) fn indirect_len(&self, rows: u16, sizes: Sizes) -> Result<u64> {
        let direct = u64::from(rows.min(self.direct_rows()));
        let indirect = u64::from(rows).saturating_sub(direct);
        let o = u64::from(sizes.offset);
        let child = if self.filters.is_some() {
            o.saturating_add(u64::from(sizes.length)).saturating_add(4)
        } else {
            o
        };
        let width = u64::from(self.width);
        let entries = checked::add(
            checked::mul(direct.saturating_mul(width), child)?,
            indirect.saturating_mul(width).saturating_mul(o),
        )?;
        checked::add(entries, (self.block_frame(sizes) as u64).saturating_add(4))
    }
}

/// A child of an indirect block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Child {
    pub(crate) address: Option<u64>,
    /// Stored size and filter mask of a filtered direct block.
    pub(crate) filtered: Option<(u64, u32)>,
}

/// The children of an indirect block of `rows` rows, row by row.
pub(crate) fn read_indirect(
    bytes: &[u8],
    offset: u64,
    header: &Header,
    rows: u16,
    sizes: Sizes,
) -> Result<Vec<Child>> {
    let mut src = checksum::split_verified(bytes, offset, "indirect heap block")?;
    read_block_head(&mut src, b"FHIB", header, sizes)?;
    let mut out = Vec::new();
    for row in 0..rows {
        for _ in 0..header.width {
            let address = sizes.read_address(&mut src)?;
            let filtered = if header.filters.is_some() && row < header.direct_rows() {
                Some((sizes.read_length(&mut src)?, src.read_u32()?))
            } else {
                None
            };
            out.push(Child { address, filtered });
        }
    }
    Ok(out)
}

/// Checks a block's signature; gives its place in the heap's address space.
pub(crate) fn read_block_head(
    src: &mut Cursor<'_>,
    signature: &[u8; 4],
    header: &Header,
    sizes: Sizes,
) -> Result<u64> {
    src.expect_signature(signature)?;
    match src.read_u8()? {
        0 => {}
        v => return Err(src.unsupported(format!("heap block version {v}"))),
    }
    src.skip(usize::from(sizes.offset))?; // back to the header
    src.read_uint(header.offset_width())
}

/// Verifies the checksum of a direct block, which was computed with its own four bytes zeroed.
pub(crate) fn verify_direct(bytes: &[u8], offset: u64, header: &Header, sizes: Sizes) -> Result<()> {
    let at = header.block_frame(sizes);
    let mut copy = bytes.to_vec();
    let Some(place) = copy.get_mut(at..).and_then(|b| b.get_mut(..4)) else {
        return Err(Error::malformed("direct heap block too small").at(offset));
    };
    let mut stored = [0; 4];
    stored.copy_from_slice(place);
    place.fill(0);
    let (stored, computed) = (u32::from_le_bytes(stored), checksum::lookup3(&copy, 0));
    if stored != computed && !cfg!(fuzzing) {
        let text = format!("direct heap block checksum (expected {stored:#010x}, got {computed:#010x})");
        return Err(Error::checksum(text).at(offset));
    }
    Ok(())
}

/// Where an object is, by its ID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HeapId {
    /// In the heap's own address space.
    Managed { offset: u64, len: u64 },
    /// Directly in the file.
    HugeAt { address: u64, len: u64, filtered: Option<(u32, u64)> },
    /// In the file, by a key of the heap's B-tree.
    HugeKey(u64),
    /// In the ID itself.
    Tiny(Vec<u8>),
}

pub(crate) fn read_id(id: &[u8], offset: u64, header: &Header, sizes: Sizes) -> Result<HeapId> {
    let mut src = Cursor::new(id, offset);
    let first = src.read_u8()?;
    match (first & 0xc0, first & 0x30) {
        (0, 0x00) => Ok(HeapId::Managed {
            offset: src.read_uint(header.offset_width())?,
            len: src.read_uint(header.length_width())?,
        }),
        (0, 0x10) => {
            let (o, l) = (usize::from(sizes.offset), usize::from(sizes.length));
            let direct = o.saturating_add(l);
            let room = usize::from(header.id_len).saturating_sub(1);
            match &header.filters {
                None if room >= direct => Ok(HeapId::HugeAt {
                    address: sizes.read_defined(&mut src, "a heap object")?,
                    len: sizes.read_length(&mut src)?,
                    filtered: None,
                }),
                Some(_) if room >= direct.saturating_add(l).saturating_add(4) => Ok(HeapId::HugeAt {
                    address: sizes.read_defined(&mut src, "a heap object")?,
                    len: sizes.read_length(&mut src)?,
                    filtered: Some((src.read_u32()?, sizes.read_length(&mut src)?)),
                }),
                _ => Ok(HeapId::HugeKey(src.read_uint(u8::try_from(room.min(8)).unwrap_or(8))?)),
            }
        }
        (0, 0x20) => {
            // III.G: "extended" lengths of 12 bits are used where IDs have room for more than 16 bytes
            let mut len = usize::from(first & 0x0f);
            if header.id_len > 18 {
                len = len.wrapping_shl(8) | usize::from(src.read_u8()?);
            }
            Ok(HeapId::Tiny(src.take(len.saturating_add(1))?.to_vec()))
        }
        _ => Err(Error::malformed(format!("heap ID of unknown kind {first:#04x}")).at(offset)),
    }
}

/// The most bytes of an object in a block of a heap that is written; larger ones lie by themselves.
pub(crate) const MAX_MANAGED: usize = 4096;
/// Bytes of a header that is written, and of what stands in front of the objects of a direct block.
pub(crate) const WRITTEN_LEN: usize = 146;
pub(crate) const WRITTEN_FRAME: usize = 22;

/// A heap as it is written: at most one direct block, and huge objects that a B-tree finds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Written {
    /// Where the direct block is, its bytes, and how many of them are free.
    pub(crate) block: Option<(u64, u64, u64)>,
    pub(crate) managed: u64,
    pub(crate) huge_tree: Option<u64>,
    pub(crate) huge: u64,
    pub(crate) huge_bytes: u64,
}

/// The header of a heap with IDs of eight bytes, as those of attributes are.
pub(crate) fn write_header(heap: &Written) -> Vec<u8> {
    let (block, size, free) = heap.block.unwrap_or((u64::MAX, 0, 0));
    let start = size.max(1024);
    let mut out = b"FRHP\0".to_vec();
    out.put_u16(8); // bytes of an ID
    out.put_u16(0); // no filters
    out.put_u8(2); // direct blocks have checksums
    out.put_u32(u32::try_from(MAX_MANAGED).unwrap_or(4096));
    out.put_u64(heap.huge); // the last ID of a huge object
    out.put_u64(heap.huge_tree.unwrap_or(u64::MAX));
    out.put_u64(free);
    out.put_undefined(); // free space manager
    // managed space: all, allocated, where the next block goes; objects
    for n in [size, size, size, heap.managed, heap.huge_bytes, heap.huge, 0, 0] {
        out.put_u64(n);
    }
    out.put_u16(4); // blocks of a row
    out.put_u64(start);
    out.put_u64(start.max(65_536));
    out.put_u16(40); // bits of the heap's address space
    out.put_u16(1); // rows an indirect root begins with
    out.put_u64(block);
    out.put_u16(0); // the root is a direct block
    checksum::append(&mut out);
    out
}

/// A direct block at the beginning of the heap's space: `objects` behind its frame, `size` bytes in all.
pub(crate) fn write_direct(header: u64, objects: &[u8], size: usize) -> Vec<u8> {
    let mut out = b"FHDB\0".to_vec();
    out.put_u64(header);
    out.put(&[0; 5]); // its place in the heap's space
    let sum_at = out.len();
    out.put_u32(0);
    out.put(objects);
    out.fill_to(size);
    let sum = checksum::lookup3(&out, 0).to_le_bytes();
    if let Some(place) = out.get_mut(sum_at..).and_then(|o| o.get_mut(..4)) {
        place.copy_from_slice(&sum);
    }
    out
}

/// The ID of an object in the block.
pub(crate) fn managed_id(offset: u64, len: usize) -> [u8; 8] {
    let [a, b, c, d, e, ..] = offset.to_le_bytes();
    let [low, high, ..] = len.to_le_bytes();
    [0, a, b, c, d, e, low, high]
}

/// The ID of a huge object, by its key.
pub(crate) fn huge_id(key: u64) -> [u8; 8] {
    let [a, b, c, d, e, f, g, _] = key.to_le_bytes();
    [0x10, a, b, c, d, e, f, g]
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: Sizes = Sizes { offset: 8, length: 8 };

    fn header() -> Header {
        Header {
            id_len: 8,
            checksum_blocks: true,
            max_managed: 4096,
            huge_tree: None,
            width: 4,
            start_block: 1024,
            max_direct: 65536,
            heap_bits: 40,
            root: Some(0),
            root_rows: 0,
            filters: None,
        }
    }

    #[test]
    fn ids_of_dense_attributes() {
        let h = header();
        assert_eq!((h.offset_width(), h.length_width(), h.direct_rows()), (5, 2, 8));
        let managed = [0x00, 0x15, 0, 0, 0, 0, 0x20, 0]; // offset 21, length 32
        assert_eq!(read_id(&managed, 0, &h, SIZES).unwrap(), HeapId::Managed { offset: 21, len: 32 });
        let tiny = [0x21, 7, 8, 0, 0, 0, 0, 0]; // two bytes
        assert_eq!(read_id(&tiny, 0, &h, SIZES).unwrap(), HeapId::Tiny(vec![7, 8]));
        let huge = [0x10, 3, 0, 0, 0, 0, 0, 0]; // key 3
        assert_eq!(read_id(&huge, 0, &h, SIZES).unwrap(), HeapId::HugeKey(3));
        assert!(read_id(&[0x30, 0, 0, 0, 0, 0, 0, 0], 0, &h, SIZES).is_err());
    }

    #[test]
    fn what_is_written_is_read() {
        let heap = Written {
            block: Some((500, 2048, 100)),
            managed: 3,
            huge_tree: Some(64),
            huge: 2,
            huge_bytes: 9,
        };
        let bytes = write_header(&heap);
        assert_eq!((bytes.len(), bytes.len()), (WRITTEN_LEN, header_len(SIZES)));
        let h = read_header(&bytes, 0, SIZES).unwrap();
        assert_eq!((h.root, h.root_rows, h.huge_tree, h.start_block), (Some(500), 0, Some(64), 2048));
        assert_eq!(h.block_frame(SIZES) + 4, WRITTEN_FRAME);
        let block = write_direct(7, b"abc", 2048);
        verify_direct(&block, 0, &h, SIZES).unwrap();
        assert_eq!((block.len(), &block[WRITTEN_FRAME..WRITTEN_FRAME + 3]), (2048, &b"abc"[..]));
        let id = read_id(&managed_id(22, 300), 0, &h, SIZES).unwrap();
        assert_eq!(id, HeapId::Managed { offset: 22, len: 300 });
        assert_eq!(read_id(&huge_id(70_000), 0, &h, SIZES).unwrap(), HeapId::HugeKey(70_000));
    }

    #[test]
    fn the_doubling_table() {
        let h = header();
        let rows: Vec<_> = (0..5).map(|r| h.row_block(r).unwrap()).collect();
        assert_eq!(rows, [1024, 1024, 2048, 4096, 8192]);
        assert_eq!(h.rows_of(131072).unwrap(), 6);
    }
}
