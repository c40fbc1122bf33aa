//! Elements in memory: their type, shape and bytes, in whichever container they are stored.

use super::{Class, Datatype, Dtype, Member, Numeric, Scalar, scalar_at};
use crate::error::{Error, Result};
use crate::limits;

/// Elements in their stored type, row-major, with their shape. Strings of any length and other references are
/// not followed here: that is left to their container.
#[derive(Debug, Clone)]
pub struct Elements {
    datatype: Datatype,
    shape: Option<Vec<u64>>,
    bytes: Vec<u8>,
}

impl Elements {
    /// Elements of shape `shape` (empty for a scalar, `None` for a null value) in `bytes`.
    pub(crate) fn new(datatype: Datatype, shape: Option<Vec<u64>>, bytes: Vec<u8>) -> Self {
        Elements { datatype, shape, bytes }
    }

    /// Stored type of the elements.
    pub fn datatype(&self) -> &Datatype {
        &self.datatype
    }

    /// Number of elements in each dimension: empty for a scalar, `None` for a null value.
    pub fn shape(&self) -> Option<&[u64]> {
        self.shape.as_deref()
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        let n = self.shape.as_ref().map_or(0, |shape| shape.iter().fold(1u64, |n, d| n.saturating_mul(*d)));
        usize::try_from(n).unwrap_or(usize::MAX)
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of the elements, row-major, in their stored type.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Size of an element in bytes, at least 1.
    pub(crate) fn size(&self) -> usize {
        usize::try_from(self.datatype.size).unwrap_or(usize::MAX).max(1)
    }

    /// Calls `f` with the bytes of each element; those of elements without size are empty.
    pub(crate) fn each<'a>(&'a self, mut f: impl FnMut(&'a [u8])) {
        if self.datatype.size == 0 {
            (0..self.len()).for_each(|_| f(&[]));
        } else {
            self.bytes.chunks_exact(self.size()).for_each(f);
        }
    }

    /// Whether the elements are strings, of fixed or any length.
    pub fn is_text(&self) -> bool {
        matches!(self.datatype.class, Class::FixedString(_) | Class::VarString(_) | Class::Utf32(_))
    }

    /// The elements as plain numbers: their type and little-endian bytes.
    ///
    /// # Errors
    /// `Unsupported` if they are not numbers.
    pub fn numbers(&self) -> Result<(Dtype, Vec<u8>)> {
        let n = Numeric::of(&self.datatype)
            .ok_or_else(|| Error::unsupported(format!("numbers expected, got {}", self.datatype.name())))?;
        if n.is_native() {
            return Ok((n.dtype, self.bytes.clone()));
        }
        let mut out = limits::zeroed(self.len().saturating_mul(n.dtype.size()))?;
        n.convert(&self.bytes, &mut out);
        Ok((n.dtype, out))
    }

    /// The elements as integers.
    ///
    /// # Errors
    /// `Unsupported` if they are not numbers; `Malformed` if one is not an integer or does not fit 64 bits.
    pub fn integers(&self) -> Result<Vec<i64>> {
        let (dtype, bytes) = self.numbers()?;
        let values = (0..self.len()).map(|i| match scalar_at(dtype, &bytes, i) {
            Some(Scalar::Int(v)) => i64::try_from(v).ok(),
            Some(Scalar::Bool(v)) => Some(i64::from(v)),
            #[allow(clippy::cast_possible_truncation, clippy::float_cmp)] // checked by going back
            Some(Scalar::Float(v, _)) if (v as i64) as f64 == v => Some(v as i64),
            _ => None,
        });
        values
            .collect::<Option<Vec<i64>>>()
            .ok_or_else(|| Error::malformed("integers expected, got other numbers"))
    }

    /// The only element as an integer.
    ///
    /// # Errors
    /// As [`integers`](Self::integers); `Malformed` if there is not exactly one.
    pub fn integer(&self) -> Result<i64> {
        match self.integers()?[..] {
            [one] => Ok(one),
            ref other => Err(Error::malformed(format!("one integer expected, got {}", other.len()))),
        }
    }

    /// Names of the members in stored order, `r` and `i` of complex numbers; `None` if the elements are neither.
    pub fn member_names(&self) -> Option<Vec<&str>> {
        match &self.datatype.class {
            Class::Compound(members) => Some(members.iter().map(|m| m.name.as_str()).collect()),
            Class::Complex(_) => Some(vec!["r", "i"]),
            _ => None,
        }
    }

    /// The member `name` of every element. An array member adds its dimensions to the shape.
    ///
    /// # Errors
    /// `NotFound` if there is no such member; `Usage` if the elements are not compounds.
    pub fn member(&self, name: &str) -> Result<Elements> {
        let members = match &self.datatype.class {
            Class::Compound(members) => members,
            Class::Complex(base) => &Member::of_complex(base),
            _ => return Err(Error::usage(format!("compound expected, got {}", self.datatype.name()))),
        };
        let m = members.iter().find(|m| m.name == name);
        let m = m.ok_or_else(|| Error::not_found(format!("no member '{name}'")))?;
        let outside = || Error::malformed("member outside its compound");
        let from = usize::try_from(m.offset).map_err(|_| outside())?;
        let len = usize::try_from(m.datatype.size).map_err(|_| outside())?;
        let mut bytes = limits::reserved(self.len().saturating_mul(len))?;
        for element in self.bytes.chunks_exact(self.size()) {
            bytes.extend_from_slice(element.get(from..).and_then(|b| b.get(..len)).ok_or_else(outside)?);
        }
        let shape = self.shape().unwrap_or_default().to_vec();
        Ok(Elements::new(m.datatype.clone(), Some(shape), bytes).unpacked())
    }

    /// Turns the dimensions of array elements into further dimensions of the value.
    pub(crate) fn unpacked(self) -> Elements {
        let Class::Array { dims, base } = self.datatype.class else { return self };
        let shape = self.shape.unwrap_or_default().into_iter().chain(dims).collect();
        Elements::new(*base, Some(shape), self.bytes)
    }

    /// Elements of the same type with another shape and other bytes.
    pub(crate) fn with(&self, shape: &[u64], bytes: Vec<u8>) -> Elements {
        Elements::new(self.datatype.clone(), Some(shape.to_vec()), bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Member;
    use super::*;

    #[test]
    fn a_member_of_an_array_type_adds_its_dimensions() {
        let byte = Datatype::of(Dtype::Uint8);
        let pair = Datatype { size: 2, class: Class::Array { dims: vec![2], base: Box::new(byte.clone()) } };
        let members = vec![
            Member { name: "a".into(), offset: 0, datatype: byte },
            Member { name: "b".into(), offset: 1, datatype: pair },
        ];
        let compound = Datatype { size: 3, class: Class::Compound(members) };
        let elements = Elements::new(compound, Some(vec![2]), vec![1, 2, 3, 4, 5, 6]);
        assert_eq!(elements.member_names().unwrap(), ["a", "b"]);
        assert_eq!(elements.member("a").unwrap().integers().unwrap(), [1, 4]);
        let b = elements.member("b").unwrap();
        assert_eq!((b.shape(), b.bytes()), (Some(&[2, 2][..]), &[2, 3, 5, 6][..]));
        assert_eq!(elements.member("c").unwrap_err().kind(), crate::Kind::NotFound);
        assert!(b.member("a").is_err() && b.integer().is_err());
        let complex = Datatype { size: 2, class: Class::Complex(Box::new(Datatype::of(Dtype::Uint8))) };
        let elements = Elements::new(complex, Some(vec![2]), vec![1, 2, 3, 4]);
        assert_eq!(elements.member_names().unwrap(), ["r", "i"]);
        assert_eq!(elements.member("i").unwrap().integers().unwrap(), [2, 4]);
    }
}
