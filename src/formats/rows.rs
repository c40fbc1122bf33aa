//! Rows of a table as text, one after the other.

use crate::error::{Error, Result};
use std::cell::Cell;
use std::io::{BufRead, Read};
use std::rc::Rc;

/// What some programs begin UTF-8 with.
pub(super) const MARK: &[u8] = b"\xef\xbb\xbf";
/// Bytes of a row at most.
const LONGEST: u64 = 1 << 28;

/// What stands between two fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Between {
    One(u8),
    /// Spaces and tabs, as many as there are.
    Spaces,
}

/// A row, and the line it begins on.
pub(super) struct Row<'r> {
    pub(super) line: u64,
    pub(super) fields: Vec<&'r [u8]>,
}

/// A row that is kept.
pub(super) struct Owned {
    pub(super) line: u64,
    pub(super) fields: Vec<Vec<u8>>,
}

impl Row<'_> {
    pub(super) fn owned(&self) -> Owned {
        Owned { line: self.line, fields: self.fields.iter().map(|f| f.to_vec()).collect() }
    }
}

/// Rows one after the other, with the line each begins on.
pub(super) struct Rows {
    from: csv::Reader<Guarded>,
    row: csv::ByteRecord,
    left: Rc<Cell<u64>>,
    between: Between,
    /// The last comment before the first row: names of columns perhaps.
    pub(super) comment: Option<String>,
    /// Lines in front of what the reader sees.
    passed: u64,
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
    pub(super) fn new(mut text: Box<dyn BufRead>, between: Between) -> Result<Rows> {
        let (mut comment, mut passed) = (None, 0);
        let failed = |e: std::io::Error| match e.kind() {
            std::io::ErrorKind::InvalidData | std::io::ErrorKind::InvalidInput => {
                Error::malformed(e.to_string())
            }
            _ => Error::io("read", e),
        };
        if text.fill_buf().map_err(failed)?.starts_with(MARK) {
            text.consume(MARK.len());
        }
        loop {
            let ahead = text.fill_buf().map_err(failed)?;
            match ahead.first() {
                Some(b'#') => {
                    let mut line = Vec::new();
                    (&mut text).take(LONGEST).read_until(b'\n', &mut line).map_err(failed)?;
                    let line = String::from_utf8_lossy(&line);
                    comment = Some(line.trim_start_matches('#').trim().to_owned());
                    passed += 1;
                }
                Some(end @ (b'\n' | b'\r')) => {
                    passed += u64::from(*end == b'\n');
                    text.consume(1);
                }
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
        Ok(Rows { from, row: csv::ByteRecord::new(), left, between, comment, passed })
    }

    /// The next row that is not blank; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Row<'_>>> {
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
        let line = self.passed + self.row.position().map_or(0, csv::Position::line);
        let fields = match self.between {
            Between::One(_) => self.row.iter().map(<[u8]>::trim_ascii).collect(),
            Between::Spaces => {
                let line = self.row.iter().next().unwrap_or_default();
                line.split(u8::is_ascii_whitespace).filter(|f| !f.is_empty()).collect()
            }
        };
        Ok(Some(Row { line, fields }))
    }
}
