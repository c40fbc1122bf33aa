//! Stores made from the fixtures hold the values that anndata and scipy give.

use crate::support::{expected, fixture, path_str, run};
use annmap::convert::{ConvertOptions, TargetLayout, ValueDtype, convert};
use annmap::dataset::Dataset;
use annmap::dtype::Policy;
use annmap::matrix::{Budget, Edit, Source};
use annmap::store::{IndexDtype, Store, WriteMode};
use annmap::table::Column;
use annmap::{Dtype, Kind};
use serde_json::Value as Json;
use std::path::Path;

fn make(file: &str, out: &Path, options: &ConvertOptions) -> annmap::Result<Store> {
    let input = Dataset::open(fixture(file))?;
    convert(&input, out, options, &())?;
    Store::open(out)
}

fn options(matrix: &str) -> ConvertOptions {
    ConvertOptions { matrix: matrix.into(), budget: Budget::new(64 << 20), ..ConvertOptions::default() }
}

/// The entries of a store as row, column and value, in stored order.
fn lines(store: &Store) -> Vec<(Vec<u32>, Vec<f64>)> {
    let layout = *store.layout();
    (0..layout.lines)
        .map(|l| {
            let (minor, bytes) = store.line(l).unwrap();
            let values = (0..minor.len()).map(|i| number(layout.dtype, bytes, i)).collect();
            (minor, values)
        })
        .collect()
}

fn number(dtype: Dtype, bytes: &[u8], i: usize) -> f64 {
    let at = |n: usize| &bytes[i * n..(i + 1) * n];
    match dtype {
        Dtype::Int16 => i16::from_le_bytes(at(2).try_into().unwrap()).into(),
        Dtype::Int32 => i32::from_le_bytes(at(4).try_into().unwrap()).into(),
        Dtype::Uint8 => bytes[i].into(),
        Dtype::Float32 => f32::from_le_bytes(at(4).try_into().unwrap()).into(),
        Dtype::Float64 => f64::from_le_bytes(at(8).try_into().unwrap()),
        other => panic!("{other}"),
    }
}

