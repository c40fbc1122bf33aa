//! An array of strings written piece by piece.

use super::codec::ChunkCodec;
use super::documents::ArrayDocument;
use super::keys::{KeyWriter, join};
use crate::bytes::put::Put;
use crate::bytes::{checked, slab};
use crate::codec::EncodeWork;
use crate::error::{Error, Result};
use crate::strings::{Strings, readable};

/// Strings being written, in row-major order. Chunks are parts along the first dimension; they are never in shards,
/// as there are few of them.
#[derive(Debug)]
pub struct ZarrTexts {
    path: String,
    codec: ChunkCodec,
    dims: Vec<u64>,
    chunk: Vec<u64>,
    /// Number of strings in a chunk.
    in_chunk: u64,
    /// Number of chunks that are written.
    chunks: u64,
    /// Number of strings that are still to come.
    left: u64,
    /// The strings of the next chunk: their number, then the length and the bytes of each.
    waiting: Vec<u8>,
    count: u64,
    work: EncodeWork,
}

/// Room for the number of strings of a chunk, in front of them.
const COUNT: usize = 4;

impl ZarrTexts {
    /// # Errors
    /// `Usage` for chunks of no strings.
    pub(super) fn new(path: &str, codec: ChunkCodec, dims: &[u64], rows: u64) -> Result<Self> {
        let mut chunk: Vec<u64> = dims.iter().map(|n| (*n).max(1)).collect();
        if let Some(first) = chunk.first_mut() {
            *first = rows.clamp(1, *first);
        }
        let in_chunk = checked::product(&chunk)?;
        if u32::try_from(in_chunk).is_err() {
            return Err(Error::usage(format!("chunks of {in_chunk} strings")));
        }
        Ok(ZarrTexts {
            path: path.to_owned(),
            codec,
            left: checked::product(dims)?,
            dims: dims.to_vec(),
            chunk,
            in_chunk,
            chunks: 0,
            waiting: vec![0; COUNT],
            count: 0,
            work: EncodeWork::default(),
        })
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn push(&mut self, keys: &mut KeyWriter, strings: &Strings) -> Result<()> {
        self.left = self.left.checked_sub(strings.len() as u64).ok_or_else(wrong_length)?;
        strings.iter().try_for_each(|text| self.push_one(keys, text))
    }

    fn push_one(&mut self, keys: &mut KeyWriter, text: &[u8]) -> Result<()> {
        let text = readable(text);
        let len = u32::try_from(text.len()).map_err(|_| Error::unsupported("a string of 4 GiB"))?;
        self.waiting.put_u32(len);
        self.waiting.put(text.as_bytes());
        self.count = self.count.saturating_add(1);
        if self.count == self.in_chunk { self.end_chunk(keys) } else { Ok(()) }
    }

    /// Writes the next chunk, with empty strings past the end of the array.
    fn end_chunk(&mut self, keys: &mut KeyWriter) -> Result<()> {
        for _ in self.count..self.in_chunk {
            self.waiting.put_u32(0);
        }
        let n = u32::try_from(self.in_chunk).unwrap_or(u32::MAX);
        if let Some(place) = self.waiting.first_chunk_mut::<COUNT>() {
            *place = n.to_le_bytes();
        }
        let encoded = self.codec.compressed(&self.waiting, &mut self.work)?;
        let mut at = vec![0; self.dims.len()];
        if let Some(first) = at.first_mut() {
            *first = self.chunks;
        }
        keys.put(&join(&self.path, &self.codec.version().chunk_keys().key(&at)), &encoded.bytes)?;
        self.chunks = self.chunks.saturating_add(1);
        self.count = 0;
        self.waiting.truncate(COUNT);
        Ok(())
    }

    pub(super) fn finish(mut self, keys: &mut KeyWriter) -> Result<ArrayDocument> {
        if self.left > 0 {
            return Err(wrong_length());
        }
        if self.count > 0 {
            self.end_chunk(keys)?;
        }
        debug_assert_eq!(slab::counts(&self.dims, &self.chunk).first().copied().unwrap_or(1), self.chunks);
        let ZarrTexts { codec, dims, chunk, .. } = self;
        Ok(ArrayDocument { codec, dims, chunk, outer: None, fill: Vec::new() })
    }
}

fn wrong_length() -> Error {
    Error::usage("another number of strings than the array was begun with")
}
