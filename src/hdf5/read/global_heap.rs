//! Variable-length values: follows references into global heap collections.

use super::addresses::Addresses;
use crate::bytes::Cursor;
use crate::bytes::checked;
use crate::error::{Error, Place, Result};
use crate::hdf5::format::global_heap as format;
use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

/// Collections kept at once.
const CACHE_BYTES: usize = 128 << 20;

/// Reads objects of global heap collections, keeping those last used.
pub(crate) struct HeapReader<'f> {
    addresses: &'f Addresses,
    cache: HashMap<u64, Rc<Collection>>,
    cached: usize,
    /// Bytes of collections that may still be read: collections do not overlap in an honest addresses, so only a
    /// file made to be read over and over comes here.
    work_left: u64,
}

struct Collection {
    bytes: Vec<u8>,
    objects: Vec<(u16, Range<usize>)>,
}

impl<'f> HeapReader<'f> {
    pub(crate) fn new(addresses: &'f Addresses) -> Self {
        let work_left = addresses.len().saturating_mul(16).saturating_add(1 << 30);
        HeapReader { addresses, cache: HashMap::new(), cached: 0, work_left }
    }

    /// Reads a reference (length, collection, index) at the cursor and gives `visit` the object's first
    /// `length × unit` bytes.
    pub(crate) fn follow<R>(
        &mut self,
        src: &mut Cursor<'_>,
        unit: u64,
        visit: impl FnOnce(&mut Self, u64, &[u8], u64) -> Result<R>,
    ) -> Result<R> {
        let at = src.offset();
        let count = u64::from(src.read_u32()?);
        let address = src.read_uint(self.addresses.sizes().offset)?;
        let index = src.read_u32()?;
        if count == 0 || address == 0 {
            return visit(self, 0, &[], at);
        }
        let len = checked::mul(count, unit)?;
        let collection = self.collection(address).at(at)?;
        let offset = self.addresses.offset_of(address);
        let index =
            u16::try_from(index).map_err(|_| Error::malformed(format!("heap object {index}")).at(at))?;
        let found = collection.objects.binary_search_by_key(&index, |(i, _)| *i).ok();
        let range = found.and_then(|i| collection.objects.get(i)).map(|(_, r)| r.clone());
        let Some(object) = range.and_then(|r| collection.bytes.get(r)) else {
            return Err(Error::malformed(format!("global heap has no object {index}")).at(offset));
        };
        let bytes = checked::size(len).ok().and_then(|n| object.get(..n)).ok_or_else(|| {
            let text = format!("heap object {index} (expected {len} bytes, got {})", object.len());
            Error::malformed(text).at(offset)
        })?;
        visit(self, count, bytes, offset)
    }

    /// Holds the reference counts of the collection at `address` against those that occur: libhdf5 writes small ones.
    pub(crate) fn check_counts(&mut self, address: u64) -> Result<()> {
        const MOST: u16 = 1 << 10;
        let collection = self.collection(address)?;
        let offset = self.addresses.offset_of(address);
        let count = format::highest_count(&collection.bytes, offset, self.addresses.sizes())?;
        if count > MOST {
            let text = format!("an object of the heap says it is referred to {count} times");
            return Err(Error::malformed(text).at(offset));
        }
        Ok(())
    }

    fn collection(&mut self, address: u64) -> Result<Rc<Collection>> {
        if let Some(c) = self.cache.get(&address) {
            return Ok(Rc::clone(c));
        }
        let (addresses, sizes) = (self.addresses, self.addresses.sizes());
        let head_len = format::head_len(sizes) as u64;
        let head = addresses.read(address, head_len)?;
        let size = format::read_head(&mut Cursor::new(&head, addresses.offset_of(address)), sizes)?;
        self.work_left = self.work_left.checked_sub(size).ok_or_else(|| {
            Error::limit("global heap collections are read over and over").at(addresses.offset_of(address))
        })?;
        let body_at = checked::add(address, head_len)?;
        let bytes = addresses.read(body_at, size.saturating_sub(head_len))?;
        let objects = format::read_objects(&bytes, addresses.offset_of(body_at), sizes)?;
        if self.cached.saturating_add(bytes.len()) > CACHE_BYTES {
            self.cache.clear();
            self.cached = 0;
        }
        self.cached = self.cached.saturating_add(bytes.len());
        let collection = Rc::new(Collection { bytes, objects });
        self.cache.insert(address, Rc::clone(&collection));
        Ok(collection)
    }
}
