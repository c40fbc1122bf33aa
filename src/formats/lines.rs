//! The text lines of a file, plain or gzipped, with their numbers for messages.

use crate::bytes::special;
use crate::codec::gzip::GzipReader;
use crate::error::{Error, Result};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// Longest text line accepted, in bytes.
const LONGEST: u64 = 1 << 20;

/// Reads a file text line by text line.
pub(super) struct TextLines {
    from: Box<dyn BufRead>,
    line: String,
    number: u64,
    /// Whether text lines after the first that begin with `%` are skipped.
    comments: bool,
}

impl TextLines {
    /// Opens a Matrix Market file; comments and empty text lines are skipped.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let from = open(path).map_err(|e| Error::io("open", e))?;
        Ok(TextLines { from, line: String::new(), number: 0, comments: true })
    }

    /// Opens any other file; only empty text lines are skipped.
    pub(super) fn open_plain(path: &Path) -> Result<Self> {
        Ok(TextLines { comments: false, ..Self::open(path)? })
    }

    /// Returns the next text line without its end; `None` at the end of the file.
    pub(super) fn next(&mut self) -> Result<Option<&str>> {
        loop {
            self.line.clear();
            self.number += 1;
            let mut part = (&mut self.from).take(LONGEST);
            let n = part.read_line(&mut self.line).map_err(|e| match e.kind() {
                std::io::ErrorKind::InvalidData
                | std::io::ErrorKind::InvalidInput
                | std::io::ErrorKind::UnexpectedEof => Error::malformed(format!("line {}: {e}", self.number)),
                _ => Error::io("read", e),
            })?;
            if n == 0 {
                return Ok(None);
            }
            if n as u64 == LONGEST {
                return Err(self.wrong("expected at most 1 MiB in a line, got more"));
            }
            let len = self.line.trim_end_matches(['\r', '\n']).len();
            self.line.truncate(len);
            let comment = self.comments && self.number > 1 && self.line.starts_with('%');
            if !comment && !self.line.trim().is_empty() {
                return Ok(Some(&self.line));
            }
        }
    }

    /// A `Malformed` error with the number of the text line just read.
    pub(super) fn wrong(&self, why: &str) -> Error {
        Error::malformed(format!("line {}: {why}", self.number))
    }
}

/// Opens a text file; decompresses it if it begins with gzip's magic number (RFC 1952, 2.3.1).
pub(super) fn open(path: &Path) -> std::io::Result<Box<dyn BufRead>> {
    let mut from = BufReader::with_capacity(1 << 18, special::open(path)?);
    let gzipped = from.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    Ok(match gzipped {
        true => Box::new(BufReader::with_capacity(1 << 18, GzipReader::new(from))),
        false => Box::new(from),
    })
}

/// Whether the text of the file at `path`, decompressed, begins with `text`; false if it cannot be read.
pub(super) fn begins_with(path: &Path, text: &[u8]) -> bool {
    let mut start = Vec::new();
    let read = open(path).and_then(|from| from.take(text.len() as u64).read_to_end(&mut start));
    read.is_ok() && start == text
}
