//! The error type of the crate: the kind of fault, what was found, and where.
//!
//! Code that decodes bytes knows the offset, its callers the object and the chunk, and the topmost caller the
//! file. Each adds what it knows as the error is returned, and never replaces what is already set.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The kind of an error, by its cause. The exit codes of the command line are derived from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// The operating system refused to read or write.
    Io,
    /// The file does not begin with the HDF5 signature.
    NotHdf5,
    /// The file violates its format or contradicts itself.
    Malformed,
    /// The file is valid but uses a feature that this crate does not support; the message names it.
    Unsupported,
    /// A size is above a limit, or the memory budget is too small.
    Limit,
    /// A checksum stored in the file does not match the bytes.
    Checksum,
    /// The request is not valid for this input.
    Usage,
    /// There is nothing with the requested name or of the requested kind, such as an object or a matrix.
    NotFound,
    /// The observer cancelled the operation.
    Cancelled,
    /// Code of the caller, such as a sink, failed; its error is the [source](std::error::Error::source).
    External,
}

impl Kind {
    /// Name of the kind, for programs: `io`, `not-hdf5`, `malformed`, ...
    pub fn name(self) -> &'static str {
        match self {
            Kind::Io => "io",
            Kind::NotHdf5 => "not-hdf5",
            Kind::Malformed => "malformed",
            Kind::Unsupported => "unsupported",
            Kind::Limit => "limit",
            Kind::Checksum => "checksum",
            Kind::Usage => "usage",
            Kind::NotFound => "not-found",
            Kind::Cancelled => "cancelled",
            Kind::External => "external",
        }
    }
}

/// What the caller can change to make the same request succeed. A program can name its own option for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Hint {
    /// The output exists: request its replacement.
    Replace,
    /// Values do not fit exactly: allow rounding, or choose another type.
    RoundValues,
    /// Indices do not fit 32 bits: choose 64 bits.
    WideIndices,
    /// There are several matrices: choose one by name.
    ChooseMatrix,
    /// Columns of one name have no common type: leave them out, or convert them.
    ChangeColumn,
    /// Several rows have the name: choose one by its number.
    ChooseByNumber,
}

/// What went wrong and where: file, object, chunk and byte offset, as far as known.
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
    excerpt: Option<String>,
    source: Option<Arc<Foreign>>,
}

/// An error of another crate or of the caller.
type Foreign = dyn std::error::Error + Send + Sync;

impl Error {
    /// An error of `kind`. `message` is lower case, without a full stop, and states what was expected and
    /// what was found.
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
            excerpt: None,
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

