//! The description of a text file.

use std::path::PathBuf;

/// What a text file holds, from its header; a table without one is read once to count its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct TextInfo {
    /// The format in words, such as `Matrix Market (coordinate, integer, general)`.
    pub format: String,
    /// Number of rows and columns of the matrix that is read from it.
    pub shape: [u64; 2],
    /// Number of entries in a Matrix Market file; `None` for a table, whose values all stand in it.
    pub entries: Option<u64>,
    /// Paths of the files with the names of rows and columns; empty if there are none.
    pub names: Vec<PathBuf>,
}
