//! Joining files: the parts of a file joined again equal the file.

use crate::support::{fixture, path_str, run};
use annmap::anndata::{AnnDataWriter, StorageOptions};
use annmap::dataset::AnnData;
use annmap::dtype::Dtype;
use annmap::hdf5::{File, Scratch};
use annmap::matrix::{Budget, InMemory, Layout, Orientation};
use annmap::table::Frame;
use annmap::tree::Location;
use std::path::Path;

fn ok(args: &[&str]) -> String {
    let (code, out, err) = run(args);
    assert_eq!(code, 0, "{args:?}: {err}");
    out
}

fn made(path: &Path, seed: &str, more: &[&str]) {
    let base = ["synth", path_str(path), "--cells", "200", "--genes", "90", "--chunk", "500", "--seed", seed];
    ok(&[&base[..], more].concat());
}

#[test]
fn parts_put_together_are_the_whole() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    for layout in ["csr", "csc", "dense"] {
        made(&at("whole.h5ad"), "1", &["--layout", layout, "--compression", "gzip", "--force"]);
        let whole = at("whole.h5ad");
        for (name, rows) in [("a.h5ad", "0:77"), ("b.h5ad", "77:77"), ("c.h5ad", "77:")] {
            ok(&["subset", path_str(&whole), path_str(&at(name)), "--rows", rows, "--force"]);
        }
        ok(&["convert", path_str(&at("c.h5ad")), path_str(&at("c.store")), "--force"]);
        for last in ["c.h5ad", "c.store"] {
            let parts = [at("a.h5ad"), at("b.h5ad"), at(last)];
            let parts = parts.each_ref().map(|p| path_str(p));
            for memory in ["4M", "1G"] {
                let out = at("out.h5ad");
                let args =
                    [&["concat"][..], &parts, &[path_str(&out), "--force", "--memory", memory]].concat();
                ok(&[&args[..], &["--merge", "same", "--uns-merge", "same"]].concat());
                ok(&["verify", path_str(&whole), path_str(&out), "--no-tables"]);
                ok(&["doctor", "-q", path_str(&out)]);
            }
        }
        // along the other axis
        let halves: Vec<String> = (0..90).map(|i| format!("ENSG{i:011}")).collect();
        for (name, genes) in [("left.h5ad", &halves[..40]), ("right.h5ad", &halves[40..])] {
            ok(&[
                "subset",
                path_str(&whole),
                path_str(&at(name)),
                "--var-names",
                &genes.join(","),
                "--force",
            ]);
        }
        let (left, right, out) = (at("left.h5ad"), at("right.h5ad"), at("wide.h5ad"));
        let args = ["concat", path_str(&left), path_str(&right), path_str(&out), "--axis", "var"];
        ok(&[&args[..], &["--merge", "same", "--force"]].concat());
        ok(&["verify", path_str(&whole), path_str(&out)]);
    }
    let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(left.iter().all(|n| !n.to_string_lossy().contains(".tmp")), "{left:?}");
}

#[test]
fn the_same_bytes_for_any_number_of_threads() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    made(&at("a.h5ad"), "1", &["--compression", "gzip"]);
    made(&at("b.h5ad"), "2", &["--layout", "csc"]);
    let mut all = Vec::new();
    for threads in ["1", "2", "5"] {
        let (a, b, out) = (at("a.h5ad"), at("b.h5ad"), at(&format!("{threads}.h5ad")));
        let args =
            ["concat", path_str(&a), path_str(&b), path_str(&out), "--join", "outer", "--label", "from"];
        ok(&[&args[..], &["--index-unique", "-", "--fill-value", "7", "--threads", threads]].concat());
        all.push(std::fs::read(&out).unwrap());
    }
    assert!(all[0] == all[1] && all[0] == all[2]);
    let a = AnnData::open(at("1.h5ad")).unwrap();
    let [obs, _] = a.frames("X", a.matrix("X").unwrap().shape(), &()).unwrap();
    assert_eq!(obs.column("from").unwrap().text(399).unwrap().as_deref(), Some("1"));
    assert!(obs.index().utf8(0).unwrap().ends_with("-0"));
}

