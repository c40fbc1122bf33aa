//! What the bytes of a stored element mean, whatever container they lie in.
//!
//! The model is that of HDF5 (File Format 3.0, IV.A.2.d), which is the richest: numbers with any byte order and bit layout,
//! strings of fixed and of any length, compounds, enums, arrays, references. [`Numeric`](super::Numeric) turns its numbers
//! into plain [`Dtype`]s.

use super::{Dtype, Numeric};
use crate::error::{Error, Result};

/// A datatype: bytes of one element, and what they mean. [`Numeric::of`] finds the plain [`Dtype`] of those that are
/// numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Datatype {
    /// Bytes of one element.
    pub size: u32,
    /// What the bytes mean.
    pub class: Class,
}

/// The classes of the format.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Class {
    /// Integers.
    Integer(Integer),
    /// Floating-point numbers.
    Float(Float),
    /// Times; deprecated, kept as raw bytes of this many significant bits.
    Time {
        /// Significant bits.
        precision: u16,
    },
    /// Strings of fixed length.
    FixedString(Text),
    /// Bits without a meaning as a number.
    Bitfield(Integer),
    /// Bytes without a meaning to the library.
    Opaque {
        /// What the writer called them.
        tag: String,
    },
    /// Named members, each at an offset.
    Compound(Vec<Member>),
    /// A reference to an object or a region of one.
    Reference {
        /// 0 object, 1 region, others since HDF5 1.12.
        kind: u8,
    },
    /// Integers with names.
    Enum {
        /// The integers.
        base: Box<Datatype>,
        /// Name and value (in the base type's bytes) of each.
        members: Vec<(String, Vec<u8>)>,
    },
    /// Sequences of any length, in the global heap.
    VarLen(Box<Datatype>),
    /// Strings of any length, in the global heap.
    VarString(Text),
    /// A small box of elements.
    Array {
        /// Elements in each dimension.
        dims: Vec<u64>,
        /// Type of the elements.
        base: Box<Datatype>,
    },
    /// Complex numbers: real and imaginary part of the base type.
    Complex(Box<Datatype>),
}

/// Byte order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Order {
    Little,
    Big,
    /// Middle-endian floats of the VAX.
    Vax,
}

/// Where an integer lies in its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Integer {
    /// Byte order.
    pub order: Order,
    /// Two's complement or without sign.
    pub signed: bool,
    /// First significant bit.
    pub bit_offset: u16,
    /// Significant bits.
    pub precision: u16,
}

/// Where sign, exponent and mantissa of a float lie in its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // the specification's own names
pub struct Float {
    pub order: Order,
    pub bit_offset: u16,
    pub precision: u16,
    pub sign_at: u8,
    pub exponent_at: u8,
    pub exponent_bits: u8,
    pub mantissa_at: u8,
    pub mantissa_bits: u8,
    pub bias: u32,
    /// 0: no implied bit, 1: the top bit is stored and set, 2: the top bit is implied.
    pub normalization: u8,
}

/// How a string is padded and encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text {
    /// What fills the rest of a fixed length.
    pub padding: Padding,
    /// Declared as UTF-8; otherwise ASCII, in practice any 8-bit text.
    pub utf8: bool,
}

/// String padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// Ends at the first NUL, and has one.
    NullTerminated,
    /// Ends at the first NUL or at the full length.
    NullPadded,
    /// Ends before the trailing spaces.
    Spaces,
}

/// A member of a compound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Where it begins in the element, in bytes.
    pub offset: u32,
    /// Its type.
    pub datatype: Datatype,
}

impl Datatype {
    /// The enum that h5py writes for booleans: FALSE and TRUE over int8.
    pub fn is_bool(&self) -> bool {
        match &self.class {
            Class::Enum { base, members } => {
                let named = |n: &str, v: u8| members.iter().any(|(name, value)| name == n && value == &[v]);
                base.size == 1 && members.len() == 2 && named("FALSE", 0) && named("TRUE", 1)
            }
            _ => false,
        }
    }

    /// The type of plain numbers and bools as this machine and h5py write them: little-endian.
    pub(crate) fn of(dtype: Dtype) -> Datatype {
        let size = u32::try_from(dtype.size()).unwrap_or(8);
        let precision = u16::try_from(size.saturating_mul(8)).unwrap_or(64);
        let integer =
            |signed| Class::Integer(Integer { order: Order::Little, signed, bit_offset: 0, precision });
        let float = |exponent_bits: u8, mantissa_bits: u8, bias| {
            Class::Float(Float {
                order: Order::Little,
                bit_offset: 0,
                precision,
                sign_at: exponent_bits.saturating_add(mantissa_bits),
                exponent_at: mantissa_bits,
                exponent_bits,
                mantissa_at: 0,
                mantissa_bits,
                bias,
                normalization: 2,
            })
        };
        let class = match dtype {
            Dtype::Bool => Class::Enum {
                base: Box::new(Datatype::of(Dtype::Int8)),
                members: vec![("FALSE".into(), vec![0]), ("TRUE".into(), vec![1])],
            },
            Dtype::Float16 => float(5, 10, 15),
            Dtype::Float32 => float(8, 23, 127),
            Dtype::Float64 => float(11, 52, 1023),
            d => integer(!d.is_unsigned()),
        };
        Datatype { size, class }
    }

    /// Strings of any length in UTF-8, as h5py writes them.
    pub(crate) fn string() -> Datatype {
        let text = Text { padding: Padding::NullTerminated, utf8: true };
        Datatype { size: 16, class: Class::VarString(text) }
    }

