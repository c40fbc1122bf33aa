//! Matrix Market files, and directories of them as Cell Ranger writes: `matrix.mtx`, `barcodes.tsv`,
//! `features.tsv` or `genes.tsv`, each plain or gzipped. The format is defined by NIST ("The Matrix Market
//! Exchange Formats").
//!
//! The entries of a file come in any order, so all must be read before the first row is complete: the
//! matrix is held in memory, and refused if it does not fit the budget.

use super::lines::{self, TextLines};
use crate::dtype::Dtype;
use crate::error::{Error, Place, Result};
use crate::matrix::{Budget, InMemory, Layout, Orientation};
use crate::observe::{Observer, Phase, Verb};
use crate::strings::Strings;
use crate::table::{Column, Frame};
use std::path::{Path, PathBuf};

/// The first bytes of every Matrix Market file.
const BANNER: &str = "%%MatrixMarket";
/// Bytes of memory per entry: 12 as it is read, 8 as it is sorted.
const ENTRY_BYTES: u64 = 20;

/// A Matrix Market file, alone or in a directory with the names of its rows and columns.
#[derive(Debug, Clone)]
pub struct MatrixMarket {
    matrix: PathBuf,
    /// Paths of the tables beside it: barcodes, features.
    tables: Option<[PathBuf; 2]>,
}

/// The header line: what the entries are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct MarketHeader {
    /// `array`: all values, column by column; otherwise `coordinate`: row, column and value of each entry.
    array: bool,
    /// Numbers per value: 0 for `pattern` (every value is 1), 2 for `complex`, 1 otherwise.
    numbers: u8,
    symmetry: Symmetry,
}

/// Which entries a file leaves out because they mirror others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Symmetry {
    General,
    Symmetric,
    Skew,
}

impl MatrixMarket {
    /// Recognises a Matrix Market file by its content, or a directory by a file `matrix.mtx` in it, plain or
    /// gzipped. Returns `None` for anything else.
    ///
    /// # Errors
    /// `Usage` if the directory has the matrix but not the tables of names.
    pub fn find(path: &Path) -> Result<Option<MatrixMarket>> {
        if !path.is_dir() {
            let is_market = lines::begins_with(path, BANNER.as_bytes());
            return Ok(is_market.then(|| MatrixMarket { matrix: path.to_owned(), tables: None }));
        }
        let either = |name: &str| {
            [name.to_owned(), format!("{name}.gz")].into_iter().map(|n| path.join(n)).find(|p| p.is_file())
        };
        let Some(matrix) = either("matrix.mtx") else { return Ok(None) };
        let missing =
            |what: &str| Error::usage(format!("expected {what} beside matrix.mtx, got none")).in_file(path);
        let barcodes = either("barcodes.tsv").ok_or_else(|| missing("barcodes.tsv"))?;
        let features = either("features.tsv").or_else(|| either("genes.tsv"));
        let features = features.ok_or_else(|| missing("features.tsv or genes.tsv"))?;
        Ok(Some(MatrixMarket { matrix, tables: Some([barcodes, features]) }))
    }

    /// Path of the matrix file.
    pub fn path(&self) -> &Path {
        &self.matrix
    }

