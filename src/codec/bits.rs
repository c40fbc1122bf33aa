//! Bits of a packed stream, most significant first, as n-bit, scale-offset, szip and bzip2 store them.

use crate::error::{Error, Result};

/// A bit reader; reading past the end is an error.
#[derive(Debug)]
pub(crate) struct BitReader<'a> {
    rest: std::slice::Iter<'a, u8>,
    /// The next bits, most significant first.
    window: u64,
    held: u32,
}

impl<'a> BitReader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        BitReader { rest: bytes.iter(), window: 0, held: 0 }
    }

    /// Fills the window to at least 57 bits, or with all remaining bits.
    fn refill(&mut self) {
        while self.held <= 56 {
            let Some(&byte) = self.rest.next() else { return };
            self.window |= u64::from(byte).wrapping_shl(56u32.wrapping_sub(self.held));
            self.held = self.held.wrapping_add(8);
        }
    }

    fn consume(&mut self, n: u32) -> Result<()> {
        self.held = self.held.checked_sub(n).ok_or_else(early)?;
        self.window = self.window.checked_shl(n).unwrap_or(0);
        Ok(())
    }

    /// Reads the next `n` bits as a number; `n` is 0 to 64.
    pub(crate) fn bits(&mut self, n: u32) -> Result<u64> {
        if n > 32 {
            let high = self.bits(n.saturating_sub(32))?;
            return Ok(high.wrapping_shl(32) | self.bits(32)?);
        }
        self.refill();
        let value = self.window.checked_shr(64u32.saturating_sub(n)).unwrap_or(0);
        self.consume(n)?;
        Ok(value)
    }

    /// Reads the next bit.
    pub(crate) fn bit(&mut self) -> Result<bool> {
        self.bits(1).map(|b| b != 0)
    }

    /// Counts the zero bits before the next one bit, and consumes all of them including the one.
    pub(crate) fn zeros(&mut self) -> Result<u64> {
        let mut count = 0u64;
        loop {
            self.refill();
            if self.held == 0 {
                return Err(early());
            }
            let zeros = self.window.leading_zeros().min(self.held);
            count = count.saturating_add(u64::from(zeros));
            if zeros < self.held {
                self.consume(zeros.saturating_add(1))?;
                return Ok(count);
            }
            self.consume(zeros)?;
        }
    }

    /// Returns the next `n` bits, 0 to 32, without consuming them; zeros past the end.
    pub(crate) fn peek(&mut self, n: u32) -> u64 {
        self.refill();
        self.window.checked_shr(64u32.saturating_sub(n)).unwrap_or(0)
    }

    /// Consumes `n` bits that were peeked at.
    pub(crate) fn skip(&mut self, n: u32) -> Result<()> {
        self.consume(n)
    }
}

fn early() -> Error {
    Error::malformed("packed bits end early")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_significant_first() {
        let mut r = BitReader::new(&[0b1010_0001, 0xff, 0, 0, 0x80, 1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(r.bits(3).unwrap(), 0b101);
        assert_eq!(r.peek(5), 1);
        assert_eq!(r.zeros().unwrap(), 4);
        assert_eq!(r.bits(8).unwrap(), 255);
        assert_eq!(r.zeros().unwrap(), 16);
        assert_eq!(r.bits(7).unwrap(), 0);
        assert_eq!(r.bits(64).unwrap(), 0x0102_0304_0506_0708);
        assert_eq!(r.bits(0).unwrap(), 0);
        assert!(r.bit().is_err() && r.zeros().is_err());
    }
}
