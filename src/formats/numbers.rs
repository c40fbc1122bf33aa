//! Numbers as text, read exactly: integers stay integers, all others become the nearest float64.

use crate::dtype::Dtype;

/// A number as it was written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Numeral {
    /// An integer from -(2^64 - 1) to 2^64 - 1.
    Integer { negative: bool, magnitude: u64 },
    /// Any other number, as the nearest float64.
    Real(f64),
}

/// Digits that a u64 holds whatever they are.
const DIGITS: usize = 19;
/// Largest integer up to which float64 holds all.
const EXACT: u64 = 1 << 53;
/// Powers of ten that float64 holds exactly.
const TENS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

impl Numeral {
    /// Reads a number as Python's `float` does: digits with a sign, a point or an exponent, `nan`, `inf`.
    /// Returns `None` for anything else, and for a number that is too large for float64.
    pub(super) fn parse(field: &[u8]) -> Option<Numeral> {
        let (literal, end) = Self::short(field)?;
        if end == field.len() && end > 0 { Some(literal) } else { Self::any(field) }
    }

    /// Reads the number at the start of `text`, which ends before `end`. Returns it with its length.
    #[inline(always)]
    pub(super) fn begins(text: &[u8], end: impl Fn(u8) -> bool) -> Option<(Numeral, usize)> {
        let (literal, len) = Self::short(text)?;
        if text.get(len).is_none_or(|b| end(*b)) && len > 0 {
            return Some((literal, len));
        }
        let len = text.iter().position(|b| end(*b)).unwrap_or(text.len());
        Self::any(&text[..len]).map(|literal| (literal, len))
    }

    /// Reads up to 19 digits with at most one point. Returns the number and the bytes that were read; 0 bytes
    /// if it is none of these. The value is the nearest float64: both the digits and the power of ten are
    /// exact, and dividing rounds once.
    #[inline(always)]
    fn short(text: &[u8]) -> Option<(Numeral, usize)> {
        const NONE: Option<(Numeral, usize)> = Some((Numeral::Real(0.0), 0));
        let negative = text.first() == Some(&b'-');
        let start = usize::from(negative || text.first() == Some(&b'+'));
        let (mut at, mut magnitude) = (start, 0u64);
        while let Some(digit) = text.get(at).map(|b| b.wrapping_sub(b'0')).filter(|d| *d < 10) {
            if at - start == DIGITS {
                return NONE;
            }
            magnitude = magnitude * 10 + u64::from(digit);
            at += 1;
        }
        if at == start {
            return NONE;
        }
        if text.get(at) != Some(&b'.') {
            return Some((Numeral::Integer { negative, magnitude }, at));
        }
        let point = at;
        at += 1;
        while let Some(digit) = text.get(at).map(|b| b.wrapping_sub(b'0')).filter(|d| *d < 10) {
            if at - start > DIGITS {
                return NONE;
            }
            magnitude = magnitude * 10 + u64::from(digit);
            at += 1;
        }
        if magnitude > EXACT {
            return NONE;
        }
        let value = magnitude as f64 / TENS[at - point - 1];
        Some((Numeral::Real(if negative { -value } else { value }), at))
    }

    #[cold]
    fn any(field: &[u8]) -> Option<Numeral> {
        let text = std::str::from_utf8(field).ok()?;
        let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
        if digits.starts_with(|c: char| c.is_ascii_digit())
            && let Ok(magnitude) = digits.parse()
        {
            return Some(Numeral::Integer { negative: text.starts_with('-'), magnitude });
        }
        let value: f64 = text.parse().ok()?;
        let overflow = value.is_infinite() && text.contains(|c: char| c.is_ascii_digit());
        (!overflow).then_some(Numeral::Real(value))
    }

    /// The nearest float64.
    pub(super) fn real(self) -> f64 {
        match self {
            Numeral::Integer { negative: true, magnitude } => -(magnitude as f64),
            Numeral::Integer { magnitude, .. } => magnitude as f64,
            Numeral::Real(value) => value,
        }
    }

