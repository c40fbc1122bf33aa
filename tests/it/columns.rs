//! Columns of several types joined under one name, columns with unusual names, and what reports say of them.

use crate::support::{fixture, path_str, run};
use annmap::anndata::{AnnDataWriter, StorageOptions};
use annmap::dataset::Dataset;
use annmap::dtype::Dtype;
use annmap::matrix::{Budget, InMemory, Layout, Orientation};
use annmap::table::{Categorical, Column, Frame};
use annmap::tree::Location;
use serde_json::Value as Json;
use std::path::Path;

fn texts(list: &[&str]) -> Column {
    Column::Strings(list.iter().copied().collect())
}

fn ints(values: &[i64]) -> Column {
    Column::Numbers { dtype: Dtype::Int64, bytes: values.iter().flat_map(|v| v.to_le_bytes()).collect() }
}

fn floats(values: &[f64]) -> Column {
    Column::Numbers { dtype: Dtype::Float64, bytes: values.iter().flat_map(|v| v.to_le_bytes()).collect() }
}

fn labels(codes: &[i64], labels: Column) -> Column {
    Column::Categorical(Categorical::new(codes, labels, false).unwrap())
}

/// An h5ad of two cells and one gene whose values have type `dtype`.
fn made(path: &Path, dtype: Dtype, obs: &[(&str, Column)], var: &[(&str, Column)]) {
    let table = |names: &[&str], columns: &[(&str, Column)]| {
        let columns = columns.iter().map(|(n, c)| ((*n).to_owned(), c.clone())).collect();
        Frame::new(None, names.iter().copied().collect(), columns).unwrap()
    };
    let layout = Layout::new(Orientation::Csr, [2, 1], 0, dtype).unwrap();
    let x = InMemory::new(layout, vec![0, 0, 0], Vec::new(), Vec::new()).unwrap();
    let mut w =
        AnnDataWriter::create(path, false, StorageOptions::default(), Budget::new(1 << 20), &()).unwrap();
    let root = Location::root();
    w.sparse(&root.child("X"), &x).unwrap();
    w.frame(&root.child("obs"), &table(&["c0", "c1"], obs)).unwrap();
    w.frame(&root.child("var"), &table(&["g0"], var)).unwrap();
    w.finish().unwrap();
}

fn ok(args: &[&str]) -> String {
    let (code, out, err) = run(args);
    assert_eq!(code, 0, "{args:?}: {err}");
    out
}

fn json(args: &[&str]) -> Json {
    serde_json::from_str(&ok(args)).unwrap()
}

/// The column of the file as its type and its values, `-` where missing.
fn column(path: &Path, table: &str, name: &str) -> Option<(String, Vec<String>)> {
    let dataset = Dataset::open(path).unwrap();
    let view = if table == "obs" { dataset.obs() } else { dataset.var() };
    let column = view.read().unwrap().column(name).cloned()?;
    let values = (0..column.len()).map(|i| column.text(i).unwrap().unwrap_or_else(|| "-".into()));
    Some((column.type_name(), values.collect()))
}

#[test]
fn columns_that_cannot_be_joined_are_named_dropped_or_cast() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let same = || ("good", ints(&[1, 2]));
    made(&at("a.h5ad"), Dtype::Int8, &[("age", ints(&[3, 4])), same()], &[("len", ints(&[9]))]);
    made(&at("b.h5ad"), Dtype::Int8, &[("age", ints(&[5, 6])), same()], &[("len", floats(&[9.0]))]);
    made(&at("c.h5ad"), Dtype::Int8, &[("age", texts(&["7", "old"])), same()], &[("len", ints(&[9]))]);
    let (a, b, c, out) = (at("a.h5ad"), at("b.h5ad"), at("c.h5ad"), at("out.h5ad"));
    let base = ["concat", path_str(&a), path_str(&b), path_str(&c), path_str(&out), "--index-unique", "-"];
    let with = |more: &[&str]| run(&[&base[..], more].concat());
    let (code, _, err) = with(&[]);
    assert_eq!(code, 4, "{err}");
    assert!(err.contains("c.h5ad: /obs/age: no type holds int64 and string"), "{err}");
    assert!(err.contains("--drop-column obs/age") && err.contains("--cast-column obs/age=string"), "{err}");
    assert!(!out.exists());
    for (more, code, why) in [
        (["--drop-column", "ages"], 2, "no input has a column 'ages' in obs (there are: age, good)"),
        (["--drop-column", "var/age"], 2, "no input has a column 'age' in var (there are: len)"),
        (["--cast-column", "obs/age"], 2, "expected COLUMN=TYPE"),
        (["--cast-column", "obs/age=i8"], 2, "unknown dtype 'i8'"),
        (
            ["--cast-column", "age=int32"],
            2,
            "c.h5ad: /obs/age: expected int32 in each row, got 'old' in row 1",
        ),
    ] {
        let (got, _, err) = with(&more);
        assert!(got == code && err.contains(why), "{more:?}: {got} {err}");
    }
    assert_eq!(with(&["--drop-column", "age"]).0, 0);
    let good = ("int64".to_owned(), ["1", "2"].repeat(3).into_iter().map(String::from).collect::<Vec<_>>());
    assert_eq!((column(&out, "obs", "age"), column(&out, "obs", "good")), (None, Some(good)));
    assert_eq!(with(&["--cast-column", "obs/age=string", "--force"]).0, 0);
    let ages = column(&out, "obs", "age").unwrap();
    assert_eq!(ages, ("string".into(), ["3", "4", "5", "6", "7", "old"].map(String::from).to_vec()));
    // columns of the other axis are compared: equal numbers of two types are not the same, until they are cast
    assert_eq!(with(&["--drop-column", "age", "--merge", "same", "--force"]).0, 0);
    assert_eq!(column(&out, "var", "len"), None);
    let more = ["--drop-column", "age", "--cast-column", "var/len=float32", "--merge", "same", "--force"];
    assert_eq!(with(&more).0, 0);
    assert_eq!(column(&out, "var", "len"), Some(("float32".into(), vec!["9.0".into()])));
}

