//! N-bit (filter 5): only the bits of a number that carry its precision. The filter's values describe the datatype
//! a second time. HDF5 Reference Manual, H5Pset_nbit; layout of the packed bits as libhdf5 writes it.

use crate::codec::bits::BitReader;
use crate::error::{Error, Result};

/// Maximum nesting depth of arrays and compounds.
const MOST_DEPTH: u32 = 32;

/// Layout of the elements of a chunk, from the filter's values.
#[derive(Debug, Clone)]
pub(crate) struct NBit {
    elements: usize,
    element: NBitPart,
}

/// A datatype, as far as packing goes.
#[derive(Debug, Clone)]
struct NBitPart {
    /// Length of an unpacked element in bytes.
    size: usize,
    kind: NBitKind,
}

#[derive(Debug, Clone)]
enum NBitKind {
    /// `precision` bits from bit `offset` on.
    Atomic {
        big_endian: bool,
        precision: usize,
        offset: usize,
    },
    Array(Box<NBitPart>),
    /// Offsets and layouts of the members.
    Compound(Vec<(usize, NBitPart)>),
    /// All bytes are stored unchanged.
    Whole,
}

impl NBit {
    /// Parses the filter's values; `None` if every bit of the type is significant, so that chunks are stored
    /// unchanged.
    pub(crate) fn new(values: &[u32]) -> Result<Option<Self>> {
        let mut v = values.iter().skip(1).map(|&v| usize::try_from(v).unwrap_or(usize::MAX));
        if next(&mut v)? != 0 {
            return Ok(None);
        }
        let elements = next(&mut v)?;
        Ok(Some(NBit { elements, element: NBitPart::new(&mut v, MOST_DEPTH)? }))
    }

    /// Length of an unpacked chunk in bytes.
    pub(crate) fn decoded_len(&self) -> usize {
        self.elements.saturating_mul(self.element.size)
    }

    /// Unpacks all of `input` into all of `out`.
    pub(crate) fn decode(&self, input: &[u8], out: &mut [u8]) -> Result<()> {
        if out.len() != self.decoded_len() {
            return Err(Error::malformed(format!(
                "n-bit chunk length (expected {} bytes, got {})",
                out.len(),
                self.decoded_len()
            )));
        }
        out.fill(0);
        let mut bits = BitReader::new(input);
        out.chunks_exact_mut(self.element.size).try_for_each(|e| self.element.unpack(&mut bits, e))
    }
}

fn next(values: &mut impl Iterator<Item = usize>) -> Result<usize> {
    values.next().ok_or_else(|| Error::malformed("n-bit filter with too few values"))
}

impl NBitPart {
    fn new(values: &mut impl Iterator<Item = usize>, depth: u32) -> Result<NBitPart> {
        let depth =
            depth.checked_sub(1).ok_or_else(|| Error::limit("n-bit filter: types in each other too deep"))?;
        let class = next(values)?;
        let size = next(values)?;
        let kind = match class {
            1 => {
                let big_endian = match next(values)? {
                    0 => false,
                    1 => true,
                    o => return Err(Error::malformed(format!("n-bit filter: byte order {o}"))),
                };
                let (precision, offset) = (next(values)?, next(values)?);
                let end = precision.saturating_add(offset);
                if precision == 0 || end > size.saturating_mul(8) {
                    return Err(Error::malformed(format!(
                        "n-bit filter: {precision} bits from bit {offset} on of {size} bytes"
                    )));
                }
                NBitKind::Atomic { big_endian, precision, offset }
            }
            2 => NBitKind::Array(Box::new(NBitPart::new(values, depth)?)),
            3 => {
                let members = (0..next(values)?).map(|_| {
                    let (offset, part) = (next(values)?, NBitPart::new(values, depth)?);
                    if offset.saturating_add(part.size) > size {
                        return Err(Error::malformed("n-bit filter: a member lies outside its compound"));
                    }
                    Ok((offset, part))
                });
                NBitKind::Compound(members.collect::<Result<_>>()?)
            }
            4 => NBitKind::Whole,
            c => return Err(Error::malformed(format!("n-bit filter: type class {c}"))),
        };
        let fits = match &kind {
            NBitKind::Array(base) => size.checked_rem(base.size) == Some(0),
            _ => true,
        };
        if size == 0 || !fits {
            return Err(Error::malformed(format!("n-bit filter: a type of {size} bytes")));
        }
        Ok(NBitPart { size, kind })
    }

