//! Canonical bytes of elements, so that two readers can be compared (`spec/json.md`): numbers little-endian in
//! their own width, fixed strings with their padding, compounds member by member without gaps.

use super::{Class, Datatype, Numeric, Order, Padding};
use crate::error::{Error, Result};

impl Datatype {
    /// Whether elements have canonical bytes; references and times have none.
    pub(crate) fn has_canonical_form(&self) -> bool {
        match &self.class {
            Class::Integer(_) | Class::Bitfield(_) | Class::Float(_) => Numeric::of(self).is_some(),
            Class::Time { .. } | Class::Reference { .. } => false,
            Class::FixedString(_) | Class::Utf32(_) | Class::Opaque { .. } | Class::VarString(_) => true,
            Class::Compound(members) => members.iter().all(|m| m.datatype.has_canonical_form()),
            Class::Enum { base, .. }
            | Class::VarLen(base)
            | Class::Array { base, .. }
            | Class::Complex(base) => base.has_canonical_form(),
        }
    }

    /// Appends the canonical bytes of one element, `bytes`, that refers to nothing.
    ///
    /// # Errors
    /// `Malformed` if a member lies outside its compound.
    pub(crate) fn canonical(&self, bytes: &[u8], out: &mut Vec<u8>) -> Result<()> {
        match &self.class {
            Class::Compound(members) => {
                let outside = || Error::malformed("member outside its compound");
                for m in members {
                    let from = usize::try_from(m.offset).map_err(|_| outside())?;
                    let len = usize::try_from(m.datatype.size).map_err(|_| outside())?;
                    let one = bytes.get(from..).and_then(|b| b.get(..len)).ok_or_else(outside)?;
                    m.datatype.canonical(one, out)?;
                }
            }
            Class::Array { base, .. } | Class::Complex(base) => {
                let width = usize::try_from(base.size).unwrap_or(usize::MAX).max(1);
                bytes.chunks_exact(width).try_for_each(|one| base.canonical(one, out))?;
            }
            Class::FixedString(text) => {
                // HDF5 converts strings on reading: the bytes after the end of the text become NULs.
                let kept = match text.padding {
                    Padding::NullPadded => bytes,
                    padding => padding.trim(bytes),
                };
                out.extend_from_slice(kept);
                out.resize(out.len().saturating_add(bytes.len().saturating_sub(kept.len())), 0);
            }
            Class::Utf32(Order::Big) => bytes.chunks_exact(4).for_each(|c| out.extend(c.iter().rev())),
            _ => match Numeric::of(self) {
                Some(n) => {
                    let at = out.len();
                    out.resize(at.saturating_add(n.dtype.size()), 0);
                    n.convert(bytes, out.get_mut(at..).unwrap_or_default());
                }
                None => out.extend_from_slice(bytes),
            },
        }
        Ok(())
    }
}
