//! Types of elements: plain numbers by their numpy names ([`Dtype`]), stored elements of any kind
//! ([`Datatype`]), and the conversion from stored to plain.

mod aligned;
mod canonical;
mod cast;
mod datatype;
mod elements;
mod numeric;
mod wanted;

pub use aligned::AlignedBytes;
pub use cast::Policy;
pub(crate) use cast::{Narrowest, cast, convert_into};
pub use datatype::{Class, Datatype, Float, Integer, Member, Order, Padding, Text};
pub use elements::Elements;
pub use numeric::Numeric;
pub use wanted::ValueDtype;

use crate::error::{Error, Result};
use half::f16;
use std::fmt;

/// A number type. Arrays of this crate are always little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // the names say it
pub enum Dtype {
    Bool,
    Int8,
    Int16,
    Int32,
    Int64,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    Float16,
    Float32,
    Float64,
}

impl Dtype {
    /// All types, from narrow to wide within each family.
    pub const ALL: [Dtype; 12] = [
        Dtype::Bool,
        Dtype::Uint8,
        Dtype::Uint16,
        Dtype::Uint32,
        Dtype::Uint64,
        Dtype::Int8,
        Dtype::Int16,
        Dtype::Int32,
        Dtype::Int64,
        Dtype::Float16,
        Dtype::Float32,
        Dtype::Float64,
    ];

    /// Size of one element in bytes.
    pub const fn size(self) -> usize {
        match self {
            Dtype::Bool | Dtype::Int8 | Dtype::Uint8 => 1,
            Dtype::Int16 | Dtype::Uint16 | Dtype::Float16 => 2,
            Dtype::Int32 | Dtype::Uint32 | Dtype::Float32 => 4,
            Dtype::Int64 | Dtype::Uint64 | Dtype::Float64 => 8,
        }
    }

    /// The numpy name: `uint8`, `float32`, ...
    pub const fn name(self) -> &'static str {
        match self {
            Dtype::Bool => "bool",
            Dtype::Int8 => "int8",
            Dtype::Int16 => "int16",
            Dtype::Int32 => "int32",
            Dtype::Int64 => "int64",
            Dtype::Uint8 => "uint8",
            Dtype::Uint16 => "uint16",
            Dtype::Uint32 => "uint32",
            Dtype::Uint64 => "uint64",
            Dtype::Float16 => "float16",
            Dtype::Float32 => "float32",
            Dtype::Float64 => "float64",
        }
    }

    /// The type with this full numpy name; also available through [`str::parse`]. Short names (`u8`, `f4`)
    /// are refused because their meaning differs between languages.
    ///
    /// # Errors
    /// `Usage`, with the list of valid names.
    pub fn from_name(name: &str) -> Result<Dtype> {
        Self::ALL.into_iter().find(|d| d.name() == name).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|d| d.name()).collect();
            Error::usage(format!("unknown dtype '{name}' (expected one of {})", names.join(", ")))
        })
    }

    /// The smallest integer type that holds `low` to `high`; unsigned if both kinds are possible.
    pub(crate) fn least_integer(low: i128, high: i128) -> Option<Dtype> {
        use Dtype::{Int8, Int16, Int32, Int64, Uint8, Uint16, Uint32, Uint64};
        [Uint8, Int8, Uint16, Int16, Uint32, Int32, Uint64, Int64]
            .into_iter()
            .find(|d| d.integer_range().is_some_and(|(l, h)| l <= low && high <= h))
    }

    /// The bytes of a missing value: NaN, or zero if the type has no NaN.
    pub(crate) fn missing(self) -> Vec<u8> {
        match self {
            Dtype::Float16 => half::f16::NAN.to_le_bytes().to_vec(),
            Dtype::Float32 => f32::NAN.to_le_bytes().to_vec(),
            Dtype::Float64 => f64::NAN.to_le_bytes().to_vec(),
            _ => vec![0; self.size()],
        }
    }

    /// Replaces the values that are `missing` by NaN, or zero if the type has no NaN.
    pub(crate) fn put_missing(self, bytes: &mut [u8], missing: &[bool]) {
        let nan = self.missing();
        for (slot, _) in bytes.chunks_exact_mut(self.size()).zip(missing).filter(|(_, gone)| **gone) {
            slot.copy_from_slice(&nan);
        }
    }

    /// Whether the type has no negative values. Includes bool.
    pub const fn is_unsigned(self) -> bool {
        matches!(self, Dtype::Bool | Dtype::Uint8 | Dtype::Uint16 | Dtype::Uint32 | Dtype::Uint64)
    }

    /// Whether the type is one of the three float types.
    pub const fn is_float(self) -> bool {
        matches!(self, Dtype::Float16 | Dtype::Float32 | Dtype::Float64)
    }

    /// The type that holds the values of both, as numpy promotes them: 64-bit integers of both signs become
    /// float64.
    pub fn promoted(self, other: Dtype) -> Dtype {
        let wide = if self.size() >= other.size() { self } else { other };
        let signed = |bytes: usize| match bytes {
            0..=1 => Dtype::Int8,
            2 => Dtype::Int16,
            3..=4 => Dtype::Int32,
            5..=8 => Dtype::Int64,
            _ => Dtype::Float64,
        };
        match (self.is_float(), other.is_float()) {
            _ if self == other || other == Dtype::Bool => self,
            _ if self == Dtype::Bool => other,
            (true, true) => wide,
            (false, false) if self.is_unsigned() == other.is_unsigned() => wide,
            (false, false) => {
                let (unsigned, int) = if self.is_unsigned() { (self, other) } else { (other, self) };
                signed(int.size().max(2 * unsigned.size()))
            }
            _ => {
                let (float, int) = if self.is_float() { (self, other) } else { (other, self) };
                let needed = match int.size() {
                    1 => Dtype::Float16,
                    2 => Dtype::Float32,
                    _ => Dtype::Float64,
                };
                if needed.size() > float.size() { needed } else { float }
            }
        }
    }

    /// The least and the greatest integer of the type; `None` for floats.
    pub const fn integer_range(self) -> Option<(i128, i128)> {
        Some(match self {
            Dtype::Bool => (0, 1),
            Dtype::Int8 => (i8::MIN as i128, i8::MAX as i128),
            Dtype::Int16 => (i16::MIN as i128, i16::MAX as i128),
            Dtype::Int32 => (i32::MIN as i128, i32::MAX as i128),
            Dtype::Int64 => (i64::MIN as i128, i64::MAX as i128),
            Dtype::Uint8 => (0, u8::MAX as i128),
            Dtype::Uint16 => (0, u16::MAX as i128),
            Dtype::Uint32 => (0, u32::MAX as i128),
            Dtype::Uint64 => (0, u64::MAX as i128),
            _ => return None,
        })
    }
}

