//! Matrices in text: Matrix Market files and the directories of 10x Genomics, and tables of numbers with commas or tabs.
//!
//! In come lines, perhaps gzipped; out goes a compressed matrix in memory with the names of its rows and columns.

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
