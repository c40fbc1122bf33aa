//! Version 2 B-tree of chunks: datasets with several unlimited dimensions.

use super::Collector;
use crate::error::{Error, Place, Result};
use crate::hdf5::format::records;
use crate::hdf5::read::btree_v2::Tree;

/// Reads the chunks of the tree whose header is at `address`; `filtered`: the dataset has a filter pipeline.
pub(super) fn load(address: u64, filtered: bool, sink: &mut Collector<'_>) -> Result<()> {
    let (addresses, grid, chunk_bytes, width) =
        (sink.addresses, sink.grid, sink.chunk_bytes, sink.size_width());
    let (sizes, rank) = (addresses.sizes(), grid.chunk.len());
    let tree = Tree::open(addresses, address)?;
    tree.for_each(&mut |mut record| {
        let place = record.offset();
        let size_width = match (tree.record_type(), filtered) {
            (records::CHUNKS, false) => None,
            (records::CHUNKS_FILTERED, true) => Some(width),
            (t, _) => {
                let text = format!("B-tree of chunks (expected type 10 or 11, got {t})");
                return Err(Error::malformed(text).at(place));
            }
        };
        let chunk = records::Chunk::read(&mut record, sizes, size_width, rank)?;
        let (size, mask) = chunk.filtered.unwrap_or((chunk_bytes, 0));
        sink.push(grid.number(&chunk.at), chunk.address, size, mask).at(place)
    })
}