fn check(store: &Store, want: &Json) {
    let m = store.manifest();
    assert_eq!(m.layout.orientation.encoding(), want["encoding"]);
    assert_eq!(Json::from(m.layout.shape().to_vec()), want["shape"]);
    assert_eq!(m.layout.dtype.name(), want["dtype"]);
    let (mut minor, mut values, mut pointers) = (vec![], vec![], vec![0]);
    for (m, v) in lines(store) {
        minor.extend(m);
        values.extend(v);
        pointers.push(minor.len());
    }
    assert_eq!(Json::from(minor), want["indices"]);
    assert_eq!(Json::from(pointers), want["indptr"]);
    let wanted: Vec<f64> = want["data"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
    // NaN is written as 12345 in the expected values.
    let values: Vec<f64> = values.into_iter().map(|v| if v.is_nan() { 12345.0 } else { v }).collect();
    assert_eq!(values, wanted);
}

#[test]
fn every_matrix_of_every_generation() {
    let expected = expected();
    let dir = tempfile::tempdir().unwrap();
    let mut n = 0;
    for (file, matrices) in expected["stores"].as_object().unwrap() {
        for (matrix, want) in matrices.as_object().unwrap() {
            for mode in [WriteMode::Mapped, WriteMode::Positioned] {
                n += 1;
                let out = dir.path().join(n.to_string());
                let store = make(file, &out, &ConvertOptions { mode, ..options(matrix) });
                check(&store.unwrap_or_else(|e| panic!("{file} {matrix}: {e}")), want);
                let report = Store::check(&out, Budget::new(16 << 20), &()).unwrap();
                assert!(report.findings.is_empty(), "{file} {matrix}: {:?}", report.findings);
            }
        }
    }
    assert!(n > 30, "{n}");
}

#[test]
fn the_same_bytes_for_any_threads_budget_and_way_of_writing() {
    let dir = tempfile::tempdir().unwrap();
    let mut first: Option<Vec<Vec<u8>>> = None;
    let mut n = 0;
    for threads in [1, 2, 5] {
        for memory in [1 << 20, 4 << 20, 1 << 30] {
            for mode in [WriteMode::Mapped, WriteMode::Positioned] {
                n += 1;
                let out = dir.path().join(n.to_string());
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let o = ConvertOptions { mode, budget: Budget::new(memory), ..options("layers/dense") };
                pool.install(|| make("anndata_current.h5ad", &out, &o)).unwrap();
                let files =
                    ["metadata.json", "data.bin", "indices.bin", "indptr.bin", "obs.arrow", "var.arrow"];
                let bytes: Vec<Vec<u8>> = files.iter().map(|f| std::fs::read(out.join(f)).unwrap()).collect();
                assert!(first.get_or_insert_with(|| bytes.clone()) == &bytes, "{threads} {memory} {mode:?}");
            }
        }
    }
}

#[test]
fn tables_keep_types_order_and_missing_values() {
    let dir = tempfile::tempdir().unwrap();
    let store = make("anndata_current.h5ad", &dir.path().join("s"), &options("X")).unwrap();
    let [obs, var] = store.frames().unwrap().unwrap();
    assert_eq!((obs.rows(), obs.index().utf8(3).unwrap(), obs.index_name()), (60, "cell3-1", None));
    assert_eq!((var.rows(), var.index_name()), (25, Some("gene_id")));
    let types: Vec<String> = obs.columns().iter().map(|(n, c)| format!("{n} {}", c.type_name())).collect();
    assert_eq!(
        types,
        [
            "cell_type category",
            "stage ordered category",
            "donor category",
            "score float64",
            "count Int32",
            "flag boolean",
            "passed bool",
            "note string"
        ]
    );
    let Some(Column::Categorical(stage)) = obs.column("stage") else { panic!() };
    assert!(stage.ordered());
    let labels: Vec<_> = (0..3).map(|i| stage.categories().text(i).unwrap().unwrap()).collect();
    assert_eq!(labels, ["low", "mid", "high"]);
    let donor = obs.column("donor").unwrap();
    assert_eq!((donor.text(7).unwrap(), donor.text(8).unwrap()), (None, Some("d2".into())));
    let count = obs.column("count").unwrap();
    assert_eq!((count.text(5).unwrap(), count.text(6).unwrap()), (None, Some("6".into())));
    assert_eq!(obs.column("note").unwrap().text(2).unwrap(), Some("näme 2".into()));
}

#[test]
fn tables_of_older_generations_and_other_formats() {
    let dir = tempfile::tempdir().unwrap();
    let frames = |file: &str, matrix: &str, n: &str| {
        make(file, &dir.path().join(n), &options(matrix)).unwrap().frames().unwrap().unwrap()
    };
    let [obs, _] = frames("anndata_07.h5ad", "X", "07");
    assert_eq!(obs.index_name(), Some("index"));
    let Some(Column::Categorical(group)) = obs.column("group") else { panic!() };
    assert!(group.ordered() && group.codes()[..4] == [-1, 0, 1, 2]);
    let [obs, var] = frames("anndata_06.h5ad", "X", "06");
    assert_eq!(obs.column("kind").unwrap().text(1).unwrap(), Some("two".into()));
    assert_eq!(var.index().utf8(3).unwrap(), "g3");
    let [_, raw] = frames("anndata_06.h5ad", "raw/X", "06raw");
    assert_eq!(raw.index().utf8(4).unwrap(), "r4");
    let [obs, var] = frames("tenx_v3.h5", "X", "v3");
    assert_eq!((obs.index().utf8(0).unwrap(), var.index().utf8(1).unwrap()), ("AC0-1", "N1"));
    let columns: Vec<&str> = var.columns().iter().map(|(n, _)| n.as_str()).collect();
    assert_eq!(columns, ["gene_ids", "feature_types", "genome"]);
    let [obs, var] = frames("genes.loom", "X", "loom");
    assert_eq!((obs.rows(), var.column("length").unwrap().text(2).unwrap()), (8, Some("2".into())));
}

#[test]
fn genomes_must_be_named_where_there_are_several() {
    let dir = tempfile::tempdir().unwrap();
    let e = make("tenx_v2.h5", &dir.path().join("s"), &options("X")).unwrap_err();
    assert_eq!(e.kind(), Kind::Usage);
    assert!(e.message().contains("hg19, mm10"), "{e}");
}

#[test]
fn a_value_that_does_not_fit_is_named_and_nothing_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("s");
    let o = ConvertOptions { dtype: ValueDtype::As(Dtype::Uint8), ..options("X") };
    let e = make("values.h5ad", &out, &o).unwrap_err();
    assert_eq!(e.kind(), Kind::Usage);
    assert!(e.message().contains("value 300.0 in row 0, column 1 does not fit uint8"), "{e}");
    assert!(std::fs::read_dir(dir.path()).unwrap().next().is_none());
    let o = ConvertOptions { policy: Policy::Saturate, ..o };
    let store = make("values.h5ad", &out, &o).unwrap();
    assert_eq!(store.data::<u8>().unwrap(), [255, 0, 2]);
    let cast = store.manifest().cast.unwrap();
    assert_eq!((cast.from, cast.policy), (Dtype::Float32, Policy::Saturate));
    let auto = ConvertOptions { dtype: ValueDtype::Auto, ..options("X") };
    assert_eq!(make("values.h5ad", &dir.path().join("a"), &auto).unwrap().layout().dtype, Dtype::Float32);
}