    /// Paths of all files that are read: the matrix and the tables beside it.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        std::iter::once(&self.matrix).chain(self.tables.iter().flatten()).map(PathBuf::as_path)
    }

    /// `[rows, columns]` of the matrix that [`read`](Self::read) returns; reads the file's header only.
    ///
    /// # Errors
    /// `Io`; `Malformed` or `Unsupported` for a bad header.
    pub fn shape(&self) -> Result<[u64; 2]> {
        let read = || {
            let mut lines = TextLines::open(&self.matrix)?;
            let kind = MarketHeader::read(&mut lines)?;
            let [rows, columns, _] = sizes(&mut lines, kind)?;
            Ok(if self.tables.is_some() { [columns, rows] } else { [rows, columns] })
        };
        read().in_file(&self.matrix)
    }

    /// Reads the matrix as float32 CSR, with duplicates summed. In a directory, the file is genes × cells and
    /// the result is cells × genes.
    ///
    /// # Errors
    /// `Malformed` with the number of the text line; `Limit` if the matrix does not fit the budget;
    /// `Unsupported`, `Io`.
    pub fn read(&self, budget: Budget, observer: &dyn Observer) -> Result<InMemory> {
        self.read_inner(budget, observer).in_file(&self.matrix)
    }

    fn read_inner(&self, budget: Budget, observer: &dyn Observer) -> Result<InMemory> {
        observer.phase(&Phase::new(Verb::Reading, self.matrix.metadata().map_or(0, |m| m.len())));
        let mut lines = TextLines::open(&self.matrix)?;
        let kind = MarketHeader::read(&mut lines)?;
        let [rows, columns, entries] = sizes(&mut lines, kind)?;
        let flip = self.tables.is_some();
        let (major, minor) = if flip { (columns, rows) } else { (rows, columns) };
        let mirrored = if kind.symmetry == Symmetry::General { 1 } else { 2 };
        let resident = (major + 1).saturating_mul(16);
        budget.after(resident, entries.saturating_mul(ENTRY_BYTES * mirrored))?;
        let mut found = MarketEntries { majors: Vec::new(), minors: Vec::new(), values: Vec::new() };
        let mut read = 0;
        while let Some(line) = lines.next()? {
            if read % (1 << 16) == 0 && observer.cancelled() {
                return Err(Error::cancelled());
            }
            let mut words = line.split_ascii_whitespace();
            let (row, column) = match kind.array {
                true => (read % rows.max(1), read / rows.max(1)),
                false => {
                    let mut place = |most: u64| {
                        let n = words
                            .next()
                            .and_then(|w| w.parse::<u64>().ok())
                            .filter(|n| (1..=most).contains(n));
                        n.map(|n| n - 1)
                    };
                    match (place(rows), place(columns)) {
                        (Some(r), Some(c)) => (r, c),
                        _ => {
                            return Err(lines.wrong(&format!(
                                "expected a row up to {rows} and a column up to {columns}"
                            )));
                        }
                    }
                }
            };
            let value = match kind.numbers {
                0 => 1.0,
                _ => match words.next().and_then(|w| w.parse::<f64>().ok()) {
                    Some(v) => v as f32,
                    None => return Err(lines.wrong("expected a number")),
                },
            };
            read += 1;
            if read > entries {
                return Err(lines.wrong(&format!("expected {entries} entries, got more")));
            }
            if kind.array && value == 0.0 {
                continue;
            }
            let mut add = |row: u64, column: u64, value: f32| {
                let (a, b) = if flip { (column, row) } else { (row, column) };
                found.push(a as u32, b as u32, value);
            };
            add(row, column, value);
            if row != column {
                match kind.symmetry {
                    Symmetry::General => {}
                    Symmetry::Symmetric => add(column, row, value),
                    Symmetry::Skew => add(column, row, -value),
                }
            }
        }
        if read != entries {
            return Err(lines.wrong(&format!("expected {entries} entries, got {read}")));
        }
        found.compressed(major, minor)
    }

    /// The tables of rows and columns of a matrix of `shape`. In a directory: barcodes as names of cells,
    /// symbols as names of genes with the columns `gene_ids` and `feature_types`. For a file alone: names "0",
    /// "1", ...
    ///
    /// # Errors
    /// `Io`; `Malformed` if the number of text lines in a table differs from the matrix.
    pub fn frames(&self, shape: [u64; 2]) -> Result<[Frame; 2]> {
        let Some([barcodes, features]) = &self.tables else {
            return Ok([Frame::unnamed(shape[0]), Frame::unnamed(shape[1])]);
        };
        let cells = columns_of(barcodes, shape[0])?.swap_remove(0);
        let mut genes = columns_of(features, shape[1])?.into_iter();
        let ids = genes.next().unwrap_or_default();
        let names = genes.next().unwrap_or_else(|| ids.clone());
        let mut columns = vec![("gene_ids".to_owned(), Column::Strings(ids))];
        if let Some(kinds) = genes.next() {
            columns.push(("feature_types".to_owned(), Column::Strings(kinds)));
        }
        Ok([Frame::new(None, cells, Vec::new())?, Frame::new(None, names, columns)?])
    }
}

impl MarketHeader {
    /// Reads the header line, the first of the file.
    fn read(lines: &mut TextLines) -> Result<MarketHeader> {
        let banner = lines
            .next()?
            .ok_or_else(|| Error::malformed("expected a header, got an empty file"))?
            .to_ascii_lowercase();
        MarketHeader::parse(&banner).map_err(|e| lines.wrong(e.message()))
    }

