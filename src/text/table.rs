//! A table of numbers as text: a row a line, with commas, tabs, semicolons or spaces between; perhaps with names for its
//! rows and columns, in quotes where they need them.
//!
//! Which line holds names and which column does is told from what are numbers, as `anndata.read_csv` tells it; see
//! `spec/h5ad.md` for where it differs.

use super::lines;
use crate::dtype::Dtype;
use crate::error::{Error, Place, Result};
use crate::matrix::{Budget, InMemory, Layout, Orientation};
use crate::observe::Observer;
use crate::strings::Strings;
use crate::table::Frame;
use std::cell::Cell;
use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::OnceLock;

/// Bytes of a row at most.
const LONGEST: u64 = 1 << 28;
/// Bytes looked at to tell whether a file is a table.
const LOOKED_AT: u64 = 1 << 16;
/// Rows between two looks at the observer.
const PAUSE: u64 = 256;

/// A table of numbers.
#[derive(Debug)]
pub struct Table {
    path: PathBuf,
    between: Between,
    read: OnceLock<(InMemory, [Frame; 2])>,
}

/// What stands between two fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Between {
    One(u8),
    /// Spaces and tabs, as many as there are.
    Spaces,
}

impl Table {
    /// The table at `path`, where the file is text whose first lines have fields.
    ///
    /// # Errors
    /// `Io` where it cannot be read.
    pub fn find(path: &Path) -> Result<Option<Table>> {
        let mut start = Vec::new();
        let open = lines::open(path).map_err(|e| Error::io("open", e)).in_file(path)?;
        if open.take(LOOKED_AT).read_to_end(&mut start).is_err() {
            return Ok(None); // a broken gzip file is no table
        }
        let text = match std::str::from_utf8(&start) {
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
        let between = first.and_then(|line| {
            let one = [b'\t', b',', b';'].into_iter().find(|b| line.as_bytes().contains(b)).map(Between::One);
            one.or_else(|| line.trim().contains(' ').then_some(Between::Spaces))
        });
        // prose has words between its spaces
        let numbers = |between: Between| {
            let last = |l: &str| match between {
                Between::One(b) => l.rsplit(b as char).next().map(str::to_owned),
                Between::Spaces => l.split_whitespace().last().map(str::to_owned),
            };
            let ends_with_number =
                |l: &str| last(l).is_some_and(|w| number(w.trim_matches(['"', ' ']).as_bytes()).is_some());
            text.lines().any(ends_with_number)
        };
        let between = between.filter(|b| numbers(*b));
        Ok(between.map(|between| Table { path: path.to_owned(), between, read: OnceLock::new() }))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The numbers as float32, compressed by rows without zeros. Kept from the first call on.
    ///
    /// # Errors
    /// `Malformed` with the line that is wrong; `Limit` where the budget does not hold the table.
    pub fn read(&self, budget: Budget, observer: &dyn Observer) -> Result<&InMemory> {
        self.kept(budget, observer).map(|(m, _)| m)
    }

    /// The names of rows and columns, numbered where there are none.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn frames(&self, observer: &dyn Observer) -> Result<[Frame; 2]> {
        self.kept(Budget::new(u64::MAX), observer).map(|(_, f)| f.clone())
    }

    fn kept(&self, budget: Budget, observer: &dyn Observer) -> Result<&(InMemory, [Frame; 2])> {
        if let Some(kept) = self.read.get() {
            return Ok(kept);
        }
        observer.phase("reading", self.path.metadata().map_or(0, |m| m.len()));
        let text = lines::open(&self.path).map_err(|e| Error::io("open", e)).in_file(&self.path)?;
        let read = read(text, self.between, budget, observer).in_file(&self.path)?;
        Ok(self.read.get_or_init(|| read))
    }
}

/// A number as Python's `float` reads it.
fn number(field: &[u8]) -> Option<f64> {
    std::str::from_utf8(field).ok()?.trim().parse().ok()
}

/// Rows one after the other, with the line each begins on.
struct Rows {
    from: csv::Reader<Guarded>,
    row: csv::ByteRecord,
    left: Rc<Cell<u64>>,
    between: Between,
    /// The last comment before the first row: names of columns perhaps.
    comment: Option<String>,
}

/// Text of which no row is endless.
struct Guarded {
    from: Box<dyn BufRead>,
    left: Rc<Cell<u64>>,
}

impl Read for Guarded {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let n = self.from.read(out)?;
        match self.left.get().checked_sub(n as u64) {
            Some(left) => self.left.set(left),
            None => {
                return Err(std::io::Error::new(
                    std::io::ErrorKind::InvalidData,
                    "a row of more than 256 MiB",
                ));
            }
        }
        Ok(n)
    }
}

