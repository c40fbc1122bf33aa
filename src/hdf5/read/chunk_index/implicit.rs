//! Implicit index: every chunk of the maximum extent is stored, consecutively and without filters.

use super::Collector;
use crate::bytes::checked;
use crate::error::Result;
use crate::hdf5::read::grid::ArrayOrder;

/// Reads the chunks of the run that begins at `address`.
pub(super) fn load(address: u64, sink: &mut Collector<'_>) -> Result<()> {
    let (order, chunk_bytes) = (ArrayOrder::new(sink.grid, None), sink.chunk_bytes);
    let total = sink.grid.max_chunks()?;
    sink.addresses.check(address, checked::mul(total, chunk_bytes)?)?;
    for n in 0..total {
        let at = checked::add(address, checked::mul(n, chunk_bytes)?)?;
        sink.push(order.number(n), at, chunk_bytes, 0)?;
    }
    Ok(())
}
