//! Data layout message (0x0008), versions 1 to 5: compact, contiguous, chunked or virtual.
//! HDF5 File Format 3.0, IV.A.2.i.

use crate::bytes::Cursor;
use crate::bytes::checked;
use crate::bytes::put::Put;
use crate::error::{Error, Result};
use crate::hdf5::format::message::dataspace::MAX_RANK;
use crate::hdf5::format::{Sizes, extensible_array, fixed_array};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Layout {
    /// The values are in the message.
    Compact(Vec<u8>),
    /// The values are contiguous in the file; no address: nothing was written yet.
    Contiguous {
        address: Option<u64>,
        len: Option<u64>,
    },
    Chunked(Chunked),
    /// Composed of parts of other datasets, which an object of the global heap lists. `None` if there are none.
    Virtual(Option<HeapObject>),
}

/// An object of the global heap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HeapObject {
    /// Address of its collection.
    pub(crate) address: u64,
    pub(crate) index: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chunked {
    /// Elements of a chunk in each dimension, at least 1.
    pub(crate) dims: Vec<u64>,
    /// Bytes of an element according to the layout message.
    pub(crate) element_size: u64,
    pub(crate) index: Index,
    /// Address of the index; `None` if no chunk was written yet.
    pub(crate) address: Option<u64>,
    /// Layout flag: partial chunks at the edge are stored without filters.
    pub(crate) plain_edges: bool,
    /// Chunk sizes in array and B-tree entries have 8 bytes instead of a computed width (version 5).
    pub(crate) wide_sizes: bool,
}

/// The index that locates the chunks of a dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Index {
    BtreeV1,
    /// A single chunk, with stored size and filter mask if it is filtered.
    Single(Option<(u64, u32)>),
    /// All chunks are contiguous, in order and without filters.
    Implicit,
    FixedArray,
    ExtensibleArray,
    BtreeV2,
}

pub(crate) fn read(src: &mut Cursor<'_>, sizes: Sizes) -> Result<Layout> {
    match src.read_u8()? {
        1 | 2 => read_old(src, sizes),
        3 => read_v3(src, sizes),
        version @ (4 | 5) => read_v4(src, sizes, version),
        v => Err(src.unsupported(format!("layout version {v}"))),
    }
}

/// Versions 1 and 2: PyTables and HDF5 before 1.6.3.
fn read_old(src: &mut Cursor<'_>, sizes: Sizes) -> Result<Layout> {
    let rank = read_rank(src)?;
    let class = src.read_u8()?;
    src.skip(5)?;
    // IV.A.2.i: the address "is not present for compact storage"
    let address = if class == 0 { None } else { sizes.read_address(src)? };
    let mut dims = (0..rank).map(|_| src.read_u32().map(u64::from)).collect::<Result<Vec<_>>>()?;
    match class {
        0 => {
            let len = src.read_u32()?;
            Ok(Layout::Compact(src.take(usize::try_from(len).unwrap_or(usize::MAX))?.to_vec()))
        }
        // IV.A.2.i: "For contiguous and compact storage the dimensions define the entire size of the array".
        // They repeat the dataspace, which gives the length.
        1 => Ok(Layout::Contiguous { address, len: None }),
        2 => {
            // IV.A.2.i: "Dataset Element Size", which counts as the last dimension
            let element_size = dims.pop().unwrap_or(0);
            chunked(src, dims, element_size, Index::BtreeV1, address)
        }
        c => Err(src.unsupported(format!("layout class {c}"))),
    }
}

fn read_v3(src: &mut Cursor<'_>, sizes: Sizes) -> Result<Layout> {
    match src.read_u8()? {
        2 => {
            // IV.A.2.i: "This field specifies the number of dimension size fields later in the message",
            // including the size of an element.
            let rank = read_rank(src)?;
            let address = sizes.read_address(src)?;
            let mut dims = (0..rank).map(|_| src.read_u32().map(u64::from)).collect::<Result<Vec<_>>>()?;
            let element_size = dims.pop().unwrap_or(0);
            chunked(src, dims, element_size, Index::BtreeV1, address)
        }
        class => read_unchunked(src, sizes, class),
    }
}

