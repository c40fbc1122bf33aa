//! The one error type: whose fault it is, what was found, and where.
//!
//! Code near the bytes knows the offset, the reader above it the object and the chunk, the caller the
//! file. Each adds what it knows on the way up; what is known already stays.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Whose fault an error is. Exit codes of the command line follow from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
    /// Nothing of the requested name is there, or nothing of the requested sort: no such object, no matrix.
    NotFound,
    /// The observer asked to stop.
    Cancelled,
    /// Code of the caller failed, such as a sink; its error is the [source](std::error::Error::source).
    External,
}

/// What the caller can change so that the same request succeeds. A program with options of its own says which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Hint {
    /// The output exists: ask to replace it.
    Replace,
    /// Values do not fit exactly: allow rounding, or another type.
    RoundValues,
    /// Indices do not fit 32 bits: choose 64.
    WideIndices,
    /// There are several matrices: choose one by name.
    ChooseMatrix,
}

/// What went wrong, and where: file, object, chunk and byte, as far as they are known.
#[derive(Clone)]
pub struct Error(Box<ErrorInner>);

#[derive(Clone)]
struct ErrorInner {
    kind: Kind,
    message: String,
    file: Option<PathBuf>,
    object: Option<String>,
    chunk: Option<Vec<u64>>,
    offset: Option<u64>,
    needed: Option<u64>,
    feature: Option<String>,
    hint: Option<Hint>,
    source: Option<Arc<Foreign>>,
}

/// An error of someone else.
type Foreign = dyn std::error::Error + Send + Sync;

