//! The header of a Matrix Market file: what the entries are, and the sizes of the matrix.

use crate::error::{Error, Result};
use crate::formats::lines::TextLines;
use std::path::Path;

/// The first bytes of every Matrix Market file.
pub(super) const BANNER: &str = "%%MatrixMarket";

/// All that stands before the entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MarketHeader {
    pub(super) kind: MarketKind,
    pub(super) rows: u64,
    pub(super) columns: u64,
    /// Number of entries in the file.
    pub(super) entries: u64,
    /// Position of the first entry in the text.
    pub(super) end: u64,
}

/// The header line: what the entries are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MarketKind {
    /// `array`: all values, column by column; otherwise `coordinate`: row, column and value of each entry.
    pub(super) array: bool,
    /// Numbers per value: 0 for `pattern` (every value is 1), 2 for `complex`, 1 otherwise.
    pub(super) numbers: u8,
    /// The values are integers.
    pub(super) integers: bool,
    pub(super) symmetry: Symmetry,
}

/// Which entries a file leaves out because they mirror others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Symmetry {
    General,
    Symmetric,
    Skew,
}

impl MarketHeader {
    /// Reads the header of the file at `path`.
    ///
    /// # Errors
    /// `Io`; `Malformed` or `Unsupported` for a bad header.
    pub(super) fn read(path: &Path) -> Result<MarketHeader> {
        let mut lines = TextLines::open(path)?;
        let banner = lines
            .next()?
            .ok_or_else(|| Error::malformed("expected a header, got an empty file"))?
            .to_ascii_lowercase();
        let kind = MarketKind::parse(&banner).map_err(|e| lines.wrong(e.message()))?;
        let [rows, columns, entries] = sizes(&mut lines, kind)?;
        Ok(MarketHeader { kind, rows, columns, entries, end: lines.position() })
    }

    /// The error for more entries than the header says; names the first that is too much.
    pub(super) fn too_many(&self, path: &Path) -> Result<Error> {
        let mut lines = TextLines::open(path)?;
        // the header line and the sizes, then the entries
        for _ in 0..self.entries.saturating_add(3) {
            lines.next()?;
        }
        Ok(lines.wrong(&format!("expected {} entries, got more", self.entries)))
    }
}

impl MarketKind {
    /// The words of the header line.
    pub(super) fn words(self) -> [&'static str; 3] {
        let field = match self.numbers {
            0 => "pattern",
            2 => "complex",
            _ if self.integers => "integer",
            _ => "real",
        };
        let symmetry = match self.symmetry {
            Symmetry::General => "general",
            Symmetry::Symmetric => "symmetric",
            Symmetry::Skew => "skew-symmetric",
        };
        [if self.array { "array" } else { "coordinate" }, field, symmetry]
    }

    /// Bytes of the shortest text of an entry.
    pub(super) fn least_bytes(self) -> u64 {
        // a digit and a space or the end of the line for each number
        2 * (u64::from(self.numbers) + if self.array { 0 } else { 2 }).max(1)
    }

    fn parse(banner: &str) -> Result<MarketKind> {
        let words: Vec<&str> = banner.split_ascii_whitespace().collect();
        let [_, "matrix", format, field, symmetry] = words[..] else {
            return Err(Error::malformed("expected '%%MatrixMarket matrix FORMAT FIELD SYMMETRY'"));
        };
        let unknown = |what: &str| {
            Error::malformed(format!("expected a word of the Matrix Market header, got '{what}'"))
        };
        Ok(MarketKind {
            array: match format {
                "coordinate" => false,
                "array" => true,
                other => return Err(unknown(other)),
            },
            numbers: match field {
                "pattern" => 0,
                "real" | "integer" | "double" | "unsigned-integer" => 1,
                "complex" => 2,
                other => return Err(unknown(other)),
            },
            integers: matches!(field, "integer" | "unsigned-integer" | "pattern"),
            symmetry: match symmetry {
                "general" => Symmetry::General,
                // only real parts are read, and those of a Hermitian matrix are symmetric
                "symmetric" | "hermitian" => Symmetry::Symmetric,
                "skew-symmetric" => Symmetry::Skew,
                other => return Err(unknown(other)),
            },
        })
    }
}

/// Rows, columns and number of entries, from the text line after the comments.
fn sizes(lines: &mut TextLines, kind: MarketKind) -> Result<[u64; 3]> {
    let line = lines
        .next()?
        .ok_or_else(|| Error::malformed("expected the sizes of the matrix, got the end of the file"))?;
    let numbers: Option<Vec<u64>> = line.split_ascii_whitespace().map(|w| w.parse().ok()).collect();
    let sizes = match numbers.as_deref() {
        Some(&[rows, columns, entries]) if !kind.array => [rows, columns, entries],
        Some(&[rows, columns]) if kind.array && kind.symmetry == Symmetry::General => {
            [rows, columns, rows.saturating_mul(columns)]
        }
        Some(&[_, _]) if kind.array => {
            return Err(Error::unsupported("expected a general array, got a symmetric one"));
        }
        _ => return Err(lines.wrong("expected the sizes of the matrix")),
    };
    match sizes {
        [rows, columns, _] if rows.max(columns) > u64::from(u32::MAX) => Err(Error::unsupported(format!(
            "expected at most 4294967295 rows and columns, got {rows} × {columns}"
        ))),
        sizes => Ok(sizes),
    }
}
