//! Decodes chunks: undoes filters in reverse order, respects the chunk's filter mask, and checks the final
//! length.

use super::nbit::NBit;
use super::scale_offset::ScaleOffset;
use super::szip::Szip;
use super::{id, registered_name};
use crate::bytes::checked;
use crate::codec::bitshuffle::Bitshuffle;
use crate::codec::deflate::Inflater;
use crate::codec::{blosc, blosc2, bzip2, fletcher32, lz4, lzf, shuffle, zstd};
use crate::error::{Error, Result};
use crate::hdf5::format::message::filter_pipeline::Filter;

/// The filters of a dataset, prepared to decode chunks of one length.
#[derive(Debug, Clone)]
pub(crate) struct Pipeline {
    /// In write order.
    stages: Vec<Stage>,
}

#[derive(Debug, Clone)]
struct Stage {
    codec: Codec,
    /// Index of its bit in a chunk's filter mask.
    bit: u32,
}

#[derive(Debug, Clone)]
enum Codec {
    Deflate,
    Shuffle {
        width: usize,
    },
    Fletcher32,
    Lzf,
    Lz4,
    Zstd,
    Bitshuffle(Bitshuffle),
    Blosc,
    Blosc2,
    Bzip2,
    Szip(Szip),
    NBit(NBit),
    ScaleOffset(ScaleOffset),
    /// Reported by name when a chunk needs it.
    Unknown {
        id: u16,
        name: String,
    },
}

/// Buffers and decoder states of one worker, reused for each chunk.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    a: Vec<u8>,
    b: Vec<u8>,
    inflater: Option<Inflater>,
}

impl Pipeline {
    /// Prepares `filters` for elements of `element_size` bytes.
    pub(crate) fn new(filters: &[Filter], element_size: usize) -> Result<Self> {
        let stages = filters.iter().zip(0u32..).filter_map(|(f, n)| {
            let bit = 1u32.checked_shl(n).unwrap_or(0);
            Codec::new(f, element_size).map(|c| c.map(|codec| Stage { codec, bit })).transpose()
        });
        Ok(Pipeline { stages: stages.collect::<Result<_>>()? })
    }

    /// Whether a chunk with this mask is stored unfiltered.
    pub(crate) fn is_plain(&self, mask: u32) -> bool {
        self.stages.iter().all(|s| mask & s.bit != 0)
    }

    /// Whether a chunk with this mask can be decoded from beginning to end without being held in memory: if
    /// it was filtered by deflate alone, or by shuffle and deflate. Returns the element width of the shuffle
    /// in bytes, 1 if there was none.
    pub(crate) fn in_order(&self, mask: u32) -> Option<usize> {
        let mut active = self.stages.iter().filter(|s| mask & s.bit == 0).map(|s| &s.codec);
        match (active.next(), active.next(), active.next()) {
            (Some(Codec::Deflate), None, None) => Some(1),
            (Some(Codec::Shuffle { width }), Some(Codec::Deflate), None) => Some(*width),
            _ => None,
        }
    }

    /// Upper bound of the decoded length of `stored` bytes.
    pub(crate) fn most_expanded(&self, stored: u64, mask: u32) -> u64 {
        self.stages.iter().filter(|s| mask & s.bit == 0).fold(stored, |n, s| match s.codec {
            // RFC 1951: 258 bytes from two bits; LZF: 264 bytes from three
            Codec::Deflate => n.saturating_mul(1032),
            Codec::Lzf => n.saturating_mul(88),
            // LZ4: 255 bytes from one; the others encode long runs in a few bytes
            Codec::Lz4 => n.saturating_mul(256),
            Codec::Zstd | Codec::Bitshuffle(_) | Codec::Blosc | Codec::Bzip2 | Codec::Szip(_) => {
                n.saturating_mul(1 << 20)
            }
            // all numbers may be equal and take no bits at all
            Codec::Blosc2 | Codec::ScaleOffset(_) | Codec::NBit(_) => n.saturating_mul(1 << 26),
            Codec::Shuffle { .. } | Codec::Fletcher32 => n,
            Codec::Unknown { .. } => u64::MAX,
        })
    }

