//! One codec: undoing it.

use super::numbers::Recoding;
use super::{ChunkShape, Sharding, same_length};
use crate::bytes::slab;
use crate::codec::deflate::Inflater;
use crate::codec::deflate::framed::{self, DeflateFrame};
use crate::codec::{blosc, bzip2, crc32c, fletcher32, lz4, shuffle, zstd};
use crate::error::{Error, Result};

/// A codec with its parameters.
#[derive(Debug)]
pub(super) enum Step {
    /// The dimensions of the array in another order.
    Transpose(Vec<usize>),
    /// Numbers written as other numbers.
    Recode(Recoding),
    /// Shards with inner chunks.
    Sharding(Box<Sharding>),
    Gzip,
    Zlib,
    Zstd,
    Blosc,
    /// An LZ4 block after its decoded length.
    Lz4,
    Bzip2,
    /// Bytes of elements of this size, the first of all, then the second of all.
    Shuffle(usize),
    /// A sum of 32 bits beside the bytes.
    Checksum {
        sum: Sum,
        in_front: bool,
    },
    /// Fletcher-32 behind the bytes.
    Fletcher32,
}

/// How the bytes are summed up.
#[derive(Debug, Clone, Copy)]
pub(super) enum Sum {
    Crc32c,
    Crc32,
    Adler32,
}

impl Step {
    /// Undoes the codec: all of `input` to all of `out`.
    pub(super) fn decode(
        &self,
        input: &[u8],
        chunk: ChunkShape<'_>,
        out: &mut [u8],
        inflater: &mut Inflater,
    ) -> Result<()> {
        match self {
            Step::Transpose(order) => transpose_back(input, order, chunk, out),
            Step::Recode(recoding) => recoding.decode(input, out),
            Step::Sharding(sharding) => sharding.decode_all(input, chunk, out),
            Step::Gzip => framed::decode(DeflateFrame::Gzip, input, out),
            Step::Zlib => inflater.inflate_exact(input, out),
            Step::Zstd => zstd::decode(input, out),
            Step::Blosc => {
                let len = blosc::stored_len(input)?;
                if len != input.len() as u64 {
                    let text = format!("Blosc chunk (expected {len} stored bytes, got {})", input.len());
                    return Err(Error::malformed(text));
                }
                blosc::decode(input, out, inflater)
            }
            Step::Lz4 => lz4_block(input, out),
            Step::Bzip2 => bzip2::decode(input, out),
            Step::Shuffle(width) => {
                same_length(input, out.len())?;
                shuffle::unshuffle(input, *width, out);
                Ok(())
            }
            Step::Checksum { .. } | Step::Fletcher32 => {
                let data = self.checked(input)?;
                same_length(data, out.len())?;
                out.copy_from_slice(data);
                Ok(())
            }
        }
    }

    /// As [`decode`](Self::decode) for a length that is not known, of at most `most` bytes. Only codecs from
    /// bytes to bytes can follow one whose length is not known.
    pub(super) fn decode_to_vec(
        &self,
        input: &[u8],
        out: &mut Vec<u8>,
        most: usize,
        inflater: &mut Inflater,
    ) -> Result<()> {
        out.clear();
        let known = match self {
            Step::Gzip => return framed::decode_to_vec(input, out, most),
            Step::Zlib => return inflater.inflate_to_vec(input, out, most),
            Step::Zstd => return zstd::decode_to_vec(input, out, most),
            Step::Bzip2 => return bzip2::decode_to_vec(input, out, most),
            Step::Blosc => usize::try_from(blosc::decoded_len(input)?).unwrap_or(usize::MAX),
            Step::Lz4 => lz4_len(input)?,
            Step::Shuffle(_) => input.len(),
            Step::Checksum { .. } | Step::Fletcher32 => self.checked(input)?.len(),
            Step::Transpose(_) | Step::Recode(_) | Step::Sharding(_) => {
                return Err(Error::unsupported("a codec of arrays around one of strings"));
            }
        };
        if known > most {
            return Err(Error::limit(format!("chunk of {known} bytes (limit {most})")));
        }
        crate::limits::resize(out, known)?;
        self.decode(input, ChunkShape { shape: &[], size: 1, fill: &[] }, out, inflater)
    }

