//! Where a zarr store keeps its keys: a folder, or a zip file.
//!
//! A key is names separated by `/`, without one in front. No key leaves the store: names such as `..` are
//! refused here, and links out of a folder in [`folder`].

mod folder;
mod zip;

use crate::error::{Error, Result};
use std::ops::Range;

pub(super) use folder::Folder;
pub(super) use zip::{Zip, is_zip};

/// A source of values by key.
#[derive(Debug)]
pub(super) enum KeyStore {
    Folder(Folder),
    Zip(Zip),
}

impl KeyStore {
    /// Reads the value of `key` into `out`; `false` if there is none.
    ///
    /// # Errors
    /// `Limit` if it has more than `most` bytes; `Io` or `Malformed` if it cannot be read.
    pub(super) fn read(&self, key: &str, most: u64, out: &mut Vec<u8>) -> Result<bool> {
        check_key(key)?;
        match self {
            KeyStore::Folder(folder) => folder.read(key, most, out),
            KeyStore::Zip(zip) => zip.read(key, most, out),
        }
    }

    /// Length of the value of `key` in bytes; `None` if there is none.
    ///
    /// # Errors
    /// `Io` if it cannot be told.
    pub(super) fn len(&self, key: &str) -> Result<Option<u64>> {
        check_key(key)?;
        match self {
            KeyStore::Folder(folder) => folder.len(key),
            KeyStore::Zip(zip) => zip.len(key),
        }
    }

    /// Reads `range` of the value of `key` into `out`.
    ///
    /// # Errors
    /// `Malformed` if the value ends before; otherwise as [`read`](Self::read).
    pub(super) fn read_range(
        &self,
        key: &str,
        range: Range<u64>,
        most: u64,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        check_key(key)?;
        let len = range.end.saturating_sub(range.start);
        if len > most {
            return Err(Error::limit(format!("{key}: a part of {len} bytes (limit {most})")));
        }
        match self {
            KeyStore::Folder(folder) => folder.read_range(key, range, out),
            KeyStore::Zip(zip) => zip.read_range(key, range, most, out),
        }
    }

    /// Names of the folders and of the files directly in `prefix` (empty for the root), each sorted.
    ///
    /// # Errors
    /// `Io` if the folder cannot be listed; `Limit` if it has more than `most` names.
    pub(super) fn list(&self, prefix: &str, most: u64) -> Result<Listing> {
        if !prefix.is_empty() {
            check_key(prefix)?;
        }
        let mut listing = match self {
            KeyStore::Folder(folder) => folder.list(prefix, most)?,
            KeyStore::Zip(zip) => zip.list(prefix, most)?,
        };
        listing.folders.sort_unstable();
        listing.files.sort_unstable();
        Ok(listing)
    }

    /// Whether there is a document of a node below `key`, which makes it a group without metadata. Folders have
    /// none of those.
    pub(super) fn has_nodes_below(&self, key: &str) -> bool {
        match self {
            KeyStore::Folder(_) => false,
            KeyStore::Zip(zip) => zip.has_nodes_below(key),
        }
    }

    /// What tells `key` from others of the store: the path it leads to, links followed.
    ///
    /// # Errors
    /// `Unsupported` if it leads out of the store.
    pub(super) fn place(&self, key: &str) -> Result<String> {
        match self {
            KeyStore::Folder(folder) => folder.place(key),
            KeyStore::Zip(_) => Ok(key.to_owned()),
        }
    }

    /// Bytes of all values, as stored.
    pub(super) fn bytes(&self) -> u64 {
        match self {
            KeyStore::Folder(folder) => folder.bytes(),
            KeyStore::Zip(zip) => zip.bytes(),
        }
    }

    /// Entries of a zip file that cannot be read, with their errors.
    pub(super) fn broken(&self) -> &[(String, Error)] {
        match self {
            KeyStore::Folder(_) => &[],
            KeyStore::Zip(zip) => zip.broken(),
        }
    }
}

/// Names of the documents that make a node.
pub(super) const DOCUMENTS: [&str; 3] = ["zarr.json", ".zarray", ".zgroup"];

/// What is directly in a folder of a store: names of folders, names and stored bytes of files.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Listing {
    pub(super) folders: Vec<String>,
    pub(super) files: Vec<(String, u64)>,
}

impl Listing {
    /// Refuses more than `most` names.
    fn check(&self, most: u64) -> Result<()> {
        let n = (self.folders.len() as u64).saturating_add(self.files.len() as u64);
        if n > most {
            return Err(Error::limit(format!("a folder of more than {most} names")));
        }
        Ok(())
    }
}

/// Whether `name` is one name inside a folder.
pub(super) fn is_name(name: &str) -> bool {
    let separator = |c| c == '/' || c == '\0' || (cfg!(windows) && (c == '\\' || c == ':'));
    !name.is_empty() && name != "." && name != ".." && !name.contains(separator)
}

fn check_key(key: &str) -> Result<()> {
    if key.split('/').all(is_name) {
        return Ok(());
    }
    Err(Error::malformed(format!("the key '{}' does not stay in the store", key.escape_default())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stay_in_the_store() {
        for key in ["a", "a/b", "c/0/0", ".zgroup", "a..b"] {
            check_key(key).unwrap();
        }
        for key in ["", "/a", "a/", "a//b", "..", "a/../b", ".", "a\0b"] {
            assert_eq!(check_key(key).unwrap_err().kind(), crate::Kind::Malformed, "{key:?}");
        }
    }
}
