//! Zstandard (filter 32015): one or more frames per chunk. RFC 8878; decoded by `ruzstd`.

use crate::error::{Error, Result};
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};
use std::io::Read;

const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// The decoded length in the header of the first frame of `input`; `None` if it does not say. RFC 8878, 3.1.1.1.
pub(crate) fn content_size(input: &[u8]) -> Option<u64> {
    let (magic, rest) = input.split_first_chunk::<4>()?;
    let (descriptor, rest) = rest.split_first()?;
    if *magic != MAGIC {
        return None;
    }
    let single = descriptor & 0x20 != 0;
    // the window, unless there is a single segment, and the identifier of a dictionary
    let window = usize::from(!single);
    let dictionary = [0usize, 1, 2, 4].get(usize::from(descriptor & 3)).copied()?;
    let rest = rest.get(window.checked_add(dictionary)?..)?;
    match (descriptor >> 6, single) {
        (0, false) => None,
        (0, true) => rest.first().map(|n| u64::from(*n)),
        (1, _) => u64::from(u16::from_le_bytes(*rest.first_chunk()?)).checked_add(256),
        (2, _) => Some(u64::from(u32::from_le_bytes(*rest.first_chunk()?))),
        _ => Some(u64::from_le_bytes(*rest.first_chunk()?)),
    }
}

/// Whether a frame may follow the first one.
pub(crate) fn has_more_frames(input: &[u8]) -> bool {
    input.windows(4).skip(1).any(|w| w == MAGIC)
}

/// Decodes all frames of `input` into all of `out`.
pub(crate) fn decode(input: &[u8], out: &mut [u8]) -> Result<()> {
    match FrameDecoder::new().decode_all(input, out) {
        Ok(n) if n == out.len() => Ok(()),
        Ok(n) => {
            Err(Error::malformed(format!("zstd frame ends early (expected {} bytes, got {n})", out.len())))
        }
        Err(e) => Err(Error::malformed(format!("zstd frame is broken: {e}"))),
    }
}

/// Decodes the first frame of `input`, of unknown length, to at most `most` bytes.
pub(crate) fn decode_to_vec(input: &[u8], out: &mut Vec<u8>, most: usize) -> Result<()> {
    out.clear();
    let broken = |e: &dyn std::fmt::Display| Error::malformed(format!("zstd frame is broken: {e}"));
    let decoder = StreamingDecoder::new(input).map_err(|e| broken(&e))?;
    decoder.take(most.saturating_add(1) as u64).read_to_end(out).map_err(|e| broken(&e))?;
    if out.len() > most {
        return Err(Error::limit(format!("zstd frame holds more than {most} bytes")));
    }
    Ok(())
}

/// Appends `input` as one frame that says its length, which some decoders need.
pub(crate) fn encode(input: &[u8], out: &mut Vec<u8>) {
    let frame = ruzstd::encoding::compress_to_vec(input, ruzstd::encoding::CompressionLevel::Fastest);
    // the encoder writes a descriptor and a window, but no length
    match frame.split_first_chunk::<6>() {
        Some(([a, b, c, d, descriptor, window], blocks)) if descriptor & !CHECKSUM == 0 => {
            out.extend_from_slice(&[*a, *b, *c, *d, *descriptor | LENGTH_OF_8, *window]);
            out.extend_from_slice(&(input.len() as u64).to_le_bytes());
            out.extend_from_slice(blocks);
        }
        _ => out.extend_from_slice(&frame),
    }
}

/// Bits of the descriptor: the frame has a checksum; its length takes 8 bytes.
const CHECKSUM: u8 = 0x04;
const LENGTH_OF_8: u8 = 0xc0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_says_its_length_and_reads_back() {
        let steps: Vec<u8> = (0..150_000u32).flat_map(|i| (i / 7).to_le_bytes()).collect();
        for len in [0, 1, 5, 131_072, 600_000] {
            let mut frame = Vec::new();
            encode(&steps[..len], &mut frame);
            assert_eq!(content_size(&frame), Some(len as u64));
            let mut out = vec![0; len];
            decode(&frame, &mut out).unwrap();
            assert!(out == steps[..len], "{len}");
        }
    }

    #[test]
    fn a_raw_block() {
        // magic, single segment with a one-byte size of 3, last raw block of 3 bytes
        let frame = [0x28, 0xb5, 0x2f, 0xfd, 0x20, 3, 0x19, 0, 0, b'a', b'b', b'c'];
        let mut out = [0; 3];
        decode(&frame, &mut out).unwrap();
        assert_eq!(&out, b"abc");
        assert_eq!((content_size(&frame), content_size(&frame[..5])), (Some(3), None));
        assert!(has_more_frames(&[frame, frame].concat()) && !has_more_frames(&frame));
        assert!(decode(&frame, &mut [0; 4]).is_err());
        assert!(decode(&frame, &mut [0; 2]).is_err());
        assert!(decode(&frame[..10], &mut out).is_err());
        assert!(decode(b"no frame", &mut out).is_err());
        let mut bytes = Vec::new();
        decode_to_vec(&frame, &mut bytes, 3).unwrap();
        assert_eq!(bytes, b"abc");
        assert!(decode_to_vec(&frame, &mut bytes, 2).is_err());
    }
}
