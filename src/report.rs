//! What a verb that writes says of its output, for programs: the command line prints it as JSON.

use crate::observe::LeftOut;
use std::path::{Path, PathBuf};

/// An h5ad that was written.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct FileReport {
    /// Where it is.
    #[cfg_attr(feature = "serde", serde(serialize_with = "path"))]
    pub output: PathBuf,
    /// Rows of obs and var.
    pub shape: [u64; 2],
    /// Bytes of the file.
    pub bytes: u64,
    /// Elements and columns of the input that the file lacks.
    pub left_out: Vec<LeftOut>,
}

impl FileReport {
    /// Of a file that is complete.
    pub(crate) fn new(output: &Path, shape: [u64; 2], left_out: Vec<LeftOut>) -> Self {
        let bytes = output.metadata().map_or(0, |m| m.len());
        FileReport { output: output.to_owned(), shape, bytes, left_out }
    }
}

/// Serializes a path as text, with U+FFFD for what is not UTF-8.
#[cfg(feature = "serde")]
pub(crate) fn path<S: serde::Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&path.display())
}

/// Serializes something as its text for people.
#[cfg(feature = "serde")]
pub(crate) fn text<S: serde::Serializer>(value: &impl std::fmt::Display, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(value)
}

/// As [`text`], where there is a value.
#[cfg(feature = "serde")]
pub(crate) fn text_of_some<S: serde::Serializer>(
    value: &Option<impl std::fmt::Display>,
    to: S,
) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => to.collect_str(value),
        None => to.serialize_none(),
    }
}