    fn parse(banner: &str) -> Result<MarketHeader> {
        let words: Vec<&str> = banner.split_ascii_whitespace().collect();
        let [_, "matrix", format, field, symmetry] = words[..] else {
            return Err(Error::malformed("expected '%%MatrixMarket matrix FORMAT FIELD SYMMETRY'"));
        };
        let unknown = |what: &str| {
            Error::malformed(format!("expected a word of the Matrix Market header, got '{what}'"))
        };
        Ok(MarketHeader {
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
fn sizes(lines: &mut TextLines, kind: MarketHeader) -> Result<[u64; 3]> {
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

/// Entries in the order of the file.
struct MarketEntries {
    majors: Vec<u32>,
    minors: Vec<u32>,
    values: Vec<f32>,
}

impl MarketEntries {
    fn push(&mut self, major: u32, minor: u32, value: f32) {
        self.majors.push(major);
        self.minors.push(minor);
        self.values.push(value);
    }

    /// Sorts the entries by line and minor index, and sums duplicates.
    fn compressed(self, lines: u64, minor: u64) -> Result<InMemory> {
        let mut starts = vec![0u64; lines as usize + 1];
        for m in &self.majors {
            starts[*m as usize + 1] += 1;
        }
        for i in 0..lines as usize {
            starts[i + 1] += starts[i];
        }
        let mut next = starts.clone();
        let mut placed = vec![(0u32, 0f32); self.majors.len()];
        for ((major, minor), value) in self.majors.iter().zip(&self.minors).zip(&self.values) {
            let slot = &mut next[*major as usize];
            placed[*slot as usize] = (*minor, *value);
            *slot += 1;
        }
        drop((self, next));
        let mut pointers = Vec::with_capacity(starts.len());
        pointers.push(0);
        let (mut indices, mut values) =
            (Vec::with_capacity(placed.len()), Vec::with_capacity(placed.len() * 4));
        for ends in starts.windows(2) {
            let line = &mut placed[ends[0] as usize..ends[1] as usize];
            line.sort_by_key(|(m, _)| *m);
            for same in line.chunk_by(|a, b| a.0 == b.0) {
                indices.push(same[0].0);
                let sum: f32 = same.iter().map(|(_, v)| v).sum();
                values.extend(sum.to_le_bytes());
            }
            pointers.push(indices.len() as u64);
        }
        let entries = indices.len() as u64;
        let layout = Layout { orientation: Orientation::Csr, lines, minor, entries, dtype: Dtype::Float32 };
        InMemory::new(layout, pointers, indices, values)
    }
}

/// Reads a tab-separated table without header by columns.
///
/// # Errors
/// `Malformed` if it does not have `rows` rows, or they differ in the number of fields.
fn columns_of(path: &Path, rows: u64) -> Result<Vec<Strings>> {
    let read = || {
        let mut lines = TextLines::open_plain(path)?;
        let mut out: Vec<Strings> = Vec::new();
        let mut n = 0;
        while let Some(line) = lines.next()? {
            let words: Vec<&str> = line.split('\t').collect();
            if out.is_empty() {
                out = words.iter().map(|_| Strings::new()).collect();
            }
            let (want, got) = (out.len(), words.len());
            if want != got {
                return Err(lines.wrong(&format!("expected {want} columns, got {got}")));
            }
            out.iter_mut().zip(words).for_each(|(o, w)| o.push(w.as_bytes()));
            n += 1;
        }
        if n != rows {
            return Err(Error::malformed(format!("expected {rows} rows, as in the matrix, got {n}")));
        }
        Ok(if out.is_empty() { vec![Strings::new()] } else { out })
    };
    read().in_file(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<InMemory> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("m.mtx");
        std::fs::write(&path, text).unwrap();
        MatrixMarket::find(&path)?.expect("a Matrix Market file").read(Budget::new(1 << 20), &())
    }

    fn dense(m: &InMemory) -> Vec<f32> {
        use crate::matrix::Source;
        let l = *m.layout();
        let mut out = vec![0.0; (l.lines * l.minor) as usize];
        let values: Vec<f32> =
            m.values().chunks(4).map(|v| f32::from_le_bytes([v[0], v[1], v[2], v[3]])).collect();
        for line in 0..l.lines as usize {
            for e in m.pointers()[line] as usize..m.pointers()[line + 1] as usize {
                out[line * l.minor as usize + m.minor()[e] as usize] = values[e];
            }
        }
        out
    }

    #[test]
    fn every_kind() {
        let c = "%%MatrixMarket matrix coordinate";
        for (text, want) in [
            (format!("{c} real general\n% c\n2 2 3\n2 1 1.5\n1 1 1\n2 1 2\n"), vec![1.0, 0.0, 3.5, 0.0]),
            (format!("{c} pattern general\n2 2 2\n1 1\n2 2\n"), vec![1.0, 0.0, 0.0, 1.0]),
            (format!("{c} integer symmetric\n2 2 2\n1 1 7\n2 1 5\n"), vec![7.0, 5.0, 5.0, 0.0]),
            (format!("{c} real skew-symmetric\r\n2 2 1\r\n2 1 5\r\n"), vec![0.0, -5.0, 5.0, 0.0]),
            (format!("{c} complex general\n2 2 1\n1 2 3 9\n"), vec![0.0, 3.0, 0.0, 0.0]),
            ("%%MatrixMarket matrix array real general\n2 2\n1\n2\n3\n4\n".into(), vec![1.0, 3.0, 2.0, 4.0]),
        ] {
            assert_eq!(dense(&read(&text).unwrap()), want, "{text}");
        }
    }

    #[test]
    fn errors_name_the_line() {
        let c = "%%MatrixMarket matrix coordinate real general\n";
        for (text, why) in [
            (format!("{c}2 2 1\n3 1 1\n"), "line 3: expected a row up to 2"),
            (format!("{c}2 2 1\n0 1 1\n"), "line 3: expected a row up to 2"),
            (format!("{c}2 2 1\n1 1 x\n"), "line 3: expected a number"),
            (format!("{c}2 2 2\n1 1 1\n"), "expected 2 entries, got 1"),
            (format!("{c}2 2 1\n1 1 1\n1 2 1\n"), "expected 1 entries, got more"),
            (format!("{c}2 2\n"), "line 2: expected the sizes"),
            ("%%MatrixMarket matrix coordinate quaternion general\n1 1 0\n".into(), "got 'quaternion'"),
            (format!("{c}2 2 99999999999\n"), "budget is too small"),
        ] {
            let e = read(&text).unwrap_err();
            assert!(e.message().contains(why), "{text}: {e}");
        }
    }
}
