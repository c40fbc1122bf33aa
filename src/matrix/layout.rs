//! The shape of a compressed matrix.

use crate::dtype::Dtype;

/// Which dimension the lines are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Orientation {
    /// Lines are rows: compressed sparse row.
    Csr,
    /// Lines are columns: compressed sparse column.
    Csc,
}

impl Orientation {
    /// The other one.
    pub fn flipped(self) -> Self {
        match self {
            Orientation::Csr => Orientation::Csc,
            Orientation::Csc => Orientation::Csr,
        }
    }

    /// AnnData's name of the encoding: `csr_matrix` or `csc_matrix`.
    pub fn encoding(self) -> &'static str {
        match self {
            Orientation::Csr => "csr_matrix",
            Orientation::Csc => "csc_matrix",
        }
    }

    /// Row and column, from a line and a minor index.
    pub fn position(self, line: u64, minor: u64) -> [u64; 2] {
        match self {
            Orientation::Csr => [line, minor],
            Orientation::Csc => [minor, line],
        }
    }

    /// `csr` or `csc`.
    pub fn name(self) -> &'static str {
        match self {
            Orientation::Csr => "csr",
            Orientation::Csc => "csc",
        }
    }
}

/// Orientation, size and element type of a compressed matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Which dimension the lines are.
    pub orientation: Orientation,
    /// Lines.
    pub lines: u64,
    /// Elements of a line, stored or not; minor indices are below this.
    pub minor: u64,
    /// Stored entries.
    pub entries: u64,
    /// Type of the values.
    pub dtype: Dtype,
}

impl Layout {
    /// Bytes of an entry on its way: its minor index as `u32`, and its value.
    pub fn entry_bytes(&self) -> u64 {
        4 + self.dtype.size() as u64
    }

    /// Rows and columns.
    pub fn shape(&self) -> [u64; 2] {
        self.orientation.position(self.lines, self.minor)
    }

    /// Row and column of an entry, from its line and its minor index.
    pub fn position(&self, line: u64, minor: u64) -> [u64; 2] {
        self.orientation.position(line, minor)
    }
}
