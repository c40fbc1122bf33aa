//! Large allocations, made directly by the system.
//!
//! Huge pages were tried and rejected: on a virtual machine that returns free memory to its host, the first
//! touch of a huge page took three times as long as that of the same memory in small pages.

use crate::error::{Error, Result};
use std::ops::{Deref, DerefMut};

/// Zeroed bytes whose memory is committed on first touch.
#[derive(Debug)]
pub(crate) struct Pages(memmap2::MmapMut);

impl Pages {
    /// Allocates `len` bytes, which must not be 0.
    pub(crate) fn new(len: usize) -> Result<Self> {
        let no_memory = |_| Error::limit(format!("no memory for {len} bytes"));
        Ok(Pages(memmap2::MmapMut::map_anon(len).map_err(no_memory)?))
    }
}

impl Deref for Pages {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl DerefMut for Pages {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn begins_as_zeros_and_keeps_what_is_written() {
        for len in [1, 100, 4_000_003] {
            let mut b = Pages::new(len).unwrap();
            assert!(b.len() == len && b.iter().all(|x| *x == 0));
            b[len - 1] = 7;
            assert_eq!(b.iter().map(|x| u64::from(*x)).sum::<u64>(), 7);
        }
        assert!(Pages::new(usize::MAX / 2).is_err());
    }
}
