//! The files of a store by their names: in a directory, or anything else that can be read at any position.

use super::array::StoreArray;
use crate::bytes::ReadAt;
use crate::bytes::pool::OpenFiles;
use crate::error::{Error, Result};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Opens a file of a store by its name, such as `data.bin`; `None` if there is none.
pub type OpenByName = dyn Fn(&str) -> io::Result<Option<Box<dyn ReadAt>>> + Send + Sync;

/// Where the files of a store are.
#[derive(Clone)]
pub(super) enum StoreFiles {
    /// In a directory; opened through a pool, if there is one.
    Directory(PathBuf, Option<Arc<OpenFiles>>),
    /// Behind a function.
    Sources(Arc<OpenByName>),
}

impl fmt::Debug for StoreFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StoreFiles").field(&self.path()).finish()
    }
}

impl StoreFiles {
    /// The directory; a name for errors if there is none.
    pub(super) fn path(&self) -> &Path {
        match self {
            StoreFiles::Directory(path, _) => path,
            StoreFiles::Sources(_) => Path::new("memory"),
        }
    }

    /// Opens the file `name`.
    ///
    /// # Errors
    /// `Io` if there is none, or it cannot be opened.
    pub(super) fn open(&self, name: &str) -> Result<StoreArray> {
        let path = self.path().join(name);
        match self {
            StoreFiles::Directory(_, pool) => StoreArray::open(&path, pool.as_ref()),
            StoreFiles::Sources(open) => match open(name) {
                Ok(Some(source)) => Ok(StoreArray::of_source(&path, source)),
                Ok(None) => Err(Error::io("open", io::ErrorKind::NotFound.into()).in_file(&path)),
                Err(e) => Err(Error::io("open", e).in_file(&path)),
            },
        }
    }

    /// Opens the file `name` if there is one.
    ///
    /// # Errors
    /// `Io` if it cannot be opened.
    pub(super) fn find(&self, name: &str) -> Result<Option<StoreArray>> {
        let path = self.path().join(name);
        match self {
            StoreFiles::Directory(..) if !path.exists() => Ok(None),
            // a table is read once, and needs no place in the pool
            StoreFiles::Directory(..) => StoreArray::open(&path, None).map(Some),
            StoreFiles::Sources(open) => {
                let found = open(name).map_err(|e| Error::io("open", e).in_file(&path))?;
                Ok(found.map(|source| StoreArray::of_source(&path, source)))
            }
        }
    }
}