impl Error {
    /// An error of `kind`; `message` is lower case, without a full stop, and says what was expected and got.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        let message = message.into();
        Error(Box::new(ErrorInner {
            kind,
            message,
            file: None,
            object: None,
            chunk: None,
            offset: None,
            needed: None,
            feature: None,
            hint: None,
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

    /// Nothing of the requested name or sort is there.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(Kind::NotFound, message)
    }

    pub(crate) fn cancelled() -> Self {
        Self::new(Kind::Cancelled, "interrupted")
    }

    /// An operating system error; `doing` says what was attempted.
    pub fn io(doing: impl fmt::Display, source: io::Error) -> Self {
        let mut e = Self::new(Kind::Io, format!("{doing}: {}", describe(&source)));
        e.0.source = Some(Arc::new(source));
        e
    }

    /// An error of the caller's own code, for example of a sink that writes elsewhere. The message is its text;
    /// [`source`](std::error::Error::source) returns it, to be downcast. An [`Error`] of this crate stays as it is.
    pub fn external(source: impl Into<Box<Foreign>>) -> Self {
        match source.into().downcast::<Error>() {
            Ok(own) => *own,
            Err(source) => {
                let mut e = Self::new(Kind::External, source.to_string());
                e.0.source = Some(Arc::from(source));
                e
            }
        }
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

    /// Replaces the file: for what is written under a temporary name and known under another.
    pub(crate) fn about_file(mut self, path: &Path) -> Self {
        self.0.file = Some(path.to_owned());
        self
    }

    /// Puts `text` and a colon before the message; everything else stays.
    #[must_use]
    pub fn context(self, text: impl fmt::Display) -> Self {
        self.reworded(|message| format!("{text}: {message}"))
    }

    /// Replaces the message by what `reword` makes of it; everything else stays.
    pub(crate) fn reworded(mut self, reword: impl FnOnce(&str) -> String) -> Self {
        self.0.message = reword(&self.0.message);
        self
    }

    /// Turns the error into one of another kind; everything else stays.
    pub(crate) fn of_kind(mut self, kind: Kind) -> Self {
        self.0.kind = kind;
        self
    }

    /// Sets the smallest memory budget that works, in bytes.
    pub(crate) fn needing(mut self, bytes: u64) -> Self {
        self.0.needed = Some(bytes);
        self
    }

    /// Sets what the caller can change.
    pub(crate) fn hinting(mut self, hint: Hint) -> Self {
        self.0.hint = Some(hint);
        self
    }

    /// Sets what is unsupported.
    pub(crate) fn of_feature(mut self, feature: impl Into<String>) -> Self {
        self.0.feature = Some(feature.into());
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

    /// The coordinates of the chunk in its dataset, in elements.
    pub fn chunk(&self) -> Option<&[u64]> {
        self.0.chunk.as_deref()
    }

    /// The smallest memory budget that works, in bytes, where the budget was too small and this is known.
    pub fn needed(&self) -> Option<u64> {
        self.0.needed
    }

    /// What is not supported, where this is known: `filter 32013 (zfp)`, `external link`.
    pub fn feature(&self) -> Option<&str> {
        self.0.feature.as_deref()
    }

    /// What the caller can change so that the same request succeeds, where this is known.
    pub fn hint(&self) -> Option<Hint> {
        self.0.hint
    }

    /// Whether both tell of one fault: all they say, place included, is equal.
    pub(crate) fn same_fault(&self, other: &Error) -> bool {
        let (a, b) = (&self.0, &other.0);
        (a.kind, a.offset, &a.chunk, &a.object, &a.file) == (b.kind, b.offset, &b.chunk, &b.object, &b.file)
            && a.message == b.message
    }

    /// The error as text without the file, for messages about a single file.
    pub fn without_file(&self) -> String {
        match &self.0.object {
            Some(object) => format!("{object}: {}", self.without_place()),
            None => self.without_place(),
        }
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
        f.write_str(&self.without_file())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({self})", self.0.kind)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|e| e as _)
    }
}

impl From<io::Error> for Error {
    /// Of kind `Io`; an [`Error`] inside comes out as it went in.
    fn from(source: io::Error) -> Self {
        match source.downcast::<Error>() {
            Ok(own) => own,
            Err(source) => {
                let mut e = Self::new(Kind::Io, describe(&source));
                e.0.source = Some(Arc::new(source));
                e
            }
        }
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

    #[test]
    fn an_error_of_the_caller_keeps_itself_and_its_place() {
        #[derive(Debug, PartialEq)]
        struct Full;
        impl fmt::Display for Full {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the queue is full")
            }
        }
        impl std::error::Error for Full {}

        let e = Error::external(Full).at(7).in_chunk(&[4, 0]).context("row 3");
        assert_eq!(e.to_string(), "chunk [4, 0] at byte 0x7: row 3: the queue is full");
        assert_eq!((e.kind(), e.offset(), e.chunk()), (Kind::External, Some(7), Some(&[4u64, 0][..])));
        let source = std::error::Error::source(&e).unwrap();
        assert_eq!(source.downcast_ref::<Full>(), Some(&Full));
        // What passes through a box or an `io::Error` on its way is not wrapped twice.
        let again = Error::from(io::Error::other(Error::external(e)));
        assert_eq!((again.kind(), again.offset()), (Kind::External, Some(7)));
    }

    #[test]
    fn an_io_error_comes_in_by_the_question_mark() {
        let opened = || -> Result<()> { Err(io::Error::from_raw_os_error(13))? };
        let e = opened().unwrap_err();
        assert_eq!((e.kind(), e.message()), (Kind::Io, "permission denied"));
        let source = std::error::Error::source(&e).and_then(|s| s.downcast_ref::<io::Error>());
        assert_eq!(source.and_then(io::Error::raw_os_error), Some(13));
    }

    #[test]
    fn faults_are_the_same_where_nothing_differs() {
        let e = |offset| Error::checksum("expected 1, got 2").at(offset).in_chunk(&[0]);
        assert!(e(1).same_fault(&e(1)) && !e(1).same_fault(&e(2)));
        assert!(!e(1).same_fault(&e(1).in_object("/X")) && !e(1).same_fault(&e(1).of_kind(Kind::Malformed)));
    }
}
