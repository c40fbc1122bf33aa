//! Reads boxes of elements, chunk by chunk: the bytes of a chunk by its key, or by its place in a shard.

use super::array::{REMEMBERED, ZarrArray};
use super::codecs::{ChunkPlace, CodecWork, Sharding};
use super::value::ZarrValue;
use crate::bytes::checked;
use crate::bytes::slab::{self, BoxPlace, Overlap};
use crate::dtype::Class;
use crate::error::{Error, Place, Result};
use crate::limits;
use crate::strings::Strings;
use crate::sync::lock;
use std::ops::Range;
use std::sync::Arc;

/// Decoded bytes of a chunk of strings that are believed of any stored bytes, and of one stored byte.
const SMALL_CHUNK: u64 = 64 << 20;
const RATIO: u64 = 1100;

/// Buffers and decoder states of one worker, and the last chunk that was decoded.
#[derive(Debug, Default)]
pub struct ChunkScratch {
    stored: Vec<u8>,
    decoded: Vec<u8>,
    /// The array and number of the chunk in `decoded`.
    kept: Option<(ZarrArray, u64)>,
    work: CodecWork,
}

/// A box of elements that is being read: `count` elements from `start`.
struct TargetBox<'a> {
    start: &'a [u64],
    count: &'a [u64],
    out: &'a mut [u8],
}

impl ZarrArray {
    /// Reads all elements.
    ///
    /// # Errors
    /// `Limit` if that takes more memory than the limits or the process allow; otherwise as for any read.
    pub fn read(&self) -> Result<ZarrValue> {
        let (len, path) = (self.byte_len(), self.object().path());
        self.check_bytes(len)?;
        self.check_holes()?;
        let mut bytes = limits::zeroed(checked::size(len)?).in_object(path)?;
        let shape = self.shape().to_vec();
        self.read_box(&vec![0; shape.len()], &shape, &mut bytes, &mut ChunkScratch::default())?;
        Ok(ZarrValue::of_array(self, &shape, bytes))
    }

    /// Refuses `len` bytes of elements in memory at once if the limits do not allow them.
    pub(crate) fn check_bytes(&self, len: u64) -> Result<()> {
        let most = self.object().limits().value_bytes;
        if len > most {
            let error = Error::limit(format!("a value of {len} bytes (limit {most})"));
            return Err(error.in_object(self.object().path()));
        }
        Ok(())
    }

    /// A value of `len` elements that were read with [`read_box`](Self::read_box): their bytes as a list.
    pub(crate) fn value_of(&self, len: u64, bytes: Vec<u8>) -> ZarrValue {
        ZarrValue::of_array(self, &[len], bytes)
    }

    /// Reads the box of `count` elements at `start` into `out`, row-major, in their stored type.
    ///
    /// # Errors
    /// `Usage` if the box is not inside the array or `out` has the wrong length; `Io`, `Malformed`, `Unsupported`
    /// or `Checksum` if a chunk cannot be read or decoded.
    pub fn read_box(
        &self,
        start: &[u64],
        count: &[u64],
        out: &mut [u8],
        scratch: &mut ChunkScratch,
    ) -> Result<()> {
        let size = u64::from(self.datatype().size);
        slab::check_box(self.shape(), start, count, size, out.len())?;
        if out.is_empty() {
            return Ok(());
        }
        self.read_chunks(TargetBox { start, count, out }, scratch).in_object(self.object().path())
    }

