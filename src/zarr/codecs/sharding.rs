//! Shards: many chunks in one value, and an index of them at its beginning or end.
//! Zarr codec `sharding_indexed`, version 1.0.

use super::{ChunkShape, CodecWork, Codecs};
use crate::bytes::{Cursor, checked, slab};
use crate::dtype::{Datatype, Order};
use crate::error::{Error, Result};
use crate::zarr::json::JsonValue;
use std::ops::Range;

/// Place and length of an inner chunk that is not there.
const ABSENT: u64 = u64::MAX;
/// Bytes of an entry of the index: an offset and a length.
const ENTRY: u64 = 16;

/// How shards are made.
#[derive(Debug)]
pub(in crate::zarr) struct Sharding {
    /// Shape of an inner chunk.
    pub(in crate::zarr) chunk: Vec<u64>,
    /// Number of inner chunks in each dimension of a shard.
    pub(in crate::zarr) counts: Vec<u64>,
    /// Codecs of inner chunks.
    pub(in crate::zarr) codecs: Codecs,
    /// Byte order of the index.
    order: Order,
    /// Codecs of the index: checksums.
    index: Codecs,
    at_end: bool,
}

/// Place of an inner chunk in its shard; `None` if it is not there.
pub(in crate::zarr) type ChunkPlace = Option<Range<u64>>;

impl Sharding {
    /// Reads the configuration of the codec for shards of shape `shard`; also returns the byte order of the
    /// elements.
    pub(super) fn read(
        json: &JsonValue,
        datatype: &Datatype,
        shard: &[u64],
        depth: u32,
    ) -> Result<(Self, Order)> {
        let chunk = json.require("chunk_shape")?.sizes("chunk_shape")?;
        let divides =
            chunk.len() == shard.len() && shard.iter().zip(&chunk).all(|(s, c)| s.checked_rem(*c) == Some(0));
        if !divides {
            return Err(Error::malformed(format!(
                "shards of {shard:?} that chunks of {chunk:?} do not divide"
            )));
        }
        let counts: Vec<u64> =
            shard.iter().zip(&chunk).map(|(s, c)| s.checked_div(*c).unwrap_or(0)).collect();
        let list = |key: &str| -> Result<&[JsonValue]> {
            json.require(key)?.as_list().ok_or_else(|| Error::malformed(format!("{key} (expected a list)")))
        };
        let (codecs, inner) = Codecs::of_version_3(list("codecs")?, datatype, &chunk, depth)?;
        let entry = Datatype::of(crate::dtype::Dtype::Uint64);
        // what zarr-python takes where nothing is said
        let default = ["bytes", "crc32c"].map(|name| JsonValue::Text(name.to_owned()));
        let index_codecs =
            if json.get_some("index_codecs").is_some() { list("index_codecs")? } else { &default };
        let (index, order) = Codecs::of_version_3(index_codecs, &entry, &[1], 0)?;
        if index.encoded_len(8).is_none() {
            return Err(Error::unsupported("a shard index of no fixed length"));
        }
        let at_end = match json.get_some("index_location").map(JsonValue::as_text) {
            None | Some(Some("end")) => true,
            Some(Some("start")) => false,
            Some(_) => return Err(Error::malformed("index_location (expected \"start\" or \"end\")")),
        };
        Ok((Sharding { chunk, counts, codecs, order, index, at_end }, inner))
    }

    /// Number of inner chunks in a shard.
    fn chunks(&self) -> Result<u64> {
        checked::product(&self.counts)
    }

    /// Where the index of a shard of `len` bytes is.
    ///
    /// # Errors
    /// `Malformed` if the shard is shorter than its index.
    pub(in crate::zarr) fn index_range(&self, len: u64) -> Result<Range<u64>> {
        let plain = checked::mul(self.chunks()?, ENTRY)?;
        let stored = self.index.encoded_len(checked::size(plain)?).unwrap_or(usize::MAX) as u64;
        if stored > len {
            return Err(Error::malformed(format!(
                "shard too short for its index (expected {stored} bytes, got {len})"
            )));
        }
        let start = if self.at_end { len.saturating_sub(stored) } else { 0 };
        Ok(start..start.saturating_add(stored))
    }

    /// Places of all inner chunks of a shard of `len` bytes, from its stored index, row-major.
    ///
    /// # Errors
    /// `Checksum`; `Malformed` if a chunk does not lie in the shard.
    pub(in crate::zarr) fn places(&self, index: &[u8], len: u64) -> Result<Vec<ChunkPlace>> {
        let n = self.chunks()?;
        let mut plain = crate::limits::zeroed(checked::size(checked::mul(n, ENTRY)?)?)?;
        let shape = [checked::mul(n, 2)?];
        let numbers = ChunkShape { shape: &shape, size: 8, fill: &[] };
        self.index.decode(index, numbers, &mut plain, &mut CodecWork::default())?;
        let mut src = Cursor::new(&plain, 0);
        let mut number = || -> Result<u64> {
            let bytes = src.array::<8>()?;
            Ok(if self.order == Order::Big { u64::from_be_bytes(bytes) } else { u64::from_le_bytes(bytes) })
        };
        let mut places = Vec::new();
        for i in 0..n {
            let (offset, length) = (number()?, number()?);
            if offset == ABSENT && length == ABSENT {
                places.push(None);
                continue;
            }
            let end = offset.checked_add(length).filter(|end| *end <= len);
            let end = end.ok_or_else(|| {
                Error::malformed(format!(
                    "inner chunk {i} outside its shard ({length} bytes at {offset} of {len})"
                ))
            })?;
            places.push(Some(offset..end));
        }
        Ok(places)
    }

