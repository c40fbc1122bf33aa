//! Variable-length values: follows references into global heap collections.

use super::addresses::Addresses;
use crate::bytes::Cursor;
use crate::bytes::checked;
use crate::error::{Error, Place, Result};
use crate::hdf5::format::global_heap::{self as format, Collection};
use crate::limits::Limits;
use std::collections::HashMap;
use std::sync::Arc;

/// Maximum bytes of collections cached while one value is read.
const CACHE_BYTES: usize = 128 << 20;

/// Bytes that one value may refer to in a file of any length.
const SMALL: u64 = 16 << 20;

/// The error of a value that refers to objects of the heap again and again.
fn shared(addresses: &Addresses) -> Error {
    let len = addresses.len();
    let text =
        format!("texts and lists of more bytes than the file has ({len}): they share objects of its heap");
    Error::limit(text)
}

/// Refuses objects of the heap of `bytes` bytes together, in a value that is read piece by piece, if they are
/// more than one value may refer to.
pub(crate) fn check_referred(addresses: &Addresses, bytes: u64) -> Result<()> {
    if bytes > addresses.len().max(SMALL) { Err(shared(addresses)) } else { Ok(()) }
}

/// Reads objects of global heap collections and caches the collections, because a large value may refer to
/// them in any order. Small collections are cached with the file too, for the next value.
pub(crate) struct HeapReader<'f> {
    addresses: &'f Addresses,
    /// The collection used last, which usually contains the next object too.
    last: Option<(u64, Arc<Collection>)>,
    cache: HashMap<u64, Arc<Collection>>,
    cached: usize,
    /// Bytes that may still be referred to. No writer refers to an object of a heap twice, so together they are not
    /// more than the file has.
    refer_left: u64,
    /// Bytes of collections that may still be read. Collections of a valid file do not overlap, so only a
    /// file crafted for repeated reads reaches this limit.
    work_left: u64,
}

impl<'f> HeapReader<'f> {
    pub(crate) fn new(addresses: &'f Addresses) -> Self {
        let work_left = addresses.len().saturating_mul(16).saturating_add(1 << 30);
        let refer_left = addresses.len().max(SMALL);
        HeapReader { addresses, last: None, cache: HashMap::new(), cached: 0, refer_left, work_left }
    }

    /// Limits on what the file may make the reader recurse.
    pub(crate) fn limits(&self) -> &Limits {
        self.addresses.limits()
    }

    /// Reads a reference (length, collection, index) at the cursor and passes the object's first `length ×
    /// unit` bytes to `visit`.
    pub(crate) fn follow<R>(
        &mut self,
        src: &mut Cursor<'_>,
        unit: u64,
        visit: impl FnOnce(&mut Self, u64, &[u8], u64) -> Result<R>,
    ) -> Result<R> {
        let at = src.offset();
        let reference = format::Reference::read(src, self.addresses.sizes())?;
        let (count, address) = (u64::from(reference.count), reference.address);
        if count == 0 || address == 0 {
            return visit(self, 0, &[], at);
        }
        let len = checked::mul(count, unit)?;
        self.refer_left = self.refer_left.checked_sub(len).ok_or_else(|| shared(self.addresses).at(at))?;
        let collection = self.collection(address).at(at)?;
        let offset = self.addresses.offset_of(address);
        let index = u16::try_from(reference.index)
            .map_err(|_| Error::malformed(format!("heap object {}", reference.index)).at(at))?;
        let Some(object) = collection.object(index) else {
            return Err(Error::malformed(format!("global heap has no object {index}")).at(offset));
        };
        let bytes = checked::size(len).ok().and_then(|n| object.get(..n)).ok_or_else(|| {
            let text = format!("heap object {index} (expected {len} bytes, got {})", object.len());
            Error::malformed(text).at(offset)
        })?;
        visit(self, count, bytes, offset)
    }

    /// Passes a whole object and the offset of its collection to `visit`.
    pub(crate) fn whole<R>(
        &mut self,
        address: u64,
        index: u32,
        visit: impl FnOnce(&[u8], u64) -> Result<R>,
    ) -> Result<R> {
        let collection = self.collection(address)?;
        let offset = self.addresses.offset_of(address);
        let object = u16::try_from(index).ok().and_then(|index| collection.object(index));
        let missing = || Error::malformed(format!("global heap has no object {index}")).at(offset);
        visit(object.ok_or_else(missing)?, offset)
    }

    /// Checks the reference counts of the collection at `address` for plausibility: libhdf5 writes small
    /// ones.
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

    fn collection(&mut self, address: u64) -> Result<Arc<Collection>> {
        if let Some((_, collection)) = self.last.as_ref().filter(|(at, _)| *at == address) {
            return Ok(Arc::clone(collection));
        }
        let collection = match self.cache.get(&address) {
            Some(collection) => Arc::clone(collection),
            None => self.fetch(address)?,
        };
        self.last = Some((address, Arc::clone(&collection)));
        Ok(collection)
    }

    fn fetch(&mut self, address: u64) -> Result<Arc<Collection>> {
        let collection = match self.addresses.heaps().get(address) {
            Some(collection) => collection,
            None => {
                let read = Arc::new(self.read(address)?);
                self.addresses.heaps().keep(address, &read);
                read
            }
        };
        if self.cached.saturating_add(collection.bytes.len()) > CACHE_BYTES {
            self.cache.clear();
            self.cached = 0;
        }
        self.cached = self.cached.saturating_add(collection.bytes.len());
        self.cache.insert(address, Arc::clone(&collection));
        Ok(collection)
    }

    fn read(&mut self, address: u64) -> Result<Collection> {
        let (addresses, sizes) = (self.addresses, self.addresses.sizes());
        let head_len = format::head_len(sizes) as u64;
        let head = addresses.read(address, head_len)?;
        let size = format::read_head(&mut Cursor::new(&head, addresses.offset_of(address)), sizes)?;
        self.work_left = self.work_left.checked_sub(size).ok_or_else(|| {
            Error::limit("global heap collections are read over and over").at(addresses.offset_of(address))
        })?;
        let body_at = checked::add(address, head_len)?;
        let bytes = addresses.read(body_at, size.saturating_sub(head_len))?;
        Collection::new(bytes, addresses.offset_of(body_at), sizes)
    }
}
