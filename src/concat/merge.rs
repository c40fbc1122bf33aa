//! What becomes of things of one name that do not lie along the axis.

use crate::error::Result;
use crate::table::Join;

/// Which of several things of one name is kept, as in anndata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merge {
    /// One that all parts have, the same in all.
    Same,
    /// One that is the same in all parts that have it.
    Unique,
    /// The first.
    First,
    /// One that only one part has.
    Only,
}

impl Merge {
    /// The names that come into question.
    pub(super) fn keys<'k>(self, parts: &[Vec<&'k str>]) -> Vec<&'k str> {
        match self {
            Merge::Same => Join::Inner.keys(parts),
            _ => Join::Outer.keys(parts),
        }
    }

    /// Which of `found` is kept, if any.
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
