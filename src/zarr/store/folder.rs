//! A folder as a store: a key is the path of a file below it.

use super::Listing;
use crate::bytes::{InputFile, ReadAt, checked, special};
use crate::error::{Error, Place, Result};
use crate::limits;
use crate::sync::lock;
use std::collections::HashMap;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};

/// Number of checked folders that are remembered.
const REMEMBERED: usize = 1 << 16;

/// A folder. Links inside it are followed as long as they stay inside.
#[derive(Debug)]
pub(crate) struct Folder {
    /// The folder without links in its own path.
    root: PathBuf,
    /// Folders below that are known to lie inside, and where they are, links followed.
    inside: Mutex<HashMap<PathBuf, PathBuf>>,
    bytes: OnceLock<u64>,
}

impl Folder {
    /// The folder at `path`.
    ///
    /// # Errors
    /// `Io` if it does not exist.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let root = path.canonicalize().map_err(|e| Error::io("open", e))?;
        Ok(Folder { root, inside: Mutex::default(), bytes: OnceLock::new() })
    }

    pub(super) fn read(&self, key: &str, most: u64, out: &mut Vec<u8>) -> Result<bool> {
        let Some(file) = self.file(key)? else { return Ok(false) };
        let len = file.len();
        if len > most {
            return Err(Error::limit(format!("{key} has {len} bytes (limit {most})")));
        }
        fill(key, &file, 0..len, out)?;
        Ok(true)
    }

    pub(super) fn len(&self, key: &str) -> Result<Option<u64>> {
        Ok(self.file(key)?.map(|file| file.len()))
    }

    pub(super) fn read_range(&self, key: &str, range: Range<u64>, out: &mut Vec<u8>) -> Result<()> {
        let file = self.file(key)?.ok_or_else(|| Error::malformed(format!("{key} is not there any more")))?;
        if range.end > file.len() {
            let text = format!("{key} ends early (expected {} bytes, got {})", range.end, file.len());
            return Err(Error::malformed(text));
        }
        fill(key, &file, range, out)
    }

    pub(super) fn list(&self, prefix: &str, most: u64) -> Result<Listing> {
        let mut listing = Listing::default();
        let folder = self.root.join(prefix);
        if !prefix.is_empty() && !self.is_inside(&folder)? {
            return Ok(listing);
        }
        let entries = match folder.read_dir() {
            Ok(entries) => entries,
            Err(e) if is_absent(&e) => return Ok(listing),
            Err(e) => return Err(Error::io("list", e)).in_file(&folder),
        };
        for entry in entries {
            let entry = entry.map_err(|e| Error::io("list", e)).in_file(&folder)?;
            // a name that is not UTF-8 is no key
            let Ok(name) = entry.file_name().into_string() else { continue };
            match entry.path().metadata() {
                Ok(about) if about.is_dir() => listing.folders.push(name),
                about => listing.files.push((name, about.map_or(0, |about| about.len()))),
            }
            listing.check(most)?;
        }
        Ok(listing)
    }

    pub(super) fn place(&self, key: &str) -> Result<String> {
        let path = self.root.join(key);
        if !self.is_inside(&path)? {
            return Ok(key.to_owned());
        }
        let real = lock(&self.inside).get(&path).cloned();
        Ok(real.unwrap_or(path).to_string_lossy().into_owned())
    }

    /// Bytes of all files below, without following links; what cannot be listed counts nothing.
    pub(super) fn bytes(&self) -> u64 {
        *self.bytes.get_or_init(|| {
            let (mut folders, mut bytes) = (vec![self.root.clone()], 0u64);
            while let Some(folder) = folders.pop() {
                for entry in folder.read_dir().into_iter().flatten().flatten() {
                    match entry.metadata() {
                        Ok(about) if about.is_dir() => folders.push(entry.path()),
                        Ok(about) if about.is_file() => bytes = bytes.saturating_add(about.len()),
                        _ => {}
                    }
                }
            }
            bytes
        })
    }

    /// Opens the file of `key`; `None` if there is none.
    fn file(&self, key: &str) -> Result<Option<InputFile>> {
        let path = self.root.join(key);
        let parent = path.parent().unwrap_or(&self.root);
        if parent != self.root && !self.is_inside(parent)? {
            return Ok(None);
        }
        let about = match path.symlink_metadata() {
            Ok(about) => about,
            Err(e) if is_absent(&e) => return Ok(None),
            Err(e) => return Err(Error::io("open", e)).in_file(&path),
        };
        if about.is_symlink() && self.real(&path)?.is_none() {
            return Ok(None);
        }
        let file = special::open(&path).and_then(InputFile::new);
        file.map(Some).map_err(|e| Error::io("open", e)).in_file(&path)
    }

    /// Whether the folder exists; an error if it lies outside the store.
    fn is_inside(&self, folder: &Path) -> Result<bool> {
        if lock(&self.inside).contains_key(folder) {
            return Ok(true);
        }
        let Some(real) = self.real(folder)? else { return Ok(false) };
        let mut inside = lock(&self.inside);
        if inside.len() >= REMEMBERED {
            inside.clear();
        }
        inside.insert(folder.to_owned(), real);
        Ok(true)
    }

    /// Where `path` leads, links followed; `None` if nowhere, an error if out of the store.
    fn real(&self, path: &Path) -> Result<Option<PathBuf>> {
        match path.canonicalize() {
            Ok(real) if real.starts_with(&self.root) => Ok(Some(real)),
            Ok(_) => Err(Error::unsupported("a link out of the store is not followed")).in_file(path),
            Err(e) if is_absent(&e) => Ok(None),
            Err(e) => Err(Error::io("open", e)).in_file(path),
        }
    }
}

