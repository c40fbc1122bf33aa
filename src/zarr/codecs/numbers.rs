//! numcodecs' filters that write numbers as other numbers: differences, scaled integers, other types, bits.

use crate::dtype::{Datatype, Dtype, Numeric, Scalar, scalar_at};
use crate::error::{Error, Result};

/// How numbers were written.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Recoding {
    /// Each number but the first as its difference from the one before.
    Delta { of: Datatype, stored: Datatype },
    /// `(number - offset) * scale`, rounded.
    FixedScaleOffset { of: Datatype, stored: Datatype, scale: f64, offset: f64 },
    /// The number in another type.
    AsType { of: Datatype, stored: Datatype },
    /// Bools as bits, most significant first, after the number of bits at the end that are not used.
    PackBits,
}

impl Recoding {
    /// Length of what `elements` numbers are written as; `None` if it does not fit.
    pub(super) fn encoded_len(&self, elements: usize) -> Option<usize> {
        match self {
            Recoding::Delta { stored, .. }
            | Recoding::FixedScaleOffset { stored, .. }
            | Recoding::AsType { stored, .. } => elements.checked_mul(usize::try_from(stored.size).ok()?),
            Recoding::PackBits => elements.div_ceil(8).checked_add(1),
        }
    }

    /// Undoes it: all of `input` to all of `out`.
    pub(super) fn decode(&self, input: &[u8], out: &mut [u8]) -> Result<()> {
        let (of, stored) = match self {
            Recoding::PackBits => return unpack_bits(input, out),
            Recoding::Delta { of, stored }
            | Recoding::FixedScaleOffset { of, stored, .. }
            | Recoding::AsType { of, stored } => (of, stored),
        };
        let (Some(from), Some(to)) = (Numeric::of(stored), Numeric::of(of)) else {
            return Err(Error::unsupported(format!("a filter from {} to {}", stored.name(), of.name())));
        };
        let count = out.len().checked_div(to.stored_size()).unwrap_or(0);
        if count.saturating_mul(from.stored_size()) != input.len() {
            let text = format!("chunk length (expected {count} numbers, got {} bytes)", input.len());
            return Err(Error::malformed(text));
        }
        let mut plain = crate::limits::zeroed(count.saturating_mul(from.dtype.size()))?;
        from.convert(input, &mut plain);
        let mut sum = Scalar::Int(0);
        for (i, place) in out.chunks_exact_mut(to.stored_size()).enumerate() {
            let value = scalar_at(from.dtype, &plain, i).unwrap_or(Scalar::Int(0));
            let value = match self {
                Recoding::Delta { .. } => {
                    sum = if i == 0 { value } else { add(sum, value, to.dtype) };
                    sum
                }
                Recoding::FixedScaleOffset { scale, offset, .. } => {
                    let quotient = rounded(value.as_f64() / scale, from.dtype);
                    Scalar::Float(rounded(quotient + offset, from.dtype), Dtype::Float64)
                }
                _ => value,
            };
            put(place, value, to.dtype);
            if !to.is_native() {
                place.reverse();
            }
        }
        Ok(())
    }
}

fn unpack_bits(input: &[u8], out: &mut [u8]) -> Result<()> {
    let wrong = || Error::malformed("packed bits of another length than their chunk");
    let (unused, bytes) = input.split_first().ok_or_else(wrong)?;
    let bits = bytes.len().saturating_mul(8).checked_sub(usize::from(*unused)).ok_or_else(wrong)?;
    if bits != out.len() {
        return Err(wrong());
    }
    for (places, byte) in out.chunks_mut(8).zip(bytes) {
        for (i, place) in places.iter_mut().enumerate() {
            *place = byte.checked_shr(7u32.saturating_sub(u32::try_from(i).unwrap_or(7))).unwrap_or(0) & 1;
        }
    }
    Ok(())
}