    fn read_chunks(&self, mut target: TargetBox<'_>, scratch: &mut ChunkScratch) -> Result<()> {
        let (chunk, counts) = (self.chunk_shape(), self.counts());
        let (mut first, mut spans) = (Vec::with_capacity(chunk.len()), Vec::with_capacity(chunk.len()));
        for ((s, n), c) in target.start.iter().zip(target.count).zip(chunk) {
            let from = s.checked_div(*c).unwrap_or(0);
            let to = s.saturating_add(*n).div_ceil((*c).max(1));
            first.push(from);
            spans.push(to.saturating_sub(from));
        }
        let mut step = vec![0; first.len()];
        loop {
            let at: Vec<u64> = first.iter().zip(&step).map(|(f, s)| f.saturating_add(*s)).collect();
            let corner: Vec<u64> = at.iter().zip(chunk).map(|(a, c)| a.saturating_mul(*c)).collect();
            let part = Overlap::of(&corner, chunk, target.start, target.count);
            let number = slab::position(&counts, &at, &[]);
            self.read_part(&at, number, &part, &mut target, scratch).map_err(|e| e.in_chunk(&corner))?;
            if !slab::advance(&mut step, &spans) {
                return Ok(());
            }
        }
    }

    /// Reads the part of a box that lies in the chunk at `at`.
    fn read_part(
        &self,
        at: &[u64],
        number: u64,
        part: &Overlap,
        target: &mut TargetBox<'_>,
        scratch: &mut ChunkScratch,
    ) -> Result<()> {
        let (leaf, codecs) = (self.leaf(), self.leaf_codecs());
        let to = BoxPlace { dims: target.count, at: &part.in_out };
        if self.has_items() {
            self.refer(number, part, target);
            return Ok(());
        }
        let from = BoxPlace { dims: leaf.shape, at: &part.in_chunk };
        let kept = |(array, n): &(ZarrArray, u64)| Arc::ptr_eq(&array.parts, &self.parts) && *n == number;
        if scratch.kept.as_ref().is_some_and(kept) {
            slab::copy_box((&scratch.decoded, from), (target.out, to), &part.count, leaf.size);
            return Ok(());
        }
        if !self.read_stored(at, &mut scratch.stored)? {
            slab::fill_box(leaf.fill, (target.out, to), &part.count, leaf.size);
            return Ok(());
        }
        codecs.check_claim(&scratch.stored, leaf)?;
        let run = part.whole_run(leaf.shape, target.count, leaf.size, leaf.bytes()?);
        if let Some(whole) = run.and_then(|run| target.out.get_mut(run)) {
            return codecs.decode(&scratch.stored, leaf, whole, &mut scratch.work);
        }
        scratch.kept = None;
        limits::resize(&mut scratch.decoded, checked::size(leaf.bytes()?)?)?;
        codecs.decode(&scratch.stored, leaf, &mut scratch.decoded, &mut scratch.work)?;
        scratch.kept = Some((self.clone(), number));
        slab::copy_box((&scratch.decoded, from), (target.out, to), &part.count, leaf.size);
        Ok(())
    }

    /// Writes references to the strings of a chunk: its number, and the position in it.
    fn refer(&self, number: u64, part: &Overlap, target: &mut TargetBox<'_>) {
        let strides = self.leaf_codecs().item_strides(self.chunk_shape());
        let place = |at: &[u64]| {
            let coordinates = part.in_chunk.iter().zip(at).zip(&strides);
            coordinates.fold(0u64, |n, ((a, b), s)| n.saturating_add(a.saturating_add(*b).saturating_mul(*s)))
        };
        let mut at = vec![0; part.count.len()];
        loop {
            let to = slab::position(target.count, &part.in_out, &at).saturating_mul(16);
            let to = usize::try_from(to).unwrap_or(usize::MAX);
            let out = target.out.get_mut(to..).and_then(|o| o.get_mut(..16));
            if let Some((first, second)) = out.and_then(|o| o.split_at_mut_checked(8)) {
                first.copy_from_slice(&number.to_le_bytes());
                second.copy_from_slice(&place(&at).to_le_bytes());
            }
            if !slab::advance(&mut at, &part.count) {
                return;
            }
        }
    }

