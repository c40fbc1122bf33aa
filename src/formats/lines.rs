//! The text lines of a file, plain or gzipped, with their numbers for messages.

use crate::bytes::special;
use crate::codec::gzip::GzipReader;
use crate::error::{Error, Result};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// Longest text line accepted, in bytes.
pub(super) const LONGEST: u64 = 1 << 20;

/// Reads a file text line by text line.
pub(super) struct TextLines {
    from: Box<dyn BufRead + Send>,
    line: String,
    number: u64,
    /// Bytes of the text lines read so far.
    read: u64,
    /// Whether text lines after the first that begin with `%` are skipped.
    comments: bool,
}

impl TextLines {
    /// Opens a Matrix Market file; comments and empty text lines are skipped.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let from = open(path).map_err(|e| Error::io("open", e))?;
        Ok(TextLines { from, line: String::new(), number: 0, read: 0, comments: true })
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
            let n = part.read_line(&mut self.line).map_err(|e| match failed(e) {
                e if e.kind() == crate::Kind::Malformed => e.context(format!("line {}", self.number)),
                e => e,
            })?;
            if n == 0 {
                return Ok(None);
            }
            self.read += n as u64;
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

    /// Position in the text behind the text line just read.
    pub(super) fn position(&self) -> u64 {
        self.read
    }

    /// A `Malformed` error with the number of the text line just read.
    pub(super) fn wrong(&self, why: &str) -> Error {
        Error::malformed(format!("line {}: {why}", self.number))
    }
}

/// The error of reading text: `Malformed` for text that is not UTF-8 and for a broken gzip stream.
pub(super) fn failed(e: std::io::Error) -> Error {
    match e.kind() {
        std::io::ErrorKind::InvalidData
        | std::io::ErrorKind::InvalidInput
        | std::io::ErrorKind::UnexpectedEof => Error::malformed(e.to_string()),
        _ => Error::io("read", e),
    }
}

/// Opens a text file; decompresses it if it is gzipped.
pub(super) fn open(path: &Path) -> std::io::Result<Box<dyn BufRead + Send>> {
    let mut from = BufReader::with_capacity(1 << 18, special::open(path)?);
    Ok(match has_magic(from.fill_buf()?) {
        true => Box::new(BufReader::with_capacity(1 << 18, GzipReader::new(from))),
        false => Box::new(from),
    })
}

/// Whether a file is gzipped.
pub(super) fn is_gzipped(path: &Path) -> std::io::Result<bool> {
    let mut start = Vec::new();
    special::open(path)?.take(2).read_to_end(&mut start)?;
    Ok(has_magic(&start))
}

/// Bytes of the text of a file; 0 if they are not known because it is gzipped or cannot be read.
pub(super) fn plain_len(path: &Path) -> u64 {
    match is_gzipped(path) {
        Ok(false) => path.metadata().map_or(0, |m| m.len()),
        _ => 0,
    }
}

/// Bytes that the text of a file cannot exceed, with the end that its last line may lack.
///
/// # Errors
/// `Io`.
pub(super) fn most_text(path: &Path) -> Result<u64> {
    let len = path.metadata().map_err(|e| Error::io("read", e))?.len();
    let gzipped = is_gzipped(path).map_err(|e| Error::io("open", e))?;
    // deflate makes at most 1032 bytes of one (zlib's technical details)
    Ok(if gzipped { len.saturating_mul(1032) } else { len }.saturating_add(1))
}

/// Whether bytes begin with gzip's magic number (RFC 1952, 2.3.1).
fn has_magic(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}

/// Whether the text of the file at `path`, decompressed, begins with `text`; false if it cannot be read.
pub(super) fn begins_with(path: &Path, text: &[u8]) -> bool {
    let mut start = Vec::new();
    let read = open(path).and_then(|from| from.take(text.len() as u64).read_to_end(&mut start));
    read.is_ok() && start == text
}

/// Number of line ends in the first `len` bytes of the text of a file.
pub(super) fn count_ends(path: &Path, len: u64) -> std::io::Result<u64> {
    let mut from = open(path)?.take(len);
    let mut count = 0;
    loop {
        let bytes = from.fill_buf()?;
        if bytes.is_empty() {
            return Ok(count);
        }
        count += memchr::memchr_iter(b'\n', bytes).count() as u64;
        let len = bytes.len();
        from.consume(len);
    }
}
