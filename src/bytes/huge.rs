//! Memory for much at once, in huge pages where the system has them.

use crate::error::{Error, Result};
use std::ops::{Deref, DerefMut};

/// Zeroed bytes that take memory as they are first touched. A touch costs one fault in 2 MiB where the system has pages
/// of that size to give, instead of 512.
#[derive(Debug)]
pub(crate) struct HugeBuffer(memmap2::MmapMut);

impl HugeBuffer {
    /// Bytes of a huge page on most systems: less than a few of them are better had otherwise.
    pub(crate) const PAGE: usize = 2 << 20;

    /// `len` bytes, more than none.
    pub(crate) fn new(len: usize) -> Result<Self> {
        let no_memory = |_| Error::limit(format!("no memory for {len} bytes"));
        let map = memmap2::MmapMut::map_anon(len).map_err(no_memory)?;
        // A system that will not do this does without.
        #[cfg(target_os = "linux")]
        if len >= 4 * Self::PAGE {
            let _ = map.advise(memmap2::Advice::HugePage);
        }
        Ok(HugeBuffer(map))
    }
}

impl Deref for HugeBuffer {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl DerefMut for HugeBuffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn begins_as_zeros_and_keeps_what_is_written() {
        for len in [1, 100, 4 * HugeBuffer::PAGE + 3] {
            let mut b = HugeBuffer::new(len).unwrap();
            assert!(b.len() == len && b.iter().all(|x| *x == 0));
            b[len - 1] = 7;
            assert_eq!(b[len - 1], 7);
        }
        assert!(HugeBuffer::new(usize::MAX / 2).is_err());
    }
}
