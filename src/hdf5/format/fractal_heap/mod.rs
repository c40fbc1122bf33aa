//! The fractal heap: dense links, dense attributes, shared messages. HDF5 File Format 3.0, III.G.

mod id;
mod write;

pub(crate) use id::{HeapId, huge_id, managed_id, read_id};
pub(crate) use write::{MAX_MANAGED, WRITTEN_FRAME, WRITTEN_LEN, Written, write_direct, write_header};

use super::fixed::{self, Address, Length};
use super::message::filter_pipeline::{self, FilterPipeline};
use super::{Sizes, checksum};
use crate::bytes::Cursor;
use crate::bytes::checked;
use crate::error::{Error, Result};

/// Length in bytes of a header without filters; with filters, those counted by `filter_len` follow.
pub(crate) fn header_len(sizes: Sizes) -> usize {
    let (o, l) = (usize::from(sizes.offset), usize::from(sizes.length));
    l.saturating_mul(12).saturating_add(o.saturating_mul(3)).saturating_add(26)
}

/// Offset of the field with the encoded filters' length in a header.
pub(crate) const FILTER_LEN_AT: usize = 7;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) id_len: u16,
    /// Whether direct blocks carry their own checksum.
    pub(crate) checksum_blocks: bool,
    pub(crate) max_managed: u32,
    pub(crate) huge_tree: Option<u64>,
    pub(crate) width: u16,
    pub(crate) start_block: u64,
    pub(crate) max_direct: u64,
    /// Width of the heap's address space in bits.
    pub(crate) heap_bits: u16,
    pub(crate) root: Option<u64>,
    /// Rows of the root indirect block; 0 if the root is a direct block.
    pub(crate) root_rows: u16,
    pub(crate) filters: Option<HeapFilters>,
}

/// Filters of the blocks, and how the root block was filtered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HeapFilters {
    pub(crate) pipeline: FilterPipeline,
    pub(crate) root_size: u64,
    pub(crate) root_mask: u32,
}

/// A header after its signature and version, without the fields for filters.
#[binrw::binrw]
#[brw(little, import(sizes: Sizes))]
struct FractalHeapHeader {
    id_len: u16,
    filter_len: u16,
    flags: u8,
    max_managed: u32,
    #[brw(args(sizes))]
    next_huge: Length,
    #[brw(args(sizes))]
    huge_tree: Address,
    #[brw(args(sizes))]
    free: Length,
    #[brw(args(sizes))]
    free_manager: Address,
    #[brw(args(sizes))]
    managed_space: Length,
    #[brw(args(sizes))]
    managed_allocated: Length,
    /// Offset at which the next block is allocated.
    #[brw(args(sizes))]
    managed_next: Length,
    #[brw(args(sizes))]
    managed_objects: Length,
    #[brw(args(sizes))]
    huge_bytes: Length,
    #[brw(args(sizes))]
    huge_objects: Length,
    #[brw(args(sizes))]
    tiny_bytes: Length,
    #[brw(args(sizes))]
    tiny_objects: Length,
    width: u16,
    #[brw(args(sizes))]
    start_block: Length,
    #[brw(args(sizes))]
    max_direct: Length,
    heap_bits: u16,
    /// Initial number of rows of a root indirect block.
    start_rows: u16,
    #[brw(args(sizes))]
    root: Address,
    root_rows: u16,
}