    /// Decodes the chunk `stored` into `out`, which has the length of a chunk. Returns the length of the decoded
    /// bytes: less than a chunk if the last of the filters was deflate, alone or after a shuffle, and its stream ends
    /// properly after fewer bytes. What follows them in `out` is undefined.
    pub(crate) fn decode(
        &self,
        stored: &[u8],
        mask: u32,
        out: &mut [u8],
        work: &mut Workspace,
    ) -> Result<usize> {
        if let Some(width) = self.in_order(mask) {
            return inflate_part(stored, width, out, work);
        }
        self.undo_all(stored, mask, out, work).map(|()| out.len())
    }

    fn undo_all(&self, stored: &[u8], mask: u32, out: &mut [u8], work: &mut Workspace) -> Result<()> {
        let active: Vec<&Stage> = self.stages.iter().filter(|s| mask & s.bit == 0).collect();
        // Length of the data before each filter, as far as it is known: only checksums add to it.
        let mut lengths = Vec::with_capacity(active.len());
        let mut len = Some(out.len());
        for s in &active {
            lengths.push(len);
            len = match s.codec {
                Codec::Shuffle { .. } => len,
                Codec::Fletcher32 => len.and_then(|l| l.checked_add(4)),
                _ => None,
            };
        }
        // Data between two filters may be slightly longer than a chunk, if it did not compress.
        let most = out.len().saturating_mul(2).saturating_add(1 << 16);
        let Workspace { a, b, inflater } = work;
        let (mut from, mut to) = (a, b);
        let mut input = stored;
        let mut todo = active.into_iter().zip(lengths).rev().peekable();
        if todo.peek().is_none() {
            return copy_exact(input, out);
        }
        while let Some((stage, len)) = todo.next() {
            if todo.peek().is_none() {
                return stage.codec.undo(input, out, inflater);
            }
            let made = match (&stage.codec, len) {
                (Codec::Unknown { .. }, _) => return stage.codec.undo(input, &mut [], inflater),
                (_, Some(len)) => fill(to, len, |o| stage.codec.undo(input, o, inflater))?,
                (codec, None) => codec.undo_to_vec(input, to, most, inflater)?,
            };
            std::mem::swap(&mut from, &mut to);
            input = from.get(..made).unwrap_or_default();
        }
        Ok(())
    }

    /// Decodes two chunks at once, both filtered by shuffle of `width` bytes and then deflate, as reported by
    /// [`in_order`](Self::in_order). An error is returned with the index of its chunk.
    pub(crate) fn decode_both(
        width: usize,
        chunks: [(&[u8], &mut [u8]); 2],
        work: &mut Workspace,
    ) -> std::result::Result<(), (usize, Error)> {
        let Workspace { a, b, inflater } = work;
        let inflater = inflater.get_or_insert_default();
        if width == 1 {
            return inflater.inflate_both(chunks);
        }
        let [(stored_a, out_a), (stored_b, out_b)] = chunks;
        let a = grow(a, out_a.len()).map_err(|e| (0, e))?;
        let b = grow(b, out_b.len()).map_err(|e| (1, e))?;
        inflater.inflate_both([(stored_a, &mut *a), (stored_b, &mut *b)])?;
        shuffle::unshuffle(a, width, out_a);
        shuffle::unshuffle(b, width, out_b);
        Ok(())
    }
}

/// Decodes a chunk that was shuffled by elements of `width` bytes, if that is not 1, and then deflated. Returns the
/// length of the decoded bytes.
fn inflate_part(stored: &[u8], width: usize, out: &mut [u8], work: &mut Workspace) -> Result<usize> {
    let Workspace { a, inflater, .. } = work;
    let inflater = inflater.get_or_insert_default();
    if width == 1 {
        return inflater.inflate_up_to(stored, out);
    }
    let made = inflater.inflate_up_to(stored, grow(a, out.len())?)?;
    if let (Some(shuffled), Some(out)) = (a.get(..made), out.get_mut(..made)) {
        shuffle::unshuffle(shuffled, width, out);
    }
    Ok(made)
}

