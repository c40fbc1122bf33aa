//! Scale-offset (filter 6): integers, or floats rounded to decimals, as packed differences from the minimum.
//! HDF5 Reference Manual, H5Pset_scaleoffset; layout of a chunk as libhdf5 writes it.

use crate::bytes::Cursor;
use crate::codec::bits::BitReader;
use crate::error::{Error, Result};

/// Bytes before the packed numbers: bits per number (4), width of the minimum (1), the minimum (8), unused.
const HEADER: usize = 21;

/// The filter's parameters, from its values.
#[derive(Debug, Clone)]
pub(crate) struct ScaleOffset {
    elements: usize,
    size: usize,
    big_endian: bool,
    /// Number of decimals kept, if the numbers are floats.
    decimals: Option<i32>,
    /// Bit pattern of the fill value, which is stored as all ones.
    fill: Option<u64>,
}

impl ScaleOffset {
    pub(crate) fn new(values: &[u32]) -> Result<Self> {
        let value = |i: usize| {
            values.get(i).copied().ok_or_else(|| Error::malformed("scale-offset filter with too few values"))
        };
        let decimals = match (value(0)?, value(3)?) {
            (2, 0) => None,
            (0, 1) => Some(i32::from_le_bytes(value(1)?.to_le_bytes())),
            (1, 1) => return Err(Error::unsupported("scale-offset with a binary exponent")),
            (scale, class) => {
                return Err(Error::malformed(format!("scale-offset filter: scale {scale} of class {class}")));
            }
        };
        let size = usize::try_from(value(4)?).unwrap_or(0);
        let widths: &[usize] = if decimals.is_some() { &[4, 8] } else { &[1, 2, 4, 8] };
        if !widths.contains(&size) {
            return Err(Error::malformed(format!("scale-offset filter: numbers of {size} bytes")));
        }
        let fill = match value(7)? {
            0 => None,
            _ => {
                let high = if size > 4 { value(9)? } else { 0 };
                Some((u64::from(high).wrapping_shl(32) | u64::from(value(8)?)) & all_ones(size))
            }
        };
        let elements = usize::try_from(value(2)?).unwrap_or(usize::MAX);
        Ok(ScaleOffset { elements, size, big_endian: value(6)? == 1, decimals, fill })
    }

    /// Length of an unpacked chunk in bytes.
    pub(crate) fn decoded_len(&self) -> usize {
        self.elements.saturating_mul(self.size)
    }

    /// Unpacks all of `input` into all of `out`.
    pub(crate) fn decode(&self, input: &[u8], out: &mut [u8]) -> Result<()> {
        if out.len() != self.decoded_len() {
            return Err(Error::malformed(format!(
                "scale-offset chunk length (expected {} bytes, got {})",
                out.len(),
                self.decoded_len()
            )));
        }
        let mut src = Cursor::new(input, 0);
        let bits = src.read_u32()?;
        let width = src.read_u8()?.min(8);
        let least = src.read_uint(width)?;
        let packed =
            input.get(HEADER..).ok_or_else(|| Error::malformed("scale-offset chunk ends in its header"))?;
        let full = u32::try_from(self.size.saturating_mul(8)).unwrap_or(64);
        if bits > full {
            return Err(Error::malformed(format!("scale-offset chunk: {bits} bits a number of {full}")));
        }
        let plain = bits == full;
        let mut packed = BitReader::new(packed);
        let ones = 1u64.checked_shl(bits).unwrap_or(0).wrapping_sub(1);
        for slot in out.chunks_exact_mut(self.size) {
            let stored = packed.bits(bits)?;
            let value = match (self.fill, self.decimals) {
                // All bits are stored: the bytes of the number unchanged, little-endian
                _ if plain => stored.wrapping_shl(64u32.saturating_sub(bits)).swap_bytes(),
                (Some(fill), _) if stored == ones => fill,
                (_, None) => stored.wrapping_add(least),
                (_, Some(d)) => self.scaled(stored, least, d),
            };
            let bytes = value.to_le_bytes();
            if self.big_endian {
                slot.iter_mut().rev().zip(bytes).for_each(|(o, b)| *o = b);
            } else {
                slot.iter_mut().zip(bytes).for_each(|(o, b)| *o = b);
            }
        }
        Ok(())
    }

    /// Bit pattern of the float `least` + `stored` · 10^-`decimals`, computed in its own width as libhdf5
    /// does.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a pattern of four bytes, and rounding as it is defined"
    )]
    fn scaled(&self, stored: u64, least: u64, decimals: i32) -> u64 {
        let power = 10f64.powi(decimals);
        if self.size == 4 {
            let least = f32::from_bits((least & all_ones(4)) as u32);
            u64::from((stored as f32 / power as f32 + least).to_bits())
        } else {
            (stored as f64 / power + f64::from_bits(least)).to_bits()
        }
    }
}

fn all_ones(bytes: usize) -> u64 {
    let bits = u32::try_from(bytes.saturating_mul(8)).unwrap_or(64);
    1u64.checked_shl(bits).map_or(u64::MAX, |b| b.wrapping_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(bits: u32, least: i64, packed: &[u8]) -> Vec<u8> {
        let mut b = bits.to_le_bytes().to_vec();
        b.push(8);
        b.extend(least.to_le_bytes());
        b.resize(HEADER, 0);
        b.extend(packed);
        b
    }

    #[test]
    fn integers_from_the_least() {
        // four 16-bit numbers, 4 bits each above -3; all ones is the fill value 99
        let s = ScaleOffset::new(&[2, 4, 4, 0, 2, 1, 0, 1, 99]).unwrap();
        let mut out = [0; 8];
        s.decode(&chunk(4, -3, &[0x05, 0xef]), &mut out).unwrap();
        let got: Vec<i16> = out.chunks(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect();
        assert_eq!(got, [-3, 2, 11, 99]);
        assert!(s.decode(&chunk(4, -3, &[0x05]), &mut out).is_err());
        assert!(s.decode(&chunk(17, -3, &[0; 9]), &mut out).is_err());
        s.decode(&chunk(16, 7, &[1, 0, 2, 0, 3, 0, 4, 0]), &mut out).unwrap();
        assert_eq!(out, [1, 0, 2, 0, 3, 0, 4, 0], "all bits: as they are");
    }

    #[test]
    fn decimals() {
        let s = ScaleOffset::new(&[0, 2, 2, 1, 4, 0, 1, 0]).unwrap();
        let mut out = [0; 8];
        s.decode(&chunk(8, i64::from(1.5f32.to_bits()), &[0, 25]), &mut out).unwrap();
        assert_eq!(f32::from_be_bytes([out[0], out[1], out[2], out[3]]), 1.5);
        assert_eq!(f32::from_be_bytes([out[4], out[5], out[6], out[7]]), 1.75);
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in [&[][..], &[2, 0, 4, 0, 3, 1, 0, 0], &[0, 0, 4, 1, 2, 1, 0, 0], &[1, 0, 4, 1, 4, 1, 0, 0]]
        {
            assert!(ScaleOffset::new(bad).is_err());
        }
    }
}