impl std::str::FromStr for Dtype {
    type Err = Error;

    fn from_str(name: &str) -> Result<Dtype> {
        Self::from_name(name)
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Serializes as the numpy name.
#[cfg(feature = "serde")]
impl serde::Serialize for Dtype {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.name())
    }
}

/// One value of any [`Dtype`], for messages and single look-ups.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(missing_docs)]
pub enum Scalar {
    Bool(bool),
    Int(i128),
    /// The value and its stored type, so that it prints with that precision.
    Float(f64, Dtype),
}

impl Scalar {
    /// The nearest float64.
    pub fn as_f64(self) -> f64 {
        match self {
            Scalar::Bool(v) => f64::from(u8::from(v)),
            Scalar::Int(v) => v as f64,
            Scalar::Float(v, _) => v,
        }
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Scalar::Bool(v) => write!(f, "{v}"),
            Scalar::Int(v) => write!(f, "{v}"),
            Scalar::Float(v, Dtype::Float64) => write!(f, "{v:?}"),
            Scalar::Float(v, Dtype::Float16) => write!(f, "{}", f16::from_f64(v)),
            Scalar::Float(v, _) => write!(f, "{:?}", v as f32),
        }
    }
}

/// A Rust number that corresponds to a [`Dtype`]: `u8` to `u64`, `i8` to `i64`, `half::f16`, `f32`, `f64`.
/// Bool is handled as `u8`. Types outside this crate cannot implement it.
pub trait Element: bytemuck::Pod + PartialEq + PartialOrd + Send + Sync + fmt::Debug + cast::Convert {
    /// The corresponding type; `Uint8` for `u8`, although bool uses it too.
    const DTYPE: Dtype;
    /// The value as a [`Scalar`], which can be printed and compared across types.
    fn scalar(self) -> Scalar;
    /// Whether the value is zero; true for −0.0, false for NaN.
    fn is_zero(self) -> bool;
    /// The sum; `None` if an integer sum overflows.
    fn add(self, other: Self) -> Option<Self>;
}

macro_rules! element {
    ($($rust:ty => $dtype:ident, $scalar:expr, $zero:expr, $add:expr;)*) => {$(
        impl Element for $rust {
            const DTYPE: Dtype = Dtype::$dtype;
            fn scalar(self) -> Scalar { $scalar(self) }
            fn is_zero(self) -> bool { self == $zero }
            fn add(self, other: Self) -> Option<Self> { $add(self, other) }
        }
    )*};
}

