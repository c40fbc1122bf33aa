//! Writes Blosc 1: blocks shuffled by bytes, each one stream, as any c-blosc since 1.11 reads it.

use super::{BYTE_SHUFFLE, PLAIN, UNSPLIT};
use crate::bytes::put::Put;
use crate::codec::shuffle;
use crate::error::{Error, Result};

/// Bytes of a block, about: several fit a cache of the second level.
const BLOCK: usize = 256 << 10;
/// A chunk is shorter than this, with its header.
const MOST: u32 = 0x7fff_ffef;
/// Bytes of the header.
const HEADER: usize = 16;

/// The codec in the blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BloscStream {
    Lz4,
    Zlib,
}

impl BloscStream {
    /// Its number in the upper bits of the flags.
    fn number(self) -> u8 {
        match self {
            BloscStream::Lz4 => 1,
            BloscStream::Zlib => 3,
        }
    }
}

/// Appends a compressed block to a list of bytes.
type BlockEncoder<'a> = &'a mut dyn FnMut(&[u8], &mut Vec<u8>) -> Result<()>;

/// Appends `input`, elements of `element` bytes, as a Blosc chunk whose blocks `compress` makes. What does not get
/// shorter is stored as it is.
///
/// # Errors
/// `Usage` for 2 GiB or more; those of `compress`.
pub(crate) fn encode(
    input: &[u8],
    element: usize,
    stream: BloscStream,
    shuffled: &mut Vec<u8>,
    out: &mut Vec<u8>,
    compress: BlockEncoder<'_>,
) -> Result<()> {
    let total = u32::try_from(input.len()).ok().filter(|n| *n < MOST);
    let total = total.ok_or_else(|| Error::usage("a Blosc chunk of 2 GiB or more"))?;
    // larger elements are not shuffled, as in c-blosc
    let element = u8::try_from(element).ok().filter(|n| *n > 0).unwrap_or(1);
    let width = usize::from(element);
    let block = BLOCK.checked_div(width).unwrap_or(1).saturating_mul(width).min(input.len().max(1));
    let flags = UNSPLIT | stream.number() << 5 | if width > 1 { BYTE_SHUFFLE } else { 0 };
    let start = out.len();
    let header = |flags: u8, stored: u32, out: &mut Vec<u8>| {
        out.extend_from_slice(&[2, 1, flags, element]);
        out.put_u32(total);
        out.put_u32(u32::try_from(block).unwrap_or(u32::MAX));
        out.put_u32(stored);
    };
    header(flags, 0, out);
    let blocks = input.len().div_ceil(block);
    // where each block begins, filled in below
    let mut starts = out.len();
    out.resize(out.len().saturating_add(blocks.saturating_mul(4)), 0);
    for part in input.chunks(block) {
        let at = out.len().saturating_sub(start);
        set_u32(out, starts, at);
        starts = starts.saturating_add(4);
        let part = if width > 1 {
            shuffle::shuffle(part, width, shuffled);
            shuffled.as_slice()
        } else {
            part
        };
        let len = out.len();
        out.put_u32(0);
        let from = out.len();
        compress(part, out)?;
        if out.len().saturating_sub(from) >= part.len() {
            out.truncate(from);
            out.extend_from_slice(part);
        }
        let stored = out.len().saturating_sub(from);
        set_u32(out, len, stored);
    }
    if out.len().saturating_sub(start) >= input.len().saturating_add(HEADER) {
        out.truncate(start);
        header(flags | PLAIN, total.saturating_add(16), out);
        out.extend_from_slice(input);
        return Ok(());
    }
    let stored = out.len().saturating_sub(start);
    set_u32(out, start.saturating_add(12), stored);
    Ok(())
}

/// Appends `input` as one LZ4 block.
pub(crate) fn lz4_stream(input: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let start = out.len();
    out.resize(start.saturating_add(lz4_flex::block::get_maximum_output_size(input.len())), 0);
    let room = out.get_mut(start..).unwrap_or_default();
    let n = lz4_flex::block::compress_into(input, room)
        .map_err(|e| Error::usage(format!("LZ4 made more of a block than it can: {e}")))?;
    out.truncate(start.saturating_add(n));
    Ok(())
}

fn set_u32(out: &mut [u8], at: usize, value: usize) {
    let value = u32::try_from(value).unwrap_or(u32::MAX);
    if let Some(place) = out.get_mut(at..).and_then(<[u8]>::first_chunk_mut::<4>) {
        *place = value.to_le_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::deflate::Inflater;
    use crate::codec::{Compression, DeflateWrapper, EncodeWork};

    /// Elements of every width, blocks that end early, and bytes that do not get shorter.
    #[test]
    fn what_is_written_reads_back() {
        let mut work = EncodeWork::default();
        let mut x = 1u64;
        let noise: Vec<u8> = (0..600_000)
            .map(|_| {
                x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (x >> 56) as u8
            })
            .collect();
        let steps: Vec<u8> = (0..150_000u32).flat_map(|i| (i / 7).to_le_bytes()).collect();
        for compression in [Compression::BloscLz4, Compression::BloscZlib(5)] {
            for bytes in [&noise, &steps] {
                for (element, len) in [(1, 0), (1, 1), (4, 599_999), (8, 600_000), (3, 524_288), (300, 9000)]
                {
                    let mut out = b"before".to_vec();
                    let input = &bytes[..len];
                    compression.stream(input, element, DeflateWrapper::Zlib, &mut work, &mut out).unwrap();
                    let chunk = &out[6..];
                    assert!(chunk.len() <= len + HEADER);
                    assert_eq!(super::super::stored_len(chunk).unwrap(), chunk.len() as u64);
                    let mut back = vec![0; len];
                    super::super::decode(chunk, &mut back, &mut Inflater::default()).unwrap();
                    assert!(back == input, "{compression:?} {element} {len}");
                }
            }
            let mut out = Vec::new();
            compression.stream(&steps, 4, DeflateWrapper::Zlib, &mut work, &mut out).unwrap();
            assert!(out.len() < steps.len() / 10, "{compression:?} {}", out.len());
        }
    }
}
