//! A cursor over a slice: every read consumes, is checked, and knows its absolute offset.

use crate::error::{Error, Result};

/// The unread rest of a slice and the absolute file offset of its first byte.
#[derive(Debug, Clone)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
    offset: u64,
}

impl<'a> Cursor<'a> {
    /// Cursor at the start of `bytes`, which are at `offset` in the file.
    pub(crate) fn new(bytes: &'a [u8], offset: u64) -> Self {
        Cursor { rest: bytes, offset }
    }

    /// The absolute offset of the next byte.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// The bytes not yet read.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Number of bytes not yet read.
    pub(crate) fn len(&self) -> usize {
        self.rest.len()
    }

    /// A `Malformed` error at the current offset.
    pub(crate) fn malformed(&self, message: impl Into<String>) -> Error {
        Error::malformed(message).at(self.offset)
    }

    /// An `Unsupported` error at the current offset, for valid input that is not supported.
    pub(crate) fn unsupported(&self, message: impl Into<String>) -> Error {
        let message = message.into();
        Error::unsupported(message.clone()).of_feature(message).at(self.offset)
    }

    /// Consumes the next `n` bytes.
    pub(crate) fn take(&mut self, n: usize) -> Result<&'a [u8]> {
        let Some((head, tail)) = self.rest.split_at_checked(n) else {
            return Err(
                self.malformed(format!("structure ends early (expected {n} bytes, got {})", self.len()))
            );
        };
        self.rest = tail;
        self.offset = self.offset.saturating_add(n as u64);
        Ok(head)
    }

    /// Consumes the next `n` bytes and returns a cursor over them.
    pub(crate) fn split(&mut self, n: usize) -> Result<Cursor<'a>> {
        let offset = self.offset;
        Ok(Cursor::new(self.take(n)?, offset))
    }

    /// Skips `n` bytes.
    pub(crate) fn skip(&mut self, n: usize) -> Result<()> {
        self.take(n).map(drop)
    }

    /// Consumes the next `N` bytes as an array.
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N)?);
        Ok(out)
    }

    pub(crate) fn read_u8(&mut self) -> Result<u8> {
        self.array().map(|[b]| b)
    }

    pub(crate) fn read_u16(&mut self) -> Result<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn read_u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn read_u64(&mut self) -> Result<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// Reads a little-endian unsigned number of `width` bytes, 0 to 8.
    pub(crate) fn read_uint(&mut self, width: u8) -> Result<u64> {
        if width > 8 {
            return Err(self.malformed(format!("number width (expected at most 8 bytes, got {width})")));
        }
        let mut out = [0; 8];
        let bytes = self.take(usize::from(width))?;
        out.iter_mut().zip(bytes).for_each(|(o, b)| *o = *b);
        Ok(u64::from_le_bytes(out))
    }

    /// Consumes and checks the four bytes of a structure's signature.
    pub(crate) fn expect_signature(&mut self, signature: &[u8; 4]) -> Result<()> {
        let offset = self.offset;
        let got = self.take(4)?;
        if got != signature {
            let (want, got) = (signature.escape_ascii(), got.escape_ascii());
            return Err(
                Error::malformed(format!("wrong signature (expected '{want}', got '{got}')")).at(offset)
            );
        }
        Ok(())
    }

    /// Consumes the bytes up to a NUL and the NUL itself; all remaining bytes if there is no NUL.
    pub(crate) fn take_c_string(&mut self) -> Result<&'a [u8]> {
        match self.rest.iter().position(|&b| b == 0) {
            Some(n) => {
                let text = self.take(n)?;
                self.skip(1)?;
                Ok(text)
            }
            None => self.take(self.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_consume_and_remember_the_offset() {
        let mut c = Cursor::new(&[1, 2, 0, b'a', b'b', 0, 9], 100);
        assert_eq!(c.read_u8().unwrap(), 1);
        assert_eq!(c.read_uint(2).unwrap(), 2);
        assert_eq!(c.take_c_string().unwrap(), b"ab");
        assert_eq!((c.offset(), c.len()), (106, 1));
        let e = c.read_u32().unwrap_err();
        assert_eq!(e.offset(), Some(106));
        assert_eq!(c.rest(), [9], "a refused read consumes nothing");
    }
}
