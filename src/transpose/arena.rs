//! Holds sorted entries until they are placed: a few large pieces of memory, filled by all workers.

use crate::bytes::pages::Pages;
use crate::error::Result;
use crate::sync::{get_mut, lock};
use std::ops::Range;
use std::sync::Mutex;

/// Largest default size of a slab, in bytes; a longer part gets a slab of its own.
const SLAB: u64 = 16 << 20;

/// Entries of one block or batch, sorted by band; within a band they keep their order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SortedRun<'a> {
    /// Start of each band in `records`, counted in records; the last value is the end.
    pub(crate) starts: &'a [u32],
    /// First line; the lines in the records are relative to it.
    pub(crate) line: u32,
    pub(crate) records: &'a [u8],
}

impl SortedRun<'_> {
    /// Returns the records of a band, each of `size` bytes.
    pub(crate) fn band(&self, band: usize, size: usize) -> &[u8] {
        &self.records[self.starts[band] as usize * size..self.starts[band + 1] as usize * size]
    }
}

/// Memory for parts, which many threads add in any order.
#[derive(Debug)]
pub(crate) struct Arena {
    slab: usize,
    /// A worker takes a slab out while it fills it.
    slabs: Mutex<Vec<Slab>>,
}

#[derive(Debug)]
struct Slab {
    bytes: Pages,
    used: usize,
    parts: Vec<RunHead>,
}

#[derive(Debug)]
struct RunHead {
    order: u64,
    line: u32,
    starts: Vec<u32>,
    at: Range<usize>,
}

impl Arena {
    /// Creates an arena for about `total` bytes, shared by all threads of the current pool.
    pub(crate) fn new(total: u64) -> Self {
        let each = total.div_ceil(rayon::current_num_threads().max(1) as u64);
        Arena { slab: SLAB.min(each) as usize, slabs: Mutex::default() }
    }

    /// Adds a part of `len` bytes. `fill` writes them and returns the start of each band. `order` is the
    /// position of the part among all parts and must be unique.
    pub(crate) fn add(
        &self,
        order: u64,
        line: u32,
        len: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<Vec<u32>>,
    ) -> Result<()> {
        if len == 0 {
            return Ok(());
        }
        let with_room = {
            let mut slabs = self.lock();
            let found = slabs.iter().position(|s| s.bytes.len() - s.used >= len);
            found.map(|i| slabs.swap_remove(i))
        };
        let mut slab = match with_room {
            Some(slab) => slab,
            None => Slab { bytes: Pages::new(len.max(self.slab))?, used: 0, parts: Vec::new() },
        };
        let at = slab.used..slab.used + len;
        let starts = fill(&mut slab.bytes[at.clone()])?;
        slab.used = at.end;
        slab.parts.push(RunHead { order, line, starts, at });
        self.lock().push(slab);
        Ok(())
    }

    /// Memory allocated by all slabs, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.lock().iter().map(|slab| slab.bytes.len() as u64).sum()
    }

    /// Returns all parts, sorted by `order`.
    pub(crate) fn parts(&mut self) -> Vec<SortedRun<'_>> {
        let slabs = get_mut(&mut self.slabs);
        let mut all: Vec<(u64, SortedRun<'_>)> = slabs
            .iter()
            .flat_map(|s| s.parts.iter().map(move |h| (s, h)))
            .map(|(s, h)| {
                (h.order, SortedRun { starts: &h.starts, line: h.line, records: &s.bytes[h.at.clone()] })
            })
            .collect();
        all.sort_unstable_by_key(|(order, _)| *order);
        debug_assert!(all.windows(2).all(|w| w[0].0 < w[1].0), "two parts in one place");
        all.into_iter().map(|(_, part)| part).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Slab>> {
        lock(&self.slabs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_in_order_whatever_slab_they_lie_in() {
        let mut arena = Arena::new(64);
        for (order, len) in [(3u64, 40usize), (1, 100), (2, 8), (0, 30), (9, 0)] {
            let fill = |out: &mut [u8]| {
                out.fill(order as u8);
                Ok(vec![0, len as u32])
            };
            arena.add(order, 7, len, fill).unwrap();
        }
        let parts = arena.parts();
        let seen: Vec<(u8, usize)> = parts.iter().map(|p| (p.records[0], p.band(0, 1).len())).collect();
        assert_eq!(seen, [(0, 30), (1, 100), (2, 8), (3, 40)]);
    }
}
