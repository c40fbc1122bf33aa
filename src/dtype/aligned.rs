//! A byte buffer aligned for every number type.

use std::fmt;
use std::ops::{Deref, DerefMut};

/// Bytes in memory, aligned for every [`Element`](super::Element), so that they can be viewed as numbers
/// without copying. A `Vec<u8>` does not guarantee alignment.
#[derive(Clone, Default)]
pub struct AlignedBytes {
    /// A buffer taken over because it was aligned; `words` is empty then.
    bytes: Vec<u8>,
    words: Vec<u64>,
    len: usize,
}

impl From<Vec<u8>> for AlignedBytes {
    /// Takes over the buffer if it is aligned, as it is with all common allocators; copies it otherwise.
    fn from(bytes: Vec<u8>) -> Self {
        let len = bytes.len();
        if bytes.as_ptr().align_offset(align_of::<u64>()) == 0 {
            return AlignedBytes { bytes, words: Vec::new(), len };
        }
        let mut words = vec![0u64; len.div_ceil(size_of::<u64>())];
        bytemuck::cast_slice_mut(&mut words).iter_mut().zip(bytes).for_each(|(to, b)| *to = b);
        AlignedBytes { bytes: Vec::new(), words, len }
    }
}

impl AlignedBytes {
    /// Resizes to `len` bytes; new bytes are zero or left over from before.
    ///
    /// # Errors
    /// `Limit` if there is not enough memory.
    pub fn resize(&mut self, len: usize) -> crate::Result<()> {
        if !self.bytes.is_empty() {
            let all = std::mem::take(self);
            self.resize(len)?;
            self.iter_mut().zip(&*all).for_each(|(to, b)| *to = *b);
            return Ok(());
        }
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
        if self.bytes.is_empty() {
            bytemuck::cast_slice(&self.words).get(..self.len).unwrap_or_default()
        } else {
            &self.bytes
        }
    }
}

impl DerefMut for AlignedBytes {
    fn deref_mut(&mut self) -> &mut [u8] {
        if self.bytes.is_empty() {
            bytemuck::cast_slice_mut(&mut self.words).get_mut(..self.len).unwrap_or_default()
        } else {
            &mut self.bytes
        }
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
    fn bytes_of_others_are_kept_or_copied() {
        for len in 0..20u8 {
            let mut bytes = AlignedBytes::from((0..len).collect::<Vec<u8>>());
            assert!(bytes.iter().copied().eq(0..len));
            bytes.resize(11).unwrap();
            assert!(bytes[..usize::from(len.min(11))].iter().copied().eq(0..len.min(11)));
            assert_eq!((bytes.len(), bytes.as_ptr().align_offset(8)), (11, 0));
        }
    }

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
