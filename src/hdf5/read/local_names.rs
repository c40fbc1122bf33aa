//! Names in a local heap.

use super::addresses::Addresses;
use crate::bytes::Cursor;
use crate::error::Result;
use crate::hdf5::format::local_heap;

/// The data of a local heap: names that end with a NUL.
pub(crate) struct LocalNames {
    data: Vec<u8>,
    offset: u64,
}

impl LocalNames {
    /// Reads the heap at `address`.
    ///
    /// # Errors
    /// Fails if it is damaged, or larger than metadata may be.
    pub(crate) fn read(addresses: &Addresses, address: u64) -> Result<Self> {
        let head = addresses.read_up_to(address, local_heap::MAX_LEN)?;
        let src = &mut Cursor::new(&head, addresses.offset_of(address));
        let heap = local_heap::read_local_heap(src, addresses.sizes())?;
        let data = addresses.read(heap.data_address, heap.data_len)?;
        Ok(LocalNames { data, offset: addresses.offset_of(heap.data_address) })
    }

    /// The name at offset `at` of the data.
    ///
    /// # Errors
    /// `Malformed` if none ends inside the data.
    pub(crate) fn get(&self, at: u64) -> Result<&[u8]> {
        local_heap::name_at(&self.data, self.offset, at)
    }
}