    /// Whether it makes fewer bytes of more.
    pub(super) fn is_compressor(&self) -> bool {
        matches!(self, Step::Gzip | Step::Zlib | Step::Zstd | Step::Blosc | Step::Lz4 | Step::Bzip2)
    }

    /// Length of the encoded bytes of `n` bytes of `elements` elements; `None` if it depends on them.
    pub(super) fn encoded_len(&self, n: usize, elements: u64) -> Option<usize> {
        match self {
            Step::Transpose(_) | Step::Shuffle(_) => Some(n),
            Step::Recode(recoding) => recoding.encoded_len(usize::try_from(elements).ok()?),
            Step::Checksum { .. } | Step::Fletcher32 => n.checked_add(4),
            _ => None,
        }
    }

    /// The bytes without their checksum, which must match.
    fn checked<'a>(&self, input: &'a [u8]) -> Result<&'a [u8]> {
        let (sum, in_front) = match self {
            Step::Checksum { sum, in_front } => (*sum, *in_front),
            Step::Fletcher32 => return fletcher32::strip(input),
            _ => return Ok(input),
        };
        let parts = if in_front {
            input.split_first_chunk::<4>()
        } else {
            input.split_last_chunk::<4>().map(|(data, sum)| (sum, data))
        };
        let Some((stored, data)) = parts else {
            return Err(Error::malformed("bytes too short for their checksum"));
        };
        let want = u32::from_le_bytes(*stored);
        let got = match sum {
            Sum::Crc32c => crc32c::crc32c(data),
            Sum::Crc32 => crc32fast::hash(data),
            Sum::Adler32 => adler32(data),
        };
        if want != got {
            let text = format!("{sum:?} mismatch (expected {want:08x}, got {got:08x})");
            return Err(Error::checksum(text));
        }
        Ok(data)
    }

    /// Refuses bytes that name another decoded length than `wanted`, or are too few for it.
    pub(super) fn check_claim(&self, input: &[u8], wanted: usize) -> Result<()> {
        let claimed = match self {
            Step::Blosc => Some(blosc::decoded_len(input)?),
            Step::Lz4 => Some(lz4_len(input)? as u64),
            Step::Zstd => {
                let size = zstd::content_size(input);
                size.filter(|n| *n >= wanted as u64 || !zstd::has_more_frames(input))
            }
            Step::Checksum { .. } | Step::Fletcher32 => Some(input.len().saturating_sub(4) as u64),
            Step::Transpose(_) | Step::Shuffle(_) => Some(input.len() as u64),
            Step::Gzip | Step::Zlib if wanted > input.len().saturating_mul(DEFLATE_RATIO) => {
                let text = format!("a deflate stream of {} bytes for {wanted}", input.len());
                return Err(Error::malformed(text));
            }
            _ => None,
        };
        match claimed {
            Some(claimed) if claimed != wanted as u64 => {
                Err(Error::malformed(format!("chunk length (expected {wanted} bytes, got {claimed})")))
            }
            _ => Ok(()),
        }
    }
}

/// Deflate makes at most this many bytes of one.
const DEFLATE_RATIO: usize = 1100;

/// The decoded length in front of a block, as numcodecs writes it.
fn lz4_len(input: &[u8]) -> Result<usize> {
    let Some(head) = input.first_chunk::<4>() else {
        return Err(Error::malformed("LZ4 chunk too short for its length"));
    };
    Ok(usize::try_from(u32::from_le_bytes(*head)).unwrap_or(usize::MAX))
}

fn lz4_block(input: &[u8], out: &mut [u8]) -> Result<()> {
    let len = lz4_len(input)?;
    if len != out.len() {
        return Err(Error::malformed(format!("LZ4 chunk length (expected {} bytes, got {len})", out.len())));
    }
    lz4::decode_block(input.get(4..).unwrap_or_default(), out)
}

/// RFC 1950, section 9.
fn adler32(data: &[u8]) -> u32 {
    let step = |(a, b): (u32, u32), byte: &u8| {
        let a = a.wrapping_add(u32::from(*byte)) % 65521;
        (a, b.wrapping_add(a) % 65521)
    };
    let (a, b) = data.iter().fold((1, 0), step);
    b << 16 | a
}

