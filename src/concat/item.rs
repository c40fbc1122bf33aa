//! One element of one part, opened by its encoding.

use super::of_file::of_file;
use crate::anndata::{Awkward, ElementKind, LeaveOut, Sparse, StoredMatrix, open_frame};
use crate::dtype::Numeric;
use crate::error::{Error, Kind, Result};
use crate::observe::{Observer, Warning};
use crate::table::Table;
use crate::tree::{Array, Node};
use std::path::Path;

/// An element that can be joined with the elements of the same name in other parts.
#[derive(Debug)]
pub(super) enum Joinable {
    /// A compressed matrix.
    Sparse(Sparse),
    /// An array of numbers.
    Dense(Array),
    /// A table, which is read by ranges of rows.
    Frame(Table<'static>),
    /// An awkward array: lists and records.
    Awkward(Awkward),
}

impl Joinable {
    /// Opens the element stored in `object`; awkward arrays are read into memory.
    ///
    /// # Errors
    /// `Unsupported` for elements that cannot be joined, such as arrays of strings and scalars.
    pub(super) fn open(object: &Node, observer: &dyn Observer) -> Result<Joinable> {
        match ElementKind::of(object)? {
            ElementKind::Array | ElementKind::ReferringColumn => {
                let array = object.array()?;
                if array.shape().is_empty() || Numeric::of(array.datatype()).is_none() {
                    let text = format!("expected an array of numbers, got {}", array.datatype().name());
                    return Err(Error::unsupported(text).in_object(object.path()));
                }
                Ok(Joinable::Dense(array))
            }
            ElementKind::Frame => Ok(Joinable::Frame(open_frame(object, None, 0, observer)?)),
            ElementKind::Awkward => Ok(Joinable::Awkward(Awkward::read(object)?)),
            _ => match StoredMatrix::open(object) {
                Ok(StoredMatrix::Sparse(s)) => Ok(Joinable::Sparse(s)),
                Err(e) if e.kind() == Kind::NotFound => {
                    let e = e.reworded(|m| format!("cannot be joined: {m}")).of_kind(Kind::Unsupported);
                    Err(e.in_object(object.path()))
                }
                Ok(StoredMatrix::Dense(_)) => {
                    Err(Error::unsupported("expected a group, got an array").in_object(object.path()))
                }
                Err(e) => Err(e),
            },
        }
    }

    /// The same element; errors of reading a table are those of the file at `path`.
    pub(super) fn of_file(self, path: &Path) -> Joinable {
        match self {
            Joinable::Frame(table) => Joinable::Frame(of_file(table, path)),
            other => other,
        }
    }

    /// The length of a dimension, 0 or 1. A table's second dimension is its columns; an awkward array's and a
    /// vector's is 1.
    pub(super) fn extent(&self, dimension: usize) -> u64 {
        match self {
            Joinable::Sparse(s) => s.shape()[dimension],
            Joinable::Dense(d) => d.shape().get(dimension).copied().unwrap_or(1),
            Joinable::Frame(f) if dimension == 0 => f.rows(),
            Joinable::Frame(f) => f.columns().len() as u64,
            Joinable::Awkward(a) if dimension == 0 => a.len() as u64,
            Joinable::Awkward(_) => 1,
        }
    }
}

/// The elements of a mapping with their names. Elements that cannot be joined, links that lead nowhere, and what
/// else `leave` leaves out are missing, with a warning where there is a reason.
pub(super) fn items(
    mapping: Option<&Node>,
    leave: &LeaveOut,
    observer: &dyn Observer,
) -> Result<Vec<(String, Joinable)>> {
    let mut out = Vec::new();
    let Some(mapping) = mapping.filter(|m| m.is_group()) else { return Ok(out) };
    for link in mapping.links()? {
        let path = format!("{}/{}", mapping.path(), link.name());
        if leave.names(&path) {
            continue;
        }
        let opened = mapping.open_link(link);
        let leads_nowhere = opened.is_err() && link.is_by_path();
        let item = opened.and_then(|o| Joinable::open(&o, observer)).and_then(|item| match &item {
            // whether its rows can be read is only known once they are
            Joinable::Frame(table) if leave.unreadable => table.check(observer).map(|()| item),
            _ => Ok(item),
        });
        match item {
            Ok(item) => out.push((link.name().into_owned(), item)),
            Err(e) if leads_nowhere || leave.covers(&e) => observer.warn(&Warning::element(path, e)),
            Err(e) => return Err(e),
        }
    }
    Ok(out)
}

/// For each list, the names in it.
pub(super) fn keys<T>(lists: &[Vec<(String, T)>]) -> Vec<Vec<&str>> {
    lists.iter().map(|l| l.iter().map(|(k, _)| k.as_str()).collect()).collect()
}

/// Removes and returns the element named `key`.
pub(super) fn take(list: &mut Vec<(String, Joinable)>, key: &str) -> Option<Joinable> {
    let at = list.iter().position(|(k, _)| k == key)?;
    Some(list.swap_remove(at).1)
}
