//! `upgrade --for`: files for other programs. `tests/oracle/profiles.py` opens them with those.

use crate::support::{fixture, path_str, run};
use annmap::anndata::Program;
use annmap::tree::{Container, Node};
use serde_json::Value as Json;
use std::path::Path;

fn ok(args: &[&str]) -> String {
    let (code, out, err) = run(args);
    assert_eq!(code, 0, "{args:?}: {err}");
    out
}

fn open(path: &Path) -> Node {
    Container::open(path, annmap::Limits::default()).unwrap().root().unwrap()
}

fn kind(node: &Node) -> Option<String> {
    node.attribute("encoding-type").unwrap().map(|kind| kind.string().unwrap())
}

/// A file with an element of every encoding.
fn everything(path: &Path, layout: &str, dtype: &str) {
    let columns = "categorical,ordered,int,string,nullable-int,nullable-bool";
    let args = ["--everything", "--cells", "20", "--genes", "12", "--obs-columns", columns];
    ok(&[&["synth", path_str(path), "--layout", layout, "--dtype", dtype, "-q"], &args[..]].concat());
}

/// Upgrades a file for a program; returns the paths of the report.
fn upgraded(input: &Path, output: &Path, target: &str) -> [Vec<String>; 2] {
    let out = ok(&["upgrade", path_str(input), path_str(output), "--for", target, "--json", "--force"]);
    let report: Json = serde_json::from_str(&out).unwrap();
    ["changed", "left_out"].map(|key| {
        let entries = report[key].as_array().unwrap();
        entries.iter().map(|entry| entry["path"].as_str().unwrap().to_owned()).collect()
    })
}

#[test]
fn each_program_gets_what_it_reads() {
    let dir = tempfile::tempdir().unwrap();
    let (made, out) = (dir.path().join("made.h5ad"), dir.path().join("out.h5ad"));
    everything(&made, "csc", "float32");
    let awkward = "/obsm/lists";
    let masks = ["/obs/age", "/obs/checked", "/uns/some text"];
    for (target, changed, left_out) in [
        (
            "anndata-0.7",
            &[&masks[..], &["/obsm/frame/age", "/obsm/frame/checked"]].concat()[..],
            &["/uns/nothing", awkward][..],
        ),
        ("anndata-0.8", &["/uns/some text"], &["/uns/nothing", awkward]),
        ("anndata-0.10", &["/uns/some text"], &["/uns/nothing"]),
        ("anndata-0.12", &[], &[]),
        ("r", &masks, &["/uns/nothing", "/obsm/deep", "/obsm/frame", awkward]),
        ("cellxgene", &masks, &["/uns/nothing", "/obsm/frame", awkward, "/obsm/sparse"]),
    ] {
        let [is, lost] = upgraded(&made, &out, target);
        assert_eq!(
            (&is[..], &lost[..]),
            (
                &changed.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>()[..],
                &left_out.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>()[..]
            ),
            "{target}"
        );
        ok(&["doctor", "-q", path_str(&out)]);
        ok(&["verify", "--no-tables", path_str(&made), path_str(&out)]);
        let root = open(&out);
        let x = kind(&root.descend("X").unwrap());
        let rows = matches!(target, "r" | "cellxgene");
        assert_eq!(x.as_deref(), Some(if rows { "csr_matrix" } else { "csc_matrix" }), "{target}");
        let layer = kind(&root.descend("layers/columns").unwrap());
        assert_eq!(layer.as_deref(), Some(if rows { "csr_matrix" } else { "csc_matrix" }), "{target}");
        let dense = root.descend("layers/dense").unwrap().is_array();
        assert_eq!(dense, target != "cellxgene");
        let dict = kind(&root.descend("uns").unwrap());
        assert_eq!(dict.as_deref(), if target == "anndata-0.7" { None } else { Some("dict") });
        let labels = kind(&root.descend("obs/cell_type").unwrap());
        assert_eq!(labels.is_some(), target != "anndata-0.7");
        // what another program reads, we do
        let again = dir.path().join("again.h5ad");
        ok(&["upgrade", path_str(&out), path_str(&again), "--force", "-q"]);
        assert_eq!(kind(&open(&again).descend("obs/cell_type").unwrap()).as_deref(), Some("categorical"));
    }
}

/// Makes a matrix of 9 cells and 7 genes.
fn synth(made: &Path, layout: &str, dtype: &str) {
    let sizes = ["--cells", "9", "--genes", "7", "-q", "--force"];
    ok(&[&["synth", path_str(made), "--layout", layout, "--dtype", dtype], &sizes[..]].concat());
}

