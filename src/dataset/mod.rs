//! What is at a path, told by its content, and its parts by name: `x()`, `obs()`, `layer(name)`, `obsm(name)`.
//!
//! In come paths and sources of bytes; out go sources of entries ([`Matrix`]), columns and tables ([`TableView`]), arrays
//! ([`ArrayView`]). [`AnnData`] is the file behind them: AnnData of any generation, MuData, 10x Genomics, loom.

mod anndata;
mod array;
mod describe;
mod matrix;
mod open;
mod table;
mod tables;

pub use anndata::{AnnData, Flavour};
pub use array::{ArrayView, TypedArray};
pub use describe::{CategoriesInfo, ColumnInfo, Description, ElementInfo, FrameInfo, MatrixInfo};
pub use matrix::Matrix;
pub use open::Dataset;
#[cfg(feature = "store")]
pub(crate) use open::select_frames;
pub use table::TableView;
