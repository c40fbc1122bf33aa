//! Decodes a zlib stream one symbol at a time, as needed at the ends of blocks and buffers. RFC 1950 and
//! 1951.

use super::bits::{Input, Refused};
use super::code::{Codes, Symbol};

/// The position of a stream in its structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    Header,
    Codes,
    End,
}

/// A stream being inflated.
pub(super) struct Stream<'a> {
    pub(super) input: Input<'a>,
    pub(super) out: &'a mut [u8],
    /// Number of bytes of `out` produced.
    pub(super) made: usize,
    pub(super) codes: &'a mut Codes,
    pub(super) at: At,
    last: bool,
}

impl<'a> Stream<'a> {
    /// Begins the stream in `input`, which decodes to all of `out`: method 8, the largest window, no
    /// dictionary.
    pub(super) fn new(input: &'a [u8], out: &'a mut [u8], codes: &'a mut Codes) -> Result<Self, Refused> {
        let Some((head, rest)) = input.split_first_chunk::<2>() else { return Err(Refused) };
        if head[0] != 0x78 || head[1] & 0x20 != 0 || u16::from_be_bytes(*head).checked_rem(31) != Some(0) {
            return Err(Refused);
        }
        let input = Input { bits: 0, count: 0, rest };
        Ok(Stream { input, out, made: 0, codes, at: At::Header, last: false })
    }

    /// Reads the header of a block, and all of a stored block.
    pub(super) fn header(&mut self) -> Result<(), Refused> {
        self.last = self.input.take(1)? == 1;
        match self.input.take(2)? {
            0 => return self.stored(),
            1 => self.codes.fixed()?,
            2 => self.codes.read(&mut self.input)?,
            _ => return Err(Refused),
        }
        self.at = At::Codes;
        Ok(())
    }

    fn stored(&mut self) -> Result<(), Refused> {
        self.input.align()?;
        let (len, complement) = (self.input.take(16)?, self.input.take(16)?);
        if len ^ complement != 0xffff {
            return Err(Refused);
        }
        // first the bytes already in the bit buffer
        let mut left = usize::try_from(len).map_err(|_| Refused)?;
        while left > 0 && self.input.count > 0 {
            let byte = self.input.take(8)?;
            self.put(u8::try_from(byte).map_err(|_| Refused)?)?;
            left = left.wrapping_sub(1);
        }
        let (stored, rest) = self.input.rest.split_at_checked(left).ok_or(Refused)?;
        let end = self.made.checked_add(left).ok_or(Refused)?;
        self.out.get_mut(self.made..end).ok_or(Refused)?.copy_from_slice(stored);
        (self.input.rest, self.made) = (rest, end);
        self.end_block();
        Ok(())
    }

    fn end_block(&mut self) {
        self.at = if self.last { At::End } else { At::Header };
    }

    fn put(&mut self, byte: u8) -> Result<(), Refused> {
        *self.out.get_mut(self.made).ok_or(Refused)? = byte;
        self.made = self.made.wrapping_add(1);
        Ok(())
    }

    /// Advances by one header or symbol.
    pub(super) fn advance(&mut self) -> Result<(), Refused> {
        if self.at == At::Header {
            return self.header();
        }
        self.input.refill();
        match self.codes.next(&mut self.input)? {
            Symbol::Literal(byte) => self.put(byte)?,
            Symbol::End => self.end_block(),
            Symbol::Match(length, distance) => {
                let from = self.made.checked_sub(distance).ok_or(Refused)?;
                let end = self.made.checked_add(length).ok_or(Refused)?;
                let near = self.out.get_mut(from..end).ok_or(Refused)?;
                for k in distance..near.len() {
                    let byte = near.get(k.wrapping_sub(distance)).copied().ok_or(Refused)?;
                    *near.get_mut(k).ok_or(Refused)? = byte;
                }
                self.made = end;
            }
        }
        Ok(())
    }

    /// Checks after the last block that the output is complete; returns whether the checksum is right.
    pub(super) fn finish(&mut self) -> Result<bool, Refused> {
        if self.made != self.out.len() {
            return Err(Refused);
        }
        self.input.align()?;
        let mut stored = 0u32;
        for _ in 0..4 {
            stored = stored.wrapping_shl(8) | self.input.take(8)?;
        }
        Ok(zlib_rs::adler32::adler32(1, self.out) == stored)
    }
}