    /// The number with the other sign.
    pub(super) fn negated(self) -> Numeral {
        match self {
            Numeral::Integer { negative, magnitude } => Numeral::Integer { negative: !negative, magnitude },
            Numeral::Real(value) => Numeral::Real(-value),
        }
    }
}

/// How the values of a file are held while it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeldAs {
    /// As float32, which holds all of them exactly.
    Float32,
    /// As 64-bit integers.
    Integer,
    /// As float64.
    Real,
}

impl HeldAs {
    /// Bytes of a value.
    pub(super) fn width(self) -> usize {
        if self == HeldAs::Float32 { 4 } else { 8 }
    }
}

/// Type that values are held in while a file is read.
pub(super) trait HeldValue: bytemuck::Pod + Send {
    /// The literal in this type, or why it cannot be held.
    fn hold(literal: Numeral, seen: &mut Seen) -> Result<Self, Misfit>;
}

/// Why a value cannot be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Misfit {
    /// float32 does not hold it exactly.
    NotFloat32,
    /// It is not an integer.
    NotInteger,
    /// No 64-bit integer holds it.
    TooLarge,
}

/// Which integers were seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// One below 0.
    pub(super) negative: bool,
    /// One above 2^63 - 1.
    pub(super) large: bool,
    /// A number that was not written as an integer.
    pub(super) real: bool,
    /// Set before: all must fit int64, as one of the file is negative.
    pub(super) signed: bool,
}

impl Seen {
    pub(super) fn merge(self, other: Seen) -> Seen {
        Seen {
            negative: self.negative | other.negative,
            large: self.large | other.large,
            real: self.real | other.real,
            signed: self.signed | other.signed,
        }
    }

    /// The type of integers like these; `None` if none holds all.
    pub(super) fn integer_dtype(self) -> Option<Dtype> {
        match (self.negative, self.large) {
            (_, false) => Some(Dtype::Int64),
            (false, true) => Some(Dtype::Uint64),
            (true, true) => None,
        }
    }
}

impl HeldValue for f32 {
    #[inline(always)]
    fn hold(literal: Numeral, seen: &mut Seen) -> Result<f32, Misfit> {
        let (value, exact) = match literal {
            Numeral::Integer { negative, magnitude } => {
                let value = magnitude as f32;
                (
                    if negative { -value } else { value },
                    magnitude <= 1 << 24 || value as u128 == magnitude.into(),
                )
            }
            Numeral::Real(v) => {
                seen.real = true;
                (v as f32, f64::from(v as f32) == v || v.is_nan())
            }
        };
        if exact { Ok(value) } else { Err(Misfit::NotFloat32) }
    }
}

/// The bits of an `i64`, or of a `u64` where all are positive.
impl HeldValue for u64 {
    #[inline(always)]
    fn hold(literal: Numeral, seen: &mut Seen) -> Result<u64, Misfit> {
        let (negative, magnitude) = match literal {
            Numeral::Integer { negative, magnitude } => (negative, magnitude),
            // some programs write 100000 as 1e+05
            Numeral::Real(v) if v.fract() == 0.0 && v.abs() <= EXACT as f64 => {
                (v.is_sign_negative(), v.abs() as u64)
            }
            Numeral::Real(_) => return Err(Misfit::NotInteger),
        };
        if negative && magnitude > 0 {
            seen.negative = true;
            return if magnitude <= 1 << 63 { Ok(magnitude.wrapping_neg()) } else { Err(Misfit::TooLarge) };
        }
        let large = magnitude > i64::MAX as u64;
        seen.large |= large;
        if large && seen.signed { Err(Misfit::TooLarge) } else { Ok(magnitude) }
    }
}

