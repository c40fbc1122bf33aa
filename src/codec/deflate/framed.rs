//! Deflate streams in other frames than zlib's: gzip members (RFC 1952), and bare ones as in zip files.

use crate::codec::gzip::GzipReader;
use crate::error::{Error, Result};
use std::io::{self, Read};
use zlib_rs::{Inflate, InflateFlush, Status};

/// What surrounds a deflate stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeflateFrame {
    /// Gzip members, one after the other.
    Gzip,
    /// Nothing.
    Bare,
}

impl DeflateFrame {
    fn decoder(self) -> Inflate {
        match self {
            // 16 selects the gzip header in zlib
            DeflateFrame::Gzip => Inflate::new(true, 16 + 15),
            DeflateFrame::Bare => Inflate::new(false, 15),
        }
    }
}

/// Inflates all of `input` into all of `out`.
pub(crate) fn decode(frame: DeflateFrame, mut input: &[u8], mut out: &mut [u8]) -> Result<()> {
    let wanted = out.len();
    loop {
        let mut decoder = frame.decoder();
        let status = decoder.decompress(input, out, InflateFlush::Finish);
        let read = usize::try_from(decoder.total_in()).unwrap_or(usize::MAX);
        let made = usize::try_from(decoder.total_out()).unwrap_or(usize::MAX);
        out = out.get_mut(made..).unwrap_or_default();
        input = input.get(read..).unwrap_or_default();
        match status {
            Ok(Status::StreamEnd) if out.is_empty() => return Ok(()),
            // the next member of a gzip stream
            Ok(Status::StreamEnd) if frame == DeflateFrame::Gzip && !input.is_empty() => {}
            Ok(_) if out.is_empty() && !input.is_empty() => {
                return Err(Error::malformed(format!(
                    "deflate stream holds more than the {wanted} bytes expected"
                )));
            }
            Ok(_) => {
                let got = wanted.saturating_sub(out.len());
                let text = format!("deflate stream ends early (expected {wanted} bytes, got {got})");
                return Err(Error::malformed(text));
            }
            Err(e) => {
                let why = decoder.error_message().unwrap_or_else(|| e.as_str());
                return Err(Error::malformed(format!("deflate stream is broken: {why}")));
            }
        }
    }
}

/// Inflates gzip members of unknown length, to at most `most` bytes.
pub(crate) fn decode_to_vec(input: &[u8], out: &mut Vec<u8>, most: usize) -> Result<()> {
    out.clear();
    let read = GzipReader::new(input).take(most.saturating_add(1) as u64).read_to_end(out);
    read.map_err(|e| match e.kind() {
        io::ErrorKind::OutOfMemory => Error::limit("no memory for a gzip stream"),
        io::ErrorKind::UnexpectedEof => Error::malformed("gzip stream ends early"),
        _ => Error::malformed(e.to_string()),
    })?;
    if out.len() > most {
        return Err(Error::limit(format!("gzip stream holds more than {most} bytes")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    // gzip.compress(b"hello, hello, hello\n", mtime=0)
    const HELLO: [u8; 30] = [
        0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0xd7, 0x51,
        0xc8, 0x40, 0xa2, 0xb8, 0x00, 0xe7, 0x42, 0x6e, 0x52, 0x14, 0x00, 0x00, 0x00,
    ];

    #[test]
    fn members_and_bare_streams() {
        let mut out = [0; 20];
        decode(DeflateFrame::Gzip, &HELLO, &mut out).unwrap();
        assert_eq!(&out, b"hello, hello, hello\n");
        let mut two = [0; 40];
        decode(DeflateFrame::Gzip, &[HELLO, HELLO].concat(), &mut two).unwrap();
        assert_eq!(two[20..], out);
        let mut bare = [0; 20];
        decode(DeflateFrame::Bare, &HELLO[10..22], &mut bare).unwrap();
        assert_eq!(bare, out);
        for len in 0..HELLO.len() {
            assert!(decode(DeflateFrame::Gzip, &HELLO[..len], &mut out).is_err(), "cut at {len}");
        }
        assert!(decode(DeflateFrame::Gzip, &HELLO, &mut [0; 19]).is_err());
        assert!(decode(DeflateFrame::Gzip, &HELLO, &mut [0; 21]).is_err());
        let mut bytes = Vec::new();
        decode_to_vec(&HELLO, &mut bytes, 20).unwrap();
        assert_eq!(bytes, out);
        assert_eq!(decode_to_vec(&HELLO, &mut bytes, 19).unwrap_err().kind(), crate::Kind::Limit);
        assert_eq!(decode_to_vec(&HELLO[..25], &mut bytes, 20).unwrap_err().kind(), crate::Kind::Malformed);
    }
}
