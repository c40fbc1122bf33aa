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

/// Kept pages in the order of their last use, as a ring: each has a page before and one after it.
#[derive(Debug, Default)]
struct KeptPages {
    /// Place of each page in `pages`, by its number.
    places: HashMap<u64, usize>,
    pages: Vec<KeptPage>,
    /// Place of the page used last; the one after it is the one used longest ago.
    newest: usize,
}

#[derive(Debug)]
struct KeptPage {
    number: u64,
    bytes: Arc<[u8]>,
    /// Places of the pages used before and after this one.
    older: usize,
    newer: usize,
}

impl KeptPages {
    /// The bytes of page `number`, which is then the newest.
    fn get(&mut self, number: u64) -> Option<Arc<[u8]>> {
        // Neighbouring structures are read one after the other, so it is nearly always the newest.
        let newest = self.pages.get(self.newest)?;
        if newest.number == number {
            return Some(Arc::clone(&newest.bytes));
        }
        let place = *self.places.get(&number)?;
        self.unlink(place);
        self.link(place);
        Some(Arc::clone(&self.pages[place].bytes))
    }

    /// Keeps a page, in the place of the oldest if there are `most` already.
    fn keep(&mut self, number: u64, bytes: Arc<[u8]>, most: usize) {
        if self.places.contains_key(&number) {
            return; // another thread read it too
        }
        let mut place = self.pages.len();
        if place < most {
            self.pages.push(KeptPage { number, bytes, older: place, newer: place });
        } else {
            place = self.pages[self.newest].newer;
            self.places.remove(&self.pages[place].number);
            self.unlink(place);
            (self.pages[place].number, self.pages[place].bytes) = (number, bytes);
        }
        self.places.insert(number, place);
        self.link(place);
    }

    /// Takes a page out of the ring; the newest is followed by the one before it.
    fn unlink(&mut self, place: usize) {
        let KeptPage { older, newer, .. } = self.pages[place];
        (self.pages[older].newer, self.pages[newer].older) = (newer, older);
        if self.newest == place {
            self.newest = older;
        }
    }

    /// Puts a page behind the newest, and makes it the newest.
    fn link(&mut self, place: usize) {
        let before = self.newest;
        let after = self.pages[before].newer;
        if place != before {
            (self.pages[place].older, self.pages[place].newer) = (before, after);
            (self.pages[before].newer, self.pages[after].older) = (place, place);
        }
        self.newest = place;
    }
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
        if let Some(page) = lock(&self.kept).get(number) {
            return Ok(page);
        }
        let start = number * self.page_bytes as u64;
        let bytes = usize::try_from(len - start).unwrap_or(usize::MAX).min(self.page_bytes);
        let mut page = vec![0; bytes];
        source.read_exact_at(&mut page, start)?;
        let page: Arc<[u8]> = page.into();
        lock(&self.kept).keep(number, Arc::clone(&page), self.pages);
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

    /// Against a list of the pages by last use.
    #[test]
    fn the_page_used_longest_ago_leaves() {
        for most in [1usize, 2, 3, 7] {
            let cached = Cached::new(Counting(vec![0; 200], AtomicUsize::new(0)), 10, most);
            let (mut by_use, mut asked, mut x) = (Vec::new(), 0, 1u64);
            for _ in 0..2000 {
                x = x.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                let number = (x >> 33) % 12;
                cached.read_exact_at(&mut [0; 5], number * 10 + 2).unwrap();
                match by_use.iter().position(|n| *n == number) {
                    Some(at) => drop(by_use.remove(at)),
                    None => asked += 1,
                }
                by_use.push(number);
                if by_use.len() > most {
                    by_use.remove(0);
                }
                assert_eq!(cached.source.1.load(Ordering::Relaxed), asked, "{most} pages");
            }
        }
    }
}
