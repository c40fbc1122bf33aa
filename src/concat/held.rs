//! A matrix as compressed rows, however it is stored.

use super::item::Item;
use super::parts::Scratch;
use crate::anndata::StoredMatrix;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::matrix::{AnySource, Budget, InMemory, Layout, Orientation, Source};
use crate::observe::{Observer, Phase, Verb};
use crate::store::Store;

/// Compressed rows, ready to be read.
pub(super) enum Held {
    /// As they are stored.
    File(AnySource<'static>),
    /// Of a matrix stored by columns, in a file of their own.
    Flipped(Box<Store>),
    /// Of a matrix that is not there.
    Nothing(InMemory),
}

impl Held {
    /// An element; an empty one of `shape` where there is none. `others` are held already, and have their part of the
    /// budget.
    pub(super) fn new(
        item: Option<&Item>,
        shape: [u64; 2],
        others: &[Held],
        scratch: &Scratch,
        budget: Budget,
        observer: &dyn Observer,
    ) -> Result<Held> {
        let used: u64 = others.iter().map(|h| h.source().resident_bytes()).sum();
        let budget = Budget::new(budget.bytes.saturating_sub(used));
        let element = match item {
            Some(Item::Frame(_) | Item::Awkward(_)) => {
                return Err(Error::unsupported("no matrix where one is expected"));
            }
            None => {
                let [lines, minor] = shape;
                let layout =
                    Layout { orientation: Orientation::Csr, lines, minor, entries: 0, dtype: Dtype::Float64 };
                let pointers = vec![0; lines as usize + 1];
                return Ok(Held::Nothing(InMemory::new(layout, pointers, Vec::new(), Vec::new())?));
            }
            Some(Item::Sparse(s)) => StoredMatrix::Sparse(s.clone()),
            Some(Item::Dense(d)) => {
                observer.phase(&Phase::new(Verb::Counting, d.byte_len()).of(d.path()));
                StoredMatrix::open(&d.node())?
            }
        };
        let opened = element.source(budget, observer)?;
        if opened.layout().orientation == Orientation::Csr {
            return Ok(Held::File(opened));
        }
        Ok(Held::Flipped(Box::new(scratch.flipped(&opened, budget, observer)?)))
    }

    pub(super) fn source(&self) -> &dyn Source {
        match self {
            Held::File(source) => source,
            Held::Flipped(s) => &**s,
            Held::Nothing(m) => m,
        }
    }
}