#[test]
fn what_cannot_be_joined_is_told_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    made(&at("a.h5ad"), "1", &[]);
    let (a, out) = (at("a.h5ad"), at("out.h5ad"));
    let old = fixture("anndata_06.h5ad");
    for (args, code, why) in [
        (vec!["--keys", "x"], 2, "expected 2 keys, got 1"),
        (vec!["--keys", "x,x"], 2, "duplicate key 'x'"),
        (vec!["--fill-value", "x"], 2, "expected a number"),
        (vec!["--memory", "1000"], 6, "budget is too small"),
    ] {
        let base = ["concat", path_str(&a), path_str(&a), path_str(&out)];
        let (got, _, err) = run(&[&base[..], &args].concat());
        assert!(got == code && err.contains(why), "{args:?}: {got} {err}");
    }
    let (got, _, err) = run(&["concat", path_str(&a), path_str(&at("nothing.h5ad")), path_str(&out)]);
    assert!(got == 5 && err.contains("nothing.h5ad"), "{err}");
    ok(&["concat", path_str(&old), path_str(&old), path_str(&out), "--index-unique", "_"]);
    let (got, _, err) = run(&["concat", path_str(&old), path_str(&old), path_str(&out)]);
    assert!(got == 5 && err.contains("--force"), "{err}");
    let left = std::fs::read_dir(dir.path()).unwrap().count();
    assert_eq!(left, 2);
}

/// Compressed matrices of one name are equal if their entries are, by rows here and by columns there.
#[test]
fn equal_matrices_in_two_layouts_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    // [[0, 5], [6, 7]], and the same with an 8
    for (name, orientation, values) in [
        ("a.h5ad", Orientation::Csr, [5, 6, 7]),
        ("b.h5ad", Orientation::Csc, [6, 5, 7]),
        ("c.h5ad", Orientation::Csc, [6, 5, 8]),
    ] {
        let layout = Layout::new(orientation, [2, 2], 3, Dtype::Uint8).unwrap();
        let matrix = InMemory::new(layout, vec![0, 1, 3], vec![1, 0, 1], values.to_vec()).unwrap();
        let budget = Budget::new(1 << 20);
        let mut w = AnnDataWriter::create(&at(name), false, StorageOptions::default(), budget, &()).unwrap();
        let root = Location::root();
        w.frame(&root.child("obs"), &Frame::unnamed(1)).unwrap();
        w.frame(&root.child("var"), &Frame::unnamed(1)).unwrap();
        w.sparse(&root.child("uns").child("m"), &matrix).unwrap();
        w.dict(&root.child("uns")).unwrap();
        w.finish().unwrap();
    }
    for (other, kept) in [("b.h5ad", true), ("c.h5ad", false)] {
        let (a, b, out) = (at("a.h5ad"), at(other), at("out.h5ad"));
        ok(&["concat", path_str(&a), path_str(&b), path_str(&out), "--uns-merge", "same", "--force", "-q"]);
        let uns = AnnData::open(&out).unwrap().root().descend("uns").unwrap();
        assert_eq!(uns.child("m").unwrap().is_some(), kept, "{other}");
    }
}

/// Regression: a scratch identified cached chunks by address alone, and two files can share addresses.
#[test]
fn one_scratch_for_two_files_keeps_them_apart() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let mut scratch = Scratch::default();
    for seed in ["1", "2", "1"] {
        let path = at("x.h5ad");
        made(&path, seed, &["--compression", "none", "--layout", "dense", "--force"]);
        ok(&["upgrade", path_str(&path), path_str(&at("y.h5ad")), "--compression", "gzip", "--force"]);
        let file = File::open(at("y.h5ad")).unwrap();
        let dataset = file.root().unwrap().descend("X").unwrap().dataset().unwrap();
        let (mut kept, mut fresh) = (vec![0; 90 * 4], vec![0; 90 * 4]);
        dataset.read_slab(&[1, 0], &[1, 90], &mut kept, &mut scratch).unwrap();
        dataset.read_slab(&[1, 0], &[1, 90], &mut fresh, &mut Scratch::default()).unwrap();
        assert!(kept == fresh && kept.iter().any(|b| *b != 0));
    }
}
