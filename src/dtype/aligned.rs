//! Bytes that lie where any number may lie.

use std::fmt;
use std::ops::{Deref, DerefMut};

/// Bytes in memory, aligned for every [`Element`](super::Element), so that they can be seen as numbers without a copy.
/// A `Vec<u8>` promises no alignment.
#[derive(Clone, Default)]
pub struct AlignedBytes {
    words: Vec<u64>,
    len: usize,
}

impl AlignedBytes {
    /// Makes it `len` bytes long; bytes that are new are zero or left over from before.
    ///
    /// # Errors
    /// `Limit` where there is no memory for them.
    pub fn resize(&mut self, len: usize) -> crate::Result<()> {
        let words = len.div_ceil(size_of::<u64>());
        self.words
            .try_reserve_exact(words.saturating_sub(self.words.len()))
            .map_err(|_| crate::Error::limit(format!("no memory for {len} bytes")))?;
        self.words.resize(words, 0);
        self.len = len;
        Ok(())
    }
}

impl Deref for AlignedBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        bytemuck::cast_slice(&self.words).get(..self.len).unwrap_or_default()
    }
}

impl DerefMut for AlignedBytes {
    fn deref_mut(&mut self) -> &mut [u8] {
        bytemuck::cast_slice_mut(&mut self.words).get_mut(..self.len).unwrap_or_default()
    }
}

impl PartialEq for AlignedBytes {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl fmt::Debug for AlignedBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_length_lies_where_doubles_may() {
        let mut bytes = AlignedBytes::default();
        for len in [0, 1, 7, 8, 9, 64, 3] {
            bytes.resize(len).unwrap();
            bytes.fill(7);
            assert_eq!((&*bytes, bytes.as_ptr().align_offset(8)), (&vec![7; len][..], 0));
        }
    }
}
