//! A matrix of any storage, opened as compressed rows.

use super::item::Joinable;
use super::parts::TemporaryFiles;
use crate::anndata::StoredMatrix;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::matrix::{AnySource, Budget, InMemory, Layout, Orientation, Source};
use crate::observe::{Observer, Phase, Verb};
use crate::store::Store;

/// Compressed rows (CSR) of one matrix.
pub(super) enum HeldRows {
    /// Read from the input as it is stored.
    File(AnySource<'static>),
    /// Transposed from a matrix stored as CSC, in a temporary file.
    Flipped(Box<Store>),
    /// Empty rows, for a part without the matrix.
    Nothing(InMemory),
}

impl HeldRows {
    /// Opens `item`, or an empty matrix of `shape` if it is `None`. Others that are open already take `used` bytes
    /// of `budget`.
    ///
    /// # Errors
    /// `Unsupported` for tables and awkward arrays; the errors of reading and of writing temporary files.
    pub(super) fn new(
        item: Option<&Joinable>,
        shape: [u64; 2],
        used: u64,
        temporary: &TemporaryFiles,
        budget: Budget,
        observer: &dyn Observer,
    ) -> Result<HeldRows> {
        let budget = Budget::new(budget.bytes.saturating_sub(used));
        let element = match item {
            Some(Joinable::Frame(_) | Joinable::Awkward(_)) => {
                return Err(Error::unsupported("expected a matrix, got a table or an awkward array"));
            }
            None => {
                let [lines, minor] = shape;
                let layout =
                    Layout { orientation: Orientation::Csr, lines, minor, entries: 0, dtype: Dtype::Float64 };
                let pointers = vec![0; lines as usize + 1];
                return Ok(HeldRows::Nothing(InMemory::new(layout, pointers, Vec::new(), Vec::new())?));
            }
            Some(Joinable::Sparse(s)) => StoredMatrix::Sparse(s.clone()),
            Some(Joinable::Dense(d)) => {
                observer.phase(&Phase::new(Verb::Counting, d.byte_len()).of(d.path()));
                StoredMatrix::open(&d.node())?
            }
        };
        let opened = element.source(budget, observer)?;
        if opened.layout().orientation == Orientation::Csr {
            return Ok(HeldRows::File(opened));
        }
        Ok(HeldRows::Flipped(Box::new(temporary.flipped(&opened, budget, observer)?)))
    }

    /// The rows as a source of entries.
    pub(super) fn source(&self) -> &dyn Source {
        match self {
            HeldRows::File(source) => source,
            HeldRows::Flipped(s) => &**s,
            HeldRows::Nothing(m) => m,
        }
    }
}
