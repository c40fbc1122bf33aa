//! Converts numbers of any stored type to a plain little-endian [`Dtype`].

use super::{Class, Datatype, Dtype, Float, Integer, Order};
use half::f16;

/// Conversion from a stored number type to a plain type.
///
/// Types with unusual precisions or exponents are converted to the smallest plain type that holds all their
/// values, as in h5py.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numeric {
    /// The plain type.
    pub dtype: Dtype,
    how: Conversion,
    /// Size of a stored element in bytes.
    size: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Conversion {
    /// The stored bytes are already in the plain form.
    Native,
    /// The stored bytes are in reverse order.
    Swap,
    Integer(Integer),
    Float(Float),
}

impl Numeric {
    /// The conversion of `datatype` to a plain type ([`dtype`](Self::dtype)); `None` if it is not a number or
    /// has no plain type.
    pub fn of(datatype: &Datatype) -> Option<Self> {
        let size = usize::try_from(datatype.size).ok()?;
        let (dtype, how) = match &datatype.class {
            Class::Integer(i) => (integer_dtype(i, size)?, integer_how(i, size)),
            Class::Bitfield(i) => {
                let i = Integer { signed: false, ..*i };
                (integer_dtype(&i, size)?, integer_how(&i, size))
            }
            Class::Float(f) => float(f, size)?,
            Class::Enum { .. } if datatype.is_bool() => (Dtype::Bool, Conversion::Native),
            Class::Enum { base, .. } => return Self::of(base),
            _ => return None,
        };
        Some(Numeric { dtype, how, size })
    }

    /// Whether the stored bytes are already in the plain form.
    pub fn is_native(&self) -> bool {
        self.how == Conversion::Native
    }

    /// Whether the stored bytes are the plain form in reverse order: numbers of big-endian machines.
    pub fn is_swapped(&self) -> bool {
        self.how == Conversion::Swap
    }

    /// Size of a stored element in bytes.
    pub fn stored_size(&self) -> usize {
        self.size
    }

    /// Converts the elements of `stored` into `out`, up to the length of the shorter one.
    pub fn convert(&self, stored: &[u8], out: &mut [u8]) {
        let pairs = stored.chunks_exact(self.size).zip(out.chunks_exact_mut(self.dtype.size()));
        match self.how {
            Conversion::Native => {
                let n = stored.len().min(out.len());
                if let (Some(o), Some(s)) = (out.get_mut(..n), stored.get(..n)) {
                    o.copy_from_slice(s);
                }
            }
            Conversion::Swap => match self.size {
                2 => swap::<2>(stored, out),
                4 => swap::<4>(stored, out),
                8 => swap::<8>(stored, out),
                _ => pairs.for_each(|(s, o)| o.iter_mut().zip(s.iter().rev()).for_each(|(o, b)| *o = *b)),
            },
            Conversion::Integer(i) => pairs.for_each(|(s, o)| store(o, integer_value(&i, s))),
            Conversion::Float(f) => pairs.for_each(|(s, o)| {
                let v = float_value(&f, s);
                match self.dtype {
                    Dtype::Float16 => o.copy_from_slice(&f16::from_f64(v).to_le_bytes()),
                    Dtype::Float32 => o.copy_from_slice(&narrow(v).to_le_bytes()),
                    _ => o.copy_from_slice(&v.to_le_bytes()),
                }
            }),
        }
    }
}

#[allow(clippy::cast_possible_truncation)] // the value came from a type that float32 holds
fn narrow(v: f64) -> f32 {
    v as f32
}

fn swap<const W: usize>(stored: &[u8], out: &mut [u8]) {
    let (stored, _) = stored.as_chunks::<W>();
    let (out, _) = out.as_chunks_mut::<W>();
    for (o, s) in out.iter_mut().zip(stored) {
        *o = *s;
        o.reverse();
    }
}

fn integer_dtype(i: &Integer, size: usize) -> Option<Dtype> {
    Some(match (size, i.signed) {
        (1, true) => Dtype::Int8,
        (2, true) => Dtype::Int16,
        (4, true) => Dtype::Int32,
        (8, true) => Dtype::Int64,
        (1, false) => Dtype::Uint8,
        (2, false) => Dtype::Uint16,
        (4, false) => Dtype::Uint32,
        (8, false) => Dtype::Uint64,
        _ => return None,
    })
}

fn integer_how(i: &Integer, size: usize) -> Conversion {
    let whole = i.bit_offset == 0 && usize::from(i.precision) == size.saturating_mul(8);
    match i.order {
        Order::Little if whole => Conversion::Native,
        Order::Big if whole => {
            if size == 1 {
                Conversion::Native
            } else {
                Conversion::Swap
            }
        }
        _ => Conversion::Integer(*i),
    }
}

/// The IEEE 754 formats: size in bytes, exponent bits, mantissa bits, exponent bias, type.
const IEEE: [(usize, u8, u8, u32, Dtype); 3] =
    [(2, 5, 10, 15, Dtype::Float16), (4, 8, 23, 127, Dtype::Float32), (8, 11, 52, 1023, Dtype::Float64)];

