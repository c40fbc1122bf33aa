//! Which directories may be replaced by a store: stores, and nothing that anything else was put into.

use super::reader::Store;
use super::{DATA, HALVES, INDICES, INDPTR, METADATA, OBS, VAR};
use crate::bytes::special;
use crate::error::{Error, Kind, Place, Result};
use std::path::Path;

/// Fails unless everything in the directory `target` is part of a store or of the two halves of one. A store is
/// recognised by its metadata, written by this crate or by the programs before it.
///
/// # Errors
/// `Io`, with the file that is not part of a store.
pub(crate) fn approve(target: &Path) -> Result<()> {
    approve_with(target, &HALVES)
}

/// As [`approve`], where only these names may be those of directories.
fn approve_with(target: &Path, directories: &[&str]) -> Result<()> {
    let own = target.join(METADATA).symlink_metadata().is_ok();
    if own {
        Store::read_manifest(target).map_err(|e| {
            refused(target, &format!("its {METADATA} is not that of a store ({})", e.without_place()))
        })?;
    }
    let mut halves = 0;
    let entries = std::fs::read_dir(target).map_err(|e| Error::io("list", e)).in_file(target)?;
    for entry in entries {
        let entry = entry.map_err(|e| Error::io("list", e)).in_file(target)?;
        let (name, path) = (entry.file_name().to_string_lossy().into_owned(), entry.path());
        let found = path.symlink_metadata().map_err(|e| Error::io("stat", e)).in_file(&path)?;
        if directories.contains(&name.as_str()) && found.is_dir() {
            let inside = |e: Error| refused(target, &format!("{name}: {}", reason(&e)));
            approve_with(&path, &[]).map_err(inside)?;
            halves += 1;
        } else if !(own && [METADATA, DATA, INDICES, INDPTR, OBS, VAR].contains(&name.as_str())) {
            return Err(refused(target, &format!("it holds '{name}', which is not part of a store")));
        } else if !found.is_file() {
            let text = format!("its '{name}' is {}, expected a file", special::kind(&found));
            return Err(refused(target, &text));
        }
    }
    if own || halves > 0 { Ok(()) } else { Err(refused(target, "it is a directory without a store")) }
}

/// What the error of [`refused`] says after its beginning.
fn reason(e: &Error) -> &str {
    e.message().strip_prefix(REFUSED).unwrap_or(e.message())
}

const REFUSED: &str = "will not replace this: ";

fn refused(target: &Path, why: &str) -> Error {
    Error::new(Kind::Io, format!("{REFUSED}{why}")).in_file(target)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const OLD: &str = r#"{"encoding-type": "csr_matrix", "encoding-version": "0.1.0", "shape": [1, 1], "nnz": 0,
        "dtypes": {"data": "f4", "indices": "int64", "indptr": "int64"}}"#;

    fn store(at: &Path) {
        fs::create_dir_all(at).unwrap();
        fs::write(at.join(METADATA), OLD).unwrap();
        fs::write(at.join(DATA), "").unwrap();
    }

    #[test]
    fn stores_and_pairs_of_them_may_go() {
        let dir = tempfile::tempdir().unwrap();
        let (one, pair) = (dir.path().join("one"), dir.path().join("pair"));
        store(&one);
        store(&pair.join("csr"));
        store(&pair.join("csc"));
        assert!(approve(&one).is_ok() && approve(&pair).is_ok());
    }

    #[test]
    fn what_is_foreign_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let refusal = |at: &Path| approve(at).unwrap_err().to_string();
        let one = dir.path().join("one");
        store(&one);
        fs::write(one.join("notes.txt"), "").unwrap();
        assert!(refusal(&one).contains("it holds 'notes.txt', which is not part of a store"));
        // one level down
        let pair = dir.path().join("pair");
        store(&pair.join("csr"));
        fs::write(pair.join("csr/notes.txt"), "").unwrap();
        assert!(refusal(&pair).contains("csr: it holds 'notes.txt'"), "{}", refusal(&pair));
        // names alone do not make a store
        let named = dir.path().join("named");
        fs::create_dir(&named).unwrap();
        assert!(refusal(&named).contains("a directory without a store"));
        fs::write(named.join(DATA), "mine").unwrap();
        assert!(refusal(&named).contains("it holds 'data.bin'"));
        fs::write(named.join(METADATA), r#"{"title": "mine"}"#).unwrap();
        assert!(refusal(&named).contains("its metadata.json is not that of a store"), "{}", refusal(&named));
        // a directory with the name of a file
        let odd = dir.path().join("odd");
        store(&odd);
        fs::create_dir(odd.join(OBS)).unwrap();
        assert!(refusal(&odd).contains("its 'obs.arrow' is a directory, expected a file"));
    }

    #[cfg(unix)]
    #[test]
    fn links_are_not_part_of_a_store() {
        let dir = tempfile::tempdir().unwrap();
        let (one, elsewhere) = (dir.path().join("one"), dir.path().join("elsewhere"));
        store(&one);
        fs::write(&elsewhere, "mine").unwrap();
        std::os::unix::fs::symlink(&elsewhere, one.join(INDICES)).unwrap();
        let e = approve(&one).unwrap_err();
        assert!(e.message().contains("its 'indices.bin' is a symbolic link, expected a file"), "{e}");
    }
}
