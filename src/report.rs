//! Reports of operations that write files; the command line prints them as JSON.

use crate::observe::{Changed, LeftOut, Recorded, Widened};
use std::path::{Path, PathBuf};

/// Report of an h5ad file that was written.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct FileReport {
    /// Path of the file.
    #[cfg_attr(feature = "serde", serde(serialize_with = "path"))]
    pub output: PathBuf,
    /// Number of rows of `obs` and of `var`.
    pub shape: [u64; 2],
    /// Size of the file, or of all files of the folder, in bytes.
    pub bytes: u64,
    /// Elements and columns of the input that are missing from the file.
    pub left_out: Vec<LeftOut>,
    /// Matrices that have a wider type in the file.
    pub widened: Vec<Widened>,
    /// What is written in another way than in the input, because the program that is to read the file asks for it.
    pub changed: Vec<Changed>,
}

impl FileReport {
    /// The report for a finished file at `output`.
    pub(crate) fn new(output: &Path, shape: [u64; 2], recorded: Recorded) -> Self {
        let bytes = bytes_of(output);
        let Recorded { left_out, widened, changed } = recorded;
        FileReport { output: output.to_owned(), shape, bytes, left_out, widened, changed }
    }
}

/// Bytes of a file, or of all files of a folder; what cannot be listed counts nothing.
fn bytes_of(output: &Path) -> u64 {
    let (mut folders, mut bytes) = (Vec::new(), 0u64);
    let mut count = |path: PathBuf, folders: &mut Vec<PathBuf>| match path.metadata() {
        Ok(about) if about.is_dir() => folders.push(path),
        about => bytes += about.map_or(0, |about| about.len()),
    };
    count(output.to_owned(), &mut folders);
    while let Some(folder) = folders.pop() {
        folder.read_dir().into_iter().flatten().flatten().for_each(|entry| count(entry.path(), &mut folders));
    }
    bytes
}

/// Serializes a path as text, with U+FFFD in place of bytes that are not UTF-8.
#[cfg(feature = "serde")]
pub(crate) fn path<S: serde::Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&path.display())
}

/// Serializes a value as its `Display` text.
#[cfg(feature = "serde")]
pub(crate) fn text<S: serde::Serializer>(value: &impl std::fmt::Display, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(value)
}

/// Like [`text`], for an optional value.
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
