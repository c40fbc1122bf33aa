//! Which folders may be replaced by a zarr store: zarr stores, and nothing that anything else was put into.

use super::keys::DOCUMENTS;
use crate::bytes::special;
use crate::error::{Error, Kind, Place, Result};
use crate::limits::Limits;
use crate::zarr::metadata::NodeMetadata;
use crate::zarr::store::{Folder, KeyStore};
use std::path::Path;

/// Fails unless `target` is a zarr store and everything in it is a document of a node or a chunk of an array.
///
/// # Errors
/// `Io`, with what does not belong to the store.
pub(super) fn approve(target: &Path) -> Result<()> {
    let store = KeyStore::Folder(Folder::open(target).in_file(target)?);
    let mut nodes = vec![String::new()];
    while let Some(path) = nodes.pop() {
        let node = NodeMetadata::read(&store, &path, &Limits::default()).map_err(|e| {
            refused(target, &format!("the metadata of '/{path}' cannot be read ({})", e.without_place()))
        })?;
        let is_array = match node {
            Some(node) => node.array.is_some(),
            None if path.is_empty() => return Err(refused(target, "it is a directory without a zarr store")),
            None => return Err(foreign(target, &path)),
        };
        each_entry(target, &target.join(&path), &mut |name, is_folder| {
            let inner = if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
            match (is_folder, is_array) {
                (false, _) if DOCUMENTS.contains(&name) => {}
                (true, false) => nodes.push(inner),
                (_, true) => chunks_only(target, &path, &inner, is_folder)?,
                (false, false) => return Err(foreign(target, &inner)),
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// Fails unless `inner`, below the array at `path`, and everything in it have names of chunks.
fn chunks_only(target: &Path, path: &str, inner: &str, is_folder: bool) -> Result<()> {
    let key = inner.get(path.len()..).unwrap_or_default().trim_start_matches('/');
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let name = |(i, part): (usize, &str)| {
        let part = if i == 0 { part.strip_prefix("c.").unwrap_or(part) } else { part };
        digits(part) || (i == 0 && part == "c")
    };
    if !key.split('/').enumerate().all(name) {
        return Err(foreign(target, inner));
    }
    if !is_folder {
        return Ok(());
    }
    each_entry(target, &target.join(inner), &mut |name, is_folder| {
        chunks_only(target, path, &format!("{inner}/{name}"), is_folder)
    })
}

/// Calls `each` with the name of every file and folder in `folder`, and whether it is a folder.
///
/// # Errors
/// Those of `each`; `Io` for what is neither.
fn each_entry(target: &Path, folder: &Path, each: &mut dyn FnMut(&str, bool) -> Result<()>) -> Result<()> {
    let entries = folder.read_dir().map_err(|e| Error::io("list", e)).in_file(folder)?;
    for entry in entries {
        let entry = entry.map_err(|e| Error::io("list", e)).in_file(folder)?;
        let found = entry.metadata().map_err(|e| Error::io("stat", e)).in_file(&entry.path())?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !found.is_dir() && !found.is_file() {
            let text = format!("its '{name}' is {}, expected a file", special::kind(&found));
            return Err(refused(target, &text));
        }
        each(&name, found.is_dir())?;
    }
    Ok(())
}

fn foreign(target: &Path, what: &str) -> Error {
    refused(target, &format!("it holds '{what}', which is not part of a store"))
}

fn refused(target: &Path, why: &str) -> Error {
    Error::new(Kind::Io, format!("will not replace this: {why}")).in_file(target)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const GROUP: &str = r#"{"zarr_format": 2}"#;
    const ARRAY: &str = r#"{"zarr_format": 2, "shape": [3, 3], "chunks": [2, 2], "dtype": "<i4", "order": "C",
        "fill_value": 0, "filters": null, "compressor": null}"#;

    fn store(at: &Path) {
        fs::create_dir_all(at.join("obsm/x/1")).unwrap();
        fs::write(at.join(".zgroup"), GROUP).unwrap();
        fs::write(at.join(".zattrs"), "{}").unwrap();
        fs::write(at.join("obsm/.zgroup"), GROUP).unwrap();
        fs::write(at.join("obsm/x/.zarray"), ARRAY).unwrap();
        fs::write(at.join("obsm/x/0.0"), "").unwrap();
        fs::write(at.join("obsm/x/1/0"), "").unwrap();
    }

    #[test]
    fn a_store_may_go_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let here = dir.path().join("a.zarr");
        store(&here);
        approve(&here).unwrap();
        for foreign in ["notes.txt", "obsm/notes.txt", "obsm/x/notes.txt", "obsm/x/1/0.bak", "obsm/x/c.txt"] {
            fs::write(here.join(foreign), "mine").unwrap();
            let e = approve(&here).unwrap_err();
            assert!(e.message().contains(&format!("it holds '{foreign}', which is not part")), "{e}");
            fs::remove_file(here.join(foreign)).unwrap();
        }
        fs::create_dir(here.join("mine")).unwrap();
        assert!(approve(&here).unwrap_err().message().contains("it holds 'mine'"));
        fs::remove_dir(here.join("mine")).unwrap();
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(dir.path(), here.join("obsm/x/2")).unwrap();
            assert!(approve(&here).unwrap_err().message().contains("a symbolic link"));
        }
        fs::create_dir(dir.path().join("empty")).unwrap();
        assert!(approve(&dir.path().join("empty")).unwrap_err().message().contains("without a zarr store"));
    }
}