impl Rows {
    fn new(mut text: Box<dyn BufRead>, between: Between) -> Result<Rows> {
        let mut comment = None;
        let failed = |e: std::io::Error| match e.kind() {
            std::io::ErrorKind::InvalidData | std::io::ErrorKind::InvalidInput => {
                Error::malformed(e.to_string())
            }
            _ => Error::io("read", e),
        };
        loop {
            let ahead = text.fill_buf().map_err(failed)?;
            match ahead.first() {
                Some(b'#') => {
                    let mut line = Vec::new();
                    (&mut text).take(LONGEST).read_until(b'\n', &mut line).map_err(failed)?;
                    let line = String::from_utf8_lossy(&line);
                    comment = Some(line.trim_start_matches('#').trim().to_owned());
                }
                Some(b'\n' | b'\r') => text.consume(1),
                _ => break,
            }
        }
        let left = Rc::new(Cell::new(LONGEST));
        let delimiter = match between {
            Between::One(b) => b,
            Between::Spaces => 0xff, // no text has it: a line is one field, to be split
        };
        let from = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .quoting(between != Between::Spaces)
            .from_reader(Guarded { from: text, left: Rc::clone(&left) });
        Ok(Rows { from, row: csv::ByteRecord::new(), left, between, comment })
    }

    /// The fields of the next row and its line; `None` at the end.
    fn next(&mut self) -> Result<Option<(u64, Vec<&[u8]>)>> {
        loop {
            self.left.set(LONGEST);
            let more = self.from.read_byte_record(&mut self.row).map_err(|e| match e.into_kind() {
                csv::ErrorKind::Io(e) if e.kind() != std::io::ErrorKind::InvalidData => Error::io("read", e),
                csv::ErrorKind::Io(e) => Error::malformed(e.to_string()),
                other => Error::malformed(format!("{other:?}")),
            })?;
            if !more {
                return Ok(None);
            }
            let blank = self.row.iter().all(|f| f.trim_ascii().is_empty()) && self.row.len() <= 1;
            if !blank {
                break;
            }
        }
        let line = self.row.position().map_or(0, csv::Position::line);
        let fields = match self.between {
            Between::One(_) => self.row.iter().map(<[u8]>::trim_ascii).collect(),
            Between::Spaces => {
                let line = self.row.iter().next().unwrap_or_default();
                line.split(u8::is_ascii_whitespace).filter(|f| !f.is_empty()).collect()
            }
        };
        Ok(Some((line, fields)))
    }
}

/// What was read so far.
#[derive(Default)]
struct Entries {
    pointers: Vec<u64>,
    minor: Vec<u32>,
    values: Vec<u8>,
    names: Strings,
}

