//! Bitshuffle (filter 32008): the bits of the elements of a block transposed, then LZ4, Zstandard or nothing.
//! Defined by <https://github.com/kiyo-masui/bitshuffle>.

use super::{lz4, zstd};
use crate::bytes::Cursor;
use crate::error::{Error, Result};

/// The filter's parameters: version, version, element size, block size, compression, level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bitshuffle {
    element: usize,
    /// Elements per block; 0 for the default.
    block: usize,
    compression: u32,
}

impl Bitshuffle {
    pub(crate) fn new(values: &[u32], element_size: usize) -> Result<Self> {
        let value = |i: usize| values.get(i).copied().unwrap_or(0);
        let element = match usize::try_from(value(2)) {
            Ok(0) | Err(_) => element_size,
            Ok(n) => n,
        };
        if element == 0 {
            return Err(Error::malformed("bitshuffle of elements of 0 bytes"));
        }
        let block = usize::try_from(value(3)).unwrap_or(0);
        if block % 8 != 0 {
            return Err(Error::malformed(format!("bitshuffle blocks of {block} elements")));
        }
        Ok(Bitshuffle { element, block, compression: value(4) })
    }

    /// The decoded length stored in a chunk.
    pub(crate) fn decoded_len(&self, input: &[u8]) -> Result<u64> {
        if self.compression == 0 {
            return Ok(input.len() as u64);
        }
        Cursor::new(input, 0).array().map(u64::from_be_bytes)
    }

    /// Decodes all of `input` into all of `out`.
    pub(crate) fn decode(&self, input: &[u8], out: &mut [u8]) -> Result<()> {
        let mut src = Cursor::new(input, 0);
        let mut block = if self.block == 0 { default_block(self.element) } else { self.block };
        if self.compression != 0 {
            let total = u64::from_be_bytes(src.array()?);
            if total != out.len() as u64 {
                let text = format!("bitshuffle chunk length (expected {} bytes, got {total})", out.len());
                return Err(Error::malformed(text));
            }
            let bytes = usize::try_from(u32::from_be_bytes(src.array()?)).unwrap_or(0);
            block = bytes.checked_div(self.element).unwrap_or(0);
        }
        if block == 0 || block % 8 != 0 {
            return Err(Error::malformed(format!("bitshuffle blocks of {block} elements")));
        }
        // Whole blocks, then remaining groups of eight elements, then the rest unchanged.
        let mut scratch = Vec::new();
        let mut rest = out;
        while !rest.is_empty() {
            let elements = rest.len().checked_div(self.element).unwrap_or(0).min(block);
            let elements = elements.saturating_sub(elements % 8);
            let len = elements.saturating_mul(self.element);
            if len == 0 {
                rest.copy_from_slice(src.take(rest.len())?);
                return Ok(());
            }
            let (part, tail) = rest.split_at_mut(len);
            match self.compression {
                0 => untranspose(src.take(len)?, self.element, part),
                kind => {
                    let stored = u32::from_be_bytes(src.array()?);
                    let stored = src.take(usize::try_from(stored).unwrap_or(usize::MAX))?;
                    scratch.resize(len, 0);
                    match kind {
                        2 => lz4::decode_block(stored, &mut scratch)?,
                        3 => zstd::decode(stored, &mut scratch)?,
                        k => return Err(Error::unsupported(format!("bitshuffle with compression {k}"))),
                    }
                    untranspose(&scratch, self.element, part);
                }
            }
            rest = tail;
        }
        Ok(())
    }
}

/// `bshuf_default_block_size`: about 8 KiB, a multiple of eight elements, at least 128.
fn default_block(element: usize) -> usize {
    let eights = 8192usize.checked_div(element).unwrap_or(0) / 8;
    eights.saturating_mul(8).max(128)
}

/// Undoes the bit transposition of all elements, whose number is a multiple of eight. The input has one row
/// of bits for each bit of an element.
pub(crate) fn untranspose(input: &[u8], element: usize, out: &mut [u8]) {
    let elements = out.len().checked_div(element).unwrap_or(0);
    let row = elements / 8;
    for byte in 0..element {
        let rows = input.get(byte.saturating_mul(row).saturating_mul(8)..).unwrap_or_default();
        for group in 0..row {
            // Eight rows provide one bit each of eight elements.
            let bits = (0..8usize).map(|k| rows.get(k.saturating_mul(row).saturating_add(group)).copied());
            let mut word = [0; 8];
            word.iter_mut().zip(bits).for_each(|(w, b)| *w = b.unwrap_or(0));
            let columns = transpose_8x8(u64::from_le_bytes(word)).to_le_bytes();
            let first = group.saturating_mul(8).saturating_mul(element).saturating_add(byte);
            let slots = out.iter_mut().skip(first).step_by(element);
            slots.zip(columns).for_each(|(o, c)| *o = c);
        }
    }
}

/// Transposes a matrix of eight by eight bits: byte n, bit m becomes byte m, bit n.
fn transpose_8x8(x: u64) -> u64 {
    let swap = |x: u64, mask: u64, by: u32| {
        let t = (x ^ x.wrapping_shr(by)) & mask;
        x ^ t ^ t.wrapping_shl(by)
    };
    let x = swap(x, 0x00aa_00aa_00aa_00aa, 7);
    let x = swap(x, 0x0000_cccc_0000_cccc, 14);
    swap(x, 0x0000_0000_f0f0_f0f0, 28)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transposed(data: &[u8], element: usize) -> Vec<u8> {
        let n = data.len() / element;
        let mut out = vec![0u8; data.len()];
        for i in 0..n {
            for bit in 0..element * 8 {
                let set = data[i * element + bit / 8] >> (bit % 8) & 1;
                out[bit * (n / 8) + i / 8] |= set << (i % 8);
            }
        }
        out
    }

    #[test]
    fn bits_come_back() {
        for element in [1usize, 2, 3, 4, 8] {
            for n in [8usize, 16, 136, 1024] {
                let data: Vec<u8> = (0..n * element).map(|i| (i * 31 + i / 7) as u8).collect();
                let mut out = vec![0; data.len()];
                untranspose(&transposed(&data, element), element, &mut out);
                assert_eq!(out, data, "{n} elements of {element} bytes");
            }
        }
    }

    #[test]
    fn blocks_eights_and_the_rest() {
        // 19 elements of 2 bytes in blocks of 8: two blocks, then three elements as they are
        let data: Vec<u8> = (0..38).map(|i| i * 5).collect();
        let mut stored = transposed(&data[..16], 2);
        stored.extend(transposed(&data[16..32], 2));
        stored.extend(&data[32..]);
        let b = Bitshuffle::new(&[0, 4, 2, 8, 0], 2).unwrap();
        let mut out = vec![0; 38];
        b.decode(&stored, &mut out).unwrap();
        assert_eq!(out, data);
        assert!(b.decode(&stored[..37], &mut out).is_err());
        assert!(Bitshuffle::new(&[0, 4, 2, 9, 0], 2).is_err());
    }
}
