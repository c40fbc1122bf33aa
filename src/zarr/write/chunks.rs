//! An array written chunk by chunk: each under a key of its own, or many in a shard.

use super::codec::ChunkCodec;
use super::documents::ArrayDocument;
use super::keys::{KeyValue, KeyWriter, join};
use crate::bytes::put::Put;
use crate::bytes::{checked, slab};
use crate::codec::{EncodeWork, Encoded, crc32c};
use crate::error::{Error, Result};
use rayon::prelude::*;

/// Number of chunks of a value in memory that are encoded at once.
const BATCH: u64 = 64;
/// Most chunks of a shard: its index takes 16 bytes of each.
const MOST_IN_SHARD: u64 = 1 << 16;
/// Place and length of a chunk that is not in its shard.
const ABSENT: u64 = u64::MAX;

/// An array being written.
#[derive(Debug)]
pub struct ZarrChunks {
    path: String,
    codec: ChunkCodec,
    dims: Vec<u64>,
    chunk: Vec<u64>,
    /// Value of elements of chunks that are left out; zero if empty.
    fill: Vec<u8>,
    /// Number of chunks in each dimension.
    counts: Vec<u64>,
    /// Number of chunks that were pushed or left out.
    next: u64,
    /// Chunks of a shard in the first dimension; `None` if there are no shards. In the others it has all.
    shard: Option<u64>,
    open: Option<OpenShard>,
}

/// The shard being written.
#[derive(Debug)]
struct OpenShard {
    value: KeyValue,
    /// The index so far: place and length of each chunk.
    index: Vec<u8>,
    len: u64,
}

