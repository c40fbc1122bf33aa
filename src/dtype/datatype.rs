//! Describes the bytes of a stored element, independent of the container.
//!
//! The model follows HDF5 (File Format 3.0, IV.A.2.d), which is the most general: numbers with any byte order
//! and bit layout, strings of fixed and variable length, compounds, enums, arrays, references.
//! [`Numeric`](super::Numeric) converts its numbers to plain [`Dtype`]s.

use super::{Dtype, Numeric};
use crate::error::{Error, Result};

/// A datatype: the size of one element and the meaning of its bytes. [`Numeric::of`] finds the plain
/// [`Dtype`] of numeric types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Datatype {
    /// Size of one element in bytes.
    pub size: u32,
    /// Meaning of the bytes.
    pub class: Class,
}

/// The datatype classes of HDF5.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Class {
    /// Integers.
    Integer(Integer),
    /// Floating-point numbers.
    Float(Float),
    /// Times; deprecated, kept as raw bytes.
    Time {
        /// Significant bits.
        precision: u16,
    },
    /// Strings of fixed length.
    FixedString(Text),
    /// Strings of a fixed number of characters of 4 bytes (UTF-32), with zeros at their end: numpy's `U`, in zarr.
    Utf32(Order),
    /// Bits that are not a number.
    Bitfield(Integer),
    /// Bytes that the library does not interpret.
    Opaque {
        /// The writer's name for the type.
        tag: String,
    },
    /// Named members, each at its offset.
    Compound(Vec<Member>),
    /// A reference to an object or to a region of a dataset.
    Reference {
        /// Kind of reference: 0 object, 1 region, others since HDF5 1.12.
        kind: u8,
    },
    /// Integers with named values.
    Enum {
        /// Type of the integers.
        base: Box<Datatype>,
        /// Name and value of each member; the value is in the bytes of the base type.
        members: Vec<(String, Vec<u8>)>,
    },
    /// Sequences of variable length, stored in the global heap.
    VarLen(Box<Datatype>),
    /// Strings of variable length, stored in the global heap.
    VarString(Text),
    /// A small array of fixed shape.
    Array {
        /// Length of each dimension.
        dims: Vec<u64>,
        /// Type of the elements.
        base: Box<Datatype>,
    },
    /// Complex numbers: a real and an imaginary part of the base type.
    Complex(Box<Datatype>),
}

/// Byte order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Order {
    Little,
    Big,
    /// Middle-endian, as in VAX floats.
    Vax,
}

/// Layout of an integer in its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Integer {
    /// Byte order.
    pub order: Order,
    /// Two's complement if true, otherwise unsigned.
    pub signed: bool,
    /// Position of the lowest significant bit.
    pub bit_offset: u16,
    /// Number of significant bits.
    pub precision: u16,
}

/// Layout of the sign, exponent and mantissa of a float in its bytes.
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

/// Padding and encoding of a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text {
    /// Padding of a string of fixed length.
    pub padding: Padding,
    /// Whether it is declared as UTF-8; otherwise ASCII, in practice any 8-bit text.
    pub utf8: bool,
}

/// Padding of strings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// Ends at the first NUL, which is required.
    NullTerminated,
    /// Ends at the first NUL or at the full length.
    NullPadded,
    /// Ends before the trailing spaces.
    Spaces,
}

impl Padding {
    /// A string of fixed length without its padding, as HDF5 converts it.
    pub(crate) fn trim(self, bytes: &[u8]) -> &[u8] {
        let end = match self {
            Padding::NullTerminated => bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len()),
            Padding::NullPadded => bytes.iter().rposition(|b| *b != 0).map_or(0, |i| i.saturating_add(1)),
            Padding::Spaces => bytes.iter().rposition(|b| *b != b' ').map_or(0, |i| i.saturating_add(1)),
        };
        bytes.get(..end).unwrap_or_default()
    }
}

/// A member of a compound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Name of the member.
    pub name: String,
    /// Offset in the compound, in bytes.
    pub offset: u32,
    /// Type of the member.
    pub datatype: Datatype,
}

impl Member {
    /// The parts of a complex number as members, with the names that h5py gives them.
    pub(crate) fn of_complex(part: &Datatype) -> Vec<Member> {
        let member = |name: &str, offset| Member { name: name.to_owned(), offset, datatype: part.clone() };
        vec![member("r", 0), member("i", part.size)]
    }
}

impl Datatype {
    /// Whether this is the enum that h5py writes for booleans: FALSE and TRUE over int8.
    pub fn is_bool(&self) -> bool {
        match &self.class {
            Class::Enum { base, members } => {
                let named = |n: &str, v: u8| members.iter().any(|(name, value)| name == n && value == &[v]);
                base.size == 1 && members.len() == 2 && named("FALSE", 0) && named("TRUE", 1)
            }
            _ => false,
        }
    }

    /// The type that h5py writes for plain numbers and bools: little-endian.
    pub fn of(dtype: Dtype) -> Datatype {
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

    /// Strings of variable length in UTF-8, as h5py writes them.
    pub(crate) fn string() -> Datatype {
        let text = Text { padding: Padding::NullTerminated, utf8: true };
        Datatype { size: 16, class: Class::VarString(text) }
    }

    /// Whether elements refer to other places of their file: strings and sequences of variable length to the
    /// heap, references to objects.
    pub(crate) fn has_references(&self) -> bool {
        match &self.class {
            Class::VarString(_) | Class::VarLen(_) | Class::Reference { .. } => true,
            Class::Compound(members) => members.iter().any(|m| m.datatype.has_references()),
            Class::Array { base, .. } => base.has_references(),
            _ => false,
        }
    }

    /// The type with 16-byte heap references, as in files with 8-byte addresses; compounds with references
    /// are packed without gaps.
    ///
    /// # Errors
    /// `Unsupported` if an element has 4 GiB or more.
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
    /// Same as [`packed`](Self::packed).
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
            Class::Utf32(_) => format!("utf32[{}]", self.size / 4),
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
        // as in a file with 4-byte addresses, with a gap before the last member
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
        // without references the layout stays, including the gap
        let plain = Class::Compound(vec![member("c", 8, Datatype::of(Dtype::Int64))]);
        let plain = Datatype { size: 24, class: plain };
        assert_eq!(plain.packed().unwrap(), plain);
    }

    #[test]
    fn padding_is_no_text() {
        assert_eq!(Padding::NullTerminated.trim(b"ab\0c"), b"ab");
        assert_eq!(Padding::NullPadded.trim(b"ab\0c\0\0"), b"ab\0c");
        assert_eq!(Padding::Spaces.trim(b"ab c  "), b"ab c");
        assert_eq!(Padding::Spaces.trim(b"   "), b"");
    }

    #[test]
    fn an_array_type_of_4_gib_is_refused() {
        let base = Box::new(Datatype::of(Dtype::Int64));
        let array = Datatype { size: 0, class: Class::Array { dims: vec![1 << 20, 1 << 20], base } };
        assert!(array.packed().is_err());
    }
}
