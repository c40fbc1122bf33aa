//! Deflate (filter 1): one zlib stream per chunk. HDF5 File Format 3.0, IV.A.2.l; RFC 1950 and 1951.

mod bits;
mod code;
pub(crate) mod framed;
mod pair;
mod stream;

use crate::error::{Error, Result};
use fearless_simd::Level;
use pair::Pair;
use zlib_rs::{Inflate, InflateFlush, Status};

/// A decoder that is reset, not rebuilt, for each chunk.
pub(crate) struct Inflater {
    zlib: Inflate,
    /// Created when two streams are first inflated together.
    pair: Option<Pair>,
}

impl Default for Inflater {
    fn default() -> Self {
        Inflater { zlib: Inflate::new(true, 15), pair: None }
    }
}

impl std::fmt::Debug for Inflater {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Inflater")
    }
}

impl Inflater {
    /// Inflates all of `input` into all of `out` in one call, without a window or a second copy.
    /// Bytes after the stream's end are ignored, as in libhdf5.
    pub(crate) fn inflate_exact(&mut self, input: &[u8], out: &mut [u8]) -> Result<()> {
        let got = self.inflate_up_to(input, out)?;
        if got == out.len() { Ok(()) } else { Err(short(out.len(), got as u64)) }
    }

    /// As [`inflate_exact`](Self::inflate_exact), but the stream may hold less than `out`: returns its length. The
    /// bytes after it are undefined.
    pub(crate) fn inflate_up_to(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        self.zlib.reset(true);
        let status = self.zlib.decompress(input, out, InflateFlush::Finish);
        let got = self.zlib.total_out();
        match status {
            Ok(Status::StreamEnd) => Ok(usize::try_from(got).unwrap_or(usize::MAX).min(out.len())),
            Ok(_) if got == out.len() as u64 && self.zlib.total_in() < input.len() as u64 => Err(
                Error::malformed(format!("deflate stream holds more than the {} bytes expected", out.len())),
            ),
            Ok(_) => Err(short(out.len(), got)),
            Err(e) => Err(self.broken(e, got)),
        }
    }

    /// As [`inflate_exact`](Self::inflate_exact) for two streams at once, which is often faster than
    /// inflating them in sequence. An error is returned with the index of its stream.
    pub(crate) fn inflate_both(
        &mut self,
        mut two: [(&[u8], &mut [u8]); 2],
    ) -> std::result::Result<(), (usize, Error)> {
        let pair = self.pair.get_or_insert_with(|| Pair::new(Level::new()));
        if pair.inflate(two.each_mut().map(|(input, out)| (*input, &mut **out))) {
            return Ok(());
        }
        let [(input_a, out_a), (input_b, out_b)] = two;
        self.inflate_exact(input_a, out_a).map_err(|e| (0, e))?;
        self.inflate_exact(input_b, out_b).map_err(|e| (1, e))
    }

    /// Inflates a stream of unknown length to at most `most` bytes.
    pub(crate) fn inflate_to_vec(&mut self, input: &[u8], out: &mut Vec<u8>, most: usize) -> Result<()> {
        self.zlib.reset(true);
        out.clear();
        let mut filled = 0usize;
        loop {
            let read = usize::try_from(self.zlib.total_in()).unwrap_or(usize::MAX);
            let rest = input.get(read..).unwrap_or_default();
            if filled == out.len() {
                let step = filled.max(input.len()).max(4096).min(most.saturating_sub(filled));
                if step == 0 {
                    return Err(Error::limit(format!("deflate stream holds more than {most} bytes")));
                }
                out.try_reserve(step).map_err(|_| Error::limit(format!("no memory for {step} bytes")))?;
                out.resize(filled.saturating_add(step), 0);
            }
            let room = out.get_mut(filled..).unwrap_or_default();
            let status = self.zlib.decompress(rest, room, InflateFlush::NoFlush);
            let now = usize::try_from(self.zlib.total_out()).unwrap_or(usize::MAX);
            let stuck = now == filled && rest.is_empty();
            filled = now;
            match status {
                Ok(Status::StreamEnd) => {
                    out.truncate(filled);
                    return Ok(());
                }
                Ok(_) if stuck => return Err(Error::malformed("deflate stream ends early")),
                Ok(_) => {}
                Err(e) => return Err(self.broken(e, filled as u64)),
            }
        }
    }

    fn broken(&self, e: zlib_rs::InflateError, got: u64) -> Error {
        let why = self.zlib.error_message().unwrap_or_else(|| e.as_str());
        Error::malformed(format!("deflate stream is broken after {got} bytes: {why}"))
    }
}

/// Inflates two zlib streams side by side whatever they contain; returns whether both were accepted.
/// Checksums are ignored.
#[cfg(fuzzing)]
pub(crate) fn side_by_side(two: [(&[u8], &mut [u8]); 2]) -> bool {
    Pair::new(Level::new()).inflate_any(two)
}

/// The error of a stream that holds fewer bytes than expected.
pub(crate) fn short(expected: usize, got: u64) -> Error {
    Error::malformed(format!("deflate stream ends early (expected {expected} bytes, got {got})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    // zlib.compress(b"annmap" * 3)
    const STREAM: [u8; 16] =
        [0x78, 0x9c, 0x4b, 0xcc, 0xcb, 0xcb, 0x4d, 0x2c, 0x48, 0x44, 0x22, 0x01, 0x46, 0x8f, 0x07, 0x72];

    #[test]
    fn the_length_must_be_exact() {
        let mut i = Inflater::default();
        let mut out = [0; 18];
        i.inflate_exact(&STREAM, &mut out).unwrap();
        assert_eq!(&out, b"annmapannmapannmap");
        assert!(
            i.inflate_exact(&STREAM, &mut [0; 19])
                .unwrap_err()
                .message()
                .contains("expected 19 bytes, got 18")
        );
        assert_eq!(i.inflate_up_to(&STREAM, &mut [0; 19]).unwrap(), 18);
        assert!(i.inflate_exact(&STREAM, &mut [0; 17]).is_err());
        assert!(i.inflate_exact(&STREAM[..10], &mut out).is_err(), "cut");
        assert!(i.inflate_up_to(&STREAM[..10], &mut out).is_err(), "cut");
        let mut trailing = STREAM.to_vec();
        trailing.extend([1, 2, 3]);
        i.inflate_exact(&trailing, &mut out).unwrap();
    }

    #[test]
    fn a_wrong_checksum_is_refused() {
        let mut wrong = STREAM;
        wrong[STREAM.len() - 1] ^= 1;
        let mut out = [0; 18];
        assert!(Inflater::default().inflate_exact(&wrong, &mut out).is_err());
    }

    #[test]
    fn an_unknown_length_is_bounded() {
        let mut i = Inflater::default();
        let mut out = vec![];
        i.inflate_to_vec(&STREAM, &mut out, 100).unwrap();
        assert_eq!(out, b"annmapannmapannmap");
        assert_eq!(i.inflate_to_vec(&STREAM, &mut out, 10).unwrap_err().kind(), crate::Kind::Limit);
        assert!(i.inflate_to_vec(&STREAM[..8], &mut out, 100).is_err());
    }
}
