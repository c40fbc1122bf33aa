//! AnnData on disk: which object plays which role, in every generation since 2017.
//!
//! A file has a matrix `X`, more of the same shape in `layers`, the full one in `raw`, tables `obs` (rows: cells)
//! and `var` (columns: genes), and mappings around them. How each element is encoded is said by its attributes
//! `encoding-type` and `encoding-version` since 0.7, and by other signs before. `spec/h5ad.md` lists all.
//!
//! In come HDF5 objects; out go [sources](crate::matrix::Source) of entries and [frames](crate::table::Frame).
//! Files of 10x Genomics and loom files answer to the same calls.

#[cfg(feature = "write")]
mod awkward;
pub(crate) mod axes;
mod column;
#[cfg(feature = "write")]
mod copy;
mod dataframe;
mod dense;
mod element;
mod encoding;
pub(crate) mod generations;
mod matrix;
mod row_reader;
mod same;
#[cfg(feature = "write")]
mod simple;
mod sparse;
#[cfg(all(test, feature = "write"))]
pub(crate) mod tests;
#[cfg(feature = "write")]
mod writer;

#[cfg(feature = "write")]
pub(crate) use awkward::Awkward;
pub use axes::{Axes, Axis, Dimension, MAPPINGS, dimensions_of};
pub(crate) use column::{from_value, read_column};
pub(crate) use dataframe::{names as frame_names, read_frame, rows as frame_rows};
pub use dense::{Dense, DenseSource};
pub(crate) use element::{ColumnKind, ElementKind};
pub(crate) use encoding::Encoding;
pub use matrix::StoredMatrix;
pub(crate) use same::same;
#[cfg(feature = "write")]
pub(crate) use sparse::SparseChunks;
#[cfg(feature = "write")]
pub use sparse::SparseSink;
pub(crate) use sparse::shape_of;
pub use sparse::{Sparse, SparseSource};
#[cfg(feature = "write")]
pub use writer::{AnnDataWriter, StorageOptions};