/// The sum in the type of the result, where integers wrap and floats are rounded each time, as in numpy.
fn add(a: Scalar, b: Scalar, dtype: Dtype) -> Scalar {
    match (a, b) {
        (Scalar::Int(a), Scalar::Int(b)) if !dtype.is_float() => Scalar::Int(a.wrapping_add(b)),
        _ => Scalar::Float(rounded(a.as_f64() + b.as_f64(), dtype), dtype),
    }
}

/// The nearest number of type `dtype`, in which numpy calculates; for integers that is float64.
#[allow(clippy::cast_possible_truncation)]
fn rounded(value: f64, dtype: Dtype) -> f64 {
    match dtype {
        Dtype::Float32 => f64::from(value as f32),
        Dtype::Float16 => half::f16::from_f64(value).to_f64(),
        _ => value,
    }
}

/// Writes a number in `dtype`, little-endian; integers keep their low bytes, as numpy's casts do.
#[allow(clippy::cast_possible_truncation)]
fn put(place: &mut [u8], value: Scalar, dtype: Dtype) {
    let bytes: [u8; 16] = match (value, dtype) {
        (v, Dtype::Float64) => wide(&v.as_f64().to_le_bytes()),
        (v, Dtype::Float32) => wide(&(v.as_f64() as f32).to_le_bytes()),
        (v, Dtype::Float16) => wide(&half::f16::from_f64(v.as_f64()).to_le_bytes()),
        (v, Dtype::Bool) => wide(&[u8::from(v.as_f64() != 0.0)]),
        (Scalar::Int(n), _) => n.to_le_bytes(),
        (v, _) => (v.as_f64() as i128).to_le_bytes(),
    };
    place.iter_mut().zip(bytes).for_each(|(p, b)| *p = b);
}

fn wide(bytes: &[u8]) -> [u8; 16] {
    let mut out = [0; 16];
    out.iter_mut().zip(bytes).for_each(|(o, b)| *o = *b);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::Order;
    use crate::zarr::metadata::datatype::ordered;

    fn undo(recoding: &Recoding, input: &[u8], len: usize) -> Result<Vec<u8>> {
        let mut out = vec![0; len];
        recoding.decode(input, &mut out).map(|()| out)
    }

    #[test]
    fn differences_wrap() {
        let int = Datatype::of(Dtype::Uint8);
        let delta = Recoding::Delta { of: int.clone(), stored: int };
        assert_eq!(undo(&delta, &[250, 10, 255], 3).unwrap(), [250, 4, 3]);
        assert!(undo(&delta, &[250, 10], 3).is_err());
        let wide = Datatype::of(Dtype::Int16);
        let big = ordered(wide.clone(), Order::Big);
        let delta = Recoding::Delta { of: big, stored: wide };
        assert_eq!(undo(&delta, &[1, 0, 2, 0], 4).unwrap(), [0, 1, 0, 3]);
    }

    #[test]
    fn scaled_cast_and_packed() {
        let (float, byte) = (Datatype::of(Dtype::Float32), Datatype::of(Dtype::Uint8));
        let scaled = Recoding::FixedScaleOffset {
            of: float.clone(),
            stored: byte.clone(),
            scale: 10.0,
            offset: 1000.0,
        };
        let bytes: Vec<u8> = [1000.0f32, 1000.1, 1025.5].iter().flat_map(|f| f.to_le_bytes()).collect();
        assert_eq!(undo(&scaled, &[0, 1, 255], 12).unwrap(), bytes);
        let cast = Recoding::AsType { of: float, stored: byte };
        assert_eq!(undo(&cast, &[7], 4).unwrap(), 7f32.to_le_bytes());
        // numcodecs.PackBits().encode([1, 0, 1]): five bits are not used
        assert_eq!(undo(&Recoding::PackBits, &[5, 0b1010_0000], 3).unwrap(), [1, 0, 1]);
        assert!(undo(&Recoding::PackBits, &[5, 0], 4).is_err());
        assert!(undo(&Recoding::PackBits, &[], 0).is_err());
    }
}
