//! One matrix of a file: compressed or dense.

use super::dense::Dense;
use super::element::ElementKind;
use super::encoding::Encoding;
use super::sparse::Sparse;
use crate::error::{Error, Result};
use crate::matrix::{AnySource, Budget, LostLines};
use crate::observe::Observer;
use crate::tree::Node;

/// A matrix of a file, as metadata.
#[derive(Debug, Clone)]
pub enum StoredMatrix {
    /// Compressed rows or columns.
    Sparse(Sparse),
    /// An array of two dimensions.
    Dense(Dense),
}

impl StoredMatrix {
    pub(crate) fn open(object: &Node) -> Result<Self> {
        match ElementKind::of(object)? {
            ElementKind::Array | ElementKind::ReferringColumn => {
                Dense::open(object.array()?, false).map(StoredMatrix::Dense)
            }
            ElementKind::Sparse(_) => Sparse::open(object).map(StoredMatrix::Sparse),
            ElementKind::Mapping
                if object.child("indptr")?.is_some() && Encoding::of(object)? == Encoding::None =>
            {
                Err(Error::malformed("compressed matrix that does not say whether by rows or by columns")
                    .in_object(object.path()))
            }
            _ => {
                let text = format!("not a matrix ({:?})", Encoding::of(object)?);
                Err(Error::not_found(text).in_object(object.path()))
            }
        }
    }

    /// Whether an object is a matrix.
    pub(crate) fn is_matrix(object: &Node) -> bool {
        Self::open(object).is_ok()
    }

    /// The path of the element.
    pub fn path(&self) -> &str {
        match self {
            StoredMatrix::Sparse(s) => s.path(),
            StoredMatrix::Dense(d) => d.array().path(),
        }
    }

    /// Rows and columns.
    pub fn shape(&self) -> [u64; 2] {
        match self {
            StoredMatrix::Sparse(s) => s.shape(),
            StoredMatrix::Dense(d) => d.shape(),
        }
    }

    /// Reads what must be known before entries can be read: line pointers, or for a dense matrix how many
    /// values of each line are not zero.
    ///
    /// # Errors
    /// `Malformed` where the parts contradict each other; otherwise as reading goes.
    pub fn source(&self, budget: Budget, observer: &dyn Observer) -> Result<AnySource<'static>> {
        observer.check_cancelled()?;
        Ok(match self {
            StoredMatrix::Sparse(s) => Box::new(s.source()?),
            StoredMatrix::Dense(d) => Box::new(d.source(budget, observer)?),
        })
    }

    /// As [`source`](Self::source), past damage: the lines that cannot be had are told, and are not to be read.
    /// More may turn out to be lost when [`damage`](crate::matrix::damage) reads the rest.
    ///
    /// # Errors
    /// Where nothing can be had at all.
    pub fn source_past(
        &self,
        budget: Budget,
        observer: &dyn Observer,
    ) -> Result<(AnySource<'static>, Vec<LostLines>)> {
        Ok(match self {
            StoredMatrix::Sparse(s) => {
                let (source, lost) = s.source_past()?;
                (Box::new(source) as AnySource<'static>, lost)
            }
            StoredMatrix::Dense(d) => {
                let (source, lost) = d.source_past(budget, observer)?;
                (Box::new(source) as AnySource<'static>, lost)
            }
        })
    }
}
