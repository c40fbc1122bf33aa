//! Comparing: equal inputs are equal, and every kind of difference is found.

use crate::support::{fixture, path_str, run};
use std::path::{Path, PathBuf};

fn store(dir: &Path, name: &str, args: &[&str]) -> PathBuf {
    let out = dir.join(name);
    let file = fixture("anndata_current.h5ad");
    let mut all = vec![args[0], path_str(&file), path_str(&out), "-q"];
    all.extend(&args[1..]);
    let (code, _, stderr) = run(&all);
    assert_eq!(code, 0, "{stderr}");
    out
}

#[test]
fn any_two_of_file_and_store_in_either_layout() {
    let dir = tempfile::tempdir().unwrap();
    let file = fixture("anndata_current.h5ad");
    for matrix in ["X", "layers/csc", "layers/dense", "raw/X"] {
        let csr = store(
            dir.path(),
            &format!("{matrix} csr").replace('/', "_"),
            &["convert", "--layout", "csr", "--matrix", matrix],
        );
        let csc = store(
            dir.path(),
            &format!("{matrix} csc").replace('/', "_"),
            &["convert", "--layout", "csc", "--matrix", matrix],
        );
        for (a, b) in
            [(&file, &csr), (&csr, &file), (&file, &csc), (&csc, &csr), (&csr, &csc), (&file, &file)]
        {
            let (code, stdout, stderr) = run(&["verify", path_str(a), path_str(b), "--matrix", matrix]);
            assert_eq!(code, 0, "{} {}: {stdout}{stderr}", a.display(), b.display());
            assert!(stdout.starts_with("equal"), "{stdout}");
        }
    }
    let (code, stdout, _) =
        run(&["verify", path_str(&file), path_str(&file), "--matrix", "X", "--matrix-b", "layers/dense"]);
    assert_eq!(code, 1);
    assert!(stdout.contains("value type"), "{stdout}");
}

#[test]
fn numbers_of_another_type_are_equal_only_when_asked() {
    let dir = tempfile::tempdir().unwrap();
    let file = fixture("anndata_current.h5ad");
    let narrow = store(dir.path(), "narrow", &["transpose", "--dtype", "int16"]);
    assert_eq!(run(&["verify", path_str(&file), path_str(&narrow)]).0, 1);
    assert_eq!(run(&["verify", path_str(&file), path_str(&narrow), "--numeric"]).0, 0);
}

/// Makes a store and changes the bytes of its `file`. Returns the path of the store.
fn tampered(dir: &Path, name: &str, file: &str, change: impl Fn(&mut Vec<u8>)) -> PathBuf {
    let out = store(dir, name, &["convert"]);
    let path = out.join(file);
    let mut bytes = std::fs::read(&path).unwrap();
    change(&mut bytes);
    std::fs::write(&path, bytes).unwrap();
    out
}

fn swap(bytes: &mut [u8], width: usize, a: usize, b: usize) {
    for k in 0..width {
        bytes.swap(a * width + k, b * width + k);
    }
}

#[test]
fn every_kind_of_difference_is_found_and_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = fixture("anndata_current.h5ad");
    let flipped = store(dir.path(), "flipped", &["transpose"]);
    let differ = |store: &Path, words: &str| {
        for reference in [&file, &flipped] {
            let (code, stdout, stderr) = run(&["verify", path_str(reference), path_str(store)]);
            assert_eq!(code, 1, "{stdout}{stderr}");
            assert!(stdout.contains(words), "{stdout}");
        }
    };
    differ(&tampered(dir.path(), "value", "data.bin", |b| b[2] ^= 1), "1 difference");
    let index = tampered(dir.path(), "index", "indices.bin", |b| {
        let first = b[0];
        b[0] = if first == 24 { 23 } else { first + 1 };
    });
    differ(&index, "'cell0-1' (row 0), 'ENSG000");
    // swap two entries of different lines
    differ(&tampered(dir.path(), "swapped", "indices.bin", |b| swap(b, 4, 0, 299)), "not stored in");
    let (code, stdout, _) = run(&["verify", path_str(&file), path_str(&index), "--json"]);
    let json: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(
        (code, json["equal"].as_bool(), json["first"][0]["row_name"].as_str()),
        (1, Some(false), Some("cell0-1"))
    );
}

#[test]
fn a_changed_name_is_found_and_a_broken_store_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let file = fixture("anndata_current.h5ad");
    let named = tampered(dir.path(), "named", "var.arrow", |b| {
        let at = b.windows(9).position(|w| w == b"ENSG00007").unwrap();
        b[at + 8] = b'X';
    });
    let (code, stdout, _) = run(&["verify", path_str(&file), path_str(&named)]);
    assert_eq!(code, 1);
    assert!(stdout.contains("var name of row 7: ENSG00007 in A, ENSG0000X in B"), "{stdout}");
    assert_eq!(run(&["verify", path_str(&file), path_str(&named), "--no-tables"]).0, 0);
    let cut = tampered(dir.path(), "cut", "data.bin", |b| b.truncate(40));
    assert_eq!(run(&["verify", path_str(&file), path_str(&cut)]).0, 3);
    let nnz = store(dir.path(), "nnz", &["convert"]);
    let text = std::fs::read_to_string(nnz.join("metadata.json")).unwrap();
    std::fs::write(nnz.join("metadata.json"), text.replace("\"nnz\": 300", "\"nnz\": 301")).unwrap();
    assert_eq!(run(&["verify", path_str(&file), path_str(&nnz)]).0, 3);
}

#[test]
fn a_row_only_one_side_has_anything_of() {
    let dir = tempfile::tempdir().unwrap();
    let a = dir.path().join("a");
    let b = dir.path().join("b");
    assert_eq!(run(&["convert", path_str(&fixture("values.h5ad")), path_str(&a), "-q"]).0, 0);
    assert_eq!(run(&["convert", path_str(&fixture("values.h5ad")), path_str(&b), "-q"]).0, 0);
    // move all three entries of b to the first row
    let pointers: Vec<u8> = [0u32, 3, 3, 3].iter().flat_map(|p| p.to_le_bytes()).collect();
    std::fs::write(b.join("indptr.bin"), pointers).unwrap();
    let (code, stdout, _) = run(&["verify", path_str(&a), path_str(&b)]);
    assert_eq!(code, 1);
    assert!(stdout.contains("4 differences"), "{stdout}");
}