    /// Reads the bits of one element into `out`, which has the element's length and is zeroed.
    fn unpack(&self, bits: &mut BitReader<'_>, out: &mut [u8]) -> Result<()> {
        match &self.kind {
            NBitKind::Whole => out.iter_mut().try_for_each(|o| {
                *o = bits.bits(8)?.to_le_bytes()[0];
                Ok(())
            }),
            NBitKind::Array(base) => out.chunks_exact_mut(base.size).try_for_each(|e| base.unpack(bits, e)),
            NBitKind::Compound(members) => members.iter().try_for_each(|(offset, part)| {
                let end = offset.saturating_add(part.size);
                part.unpack(bits, out.get_mut(*offset..end).unwrap_or_default())
            }),
            NBitKind::Atomic { big_endian, precision, offset } => {
                // From the byte of the highest bit down to that of the lowest.
                let mut end = offset.saturating_add(*precision);
                while end > *offset {
                    let byte = end.saturating_sub(1) / 8;
                    let low = byte.saturating_mul(8).max(*offset);
                    let n = u32::try_from(end.saturating_sub(low)).unwrap_or(8);
                    let shift = u32::try_from(low % 8).unwrap_or(0);
                    let at = if *big_endian { from_end(out.len(), byte) } else { byte };
                    if let Some(slot) = out.get_mut(at) {
                        *slot |= bits.bits(n)?.wrapping_shl(shift).to_le_bytes()[0];
                    }
                    end = low;
                }
                Ok(())
            }
        }
    }
}

/// Index of byte `n` counted from the end.
fn from_end(len: usize, n: usize) -> usize {
    len.saturating_sub(1).saturating_sub(n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_of_either_order() {
        // two 16-bit numbers, 12 bits from bit 2 on: 0xabc and 0x123
        let packed = [0xab, 0xc1, 0x23];
        let mut out = [0; 4];
        NBit::new(&[8, 0, 2, 1, 2, 0, 12, 2]).unwrap().unwrap().decode(&packed, &mut out).unwrap();
        assert_eq!(
            out.chunks(2).map(|b| u16::from_le_bytes([b[0], b[1]])).collect::<Vec<_>>(),
            [0xabc << 2, 0x123 << 2]
        );
        NBit::new(&[8, 0, 2, 1, 2, 1, 12, 2]).unwrap().unwrap().decode(&packed, &mut out).unwrap();
        assert_eq!(u16::from_be_bytes([out[0], out[1]]), 0xabc << 2);
    }

    #[test]
    fn compounds_and_arrays() {
        // {u8 of 4 bits at 0; two whole bytes at 1; array of two u8 of 2 bits at 3}
        let values = [0, 0, 1, 3, 5, 3, 0, 1, 1, 0, 4, 0, 1, 4, 2, 3, 2, 2, 1, 1, 0, 2, 0];
        let n = NBit::new(&values).unwrap().unwrap();
        assert_eq!(n.decoded_len(), 5);
        let mut out = [9; 5];
        n.decode(&[0xf1, 0x23, 0x4b], &mut out).unwrap();
        assert_eq!(out, [15, 0x12, 0x34, 2, 3]);
        assert!(n.decode(&[0xf1, 0x23], &mut out).is_err());
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(NBit::new(&[]).is_err());
        assert!(NBit::new(&[8, 0, 1, 1, 2, 0, 12, 5]).is_err(), "beyond the type");
        assert!(NBit::new(&[8, 0, 1, 2, 4, 4, 3]).is_err(), "an array of parts that do not fit");
        let deep: Vec<u32> = [0, 0, 1].into_iter().chain([2, 8].into_iter().cycle().take(9000)).collect();
        assert!(NBit::new(&deep).is_err());
    }
}