fn float(f: &Float, size: usize) -> Option<(Dtype, Conversion)> {
    for (ieee_size, exponent, mantissa, bias, dtype) in IEEE {
        let standard = Float {
            order: f.order,
            bit_offset: 0,
            precision: u16::try_from(ieee_size.saturating_mul(8)).ok()?,
            sign_at: exponent.saturating_add(mantissa),
            exponent_at: mantissa,
            exponent_bits: exponent,
            mantissa_at: 0,
            mantissa_bits: mantissa,
            bias,
            normalization: 2,
        };
        if size == ieee_size && *f == standard && f.order != Order::Vax {
            return Some((
                dtype,
                if f.order == Order::Little { Conversion::Native } else { Conversion::Swap },
            ));
        }
    }
    if size > 8 {
        return None;
    }
    // The smallest format that holds the exponent range and the mantissa.
    let fits = |e: u8, m: u8, bias: u32| f.exponent_bits <= e && f.mantissa_bits <= m && f.bias <= bias;
    let found = IEEE.into_iter().find(|(_, e, m, bias, _)| fits(*e, *m, *bias))?;
    Some((found.4, Conversion::Float(*f)))
}

/// The element's bytes as one number, least significant bit first.
fn bits_of(order: Order, bytes: &[u8]) -> u64 {
    let mut little = [0u8; 8];
    let n = bytes.len().min(8);
    match order {
        Order::Little => little.iter_mut().zip(bytes).for_each(|(o, b)| *o = *b),
        Order::Big => little.iter_mut().zip(bytes.iter().rev()).for_each(|(o, b)| *o = *b),
        // VAX: little-endian 16-bit words, the most significant word first
        Order::Vax => {
            let words = bytes.chunks(2).rev().flatten();
            little.iter_mut().take(n).zip(words).for_each(|(o, b)| *o = *b);
        }
    }
    u64::from_le_bytes(little)
}

fn field(bits: u64, at: u32, width: u32) -> u64 {
    let mask = if width >= 64 { u64::MAX } else { 1u64.wrapping_shl(width).wrapping_sub(1) };
    bits.checked_shr(at).unwrap_or(0) & mask
}

fn integer_value(i: &Integer, bytes: &[u8]) -> u64 {
    let width = u32::from(i.precision);
    let value = field(bits_of(i.order, bytes), u32::from(i.bit_offset), width);
    let negative = i.signed && field(value, width.saturating_sub(1), 1) == 1;
    if negative && width < 64 { value | u64::MAX.wrapping_shl(width) } else { value }
}

fn store(out: &mut [u8], value: u64) {
    out.iter_mut().zip(value.to_le_bytes()).for_each(|(o, b)| *o = b);
}

fn float_value(f: &Float, bytes: &[u8]) -> f64 {
    let bits = bits_of(f.order, bytes);
    let sign = if field(bits, u32::from(f.sign_at), 1) == 1 { -1.0 } else { 1.0 };
    let exponent = field(bits, u32::from(f.exponent_at), u32::from(f.exponent_bits));
    let mantissa = field(bits, u32::from(f.mantissa_at), u32::from(f.mantissa_bits));
    let top = field(u64::MAX, 0, u32::from(f.exponent_bits));
    if exponent == top && f.order != Order::Vax {
        return if mantissa == 0 { sign * f64::INFINITY } else { f64::NAN };
    }
    let power = |n: i64| 2f64.powi(i32::try_from(n).unwrap_or(0));
    let mantissa_bits = i64::from(f.mantissa_bits);
    #[allow(clippy::cast_precision_loss)] // at most 52 bits are significant here
    let fraction = mantissa as f64 * power(mantissa_bits.saturating_neg());
    let unbiased = i64::try_from(exponent).unwrap_or(0).saturating_sub(i64::from(f.bias));
    let magnitude = match f.normalization {
        2 if exponent == 0 => fraction * power(unbiased.saturating_add(1)),
        2 => (1.0 + fraction) * power(unbiased),
        // the top bit is stored and has the value one
        1 => fraction * 2.0 * power(unbiased),
        _ => fraction * power(unbiased),
    };
    sign * magnitude
}

#[cfg(test)]
mod tests {
    use super::*;

    fn convert(class: Class, stored: &[u8]) -> (Dtype, Vec<u8>) {
        let n = Numeric::of(&Datatype { size: stored.len() as u32, class }).unwrap();
        let mut out = vec![0; n.dtype.size()];
        n.convert(stored, &mut out);
        (n.dtype, out)
    }

    #[test]
    fn integers_of_odd_precision() {
        let i = Integer { order: Order::Big, signed: true, bit_offset: 4, precision: 5 };
        // bits 4..9 of 0x01f0 are 0b11111: −1
        assert_eq!(convert(Class::Integer(i), &[0x01, 0xf0]), (Dtype::Int16, (-1i16).to_le_bytes().to_vec()));
        let whole = Integer { order: Order::Big, signed: false, bit_offset: 0, precision: 32 };
        assert_eq!(convert(Class::Integer(whole), &[0, 0, 1, 2]), (Dtype::Uint32, vec![2, 1, 0, 0]));
    }

    #[test]
    fn bfloat16_is_not_float16() {
        let f = Float {
            order: Order::Little,
            bit_offset: 0,
            precision: 16,
            sign_at: 15,
            exponent_at: 7,
            exponent_bits: 8,
            mantissa_at: 0,
            mantissa_bits: 7,
            bias: 127,
            normalization: 2,
        };
        let (dtype, bytes) = convert(Class::Float(f), &[0xc0, 0x3f]); // 1.5
        assert_eq!((dtype, bytes), (Dtype::Float32, 1.5f32.to_le_bytes().to_vec()));
        let (_, bytes) = convert(Class::Float(f), &[0x80, 0xff]);
        assert_eq!(bytes, f32::NEG_INFINITY.to_le_bytes());
    }
}