impl HeldValue for f64 {
    #[inline(always)]
    fn hold(literal: Numeral, _: &mut Seen) -> Result<f64, Misfit> {
        Ok(literal.real())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn integer(text: &str) -> Option<(bool, u64)> {
        match Numeral::parse(text.as_bytes()) {
            Some(Numeral::Integer { negative, magnitude }) => Some((negative, magnitude)),
            _ => None,
        }
    }

    #[test]
    fn integers_stay_integers() {
        for (text, want) in [
            ("0", (false, 0)),
            ("-7", (true, 7)),
            ("+16777217", (false, 16_777_217)),
            ("9223372036854775808", (false, 1 << 63)),
            ("18446744073709551615", (false, u64::MAX)),
            ("-00000000000000000000000000000000012", (true, 12)),
        ] {
            assert_eq!(integer(text), Some(want), "{text}");
        }
        assert_eq!(
            Numeral::parse(b"18446744073709551616"),
            Some(Numeral::Real(18_446_744_073_709_551_616.0))
        );
    }

    #[test]
    fn what_is_no_number_is_none() {
        for text in [
            "", "-", "+", ".", "x", "1x", "1.2.3", "0x10", "--1", "+-1", "1_000", "1e", "e5", "1e400",
            "-1e999",
        ] {
            assert_eq!(Numeral::parse(text.as_bytes()), None, "{text}");
        }
        for text in ["inf", "-Infinity", "NaN", "1.", ".5", "1e5", "-2.5E-3"] {
            let Some(Numeral::Real(v)) = Numeral::parse(text.as_bytes()) else { panic!("{text}") };
            assert_eq!(v.to_bits(), text.parse::<f64>().unwrap().to_bits(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_number_is_the_nearest_float64(text in "[-+]?[0-9]{0,22}(\\.[0-9]{0,25})?(e[-+]?[0-9]{1,3})?") {
            let want = text.parse::<f64>().ok().filter(|v| v.is_finite());
            let got = Numeral::parse(text.as_bytes()).map(Numeral::real);
            prop_assert_eq!(got.map(f64::to_bits), want.map(f64::to_bits));
            let longer = format!("{text} 77");
            let begun = Numeral::begins(longer.as_bytes(), |b| b == b' ');
            prop_assert_eq!(begun.map(|(l, n)| (l.real().to_bits(), n)), want.map(|v| (v.to_bits(), text.len())));
        }

        #[test]
        fn a_value_is_held_exactly_or_not_at_all(bits in any::<u64>(), negative in any::<bool>(), shift in 0u32..64) {
            let magnitude = bits >> shift;
            let literal = Numeral::Integer { negative, magnitude };
            let want = if negative { -i128::from(magnitude) } else { i128::from(magnitude) };
            if let Ok(v) = f32::hold(literal, &mut Seen::default()) {
                prop_assert_eq!(v as i128, want);
            }
            let mut seen = Seen::default();
            if let Ok(v) = u64::hold(literal, &mut seen) {
                let got = if seen.integer_dtype() == Some(Dtype::Int64) { i128::from(v as i64) } else { i128::from(v) };
                prop_assert_eq!(got, want);
            } else {
                prop_assert!(want < i128::from(i64::MIN));
            }
        }
    }

    #[test]
    fn each_type_says_why_not() {
        let hold = |text: &str| Numeral::parse(text.as_bytes()).unwrap();
        let mut seen = Seen::default();
        assert_eq!(f32::hold(hold("16777217"), &mut seen), Err(Misfit::NotFloat32));
        assert_eq!(f32::hold(hold("0.1"), &mut seen), Err(Misfit::NotFloat32));
        assert_eq!(f32::hold(hold("1e39"), &mut seen), Err(Misfit::NotFloat32));
        assert_eq!(f32::hold(hold("0.5"), &mut seen), Ok(0.5));
        assert_eq!(u64::hold(hold("1e+05"), &mut seen), Ok(100_000));
        assert_eq!(u64::hold(hold("1.5"), &mut seen), Err(Misfit::NotInteger));
        assert_eq!(u64::hold(hold("-9223372036854775809"), &mut seen), Err(Misfit::TooLarge));
    }
}