fn is_absent(e: &io::Error) -> bool {
    matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn fill(key: &str, file: &InputFile, range: Range<u64>, out: &mut Vec<u8>) -> Result<()> {
    let len = checked::size(range.end.saturating_sub(range.start))?;
    limits::resize(out, len)?;
    file.read_exact_at(out, range.start).map_err(|e| Error::io(format!("read {key}"), e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_stay_inside_and_pipes_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("a.zarr");
        std::fs::create_dir_all(root.join("x")).unwrap();
        std::fs::write(root.join("x/0"), b"abcd").unwrap();
        std::fs::write(dir.path().join("secret"), b"secret").unwrap();
        let store = Folder::open(&root).unwrap();
        let mut out = Vec::new();
        assert!(store.read("x/0", 4, &mut out).unwrap());
        assert_eq!(out, b"abcd");
        assert_eq!(store.read("x/0", 3, &mut out).unwrap_err().kind(), crate::Kind::Limit);
        store.read_range("x/0", 1..3, &mut out).unwrap();
        assert_eq!(out, b"bc");
        assert!(store.read_range("x/0", 1..5, &mut out).is_err());
        assert!(!store.read("x/1", 4, &mut out).unwrap());
        assert!(!store.read("x/0/1", 4, &mut out).unwrap());
        assert!(store.read("x", 4, &mut out).is_err(), "a folder is no value");
        #[cfg(unix)]
        {
            use std::os::unix::fs::symlink;
            symlink("x", root.join("y")).unwrap();
            symlink("..", root.join("up")).unwrap();
            symlink("../../secret", root.join("x/out")).unwrap();
            assert!(store.read("y/0", 4, &mut out).unwrap());
            assert!(store.read("x/out", 10, &mut out).is_err());
            assert!(store.read("up/secret", 10, &mut out).is_err());
            assert!(store.list("up", 10).is_err());
            assert_eq!(store.place("y").unwrap(), store.place("x").unwrap());
            assert!(store.place("up").is_err());
        }
        assert!(store.list("x", 10).unwrap().files.contains(&("0".to_owned(), 4)));
        assert!(store.list("", 1).is_err());
        assert_eq!(store.bytes(), 4);
    }
}