/// Returns the first `len` bytes of `buffer`, which grows if needed and never shrinks.
fn grow(buffer: &mut Vec<u8>, len: usize) -> Result<&mut [u8]> {
    if buffer.len() < len {
        buffer.try_reserve(len).map_err(|_| Error::limit(format!("no memory for {len} bytes")))?;
        buffer.resize(len, 0);
    }
    Ok(buffer.get_mut(..len).unwrap_or_default())
}

/// Calls `write` to fill the first `len` bytes of `buffer`.
fn fill(buffer: &mut Vec<u8>, len: usize, write: impl FnOnce(&mut [u8]) -> Result<()>) -> Result<usize> {
    write(grow(buffer, len)?).map(|()| len)
}

fn copy_exact(input: &[u8], out: &mut [u8]) -> Result<()> {
    if input.len() != out.len() {
        return Err(Error::malformed(format!(
            "chunk length (expected {} bytes, got {})",
            out.len(),
            input.len()
        )));
    }
    out.copy_from_slice(input);
    Ok(())
}

impl Codec {
    /// Creates the codec of filter `f`; `None` if it leaves these chunks unchanged.
    fn new(f: &Filter, element_size: usize) -> Result<Option<Codec>> {
        Ok(Some(match f.id {
            id::DEFLATE => Codec::Deflate,
            id::SHUFFLE => {
                let width =
                    f.values.first().copied().map_or(element_size, |w| usize::try_from(w).unwrap_or(0));
                if width == 0 {
                    return Err(Error::malformed("shuffle by elements of 0 bytes"));
                }
                Codec::Shuffle { width }
            }
            id::FLETCHER32 => Codec::Fletcher32,
            id::LZF => Codec::Lzf,
            id::LZ4 => Codec::Lz4,
            id::ZSTD => Codec::Zstd,
            id::BITSHUFFLE => Codec::Bitshuffle(Bitshuffle::new(&f.values, element_size)?),
            id::BLOSC => Codec::Blosc,
            id::BLOSC2 => Codec::Blosc2,
            id::BZIP2 => Codec::Bzip2,
            id::SZIP => Codec::Szip(Szip::new(&f.values)?),
            id::NBIT => match NBit::new(&f.values)? {
                Some(n) => Codec::NBit(n),
                None => return Ok(None),
            },
            id::SCALE_OFFSET => Codec::ScaleOffset(ScaleOffset::new(&f.values)?),
            id => Codec::Unknown { id, name: f.name.clone() },
        }))
    }

    fn undo(&self, input: &[u8], out: &mut [u8], inflater: &mut Option<Inflater>) -> Result<()> {
        match self {
            Codec::Deflate => inflater.get_or_insert_default().inflate_exact(input, out),
            Codec::Shuffle { width } => {
                if input.len() != out.len() {
                    return copy_exact(input, out);
                }
                shuffle::unshuffle(input, *width, out);
                Ok(())
            }
            Codec::Fletcher32 => copy_exact(fletcher32::strip(input)?, out),
            Codec::Lzf => lzf::decode(input, out),
            Codec::Lz4 => lz4::decode(input, out),
            Codec::Zstd => zstd::decode(input, out),
            Codec::Bitshuffle(b) => b.decode(input, out),
            Codec::Blosc => blosc::decode(input, out, inflater.get_or_insert_default()),
            Codec::Blosc2 => blosc2::decode(input, out, inflater.get_or_insert_default()),
            Codec::Bzip2 => bzip2::decode(input, out),
            Codec::Szip(s) => s.decode(input, out),
            Codec::NBit(n) => n.decode(input, out),
            Codec::ScaleOffset(s) => s.decode(input, out),
            Codec::Unknown { id, name } => {
                let name =
                    registered_name(*id).unwrap_or(if name.is_empty() { "unregistered" } else { name });
                let advice = "the file can be rewritten without it by h5repack -f GZIP=4 where the plugin is installed";
                let feature = format!("filter {id} ({name})");
                Err(Error::unsupported(format!("{feature}; {advice}")).of_feature(feature))
            }
        }
    }

