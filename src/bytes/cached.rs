//! Pages of a source cached in memory, for sources with slow requests.

use super::read_at::ReadAt;
use crate::sync::lock;
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex};

/// The most recently used pages; all have the same length except the last of the source.
#[derive(Debug)]
pub(crate) struct PageCache {
    page_bytes: usize,
    pages: usize,
    kept: Mutex<KeptPages>,
}

#[derive(Debug, Default)]
struct KeptPages {
    /// Number of uses so far.
    clock: u64,
    /// When each page was last used, and its bytes.
    pages: HashMap<u64, (u64, Arc<[u8]>)>,
}

impl PageCache {
    /// Cache of at most `pages` pages of `page_bytes` bytes; at least one page of one byte.
    pub(crate) fn new(page_bytes: usize, pages: usize) -> Self {
        PageCache { page_bytes: page_bytes.max(1), pages: pages.max(1), kept: Mutex::default() }
    }

    /// Fills `buffer` from `offset` of `source`, which has `len` bytes. Reads longer than a page bypass the
    /// cache.
    pub(crate) fn read(
        &self,
        source: &dyn ReadAt,
        len: u64,
        buffer: &mut [u8],
        offset: u64,
    ) -> io::Result<()> {
        let end = offset.checked_add(buffer.len() as u64).filter(|end| *end <= len);
        if buffer.len() > self.page_bytes || end.is_none() {
            return source.read_exact_at(buffer, offset);
        }
        let size = self.page_bytes as u64;
        let (mut rest, mut at) = (buffer, offset);
        while !rest.is_empty() {
            let number = at / size;
            let start = number * size;
            let from = usize::try_from(at - start).unwrap_or(usize::MAX);
            let n = rest.len().min(self.page_bytes.saturating_sub(from));
            let (now, later) = std::mem::take(&mut rest).split_at_mut(n);
            match self.page(source, len, number) {
                Ok(page) => match page.get(from..).and_then(|p| p.get(..n)) {
                    Some(bytes) => now.copy_from_slice(bytes),
                    None => return Err(io::ErrorKind::UnexpectedEof.into()),
                },
                // The requested bytes may be readable even if the whole page is not.
                Err(_) => source.read_exact_at(now, at)?,
            }
            at += n as u64;
            rest = later;
        }
        Ok(())
    }

    fn page(&self, source: &dyn ReadAt, len: u64, number: u64) -> io::Result<Arc<[u8]>> {
        {
            let mut kept = lock(&self.kept);
            kept.clock += 1;
            let now = kept.clock;
            if let Some((used, page)) = kept.pages.get_mut(&number) {
                *used = now;
                return Ok(Arc::clone(page));
            }
        }
        let start = number * self.page_bytes as u64;
        let bytes = usize::try_from(len - start).unwrap_or(usize::MAX).min(self.page_bytes);
        let mut page = vec![0; bytes];
        source.read_exact_at(&mut page, start)?;
        let page: Arc<[u8]> = page.into();
        let mut kept = lock(&self.kept);
        if kept.pages.len() >= self.pages {
            let oldest = kept.pages.iter().min_by_key(|(_, (used, _))| *used).map(|(n, _)| *n);
            oldest.and_then(|n| kept.pages.remove(&n));
        }
        let now = kept.clock;
        kept.pages.insert(number, (now, Arc::clone(&page)));
        Ok(page)
    }
}

/// A source read in pages, with the most recently used ones cached: for sources where a request costs more
/// than the bytes of a page (a network, a decoder). Reads longer than a page bypass the cache.
#[derive(Debug)]
pub struct Cached<S> {
    source: S,
    len: u64,
    cache: PageCache,
}

impl<S: ReadAt> Cached<S> {
    /// Wraps `source` with a cache of at most `pages` pages of `page_bytes` bytes.
    pub fn new(source: S, page_bytes: usize, pages: usize) -> Self {
        Cached { len: source.len(), source, cache: PageCache::new(page_bytes, pages) }
    }

    /// Returns the source.
    pub fn into_inner(self) -> S {
        self.source
    }
}

impl<S: ReadAt> ReadAt for Cached<S> {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.cache.read(&self.source, self.len, buffer, offset)
    }

    fn read_ranges(&self, ranges: &mut [(u64, &mut [u8])]) -> io::Result<()> {
        if ranges.iter().all(|(_, buffer)| buffer.len() > self.cache.page_bytes) {
            return self.source.read_ranges(ranges);
        }
        ranges.iter_mut().try_for_each(|(offset, buffer)| self.read_exact_at(buffer, *offset))
    }

    fn len(&self) -> u64 {
        self.len
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Counts requests.
    struct Counting(Vec<u8>, AtomicUsize);

    impl ReadAt for Counting {
        fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
            self.1.fetch_add(1, Ordering::Relaxed);
            self.0.read_exact_at(buffer, offset)
        }

        fn len(&self) -> u64 {
            self.0.as_slice().len() as u64
        }
    }

    #[test]
    fn pages_are_read_once_and_the_oldest_leaves() {
        let cached = Cached::new(Counting((0..100).collect(), AtomicUsize::new(0)), 10, 2);
        let read = |offset: u64, len: usize| {
            let mut out = vec![0; len];
            cached.read_exact_at(&mut out, offset).map(|()| out)
        };
        let asked = || cached.source.1.load(Ordering::Relaxed);
        assert_eq!(read(8, 4).unwrap(), [8, 9, 10, 11]);
        assert_eq!(asked(), 2, "two pages");
        assert_eq!(read(0, 10).unwrap(), (0..10).collect::<Vec<u8>>());
        assert_eq!(asked(), 2);
        assert_eq!(read(95, 5).unwrap(), [95, 96, 97, 98, 99]);
        assert_eq!(read(3, 1).unwrap(), [3]);
        assert_eq!(asked(), 3, "the second page left, not the first");
        assert_eq!(read(20, 30).unwrap(), (20..50).collect::<Vec<u8>>());
        assert_eq!(asked(), 4, "longer than a page");
        assert!(read(98, 3).is_err());
        assert!(read(u64::MAX, 3).is_err());
    }
}
