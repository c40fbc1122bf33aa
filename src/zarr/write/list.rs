//! An array of one dimension written piece by piece.

use super::chunks::ZarrChunks;
use super::keys::KeyWriter;
use crate::bytes::batches::Batches;
use crate::codec::{EncodeWork, Encoded};
use crate::error::{Error, Result};
use rayon::prelude::*;

/// An array of one dimension being written from its beginning.
#[derive(Debug)]
pub struct ZarrList {
    chunks: ZarrChunks,
    chunk_bytes: usize,
    /// Number of bytes that are still to come.
    left: u64,
    batches: Batches,
}

impl ZarrList {
    pub(super) fn new(chunks: ZarrChunks, at_once: u64) -> Result<Self> {
        let (n, size) = chunks.chunk_elements()?;
        let chunk_bytes = crate::bytes::checked::size(n.saturating_mul(size as u64))?.max(1);
        let left = chunks.elements()?.saturating_mul(size as u64);
        Ok(ZarrList { chunks, chunk_bytes, left, batches: Batches::of_chunks(chunk_bytes, at_once) })
    }

    pub(super) fn push(&mut self, keys: &mut KeyWriter, bytes: &[u8]) -> Result<()> {
        self.left = self.left.checked_sub(bytes.len() as u64).ok_or_else(wrong_length)?;
        let ZarrList { chunks, chunk_bytes, batches, .. } = self;
        batches.push(bytes, |batch| push_chunks(chunks, keys, batch, *chunk_bytes))
    }

    pub(super) fn finish(mut self, keys: &mut KeyWriter) -> Result<ZarrChunks> {
        if self.left > 0 {
            return Err(wrong_length());
        }
        // the last chunk is padded with zeros
        let last = self.batches.rest(self.chunk_bytes);
        push_chunks(&mut self.chunks, keys, &last, self.chunk_bytes)?;
        Ok(self.chunks)
    }
}

/// Encodes whole chunks on all threads and appends them in order.
fn push_chunks(
    chunks: &mut ZarrChunks,
    keys: &mut KeyWriter,
    bytes: &[u8],
    chunk_bytes: usize,
) -> Result<()> {
    let codec = chunks.codec();
    let encode = |work: &mut EncodeWork, chunk: &[u8]| codec.encode(chunk, work);
    let made: Result<Vec<Encoded>> =
        bytes.par_chunks(chunk_bytes).map_init(EncodeWork::default, encode).collect();
    made?.iter().try_for_each(|encoded| chunks.push(keys, encoded))
}

fn wrong_length() -> Error {
    Error::usage("another number of elements than the array was begun with")
}