#[test]
fn labels_meet_the_values_they_stand_for() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let bools = |v: &[u8]| Column::Numbers { dtype: Dtype::Bool, bytes: v.to_vec() };
    let first = [
        ("number", labels(&[1, -1], ints(&[10, 20]))),
        ("flag", labels(&[1, 0], bools(&[0, 1]))),
        ("bool", bools(&[1, 0])),
        ("mixed labels", labels(&[0, 1], ints(&[2, 1]))),
        ("nothing", Column::Nullable { dtype: Dtype::Int64, bytes: vec![0; 16], missing: vec![true; 2] }),
    ];
    let second = [
        ("number", ints(&[3, 4])),
        ("flag", bools(&[0, 1])),
        ("bool", floats(&[0.5, 2.0])),
        ("mixed labels", labels(&[0, 1], floats(&[0.5, 2.0]))),
        ("nothing", texts(&["x", "y"])),
    ];
    made(&at("a.h5ad"), Dtype::Int8, &first, &[]);
    made(&at("b.h5ad"), Dtype::Int8, &second, &[]);
    let out = at("out.h5ad");
    let inputs = [path_str(&at("a.h5ad")).to_owned(), path_str(&at("b.h5ad")).to_owned()];
    ok(&["concat", &inputs[0], &inputs[1], path_str(&out), "--index-unique", "-", "-q"]);
    for (name, kind, values) in [
        ("number", "float64", ["20.0", "nan", "3.0", "4.0"]),
        ("flag", "bool", ["True", "False", "False", "True"]),
        ("bool", "float64", ["1.0", "0.0", "0.5", "2.0"]),
        ("mixed labels", "category", ["2.0", "1.0", "0.5", "2.0"]),
        ("nothing", "category", ["-", "-", "x", "y"]),
    ] {
        let want = (kind.to_owned(), values.map(String::from).to_vec());
        assert_eq!(column(&out, "obs", name), Some(want), "{name}");
    }
}

#[test]
fn names_with_slashes_survive_and_are_mentioned() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    made(&at("a.h5ad"), Dtype::Int8, &[("q/r", ints(&[1, 2])), ("s/t", texts(&["x", "y"]))], &[]);
    let (a, out) = (at("a.h5ad"), at("out.h5ad"));
    let ls = ok(&["ls", path_str(&a), "/obs"]);
    assert!(ls.contains("/obs/q/r"), "{ls}");
    let doctor = json(&["doctor", path_str(&a), "--json"]);
    let objects: Vec<&str> =
        doctor["findings"].as_array().unwrap().iter().map(|f| f["object"].as_str().unwrap()).collect();
    assert!(objects.contains(&"/obs/q/r") && objects.contains(&"/obs/s/t"), "{doctor}");
    let described = ok(&["info", path_str(&a)]);
    assert!(described.contains("q/r: int64") && described.contains("s/t: string"), "{described}");
    for args in [vec!["upgrade"], vec!["subset", "--rows", "1:"]] {
        ok(&[&args[..1], &[path_str(&a), path_str(&out), "--force", "-q"], &args[1..]].concat());
        let (_, values) = column(&out, "obs", "q/r").unwrap();
        assert_eq!(values.last().unwrap(), "2");
        assert!(ok(&["ls", path_str(&out), "/obs"]).contains("/obs/q/r"));
    }
}

