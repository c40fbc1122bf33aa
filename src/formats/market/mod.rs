//! Matrix Market files, and directories of them as Cell Ranger writes: `matrix.mtx`, `barcodes.tsv`,
//! `features.tsv` or `genes.tsv`, each plain or gzipped. The format is defined by NIST ("The Matrix Market
//! Exchange Formats").
//!
//! `header.rs` reads what stands before the entries, `parse.rs` a block of entries, `gather.rs` all blocks on all
//! threads into a matrix in order.

mod gather;
mod header;
mod parse;

use super::TextInfo;
use super::lines::{self, TextLines};
use crate::error::{Error, Place, Result};
use crate::matrix::{AnySource, Budget};
use crate::observe::{Observer, Phase, Verb};
use crate::strings::Strings;
use crate::table::{Column, Frame};
use header::{BANNER, MarketHeader};
use std::path::{Path, PathBuf};

/// A Matrix Market file, alone or in a directory with the names of its rows and columns.
#[derive(Debug, Clone)]
pub struct MatrixMarket {
    matrix: PathBuf,
    /// Paths of the tables beside it: barcodes, features.
    tables: Option<[PathBuf; 2]>,
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
        let header = MarketHeader::read(&self.matrix).in_file(&self.matrix)?;
        Ok(self.shape_of(&header))
    }

    /// Describes the file, from its header.
    ///
    /// # Errors
    /// Those of [`shape`](Self::shape).
    pub fn describe(&self) -> Result<TextInfo> {
        let header = MarketHeader::read(&self.matrix).in_file(&self.matrix)?;
        Ok(TextInfo {
            format: format!("Matrix Market ({})", header.kind.words().join(", ")),
            shape: self.shape_of(&header),
            entries: Some(header.entries),
            names: self.tables.clone().map_or_else(Vec::new, Vec::from),
        })
    }

    fn shape_of(&self, header: &MarketHeader) -> [u64; 2] {
        let (rows, columns) = (header.rows, header.columns);
        if self.tables.is_some() { [columns, rows] } else { [rows, columns] }
    }

    /// Reads the matrix as CSR, sorted and with duplicates summed. In a directory, the file is genes × cells and
    /// the result is cells × genes. Values are float32 if that holds all of them, otherwise int64 or uint64 for
    /// integers and float64 for others.
    ///
    /// The matrix is held in memory if it fits half of the budget, otherwise in a temporary file in `directory`.
    ///
    /// # Errors
    /// `Malformed` with the text line and the byte; `Limit` if the budget is too small for the line pointers and
    /// a block of text; `Unsupported`, `Io`, `Cancelled`.
    pub fn read(
        &self,
        budget: Budget,
        directory: &Path,
        observer: &dyn Observer,
    ) -> Result<AnySource<'static>> {
        observer.phase(&Phase::new(Verb::Reading, lines::plain_len(&self.matrix)));
        let read = || {
            let header = MarketHeader::read(&self.matrix)?;
            gather::read(&self.matrix, &header, self.tables.is_some(), budget, directory, observer)
        };
        Ok(Box::new(read().in_file(&self.matrix)?))
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
    use crate::dtype::{Dtype, scalar_at};
    use crate::matrix::{InMemory, Layout, Orientation, Source};
    use crate::random::Random;

    fn read(text: &str) -> Result<InMemory> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("m.mtx");
        std::fs::write(&path, text).unwrap();
        let market = MatrixMarket::find(&path)?.expect("a Matrix Market file");
        let matrix = market.read(Budget::new(8 << 20), dir.path(), &())?;
        InMemory::read(&matrix, Budget::new(8 << 20), &())
    }

    /// All values as float64, row by row, and their type.
    fn dense(m: &InMemory) -> (Vec<f64>, Dtype) {
        let l = *m.layout();
        let mut out = vec![0.0; (l.lines * l.minor) as usize];
        for line in 0..l.lines as usize {
            for e in m.pointers()[line] as usize..m.pointers()[line + 1] as usize {
                let value = scalar_at(l.dtype, m.values(), e).unwrap();
                out[line * l.minor as usize + m.minor()[e] as usize] = value.as_f64();
            }
        }
        (out, l.dtype)
    }

    #[test]
    fn every_kind() {
        let c = "%%MatrixMarket matrix coordinate";
        for (text, want) in [
            (format!("{c} real general\n% c\n2 2 3\n2 1 1.5\n1 1 1\n2 1 2\n"), vec![1.0, 0.0, 3.5, 0.0]),
            (format!("{c} pattern general\n2 2 2\n1 1\n2 2\n"), vec![1.0, 0.0, 0.0, 1.0]),
            (format!("{c} pattern general\n2 2 3\n1 1\n2 2\n1 1"), vec![2.0, 0.0, 0.0, 1.0]),
            (format!("{c} integer symmetric\n2 2 2\n1 1 7\n2 1 5\n"), vec![7.0, 5.0, 5.0, 0.0]),
            (format!("{c} real skew-symmetric\r\n2 2 1\r\n2 1 5\r\n"), vec![0.0, -5.0, 5.0, 0.0]),
            (format!("{c} complex general\n2 2 1\n1 2 3 9\n"), vec![0.0, 3.0, 0.0, 0.0]),
            (
                format!("{c} integer general\n2 2 2\n\n1 1 1e+05\n % c\n\t2 2 -3 \n\n"),
                vec![1e5, 0.0, 0.0, -3.0],
            ),
            (
                "%%MatrixMarket matrix array real general\n2 2\n1\n0\n% c\n\n3\n4\n".into(),
                vec![1.0, 3.0, 0.0, 4.0],
            ),
        ] {
            assert_eq!(dense(&read(&text).unwrap()), (want, Dtype::Float32), "{text}");
        }
    }

    #[test]
    fn values_that_float32_does_not_hold_have_a_type_that_does() {
        let c = "%%MatrixMarket matrix coordinate";
        for (text, want, dtype) in [
            (format!("{c} integer general\n1 2 2\n1 1 16777217\n1 2 -1\n"), "16777217 -1", Dtype::Int64),
            (
                format!("{c} integer general\n1 2 2\n1 2 5\n1 1 9223372036854775807\n"),
                "9223372036854775807 5",
                Dtype::Int64,
            ),
            (
                format!("{c} integer general\n1 2 2\n1 1 18446744073709551615\n1 2 3\n"),
                "18446744073709551615 3",
                Dtype::Uint64,
            ),
            (format!("{c} integer general\n1 1 2\n1 1 16777216\n1 1 1\n"), "16777217", Dtype::Int64),
            (format!("{c} integer general\n1 1 2\n1 1 16777217\n1 1 16777217\n"), "33554434", Dtype::Int64),
            (format!("{c} real general\n1 2 2\n1 1 0.1\n1 2 1e39\n"), "0.1 1e39", Dtype::Float64),
            (
                format!("{c} real general\n1 2 3\n1 1 0.5\n1 2 16777216\n1 2 0.5\n"),
                "0.5 16777216.5",
                Dtype::Float64,
            ),
            (format!("{c} real general\n1 2 3\n1 1 nan\n1 2 -inf\n1 2 1\n"), "NaN -inf", Dtype::Float32),
        ] {
            let got = read(&text).unwrap();
            assert_eq!(got.layout().dtype, dtype, "{text}");
            let values =
                (0..got.minor().len()).map(|i| scalar_at(dtype, got.values(), i).unwrap().to_string());
            let shown: Vec<String> = values.map(|v| v.replace("1e+39", "1e39")).collect();
            assert_eq!(shown.join(" "), want, "{text}");
        }
    }

    #[test]
    fn errors_name_the_line_and_the_byte() {
        let c = "%%MatrixMarket matrix coordinate real general\n";
        let i = "%%MatrixMarket matrix coordinate integer general\n";
        for (text, why, byte) in [
            (
                format!("{c}2 2 1\n3 1 1\n"),
                "line 3: expected a row up to 2 and a column up to 2, got '3 1 1'",
                Some(52),
            ),
            (format!("{c}2 2 1\n0 1 1\n"), "line 3: expected a row up to 2", Some(52)),
            (format!("{c}2 2 1\n1 1 x\n"), "line 3: expected a number, got 'x'", Some(52)),
            (format!("{c}2 2 1\n1 1\n%%%\n"), "line 3: expected a number, got ''", Some(52)),
            (format!("{c}2 2 1\n1 1 1 1\n"), "line 3: expected the end of the line, got '1'", Some(52)),
            (format!("{c}2 2 2\n1 1 1\n"), "expected at most 1 entries in a file of this size, got 2", None),
            (format!("{c}2 2 2\n\n1 1 1\n % a comment\n"), "expected 2 entries, got 1", None),
            (format!("{c}2 2 1\n1 1 1\n1 2 1\n"), "line 4: expected 1 entries, got more", None),
            (format!("{c}2 2\n"), "line 2: expected the sizes", None),
            (format!("{c}2 2 1\n1 1 1e400\n"), "line 3: expected a number, got '1e400'", Some(52)),
            (format!("{i}1 2 1\n1 2 1.5\n"), "line 3: expected an integer, got '1.5'", Some(55)),
            (
                format!("{i}1 2 1\n1 2 -9223372036854775809\n"),
                "line 3: expected an integer that int64 or uint64 holds in row 0, column 1, got '-9223372036854775809'",
                Some(55),
            ),
            (
                format!("{i}1 2 2\n1 1 18446744073709551615\n1 2 -1\n"),
                "line 3: expected an integer that int64 holds (others are negative) in row 0, column 0",
                Some(55),
            ),
            ("%%MatrixMarket matrix coordinate quaternion general\n1 1 0\n".into(), "got 'quaternion'", None),
            (format!("{c}2 2 99999999999\n"), "expected at most", None),
            (format!("{c}4000000000 2 1\n1 1 1\n"), "budget is too small", None),
        ] {
            let e = read(&text).unwrap_err();
            assert!(e.message().contains(why), "{text}: {e}");
            assert_eq!(e.offset(), byte, "{text}: {e}");
        }
    }

    /// A file of random entries, and the matrix that they add up to.
    fn random(lines: u64, minor: u64, entries: usize, order: u8) -> (String, InMemory) {
        let mut random = Random::new(1, u64::from(order));
        let mut all: Vec<(u64, u64, u64)> =
            (0..entries).map(|_| (random.below(lines), random.below(minor), random.below(100))).collect();
        match order {
            0 => {
                all.sort_unstable();
                all.dedup_by_key(|e| (e.0, e.1));
            }
            1 => all.sort_unstable_by_key(|e| (e.1, e.0)),
            _ => {}
        }
        let mut text =
            format!("%%MatrixMarket matrix coordinate integer general\n{lines} {minor} {}\n", all.len());
        all.iter().for_each(|(l, m, v)| text += &format!("{} {} {v}\n", l + 1, m + 1));
        let mut sums = std::collections::BTreeMap::new();
        all.iter().for_each(|(l, m, v)| *sums.entry((*l, *m)).or_insert(0) += v);
        let pointers = (0..=lines).map(|l| sums.range(..(l, 0)).count() as u64).collect();
        let values = sums.values().flat_map(|v| (*v as f32).to_le_bytes()).collect();
        let dtype = Dtype::Float32;
        let layout =
            Layout { orientation: Orientation::Csr, lines, minor, entries: sums.len() as u64, dtype };
        let minor = sums.keys().map(|(_, m)| *m as u32).collect();
        (text, InMemory::new(layout, pointers, minor, values).unwrap())
    }

    #[test]
    fn entries_in_any_order_make_the_same_matrix_within_any_budget() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("m.mtx");
        for order in 0..3 {
            let (text, want) = random(50, 30_000, 200_000, order);
            std::fs::write(&path, text).unwrap();
            let market = MatrixMarket::find(&path).unwrap().unwrap();
            for (threads, bytes) in [(1, 2 << 20), (3, 4 << 20), (3, 1 << 30)] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let got = pool.install(|| market.read(Budget::new(bytes), dir.path(), &())).unwrap();
                assert!(got.resident_bytes() <= bytes / 2, "{order} {bytes}");
                assert!(InMemory::read(&got, Budget::new(1 << 30), &()).unwrap() == want, "{order} {bytes}");
            }
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        }
    }
}
