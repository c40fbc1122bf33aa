//! Tests of Matrix Market files and tables of text.

use crate::support::{names, path_str, run};
use serde_json::Value as Json;
use std::fmt::Write;
use std::path::Path;

/// The three arrays of a store, and its metadata.
fn arrays(store: &Path) -> (Json, [Vec<u8>; 3]) {
    let read = |name: &str| std::fs::read(store.join(name)).unwrap();
    let metadata = serde_json::from_slice(&read("metadata.json")).unwrap();
    (metadata, ["data.bin", "indices.bin", "indptr.bin"].map(read))
}

fn convert(input: &Path, output: &Path, more: &[&str]) {
    let args = [&["convert", path_str(input), path_str(output), "-q"], more].concat();
    let (code, _, stderr) = run(&args);
    assert_eq!((code, stderr.as_str()), (0, ""), "{args:?}");
}

/// A Matrix Market file of 400 × 1000 in the order of its columns, and the same as CSV.
fn large(dir: &Path) -> [std::path::PathBuf; 2] {
    let value = |row: u64, column: u64| {
        let n = (row * 7919 + column * 104_729) % 1009;
        if n < 300 { n } else { 0 }
    };
    let (mut entries, mut count) = (String::new(), 0);
    for column in 0..1000 {
        for row in (0..400).filter(|row| value(*row, column) > 0) {
            writeln!(entries, "{} {} {}", row + 1, column + 1, value(row, column)).unwrap();
            count += 1;
        }
    }
    let (mtx, csv) = (dir.join("m.mtx"), dir.join("t.csv"));
    let head = format!("%%MatrixMarket matrix coordinate integer general\n400 1000 {count}\n");
    std::fs::write(&mtx, head + &entries).unwrap();
    let mut table = format!("cell,{}\n", (0..1000).map(|c| format!("g{c}")).collect::<Vec<_>>().join(","));
    for row in 0..400 {
        let values = (0..1000).map(|column| value(row, column).to_string()).collect::<Vec<_>>();
        writeln!(table, "c{row},{}", values.join(",")).unwrap();
    }
    std::fs::write(&csv, table).unwrap();
    [mtx, csv]
}

#[test]
fn any_budget_and_thread_count_give_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let [mtx, csv] = large(dir.path());
    let at = |name: &str| dir.path().join(name);
    convert(&mtx, &at("want"), &[]);
    let want = arrays(&at("want"));
    assert_eq!(want.0["dtypes"]["data"], "float32");
    for (i, input) in [&mtx, &csv].into_iter().enumerate() {
        for (j, more) in [["--memory", "3M"], ["--threads", "1"], ["--threads", "3"]].iter().enumerate() {
            let out = at(&format!("got{i}{j}"));
            convert(input, &out, more);
            assert!(arrays(&out).1 == want.1, "{input:?} {more:?}");
        }
    }
    assert_eq!(names(dir.path()).len(), 9, "temporary files stay: {:?}", names(dir.path()));
}

