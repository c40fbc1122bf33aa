//! Blosc 1 (filter 32001): blocks, each shuffled by bytes or bits and compressed by one of five codecs.
//! Defined by <https://github.com/Blosc/c-blosc/blob/main/README_CHUNK_FORMAT.rst>.

mod encode;

pub(crate) use encode::{BloscStream, encode, lz4_stream};

use super::{bitshuffle, lz4, shuffle, zstd};
use crate::bytes::Cursor;
use crate::codec::deflate::Inflater;
use crate::error::{Error, Result};

/// Flags of the header.
const BYTE_SHUFFLE: u8 = 0x01;
const PLAIN: u8 = 0x02;
const BIT_SHUFFLE: u8 = 0x04;
const UNSPLIT: u8 = 0x10;
/// Blocks are split into one stream per byte of the element up to this element size, if streams have at least
/// this many bytes.
const MOST_SPLITS: usize = 16;
const LEAST_STREAM: usize = 128;

/// Decodes all of `input` into all of `out`.
pub(crate) fn decode(input: &[u8], out: &mut [u8], inflater: &mut Inflater) -> Result<()> {
    let mut src = Cursor::new(input, 0);
    let version = src.read_u8()?;
    if version > 2 {
        return Err(Error::unsupported(format!("Blosc format {version}")));
    }
    src.skip(1)?; // version of the codec's format
    let flags = src.read_u8()?;
    let element = usize::from(src.read_u8()?).max(1);
    let (total, block) = (src.read_u32()?, src.read_u32()?);
    src.skip(4)?; // stored bytes
    if u64::from(total) != out.len() as u64 {
        return Err(Error::malformed(format!(
            "Blosc chunk length (expected {} bytes, got {total})",
            out.len()
        )));
    }
    if flags & PLAIN != 0 {
        out.copy_from_slice(src.take(out.len())?);
        return Ok(());
    }
    let block = usize::try_from(block).unwrap_or(0);
    if block == 0 {
        return Err(Error::malformed("Blosc blocks of 0 bytes"));
    }
    let codec = flags.wrapping_shr(5);
    let mut scratch = Vec::new();
    for part in out.chunks_mut(block) {
        let start = usize::try_from(src.read_u32()?).unwrap_or(usize::MAX);
        let whole = part.len() == block;
        let streams = if whole
            && flags & UNSPLIT == 0
            && element <= MOST_SPLITS
            && block.checked_div(element).unwrap_or(0) >= LEAST_STREAM
        {
            element
        } else {
            1
        };
        let stored = input.get(start..).ok_or_else(|| Error::malformed("Blosc block outside its chunk"))?;
        let mut stored = Cursor::new(stored, 0);
        let shuffled = flags & (BYTE_SHUFFLE | BIT_SHUFFLE) != 0 && (element > 1 || flags & BIT_SHUFFLE != 0);
        scratch.resize(part.len(), 0);
        let target: &mut [u8] = if shuffled { &mut scratch } else { part };
        let each = target.len().checked_div(streams).unwrap_or(0);
        if each.saturating_mul(streams) != target.len() || each == 0 {
            return Err(Error::malformed("Blosc block that its streams do not divide"));
        }
        for stream in target.chunks_mut(each) {
            let len = usize::try_from(stored.read_u32()?).unwrap_or(usize::MAX);
            let bytes = stored.take(len)?;
            if len == stream.len() {
                stream.copy_from_slice(bytes);
                continue;
            }
            decode_stream(codec, bytes, stream, inflater)?;
        }
        if !shuffled {
            continue;
        }
        if flags & BIT_SHUFFLE != 0 {
            // blosc_internal_bitshuffle: a block whose number of elements is not a multiple of eight is left
            // unchanged
            let elements = part.len().checked_div(element).unwrap_or(0);
            let len = if elements % 8 == 0 { elements.saturating_mul(element) } else { 0 };
            let (eights, rest) = part.split_at_mut(len);
            let (from, tail) = scratch.split_at(len);
            bitshuffle::untranspose(from, element, eights);
            rest.copy_from_slice(tail);
        } else {
            shuffle::unshuffle(&scratch, element, part);
        }
    }
    Ok(())
}

/// The decoded length stored in a chunk.
pub(crate) fn decoded_len(input: &[u8]) -> Result<u64> {
    let mut src = Cursor::new(input, 0);
    src.skip(4)?;
    src.read_u32().map(u64::from)
}

/// The length that a chunk says it has itself, header and all.
pub(crate) fn stored_len(input: &[u8]) -> Result<u64> {
    let mut src = Cursor::new(input, 0);
    src.skip(12)?;
    src.read_u32().map(u64::from)
}

/// Decodes one stream of codec number `codec` into all of `out`.
pub(crate) fn decode_stream(codec: u8, input: &[u8], out: &mut [u8], inflater: &mut Inflater) -> Result<()> {
    match codec {
        0 => blosclz(input, out),
        1 => lz4::decode_block(input, out),
        2 => snappy(input, out),
        3 => inflater.inflate_exact(input, out),
        4 => zstd::decode(input, out),
        c => Err(Error::unsupported(format!("Blosc codec {c}"))),
    }
}