#[test]
fn contradictions_are_refused_with_their_place() {
    let dir = tempfile::tempdir().unwrap();
    for (file, object, words) in [
        ("outside.h5ad", "/X/indices", "column index 999 in row 1 (expected below 3)"),
        ("wrapped.h5ad", "/X/indptr", "expected no negative value, got -5 at line 2"),
    ] {
        let e = make(file, &dir.path().join("s"), &options("X")).unwrap_err();
        assert_eq!((e.kind(), e.object()), (Kind::Malformed, Some(object)));
        assert!(e.message().contains(words), "{e}");
        assert!(e.file().unwrap().ends_with(file));
    }
}

#[test]
fn edits_as_scipy_makes_them() {
    let dir = tempfile::tempdir().unwrap();
    let edit = |name: &str, edit: Edit| {
        lines(
            &make("unsorted.h5ad", &dir.path().join(name), &ConvertOptions { edit, ..options("X") }).unwrap(),
        )
    };
    let none = Edit::default();
    let sorted = edit("sort", Edit { sort: true, ..none });
    assert_eq!(sorted[0], (vec![0, 2, 2], vec![0.0, 1.0, 3.0]));
    let summed = edit("sum", Edit { sum_duplicates: true, ..none });
    assert_eq!(summed[0], (vec![0, 2], vec![0.0, 4.0]));
    let dropped = edit("drop", Edit { drop_zeros: true, ..none });
    assert_eq!((&dropped[0], &dropped[3]), (&(vec![2, 2], vec![1.0, 3.0]), &(vec![1], vec![7.0])));
}

#[test]
fn narrow_index_arrays() {
    let dir = tempfile::tempdir().unwrap();
    for (index, indices, indptr) in [
        (IndexDtype::default(), Dtype::Int32, Dtype::Int32),
        (IndexDtype::Auto, Dtype::Int32, Dtype::Int32),
        (IndexDtype::Int32, Dtype::Int32, Dtype::Int32),
        (IndexDtype::Uint16, Dtype::Uint16, Dtype::Int32),
        (IndexDtype::Smallest, Dtype::Uint8, Dtype::Int32),
        (IndexDtype::Int64, Dtype::Int64, Dtype::Int64),
    ] {
        let out = dir.path().join(format!("{index:?}"));
        let chosen = ConvertOptions { index, force: true, ..options("X") };
        let store = make("anndata_current.h5ad", &out, &chosen).unwrap();
        assert_eq!((store.manifest().indices, store.manifest().indptr), (indices, indptr));
        let length = |name: &str| std::fs::metadata(out.join(name)).unwrap().len() as usize;
        assert_eq!(length("indptr.bin"), 61 * indptr.size());
        assert_eq!(length("indices.bin"), 300 * indices.size());
        check(&store, &expected()["stores"]["anndata_current.h5ad"]["X"]);
        let narrow = (store.indices::<u8>().is_ok(), store.indices::<u16>().is_ok());
        assert_eq!(narrow, (indices == Dtype::Uint8, indices == Dtype::Uint16));
        let file = fixture("anndata_current.h5ad");
        for (args, code) in
            [(vec!["verify", path_str(&out)], 0), (vec!["verify", path_str(&file), path_str(&out)], 0)]
        {
            assert_eq!(run(&args).0, code, "{index:?} {args:?}");
        }
    }
    // the last index that uint16 holds is 65,535
    let dir = tempfile::tempdir().unwrap();
    for (genes, code) in [("65536", 0), ("65537", 2)] {
        let (file, out) = (dir.path().join("a.h5ad"), dir.path().join("a.store"));
        let made = run(&["synth", path_str(&file), "--cells", "9", "--genes", genes, "--force", "-q"]);
        assert_eq!(made.0, 0, "{}", made.2);
        let args = ["convert", path_str(&file), path_str(&out), "--index-dtype", "uint16", "--force", "-q"];
        let (got, _, err) = run(&args);
        assert!(got == code, "{err}");
        assert_eq!(
            err.contains("indices up to 65536 do not fit uint16 (see --index-dtype)"),
            code == 2,
            "{err}"
        );
        let smallest = [&args[..4], &["smallest", "--force", "-q"]].concat();
        assert_eq!(run(&smallest).0, 0);
        let width = if code == 0 { Dtype::Uint16 } else { Dtype::Int32 };
        assert_eq!(Store::open(&out).unwrap().manifest().indices, width);
        assert_eq!(run(&["verify", path_str(&file), path_str(&out)]).0, 0);
    }
}

