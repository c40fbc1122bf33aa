//! `doctor` reports what is wrong; `convert --salvage` keeps what is readable.

use crate::support::{fixture, path_str, run};
use annmap::dataset::AnnData;
use serde_json::Value as Json;

fn doctor(name: &str) -> (i32, Json) {
    let (code, out, err) = run(&["doctor", "--json", path_str(&fixture(name))]);
    assert_eq!(err, "");
    (code, serde_json::from_str(&out).unwrap())
}

fn texts(report: &Json, weight: &str) -> Vec<String> {
    let findings = report["findings"].as_array().unwrap();
    let of = findings.iter().filter(|f| f["weight"] == weight);
    of.map(|f| format!("{}: {}", f["object"].as_str().unwrap(), f["text"].as_str().unwrap())).collect()
}

#[test]
fn healthy_files_are_healthy() {
    for name in
        ["anndata_current.h5ad", "anndata_06.h5ad", "giant.h5ad", "genes.loom", "tenx_v3.h5", "storage.h5"]
    {
        let (code, report) = doctor(name);
        assert_eq!((code, &report["healthy"]), (0, &Json::Bool(true)), "{name}: {report}");
    }
}

/// Wherever it is asked, and never as a finding.
#[test]
fn an_examination_stops_when_it_is_cancelled() {
    use annmap::matrix::Budget;
    use annmap::{Kind, Limits, Observer, doctor::examine};
    use std::sync::atomic::{AtomicI64, Ordering};

    /// Cancels from the given time it is asked.
    struct Until(AtomicI64);
    impl Observer for Until {
        fn cancelled(&self) -> bool {
            self.0.fetch_sub(1, Ordering::Relaxed) <= 0
        }
    }

    let file = fixture("anndata_current.h5ad");
    let run = |asked: i64| {
        let observer = Until(AtomicI64::new(asked));
        let done = examine(&file, Limits::default(), Budget::new(1 << 28), &observer);
        (done.map(|report| report.is_healthy()), observer.0.into_inner())
    };
    let (done, left) = run(1_000_000);
    let all = 1_000_000 - left;
    assert!(done.unwrap() && all > 100, "asked {all} times");
    for asked in 0..all {
        let (done, _) = run(asked);
        assert_eq!(done.unwrap_err().kind(), Kind::Cancelled, "cancelled at {asked} of {all}");
    }
}

#[test]
fn what_contradicts_itself_is_named() {
    let (code, report) = doctor("outside.h5ad");
    assert_eq!(code, 3);
    let damage = texts(&report, "damage");
    assert!(damage.iter().any(|t| t.starts_with("/X: 1 of 3 rows cannot be read: 1")), "{damage:?}");
    assert!(damage.iter().any(|t| t.contains("column index 999 in row 1")), "{damage:?}");

    let (code, report) = doctor("wrapped.h5ad");
    assert_eq!(code, 3);
    let found = texts(&report, "contradiction");
    assert!(found.iter().any(|t| t.contains("a counter of 32 bits may have overflowed")), "{found:?}");

    let (code, report) = doctor("unsorted.h5ad");
    assert_eq!(code, 3);
    assert!(texts(&report, "contradiction")[0].contains("twice"), "{report}");
    assert!(texts(&report, "notice").iter().any(|t| t.contains("do not ascend")), "{report}");

    let (code, report) = doctor("too_large.h5ad");
    assert_eq!(code, 3);
    assert!(texts(&report, "contradiction").iter().any(|t| t.contains("never written")), "{report}");
}

#[test]
fn a_damaged_chunk_loses_its_rows_and_no_others() {
    let dir = tempfile::tempdir().unwrap();
    let (file, store) = (dir.path().join("damaged.h5ad"), dir.path().join("store"));
    let mut bytes = std::fs::read(fixture("unsorted.h5ad")).unwrap();
    // Locates the stored bytes of the second chunk of values by the error that a changed byte causes.
    let whole = AnnData::open(fixture("unsorted.h5ad")).unwrap();
    let data = whole.root().descend("X/data").unwrap().array().unwrap();
    assert!(data.chunk_shape().is_some());
    let at = (0..bytes.len() - 4)
        .rev()
        .find(|&at| bytes[at..].starts_with(&[0x78, 0x5e]) || bytes[at..].starts_with(&[0x78, 0x9c]));
    let at = at.expect("a zlib stream");
    bytes[at + 3] ^= 0xff;
    std::fs::write(&file, &bytes).unwrap();

    let (code, out, _) = run(&["doctor", path_str(&file)]);
    assert_eq!(code, 3, "{out}");
    assert!(out.contains("rows cannot be read") && out.contains("chunk ["), "{out}");

    let (code, _, err) = run(&["convert", path_str(&file), path_str(&store)]);
    assert_eq!(code, 3, "{err}");
    let (code, out, err) = run(&["convert", "--salvage", path_str(&file), path_str(&store)]);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("lost: rows"), "{out}");
    let meta: Json =
        serde_json::from_str(&std::fs::read_to_string(store.join("metadata.json")).unwrap()).unwrap();
    let lost = meta["annmap"]["salvaged"]["rows"].as_array().unwrap();
    assert!(!lost.is_empty());
    assert_eq!(run(&["verify", path_str(&store)]).0, 0);
    assert!(meta["nnz"].as_u64().unwrap() < 7);
}