#[test]
fn integers_and_reals_are_exact() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let c = "%%MatrixMarket matrix coordinate";
    std::fs::write(at("i.mtx"), format!("{c} integer general\n2 2 2\n1 1 16777217\n2 1 3\n")).unwrap();
    convert(&at("i.mtx"), &at("i"), &[]);
    let (metadata, [data, ..]) = arrays(&at("i"));
    assert_eq!(metadata["dtypes"]["data"], "int64");
    assert_eq!(data, [16_777_217i64, 3].map(i64::to_le_bytes).concat());
    convert(&at("i.mtx"), &at("i32"), &["--dtype", "int32"]);
    assert_eq!(arrays(&at("i32")).1[0], [16_777_217i32, 3].map(i32::to_le_bytes).concat());
    let (code, _, stderr) =
        run(&["convert", path_str(&at("i.mtx")), path_str(&at("x")), "--dtype", "uint16"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("value 16777217 in row 0, column 0 does not fit uint16"), "{stderr}");

    std::fs::write(at("r.csv"), "c,a,b\nx,1e39,0.1\ny,0,2\n").unwrap();
    convert(&at("r.csv"), &at("r"), &[]);
    let (metadata, [data, ..]) = arrays(&at("r"));
    assert_eq!(metadata["dtypes"]["data"], "float64");
    assert_eq!(data, [1e39, 0.1, 2.0].map(f64::to_le_bytes).concat());
    let (code, _, stderr) =
        run(&["convert", path_str(&at("r.csv")), path_str(&at("x")), "--dtype", "float32"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("value 1e39 in row 0, column 0 does not fit float32"), "{stderr}");
    let round = ["--dtype", "float32", "--cast", "saturate"];
    convert(&at("r.csv"), &at("r32"), &round);
    assert_eq!(arrays(&at("r32")).1[0], [f32::MAX, 0.1, 2.0].map(f32::to_le_bytes).concat());
    assert!(!at("x").exists());
}

#[test]
fn a_folder_of_cells_by_genes_is_described_and_read() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join("in").join(name);
    std::fs::create_dir(dir.path().join("in")).unwrap();
    let header = "%%MatrixMarket matrix coordinate integer general\n%\n";
    std::fs::write(at("matrix.mtx"), format!("{header}3 2 3\n3 1 5\n1 2 7\n2 2 1\n")).unwrap();
    std::fs::write(at("barcodes.tsv"), "AAA\nCCC\n").unwrap();
    std::fs::write(at("features.tsv"), "g1\tA\tGene\ng2\tB\tGene\ng3\tC\tGene\n").unwrap();
    let input = dir.path().join("in");
    let (code, stdout, _) = run(&["info", path_str(&input)]);
    assert_eq!(code, 0);
    assert!(stdout.contains("Matrix Market (coordinate, integer, general), 2 × 3, 3 entries"), "{stdout}");
    assert!(stdout.contains("barcodes.tsv") && stdout.contains("features.tsv"), "{stdout}");
    convert(&input, &dir.path().join("s"), &[]);
    let (metadata, [data, indices, _]) = arrays(&dir.path().join("s"));
    assert_eq!(metadata["shape"], serde_json::json!([2, 3]));
    assert_eq!(data, [5f32, 7.0, 1.0].map(f32::to_le_bytes).concat());
    assert_eq!(indices, [2i32, 0, 1].map(i32::to_le_bytes).concat());
}

#[test]
fn info_of_several_files_of_any_kind() {
    let dir = tempfile::tempdir().unwrap();
    let csv = dir.path().join("t.csv");
    std::fs::write(&csv, "cell,a,b\n\"x\ny\",1,2\n\nz,3,4\n").unwrap();
    let absent = dir.path().join("absent");
    let h5ad = crate::support::fixture("anndata_current.h5ad");
    let (code, stdout, stderr) = run(&["info", "--json", path_str(&csv), path_str(&absent), path_str(&h5ad)]);
    assert_eq!(code, 5, "{stderr}");
    assert!(stderr.contains("absent"), "{stderr}");
    let lines: Vec<Json> = stdout.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["format"], "table of text (separated by commas)");
    assert_eq!(lines[0]["shape"], serde_json::json!([2, 2]));
    assert_eq!(lines[0]["entries"], Json::Null);
    assert_eq!(lines[1]["shape"], serde_json::json!([60, 25]));
}

#[test]
fn commands_for_hdf5_say_that_a_text_is_one() {
    let dir = tempfile::tempdir().unwrap();
    let [mtx, csv] = large(dir.path());
    for (input, what) in [
        (&mtx, "expected an HDF5 file, got a Matrix Market (coordinate, integer, general) of 400 × 1000"),
        (&csv, "expected an HDF5 file, got a table of text (separated by commas) of 400 × 1000"),
    ] {
        for command in ["ls", "doctor"] {
            let (code, stdout, stderr) = run(&[command, path_str(input)]);
            assert_eq!((code, stdout.as_str()), (4, ""), "{command}");
            assert!(stderr.contains(what), "{command}: {stderr}");
        }
    }
}