fn read(
    text: Box<dyn BufRead>,
    between: Between,
    budget: Budget,
    observer: &dyn Observer,
) -> Result<(InMemory, [Frame; 2])> {
    let mut rows = Rows::new(text, between)?;
    let comment = rows.comment.take();
    let owned = |fields: Vec<&[u8]>| -> Vec<Vec<u8>> { fields.into_iter().map(<[u8]>::to_vec).collect() };
    let Some((line, fields)) = rows.next()? else { return Err(Error::malformed("a table without rows")) };
    let (first_line, first) = (line, owned(fields));
    let second = rows.next()?.map(|(line, fields)| (line, owned(fields)));
    let is_number = |f: Option<&Vec<u8>>| f.is_some_and(|f| number(f).is_some());
    let names_first = match &second {
        _ if !is_number(first.last()) => true,
        // as pandas writes an index without a name
        Some(_) if first.len() > 1 && first[0].is_empty() => true,
        Some((_, s)) => s.len() == first.len() + 1,
        None => false,
    };
    let corner = names_first && first[0].is_empty();
    let sample = if names_first { second.as_ref().map(|(_, s)| s) } else { Some(&first) };
    let named_rows = corner || sample.is_some_and(|s| !is_number(s.first()));
    let width = sample.map_or(first.len(), Vec::len) - usize::from(named_rows);
    let columns: Option<Strings> = match (names_first, comment) {
        (true, _) => {
            let names = &first[first.len().saturating_sub(width)..];
            Some(names.iter().collect())
        }
        (false, Some(c)) => {
            let names: Vec<&str> = match between {
                Between::One(b) if c.contains(b as char) => c.split(b as char).map(str::trim).collect(),
                _ => c.split_whitespace().collect(),
            };
            (names.len() == width).then(|| names.into_iter().collect())
        }
        (false, None) => None,
    };
    if columns.as_ref().is_some_and(|c| c.len() != width) {
        return Err(Error::malformed(format!(
            "line {first_line}: {} names for {width} columns",
            first.len()
        )));
    }
    let mut out = Entries { pointers: vec![0], ..Entries::default() };
    let mut add = |line: u64, fields: &[&[u8]]| -> Result<()> {
        let want = width + usize::from(named_rows);
        if fields.len() != want {
            return Err(Error::malformed(format!(
                "line {line}: expected {want} fields, got {}",
                fields.len()
            )));
        }
        let (name, values) = fields.split_at(usize::from(named_rows));
        match name {
            [name] => out.names.push(name),
            _ => out.names.push((out.pointers.len() - 1).to_string().as_bytes()),
        }
        for (column, field) in (0u32..).zip(values) {
            let value = number(field).ok_or_else(|| {
                let shown: String = String::from_utf8_lossy(field).chars().take(40).collect();
                Error::malformed(format!("line {line}: expected a number, got '{shown}'"))
            })? as f32;
            if value != 0.0 {
                out.minor.push(column);
                out.values.extend(value.to_le_bytes());
            }
        }
        out.pointers.push(out.minor.len() as u64);
        let held =
            out.minor.len() as u64 * 8 + out.pointers.len() as u64 * 8 + out.names.total_bytes() as u64;
        budget.after(held, 0)?;
        if out.pointers.len() as u64 % PAUSE == 0 && observer.cancelled() {
            return Err(Error::cancelled());
        }
        Ok(())
    };
    let begun = [(!names_first).then_some((first_line, &first)), second.as_ref().map(|(l, s)| (*l, s))];
    for (line, fields) in begun.into_iter().flatten() {
        add(line, &fields.iter().map(Vec::as_slice).collect::<Vec<_>>())?;
    }
    while let Some((line, fields)) = rows.next()? {
        add(line, &fields)?;
    }
    let (lines, entries) = (out.pointers.len() as u64 - 1, out.minor.len() as u64);
    let layout =
        Layout { orientation: Orientation::Csr, lines, minor: width as u64, entries, dtype: Dtype::Float32 };
    let var = match columns {
        Some(names) => Frame::new(None, names, Vec::new())?,
        None => Frame::unnamed(width as u64),
    };
    let frames = [Frame::new(None, out.names, Vec::new())?, var];
    Ok((InMemory::new(layout, out.pointers, out.minor, out.values)?, frames))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::Source;

    fn table(text: &[u8]) -> Result<Option<(Vec<u64>, Vec<f32>, Vec<String>, Vec<String>)>> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.csv");
        std::fs::write(&path, text).unwrap();
        let Some(table) = Table::find(&path)? else { return Ok(None) };
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

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, why) in [
            ("a,g1,g2\nc1,1,2\nc2,3\n", "line 3: expected 3 fields, got 2"),
            ("a,g1,g2\nc1,1,2\nc2,3,x\n", "line 3: expected a number, got 'x'"),
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
