//! Which columns and elements of the other axis are kept when several inputs have one of the same name.

use crate::error::Result;
use crate::table::Join;

/// Which of several values of the same name is kept: the `merge` argument of `anndata.concat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merge {
    /// Values that all inputs have and that are the same in all.
    Same,
    /// Values that are the same in all inputs that have them.
    Unique,
    /// The value of the first input that has it.
    First,
    /// Values that exactly one input has.
    Only,
}

impl Merge {
    /// The names of which a value may be kept, in the order in which they first occur.
    pub(super) fn keys<'k>(self, parts: &[Vec<&'k str>]) -> Vec<&'k str> {
        match self {
            Merge::Same => Join::Inner.keys(parts),
            _ => Join::Outer.keys(parts),
        }
    }

    /// The index in `found` of the value that is kept, if any; `found` has the values of the parts that have one.
    pub(super) fn choose<T>(
        self,
        found: &[T],
        mut same: impl FnMut(&T, &T) -> Result<bool>,
    ) -> Result<Option<usize>> {
        Ok(match (self, found) {
            (_, []) => None,
            (Merge::First, _) => Some(0),
            (Merge::Only, _) => (found.len() == 1).then_some(0),
            (Merge::Same | Merge::Unique, [first, rest @ ..]) => {
                for other in rest {
                    if !same(other, first)? {
                        return Ok(None);
                    }
                }
                Some(0)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_is_kept() {
        let same = |a: &i32, b: &i32| Ok(a == b);
        for (found, want) in [
            (&[1, 1][..], [Some(0), Some(0), None]),
            (&[1, 2], [None, Some(0), None]),
            (&[1], [Some(0), Some(0), Some(0)]),
            (&[], [None, None, None]),
        ] {
            let got = [Merge::Unique, Merge::First, Merge::Only].map(|m| m.choose(found, same).unwrap());
            assert_eq!(got, want, "{found:?}");
        }
    }
}
