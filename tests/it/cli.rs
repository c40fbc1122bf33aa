//! Tests of the command line itself.

use crate::support::{fixture, path_str, run};
use serde_json::Value as Json;

#[test]
fn help_version_and_usage() {
    let (code, stdout, _) = run(&["--help"]);
    assert_eq!(code, 0);
    for command in ["info", "ls", "convert", "transpose", "verify", "bench", "completions", "man"] {
        assert!(stdout.contains(&format!("  {command} ")), "{stdout}");
    }
    assert!(stdout.contains("130 interrupted"));
    assert_eq!(run(&["--version"]).1.trim(), concat!("annmap ", env!("CARGO_PKG_VERSION")));
    assert_eq!(run(&[]).0, 2);
    assert_eq!(run(&["convert"]).0, 2);
    let file = fixture("values.h5ad");
    let (code, _, stderr) = run(&["convert", path_str(&file), "/tmp/x", "--dtype", "u8"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("unknown dtype 'u8'"), "{stderr}");
}

#[test]
fn info_for_people_and_for_programs() {
    let file = fixture("anndata_current.h5ad");
    let (code, stdout, _) = run(&["info", path_str(&file)]);
    assert_eq!(code, 0);
    for words in [
        "AnnData (0.8 or later), 60 × 25",
        "csr_matrix 60 × 25 float32, 300 entries",
        "stage: ordered category of 3",
    ] {
        assert!(stdout.contains(words), "{stdout}");
    }
    let (code, stdout, _) = run(&["info", "--json", path_str(&file)]);
    assert_eq!(code, 0);
    let json: Json = serde_json::from_str(&stdout).unwrap();
    assert_eq!(json["shape"], serde_json::json!([60, 25]));
    let x = json["elements"].as_array().unwrap().iter().find(|e| e["path"] == "X").unwrap();
    assert_eq!((x["nnz"].as_u64(), x["filters"][0].as_str()), (Some(300), Some("gzip")));
    for other in ["tenx_v2.h5", "tenx_v3.h5", "genes.loom", "anndata_06.h5ad", "anndata_07.h5ad"] {
        assert_eq!(run(&["info", path_str(&fixture(other))]).0, 0, "{other}");
    }
}

#[test]
fn info_reports_what_cannot_be_described_and_goes_on() {
    let (code, stdout, _) = run(&["info", path_str(&fixture("too_large.h5ad"))]);
    assert_eq!(code, 0);
    assert!(stdout.contains("17,592,186,044,416 entries"), "{stdout}");
}

#[test]
fn a_run_tells_what_it_made() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("s");
    let file = fixture("anndata_current.h5ad");
    let (code, stdout, stderr) = run(&[
        "convert",
        path_str(&file),
        path_str(&out),
        "--json",
        "--progress",
        "json",
        "--matrix",
        "layers/csc",
    ]);
    assert_eq!(code, 0, "{stderr}");
    let json: Json = serde_json::from_str(stdout.trim()).unwrap();
    assert_eq!(json["encoding-type"], "csc_matrix");
    assert_eq!(json["sorted_indices"], true);
    let last: Json = serde_json::from_str(stderr.lines().last().unwrap()).unwrap();
    assert_eq!((last["last"].as_bool(), &last["bytes"]), (Some(true), &last["total"]));
    assert_eq!(run(&["info", path_str(&out)]).0, 0);
    let (code, stdout, stderr) = run(&["convert", path_str(&file), path_str(&out), "--force", "-q"]);
    assert_eq!((code, stdout.as_str(), stderr.as_str()), (0, "", ""));
}

#[test]
fn an_unknown_matrix_lists_those_there_are() {
    let (code, _, stderr) =
        run(&["convert", path_str(&fixture("anndata_current.h5ad")), "/tmp/never", "--matrix", "layers/no"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("X, raw/X, layers/csc, layers/dense, obsp/graph"), "{stderr}");
}

#[test]
fn scripts_and_pages() {
    for shell in ["bash", "zsh", "fish"] {
        let (code, stdout, _) = run(&["completions", shell]);
        assert!(code == 0 && stdout.contains("annmap") && stdout.contains("convert"), "{shell}");
    }
    let (code, stdout, _) = run(&["man"]);
    assert!(code == 0 && stdout.contains(".TH") && stdout.contains("index\\-dtype"));
}

#[test]
fn bench_reads_rows_and_columns_of_each_store() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("both");
    let file = fixture("anndata_current.h5ad");
    assert_eq!(run(&["convert", path_str(&file), path_str(&out), "--layout", "both", "-q"]).0, 0);
    let (code, stdout, stderr) = run(&["bench", path_str(&out), "--json", "--seconds", "0.02"]);
    assert_eq!(code, 0, "{stderr}");
    let lines: Vec<Json> = stdout.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(lines.iter().map(|l| l["layout"].as_str().unwrap()).collect::<Vec<_>>(), ["csr", "csc"]);
    assert!(lines.iter().all(|l| l["rows"]["reads"].as_u64() > Some(0) && l["columns"]["per_second"].as_f64() > Some(0.0)));
    assert_eq!(run(&["bench", path_str(&out), "--seconds", "0"]).0, 2);
}

