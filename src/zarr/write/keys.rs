//! Values by their keys: files of a folder, or entries of a zip file.

#[cfg(feature = "write")]
use super::folder::{FolderValue, FolderWriter};
use super::zip::{ZipValue, ZipWriter};
use crate::error::{Error, Result};
use crate::zarr::store::is_name;

/// What keys and values are written to.
#[derive(Debug)]
pub(super) enum KeyWriter {
    #[cfg(feature = "write")]
    Folder(FolderWriter),
    Zip(ZipWriter),
}

/// A value that grows.
#[derive(Debug)]
pub(super) enum KeyValue {
    #[cfg(feature = "write")]
    Folder(FolderValue),
    Zip(ZipValue),
}

/// Names that documents of nodes have.
pub(super) const DOCUMENTS: [&str; 5] = ["zarr.json", ".zarray", ".zgroup", ".zattrs", ".zmetadata"];

/// Fails if a node cannot have this path: a name in it leaves the store, or is that of a document.
pub(super) fn check_path(path: &str) -> Result<()> {
    let fits = |name: &str| is_name(name) && !DOCUMENTS.contains(&name);
    if path.is_empty() || path.split('/').all(fits) {
        return Ok(());
    }
    Err(Error::unsupported(format!("zarr has no node called '{}'", path.escape_debug())))
}

/// The key of `name` below `path`.
pub(super) fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") }
}

/// What `key` is below `path`; `None` if it is not at or below it.
pub(super) fn below<'k>(key: &'k str, path: &str) -> Option<&'k str> {
    let rest = key.strip_prefix(path)?;
    (rest.is_empty() || path.is_empty() || rest.starts_with('/')).then_some(rest)
}

impl KeyWriter {
    /// Writes a value at once.
    pub(super) fn put(&mut self, key: &str, bytes: &[u8]) -> Result<()> {
        match self {
            #[cfg(feature = "write")]
            KeyWriter::Folder(folder) => folder.put(key, bytes),
            KeyWriter::Zip(zip) => zip.put(key, bytes),
        }
    }

    /// Begins a value that grows.
    pub(super) fn begin(&mut self, key: &str) -> Result<KeyValue> {
        match self {
            #[cfg(feature = "write")]
            KeyWriter::Folder(folder) => folder.begin(key).map(KeyValue::Folder),
            KeyWriter::Zip(zip) => Ok(KeyValue::Zip(zip.begin(key))),
        }
    }

    /// Appends to a value that grows.
    pub(super) fn append(&mut self, value: &mut KeyValue, bytes: &[u8]) -> Result<()> {
        match value {
            #[cfg(feature = "write")]
            KeyValue::Folder(value) => value.append(bytes),
            KeyValue::Zip(value) => value.append(bytes),
        }
    }

    /// Ends a value that grew.
    pub(super) fn end(&mut self, value: KeyValue) -> Result<()> {
        match (self, value) {
            (KeyWriter::Zip(zip), KeyValue::Zip(value)) => zip.end(value),
            #[cfg(feature = "write")]
            (KeyWriter::Folder(_), KeyValue::Folder(value)) => value.end(),
            #[cfg(feature = "write")]
            _ => Err(Error::usage("a value of another store")),
        }
    }

    /// Copies all values at and below `from` to `to`; returns their number, or `None` if they are more than `most`.
    pub(super) fn copy(&mut self, from: &str, to: &str, most: u64) -> Result<Option<u64>> {
        match self {
            #[cfg(feature = "write")]
            KeyWriter::Folder(folder) => folder.copy(from, to, most),
            KeyWriter::Zip(zip) => zip.copy(from, to, most),
        }
    }

    /// Drops all values at and below `path`.
    pub(super) fn discard(&mut self, path: &str) -> Result<()> {
        match self {
            #[cfg(feature = "write")]
            KeyWriter::Folder(folder) => folder.discard(path),
            KeyWriter::Zip(zip) => zip.discard(path),
        }
    }

    /// Flushes everything and gives it its name.
    pub(super) fn finish(self) -> Result<()> {
        match self {
            #[cfg(feature = "write")]
            KeyWriter::Folder(folder) => folder.finish(),
            KeyWriter::Zip(zip) => zip.finish(),
        }
    }

    /// Flushes the sink and returns it.
    pub(super) fn finish_sink<W: 'static>(self) -> Result<W> {
        match self {
            #[cfg(feature = "write")]
            KeyWriter::Folder(_) => Err(Error::usage("the store was not begun in a sink")),
            KeyWriter::Zip(zip) => zip.finish_sink(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_no_node_has() {
        for path in ["", "obs", "obs/a.b", "uns/ä b"] {
            check_path(path).unwrap();
        }
        for path in ["obs/..", "/obs", "obs//a", "uns/.zattrs", "zarr.json/x"] {
            assert_eq!(check_path(path).unwrap_err().kind(), crate::Kind::Unsupported, "{path}");
        }
        assert_eq!(below("a/b", "a"), Some("/b"));
        assert_eq!((below("ab", "a"), below("a", "a"), below("a", "")), (None, Some(""), Some("a")));
    }
}