/// scipy has no sparse float16: an h5ad has float32 in its place and says so; a store has float16 only if asked.
#[test]
fn halves_become_singles() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    ok(&["synth", path_str(&at("a.h5ad")), "--cells", "40", "--genes", "30", "--seed", "1"]);
    let (store, out) = (at("a.store"), at("out.h5ad"));
    ok(&["convert", path_str(&at("a.h5ad")), path_str(&store), "--dtype", "float16", "--cast", "round"]);
    let dtype = |args: &[&str]| json(args)["dtypes"]["data"].as_str().unwrap().to_owned();
    assert_eq!(dtype(&["info", path_str(&store), "--json"]), "float16");
    let (code, text, err) = run(&["export", path_str(&store), path_str(&out), "--json"]);
    let report: Json = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &report["shape"]), (0, &serde_json::json!([40, 30])), "{err}");
    let widened = serde_json::json!([{"path": "/X", "from": "float16", "to": "float32"}]);
    assert_eq!(report["widened"], widened);
    assert!(err.contains("/X: written as float32"), "{err}");
    let x = &json(&["info", path_str(&out), "--json"])["elements"][0];
    assert_eq!((x["path"].as_str(), x["dtype"].as_str()), (Some("X"), Some("float32")));
    ok(&["verify", path_str(&store), path_str(&out), "--numeric"]);
    for (wanted, is) in [("keep", "float16"), ("auto", "float16"), ("float32", "float32")] {
        let copy = at("copy.store");
        let args = ["convert", path_str(&store), path_str(&copy), "--dtype", wanted, "--force", "--json"];
        let got = dtype(&args);
        assert!(got == is || (wanted == "auto" && got.starts_with("uint")), "{wanted}: {got}");
    }
}

#[test]
fn reports_have_shapes_sizes_and_types() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let tenx = fixture("tenx_v3.h5");
    let out = at("out.h5ad");
    let upgraded = json(&["upgrade", path_str(&tenx), path_str(&out), "--json"]);
    let info = json(&["info", path_str(&tenx), "--json"]);
    assert_eq!(upgraded["shape"], info["shape"]);
    let features =
        info["elements"].as_array().unwrap().iter().find(|e| e["path"] == "matrix/features").unwrap();
    assert_eq!((&features["rows"], &features["index"]), (&info["shape"][1], &Json::from("name")));
    let file = fixture("anndata_current.h5ad");
    let store = at("part.store");
    let part = json(&["subset", path_str(&file), path_str(&store), "--rows", ":5", "--json"]);
    let arrays: u64 = ["data.bin", "indices.bin", "indptr.bin", "obs.arrow", "var.arrow"]
        .iter()
        .map(|n| std::fs::metadata(store.join(n)).unwrap().len())
        .sum();
    assert_eq!((part["bytes"].as_u64(), part["shape"][0].as_u64()), (Some(arrays), Some(5)));
    let old = json(&["info", path_str(&fixture("anndata_06.h5ad")), "--json"]);
    let obs = old["elements"].as_array().unwrap().iter().find(|e| e["path"] == "obs").unwrap();
    let columns = obs["columns"].as_array().unwrap();
    let categories: Vec<&Json> = columns.iter().filter(|c| c["dtype"] == "category").collect();
    assert!(!categories.is_empty() && categories[0]["categories"]["count"].as_u64() > Some(0), "{obs}");
}

/// A genome of a 10x file: the matrix of version 2, the genes of version 3; unknown ones are one kind of error.
#[test]
fn a_genome_as_a_store() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    for (name, genome, genes) in [("tenx_v2.h5", "mm10", 5), ("tenx_v3.h5", "G2", 1)] {
        let file = fixture(name);
        let args = ["convert", path_str(&file), path_str(&out), "--force", "--json", "--genome"];
        let made = json(&[&args[..], &[genome]].concat());
        assert_eq!(made["shape"][1].as_u64(), Some(genes), "{name}");
        let (code, _, err) = run(&[&args[..], &["hg99"]].concat());
        assert!(code == 2 && err.contains("there is no genome 'hg99' (there are: "), "{err}");
        assert_eq!(run(&[&args[..], &[genome, "--matrix", "X"]].concat()).0, 2);
    }
}

#[test]
fn another_matrix_becomes_x() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let (file, out) = (fixture("anndata_current.h5ad"), at("out.h5ad"));
    let names: Vec<String> = json(&["info", path_str(&file), "--json"])["elements"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["path"].as_str().unwrap().to_owned())
        .collect();
    let layer = names.iter().find(|n| n.starts_with("layers/")).unwrap().as_str();
    for (matrix, command) in
        [(layer, "upgrade"), ("raw/X", "upgrade"), (layer, "subset"), ("raw/X", "subset")]
    {
        ok(&[command, path_str(&file), path_str(&out), "--matrix", matrix, "--force", "-q"]);
        let store = at("store");
        ok(&["convert", path_str(&file), path_str(&store), "--matrix", matrix, "--force", "-q"]);
        ok(&["verify", path_str(&store), path_str(&out)]);
        let doctor = json(&["doctor", path_str(&out), "--json"]);
        assert_eq!(doctor["healthy"], true, "{doctor}");
    }
    for (matrix, why) in
        [("layers/none", "no matrix 'layers/none'"), ("obsp/none", "expected X, raw/X or layers/NAME")]
    {
        let (code, _, err) = run(&["upgrade", path_str(&file), path_str(&at("no.h5ad")), "--matrix", matrix]);
        assert!(code == 2 && err.contains(why), "{err}");
        assert!(!at("no.h5ad").exists());
    }
}