/// A chunk that ends early, as libhdf5 accepts it: `ls` reads zeros for what is missing and warns, `doctor` explains,
/// `convert` leaves its rows out only if asked to.
#[test]
fn a_chunk_that_ends_early_is_explained() {
    use annmap::anndata::{AnnDataWriter, StorageOptions};
    use annmap::array::MadeRows;
    use annmap::codec::{Compression, Filters};
    use annmap::hdf5::{File, Group, Libver, StoredValue, Storing, Writer};
    use annmap::{Dtype, matrix::Budget, table::Frame, tree::Location};

    let dir = tempfile::tempdir().unwrap();
    let (path, store) = (dir.path().join("short.h5ad"), dir.path().join("store"));
    let at = |name: &str| Location::root().child(name);
    let values: Vec<u8> = (0..240u16).flat_map(|n| (n / 5 + 1).to_le_bytes()).collect();
    let rows = |range: std::ops::Range<u64>, out: &mut [u8]| {
        out.copy_from_slice(&values[range.start as usize * 8..range.end as usize * 8]);
        Ok(())
    };
    let filters = Filters { compression: Compression::Gzip(6), ..Filters::default() };
    let storage = StorageOptions { filters, chunk: 120, ..StorageOptions::default() };
    let mut w = AnnDataWriter::create(&path, false, storage, Budget::default(), &()).unwrap();
    w.dense(&at("X"), &MadeRows::new(Dtype::Uint16, &[60, 4], &rows)).unwrap();
    w.frame(&at("obs"), &Frame::unnamed(60)).unwrap();
    w.frame(&at("var"), &Frame::unnamed(4)).unwrap();
    w.finish().unwrap();
    // the stream of 20 rows in place of that of 30: bytes after the end of a stream do not count
    let twenty = dir.path().join("twenty.h5");
    let mut w = Writer::create(&twenty, false, Libver::Earliest).unwrap();
    let storing = Storing { chunk: Some(vec![20, 4]), filters, unlimited: false };
    let value = StoredValue::numbers(Dtype::Uint16, &[20, 4], values[240..400].to_vec());
    let mut root = Group::new();
    root.link("X", w.dataset(&value, &[], &storing).unwrap());
    w.finish(&root).unwrap();
    let stored = |path: &std::path::Path, n: usize| {
        let x = File::open(path).unwrap().object("/X").unwrap().dataset().unwrap();
        let range = x.chunk_extent(n).unwrap().unwrap();
        range.start as usize..range.end as usize
    };
    let short = std::fs::read(&twenty).unwrap()[stored(&twenty, 0)].to_vec();
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[stored(&path, 1)][..short.len()].copy_from_slice(&short);
    std::fs::write(&path, bytes).unwrap();

    let (code, out, err) = run(&["ls", "--crc", path_str(&path), "/X"]);
    assert_eq!(code, 0, "{err}");
    assert!(err.contains("warning: /X: 1 chunks end before their last element"), "{err}");
    let mut expected = values.clone();
    expected[400..].fill(0);
    assert!(out.contains(&format!("crc {:08x}", crc32fast::hash(&expected))), "{out}");

    let (code, out, _) = run(&["doctor", path_str(&path)]);
    assert!(code == 3 && out.contains("ends early (expected 240 bytes, got 160); libhdf5 returns"), "{out}");
    let (code, _, err) = run(&["convert", path_str(&path), path_str(&store)]);
    assert!(code == 3 && err.contains("ends early"), "{err}");
    let (code, out, err) = run(&["convert", "--salvage", path_str(&path), path_str(&store)]);
    assert!(code == 0 && out.contains("lost: rows"), "{out}{err}");
}