    /// Strings or sequences of chunk number `number`, in the order in which they are stored; `None` if the chunk
    /// is not stored.
    pub(super) fn items(&self, number: u64, work: &mut CodecWork) -> Result<Option<Strings>> {
        let at = slab::unravel(number, &self.counts());
        let corner: Vec<u64> = at.iter().zip(self.chunk_shape()).map(|(a, c)| a.saturating_mul(*c)).collect();
        let in_chunk = |e: Error| e.in_object(self.object().path()).in_chunk(&corner);
        let mut stored = Vec::new();
        if !self.read_stored(&at, &mut stored).map_err(in_chunk)? {
            return Ok(None);
        }
        let limits = self.object().limits();
        let believed = (stored.len() as u64).saturating_mul(RATIO).max(SMALL_CHUNK);
        let most = limits.value_bytes.min(limits.chunk_bytes).min(believed);
        let bytes = self.leaf_codecs().decode_items(&stored, checked::size(most)?, work).map_err(in_chunk)?;
        let unit = match &self.datatype().class {
            Class::VarLen(base) => u64::from(base.size),
            _ => 1,
        };
        super::items::read(&bytes, checked::product(self.chunk_shape())?, unit).map_err(in_chunk).map(Some)
    }

    /// Reads the stored bytes of the chunk at `at`; `false` if it is not stored.
    fn read_stored(&self, at: &[u64], out: &mut Vec<u8>) -> Result<bool> {
        let (metadata, object) = (self.metadata(), self.object());
        let most = object.limits().chunk_bytes;
        let chunk = self.chunk_shape();
        let divided = |by: &[u64]| -> Vec<u64> {
            let corner = at.iter().zip(chunk).map(|(a, c)| a.saturating_mul(*c));
            corner.zip(by).map(|(n, c)| n.checked_div(*c).unwrap_or(0)).collect()
        };
        let outer = divided(&metadata.chunk);
        let number = slab::position(&self.outer_counts(), &outer, &[]);
        if self.parts.stored.get().is_some_and(|stored| !stored.has(number)) {
            return Ok(false);
        }
        let key = object.key(&metadata.keys.key(&outer));
        let mut place: Option<Range<u64>> = None;
        for (level, sharding) in self.levels().enumerate() {
            let whole = match place.take() {
                Some(range) => range,
                None => match object.store().len(&key)? {
                    Some(len) => 0..len,
                    None => return Ok(false),
                },
            };
            let places = self.places((level, sharding), &key, number, &whole)?;
            let inner = divided(&sharding.chunk);
            let inside: Vec<u64> =
                inner.iter().zip(&sharding.counts).map(|(n, c)| n.checked_rem(*c).unwrap_or(0)).collect();
            let n = checked::size(slab::position(&sharding.counts, &inside, &[]))?;
            let Some(part) = places.get(n).cloned().flatten() else { return Ok(false) };
            place = Some(checked::add(whole.start, part.start)?..checked::add(whole.start, part.end)?);
        }
        match place {
            Some(range) => object.store().read_range(&key, range, most, out).map(|()| true),
            None => object.store().read(&key, most, out),
        }
    }

    /// The places of the inner chunks of a shard, which takes `whole` of the value of `key`.
    fn places(
        &self,
        (level, sharding): (usize, &Sharding),
        key: &str,
        number: u64,
        whole: &Range<u64>,
    ) -> Result<Arc<Vec<ChunkPlace>>> {
        let id = (number, level, whole.start);
        if let Some(found) = lock(&self.parts.indexes).get(&id) {
            return Ok(found.clone());
        }
        let len = whole.end.saturating_sub(whole.start);
        let range = sharding.index_range(len)?;
        let (start, end) = (checked::add(whole.start, range.start)?, checked::add(whole.start, range.end)?);
        let mut index = Vec::new();
        let most = self.object().limits().metadata_bytes;
        self.object().store().read_range(key, start..end, most, &mut index)?;
        let places = Arc::new(sharding.places(&index, len)?);
        let mut indexes = lock(&self.parts.indexes);
        let remembered: usize = indexes.values().map(|p| p.len()).sum();
        if remembered.saturating_add(places.len()) > REMEMBERED {
            indexes.clear();
        }
        indexes.insert(id, places.clone());
        Ok(places)
    }
}
