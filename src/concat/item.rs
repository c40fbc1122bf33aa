//! An element of one part.

use crate::anndata::{Awkward, ElementKind, Sparse, StoredMatrix, read_frame};
use crate::dtype::Numeric;
use crate::error::{Error, Kind, Result};
use crate::observe::{Observer, Warning};
use crate::table::Frame;
use crate::tree::{Array, Node};

/// An element that can be joined with those of its name in other parts.
#[derive(Debug)]
pub(super) enum Item {
    /// A compressed matrix.
    Sparse(Sparse),
    /// An array of numbers.
    Dense(Array),
    /// A table.
    Frame(Frame),
    /// Lists and records.
    Awkward(Awkward),
}

impl Item {
    /// # Errors
    /// `Unsupported` for what cannot be joined.
    pub(super) fn open(object: &Node, observer: &dyn Observer) -> Result<Item> {
        match ElementKind::of(object)? {
            ElementKind::Array | ElementKind::ReferringColumn => {
                let array = object.array()?;
                if array.shape().is_empty() || Numeric::of(array.datatype()).is_none() {
                    let text = format!("{} is not joined", array.datatype().name());
                    return Err(Error::unsupported(text).in_object(object.path()));
                }
                Ok(Item::Dense(array))
            }
            ElementKind::Frame => Ok(Item::Frame(read_frame(object, None, 0, observer)?)),
            ElementKind::Awkward => Ok(Item::Awkward(Awkward::read(object)?)),
            _ => match StoredMatrix::open(object) {
                Ok(StoredMatrix::Sparse(s)) => Ok(Item::Sparse(s)),
                Err(e) if e.kind() == Kind::NotFound => {
                    let e = e.reworded(|m| format!("{m} is not joined")).of_kind(Kind::Unsupported);
                    Err(e.in_object(object.path()))
                }
                Ok(StoredMatrix::Dense(_)) => Err(Error::unsupported("not a group").in_object(object.path())),
                Err(e) => Err(e),
            },
        }
    }

    /// Elements along a dimension; a table has its columns as the second.
    pub(super) fn extent(&self, dimension: usize) -> u64 {
        match self {
            Item::Sparse(s) => s.shape()[dimension],
            Item::Dense(d) => d.shape().get(dimension).copied().unwrap_or(1),
            Item::Frame(f) if dimension == 0 => f.rows() as u64,
            Item::Frame(f) => f.columns().len() as u64,
            Item::Awkward(a) if dimension == 0 => a.len() as u64,
            Item::Awkward(_) => 1,
        }
    }
}

/// The elements of a mapping by name; what cannot be joined is left out with a warning.
pub(super) fn items(mapping: Option<&Node>, observer: &dyn Observer) -> Result<Vec<(String, Item)>> {
    let mut out = Vec::new();
    let Some(mapping) = mapping.filter(|m| m.is_group()) else { return Ok(out) };
    for link in mapping.links()? {
        match mapping.open_link(link).and_then(|o| Item::open(&o, observer)) {
            Ok(item) => out.push((link.name().into_owned(), item)),
            Err(e) if e.kind() == Kind::Unsupported => {
                observer.warn(&Warning::child(mapping.path(), &link.name(), e));
            }
            Err(e) => return Err(e),
        }
    }
    Ok(out)
}

/// The names of each list.
pub(super) fn keys<T>(lists: &[Vec<(String, T)>]) -> Vec<Vec<&str>> {
    lists.iter().map(|l| l.iter().map(|(k, _)| k.as_str()).collect()).collect()
}

/// Takes the element of this name out of a list.
pub(super) fn take(list: &mut Vec<(String, Item)>, key: &str) -> Option<Item> {
    let at = list.iter().position(|(k, _)| k == key)?;
    Some(list.swap_remove(at).1)
}
