//! Version 2 B-tree of chunks: datasets with several unlimited dimensions.

use super::Collector;
use crate::error::{Error, Place, Result};
use crate::hdf5::read::btree_v2;

/// Takes the chunks of the tree whose header lies at `address`; `filtered`: the dataset has a filter pipeline.
pub(super) fn load(address: u64, filtered: bool, sink: &mut Collector<'_>) -> Result<()> {
    let (addresses, grid, chunk_bytes, width) =
        (sink.addresses, sink.grid, sink.chunk_bytes, sink.size_width());
    let sizes = addresses.sizes();
    btree_v2::for_each_record(addresses, address, &mut |header, mut record| {
        let place = record.offset();
        let address = sizes.read_defined(&mut record, "a chunk")?;
        let (size, mask) = match (header.record_type, filtered) {
            (10, false) => (chunk_bytes, 0),
            (11, true) => (record.read_uint(width)?, record.read_u32()?),
            (t, _) => {
                return Err(
                    Error::malformed(format!("B-tree of chunks (expected type 10 or 11, got {t})")).at(place)
                );
            }
        };
        // Records hold grid coordinates, not elements.
        let coordinates = grid.chunk.iter().map(|_| record.read_u64()).collect::<Result<Vec<_>>>()?;
        sink.push(grid.number(&coordinates), address, size, mask).at(place)
    })
}