/// Undoes a transposition: dimension `i` of `input` is dimension `order[i]` of the chunk.
fn transpose_back(input: &[u8], order: &[usize], chunk: ChunkShape<'_>, out: &mut [u8]) -> Result<()> {
    let ChunkShape { shape, size, .. } = chunk;
    same_length(input, out.len())?;
    if order.len() != shape.len() || input.is_empty() {
        return Ok(());
    }
    // bytes from one element to the next along each dimension of the array, in `out`
    let mut strides = vec![0u64; shape.len()];
    let mut stride = size;
    for (s, n) in strides.iter_mut().zip(shape).rev() {
        *s = stride;
        stride = stride.saturating_mul(*n);
    }
    let dims: Vec<u64> = order.iter().map(|d| shape.get(*d).copied().unwrap_or(1)).collect();
    let steps: Vec<u64> = order.iter().map(|d| strides.get(*d).copied().unwrap_or(0)).collect();
    let width = usize::try_from(size).unwrap_or(usize::MAX).max(1);
    let mut at = vec![0u64; dims.len()];
    for element in input.chunks_exact(width) {
        let to = at.iter().zip(&steps).fold(0u64, |n, (a, s)| n.saturating_add(a.saturating_mul(*s)));
        let to = usize::try_from(to).unwrap_or(usize::MAX);
        if let Some(place) = out.get_mut(to..).and_then(|o| o.get_mut(..width)) {
            place.copy_from_slice(element);
        }
        slab::advance(&mut at, &dims);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn undo(step: &Step, input: &[u8], shape: &[u64], size: u64, len: usize) -> Result<Vec<u8>> {
        let mut out = vec![0; len];
        step.decode(input, ChunkShape { shape, size, fill: &[] }, &mut out, &mut Inflater::default())
            .map(|()| out)
    }

    fn sum(sum: Sum) -> Step {
        Step::Checksum { sum, in_front: true }
    }

    #[test]
    fn a_transposed_chunk() {
        // numpy.arange(6, dtype="u1").reshape(2, 3), stored by columns
        let stored = [0, 3, 1, 4, 2, 5];
        let out = undo(&Step::Transpose(vec![1, 0]), &stored, &[2, 3], 1, 6).unwrap();
        assert_eq!(out, [0, 1, 2, 3, 4, 5]);
        // (2, 3, 4) with order (2, 0, 1): stored[k, i, j] = array[i, j, k]
        let stored: Vec<u8> = (0..24).map(|n: u8| (n / 6) + (n % 6) / 3 * 12 + n % 3 * 4).collect();
        let out = undo(&Step::Transpose(vec![2, 0, 1]), &stored, &[2, 3, 4], 1, 24).unwrap();
        assert_eq!(out, (0..24).collect::<Vec<u8>>());
        assert!(undo(&Step::Transpose(vec![1, 0]), &stored, &[2, 3], 1, 6).is_err());
    }

    #[test]
    fn sums_and_lengths() {
        // numcodecs.Adler32().encode(b"abc"), CRC32, LZ4 of b"aaaaaaaaaa"
        assert_eq!(
            undo(&sum(Sum::Adler32), &[0x27, 0x01, 0x4d, 0x02, b'a', b'b', b'c'], &[], 1, 3).unwrap(),
            b"abc"
        );
        let mut crc = crc32fast::hash(b"abc").to_le_bytes().to_vec();
        crc.extend(b"abc");
        assert_eq!(undo(&sum(Sum::Crc32), &crc, &[], 1, 3).unwrap(), b"abc");
        crc[4] = b'x';
        assert_eq!(undo(&sum(Sum::Crc32), &crc, &[], 1, 3).unwrap_err().kind(), crate::Kind::Checksum);
        let lz4 = [10, 0, 0, 0, 0x11, b'a', 1, 0, 0x40, b'a', b'a', b'a', b'a'];
        assert_eq!(undo(&Step::Lz4, &lz4, &[], 1, 10).unwrap(), b"aaaaaaaaaa");
        assert!(undo(&Step::Lz4, &lz4, &[], 1, 11).is_err());
        assert!(undo(&Step::Lz4, &lz4[..3], &[], 1, 10).is_err());
    }
}
