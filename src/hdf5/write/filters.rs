//! Filters of chunks in the form of the filter pipeline message.

use crate::codec::{Compression, Filters};
use crate::hdf5::Filter;
use crate::hdf5::filter::id;

/// The filter list of the pipeline message, for elements of `element` bytes in chunks of `chunk_bytes`.
pub(crate) fn list(filters: &Filters, element: u32, chunk_bytes: u64) -> Vec<Filter> {
    let filter = |id, name: &str, values: &[u32]| Filter {
        id,
        name: name.to_owned(),
        optional: id != id::FLETCHER32,
        values: values.to_vec(),
    };
    let mut out = Vec::new();
    if filters.shuffle {
        out.push(filter(id::SHUFFLE, "shuffle", &[element]));
    }
    match filters.compression {
        Compression::None => {}
        Compression::Gzip(level) => out.push(filter(id::DEFLATE, "deflate", &[u32::from(level)])),
        Compression::Lzf => {
            // h5py's revision of the filter, LibLZF's version, bytes of a chunk
            let bytes = u32::try_from(chunk_bytes).unwrap_or(u32::MAX);
            out.push(filter(id::LZF, "lzf", &[4, 0x0105, bytes]));
        }
        // no chunk is encoded with them
        Compression::Zstd | Compression::BloscLz4 | Compression::BloscZlib(_) => {}
    }
    if filters.fletcher32 {
        out.push(filter(id::FLETCHER32, "fletcher32", &[]));
    }
    out
}

/// The filters of a dataset; gzip stands for compressors that nothing is written with.
pub(crate) fn filters_to_write(list: &[Filter]) -> Filters {
    let mut filters = Filters::default();
    for f in list {
        match f.id {
            id::DEFLATE => {
                let level = f.values.first().map_or(4, |l| (*l).min(9));
                filters.compression = Compression::Gzip(u8::try_from(level).unwrap_or(4));
            }
            id::SHUFFLE => filters.shuffle = true,
            id::FLETCHER32 => filters.fletcher32 = true,
            id::LZF => filters.compression = Compression::Lzf,
            id::ZSTD => filters.compression = Compression::Zstd,
            id::BLOSC => filters.compression = Compression::BloscLz4,
            _ => filters.compression = Compression::Gzip(4),
        }
    }
    filters
}
