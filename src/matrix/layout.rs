//! The shape of a compressed matrix.

use crate::dtype::Dtype;
use crate::error::{Error, Result};

/// Which dimension is compressed into lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Orientation {
    /// Lines are rows: compressed sparse row.
    Csr,
    /// Lines are columns: compressed sparse column.
    Csc,
}

impl Orientation {
    /// Returns the other orientation.
    pub fn flipped(self) -> Self {
        match self {
            Orientation::Csr => Orientation::Csc,
            Orientation::Csc => Orientation::Csr,
        }
    }

    /// AnnData's name for the encoding: `csr_matrix` or `csc_matrix`.
    pub fn encoding(self) -> &'static str {
        match self {
            Orientation::Csr => "csr_matrix",
            Orientation::Csc => "csc_matrix",
        }
    }

    /// Converts a line and a minor index to row and column.
    pub fn position(self, line: u64, minor: u64) -> [u64; 2] {
        match self {
            Orientation::Csr => [line, minor],
            Orientation::Csc => [minor, line],
        }
    }

    /// Short name: `csr` or `csc`.
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
    /// Which dimension is compressed into lines.
    pub orientation: Orientation,
    /// Number of lines.
    pub lines: u64,
    /// Number of positions in a line, stored or not; minor indices are below this.
    pub minor: u64,
    /// Number of stored entries.
    pub entries: u64,
    /// Type of the values.
    pub dtype: Dtype,
}

/// Largest number of positions in a line that 32-bit minor indices can address.
const MOST_MINOR: u64 = 1 << 32;

impl Layout {
    /// Creates the layout of a matrix of `shape` (rows, columns) with this many stored entries.
    ///
    /// # Errors
    /// `Unsupported` if a line has more than 2^32 positions, the limit of 32-bit minor indices.
    pub fn new(orientation: Orientation, shape: [u64; 2], entries: u64, dtype: Dtype) -> Result<Self> {
        let [lines, minor] = orientation.position(shape[0], shape[1]);
        Self::of_lines(orientation, lines, minor, entries, dtype)
    }

    /// Like [`new`](Self::new), but takes the number of lines and of positions in a line.
    pub(crate) fn of_lines(
        orientation: Orientation,
        lines: u64,
        minor: u64,
        entries: u64,
        dtype: Dtype,
    ) -> Result<Self> {
        if minor > MOST_MINOR {
            let text = format!("{minor} elements in a line (at most {MOST_MINOR} are supported)");
            return Err(Error::unsupported(text));
        }
        Ok(Layout { orientation, lines, minor, entries, dtype })
    }

    /// Returns the layout of the same matrix with lines and minor indices exchanged.
    ///
    /// # Errors
    /// `Unsupported` if there are more than 2^32 lines, the limit of 32-bit minor indices.
    pub fn flipped(&self) -> Result<Self> {
        let Layout { orientation, lines, minor, entries, dtype } = *self;
        if lines > MOST_MINOR {
            let text = format!("{lines} lines cannot become minor indices (at most {MOST_MINOR})");
            return Err(Error::unsupported(text));
        }
        Self::of_lines(orientation.flipped(), minor, lines, entries, dtype)
    }

    /// Bytes of an entry in a block: its minor index as `u32`, and its value.
    pub fn entry_bytes(&self) -> u64 {
        4 + self.dtype.size() as u64
    }

    /// Bytes of all entries in blocks; progress is counted in these.
    pub fn bytes(&self) -> u64 {
        self.entries.saturating_mul(self.entry_bytes())
    }

    /// The narrower of int32 and int64 that holds every minor index.
    pub(crate) fn index_dtype(&self) -> Dtype {
        if self.minor <= 1 << 31 { Dtype::Int32 } else { Dtype::Int64 }
    }

    /// The narrower of int32 and int64 that holds every line pointer.
    pub(crate) fn pointer_dtype(&self) -> Dtype {
        if self.entries < 1 << 31 { Dtype::Int32 } else { Dtype::Int64 }
    }

    /// Shape as rows and columns.
    pub fn shape(&self) -> [u64; 2] {
        self.orientation.position(self.lines, self.minor)
    }

    /// Converts the line and minor index of an entry to row and column.
    pub fn position(&self, line: u64, minor: u64) -> [u64; 2] {
        self.orientation.position(line, minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_types_at_their_edges() {
        let layout = Layout::new(Orientation::Csr, [1, 1 << 31], (1 << 31) - 1, Dtype::Uint8).unwrap();
        assert_eq!([layout.index_dtype(), layout.pointer_dtype()], [Dtype::Int32; 2]);
        let wider = Layout { minor: layout.minor + 1, entries: layout.entries + 1, ..layout };
        assert_eq!([wider.index_dtype(), wider.pointer_dtype()], [Dtype::Int64; 2]);
    }

    #[test]
    fn one_bound_on_the_positions_of_a_line() {
        let layout = |shape| Layout::new(Orientation::Csc, shape, 0, Dtype::Float32);
        let widest = layout([1 << 32, 5]).unwrap();
        assert_eq!((widest.lines, widest.minor, widest.shape()), (5, 1 << 32, [1 << 32, 5]));
        let e = layout([(1 << 32) + 1, 5]).unwrap_err();
        assert_eq!(e.kind(), crate::Kind::Unsupported);
        assert_eq!(e.message(), "4294967297 elements in a line (at most 4294967296 are supported)");
        // The number of lines is not limited unless they become minor indices.
        let long = layout([5, (1 << 32) + 1]).unwrap();
        assert!(long.flipped().is_err());
        assert_eq!(
            widest.flipped().unwrap(),
            Layout { orientation: Orientation::Csr, lines: 1 << 32, minor: 5, ..widest }
        );
    }
}
