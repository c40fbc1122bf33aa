//! One axis of a part against the same axis of the whole.

use crate::error::{Error, Result};
use crate::matrix::ABSENT;
use crate::strings::Strings;
use crate::table::Join;
use std::collections::{HashMap, HashSet};

/// For each place of the whole, the place of the part.
#[derive(Debug, Clone)]
pub(super) struct Map {
    /// Places of the part, [`ABSENT`] where it has none; the same places where `None`.
    chosen: Option<Vec<u64>>,
    len: u64,
}

impl Map {
    /// The first `len` places, of which the part has `old`.
    pub(super) fn first(len: u64, old: u64) -> Map {
        if len == old {
            return Map { chosen: None, len };
        }
        let place = |i: u64| if i < old { i } else { ABSENT };
        Map { chosen: Some((0..len).map(place).collect()), len }
    }

    /// By names, of which the part has each once.
    fn by_names(whole: &Strings, part: &Strings) -> Map {
        let len = whole.len() as u64;
        if whole == part {
            return Map { chosen: None, len };
        }
        let places: HashMap<&[u8], u64> = part.iter().zip(0..).collect();
        let chosen = whole.iter().map(|n| places.get(n).copied().unwrap_or(ABSENT)).collect();
        Map { chosen: Some(chosen), len }
    }

    /// Places of the whole.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// What is taken of the part; all in order where `None`.
    pub(super) fn chosen(&self) -> Option<&[u64]> {
        self.chosen.as_deref()
    }

    /// The places of the whole that the part does not have.
    pub(super) fn absent(&self) -> impl Iterator<Item = u64> + '_ {
        let places = (0..).zip(self.chosen.iter().flatten());
        places.filter(|(_, old)| **old == ABSENT).map(|(new, _)| new)
    }

    /// As rows of a table.
    pub(super) fn rows(&self) -> Vec<Option<u64>> {
        match &self.chosen {
            None => (0..self.len).map(Some).collect(),
            Some(c) => c.iter().map(|r| Some(*r).filter(|r| *r != ABSENT)).collect(),
        }
    }
}

/// Refuses names of which one comes twice.
pub(super) fn refuse_repeated(names: &Strings) -> Result<()> {
    let mut seen = HashSet::new();
    match names.iter().find(|n| !seen.insert(*n)) {
        Some(twice) => {
            let text = format!("the name '{}' comes twice, so parts cannot be aligned", twice.escape_ascii());
            Err(Error::usage(text))
        }
        None => Ok(()),
    }
}

/// The names of the whole along an axis that all parts share, and how each part's become them.
///
/// Those of all parts, in the order of the first; or those of any: unchanged where all are the same, sorted otherwise, as
/// pandas does it. No name comes twice in a part.
pub(super) fn join_names(parts: &[&Strings], join: Join) -> (Strings, Vec<Map>) {
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
    let maps = parts.iter().map(|names| Map::by_names(&whole, names)).collect();
    (whole, maps)
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