fn read_v4(src: &mut Cursor<'_>, sizes: Sizes, version: u8) -> Result<Layout> {
    match src.read_u8()? {
        2 => {}
        3 => {
            // IV.A.2.i: "Address", the "address of the global heap collection", then "Index"
            let address = sizes.read_address(src)?;
            let index = src.read_u32()?;
            return Ok(Layout::Virtual(address.map(|address| HeapObject { address, index })));
        }
        class => return read_unchunked(src, sizes, class),
    }
    let flags = src.read_u8()?;
    let rank = read_rank(src)?;
    let width = src.read_u8()?;
    let mut dims = (0..rank).map(|_| src.read_uint(width)).collect::<Result<Vec<_>>>()?;
    let element_size = dims.pop().unwrap_or(0);
    let index = match src.read_u8()? {
        // IV.A.2.i: the size is stored for "A filtered chunk for Single Chunk indexing", bit 1. A later
        // sentence names bit 0, which libhdf5 does not use for this.
        1 if flags & 2 != 0 => Index::Single(Some((sizes.read_length(src)?, src.read_u32()?))),
        1 => Index::Single(None),
        2 => Index::Implicit,
        3 => {
            src.skip(1)?; // page bits, repeated in the array's header
            Index::FixedArray
        }
        4 => {
            src.skip(5)?; // the array's geometry, repeated in its header
            Index::ExtensibleArray
        }
        5 => {
            src.skip(6)?; // node size, split and merge percentages, repeated in the tree's header
            Index::BtreeV2
        }
        i => return Err(src.unsupported(format!("chunk index type {i}"))),
    };
    // IV.A.2.i: "The address may be undefined if the chunk or index storage is not allocated yet."
    let address = sizes.read_address(src)?;
    match chunked(src, dims, element_size, index, address)? {
        Layout::Chunked(c) => {
            // IV.A.2.i, bit 0: "Do not apply filter to a partial edge chunk."
            Ok(Layout::Chunked(Chunked { plain_edges: flags & 1 != 0, wide_sizes: version == 5, ..c }))
        }
        other => Ok(other),
    }
}

fn read_unchunked(src: &mut Cursor<'_>, sizes: Sizes, class: u8) -> Result<Layout> {
    match class {
        0 => {
            let len = src.read_u16()?;
            Ok(Layout::Compact(src.take(usize::from(len))?.to_vec()))
        }
        1 => {
            // IV.A.2.i: the address may be undefined, "to indicate that storage has not yet been allocated
            // for this array".
            let address = sizes.read_address(src)?;
            Ok(Layout::Contiguous { address, len: Some(sizes.read_length(src)?) })
        }
        c => Err(src.unsupported(format!("layout class {c}"))),
    }
}

fn read_rank(src: &mut Cursor<'_>) -> Result<u8> {
    let rank = src.read_u8()?;
    // IV.A.2.i: "The value stored for chunked storage is 1 greater than the number of dimensions in the
    // dataset's dataspace."
    if rank > MAX_RANK.saturating_add(1) {
        return Err(src.malformed(format!(
            "layout rank (expected at most {}, got {rank})",
            MAX_RANK.saturating_add(1)
        )));
    }
    Ok(rank)
}

fn chunked(
    src: &Cursor<'_>,
    dims: Vec<u64>,
    element_size: u64,
    index: Index,
    address: Option<u64>,
) -> Result<Layout> {
    // Prevents every division by zero in chunk arithmetic.
    if dims.contains(&0) || element_size == 0 {
        return Err(src.malformed("chunk dimension of 0"));
    }
    Ok(Layout::Chunked(Chunked { dims, element_size, index, address, plain_edges: false, wide_sizes: false }))
}

/// Width in bytes of a filtered chunk's stored size in array and tree entries, before version 5.
pub(crate) fn size_width(chunk_bytes: u64) -> u8 {
    // H5D__farray_crt_context: one byte more than the unfiltered size needs, at most 8
    let bits = chunk_bytes.checked_ilog2().unwrap_or(0).saturating_add(8);
    u8::try_from(bits / 8).unwrap_or(8).saturating_add(1).min(8)
}

/// The chunk index of a version 4 message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WrittenIndex {
    /// A single chunk; its size and mask if filtered.
    Single(Option<(u32, u32)>),
    FixedArray,
    ExtensibleArray,
}

