//! Other files that a file refers to: external links, external raw data, virtual datasets.
//!
//! They are followed where the other file is a regular file in the directory of the file that names it, or below:
//! a file that somebody sends must not make us read anything else.

use super::file::File;
use crate::bytes::read_at::InputFile;
use crate::bytes::special;
use crate::error::{Error, Place, Result};
use crate::sync::lock;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// The files opened so far from one file and from those that it refers to, by their canonical paths. A file that is
/// in use is opened once, so that its objects are the same objects whichever way they were reached.
#[derive(Default)]
pub(crate) struct Neighbours(Mutex<Vec<(PathBuf, super::file::WeakFile)>>);

impl fmt::Debug for Neighbours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Neighbours").field("files", &lock(&self.0).len()).finish()
    }
}

impl Neighbours {
    /// The file at `path` if it is in use.
    fn get(&self, path: &Path) -> Option<File> {
        let mut files = lock(&self.0);
        files.retain(|(_, file)| file.in_use());
        files.iter().find(|(at, _)| at == path).and_then(|(_, file)| file.upgrade())
    }

    /// Keeps a file for as long as it is in use.
    pub(crate) fn keep(&self, path: PathBuf, file: &File) {
        lock(&self.0).push((path, file.downgrade()));
    }
}

impl File {
    /// The HDF5 file that this one calls `name`.
    ///
    /// # Errors
    /// `Unsupported` if it is not there, is not in the directory of this file or below, or this file was not opened
    /// by its path; otherwise the errors of [`open`](File::open).
    pub(crate) fn neighbour(&self, name: &str) -> Result<File> {
        if name == "." {
            return Ok(self.clone());
        }
        let path = self.path_of_neighbour(name)?;
        if let Some(file) = self.neighbours().get(&path) {
            return Ok(file);
        }
        File::open_beside(self, &path).in_file(&path)
    }

    /// The bytes of the file that this one calls `name`.
    ///
    /// # Errors
    /// As [`neighbour`](Self::neighbour).
    pub(crate) fn raw_neighbour(&self, name: &str) -> Result<(InputFile, PathBuf)> {
        let path = self.path_of_neighbour(name)?;
        let file = special::open(&path).map_err(|e| Error::io("open", e)).in_file(&path)?;
        let file = InputFile::new(file).map_err(|e| Error::io("open", e)).in_file(&path)?;
        Ok((file, path))
    }

    /// The canonical path of the file that this one calls `name`.
    fn path_of_neighbour(&self, name: &str) -> Result<PathBuf> {
        let refused = |why: &str| Error::unsupported(format!("the file '{name}' {why}"));
        let here = self.path().ok_or_else(|| refused("is not followed from a source without a path"))?;
        let here = here.canonicalize().map_err(|e| Error::io("find", e)).in_file(here)?;
        let directory = here.parent().unwrap_or(Path::new("/"));
        // an absolute name is joined as it is
        let path = directory.join(name).canonicalize();
        let path = path.map_err(|_| refused("is not there"))?;
        if !path.starts_with(directory) {
            return Err(refused("is not followed: it is not in the directory of this file or below"));
        }
        Ok(path)
    }
}