fn snappy(input: &[u8], out: &mut [u8]) -> Result<()> {
    let broken = |e: snap::Error| Error::malformed(format!("Snappy stream is broken: {e}"));
    let len = snap::raw::decompress_len(input).map_err(broken)?;
    if len != out.len() {
        return Err(Error::malformed(format!("Snappy stream (expected {} bytes, got {len})", out.len())));
    }
    snap::raw::Decoder::new().decompress(input, out).map_err(broken)?;
    Ok(())
}

/// BloscLZ, a relative of FastLZ: literal runs, and copies from up to 8191 bytes back, or 65535 more than
/// that.
fn blosclz(input: &[u8], out: &mut [u8]) -> Result<()> {
    const FAR: usize = 8191;
    let early = || Error::malformed("BloscLZ block ends early");
    let mut src = input.iter().copied();
    let mut at = 0usize;
    // The first control byte is always a run of literals; its upper bits mean something else.
    let mut control = usize::from(src.next().ok_or_else(early)? & 31);
    loop {
        if control >= 32 {
            let mut len = (control.wrapping_shr(5)).saturating_sub(1);
            let high = (control & 31).wrapping_shl(8);
            if len == 6 {
                loop {
                    let more = usize::from(src.next().ok_or_else(early)?);
                    len = len.saturating_add(more);
                    if more != 255 {
                        break;
                    }
                }
            }
            let low = usize::from(src.next().ok_or_else(early)?);
            len = len.saturating_add(3);
            let mut distance = high.saturating_add(low).saturating_add(1);
            if low == 255 && high == 31usize.wrapping_shl(8) {
                let far = u16::from_be_bytes([src.next().ok_or_else(early)?, src.next().ok_or_else(early)?]);
                distance = usize::from(far).saturating_add(FAR).saturating_add(1);
            }
            let from = at
                .checked_sub(distance)
                .ok_or_else(|| Error::malformed("BloscLZ copy from before the block"))?;
            let end = at.saturating_add(len);
            if end > out.len() {
                return Err(Error::malformed(format!(
                    "BloscLZ block holds more than the {} bytes expected",
                    out.len()
                )));
            }
            super::lzf::copy_within(out, from, at, len);
            at = end;
        } else {
            let end = at.saturating_add(control).saturating_add(1);
            let len = out.len();
            let literals = out.get_mut(at..end).ok_or_else(|| {
                Error::malformed(format!("BloscLZ block holds more than the {len} bytes expected"))
            })?;
            for slot in literals {
                *slot = src.next().ok_or_else(early)?;
            }
            at = end;
        }
        match src.next() {
            Some(c) => control = usize::from(c),
            None => break,
        }
    }
    if at == out.len() { Ok(()) } else { Err(early()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(flags: u8, element: u8, total: u32, block: u32, body: &[u8]) -> Vec<u8> {
        let mut b = vec![2, 1, flags, element];
        b.extend(total.to_le_bytes());
        b.extend(block.to_le_bytes());
        b.extend((16 + body.len() as u32).to_le_bytes());
        b.extend(body);
        b
    }

    #[test]
    fn plain_and_one_block_of_lz4() {
        let mut out = [0; 4];
        let inflater = &mut Inflater::default();
        decode(&chunk(PLAIN, 1, 4, 4, b"abcd"), &mut out, inflater).unwrap();
        assert_eq!(&out, b"abcd");
        // the block at 20: a stream as long as it is, stored as it is; shuffled 16-bit numbers
        let body = [20, 0, 0, 0, 4, 0, 0, 0, 1, 2, 0, 0];
        decode(&chunk(BYTE_SHUFFLE | 1 << 5, 2, 4, 4, &body), &mut out, inflater).unwrap();
        assert_eq!(out, [1, 0, 2, 0]);
        let outside = [200, 0, 0, 0];
        assert!(decode(&chunk(1 << 5, 1, 4, 4, &outside), &mut out, inflater).is_err());
        assert!(decode(&chunk(0, 1, 5, 4, &body), &mut out, inflater).is_err());
        assert!(decode(&chunk(0, 1, 4, 0, &body), &mut out, inflater).is_err());
    }

    #[test]
    fn blosclz_literals_and_copies() {
        let mut out = [0; 10];
        // three literals, then 7 bytes from 3 back
        blosclz(&[2, b'a', b'b', b'c', 5 << 5, 2], &mut out).unwrap();
        assert_eq!(&out, b"abcabcabca");
        assert!(blosclz(&[2, b'a', b'b', b'c', 5 << 5, 3], &mut out).is_err(), "from before the block");
        assert!(blosclz(&[2, b'a', b'b'], &mut out).is_err());
        assert!(blosclz(&[], &mut out).is_err());
    }
}
