//! File formats other than AnnData, read as the same elements: matrices and tables.
//!
//! * Text, plain or gzipped, with the feature `text`: Matrix Market files ([`MatrixMarket`]), alone or in a
//!   directory as Cell Ranger writes it, and delimited tables of numbers ([`DelimitedText`]). Each is read whole,
//!   as a compressed matrix in memory with the names of its rows and columns.
//! * HDF5: feature-barcode matrices of 10x Genomics (`tenx`) and loom (`loom`). In comes a node of
//!   [`crate::tree`]; out go tables and a matrix of [`crate::anndata`], which is read from the file in blocks.
//!
//! [`crate::dataset`] detects the format and chooses the reader.

#[cfg(feature = "text")]
mod delimited;
#[cfg(feature = "text")]
mod lines;
pub(crate) mod loom;
#[cfg(feature = "text")]
mod market;
#[cfg(feature = "text")]
mod rows;
pub(crate) mod tenx;
#[cfg(not(feature = "text"))]
mod without_text;

#[cfg(feature = "text")]
pub use delimited::DelimitedText;
#[cfg(feature = "text")]
pub use market::MatrixMarket;
#[cfg(not(feature = "text"))]
pub use without_text::{DelimitedText, MatrixMarket};
