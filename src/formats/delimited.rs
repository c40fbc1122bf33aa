//! Tables of numbers as text: one row per text line, fields separated by commas, tabs, semicolons or spaces,
//! names and numbers quoted or not.
//!
//! Whether the first row and the first column hold names is inferred from which fields are numbers, by the
//! rules of `anndata.read_csv`; `spec/h5ad.md` lists the differences.

use super::lines;
use super::rows::{BYTE_ORDER_MARK, OwnedRow, Separator, TextRows};
use crate::dtype::Dtype;
use crate::error::{Error, Place, Result};
use crate::matrix::{Budget, InMemory, Layout, Orientation};
use crate::observe::{Observer, Phase, Verb};
use crate::strings::Strings;
use crate::table::Frame;
use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// How many bytes [`DelimitedText::find`] examines.
const LOOKED_AT: u64 = 1 << 16;
/// How many rows are read between two checks for cancellation.
const PAUSE: u64 = 256;

/// A delimited table of numbers: a dense matrix as text, with or without names.
#[derive(Debug)]
pub struct DelimitedText {
    path: PathBuf,
    separator: Separator,
    read: OnceLock<(InMemory, [Frame; 2])>,
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
                |l: &str| last(l).is_some_and(|w| number(w.trim_matches(['"', ' ']).as_bytes()).is_some());
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

    /// The numbers as a float32 CSR matrix without zeros. The first call reads the file; later calls return the
    /// same matrix.
    ///
    /// # Errors
    /// `Malformed` with the number of the text line; `Limit` if the matrix does not fit the budget; `Io`,
    /// `Cancelled`.
    pub fn read(&self, budget: Budget, observer: &dyn Observer) -> Result<&InMemory> {
        self.kept(budget, observer).map(|(m, _)| m)
    }

    /// The tables of rows and columns: their names, or "0", "1", ... if the file has none. No other columns.
    ///
    /// # Errors
    /// Those of [`read`](Self::read) except `Limit`: if the file was not read before, it is read without a budget.
    pub fn frames(&self, observer: &dyn Observer) -> Result<[Frame; 2]> {
        self.kept(Budget::new(u64::MAX), observer).map(|(_, f)| f.clone())
    }

    /// Matrix and tables; reads the file unless an earlier call has.
    fn kept(&self, budget: Budget, observer: &dyn Observer) -> Result<&(InMemory, [Frame; 2])> {
        if let Some(kept) = self.read.get() {
            return Ok(kept);
        }
        observer.phase(&Phase::new(Verb::Reading, self.path.metadata().map_or(0, |m| m.len())));
        let text = lines::open(&self.path).map_err(|e| Error::io("open", e)).in_file(&self.path)?;
        let read = read(text, self.separator, budget, observer).in_file(&self.path)?;
        Ok(self.read.get_or_init(|| read))
    }
}

/// A number as Python's `float` reads it.
fn number(field: &[u8]) -> Option<f64> {
    std::str::from_utf8(field).ok()?.trim().parse().ok()
}

/// Where the names are, inferred from the first two rows.
struct DelimitedHead {
    /// The first row holds the names of the columns.
    names_first: bool,
    /// The first field of each row is its name.
    named_rows: bool,
    /// Number of columns with numbers.
    width: usize,
    /// The names of the columns, from the first row or from a comment before it.
    columns: Option<Strings>,
}

impl DelimitedHead {
    /// # Errors
    /// `Malformed` if the first row has fewer names than there are columns.
    fn of(
        first: &OwnedRow,
        second: Option<&OwnedRow>,
        comment: Option<&str>,
        separator: Separator,
    ) -> Result<DelimitedHead> {
        let is_number = |f: Option<&Vec<u8>>| f.is_some_and(|f| number(f).is_some());
        let (fields, corner) = (&first.fields, first.fields.first().is_some_and(Vec::is_empty));
        let names_first = match second {
            _ if !is_number(fields.last()) => true,
            // pandas leaves this field empty when the index has no name
            Some(_) if fields.len() > 1 && corner => true,
            Some(second) => second.fields.len() == fields.len() + 1,
            None => false,
        };
        let sample = if names_first { second } else { Some(first) };
        let named_rows = (names_first && corner) || sample.is_some_and(|s| !is_number(s.fields.first()));
        let width = sample.map_or(fields.len(), |s| s.fields.len()).saturating_sub(usize::from(named_rows));
        let mut columns = None;
        if names_first {
            columns = Some(fields[fields.len().saturating_sub(width)..].iter().collect::<Strings>());
        } else if let Some(comment) = comment {
            let names: Vec<&str> = match separator {
                Separator::One(b) if comment.contains(b as char) => {
                    comment.split(b as char).map(str::trim).collect()
                }
                _ => comment.split_whitespace().collect(),
            };
            columns = (names.len() == width).then(|| names.into_iter().collect());
        }
        if columns.as_ref().is_some_and(|c| c.len() != width) {
            let text =
                format!("line {}: expected names for {width} columns, got {}", first.line, fields.len());
            return Err(Error::malformed(text));
        }
        Ok(DelimitedHead { names_first, named_rows, width, columns })
    }
}

