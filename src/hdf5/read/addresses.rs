//! Bytes at addresses: all other readers go through this module, with addresses as stored in the file.
//!
//! Holds the base address, the width of addresses, the length of the file and the limits. It has no knowledge
//! of HDF5 structures.

use super::heap_cache::HeapCache;
use crate::bytes::ReadAt;
use crate::bytes::cached::PageCache;
use crate::bytes::checked;
use crate::error::{Error, Result};
use crate::hdf5::format::Sizes;
use crate::hdf5::format::superblock::Superblock;
use crate::limits::{self, Limits};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

/// Page size for metadata: headers, nodes and heaps of a few hundred bytes are stored close together.
const PAGE_BYTES: usize = 4 << 10;
/// Most cached pages: 32 MiB in all. Only a group with very many objects, listed in another order than they were
/// written, has that many.
const PAGES: usize = 8192;

/// The bytes of an open file. Cloning is cheap; clones share the open file.
#[derive(Clone)]
pub(crate) struct Addresses(Arc<Inner>);

struct Inner {
    source: Box<dyn ReadAt>,
    /// Bytes of the source when it was opened.
    len: u64,
    /// Offset of the superblock, which is address 0.
    base: u64,
    sizes: Sizes,
    /// Absolute offset at which the file should end, if the superblock says so.
    end: Option<u64>,
    limits: Limits,
    /// Metadata that is stored in the cache image instead of its own place, by address.
    image: OnceLock<Vec<(u64, Vec<u8>)>>,
    /// Cached pages of metadata.
    pages: PageCache,
    heaps: HeapCache,
    /// Whether chunks that end early are read, and how many were.
    short: ShortChunks,
}

#[derive(Default)]
struct ShortChunks {
    read: AtomicBool,
    count: AtomicU64,
}

impl Addresses {
    /// The bytes of `source`, whose superblock is at offset `base`.
    pub(crate) fn new(source: Box<dyn ReadAt>, base: u64, superblock: &Superblock, limits: Limits) -> Self {
        let end = superblock.end.and_then(|e| e.checked_sub(superblock.base)?.checked_add(base));
        let (len, sizes) = (source.len(), superblock.sizes);
        let (image, pages) = (OnceLock::new(), PageCache::new(PAGE_BYTES, PAGES));
        let heaps = HeapCache::default();
        let short = ShortChunks::default();
        Addresses(Arc::new(Inner { source, len, base, sizes, end, limits, image, pages, heaps, short }))
    }

    /// From here on, reads chunks whose streams end early.
    pub(crate) fn read_short_chunks(&self) {
        self.0.short.read.store(true, Relaxed);
    }

    /// Whether a chunk that ends early is read; counts it if so.
    pub(crate) fn note_short_chunk(&self) -> bool {
        let read = self.0.short.read.load(Relaxed);
        self.0.short.count.fetch_add(u64::from(read), Relaxed);
        read
    }

    /// Number of such chunks that were read since the last call.
    pub(crate) fn take_short_chunks(&self) -> u64 {
        self.0.short.count.swap(0, Relaxed)
    }

