//! The elements of AnnData: how each is encoded in a container, read and written, in every generation since 2017.
//!
//! A file has a matrix `X`, more matrices of the same shape in `layers`, a table `obs` with a row per cell and a
//! table `var` with a row per gene, arrays and graphs along these axes (`obsm`, `varm`, `obsp`, `varp`), anything
//! else in `uns`, and an earlier `X` and `var` in `raw`. Since anndata 0.7 the attributes `encoding-type` and
//! `encoding-version` of an element say how it is encoded; `generations/` lists what differs in older files.
//! `spec/h5ad.md` lists all encodings.
//!
//! Objects of a container ([`tree`](crate::tree)) come in, from [`dataset`](crate::dataset);
//! [sources](crate::matrix::Source) of entries, [frames](crate::table::Frame) and arrays go out, to
//! [`dataset`](crate::dataset) and the commands. In the other direction, `AnnDataWriter` takes the same and writes
//! them in the current encodings. Each encoding is read and written in the same folder. Other formats with the
//! same elements (10x Genomics, loom) are read in [`formats`](crate::formats).

#[cfg(feature = "write")]
mod awkward;
pub(crate) mod axes;
#[cfg(feature = "write")]
mod chosen;
mod column;
#[cfg(feature = "write")]
mod copied;
#[cfg(feature = "write")]
mod copy;
mod dataframe;
mod dense;
mod element;
mod encoding;
pub(crate) mod generations;
mod leave_out;
mod matrix;
pub(crate) mod mudata;
mod row_reader;
mod same;
#[cfg(feature = "write")]
mod simple;
mod sparse;
#[cfg(feature = "write")]
mod target;
#[cfg(all(test, feature = "write"))]
pub(crate) mod tests;
#[cfg(feature = "write")]
mod writer;

#[cfg(feature = "write")]
pub(crate) use awkward::Awkward;
pub use axes::{Axes, Axis, Dimension, MAPPINGS, dimensions_of};
pub(crate) use column::{FileColumn, from_value, read_column};
#[cfg(feature = "write")]
pub(crate) use copied::DEEPEST;
pub(crate) use dataframe::{
    child as frame_child, names as frame_names, open_frame, open_frame_without, read_frame,
    rows as frame_rows,
};
pub use dense::{Dense, DenseSource};
pub(crate) use element::{ColumnKind, ElementKind};
pub(crate) use encoding::Encoding;
#[cfg(feature = "store")]
pub(crate) use generations::graphs::graphs_in_uns;
pub use leave_out::LeaveOut;
pub use matrix::StoredMatrix;
pub(crate) use same::same;
#[cfg(feature = "write")]
pub(crate) use sparse::SparseChunks;
#[cfg(feature = "write")]
pub use sparse::SparseSink;
pub(crate) use sparse::shape_of;
pub use sparse::{Sparse, SparseSource};
#[cfg(feature = "write")]
pub use target::Program;
#[cfg(feature = "write")]
pub use writer::{AnnDataWriter, StorageOptions};
