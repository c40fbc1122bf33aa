//! How the positions of a part's axis correspond to those of the output's axis, and the joining of names.

use crate::error::{Error, Result};
use crate::matrix::ABSENT;
use crate::strings::Strings;
use crate::table::{Frame, Join};
use std::collections::{HashMap, HashSet};

/// For each position of the output, the position in the part.
#[derive(Debug, Clone)]
pub(super) struct IndexMap {
    /// Positions in the part, [`ABSENT`] where the part has none; `None` for the identity.
    chosen: Option<Vec<u64>>,
    len: u64,
}

impl IndexMap {
    /// The identity on the first `len` positions; those from `old` on are absent from the part.
    pub(super) fn first(len: u64, old: u64) -> IndexMap {
        if len == old {
            return IndexMap { chosen: None, len };
        }
        let place = |i: u64| if i < old { i } else { ABSENT };
        IndexMap { chosen: Some((0..len).map(place).collect()), len }
    }

    /// Aligns by names, which are unique in the part.
    fn by_names(whole: &Strings, part: &Strings) -> IndexMap {
        let len = whole.len() as u64;
        if whole == part {
            return IndexMap { chosen: None, len };
        }
        let places: HashMap<&[u8], u64> = part.iter().zip(0..).collect();
        let chosen = whole.iter().map(|n| places.get(n).copied().unwrap_or(ABSENT)).collect();
        IndexMap { chosen: Some(chosen), len }
    }

    /// The number of positions of the output.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Positions in the part, in the order of the output, [`ABSENT`] where it has none; `None` for the identity.
    pub(super) fn chosen(&self) -> Option<&[u64]> {
        self.chosen.as_deref()
    }

    /// The positions of the output that the part does not have, ascending.
    pub(super) fn absent(&self) -> impl Iterator<Item = u64> + '_ {
        let places = (0..).zip(self.chosen.iter().flatten());
        places.filter(|(_, old)| **old == ABSENT).map(|(new, _)| new)
    }

    /// The same as rows to take from a table, `None` for absent ones.
    pub(super) fn rows(&self) -> Vec<Option<u64>> {
        match &self.chosen {
            None => (0..self.len).map(Some).collect(),
            Some(c) => c.iter().map(|r| Some(*r).filter(|r| *r != ABSENT)).collect(),
        }
    }
}

/// Checks that names are unique.
///
/// # Errors
/// `Usage` with the first repeated name: a part with repeated names cannot be aligned.
pub(super) fn refuse_repeated(names: &Strings) -> Result<()> {
    let mut seen = HashSet::new();
    match names.iter().find(|n| !seen.insert(*n)) {
        Some(name) => {
            let text = format!("expected unique names, got '{}' twice", name.escape_ascii());
            Err(Error::usage(text))
        }
        None => Ok(()),
    }
}

/// Joins the names of the parts along the axis they share. Returns the names of the output and one map per part.
///
/// Inner: the names that all parts have, in the order of the first. Outer: the names that any part has, sorted
/// unless all parts have the same names in the same order, as pandas does it. Names must be unique in each
/// part.
pub(super) fn join_names(parts: &[&Strings], join: Join) -> (Strings, Vec<IndexMap>) {
    let mut whole = parts.first().map(|n| (*n).clone()).unwrap_or_default();
    for names in parts.iter().skip(1) {
        let here: HashSet<&[u8]> = names.iter().collect();
        whole = match join {
            Join::Inner => whole.iter().filter(|n| here.contains(n)).collect(),
            Join::Outer if whole == **names || names.is_empty() => whole,
            Join::Outer if whole.is_empty() => (*names).clone(),
            Join::Outer => {
                let mut all: Vec<&[u8]> = whole.iter().chain(names.iter()).collect();
                all.sort_unstable();
                all.dedup();
                all.into_iter().collect()
            }
        };
    }
    let maps = parts.iter().map(|names| IndexMap::by_names(&whole, names)).collect();
    (whole, maps)
}

/// The joined names that `keep` accepts, with their maps.
pub(super) fn only(
    names: Strings,
    maps: Vec<IndexMap>,
    frames: &[&Frame],
    keep: &dyn Fn(&[u8]) -> bool,
) -> (Strings, Vec<IndexMap>) {
    if names.iter().all(keep) {
        return (names, maps);
    }
    let names: Strings = names.iter().filter(|name| keep(name)).collect();
    let maps = frames.iter().map(|frame| IndexMap::by_names(&names, frame.index())).collect();
    (names, maps)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(l: &[&str]) -> Strings {
        l.iter().copied().collect()
    }

    #[test]
    fn names_of_all_and_of_any() {
        let (a, b) = (names(&["z", "b", "a"]), names(&["a", "c", "b"]));
        let (whole, maps) = join_names(&[&a, &b], Join::Inner);
        assert_eq!(whole, names(&["b", "a"]));
        assert_eq!((maps[0].chosen(), maps[1].chosen()), (Some(&[1, 2][..]), Some(&[2, 0][..])));
        let (whole, maps) = join_names(&[&a, &b], Join::Outer);
        assert_eq!(whole, names(&["a", "b", "c", "z"]));
        assert_eq!(maps[1].chosen(), Some(&[0, 2, 1, ABSENT][..]));
        assert_eq!(maps[1].absent().collect::<Vec<_>>(), [3]);
        let (whole, maps) = join_names(&[&a, &a], Join::Outer);
        assert_eq!((&whole, maps[1].chosen()), (&a, None));
        assert!(refuse_repeated(&a).is_ok() && refuse_repeated(&names(&["a", "a"])).is_err());
    }
}
