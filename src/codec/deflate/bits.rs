//! The bits of a deflate stream, from the lowest of each byte: RFC 1951, 3.1.1.

/// The stream is not one that is decoded here; zlib-rs knows why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refused;

/// The bits of a stream, from the lowest.
#[derive(Debug, Clone, Copy)]
pub(super) struct Input<'a> {
    pub(super) bits: u64,
    /// How many of `bits` are valid, modulo 64. What is above them is zero, or what `rest` begins with.
    pub(super) count: u32,
    /// What is not yet among the bits.
    pub(super) rest: &'a [u8],
}

impl<'a> Input<'a> {
    /// Takes whole bytes, as far as there are any, until at least 49 bits are here.
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

    /// The next `n` bits, at most 16.
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

    /// Goes to the end of the byte that the last bit was taken from.
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
