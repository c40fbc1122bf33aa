//! Writes a fractal heap with at most one direct block, which is the root.

use super::FractalHeapHeader;
use crate::bytes::put::Put;
use crate::hdf5::format::fixed::{self, Address, Length};
use crate::hdf5::format::{Sizes, checksum};

/// Maximum length of an object in a written block; larger ones become huge objects.
pub(crate) const MAX_MANAGED: usize = 4096;
/// Bytes of a written header, and of the frame before a direct block's objects.
pub(crate) const WRITTEN_LEN: usize = 146;
pub(crate) const WRITTEN_FRAME: usize = 22;

/// Content of a written heap: at most one direct block, and huge objects indexed by a B-tree.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Written {
    /// Address of the direct block, its length, and its free bytes.
    pub(crate) block: Option<(u64, u64, u64)>,
    pub(crate) managed: u64,
    pub(crate) huge_tree: Option<u64>,
    pub(crate) huge: u64,
    pub(crate) huge_bytes: u64,
}

/// Builds the header of a heap with IDs of eight bytes, as attributes use.
pub(crate) fn write_header(heap: &Written) -> Vec<u8> {
    let (block, size, free) = heap.block.unwrap_or((u64::MAX, 0, 0));
    let start = size.max(1024);
    let stored = FractalHeapHeader {
        id_len: 8,
        filter_len: 0,
        flags: 2, // direct blocks have checksums
        max_managed: u32::try_from(MAX_MANAGED).unwrap_or(4096),
        next_huge: Length(heap.huge),
        huge_tree: Address(heap.huge_tree),
        free: Length(free),
        free_manager: Address(None),
        managed_space: Length(size),
        managed_allocated: Length(size),
        managed_next: Length(size),
        managed_objects: Length(heap.managed),
        huge_bytes: Length(heap.huge_bytes),
        huge_objects: Length(heap.huge),
        tiny_bytes: Length(0),
        tiny_objects: Length(0),
        width: 4,
        start_block: Length(start),
        max_direct: Length(start.max(65_536)),
        heap_bits: 40,
        start_rows: 1,
        root: Address(Some(block)),
        root_rows: 0, // the root is a direct block
    };
    let mut out = b"FRHP\0".to_vec();
    fixed::write(&stored, (Sizes::WRITTEN,), &mut out);
    checksum::append(&mut out);
    out
}

/// Builds a direct block of `size` bytes at offset 0 of the heap's space: its frame, then `objects`.
pub(crate) fn write_direct(header: u64, objects: &[u8], size: usize) -> Vec<u8> {
    let mut out = b"FHDB\0".to_vec();
    out.put_u64(header);
    out.put(&[0; 5]); // its offset in the heap's space
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