    /// Whether both are the same open file.
    pub(crate) fn is(&self, other: &Addresses) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Length of the file in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.0.len
    }

    /// Offset of address 0.
    pub(crate) fn base(&self) -> u64 {
        self.0.base
    }

    /// Widths of addresses and lengths.
    pub(crate) fn sizes(&self) -> Sizes {
        self.0.sizes
    }

    /// Limits on what the file may make the reader allocate, recurse or iterate.
    pub(crate) fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// The absolute offset of an address.
    pub(crate) fn offset_of(&self, address: u64) -> u64 {
        self.0.base.saturating_add(address)
    }

    /// The absolute offset of `address`, after checking that `len` bytes follow it.
    ///
    /// # Errors
    /// `Malformed` if they are not inside the file.
    pub(crate) fn check(&self, address: u64, len: u64) -> Result<u64> {
        let offset = checked::add(self.0.base, address)?;
        let end = checked::add(offset, len).map_err(|e| e.at(offset))?;
        if end > self.len() {
            let have = self.len();
            let mut text = format!("{len} bytes lie past the end of the file ({have} bytes)");
            if let Some(should) = self.0.end.filter(|should| *should > have) {
                text = format!("the file is truncated (expected {should} bytes, got {have})");
            }
            return Err(Error::malformed(text).at(offset));
        }
        Ok(offset)
    }

    /// Fills `buffer` from `address`.
    pub(crate) fn read_into(&self, address: u64, buffer: &mut [u8]) -> Result<()> {
        let offset = self.check(address, buffer.len() as u64)?;
        self.0.source.read_exact_at(buffer, offset).map_err(|e| read_error(e, offset))
    }

    /// Reads `len` bytes of metadata at `address`; fails before allocating if the file has fewer.
    pub(crate) fn read(&self, address: u64, len: u64) -> Result<Vec<u8>> {
        let offset = self.check(address, len)?;
        if len > self.0.limits.metadata_bytes {
            let most = self.0.limits.metadata_bytes;
            return Err(Error::limit(format!("metadata of {len} bytes (limit {most})")).at(offset));
        }
        let mut buffer = limits::zeroed(checked::size(len)?)?;
        let read = self.0.pages.read(&*self.0.source, self.len(), &mut buffer, offset);
        read.map_err(|e| read_error(e, offset))?;
        self.overlay(address, &mut buffer);
        Ok(buffer)
    }

    /// Fills several buffers, each from its address, in one call to the source.
    pub(crate) fn read_ranges(&self, ranges: &mut [(u64, &mut [u8])]) -> Result<()> {
        for (address, buffer) in ranges.iter_mut() {
            *address = self.check(*address, buffer.len() as u64)?;
        }
        let first = ranges.first().map_or(0, |(offset, _)| *offset);
        self.0.source.read_ranges(ranges).map_err(|e| read_error(e, first))
    }

    /// Cached collections of the global heap.
    pub(crate) fn heaps(&self) -> &HeapCache {
        &self.0.heaps
    }

    /// Reads up to `len` bytes at `address`, at least one; fewer than `len` at the end of the file.
    pub(crate) fn read_up_to(&self, address: u64, len: usize) -> Result<Vec<u8>> {
        let offset = self.check(address, 1)?;
        let left = self.len().saturating_sub(offset);
        self.read(address, left.min(len as u64))
    }

    /// Sets the entries of the metadata cache image; [`read`](Self::read) uses them from now on.
    pub(crate) fn set_image(&self, entries: Vec<(u64, Vec<u8>)>) {
        // Set once, while the file is opened.
        let _ = self.0.image.set(entries);
    }

    /// Overwrites the bytes of this range that the cache image contains.
    fn overlay(&self, address: u64, buffer: &mut [u8]) {
        for (at, bytes) in self.0.image.get().into_iter().flatten() {
            let from = (*at).max(address);
            let to = at.saturating_add(bytes.len() as u64).min(address.saturating_add(buffer.len() as u64));
            let part = |start: u64| usize::try_from(from.saturating_sub(start)).unwrap_or(usize::MAX);
            let len = usize::try_from(to.saturating_sub(from)).unwrap_or(0);
            let source = bytes.get(part(*at)..).and_then(|b| b.get(..len));
            let target = buffer.get_mut(part(address)..).and_then(|b| b.get_mut(..len));
            if let (Some(s), Some(t)) = (source, target) {
                t.copy_from_slice(s);
            }
        }
    }
}

fn read_error(e: std::io::Error, offset: u64) -> Error {
    match e.kind() {
        std::io::ErrorKind::UnexpectedEof => {
            Error::malformed("the file ends earlier than when it was opened").at(offset)
        }
        _ => Error::io("read", e).at(offset),
    }
}

impl fmt::Debug for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Addresses").field("base", &self.0.base).field("len", &self.0.len).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    fn addresses(limits: Limits) -> Addresses {
        let superblock = Superblock {
            version: 0,
            sizes: Sizes { offset: 8, length: 8 },
            base: 0,
            end: Some(40),
            root: 0,
            extension: None,
            driver_info: None,
        };
        Addresses::new(Box::new((0..20u8).collect::<Vec<u8>>()), 4, &superblock, limits)
    }

    #[test]
    fn addresses_count_from_the_superblock_and_end_with_the_file() {
        let a = addresses(Limits::default());
        assert_eq!(a.read(2, 3).unwrap(), [6, 7, 8]);
        assert_eq!(a.read_up_to(14, 100).unwrap(), [18, 19]);
        let e = a.read(14, 3).unwrap_err();
        assert_eq!((e.kind(), e.offset()), (Kind::Malformed, Some(18)));
        assert!(e.message().contains("truncated (expected 44 bytes, got 20)"), "{e}");
        assert!(a.check(u64::MAX, 1).is_err());
    }

    #[test]
    fn the_cache_image_covers_what_lies_in_the_file() {
        let a = addresses(Limits::default());
        a.set_image(vec![(3, vec![100, 101])]);
        assert_eq!(a.read(2, 4).unwrap(), [6, 100, 101, 9]);
        assert_eq!(a.read(4, 1).unwrap(), [101]);
    }

    #[test]
    fn metadata_above_the_limit_is_refused() {
        let limits = Limits { metadata_bytes: 4, ..Limits::default() };
        let a = addresses(limits);
        assert!(a.read(0, 4).is_ok());
        assert_eq!(a.read(0, 5).unwrap_err().kind(), Kind::Limit);
    }
}