/// The CSR matrix and row names read so far.
struct DelimitedEntries {
    head: DelimitedHead,
    pointers: Vec<u64>,
    minor: Vec<u32>,
    values: Vec<u8>,
    names: Strings,
}

impl DelimitedEntries {
    /// Adds a row, which begins on the text line `line`.
    fn add(&mut self, line: u64, fields: &[&[u8]]) -> Result<()> {
        let want = self.head.width + usize::from(self.head.named_rows);
        if fields.len() != want {
            let text = format!("line {line}: expected {want} fields, got {}", fields.len());
            return Err(Error::malformed(text));
        }
        let (name, values) = fields.split_at(usize::from(self.head.named_rows));
        match name {
            [name] => self.names.push(name),
            _ => self.names.push((self.pointers.len() - 1).to_string().as_bytes()),
        }
        for (column, field) in (0u32..).zip(values) {
            let value = number(field).ok_or_else(|| {
                let shown: String = String::from_utf8_lossy(field).chars().take(40).collect();
                Error::malformed(format!("line {line}: expected a number, got '{shown}'"))
            })? as f32;
            if value != 0.0 {
                self.minor.push(column);
                self.values.extend(value.to_le_bytes());
            }
        }
        self.pointers.push(self.minor.len() as u64);
        Ok(())
    }

    /// Bytes of memory in use.
    fn bytes(&self) -> u64 {
        (self.minor.len() as u64 + self.pointers.len() as u64) * 8 + self.names.total_bytes() as u64
    }

    fn finish(self) -> Result<(InMemory, [Frame; 2])> {
        let layout = Layout {
            orientation: Orientation::Csr,
            lines: self.pointers.len() as u64 - 1,
            minor: self.head.width as u64,
            entries: self.minor.len() as u64,
            dtype: Dtype::Float32,
        };
        let var = match self.head.columns {
            Some(names) => Frame::new(None, names, Vec::new())?,
            None => Frame::unnamed(layout.minor),
        };
        let frames = [Frame::new(None, self.names, Vec::new())?, var];
        Ok((InMemory::new(layout, self.pointers, self.minor, self.values)?, frames))
    }
}

/// Reads a whole table.
fn read(
    text: Box<dyn BufRead>,
    separator: Separator,
    budget: Budget,
    observer: &dyn Observer,
) -> Result<(InMemory, [Frame; 2])> {
    let mut rows = TextRows::new(text, separator)?;
    let comment = rows.comment.take();
    let Some(first) = rows.next()?.map(|r| r.owned()) else {
        return Err(Error::malformed("expected a row, got an empty table"));
    };
    let second = rows.next()?.map(|r| r.owned());
    let head = DelimitedHead::of(&first, second.as_ref(), comment.as_deref(), separator)?;
    let begun = [(!head.names_first).then_some(first), second];
    let mut out = DelimitedEntries {
        head,
        pointers: vec![0],
        minor: Vec::new(),
        values: Vec::new(),
        names: Strings::new(),
    };
    for row in begun.into_iter().flatten() {
        out.add(row.line, &row.fields.iter().map(Vec::as_slice).collect::<Vec<_>>())?;
    }
    let mut n = 0u64;
    while let Some(row) = rows.next()? {
        out.add(row.line, &row.fields)?;
        n += 1;
        if n.is_multiple_of(PAUSE) && observer.cancelled() {
            return Err(Error::cancelled());
        }
        budget.after(out.bytes(), 0)?;
    }
    out.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::Source;
    use proptest::prelude::*;

    type Read = (Vec<u64>, Vec<f32>, Vec<String>, Vec<String>);

    fn table(text: &[u8]) -> Result<Option<Read>> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.csv");
        std::fs::write(&path, text).unwrap();
        let Some(table) = DelimitedText::find(&path)? else { return Ok(None) };
        let m = table.read(Budget::new(1 << 20), &())?;
        let mut dense = vec![0.0; (m.layout().lines * m.layout().minor) as usize];
        for line in 0..m.layout().lines as usize {
            for e in m.pointers()[line] as usize..m.pointers()[line + 1] as usize {
                let v = &m.values()[4 * e..4 * e + 4];
                dense[line * m.layout().minor as usize + m.minor()[e] as usize] =
                    f32::from_le_bytes(v.try_into().unwrap());
            }
        }
        let names = |f: &Frame| f.index().iter().map(|n| String::from_utf8_lossy(n).into_owned()).collect();
        let [obs, var] = table.frames(&())?;
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
