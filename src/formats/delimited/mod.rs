//! Tables of numbers as text: one row per text line, fields separated by commas, tabs, semicolons or spaces,
//! names and numbers quoted or not.
//!
//! Whether the first row and the first column hold names is inferred from which fields are numbers, by the
//! rules of `anndata.read_csv` (`head.rs`); `spec/h5ad.md` lists the differences. The rows below are read in
//! blocks on all threads (`body.rs`).

mod body;
mod head;
mod rows;

use super::TextInfo;
use super::lines;
use super::numbers::Numeral;
use crate::error::{Error, Place, Result};
use crate::matrix::{AnySource, Budget, Source};
use crate::observe::Observer;
use crate::table::Frame;
use crate::transpose::KeptMatrix;
use head::DelimitedHead;
use rows::{BYTE_ORDER_MARK, Separator};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// How many bytes [`DelimitedText::find`] examines.
const LOOKED_AT: u64 = 1 << 16;

/// A delimited table of numbers: a dense matrix as text, with or without names.
#[derive(Debug)]
pub struct DelimitedText {
    path: PathBuf,
    separator: Separator,
    read: OnceLock<(KeptMatrix, [Frame; 2])>,
}

impl DelimitedText {
    /// Recognises a table by the first 64 KiB of the file: UTF-8, a separator in the first row, a number at the
    /// end of some row. Returns `None` for anything else.
    ///
    /// # Errors
    /// `Io` if the file cannot be opened.
    pub fn find(path: &Path) -> Result<Option<DelimitedText>> {
        let mut start = Vec::new();
        let open = lines::open(path).map_err(|e| Error::io("open", e)).in_file(path)?;
        if open.take(LOOKED_AT).read_to_end(&mut start).is_err() {
            return Ok(None); // a broken gzip file is not a table
        }
        let start = start.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&start);
        let text = match std::str::from_utf8(start) {
            Ok(text) => text,
            Err(e) if e.error_len().is_none() => {
                std::str::from_utf8(&start[..e.valid_up_to()]).unwrap_or_default()
            }
            Err(_) => return Ok(None),
        };
        if text.chars().any(|c| c.is_control() && !c.is_whitespace()) {
            return Ok(None);
        }
        let first = text.lines().find(|l| !l.trim().is_empty() && !l.starts_with('#'));
        let separator = first.and_then(|line| {
            let one =
                [b'\t', b',', b';'].into_iter().find(|b| line.as_bytes().contains(b)).map(Separator::One);
            one.or_else(|| line.trim().contains(' ').then_some(Separator::Spaces))
        });
        // prose contains separators too, but its text lines rarely end with a number
        let numbers = |separator: Separator| {
            let last = |l: &str| match separator {
                Separator::One(b) => l.rsplit(b as char).next().map(str::to_owned),
                Separator::Spaces => l.split_whitespace().last().map(str::to_owned),
            };
            let ends_with_number =
                |l: &str| last(l).is_some_and(|w| is_number(w.trim_matches(['"', ' ']).as_bytes()));
            text.lines().any(ends_with_number)
        };
        let separator = separator.filter(|b| numbers(*b));
        Ok(separator.map(|separator| DelimitedText {
            path: path.to_owned(),
            separator,
            read: OnceLock::new(),
        }))
    }

    /// Path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The numbers as a CSR matrix without zeros: float32 if that holds all of them, otherwise int64 or uint64 if
    /// all are integers and float64 if not. The first call reads the file; later calls return the same matrix,
    /// which is held in memory if it fits half of the budget, otherwise in a temporary file in `directory`.
    ///
    /// # Errors
    /// `Malformed` with the text line and the byte; `Limit` if the budget is too small for the names and a few
    /// rows; `Io`, `Cancelled`.
    pub fn read(&self, budget: Budget, directory: &Path, observer: &dyn Observer) -> Result<AnySource<'_>> {
        self.kept(budget, directory, observer).map(|(m, _)| Box::new(m) as AnySource<'_>)
    }

    /// `[rows, columns]` of the matrix; reads the file as [`read`](Self::read) does.
    ///
    /// # Errors
    /// Those of [`read`](Self::read).
    pub fn shape(&self, budget: Budget, directory: &Path, observer: &dyn Observer) -> Result<[u64; 2]> {
        self.kept(budget, directory, observer).map(|(m, _)| m.layout().shape())
    }

    /// Describes the table; reads the file once to count its rows.
    ///
    /// # Errors
    /// `Malformed` if there is no row, or the first has fewer names than there are columns; `Io`, `Cancelled`.
    pub fn describe(&self, observer: &dyn Observer) -> Result<TextInfo> {
        let read = || {
            let head = DelimitedHead::read(&self.path, self.separator)?;
            let rows = body::count(&self.path, self.separator, &head, observer)?;
            Ok([rows, head.width as u64])
        };
        let between = match self.separator {
            Separator::One(b'\t') => "tabs",
            Separator::One(b';') => "semicolons",
            Separator::One(_) => "commas",
            Separator::Spaces => "spaces",
        };
        let (format, shape) =
            (format!("table of text (separated by {between})"), read().in_file(&self.path)?);
        Ok(TextInfo { format, shape, entries: None, names: Vec::new() })
    }

    /// The tables of rows and columns: their names, or "0", "1", ... if the file has none. No other columns.
    ///
    /// # Errors
    /// Those of [`read`](Self::read).
    pub fn frames(&self, budget: Budget, directory: &Path, observer: &dyn Observer) -> Result<[Frame; 2]> {
        self.kept(budget, directory, observer).map(|(_, f)| f.clone())
    }

    /// Matrix and tables; reads the file unless an earlier call has.
    fn kept(
        &self,
        budget: Budget,
        directory: &Path,
        observer: &dyn Observer,
    ) -> Result<&(KeptMatrix, [Frame; 2])> {
        if let Some(kept) = self.read.get() {
            return Ok(kept);
        }
        let read = || {
            let head = DelimitedHead::read(&self.path, self.separator)?;
            body::read(&self.path, self.separator, head, budget, directory, observer)
        };
        let read = read().in_file(&self.path)?;
        Ok(self.read.get_or_init(|| read))
    }
}

