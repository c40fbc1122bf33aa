//! A matrix stored in a file: compressed or dense.

use super::dense::Dense;
use super::element::ElementKind;
use super::encoding::Encoding;
use super::sparse::Sparse;
use crate::dtype::{Dtype, Numeric};
use crate::error::{Error, Place, Result};
use crate::matrix::{AnySource, Budget, LostLines, Orientation};
use crate::observe::Observer;
use crate::tree::Node;

/// Metadata of a matrix stored in a file: opening it reads no entries.
#[derive(Debug, Clone)]
pub enum StoredMatrix {
    /// Compressed by rows (CSR) or by columns (CSC).
    Sparse(Sparse),
    /// An array of two dimensions.
    Dense(Dense),
}

impl StoredMatrix {
    /// Opens a matrix by its encoding.
    ///
    /// # Errors
    /// `NotFound` if the element is not a matrix; `Unsupported` if an array does not have two dimensions;
    /// `Malformed` if a compressed matrix lacks a part.
    pub(crate) fn open(object: &Node) -> Result<Self> {
        match ElementKind::of(object)? {
            ElementKind::Array | ElementKind::ReferringColumn => {
                Dense::open(object.array()?, false).map(StoredMatrix::Dense)
            }
            ElementKind::Sparse(_) => Sparse::open(object).map(StoredMatrix::Sparse),
            ElementKind::Mapping
                if object.child("indptr")?.is_some() && Encoding::of(object)? == Encoding::None =>
            {
                Err(Error::malformed("expected an encoding-type of a compressed matrix, got none")
                    .in_object(object.path()))
            }
            _ => {
                let text = format!("expected a matrix, got {:?}", Encoding::of(object)?);
                Err(Error::not_found(text).in_object(object.path()))
            }
        }
    }

    /// Whether an object is a matrix that can be opened.
    pub(crate) fn is_matrix(object: &Node) -> bool {
        Self::open(object).is_ok()
    }

    /// Path of the element in the container.
    pub fn path(&self) -> &str {
        match self {
            StoredMatrix::Sparse(s) => s.path(),
            StoredMatrix::Dense(d) => d.array().path(),
        }
    }

    /// The orientation of a compressed matrix; `None` if it is dense.
    pub fn orientation(&self) -> Option<Orientation> {
        match self {
            StoredMatrix::Sparse(s) => Some(s.orientation()),
            StoredMatrix::Dense(_) => None,
        }
    }

    /// Type of the values.
    ///
    /// # Errors
    /// `Unsupported` if they are not numbers.
    pub fn dtype(&self) -> Result<Dtype> {
        let datatype = match self {
            StoredMatrix::Sparse(s) => s.arrays()[0].datatype(),
            StoredMatrix::Dense(d) => d.array().datatype(),
        };
        let numeric = Numeric::of(datatype).map(|numeric| numeric.dtype);
        let text = || Error::unsupported(format!("expected numbers, got {}", datatype.name()));
        numeric.ok_or_else(text).in_object(self.path())
    }

    /// Number of rows and columns.
    pub fn shape(&self) -> [u64; 2] {
        match self {
            StoredMatrix::Sparse(s) => s.shape(),
            StoredMatrix::Dense(d) => d.shape(),
        }
    }

    /// Opens the entries. This reads the line pointers; a dense matrix is read once in full, to count the
    /// values of each line that are not zero.
    ///
    /// # Errors
    /// `Malformed` if the parts contradict each other; `Limit` if the budget is too small; otherwise errors of
    /// reading.
    pub fn source(&self, budget: Budget, observer: &dyn Observer) -> Result<AnySource<'static>> {
        observer.check_cancelled()?;
        Ok(match self {
            StoredMatrix::Sparse(s) => Box::new(s.source()?),
            StoredMatrix::Dense(d) => Box::new(d.source(budget, observer)?),
        })
    }

    /// As [`source`](Self::source), but tolerates damage: also returns the lines that cannot be read, which
    /// must not be read. [`damage`](crate::matrix::damage), which reads the rest, may find more.
    ///
    /// # Errors
    /// As [`source`](Self::source), if no line can be read.
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