/// Appends the message of a chunked dataset, version 4; no address: nothing is stored.
pub(crate) fn write_chunked_v4(
    chunk: &[u64],
    element: u32,
    index: WrittenIndex,
    address: Option<u64>,
    out: &mut Vec<u8>,
) {
    let rank = u8::try_from(chunk.len().saturating_add(1)).unwrap_or(u8::MAX);
    let flags = if matches!(index, WrittenIndex::Single(Some(_))) { 2 } else { 0 };
    // libhdf5 requires the smallest width that holds the largest dimension.
    let dims = || chunk.iter().copied().chain([u64::from(element)]);
    let width = checked::bytes_for(dims().max().unwrap_or(1));
    out.put(&[4, 2, flags, rank, width]);
    for d in dims() {
        out.put(d.to_le_bytes().get(..usize::from(width)).unwrap_or_default());
    }
    match index {
        WrittenIndex::Single(None) => out.put_u8(1),
        WrittenIndex::Single(Some((size, mask))) => {
            out.put_u8(1);
            out.put_u64(u64::from(size));
            out.put_u32(mask);
        }
        WrittenIndex::FixedArray => out.put(&[3, fixed_array::WRITTEN_PAGE_BITS]),
        WrittenIndex::ExtensibleArray => {
            let h = extensible_array::Header::new(false, 8, 0);
            out.put_u8(4);
            out.put(&h.parameters());
        }
    }
    out.put_u64(address.unwrap_or(u64::MAX));
}

/// Appends the message of a contiguous dataset, version 3; no address: nothing is stored.
pub(crate) fn write_contiguous(address: Option<u64>, len: u64, out: &mut Vec<u8>) {
    out.put(&[3, 1]);
    out.put_u64(address.unwrap_or(u64::MAX));
    out.put_u64(len);
}

/// Appends the message of a dataset whose chunks are indexed by a version 1 B-tree, version 3.
pub(crate) fn write_chunked(chunk: &[u64], element: u32, tree: Option<u64>, out: &mut Vec<u8>) -> Result<()> {
    let rank = u8::try_from(chunk.len().saturating_add(1)).unwrap_or(u8::MAX);
    out.put(&[3, 2, rank]);
    out.put_u64(tree.unwrap_or(u64::MAX));
    for c in chunk {
        out.put_u32(u32::try_from(*c).map_err(|_| Error::usage(format!("chunks of {c} elements")))?);
    }
    out.put_u32(element);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: Sizes = Sizes { offset: 4, length: 4 };

    fn read(bytes: &[u8]) -> Result<Layout> {
        super::read(&mut Cursor::new(bytes, 0), SIZES)
    }

    #[test]
    fn version_1_chunked() {
        let bytes = [
            1, 2, 2, 0, 0, 0, 0, 0, // version 1, one dimension and the element, chunked
            0, 1, 0, 0, // B-tree at 256
            16, 0, 0, 0, 4, 0, 0, 0, // chunks of 16 elements of 4 bytes
        ];
        let Layout::Chunked(c) = read(&bytes).unwrap() else { panic!() };
        assert_eq!((c.dims, c.element_size, c.address, c.index), (vec![16], 4, Some(256), Index::BtreeV1));
    }

    #[test]
    fn version_3() {
        assert_eq!(read(&[3, 0, 2, 0, 7, 8]).unwrap(), Layout::Compact(vec![7, 8]));
        let contiguous = read(&[3, 1, 0xff, 0xff, 0xff, 0xff, 8, 0, 0, 0]).unwrap();
        assert_eq!(contiguous, Layout::Contiguous { address: None, len: Some(8) });
        assert!(read(&[3, 2, 2, 0, 1, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0]).is_err(), "chunks of no elements");
    }

    #[test]
    fn version_4_fixed_array() {
        let bytes = [4, 2, 1, 2, 1, 16, 4, 3, 10, 0, 1, 0, 0];
        let Layout::Chunked(c) = read(&bytes).unwrap() else { panic!() };
        assert_eq!((c.dims, c.index, c.plain_edges), (vec![16], Index::FixedArray, true));
    }
}
