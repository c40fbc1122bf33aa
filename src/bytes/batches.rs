//! Bytes that come in pieces of any length, and go in batches of whole chunks.

use crate::error::Result;

/// Bytes that wait until they are a batch.
#[derive(Debug)]
pub(crate) struct Batches {
    waiting: Vec<u8>,
    /// Bytes of a batch.
    batch: usize,
}

impl Batches {
    /// Batches of chunks of `chunk_bytes`: about `at_once` bytes, but no more chunks than there are threads.
    pub(crate) fn of_chunks(chunk_bytes: usize, at_once: u64) -> Self {
        let count = usize::try_from(at_once).unwrap_or(usize::MAX).checked_div(chunk_bytes);
        let count = count.unwrap_or(1).clamp(1, rayon::current_num_threads().max(1));
        Batches { waiting: Vec::new(), batch: chunk_bytes.saturating_mul(count) }
    }

    /// Adds `bytes`, and calls `take` with each batch that is complete.
    ///
    /// # Errors
    /// Those of `take`.
    pub(crate) fn push(&mut self, mut bytes: &[u8], mut take: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        while self.waiting.len().saturating_add(bytes.len()) >= self.batch {
            let (now, later) = bytes.split_at(self.batch.saturating_sub(self.waiting.len()));
            self.waiting.extend_from_slice(now);
            take(&self.waiting)?;
            self.waiting.clear();
            bytes = later;
        }
        self.waiting.extend_from_slice(bytes);
        Ok(())
    }

    /// What is left, with zeros up to a multiple of `chunk_bytes`.
    pub(crate) fn rest(&mut self, chunk_bytes: usize) -> Vec<u8> {
        let mut rest = std::mem::take(&mut self.waiting);
        rest.resize(rest.len().next_multiple_of(chunk_bytes.max(1)), 0);
        rest
    }
}
