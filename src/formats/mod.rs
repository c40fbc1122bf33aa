//! File formats other than AnnData, read as the same elements: matrices and tables.
//!
//! * Text, plain or gzipped, with the feature `text`: Matrix Market files ([`MatrixMarket`]), alone or in a
//!   directory as Cell Ranger writes it, and delimited tables of numbers ([`DelimitedText`]). A file is cut into
//!   blocks of whole lines (`text_blocks.rs`), which are parsed on all threads (`numbers.rs`); out comes a
//!   compressed matrix, in memory or in a temporary file, with the names of its rows and columns.
//! * HDF5: feature-barcode matrices of 10x Genomics (`tenx`) and loom (`loom`). In comes a node of
//!   [`crate::tree`]; out go tables and a matrix of [`crate::anndata`], which is read from the file in blocks.
//!
//! [`crate::dataset`] detects the format and chooses the reader.

#[cfg(feature = "text")]
mod delimited;
#[cfg(feature = "text")]
mod gathered;
#[cfg(feature = "text")]
mod lines;
pub(crate) mod loom;
#[cfg(feature = "text")]
mod market;
#[cfg(feature = "text")]
mod numbers;
pub(crate) mod tenx;
#[cfg(feature = "text")]
mod text_blocks;
mod text_info;
#[cfg(not(feature = "text"))]
mod without_text;

#[cfg(feature = "text")]
pub use delimited::DelimitedText;
#[cfg(feature = "text")]
pub use market::MatrixMarket;
pub use text_info::TextInfo;
#[cfg(not(feature = "text"))]
pub use without_text::{DelimitedText, MatrixMarket};