#[test]
fn lines_and_what_lies_across_them_agree() {
    use annmap::matrix::Source;
    let dir = tempfile::tempdir().unwrap();
    for (n, file) in ["unsorted.h5ad", "anndata_current.h5ad"].into_iter().enumerate() {
        let out = dir.path().join(n.to_string());
        assert_eq!(run(&["convert", path_str(&fixture(file)), path_str(&out), "-q"]).0, 0);
        let store = annmap::store::Store::open(&out).unwrap();
        let layout = *store.layout();
        let mut count = 0;
        for minor in 0..layout.minor {
            let (lines, values) = store.across(minor).unwrap();
            count += lines.len() as u64;
            assert_eq!(values.len(), lines.len() * layout.dtype.size());
            assert!(lines.iter().all(|l| store.line(u64::from(*l)).unwrap().0.contains(&(minor as u32))));
        }
        assert_eq!(count, layout.entries);
        assert!(store.across(layout.minor).is_err() && store.line(layout.lines).is_err());
    }
}

/// A store in memory is read as one in a directory.
#[test]
fn a_store_is_opened_from_any_sources() {
    use annmap::matrix::{Budget, InMemory, Source};
    use annmap::store::Store;
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("s");
    assert_eq!(run(&["convert", path_str(&fixture("anndata_current.h5ad")), path_str(&out), "-q"]).0, 0);
    let files: std::collections::HashMap<String, Vec<u8>> = std::fs::read_dir(&out)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read(&path).unwrap()))
        .collect();
    let (there, copy) = (Store::open(&out).unwrap(), files.clone());
    let memory = Store::from_sources(move |name| {
        Ok(copy.get(name).map(|bytes| Box::new(bytes.clone()) as Box<dyn annmap::ReadAt>))
    });
    let memory = memory.unwrap();
    let read = |store: &Store| InMemory::read(store, Budget::new(64 << 20), &()).unwrap();
    assert_eq!(read(&memory), read(&there));
    assert_eq!(memory.data::<f32>().unwrap(), there.data::<f32>().unwrap());
    assert_eq!(memory.line(1).unwrap(), there.line(1).unwrap());
    assert_eq!(memory.frames().unwrap(), there.frames().unwrap());
    assert_eq!(memory.layout(), there.layout());
    let none = Store::from_sources(move |name| {
        let bytes = files.get(name).filter(|_| name != "data.bin");
        Ok(bytes.map(|bytes| Box::new(bytes.clone()) as Box<dyn annmap::ReadAt>))
    });
    let error = none.map(drop).unwrap_err();
    assert!(error.file().unwrap().ends_with("data.bin"), "{error}");
}

/// A store that says that it is sorted, and is not any more: every entry is found nevertheless.
#[test]
fn what_the_metadata_says_of_the_order_is_checked() {
    use annmap::matrix::Source;
    use annmap::store::Store;
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("s");
    assert_eq!(run(&["convert", path_str(&fixture("anndata_current.h5ad")), path_str(&out), "-q"]).0, 0);
    let store = Store::open(&out).unwrap();
    assert_eq!(store.manifest().sorted, Some(true));
    let ends: Vec<usize> = store.pointers().iter().map(|p| *p as usize).collect();
    let line = ends.windows(2).position(|w| w[1] - w[0] > 1).unwrap();
    let (first, last) = (ends[line], ends[line + 1] - 1);
    let mut indices = std::fs::read(out.join("indices.bin")).unwrap();
    let size = indices.len() / ends[ends.len() - 1];
    for byte in 0..size {
        indices.swap(first * size + byte, last * size + byte);
    }
    std::fs::write(out.join("indices.bin"), &indices).unwrap();
    let changed = Store::open(&out).unwrap();
    for minor in [indices[first * size], indices[last * size]] {
        let (lines, _) = changed.across(u64::from(minor)).unwrap();
        assert!(lines.contains(&(line as u32)), "{minor}: {lines:?}");
    }
}