    /// Decodes a whole shard into `out`.
    pub(super) fn decode_all(&self, shard: &[u8], whole: ChunkShape<'_>, out: &mut [u8]) -> Result<()> {
        let zero = vec![0; whole.shape.len()];
        let all = slab::BoxPlace { dims: whole.shape, at: &zero };
        slab::fill_box(whole.fill, (&mut *out, all), whole.shape, whole.size);
        let len = shard.len() as u64;
        let range = self.index_range(len)?;
        let index = shard.get(checked::size(range.start)?..checked::size(range.end)?).unwrap_or_default();
        let places = self.places(index, len)?;
        let inner = ChunkShape { shape: &self.chunk, ..whole };
        let mut chunk = crate::limits::zeroed(checked::size(inner.bytes()?)?)?;
        let mut work = CodecWork::default();
        let mut at = vec![0u64; self.counts.len()];
        for place in places {
            if let Some(range) = place {
                let stored =
                    shard.get(checked::size(range.start)?..checked::size(range.end)?).unwrap_or_default();
                self.codecs.decode(stored, inner, &mut chunk, &mut work)?;
                let start: Vec<u64> = at.iter().zip(&self.chunk).map(|(a, c)| a.saturating_mul(*c)).collect();
                let from = slab::BoxPlace { dims: &self.chunk, at: &zero };
                let to = slab::BoxPlace { dims: whole.shape, at: &start };
                slab::copy_box((&chunk, from), (out, to), &self.chunk, whole.size);
            }
            slab::advance(&mut at, &self.counts);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;
    use crate::codec::crc32c::crc32c;
    use crate::dtype::Dtype;

    /// Shards of 2 × 2 chunks of two bytes; the index has a sum.
    fn sharding(location: &str) -> Sharding {
        let text = format!(
            r#"{{"chunk_shape": [1, 2], "codecs": ["bytes"], "index_location": "{location}",
                "index_codecs": [{{"name": "bytes", "configuration": {{"endian": "little"}}}}, "crc32c"]}}"#
        );
        let json = JsonValue::parse(text.as_bytes(), None).unwrap();
        Sharding::read(&json, &Datatype::of(Dtype::Uint8), &[2, 4], 1).unwrap().0
    }

    fn index(places: [(u64, u64); 4]) -> Vec<u8> {
        let mut bytes: Vec<u8> =
            places.iter().flat_map(|(a, b)| [a.to_le_bytes(), b.to_le_bytes()].concat()).collect();
        bytes.extend(crc32c(&bytes).to_le_bytes());
        bytes
    }

    const GONE: (u64, u64) = (ABSENT, ABSENT);

    fn decoded(location: &str, shard: &[u8]) -> Result<Vec<u8>> {
        let mut out = vec![0; 8];
        let whole = ChunkShape { shape: &[2, 4], size: 1, fill: &[9] };
        sharding(location).decode_all(shard, whole, &mut out).map(|()| out)
    }

    /// Every pattern of missing chunks, with the index at either end.
    #[test]
    fn every_pattern_of_missing_chunks() {
        for missing in 0..16u32 {
            for location in ["start", "end"] {
                let base: u64 = if location == "start" { 68 } else { 0 };
                let (mut places, mut body, mut want) = ([GONE; 4], Vec::new(), [9; 8]);
                for n in (0..4usize).filter(|n| missing & 1 << n == 0) {
                    places[n] = (base + body.len() as u64, 2);
                    let chunk = [n as u8 * 2, n as u8 * 2 + 1];
                    body.extend(chunk);
                    let at = n / 2 * 4 + n % 2 * 2;
                    want[at..at + 2].copy_from_slice(&chunk);
                }
                let index = index(places);
                let shard = if location == "start" { [index, body].concat() } else { [body, index].concat() };
                assert_eq!(decoded(location, &shard).unwrap(), want, "{missing:04b} {location}");
            }
        }
    }

    #[test]
    fn indexes_that_lie() {
        let shard = |places| [vec![1, 2], index(places)].concat();
        for places in [
            [(0, 200), GONE, GONE, GONE],
            [(u64::MAX - 1, 2), GONE, GONE, GONE],
            [(ABSENT, 2), GONE, GONE, GONE],
            [(0, 1), GONE, GONE, GONE],
        ] {
            assert_eq!(decoded("end", &shard(places)).unwrap_err().kind(), Kind::Malformed, "{places:?}");
        }
        let mut wrong = shard([GONE; 4]);
        wrong[5] ^= 1;
        assert_eq!(decoded("end", &wrong).unwrap_err().kind(), Kind::Checksum);
        assert_eq!(decoded("end", &wrong[..67]).unwrap_err().kind(), Kind::Malformed);
        let json = JsonValue::parse(
            br#"{"chunk_shape": [3], "codecs": ["bytes"], "index_codecs": ["bytes"]}"#,
            None,
        );
        let read = Sharding::read(&json.unwrap(), &Datatype::of(Dtype::Uint8), &[4], 1);
        assert_eq!(read.unwrap_err().kind(), Kind::Malformed, "chunks that do not divide their shard");
    }
}