/// Whether a field is a number.
fn is_number(field: &[u8]) -> bool {
    Numeral::parse(field.trim_ascii()).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::InMemory;
    use proptest::prelude::*;

    type Read = (Vec<u64>, Vec<f32>, Vec<String>, Vec<String>);

    fn table(text: &[u8]) -> Result<Option<Read>> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.csv");
        std::fs::write(&path, text).unwrap();
        let Some(table) = DelimitedText::find(&path)? else { return Ok(None) };
        let m =
            InMemory::read(&table.read(Budget::new(8 << 20), dir.path(), &())?, Budget::new(8 << 20), &())?;
        let mut dense = vec![0.0; (m.layout().lines * m.layout().minor) as usize];
        for line in 0..m.layout().lines as usize {
            for e in m.pointers()[line] as usize..m.pointers()[line + 1] as usize {
                let v = &m.values()[4 * e..4 * e + 4];
                dense[line * m.layout().minor as usize + m.minor()[e] as usize] =
                    f32::from_le_bytes(v.try_into().unwrap());
            }
        }
        let names = |f: &Frame| f.index().iter().map(|n| String::from_utf8_lossy(n).into_owned()).collect();
        let [obs, var] = table.frames(Budget::new(8 << 20), dir.path(), &())?;
        Ok(Some((m.layout().shape().to_vec(), dense, names(&obs), names(&var))))
    }

    #[test]
    fn where_names_are() {
        for (text, shape, values, obs, var) in [
            (
                "gene,g1,g2\nc1,1,2\nc2,3,4.5\n",
                [2, 2],
                vec![1.0, 2.0, 3.0, 4.5],
                ["c1", "c2"],
                vec!["g1", "g2"],
            ),
            ("1,2\n3,4\n", [2, 2], vec![1.0, 2.0, 3.0, 4.0], ["0", "1"], vec!["0", "1"]),
            ("c1,1,2\nc2,3,4\n", [2, 2], vec![1.0, 2.0, 3.0, 4.0], ["c1", "c2"], vec!["0", "1"]),
            (",0,1\n0,5,6\n1,7,8\n", [2, 2], vec![5.0, 6.0, 7.0, 8.0], ["0", "1"], vec!["0", "1"]),
            (
                "# a comment\n# g1 g2\n1,2\n3,4\n",
                [2, 2],
                vec![1.0, 2.0, 3.0, 4.0],
                ["0", "1"],
                vec!["g1", "g2"],
            ),
            (
                "g1,g2\r\nc1,1,2\r\nc2,3,4\r\n",
                [2, 2],
                vec![1.0, 2.0, 3.0, 4.0],
                ["c1", "c2"],
                vec!["g1", "g2"],
            ),
            ("7,8\nc1,1,2\nc2,3,4\n", [2, 2], vec![1.0, 2.0, 3.0, 4.0], ["c1", "c2"], vec!["7", "8"]),
            ("\u{feff},7,8\n0,5,6\n1,7,8\n", [2, 2], vec![5.0, 6.0, 7.0, 8.0], ["0", "1"], vec!["7", "8"]),
            ("\n\na,g1\n\nc1,1\nc2,0\n", [2, 1], vec![1.0, 0.0], ["c1", "c2"], vec!["g1"]),
            (
                "x  g1   g2\nc1 1   2\nc2\t3 4\n",
                [2, 2],
                vec![1.0, 2.0, 3.0, 4.0],
                ["c1", "c2"],
                vec!["g1", "g2"],
            ),
            (
                "\"\",\"g,1\",\"g\"\"2\"\n\"c\n1\",1,2\nc2,3,4\n",
                [2, 2],
                vec![1.0, 2.0, 3.0, 4.0],
                ["c\n1", "c2"],
                vec!["g,1", "g\"2"],
            ),
        ] {
            let got = table(text.as_bytes()).unwrap().unwrap_or_else(|| panic!("{text}"));
            assert_eq!(
                got,
                (
                    shape.to_vec(),
                    values,
                    obs.map(String::from).to_vec(),
                    var.into_iter().map(String::from).collect()
                ),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_table_or_an_error(text in "[a-c0-9.,;\\t \"\\n\\r#\u{feff}ä-]{0,80}", end in any::<Vec<u8>>()) {
            let bytes = [text.as_bytes(), &end].concat();
            if let Ok(Some((shape, values, obs, var))) = table(&bytes) {
                prop_assert_eq!(shape, [obs.len() as u64, var.len() as u64]);
                prop_assert_eq!(values.len(), obs.len() * var.len());
            }
        }
    }

    #[test]
    fn errors_name_the_line() {
        for (text, why) in [
            ("a,g1,g2\nc1,1,2\nc2,3\n", "line 3: expected 3 fields, got 2"),
            ("a,g1,g2\nc1,1,2\nc2,3,x\n", "line 3: expected a number, got 'x'"),
            ("# one\n\na,g1,g2\nc1,1,2\nc2,3,x\n", "line 5: expected a number, got 'x'"),
        ] {
            let e = table(text.as_bytes()).unwrap_err();
            assert!(e.message().contains(why), "{text}: {e}");
        }
        for text in
            [&b"abc\n"[..], b"", b"one two three\nfour five six\n", b"a,b\n\x00,1\n", b"\xff\xfe,1\n1,2\n"]
        {
            assert!(table(text).unwrap().is_none(), "{}", text.escape_ascii());
        }
    }
}
