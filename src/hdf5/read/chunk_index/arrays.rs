//! Shared by fixed and extensible arrays: the entries and their pages.

use super::Collector;
use crate::bytes::Cursor;
use crate::bytes::checked;
use crate::error::{Error, Place, Result};
use crate::hdf5::format::{Sizes, checksum};
use crate::hdf5::read::grid::ArrayOrder;

/// Entries of fixed and extensible arrays.
pub(super) struct ArrayEntries {
    filtered: bool,
    size_width: u8,
    order: ArrayOrder,
}

impl ArrayEntries {
    /// The entries of an array over the maximum extent of the sink's grid; `unlimited`: its unlimited
    /// dimension, if any.
    pub(super) fn new(filtered: bool, unlimited: Option<usize>, sink: &Collector<'_>) -> Self {
        ArrayEntries { filtered, size_width: sink.size_width(), order: ArrayOrder::new(sink.grid, unlimited) }
    }

    /// Reads entries `first` to `first + count`, which start at the cursor.
    pub(super) fn read(
        &self,
        src: &mut Cursor<'_>,
        first: u64,
        count: u64,
        sink: &mut Collector<'_>,
    ) -> Result<()> {
        let sizes = sink.addresses.sizes();
        for n in 0..count {
            let place = src.offset();
            let address = sizes.read_address(src)?;
            let (size, mask) = if self.filtered {
                (src.read_uint(self.size_width)?, src.read_u32()?)
            } else {
                (sink.chunk_bytes, 0)
            };
            if let Some(address) = address {
                let number = self.order.number(checked::add(first, n)?);
                sink.push(number, address, size, mask).at(place)?;
            }
        }
        Ok(())
    }

    /// Refuses an array whose entry size does not match its kind.
    pub(super) fn check(&self, entry_size: u8, sizes: Sizes) -> Result<()> {
        let extra = if self.filtered { self.size_width.saturating_add(4) } else { 0 };
        let want = sizes.offset.saturating_add(extra);
        if entry_size != want {
            return Err(Error::malformed(format!(
                "chunk index entry (expected {want} bytes, got {entry_size})"
            )));
        }
        Ok(())
    }

    /// Reads the `count` entries of `entry` bytes in the page at `address`, after verifying its checksum. The
    /// first of them is entry `first` of the array.
    pub(super) fn read_page(
        &self,
        address: u64,
        count: u64,
        entry: u64,
        first: u64,
        sink: &mut Collector<'_>,
    ) -> Result<()> {
        let bytes = sink.addresses.read(address, checked::add(checked::mul(count, entry)?, 4)?)?;
        let mut src =
            checksum::split_verified(&bytes, sink.addresses.offset_of(address), "chunk index page")?;
        self.read(&mut src, first, count, sink)
    }
}
