//! Zstandard (filter 32015): one or more frames per chunk. RFC 8878; decoded by `ruzstd`.

use crate::error::{Error, Result};
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};
use std::io::Read;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_raw_block() {
        // magic, single segment with a one-byte size of 3, last raw block of 3 bytes
        let frame = [0x28, 0xb5, 0x2f, 0xfd, 0x20, 3, 0x19, 0, 0, b'a', b'b', b'c'];
        let mut out = [0; 3];
        decode(&frame, &mut out).unwrap();
        assert_eq!(&out, b"abc");
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