/// Counts stay counts and become float32, wherever they are; what float32 does not hold is refused.
#[test]
fn matrices_for_cellxgene() {
    let dir = tempfile::tempdir().unwrap();
    let (made, out) = (dir.path().join("made.h5ad"), dir.path().join("out.h5ad"));
    for (layout, dtype) in [("csc", "int64"), ("dense", "float64"), ("csr", "uint8")] {
        synth(&made, layout, dtype);
        let [changed, _] = upgraded(&made, &out, "cellxgene");
        assert_eq!(changed, if dtype == "float64" { vec!["/X".to_owned()] } else { vec![] });
        let x = open(&out).descend("X").unwrap();
        assert_eq!(kind(&x).as_deref(), Some("csr_matrix"));
        assert_eq!(x.descend("data").unwrap().array().unwrap().datatype().name(), "float32");
        ok(&["verify", path_str(&made), path_str(&out), "--numeric"]);
    }
    let text = dir.path().join("large.mtx");
    std::fs::write(&text, "%%MatrixMarket matrix coordinate integer general\n1 1 1\n1 1 16777217\n").unwrap();
    let (code, _, err) = run(&["upgrade", path_str(&text), path_str(&out), "--for", "cellxgene", "--force"]);
    assert!(code == 2 && err.contains("16777217"), "{err}");
}

/// R has no integers of 64 bits, and its packages read bools and uint8 as something else.
#[test]
fn matrices_for_r() {
    let dir = tempfile::tempdir().unwrap();
    let (made, out) = (dir.path().join("made.h5ad"), dir.path().join("out.h5ad"));
    for (dtype, becomes) in
        [("int64", "float64"), ("uint32", "float64"), ("uint8", "int16"), ("int32", "int32")]
    {
        for layout in ["csc", "csr", "dense"] {
            synth(&made, layout, dtype);
            let [changed, _] = upgraded(&made, &out, "r");
            assert_eq!(changed, if dtype == becomes { vec![] } else { vec!["/X".to_owned()] });
            let x = open(&out).descend("X").unwrap();
            let data = if layout == "dense" { x } else { x.descend("data").unwrap() };
            assert_eq!(data.array().unwrap().datatype().name(), becomes);
            ok(&["verify", path_str(&made), path_str(&out), "--numeric"]);
        }
    }
}

#[test]
fn options_that_contradict_a_program_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (made, out) = (dir.path().join("made.h5ad"), dir.path().join("out.h5ad"));
    ok(&["synth", path_str(&made), "--cells", "9", "--genes", "7", "--compression", "lzf", "-q"]);
    for (target, option, value, expected) in [
        ("r", "--layout", "csc", "expected the layout csr, which R asks for, got csc"),
        ("r", "--dtype", "uint64", "expected values of float64, which R asks for, got uint64"),
        ("r", "--compression", "lzf", "expected gzip or no compression, which R asks for, got lzf"),
        ("cellxgene", "--layout", "csc", "expected the layout csr, which CELLxGENE asks for, got csc"),
        (
            "cellxgene",
            "--dtype",
            "float64",
            "expected values of float32, which CELLxGENE asks for, got float64",
        ),
        ("cellxgene", "--dtype", "auto", "expected values of float32, which CELLxGENE asks for, got auto"),
    ] {
        let (code, _, err) =
            run(&["upgrade", path_str(&made), path_str(&out), "--for", target, option, value]);
        assert!(code == 2 && err.contains(expected) && !out.exists(), "{err}");
    }
    let fits = ["--layout", "csr", "--dtype", "float32", "--libver", "latest"];
    ok(&[&["upgrade", path_str(&made), path_str(&out), "--for", "cellxgene", "-q"], &fits[..]].concat());
    // LZF is h5py's own: what is kept of the input is gzip for R
    ok(&["upgrade", path_str(&made), path_str(&out), "--for", "r", "-q", "--force"]);
    assert!(ok(&["info", path_str(&out)]).contains("gzip"));
    let (code, _, err) = run(&["upgrade", path_str(&made), path_str(&out), "--for", "python"]);
    assert!(code == 2 && Program::ALL.iter().all(|(name, _)| err.contains(name)), "{err}");
}

/// Older files and other formats, for the oldest program: its files are read by it, so it gets them back.
#[test]
fn old_files_stay_what_they_were() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.h5ad");
    for name in ["anndata_06.h5ad", "anndata_07.h5ad", "anndata_current.h5ad", "tenx_v3.h5", "genes.loom"] {
        upgraded(&fixture(name), &out, "anndata-0.7");
        ok(&["verify", "--no-tables", path_str(&fixture(name)), path_str(&out)]);
        let root = open(&out);
        for path in ["obs", "var"] {
            let version = root.descend(path).unwrap().attribute("encoding-version").unwrap().unwrap();
            assert_eq!(version.string().unwrap(), "0.1.0");
        }
    }
}