pub(crate) fn read_header(bytes: &[u8], offset: u64, sizes: Sizes) -> Result<Header> {
    let mut src = checksum::split_verified(bytes, offset, "fractal heap header")?;
    src.expect_signature(b"FRHP")?;
    match src.read_u8()? {
        0 => {}
        v => return Err(src.unsupported(format!("fractal heap version {v}"))),
    }
    let stored: FractalHeapHeader = fixed::read(&mut src, (sizes,))?;
    let mut filters = None;
    if stored.filter_len > 0 {
        let root_size = sizes.read_length(&mut src)?;
        let root_mask = src.read_u32()?;
        let mut message = src.split(usize::from(stored.filter_len))?;
        filters = Some(HeapFilters { pipeline: filter_pipeline::read(&mut message)?, root_size, root_mask });
    }
    let (width, heap_bits) = (stored.width, stored.heap_bits);
    let (Length(start_block), Length(max_direct)) = (stored.start_block, stored.max_direct);
    // Keeps the doubling table valid: block sizes are powers of two that fit 64 bits, and it has columns.
    // III.G, of each of the three: "This value must be a power of two."
    checked::log2_exact(start_block, "heap's first block").map_err(|e| e.at(offset))?;
    checked::log2_exact(max_direct, "heap's largest direct block").map_err(|e| e.at(offset))?;
    checked::log2_exact(u64::from(width), "heap's table width").map_err(|e| e.at(offset))?;
    if heap_bits == 0 || heap_bits > 64 || max_direct < start_block {
        return Err(Error::malformed("fractal heap of impossible geometry").at(offset));
    }
    Ok(Header {
        id_len: stored.id_len,
        checksum_blocks: stored.flags & 2 != 0,
        max_managed: stored.max_managed,
        huge_tree: stored.huge_tree.0,
        width,
        start_block,
        max_direct,
        heap_bits,
        root: stored.root.0,
        root_rows: stored.root_rows,
        filters,
    })
}

impl Header {
    /// Width in bytes of offsets in the heap's address space.
    pub(crate) fn offset_width(&self) -> u8 {
        u8::try_from(self.heap_bits.div_ceil(8)).unwrap_or(8)
    }

    /// Width in bytes of lengths in managed heap IDs.
    fn length_width(&self) -> u8 {
        // III.G: "It is determined by taking the minimum value of Maximum Direct Block Size and Maximum Size
        // of Managed Objects in the Fractal Heap Header."
        let direct = u8::try_from(self.max_direct.trailing_zeros().saturating_add(7) / 8).unwrap_or(8);
        direct.min(checked::bytes_for(u64::from(self.max_managed)))
    }

    /// Size in bytes of the blocks of a row.
    pub(crate) fn row_block(&self, row: u16) -> Result<u64> {
        // III.G: "Blocks in the first two rows of an indirect block are Starting Block Size number of bytes
        // in size."
        let shift = u32::from(row).saturating_sub(1);
        checked::mul(self.start_block, checked::power_of_two(shift)?)
    }

    /// Number of rows that hold direct blocks.
    pub(crate) fn direct_rows(&self) -> u16 {
        let ratio = self.max_direct.trailing_zeros().saturating_sub(self.start_block.trailing_zeros());
        u16::try_from(ratio.saturating_add(2)).unwrap_or(u16::MAX)
    }

    /// Number of rows of an indirect block that spans `block` bytes.
    pub(crate) fn rows_of(&self, block: u64) -> Result<u16> {
        let first = checked::mul(self.start_block, u64::from(self.width))?;
        let rows = block.trailing_zeros().checked_sub(first.trailing_zeros()).map(|r| r.saturating_add(1));
        rows.and_then(|r| u16::try_from(r).ok())
            .ok_or_else(|| Error::malformed("indirect heap block too small"))
    }

    /// Bytes before the children of an indirect block, or before the objects of a direct one.
    pub(crate) fn block_frame(&self, sizes: Sizes) -> usize {
        usize::from(sizes.offset).saturating_add(usize::from(self.offset_width())).saturating_add(5)
    }

    /// Length in bytes of an indirect block of `rows` rows.
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
pub(crate) struct HeapChild {
    pub(crate) address: Option<u64>,
    /// Stored size and filter mask of a filtered direct block.
    pub(crate) filtered: Option<(u64, u32)>,
}

/// Reads the children of an indirect block of `rows` rows, row by row.
pub(crate) fn read_indirect(
    bytes: &[u8],
    offset: u64,
    header: &Header,
    rows: u16,
    sizes: Sizes,
) -> Result<Vec<HeapChild>> {
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
            out.push(HeapChild { address, filtered });
        }
    }
    Ok(out)
}

/// Checks a block's signature and returns its offset in the heap's address space.
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
    src.skip(usize::from(sizes.offset))?; // address of the header
    src.read_uint(header.offset_width())
}

/// Verifies the checksum of a direct block, which was computed with its own four bytes set to zero.
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
