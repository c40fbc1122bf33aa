//! Private structures and filters for the fuzz targets. Compiled for them only.

use super::filter::id;
use super::filter::pipeline::{Pipeline, Workspace};
use super::format::message::{
    attribute, attribute_info, dataspace, datatype, external_files, fill_value, filter_pipeline, layout,
    link, link_info, shared, symbol_table,
};
use super::format::{
    Sizes, btree_v1, btree_v2, cache_image, checksum, extensible_array, fixed_array, fractal_heap,
    local_heap, symbol_node, virtual_parts,
};
use crate::bytes::Cursor;
use crate::codec::deflate;
use crate::error::Result;
use crate::hdf5::Filter;

/// Number of structures that [`structure`] can read.
pub const STRUCTURES: u8 = 24;

/// Reads `bytes` as the structure numbered `which`, with addresses and lengths of `width` bytes.
pub fn structure(which: u8, width: u8, bytes: &[u8]) -> Result<()> {
    let sizes = Sizes { offset: width, length: width };
    let src = &mut Cursor::new(bytes, 0);
    match which {
        0 => attribute::read(src).map(drop),
        1 => attribute_info::read(src, sizes).map(drop),
        2 => dataspace::read(src, sizes).map(drop),
        3 => datatype::read(src, 32).map(drop),
        4 => fill_value::read(src).map(drop),
        5 => fill_value::read_old(src).map(drop),
        6 => {
            let p = filter_pipeline::read(src)?;
            Pipeline::new(&p.filters, 4).map(drop)
        }
        7 => layout::read(src, sizes).map(drop),
        8 => link::read(src, sizes).map(drop),
        9 => link_info::read(src, sizes).map(drop),
        10 => shared::read(src, sizes).map(drop),
        11 => symbol_table::read(src, sizes).map(drop),
        12 => btree_v2::read_header(bytes, 0, sizes).map(drop),
        13 => cache_image::read(bytes, 0, sizes).map(drop),
        14 => {
            let head = extensible_array::read_header(bytes, 0, sizes)?;
            for n in 0..head.super_blocks() {
                head.super_block(n)?;
            }
            head.index_block_len(sizes).map(drop)
        }
        15 => fixed_array::read_header(bytes, 0, sizes).map(drop),
        16 => {
            let head = fractal_heap::read_header(bytes, 0, sizes)?;
            fractal_heap::read_id(bytes.get(..8).unwrap_or(bytes), 0, &head, sizes).map(drop)
        }
        17 => local_heap::read_local_heap(src, sizes).map(drop),
        18 => symbol_node::read_head(src).map(drop),
        19 => symbol_node::read_entry(src, sizes).map(drop),
        20 => {
            let head = btree_v1::read_head(src, sizes, btree_v1::Type::Group)?;
            btree_v1::read_group_children(src, head, sizes).map(drop)
        }
        21 => external_files::read(src, sizes).map(drop),
        22 => {
            let mut bytes = bytes.to_vec();
            checksum::append(&mut bytes);
            virtual_parts::read(&bytes, 0, sizes).map(drop)
        }
        _ => {
            btree_v1::read_head(src, sizes, btree_v1::Type::Chunk)?;
            btree_v1::read_chunk_key(src, sizes, 3).map(drop)
        }
    }
}

/// The numbers of the filters that can be decoded.
pub const FILTERS: [u16; 13] = [
    id::DEFLATE,
    id::SHUFFLE,
    id::FLETCHER32,
    id::SZIP,
    id::NBIT,
    id::SCALE_OFFSET,
    id::BZIP2,
    id::LZF,
    id::BLOSC,
    id::LZ4,
    id::BITSHUFFLE,
    id::ZSTD,
    id::BLOSC2,
];

/// Decodes `filters` (numbers and values) for elements of `element` bytes; the output must have `len` bytes.
pub fn undo(filters: &[(u16, Vec<u32>)], element: usize, stored: &[u8], len: usize) -> Result<Vec<u8>> {
    let filters: Vec<Filter> = filters
        .iter()
        .map(|(id, values)| Filter { id: *id, name: String::new(), optional: false, values: values.clone() })
        .collect();
    let mut out = vec![0; len];
    Pipeline::new(&filters, element)?.decode(stored, 0, &mut out, &mut Workspace::default())?;
    Ok(out)
}

/// Decodes two deflate streams, each given with its decoded length, both side by side (`None` if that decoder
/// declines them) and one by one with zlib-rs.
pub fn side_by_side(streams: [(&[u8], usize); 2]) -> (Option<[Vec<u8>; 2]>, [Option<Vec<u8>>; 2]) {
    let [a, b] = streams.map(|(body, len)| {
        let stream = [&[0x78, 0x9c], body, &[0; 4]].concat();
        (stream, vec![0; len])
    });
    let (mut out_a, mut out_b) = (a.1, b.1);
    let accepted = deflate::side_by_side([(&a.0, &mut out_a), (&b.0, &mut out_b)]);
    let alone = streams.map(|(body, len)| {
        let mut out = vec![0; len];
        let mut zlib = zlib_rs::Inflate::new(false, 15);
        let status = zlib.decompress(body, &mut out, zlib_rs::InflateFlush::Finish);
        let whole = status == Ok(zlib_rs::Status::StreamEnd) && zlib.total_out() == len as u64;
        whole.then_some(out)
    });
    (accepted.then_some([out_a, out_b]), alone)
}
