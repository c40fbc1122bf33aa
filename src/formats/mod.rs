//! Matrices in text: Matrix Market files and the directories of 10x Genomics, and tables of numbers with commas or tabs.
//!
//! In come lines, perhaps gzipped; out goes a compressed matrix in memory with the names of its rows and columns.

mod delimited;
mod lines;
pub(crate) mod loom;
mod market;
mod rows;
pub(crate) mod tenx;

pub use delimited::DelimitedText;
pub use market::MatrixMarket;