impl ZarrChunks {
    /// Begins the array at `path`, of shape `dims` in chunks of `chunk`, and shards of about `shard` bytes.
    ///
    /// # Errors
    /// `Usage` for chunks of no elements.
    pub(super) fn new(
        path: &str,
        codec: ChunkCodec,
        dims: &[u64],
        chunk: &[u64],
        shard: u64,
    ) -> Result<Self> {
        // an array without elements has chunks of one
        let chunk: Vec<u64> = match dims.contains(&0) {
            true => chunk.iter().map(|n| (*n).max(1)).collect(),
            false => chunk.to_vec(),
        };
        if chunk.len() != dims.len() || chunk.contains(&0) {
            return Err(Error::usage(format!("chunks of {chunk:?} for a shape of {dims:?}")));
        }
        let counts = slab::counts(dims, &chunk);
        let size = codec.element().stored_size() as u64;
        let mut chunks = ZarrChunks {
            path: path.to_owned(),
            codec,
            dims: dims.to_vec(),
            chunk,
            fill: Vec::new(),
            counts,
            next: 0,
            shard: None,
            open: None,
        };
        let bytes = checked::mul(checked::product(&chunks.chunk)?, size)?;
        let beside = checked::product(chunks.counts.get(1..).unwrap_or_default())?;
        let rows = chunks.counts.first().copied().unwrap_or(0);
        // zarr-python 3.1 does not read records in shards
        let shard = if chunks.codec.element().is_record() { 0 } else { shard };
        if shard > 0 && rows.saturating_mul(beside) > 1 && beside <= MOST_IN_SHARD {
            let row = bytes.saturating_mul(beside).max(1);
            let most = MOST_IN_SHARD.checked_div(beside).unwrap_or(1);
            let in_shard = shard.checked_div(row).unwrap_or(1).clamp(1, rows).min(most);
            chunks.shard = (in_shard.saturating_mul(beside) > 1).then_some(in_shard);
        }
        Ok(chunks)
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// What chunks go through.
    pub fn codec(&self) -> &ChunkCodec {
        &self.codec
    }

    /// Number of elements of a chunk, and bytes of an element in memory.
    pub(super) fn chunk_elements(&self) -> Result<(u64, usize)> {
        Ok((checked::product(&self.chunk)?, self.codec.element().size()))
    }

    /// Number of elements of the array.
    pub(super) fn elements(&self) -> Result<u64> {
        checked::product(&self.dims)
    }

    /// Sets the value of elements of chunks that are left out: one element, or nothing for zeros.
    #[must_use]
    pub fn filled_with(self, fill: &[u8]) -> Self {
        let fill = self.codec.element().stored(fill).into_owned();
        ZarrChunks { fill, ..self }
    }

    /// Number of chunks of a shard; 1 without shards.
    fn in_shard(&self) -> u64 {
        let beside = self.counts.get(1..).unwrap_or_default().iter().fold(1u64, |n, c| n.saturating_mul(*c));
        self.shard.map_or(1, |rows| rows.saturating_mul(beside)).max(1)
    }

    /// The key of the shard, or of the chunk, that holds chunk number `n`.
    fn key(&self, n: u64) -> String {
        let at = match self.shard {
            None => slab::unravel(n, &self.counts),
            Some(_) => {
                let mut at = vec![0; self.counts.len()];
                if let Some(first) = at.first_mut() {
                    *first = n.checked_div(self.in_shard()).unwrap_or(0);
                }
                at
            }
        };
        join(&self.path, &self.codec.version().chunk_keys().key(&at))
    }

    /// Appends the next chunk.
    pub(super) fn push(&mut self, keys: &mut KeyWriter, encoded: &Encoded) -> Result<()> {
        let n = self.next;
        if self.shard.is_none() {
            keys.put(&self.key(n), &encoded.bytes)?;
            self.next = n.saturating_add(1);
            return Ok(());
        }
        if self.open.is_none() {
            let value = keys.begin(&self.key(n))?;
            self.open = Some(OpenShard { value, index: Vec::new(), len: 0 });
        }
        let slot = n.checked_rem(self.in_shard()).unwrap_or(0);
        if let Some(open) = &mut self.open {
            open.absent_up_to(slot);
            open.index.put_u64(open.len);
            open.index.put_u64(encoded.bytes.len() as u64);
            open.len = open.len.saturating_add(encoded.bytes.len() as u64);
            keys.append(&mut open.value, &encoded.bytes)?;
        }
        self.advance(keys)
    }

    /// Leaves the next chunk out: its elements read as the fill value.
    ///
    /// # Errors
    /// `Io` if a shard ends here and cannot be written.
    pub(super) fn skip(&mut self, keys: &mut KeyWriter) -> Result<()> {
        self.advance(keys)
    }

    fn advance(&mut self, keys: &mut KeyWriter) -> Result<()> {
        self.next = self.next.saturating_add(1);
        if self.next.checked_rem(self.in_shard()) == Some(0) { self.end_shard(keys) } else { Ok(()) }
    }

    /// Writes the index of the open shard, if there is one.
    fn end_shard(&mut self, keys: &mut KeyWriter) -> Result<()> {
        let in_shard = self.in_shard();
        let Some(mut open) = self.open.take() else { return Ok(()) };
        open.absent_up_to(in_shard);
        let sum = crc32c::crc32c(&open.index);
        open.index.put_u32(sum);
        keys.append(&mut open.value, &open.index)?;
        keys.end(open.value)
    }

    /// Encodes and appends all chunks of an array in memory.
    pub(super) fn push_all(&mut self, keys: &mut KeyWriter, bytes: &[u8]) -> Result<()> {
        let (dims, chunk) = (self.dims.clone(), self.chunk.clone());
        let grid = slab::ChunkGrid::new(&dims, &chunk, self.codec.element().size() as u64);
        let (total, mut next) = (grid.len()?, 0u64);
        while next < total {
            let end = next.saturating_add(BATCH).min(total);
            let codec = &self.codec;
            let one = |work: &mut EncodeWork, n: u64| codec.encode(&grid.cut(n, bytes)?, work);
            let made: Result<Vec<Encoded>> =
                (next..end).into_par_iter().map_init(EncodeWork::default, one).collect();
            made?.iter().try_for_each(|encoded| self.push(keys, encoded))?;
            next = end;
        }
        Ok(())
    }

    /// Ends the array after its last chunk.
    ///
    /// # Errors
    /// `Io` if writing fails; `Usage` if chunks are missing.
    pub(super) fn finish(mut self, keys: &mut KeyWriter) -> Result<ArrayDocument> {
        if checked::product(&self.counts)? != self.next {
            return Err(Error::usage(format!("{} chunks where {:?} are expected", self.next, self.counts)));
        }
        self.end_shard(keys)?;
        let outer = self.shard.map(|rows| {
            let all = self.chunk.iter().zip(&self.counts).map(|(c, n)| c.saturating_mul(*n));
            let mut outer: Vec<u64> = all.collect();
            if let (Some(first), Some(chunk)) = (outer.first_mut(), self.chunk.first()) {
                *first = chunk.saturating_mul(rows);
            }
            outer
        });
        Ok(ArrayDocument { codec: self.codec, dims: self.dims, chunk: self.chunk, outer, fill: self.fill })
    }
}

impl OpenShard {
    /// Marks the chunks before `slot` that are not in the index as absent.
    fn absent_up_to(&mut self, slot: u64) {
        while (self.index.len() as u64) < slot.saturating_mul(16) {
            self.index.put_u64(ABSENT);
            self.index.put_u64(ABSENT);
        }
    }
}
