//! The bits of a deflate stream, least significant bit of each byte first: RFC 1951, 3.1.1.

/// The stream cannot be decoded here; zlib-rs determines why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refused;

/// The bits of a stream, least significant first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Input<'a> {
    pub(super) bits: u64,
    /// Number of valid bits in `bits`, modulo 64. The bits above are zero, or equal to the beginning of
    /// `rest`.
    pub(super) count: u32,
    /// Bytes not yet in `bits`.
    pub(super) rest: &'a [u8],
}

impl<'a> Input<'a> {
    /// Adds whole bytes, as long as there are any, until at least 49 bits are valid.
    pub(super) fn refill(&mut self) {
        self.count &= 63;
        self.bits &= u64::MAX.wrapping_shl(self.count) ^ u64::MAX;
        while self.count <= 48 {
            let Some((byte, rest)) = self.rest.split_first() else { return };
            self.bits |= u64::from(*byte).wrapping_shl(self.count);
            self.rest = rest;
            self.count = self.count.wrapping_add(8);
        }
    }

    /// Reads the next `n` bits, at most 16.
    pub(super) fn take(&mut self, n: u32) -> Result<u32, Refused> {
        if self.count < n {
            self.refill();
        }
        self.count = self.count.checked_sub(n).ok_or(Refused)?;
        let mask = 1u64.wrapping_shl(n).wrapping_sub(1);
        let value = u32::try_from(self.bits & mask).map_err(|_| Refused)?;
        self.bits = self.bits.wrapping_shr(n);
        Ok(value)
    }

    /// Skips to the next byte boundary.
    pub(super) fn align(&mut self) -> Result<(), Refused> {
        self.refill();
        self.take(self.count & 7).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_come_from_the_lowest_and_end_with_the_bytes() {
        let mut input = Input { bits: 0, count: 0, rest: &[0b1010_0110, 0xff, 0x01] };
        assert_eq!((input.take(3), input.take(4)), (Ok(0b110), Ok(0b0100)));
        input.align().unwrap();
        assert_eq!(input.take(16), Ok(0x01ff));
        assert_eq!(input.take(1), Err(Refused));
    }
}
