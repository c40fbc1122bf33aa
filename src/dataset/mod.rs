//! Opens any single-cell dataset and gives access to its parts by name: `x()`, `obs()`, `layer(name)`,
//! `obsm(name)`.
//!
//! Paths and sources of bytes come in; the content decides the format (`spec/h5ad.md`, "Kinds of file, by
//! content"), not the name. Sources of entries ([`Matrix`]), tables and columns ([`TableView`]) and arrays
//! ([`ArrayView`]) go out, to the commands and to programs that embed the library. [`AnnData`] is a file in a
//! container: AnnData of any generation, MuData, 10x Genomics or loom. It is read by [`anndata`](crate::anndata)
//! and [`formats`](crate::formats); a store is read by `store`.

mod anndata;
mod array;
mod cache;
mod describe;
#[cfg(feature = "store")]
mod genome;
mod mappings;
mod matrix;
mod open;
mod overwriting;
#[cfg(feature = "write")]
mod pulled;
#[cfg(feature = "store")]
mod several;
mod table;
mod tables;

pub use anndata::{AnnData, Flavour};
pub use array::{ArrayView, TypedArray};
pub use describe::{CategoriesInfo, ColumnInfo, Description, ElementInfo, FrameInfo, MatrixInfo};
pub use matrix::{Matrix, Pass};
pub use open::Dataset;
#[cfg(feature = "store")]
pub(crate) use open::select_tables;
pub use overwriting::refuse_overwriting;
pub use table::TableView;