    /// Undoes a filter whose output may have any length up to `most`; returns the length.
    fn undo_to_vec(
        &self,
        input: &[u8],
        out: &mut Vec<u8>,
        most: usize,
        inflater: &mut Option<Inflater>,
    ) -> Result<usize> {
        let len = match self {
            Codec::Deflate => {
                inflater.get_or_insert_default().inflate_to_vec(input, out, most)?;
                return Ok(out.len());
            }
            Codec::Zstd => {
                zstd::decode_to_vec(input, out, most)?;
                return Ok(out.len());
            }
            Codec::Bzip2 => {
                bzip2::decode_to_vec(input, out, most)?;
                return Ok(out.len());
            }
            Codec::Shuffle { .. } | Codec::Unknown { .. } => input.len(),
            Codec::Fletcher32 => input.len().saturating_sub(4),
            Codec::Lzf => checked::size(lzf::decoded_len(input)?)?,
            Codec::Lz4 => checked::size(lz4::decoded_len(input)?)?,
            Codec::Bitshuffle(b) => checked::size(b.decoded_len(input)?)?,
            Codec::Blosc => checked::size(blosc::decoded_len(input)?)?,
            Codec::Blosc2 => blosc2::decoded_len(input)?,
            Codec::Szip(_) => checked::size(Szip::decoded_len(input)?)?,
            Codec::NBit(n) => n.decoded_len(),
            Codec::ScaleOffset(s) => s.decoded_len(),
        };
        if len > most {
            return Err(Error::limit(format!(
                "a chunk of at most {most} bytes becomes {len} between two filters"
            )));
        }
        fill(out, len, |o| self.undo(input, o, inflater))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(id: u16, values: &[u32]) -> Filter {
        Filter { id, name: String::new(), optional: false, values: values.to_vec() }
    }

    // zlib.compress(b"\x01\x02\x00\x00") of two shuffled 16-bit numbers 1 and 2
    const SHUFFLED: [u8; 12] = [0x78, 0x9c, 0x63, 0x64, 0x62, 0x60, 0x00, 0x00, 0x00, 0x0e, 0x00, 0x04];

    fn with_checksum(data: &[u8]) -> Vec<u8> {
        let mut v = data.to_vec();
        v.extend(fletcher32::fletcher32(data).to_le_bytes());
        v
    }

    #[test]
    fn filters_are_undone_last_to_first() {
        let p = Pipeline::new(&[filter(2, &[2]), filter(1, &[4]), filter(3, &[])], 2).unwrap();
        let stored = with_checksum(&SHUFFLED);
        let mut out = [0; 4];
        p.decode(&stored, 0, &mut out, &mut Workspace::default()).unwrap();
        assert_eq!(out, [1, 0, 2, 0]);
    }

    #[test]
    fn the_mask_leaves_filters_out() {
        let p = Pipeline::new(&[filter(2, &[2]), filter(1, &[4])], 2).unwrap();
        let mut out = [0; 4];
        let work = &mut Workspace::default();
        p.decode(&SHUFFLED, 0b01, &mut out, work).unwrap();
        assert_eq!(out, [1, 2, 0, 0], "shuffle left out");
        p.decode(&[9, 8, 7, 6], 0b11, &mut out, work).unwrap();
        assert_eq!(out, [9, 8, 7, 6], "both left out");
        assert!(p.is_plain(0b11) && !p.is_plain(0b10));
        assert!(p.decode(&[9, 8, 7], 0b11, &mut out, work).is_err());
    }

    #[test]
    fn an_unknown_filter_is_named() {
        let p = Pipeline::new(&[filter(32013, &[])], 2).unwrap();
        let e = p.decode(&[0], 0, &mut [0; 4], &mut Workspace::default()).unwrap_err();
        assert_eq!(e.kind(), crate::Kind::Unsupported);
        assert!(e.message().starts_with("filter 32013 (zfp)"), "{e}");
        assert_eq!(e.feature(), Some("filter 32013 (zfp)"));
    }
}
