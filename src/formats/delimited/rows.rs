//! Reads a delimited text table row by row, with a limit on the length of a row.

use crate::error::{Error, Result};
use crate::formats::lines;
use std::cell::Cell;
use std::io::{BufRead, Read};
use std::rc::Rc;

/// The byte order mark of UTF-8, which some programs write first.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// Longest row accepted, in bytes.
pub(super) const LONGEST: u64 = 1 << 28;

/// What separates the fields of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Separator {
    /// One byte; fields may be quoted.
    One(u8),
    /// Any number of spaces and tabs; no quotes.
    Spaces,
}

/// A row, and where in the text it begins.
pub(super) struct TextRow<'r> {
    /// Number of the text line.
    pub(super) line: u64,
    /// Position of its first byte, or of a blank line before it.
    pub(super) byte: u64,
    pub(super) fields: Vec<&'r [u8]>,
}

/// A [`TextRow`] with its own copy of the fields.
pub(super) struct OwnedRow {
    pub(super) line: u64,
    pub(super) byte: u64,
    pub(super) fields: Vec<Vec<u8>>,
}

impl TextRow<'_> {
    pub(super) fn owned(&self) -> OwnedRow {
        OwnedRow {
            line: self.line,
            byte: self.byte,
            fields: self.fields.iter().map(|f| f.to_vec()).collect(),
        }
    }
}

/// Reads rows one after another.
pub(super) struct TextRows<'t> {
    from: csv::Reader<RowLimit<'t>>,
    row: csv::ByteRecord,
    /// Bytes that the current row may still have; shared with `from`.
    left: Rc<Cell<u64>>,
    separator: Separator,
    /// The last comment before the first row, which may name the columns (as numpy's `savetxt` writes them).
    pub(super) comment: Option<String>,
    /// Text lines and bytes skipped before `from` began.
    passed: [u64; 2],
}

/// Counts bytes and fails when a row gets too long: the `csv` reader itself has no limit.
struct RowLimit<'t> {
    from: Box<dyn BufRead + 't>,
    left: Rc<Cell<u64>>,
}

impl Read for RowLimit<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let n = self.from.read(out)?;
        match self.left.get().checked_sub(n as u64) {
            Some(left) => self.left.set(left),
            None => {
                return Err(std::io::Error::new(
                    std::io::ErrorKind::InvalidData,
                    "expected at most 256 MiB in a row, got more",
                ));
            }
        }
        Ok(n)
    }
}

impl<'t> TextRows<'t> {
    /// Skips the byte order mark, comments and empty text lines before the first row.
    ///
    /// # Errors
    /// `Io`, or `Malformed` for a broken gzip stream.
    pub(super) fn new(mut text: Box<dyn BufRead + 't>, separator: Separator) -> Result<Self> {
        let (mut comment, mut passed) = (None, [0, 0]);
        if text.fill_buf().map_err(lines::failed)?.starts_with(BYTE_ORDER_MARK) {
            text.consume(BYTE_ORDER_MARK.len());
            passed[1] += BYTE_ORDER_MARK.len() as u64;
        }
        loop {
            let ahead = text.fill_buf().map_err(lines::failed)?;
            match ahead.first() {
                Some(b'#') => {
                    let mut line = Vec::new();
                    (&mut text).take(LONGEST).read_until(b'\n', &mut line).map_err(lines::failed)?;
                    passed[1] += line.len() as u64;
                    let line = String::from_utf8_lossy(&line);
                    comment = Some(line.trim_start_matches('#').trim().to_owned());
                    passed[0] += 1;
                }
                Some(end @ (b'\n' | b'\r')) => {
                    passed[0] += u64::from(*end == b'\n');
                    passed[1] += 1;
                    text.consume(1);
                }
                _ => break,
            }
        }
        Ok(TextRows { comment, passed, ..Self::plain(text, separator) })
    }

    /// Reads rows from the first byte on, which is neither a mark nor a comment.
    pub(super) fn plain(text: Box<dyn BufRead + 't>, separator: Separator) -> Self {
        let left = Rc::new(Cell::new(LONGEST));
        let delimiter = match separator {
            Separator::One(b) => b,
            Separator::Spaces => 0xff, // never occurs in UTF-8, so a row is one field, split later
        };
        let from = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .quoting(separator != Separator::Spaces)
            .from_reader(RowLimit { from: text, left: Rc::clone(&left) });
        TextRows { from, row: csv::ByteRecord::new(), left, separator, comment: None, passed: [0, 0] }
    }

    /// Returns the next row that is not blank; `None` at the end of the file. Fields are trimmed.
    pub(super) fn next(&mut self) -> Result<Option<TextRow<'_>>> {
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
        let (line, byte) = self.row.position().map_or((0, 0), |at| (at.line(), at.byte()));
        let (line, byte) = (self.passed[0] + line, self.passed[1] + byte);
        let fields = match self.separator {
            Separator::One(_) => self.row.iter().map(<[u8]>::trim_ascii).collect(),
            Separator::Spaces => {
                let line = self.row.iter().next().unwrap_or_default();
                line.split(u8::is_ascii_whitespace).filter(|f| !f.is_empty()).collect()
            }
        };
        Ok(Some(TextRow { line, byte, fields }))
    }
}
