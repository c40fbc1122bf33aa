//! Matrices in text: Matrix Market files and the directories of 10x Genomics, and tables of numbers with commas or tabs.
//!
//! In come lines, perhaps gzipped; out goes a compressed matrix in memory with the names of its rows and columns.

mod lines;
mod market;
mod rows;
mod table;

pub use market::MatrixMarket;
pub use table::DelimitedText;