element! {
    u8 => Uint8, |v| Scalar::Int(v as i128), 0, u8::checked_add;
    u16 => Uint16, |v| Scalar::Int(v as i128), 0, u16::checked_add;
    u32 => Uint32, |v| Scalar::Int(v as i128), 0, u32::checked_add;
    u64 => Uint64, |v| Scalar::Int(v as i128), 0, u64::checked_add;
    i8 => Int8, |v| Scalar::Int(v as i128), 0, i8::checked_add;
    i16 => Int16, |v| Scalar::Int(v as i128), 0, i16::checked_add;
    i32 => Int32, |v| Scalar::Int(v as i128), 0, i32::checked_add;
    i64 => Int64, |v| Scalar::Int(v as i128), 0, i64::checked_add;
    f16 => Float16, |v: f16| Scalar::Float(v.to_f64(), Dtype::Float16), f16::ZERO, |a: f16, b: f16| Some(a + b);
    f32 => Float32, |v| Scalar::Float(v as f64, Dtype::Float32), 0.0, |a, b| Some(a + b);
    f64 => Float64, |v| Scalar::Float(v, Dtype::Float64), 0.0, |a, b| Some(a + b);
}

/// Runs `$body` with `$T` as the Rust type of a [`Dtype`] (bool as `u8`), so that each block is dispatched
/// once.
macro_rules! with_element {
    ($dtype:expr, $T:ident => $body:expr) => {
        match $dtype {
            $crate::dtype::Dtype::Bool | $crate::dtype::Dtype::Uint8 => {
                type $T = u8;
                $body
            }
            $crate::dtype::Dtype::Uint16 => {
                type $T = u16;
                $body
            }
            $crate::dtype::Dtype::Uint32 => {
                type $T = u32;
                $body
            }
            $crate::dtype::Dtype::Uint64 => {
                type $T = u64;
                $body
            }
            $crate::dtype::Dtype::Int8 => {
                type $T = i8;
                $body
            }
            $crate::dtype::Dtype::Int16 => {
                type $T = i16;
                $body
            }
            $crate::dtype::Dtype::Int32 => {
                type $T = i32;
                $body
            }
            $crate::dtype::Dtype::Int64 => {
                type $T = i64;
                $body
            }
            $crate::dtype::Dtype::Float16 => {
                type $T = half::f16;
                $body
            }
            $crate::dtype::Dtype::Float32 => {
                type $T = f32;
                $body
            }
            $crate::dtype::Dtype::Float64 => {
                type $T = f64;
                $body
            }
        }
    };
}
pub(crate) use with_element;

/// The value at `index` of the little-endian `bytes` of `dtype`; `None` past the end.
pub fn scalar_at(dtype: Dtype, bytes: &[u8], index: usize) -> Option<Scalar> {
    let size = dtype.size();
    let one = bytes.get(index.checked_mul(size)?..)?.get(..size)?;
    if dtype == Dtype::Bool {
        return one.first().map(|&b| Scalar::Bool(b != 0));
    }
    Some(with_element!(dtype, T => bytemuck::pod_read_unaligned::<T>(one).scalar()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_full_numpy_names() {
        for d in Dtype::ALL {
            assert_eq!(Dtype::from_name(d.name()).unwrap(), d);
            assert_eq!(d.name().parse::<Dtype>().unwrap(), d);
        }
        for short in ["u8", "f4", "<f4", "float", "int", ""] {
            assert_eq!(Dtype::from_name(short).unwrap_err().kind(), crate::error::Kind::Usage, "{short}");
        }
    }

    #[test]
    fn promoted_as_numpy_does() {
        use Dtype::*;
        for (a, b, want) in [
            (Bool, Uint8, Uint8),
            (Bool, Bool, Bool),
            (Uint8, Int8, Int16),
            (Uint16, Int8, Int32),
            (Uint32, Int64, Int64),
            (Uint32, Int32, Int64),
            (Uint64, Int8, Float64),
            (Uint64, Uint8, Uint64),
            (Int16, Int64, Int64),
            (Float16, Uint8, Float16),
            (Float16, Int16, Float32),
            (Float16, Int32, Float64),
            (Float32, Uint16, Float32),
            (Float32, Int32, Float64),
            (Float32, Uint64, Float64),
            (Float32, Float64, Float64),
            (Float16, Float32, Float32),
            (Float64, Int64, Float64),
        ] {
            assert_eq!((a.promoted(b), b.promoted(a)), (want, want), "{a} and {b}");
        }
    }

    #[test]
    fn a_scalar_prints_as_stored() {
        let v = scalar_at(Dtype::Float32, &1.1f32.to_le_bytes(), 0).unwrap();
        assert_eq!(v.to_string(), "1.1");
        assert_eq!(scalar_at(Dtype::Int16, &[1, 0, 255, 255], 1).unwrap().to_string(), "-1");
        assert!(scalar_at(Dtype::Int16, &[1, 0], 1).is_none());
    }
}