#[test]
fn a_store_of_another_program_with_narrow_pointers_opens() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("s");
    let store = make("anndata_current.h5ad", &out, &options("X")).unwrap();
    let pointers: Vec<u8> = store.pointers().iter().flat_map(|p| (*p as i32).to_le_bytes()).collect();
    std::fs::write(out.join("indptr.bin"), pointers).unwrap();
    let meta = std::fs::read_to_string(out.join("metadata.json")).unwrap();
    let mut meta: Json = serde_json::from_str(&meta).unwrap();
    meta.as_object_mut().unwrap().remove("annmap");
    std::fs::write(out.join("metadata.json"), meta.to_string()).unwrap();
    check(&Store::open(&out).unwrap(), &expected()["stores"]["anndata_current.h5ad"]["X"]);
}

#[test]
fn a_store_is_an_input_too() {
    let dir = tempfile::tempdir().unwrap();
    let first = dir.path().join("first");
    make("anndata_current.h5ad", &first, &options("X")).unwrap();
    let second = dir.path().join("second");
    let (code, _, stderr) =
        run(&["convert", path_str(&first), path_str(&second), "--dtype", "uint8", "--index-dtype", "auto"]);
    assert_eq!(code, 0, "{stderr}");
    let store = Store::open(&second).unwrap();
    assert_eq!(store.manifest().source.as_ref().unwrap().name, "anndata_current.h5ad");
    assert_eq!(store.frames().unwrap(), Store::open(&first).unwrap().frames().unwrap());
    let mut want = expected()["stores"]["anndata_current.h5ad"]["X"].clone();
    want["dtype"] = "uint8".into();
    check(&store, &want);
}

#[test]
fn layouts_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let at = |n: &str| dir.path().join(n);
    let as_is = ConvertOptions { target: TargetLayout::Csr, ..options("X") };
    check(
        &make("anndata_current.h5ad", &at("csr"), &as_is).unwrap(),
        &expected()["stores"]["anndata_current.h5ad"]["X"],
    );
    for (matrix, n) in [("X", "x"), ("layers/csc", "c"), ("layers/dense", "d")] {
        let flip = ConvertOptions { target: TargetLayout::Flipped, ..options(matrix) };
        let flipped = make("anndata_current.h5ad", &at(n), &flip).unwrap();
        // convert the store back
        let back = at(&format!("{n} back"));
        let (code, _, stderr) = run(&["transpose", path_str(&at(n)), path_str(&back)]);
        assert_eq!(code, 0, "{stderr}");
        check(&Store::open(&back).unwrap(), &expected()["stores"]["anndata_current.h5ad"][matrix]);
        assert!(flipped.manifest().sorted == Some(true));
        let both = at(&format!("{n} both"));
        let (code, stdout, _) = run(&[
            "convert",
            "--layout",
            "both",
            "--matrix",
            matrix,
            path_str(&fixture("anndata_current.h5ad")),
            path_str(&both),
        ]);
        assert_eq!((code, stdout.lines().count()), (0, 2));
        for layout in ["csr", "csc"] {
            let store = Store::open(both.join(layout)).unwrap();
            assert_eq!(store.layout().orientation.name(), layout);
            let other =
                if store.layout().orientation == flipped.layout().orientation { at(n) } else { back.clone() };
            for file in ["data.bin", "indices.bin", "indptr.bin", "obs.arrow", "var.arrow"] {
                let bytes = |p: &Path| std::fs::read(p.join(file)).unwrap();
                assert_eq!(bytes(&both.join(layout)), bytes(&other), "{matrix} {layout} {file}");
            }
        }
        assert_eq!(run(&["verify", path_str(&both)]).0, 0);
    }
}

#[test]
fn one_giant_chunk_is_never_held_whole() {
    let dir = tempfile::tempdir().unwrap();
    let row: Vec<u8> = (0..256u32).flat_map(|i| ((i % 8 + 1) as f32).to_le_bytes()).collect();
    for (n, target) in [TargetLayout::Stored, TargetLayout::Flipped].into_iter().enumerate() {
        // The two chunks have 34 MiB each.
        let o = ConvertOptions { target, budget: Budget::new(24 << 20), ..options("X") };
        let store = make("giant.h5ad", &dir.path().join(n.to_string()), &o).unwrap();
        assert_eq!((store.layout().shape(), store.layout().entries), ([35_200, 256], 9_011_200));
        match target {
            TargetLayout::Stored => {
                for line in [0, 17_000, 35_199] {
                    let (minor, values) = store.line(line).unwrap();
                    assert!(minor.into_iter().eq(0..256) && values == row);
                }
            }
            _ => {
                let (minor, values) = store.line(11).unwrap();
                assert!(minor.into_iter().eq(0..35_200));
                assert!(values.chunks(4).all(|v| v == 4f32.to_le_bytes()));
            }
        }
    }
}
