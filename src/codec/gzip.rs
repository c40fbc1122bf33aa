//! Gzip: consecutive members of a header, a deflate stream and a checksum, read as one stream. RFC 1952.

use std::io::{BufRead, Error, ErrorKind, Read, Result};
use zlib_rs::{Inflate, InflateFlush, Status};

/// Selects gzip header and checksum and the largest window in zlib.
const GZIP: u8 = 16 + 15;

/// A reader of the decompressed content of a gzip stream.
pub(crate) struct GzipReader<R> {
    from: R,
    /// The current member; `None` before a member, where the stream may end.
    member: Option<Inflate>,
}

impl<R: BufRead> GzipReader<R> {
    /// Reads the members of `from`.
    pub(crate) fn new(from: R) -> Self {
        GzipReader { from, member: None }
    }
}

impl<R: BufRead> Read for GzipReader<R> {
    fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        loop {
            let input = self.from.fill_buf()?;
            if input.is_empty() {
                // RFC 1952, 2.2: "The members simply appear one after another in the file"
                return if self.member.is_none() { Ok(0) } else { Err(ErrorKind::UnexpectedEof.into()) };
            }
            let member = self.member.get_or_insert_with(|| Inflate::new(true, GZIP));
            let before = (member.total_in(), member.total_out());
            let status = member.decompress(input, out, InflateFlush::NoFlush);
            let count = |now: u64, before: u64| usize::try_from(now.saturating_sub(before)).unwrap_or(0);
            let read = count(member.total_in(), before.0);
            let made = count(member.total_out(), before.1);
            let status = status.map_err(|e| {
                let why = member.error_message().unwrap_or_else(|| e.as_str());
                Error::new(ErrorKind::InvalidData, format!("gzip stream is broken: {why}"))
            });
            self.from.consume(read);
            match status? {
                Status::StreamEnd => self.member = None,
                _ if read == 0 && made == 0 => return Err(ErrorKind::InvalidData.into()),
                _ => {}
            }
            if made > 0 {
                return Ok(made);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    // gzip.compress(b"hello, hello, hello\n", mtime=0)
    const HELLO: [u8; 30] = [
        0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0xd7, 0x51,
        0xc8, 0x40, 0xa2, 0xb8, 0x00, 0xe7, 0x42, 0x6e, 0x52, 0x14, 0x00, 0x00, 0x00,
    ];

    fn read(bytes: &[u8], buffer: usize) -> Result<String> {
        let mut text = String::new();
        GzipReader::new(BufReader::with_capacity(buffer, bytes)).read_to_string(&mut text).map(|_| text)
    }

    #[test]
    fn members_are_read_one_behind_the_other() {
        for buffer in [1, 7, 100] {
            assert_eq!(read(&HELLO, buffer).unwrap(), "hello, hello, hello\n");
            assert_eq!(read(&[HELLO, HELLO].concat(), buffer).unwrap(), "hello, hello, hello\n".repeat(2));
        }
        assert_eq!(read(&[], 10).unwrap(), "");
    }

    #[test]
    fn what_is_cut_or_damaged_or_no_member_is_an_error() {
        for len in 1..HELLO.len() {
            assert_eq!(read(&HELLO[..len], 10).unwrap_err().kind(), ErrorKind::UnexpectedEof, "{len}");
        }
        let mut damaged = HELLO;
        damaged[HELLO.len() - 5] ^= 1; // the checksum
        assert_eq!(read(&damaged, 10).unwrap_err().kind(), ErrorKind::InvalidData);
        let e = read(&[&HELLO[..], b"text behind it"].concat(), 100).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::InvalidData);
    }
}
