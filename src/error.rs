//! The one error type: whose fault it is, what was found, and where.
//!
//! Code near the bytes knows the offset, the reader above it the object and the chunk, the caller the
//! file. Each adds what it knows on the way up; what is known already stays.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Whose fault an error is. Exit codes of the command line follow from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// The operating system refused to read or write.
    Io,
    /// The file does not begin as an HDF5 file does.
    NotHdf5,
    /// The file contradicts its format, or itself.
    Malformed,
    /// The file is valid but uses something this crate does not read; the message names it.
    Unsupported,
    /// A size is above a limit, or the memory budget is too small for the work.
    Limit,
    /// A checksum stored in the file does not match the bytes.
    Checksum,
    /// The request makes no sense for this input.
    Usage,
    /// The observer asked to stop.
    Cancelled,
}

/// What went wrong, and where: file, object, chunk and byte, as far as they are known.
pub struct Error(Box<Inner>);

struct Inner {
    kind: Kind,
    message: String,
    file: Option<PathBuf>,
    object: Option<String>,
    chunk: Option<Vec<u64>>,
    offset: Option<u64>,
    source: Option<io::Error>,
}

impl Error {
    /// An error of `kind`; `message` is lower case, without a full stop, and says what was expected and got.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        let message = message.into();
        Error(Box::new(Inner {
            kind,
            message,
            file: None,
            object: None,
            chunk: None,
            offset: None,
            source: None,
        }))
    }

    pub(crate) fn malformed(message: impl Into<String>) -> Self {
        Self::new(Kind::Malformed, message)
    }

    pub(crate) fn unsupported(message: impl Into<String>) -> Self {
        Self::new(Kind::Unsupported, message)
    }

    pub(crate) fn limit(message: impl Into<String>) -> Self {
        Self::new(Kind::Limit, message)
    }

    pub(crate) fn checksum(message: impl Into<String>) -> Self {
        Self::new(Kind::Checksum, message)
    }

    /// What was asked for makes no sense for this input.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    pub(crate) fn cancelled() -> Self {
        Self::new(Kind::Cancelled, "interrupted")
    }

    /// An operating system error; `doing` says what was attempted.
    pub fn io(doing: impl fmt::Display, source: io::Error) -> Self {
        let mut e = Self::new(Kind::Io, format!("{doing}: {}", describe(&source)));
        e.0.source = Some(source);
        e
    }

    /// Adds the absolute byte offset in the file, unless one is known.
    #[must_use]
    pub fn at(mut self, offset: u64) -> Self {
        self.0.offset.get_or_insert(offset);
        self
    }

    /// Adds the path of the object inside the file, unless one is known.
    #[must_use]
    pub fn in_object(mut self, path: &str) -> Self {
        self.0.object.get_or_insert_with(|| path.to_owned());
        self
    }

    /// Adds the coordinates of the chunk (in elements), unless they are known.
    #[must_use]
    pub fn in_chunk(mut self, coordinates: &[u64]) -> Self {
        self.0.chunk.get_or_insert_with(|| coordinates.to_vec());
        self
    }

    /// Adds the file, unless one is known.
    #[must_use]
    pub fn in_file(mut self, path: &Path) -> Self {
        self.0.file.get_or_insert_with(|| path.to_owned());
        self
    }

    /// Whose fault it is.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// What went wrong, without the position.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The file the error is about.
    pub fn file(&self) -> Option<&Path> {
        self.0.file.as_deref()
    }

    /// The path of the object inside the file.
    pub fn object(&self) -> Option<&str> {
        self.0.object.as_deref()
    }

    /// The absolute offset in the file, in bytes.
    pub fn offset(&self) -> Option<u64> {
        self.0.offset
    }

    /// The error as text without the file and the object, for lists that show those in columns of their own.
    pub fn without_place(&self) -> String {
        let mut out = String::new();
        if let Some(c) = &self.0.chunk {
            out += &format!("chunk {c:?}");
        }
        if let Some(o) = self.0.offset {
            out += &format!("{}at byte {o:#x}", if out.is_empty() { "" } else { " " });
        }
        if !out.is_empty() {
            out += ": ";
        }
        out + &self.0.message
    }
}

/// The operating system's words without Rust's "(os error N)".
fn describe(e: &io::Error) -> String {
    let text = e.to_string();
    let end = text.find(" (os error").unwrap_or(text.len());
    let mut plain = text[..end].to_owned();
    if let Some(first) = plain.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    plain
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.0.file {
            write!(f, "{}: ", file.display())?;
        }
        if let Some(object) = &self.0.object {
            write!(f, "{object}: ")?;
        }
        f.write_str(&self.without_place())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({self})", self.0.kind)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_ref().map(|e| e as _)
    }
}

/// Adds a place to the error of a result, as the methods of [`Error`] do.
pub(crate) trait Place: Sized {
    fn at(self, offset: u64) -> Self;
    fn in_object(self, path: &str) -> Self;
    fn in_file(self, path: &Path) -> Self;
}

impl<T> Place for Result<T> {
    fn at(self, offset: u64) -> Self {
        self.map_err(|e| e.at(offset))
    }
    fn in_object(self, path: &str) -> Self {
        self.map_err(|e| e.in_object(path))
    }
    fn in_file(self, path: &Path) -> Self {
        self.map_err(|e| e.in_file(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_reads_from_file_to_byte() {
        let e = Error::malformed("deflate stream ends early (expected 20 bytes, got 10)")
            .at(0x1f3a0)
            .at(7)
            .in_chunk(&[524288])
            .in_object("/X/data")
            .in_object("/X")
            .in_file(Path::new("a.h5ad"));
        assert_eq!(
            e.to_string(),
            "a.h5ad: /X/data: chunk [524288] at byte 0x1f3a0: deflate stream ends early (expected 20 bytes, got 10)"
        );
        assert_eq!(e.kind(), Kind::Malformed);
    }

    #[test]
    fn an_io_error_speaks_plainly() {
        let e = Error::io("open", io::Error::from_raw_os_error(2)).in_file(Path::new("missing.h5ad"));
        assert_eq!(e.to_string(), "missing.h5ad: open: no such file or directory");
    }
}