    /// Whether elements refer to other places of their file: strings and lists of any length to a heap, references to
    /// objects.
    pub(crate) fn has_references(&self) -> bool {
        match &self.class {
            Class::VarString(_) | Class::VarLen(_) | Class::Reference { .. } => true,
            Class::Compound(members) => members.iter().any(|m| m.datatype.has_references()),
            Class::Array { base, .. } => base.has_references(),
            _ => false,
        }
    }

    /// The type with references to a heap of 16 bytes, as with addresses of 8 bytes; members behind each other without a
    /// gap where that changed them.
    ///
    /// # Errors
    /// `Unsupported` where it has 4 GiB or more.
    pub(crate) fn packed(&self) -> Result<Datatype> {
        Ok(match &self.class {
            Class::VarString(text) => Datatype { size: 16, class: Class::VarString(*text) },
            Class::VarLen(base) => Datatype { size: 16, class: Class::VarLen(Box::new(base.packed()?)) },
            Class::Compound(members) if members.iter().any(|m| m.datatype.has_references()) => {
                let packed = Self::packed_members(members)?;
                let size = packed.last().map_or(0, |m| m.offset.saturating_add(m.datatype.size));
                Datatype { size, class: Class::Compound(packed) }
            }
            Class::Array { dims, base } => {
                let base = base.packed()?;
                let size = dims.iter().try_fold(u64::from(base.size), |n, d| n.checked_mul(*d));
                let size = size.and_then(|n| u32::try_from(n).ok());
                let size = size.ok_or_else(|| Error::unsupported("an array type of that size"))?;
                Datatype { size, class: Class::Array { dims: dims.clone(), base: Box::new(base) } }
            }
            _ => self.clone(),
        })
    }

    /// The members of a compound in [`packed`](Self::packed) form, without gaps.
    ///
    /// # Errors
    /// As of [`packed`](Self::packed).
    pub(crate) fn packed_members(members: &[Member]) -> Result<Vec<Member>> {
        let mut offset = 0u32;
        let mut packed = Vec::with_capacity(members.len());
        for m in members {
            let datatype = m.datatype.packed()?;
            let next = offset.saturating_add(datatype.size);
            packed.push(Member { name: m.name.clone(), offset, datatype });
            offset = next;
        }
        Ok(packed)
    }

    /// A short name: `float32`, `string`, `string[8]`, `compound{a:int32,b:bool}`, `vlen<uint8>`, ...
    pub fn name(&self) -> String {
        match &self.class {
            Class::Enum { .. } if self.is_bool() => "bool".into(),
            Class::Enum { base, .. } => format!("enum:{}", base.name()),
            Class::FixedString(_) => format!("string[{}]", self.size),
            Class::VarString(_) => "string".into(),
            Class::VarLen(base) => format!("vlen<{}>", base.name()),
            Class::Array { dims, base } => {
                let dims: Vec<String> = dims.iter().map(u64::to_string).collect();
                format!("array<{};{}>", base.name(), dims.join(","))
            }
            Class::Compound(members) => {
                let members: Vec<String> =
                    members.iter().map(|m| format!("{}:{}", m.name, m.datatype.name())).collect();
                format!("compound{{{}}}", members.join(","))
            }
            Class::Opaque { .. } => format!("opaque[{}]", self.size),
            Class::Reference { kind: 0 } => "reference".into(),
            Class::Reference { kind: 1 } => "region-reference".into(),
            Class::Reference { kind } => format!("reference-{kind}"),
            Class::Complex(base) => match Numeric::of(base).map(|n| n.dtype) {
                Some(Dtype::Float32) => "complex64".into(),
                Some(Dtype::Float64) => "complex128".into(),
                _ => format!("complex<{}>", base.name()),
            },
            Class::Time { precision } => format!("time{precision}"),
            Class::Integer(i) => {
                let sign = if i.signed { "int" } else { "uint" };
                format!("{sign}{}", u64::from(self.size).saturating_mul(8))
            }
            Class::Bitfield(_) => format!("uint{}", u64::from(self.size).saturating_mul(8)),
            Class::Float(_) => match Numeric::of(self) {
                Some(n) => n.dtype.name().into(),
                None => format!("float{}", u64::from(self.size).saturating_mul(8)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compound_with_strings_is_packed_without_gaps() {
        let text = Text { padding: Padding::NullTerminated, utf8: true };
        // as a file with addresses of four bytes has it, with a gap before the last member
        let string = Datatype { size: 12, class: Class::VarString(text) };
        let member = |name: &str, offset, datatype| Member { name: name.into(), offset, datatype };
        let members = vec![
            member("a", 0, Datatype::of(Dtype::Int32)),
            member("b", 4, string),
            member("c", 24, Datatype::of(Dtype::Int64)),
        ];
        let packed = Datatype { size: 32, class: Class::Compound(members) }.packed().unwrap();
        let Class::Compound(members) = &packed.class else { panic!("{packed:?}") };
        assert_eq!(members.iter().map(|m| m.offset).collect::<Vec<_>>(), [0, 4, 20]);
        assert_eq!(packed.size, 28);
        assert!(packed.has_references());
        // without references the layout stays, gap and all
        let plain = Class::Compound(vec![member("c", 8, Datatype::of(Dtype::Int64))]);
        let plain = Datatype { size: 24, class: plain };
        assert_eq!(plain.packed().unwrap(), plain);
    }

    #[test]
    fn an_array_type_of_4_gib_is_refused() {
        let base = Box::new(Datatype::of(Dtype::Int64));
        let array = Datatype { size: 0, class: Class::Array { dims: vec![1 << 20, 1 << 20], base } };
        assert!(array.packed().is_err());
    }
}
