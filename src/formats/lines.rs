//! Lines of a text that may be gzipped, with their numbers.

use crate::codec::gzip::GzipReader;
use crate::error::{Error, Result};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// The longest line that is read.
const LONGEST: u64 = 1 << 20;

/// Lines one after the other.
pub(super) struct Lines {
    from: Box<dyn BufRead>,
    line: String,
    number: u64,
    /// Lines that begin with `%`, and empty ones, are passed over after the first.
    comments: bool,
}

impl Lines {
    /// The lines of a Matrix Market file, without comments and empty ones.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let from = open(path).map_err(|e| Error::io("open", e))?;
        Ok(Lines { from, line: String::new(), number: 0, comments: true })
    }

    /// All lines but empty ones.
    pub(super) fn open_plain(path: &Path) -> Result<Self> {
        Ok(Lines { comments: false, ..Self::open(path)? })
    }

    /// The next line; `None` at the end.
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
                return Err(self.wrong("a line of more than a mebibyte"));
            }
            let len = self.line.trim_end_matches(['\r', '\n']).len();
            self.line.truncate(len);
            let comment = self.comments && self.number > 1 && self.line.starts_with('%');
            if !comment && !self.line.trim().is_empty() {
                return Ok(Some(&self.line));
            }
        }
    }

    /// An error of the line just read.
    pub(super) fn wrong(&self, why: &str) -> Error {
        Error::malformed(format!("line {}: {why}", self.number))
    }
}

/// A reader of the text, whatever it is packed in.
pub(super) fn open(path: &Path) -> std::io::Result<Box<dyn BufRead>> {
    let mut from = BufReader::with_capacity(1 << 18, File::open(path)?);
    let gzipped = from.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    Ok(match gzipped {
        true => Box::new(BufReader::with_capacity(1 << 18, GzipReader::new(from))),
        false => Box::new(from),
    })
}

/// Whether the text at `path` begins so.
pub(super) fn begins_with(path: &Path, text: &[u8]) -> bool {
    let mut start = Vec::new();
    let read = open(path).and_then(|from| from.take(text.len() as u64).read_to_end(&mut start));
    read.is_ok() && start == text
}
