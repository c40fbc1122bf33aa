//! Zstandard (filter 32015): one or more frames a chunk. RFC 8878; decoded by `ruzstd`.

use crate::error::{Error, Result};
use ruzstd::decoding::FrameDecoder;

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
    }
}
