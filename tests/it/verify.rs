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
    // A table that is not the recorded one is not read.
    let (code, _, stderr) = run(&["verify", path_str(&file), path_str(&named)]);
    assert!(code == 3 && stderr.contains("var.arrow: checksum"), "{stderr}");
    let metadata = named.join("metadata.json");
    let mut json: serde_json::Value = serde_json::from_slice(&std::fs::read(&metadata).unwrap()).unwrap();
    json.as_object_mut().unwrap().remove("annmap");
    std::fs::write(&metadata, json.to_string()).unwrap();
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

#[test]
fn what_was_compared_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let file = fixture("anndata_current.h5ad");
    let compared = |args: &[&str]| {
        let (_, stdout, stderr) = run(&[&["verify"], args, &["--json"]].concat());
        let json: serde_json::Value =
            serde_json::from_str(&stdout).unwrap_or_else(|e| panic!("{e}: {stderr}"));
        json["compared"]
            .as_array()
            .unwrap()
            .iter()
            .map(|p| p.as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let file = path_str(&file);
    assert_eq!(compared(&[file, file]), ["X", "obs", "var"]);
    assert_eq!(compared(&[file, file, "--no-tables"]), ["X"]);
    assert_eq!(compared(&[file, file, "--matrix", "raw/X"]), ["raw/X", "obs", "raw/var"]);
    let bare = store(dir.path(), "bare", &["convert", "--no-tables"]);
    assert_eq!(compared(&[file, path_str(&bare)]), ["X"]);
    let (_, stdout, _) = run(&["verify", file, file]);
    assert_eq!(stdout, "equal, 300 entries (compared: X, obs, var)\n");
}

/// A file and what `upgrade` makes of it mean the same, whatever the generation, the layout and the storage.
#[test]
fn all_elements_of_every_generation() {
    let dir = tempfile::tempdir().unwrap();
    let up = dir.path().join("up.h5ad");
    let everything = dir.path().join("everything.h5ad");
    let made = ["synth", path_str(&everything), "--everything", "--cells", "60", "--genes", "40"];
    assert_eq!(run(&made).0, 0);
    for name in ["anndata_06.h5ad", "anndata_07.h5ad", "anndata_current.h5ad", "genes.loom", "tenx_v3.h5", ""]
    {
        let input = if name.is_empty() { everything.clone() } else { fixture(name) };
        for more in [&["--layout", "csc"][..], &["--compression", "gzip", "--shuffle"]] {
            let upgrade = [&["upgrade", path_str(&input), path_str(&up), "--force"], more].concat();
            assert_eq!(run(&upgrade).0, 0);
            let (code, stdout, stderr) = run(&["verify", path_str(&input), path_str(&up), "--all"]);
            assert_eq!(code, 0, "{name}: {stdout}{stderr}");
            let (code, ..) = run(&["verify", path_str(&up), path_str(&input), "--all", "--memory", "40M"]);
            assert_eq!(code, 0, "{name}, the other way round");
        }
    }
    let (_, stdout, _) = run(&["verify", path_str(&everything), path_str(&everything), "--all"]);
    for element in ["X", "layers/", "raw/X", "raw/var", "obsm/", "varm/", "obsp/", "uns/", "obs", "var"] {
        assert!(stdout.contains(&format!(" {element}")), "{element}: {stdout}");
    }
}

/// A file with an element of each kind; `changed` is 1 for one that differs in each.
fn with_elements(path: &Path, changed: u8) {
    use annmap::anndata::{AnnDataWriter, StorageOptions};
    use annmap::matrix::{Budget, InMemory, Layout, Orientation};
    use annmap::table::{Column, Frame};
    use annmap::tree::{EncodedValue, Location};
    use annmap::{Dtype, Strings};
    let texts = |list: &[&str]| list.iter().copied().collect::<Strings>();
    let mut w =
        AnnDataWriter::create(path, false, StorageOptions::default(), Budget::new(1 << 26), &()).unwrap();
    let root = Location::root();
    let at = |place: &str| place.split('/').fold(root.clone(), |at, name| at.child(name));
    let matrix = |value: u8| {
        let layout = Layout::new(Orientation::Csr, [2, 2], 1, Dtype::Uint8).unwrap();
        InMemory::new(layout, vec![0, 0, 1], vec![1], vec![value]).unwrap()
    };
    let frame = |names: &[&str], bytes: Vec<u8>| {
        let column = ("n".to_owned(), Column::Numbers { dtype: Dtype::Uint8, bytes });
        Frame::new(None, texts(names), vec![column]).unwrap()
    };
    w.sparse(&at("X"), &matrix(1)).unwrap();
    w.frame(&at("obs"), &frame(&["c", "d"], vec![1, 2])).unwrap();
    w.frame(&at("var"), &frame(&["g", "h"], vec![1, 2 + changed])).unwrap();
    w.sparse(&at("layers/counts"), &matrix(5 + changed)).unwrap();
    w.sparse(&at("obsp/graph"), &matrix(7 + changed)).unwrap();
    let pca = EncodedValue::numbers(Dtype::Uint8, &[2, 3], vec![0, 1, 2, 3, 4, 5 + changed]);
    w.value(&at("obsm/pca"), &pca).unwrap();
    w.frame(&at("obsm/more"), &frame(&["c", "d"], vec![1, 2 + changed])).unwrap();
    w.sparse(&at("raw/X"), &matrix(3 + changed)).unwrap();
    w.frame(&at("raw/var"), &frame(&["g", if changed == 1 { "i" } else { "h" }], vec![1, 2])).unwrap();
    w.raw(&at("raw")).unwrap();
    let wide =
        EncodedValue::numbers(Dtype::Uint8, &[2, 1 + u64::from(changed)], vec![1; 2 + 2 * changed as usize]);
    w.value(&at("varm/loadings"), &wide).unwrap();
    w.strings(&at("uns/colors"), &texts(&["red", if changed == 1 { "blue" } else { "green" }])).unwrap();
    w.text(&at("uns/nested/name"), if changed == 1 { "a" } else { "b" }).unwrap();
    match changed {
        1 => w.value(&at("uns/nested/n"), &EncodedValue::integer(1)).unwrap(),
        _ => w.text(&at("uns/nested/n"), "1").unwrap(),
    }
    w.text(&at(if changed == 1 { "uns/only b" } else { "uns/only a" }), "x").unwrap();
    for group in ["uns/nested", "uns", "layers", "obsm", "obsp", "varm"] {
        w.dict(&at(group)).unwrap();
    }
    w.finish().unwrap();
}

#[test]
fn differences_are_named_by_element() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (dir.path().join("a.h5ad"), dir.path().join("b.h5ad"));
    with_elements(&a, 0);
    with_elements(&b, 1);
    assert_eq!(run(&["verify", path_str(&a), path_str(&a), "--all"]).0, 0);
    let (code, stdout, stderr) = run(&["verify", path_str(&a), path_str(&b), "--all"]);
    assert_eq!(code, 1, "{stderr}");
    let expected = [
        "var column 'n', row 1: 2 in A, 3 in B",
        "obsm/more column 'n', row 1: 2 in A, 3 in B",
        "obsm/pca [1, 2]: 5 in A, 6 in B",
        "varm/loadings shape: [2, 1] in A, [2, 2] in B",
        "obsp/graph 'd' (row 1), 'd' (column 1): 7 in A, 8 in B",
        "layers/counts 'd' (row 1), 'h' (column 1): 5 in A, 6 in B",
        "raw/X 'd' (row 1), 'h' (column 1): 3 in A, 4 in B",
        "raw/var name of row 1: h in A, i in B",
        "uns/colors [1]: green in A, blue in B",
        "uns/nested/n type: string in A, int64 in B",
        "...",
    ];
    let lines: Vec<&str> = stdout.lines().collect();
    assert_eq!(lines[..11], expected);
    assert!(lines[11].starts_with("13 differences (compared: X, obs, var, obsm/more, "), "{stdout}");
    assert_eq!(run(&["verify", path_str(&a), path_str(&b)]).0, 1, "var differs");
    assert_eq!(run(&["verify", path_str(&a), path_str(&b), "--no-tables"]).0, 0, "X does not");
    let (_, stdout, _) = run(&["verify", path_str(&b), path_str(&a), "--all", "--no-tables", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(json["differences"].as_u64(), Some(11));
    assert_eq!(json["first"][9]["element"].as_str(), Some("uns/only b"));
    assert_eq!(json["first"][9]["a"].as_str(), Some("present"));
    assert_eq!(json["first"][3]["element"].as_str(), Some("obsp/graph"));
    assert!(!json["compared"].as_array().unwrap().iter().any(|p| p == "obs"));
    // a store has a matrix and tables only
    let out = dir.path().join("store");
    assert_eq!(run(&["convert", path_str(&a), path_str(&out), "-q"]).0, 0);
    let (code, stdout, _) = run(&["verify", path_str(&a), path_str(&out), "--all"]);
    assert_eq!(code, 1);
    assert!(stdout.starts_with("obsm/more: present in A, absent in B\n"), "{stdout}");
    assert_eq!(run(&["verify", path_str(&a), "--all"]).0, 2);
}

/// Arrays larger than what is read at once, of another type and byte order, are compared within the budget.
#[test]
fn large_arrays_are_compared_in_strips() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let write = |name: &str, change: Option<usize>, wide: bool| {
        use annmap::anndata::{AnnDataWriter, StorageOptions};
        use annmap::matrix::Budget;
        use annmap::table::Frame;
        use annmap::tree::{EncodedValue, Location};
        let (budget, root) = (Budget::new(1 << 27), Location::root());
        let mut w =
            AnnDataWriter::create(&path(name), false, StorageOptions::default(), budget, &()).unwrap();
        let mut values: Vec<f32> = (0..3_000_000).map(|n| (n % 1000) as f32).collect();
        if let Some(at) = change {
            values[at] = -1.0;
        }
        let value = match wide {
            true => {
                let bytes = values.iter().flat_map(|v| f64::from(*v).to_le_bytes()).collect();
                EncodedValue::numbers(annmap::Dtype::Float64, &[30_000, 100], bytes)
            }
            false => {
                let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
                EncodedValue::numbers(annmap::Dtype::Float32, &[30_000, 100], bytes)
            }
        };
        w.value(&root.child("obsm").child("big"), &value).unwrap();
        w.dict(&root.child("obsm")).unwrap();
        w.frame(&root.child("obs"), &Frame::unnamed(30_000)).unwrap();
        w.frame(&root.child("var"), &Frame::unnamed(0)).unwrap();
        w.finish().unwrap();
    };
    write("a.h5ad", None, false);
    write("b.h5ad", Some(2_345_678), false);
    write("c.h5ad", None, true);
    let verify = |b: &str, more: &[&str]| {
        let (a, b) = (path("a.h5ad"), path(b));
        run(&[&["verify", path_str(&a), path_str(&b), "--all", "--memory", "8M"], more].concat())
    };
    assert_eq!(verify("a.h5ad", &[]).0, 0);
    let (code, stdout, _) = verify("b.h5ad", &[]);
    assert_eq!((code, stdout.lines().next()), (1, Some("obsm/big [23456, 78]: 678.0 in A, -1.0 in B")));
    let (code, stdout, _) = verify("c.h5ad", &[]);
    assert_eq!((code, stdout.lines().next()), (1, Some("obsm/big type: float32 in A, float64 in B")));
    assert_eq!(verify("c.h5ad", &["--numeric"]).0, 0);
}