    /// An error of kind `Usage`: the request is not valid for this input.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// An error of kind `NotFound`: nothing has the requested name or is of the requested kind.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(Kind::NotFound, message)
    }

    pub(crate) fn cancelled() -> Self {
        Self::new(Kind::Cancelled, "interrupted")
    }

    /// An error of the operating system; `doing` describes the attempted action.
    pub fn io(doing: impl fmt::Display, source: io::Error) -> Self {
        let mut e = Self::new(Kind::Io, format!("{doing}: {}", describe(&source)));
        e.0.source = Some(Arc::new(source));
        e
    }

    /// An error of the caller's own code, for example of a sink. The message is the text of `source`;
    /// [`source`](std::error::Error::source) returns the error itself, for downcasting. An [`Error`] of this
    /// crate is returned unchanged.
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

    /// Adds the absolute byte offset in the file, unless it is already known.
    #[must_use]
    pub fn at(mut self, offset: u64) -> Self {
        self.0.offset.get_or_insert(offset);
        self
    }

    /// Adds the path of the object in the file, unless it is already known.
    #[must_use]
    pub fn in_object(mut self, path: &str) -> Self {
        self.0.object.get_or_insert_with(|| path.to_owned());
        self
    }

    /// Adds the coordinates of the chunk, in elements, unless they are already known.
    #[must_use]
    pub fn in_chunk(mut self, coordinates: &[u64]) -> Self {
        self.0.chunk.get_or_insert_with(|| coordinates.to_vec());
        self
    }

    /// Adds the path of the file, unless it is already known.
    #[must_use]
    pub fn in_file(mut self, path: &Path) -> Self {
        self.0.file.get_or_insert_with(|| path.to_owned());
        self
    }

    /// Replaces the path of the file, for files written under a temporary name.
    pub(crate) fn about_file(mut self, path: &Path) -> Self {
        self.0.file = Some(path.to_owned());
        self
    }

    /// Prepends `text` and a colon to the message.
    #[must_use]
    pub fn context(self, text: impl fmt::Display) -> Self {
        self.reworded(|message| format!("{text}: {message}"))
    }

    /// Replaces the message by `reword(message)`.
    pub(crate) fn reworded(mut self, reword: impl FnOnce(&str) -> String) -> Self {
        self.0.message = reword(&self.0.message);
        self
    }

    /// Replaces the kind.
    pub(crate) fn of_kind(mut self, kind: Kind) -> Self {
        self.0.kind = kind;
        self
    }

    /// Sets the smallest sufficient memory budget, in bytes.
    pub(crate) fn needing(mut self, bytes: u64) -> Self {
        self.0.needed = Some(bytes);
        self
    }

    /// Sets the hint.
    pub(crate) fn hinting(mut self, hint: Hint) -> Self {
        self.0.hint = Some(hint);
        self
    }

    /// Sets the unsupported feature.
    pub(crate) fn of_feature(mut self, feature: impl Into<String>) -> Self {
        self.0.feature = Some(feature.into());
        self
    }

    /// Adds the part of `text`, a request, around its byte `at`, unless a place in it is already known.
    pub(crate) fn pointing_at(mut self, text: &str, at: usize) -> Self {
        self.0.excerpt.get_or_insert_with(|| excerpt(text, at));
        self
    }

    /// The kind of the error.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// What went wrong, without the place.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Path of the affected file, if known.
    pub fn file(&self) -> Option<&Path> {
        self.0.file.as_deref()
    }

    /// Path of the object in the file, if known.
    pub fn object(&self) -> Option<&str> {
        self.0.object.as_deref()
    }

    /// Absolute offset in the file in bytes, if known.
    pub fn offset(&self) -> Option<u64> {
        self.0.offset
    }

    /// Coordinates of the chunk in its dataset in elements, if known.
    pub fn chunk(&self) -> Option<&[u64]> {
        self.0.chunk.as_deref()
    }

    /// The smallest sufficient memory budget in bytes, if the budget was too small and this is known.
    pub fn needed(&self) -> Option<u64> {
        self.0.needed
    }

    /// The unsupported feature, if known: `filter 32013 (zfp)`, `external link`.
    pub fn feature(&self) -> Option<&str> {
        self.0.feature.as_deref()
    }

    /// What the caller can change to make the same request succeed, if known.
    pub fn hint(&self) -> Option<Hint> {
        self.0.hint
    }

    /// The part of the request that is at fault, such as a condition, and on a second line a caret under the
    /// place; `None` if the fault is not at a place in a text.
    pub fn excerpt(&self) -> Option<&str> {
        self.0.excerpt.as_deref()
    }

    /// Whether both errors report the same fault: equal kind, message and place.
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

    /// The error as text without the file and the object, for lists that have separate columns for them.
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

/// Maximum number of characters that an excerpt shows on either side of the place.
const AROUND: usize = 36;

/// The characters around byte `at` of `text` on one line, and a line with a caret under it.
fn excerpt(text: &str, at: usize) -> String {
    let (before, after) = text.split_at_checked(at).unwrap_or((text, ""));
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let skipped = before.chars().count().saturating_sub(AROUND);
    let mut line = String::from(if skipped > 0 { "..." } else { "" });
    line.extend(before.chars().skip(skipped).map(plain));
    let caret = line.chars().count();
    line.extend(after.chars().take(AROUND).map(plain));
    if after.chars().nth(AROUND).is_some() {
        line.push_str("...");
    }
    format!("{line}\n{:caret$}^", "")
}

/// The text of the operating system error, without the "(os error N)" that Rust adds.
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
    /// An error of kind `Io`; an [`Error`] inside `source` is returned unchanged.
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

/// Adds a place to the error of a result, with the methods of [`Error`].
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
        // An error that passes through a box or an `io::Error` is not wrapped twice.
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
    fn an_excerpt_points_at_the_place() {
        let of = |text: &str, at| {
            let e = Error::usage("expected a value").pointing_at(text, at).pointing_at("other", 0);
            e.excerpt().unwrap().to_owned()
        };
        assert_eq!(of("é == x", 6), "é == x\n     ^");
        assert_eq!(of("a\tb", 3), "a b\n   ^");
        let long = format!("{}!{}", "a".repeat(90), "b".repeat(90));
        let (a, b) = ("a".repeat(36), "b".repeat(35));
        assert_eq!(of(&long, 90), format!("...{a}!{b}...\n{:39}^", ""));
        assert_eq!(Error::usage("expected a value").excerpt(), None);
    }

    #[test]
    fn faults_are_the_same_where_nothing_differs() {
        let e = |offset| Error::checksum("expected 1, got 2").at(offset).in_chunk(&[0]);
        assert!(e(1).same_fault(&e(1)) && !e(1).same_fault(&e(2)));
        assert!(!e(1).same_fault(&e(1).in_object("/X")) && !e(1).same_fault(&e(1).of_kind(Kind::Malformed)));
    }
}
