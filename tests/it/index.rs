//! Maps of HDF5 files: their ranges and bytes, put together as a zarr store, hold what the file holds.

use crate::support::{fixture, names, path_str, run};
use annmap::codec::{Compression, EncodeWork, Filters};
use annmap::dtype::Datatype;
use annmap::hdf5::{Chunks, Group, Libver, StoredValue, Storing, Writer};
use annmap::index::{IndexOptions, index};
use annmap::tree::Container;
use annmap::{Dtype, Kind, Limits, Observer, Strings};
use serde_json::Value as Json;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Options with a URL.
fn options() -> IndexOptions {
    let mut options = IndexOptions::default();
    options.url = Some("https://host/file".into());
    options.force = true;
    options
}

fn references(map: &Path) -> serde_json::Map<String, Json> {
    let json: Json = serde_json::from_slice(&fs::read(map).unwrap()).unwrap();
    assert_eq!(json["version"], 1);
    json["refs"].as_object().unwrap().clone()
}

fn from_base64(text: &str) -> Vec<u8> {
    let digit = |b: u8| match b {
        b'A'..=b'Z' => b - b'A',
        b'a'..=b'z' => b - b'a' + 26,
        b'0'..=b'9' => b - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => panic!("{b}"),
    };
    let mut out = Vec::new();
    for four in text.trim_end_matches('=').as_bytes().chunks(4) {
        let n = four.iter().fold(0u32, |n, b| n << 6 | u32::from(digit(*b))) << (6 * (4 - four.len()));
        out.extend_from_slice(&n.to_be_bytes()[1..four.len()]);
    }
    out
}

/// The store that the map of `file` stands for, as a folder.
fn unfolded(file: &Path, map: &Path, folder: &Path) {
    let bytes = fs::read(file).unwrap();
    for (key, value) in references(map) {
        let content = match &value {
            Json::String(text) => match text.strip_prefix("base64:") {
                Some(encoded) => from_base64(encoded),
                None => text.clone().into_bytes(),
            },
            range => {
                assert_eq!(range[0], "https://host/file", "{key}");
                let (at, len) = (range[1].as_u64().unwrap() as usize, range[2].as_u64().unwrap() as usize);
                bytes[at..at + len].to_vec()
            }
        };
        let path = folder.join(key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

/// Every array of `file` that is in the map must have the same elements there. Returns their number.
fn compare(file: &Path) -> usize {
    let dir = tempfile::tempdir().unwrap();
    let (map, folder) = (dir.path().join("map.json"), dir.path().join("store"));
    let report = index(file, &map, &options(), &()).unwrap();
    unfolded(file, &map, &folder);
    let store = Container::open(&folder, Limits::default()).unwrap().root().unwrap();
    let root = Container::open(file, Limits::default()).unwrap().root().unwrap();
    let mut compared = 0;
    for entry in root.walk() {
        let Ok(node) = entry.node() else { continue };
        let gone = report
            .left_out
            .iter()
            .any(|l| entry.path() == l.path || entry.path().starts_with(&format!("{}/", l.path)));
        if !node.is_array() || gone || node.is_null() {
            continue;
        }
        let (want, got) = (node.array().unwrap(), store.descend(entry.path()).unwrap().array().unwrap());
        let place = format!("{} {}", file.display(), entry.path());
        // records of text have other members: characters of a fixed number
        if want.datatype().name().contains("string") && want.datatype().name().contains("compound") {
            continue;
        }
        assert_eq!(got.canonical_crc().unwrap(), want.canonical_crc().unwrap(), "{place}");
        compared += 1;
    }
    assert_eq!(report.bytes, map.metadata().unwrap().len());
    compared
}

#[test]
fn maps_of_the_fixtures_hold_what_the_files_hold() {
    let files = [
        "anndata_06.h5ad",
        "anndata_07.h5ad",
        "anndata_current.h5ad",
        "big_endian.h5ad",
        "empty.h5ad",
        "giant.h5ad",
        "latest.h5",
        "storage.h5",
        "tenx_v3.h5",
        "unsorted.h5ad",
        "wide.h5ad",
    ];
    let compared: usize = files.iter().map(|name| compare(&fixture(name))).sum();
    assert!(compared > 120, "{compared}");
}

#[test]
fn the_map_of_an_h5ad_is_the_same_anndata() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    for (n, name) in ["anndata_current.h5ad", "anndata_07.h5ad"].into_iter().enumerate() {
        let (map, folder) = (at(&format!("{n}.json")), at(&format!("{n}.zarr")));
        let report = index(fixture(name), &map, &options(), &()).unwrap();
        assert!(report.left_out.is_empty() && report.ranges > 5, "{report:?}");
        unfolded(&fixture(name), &map, &folder);
        let (code, out, err) = run(&["verify", path_str(&fixture(name)), path_str(&folder)]);
        assert_eq!(code, 0, "{name}: {out}{err}");
    }
}

/// A file with chunks that skipped filters, in one piece without filters, and with strings.
fn several(path: &Path) {
    let mut w = Writer::create(path, true, Libver::Earliest).unwrap();
    let mut root = Group::new();
    let filters = Filters { shuffle: true, compression: Compression::Gzip(4), fletcher32: true };
    let mut chunks = Chunks::new(Datatype::of(Dtype::Uint32), &[4500], &[1000], filters, false).unwrap();
    let (mut work, mut x) = (EncodeWork::default(), 1u64);
    for n in 0..5u32 {
        // one chunk is noise, which deflate does not make smaller
        let numbers = (0..1000u32).map(|_| {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            if n == 3 { (x >> 32) as u32 } else { (x >> 56) as u32 }
        });
        let bytes: Vec<u8> = numbers.flat_map(u32::to_le_bytes).collect();
        let encoded = chunks.encode(&bytes, &mut work).unwrap();
        chunks.push(&mut w, &encoded).unwrap();
    }
    root.link("mixed", chunks.finish(&mut w, &[]).unwrap());
    // 9 MB in one piece: two parts of 4 MiB would not do, three are not equal
    let long: Vec<u8> = (0..1_150_001u64).flat_map(u64::to_le_bytes).collect();
    let long = StoredValue::numbers(Dtype::Uint64, &[1_150_001], long);
    root.link("long", w.dataset(&long, &[], &Storing::default()).unwrap());
    let strings: Strings = (0..40_000).map(|n| format!("näme {n}")).collect();
    let texts = w.texts(&strings, &[40_000]).unwrap();
    root.link("texts", w.dataset(&texts, &[], &Storing::default()).unwrap());
    w.finish(&root).unwrap();
}

#[test]
fn pieces_are_cut_and_chunks_that_skipped_filters_are_encoded_anew() {
    let dir = tempfile::tempdir().unwrap();
    let (file, map) = (dir.path().join("a.h5"), dir.path().join("map.json"));
    several(&file);
    assert_eq!(compare(&file), 3);
    index(&file, &map, &options(), &()).unwrap();
    let refs = references(&map);
    let kinds: Vec<bool> = (0..5).map(|n| refs[&format!("mixed/{n}")].is_array()).collect();
    assert_eq!(kinds, [true, true, true, false, true]);
    assert!(refs["long/2"].is_array() && refs.get("long/3").is_none());
    assert!(refs["texts/1"].is_string() && refs.get("texts/2").is_none());
}

#[test]
fn the_same_bytes_every_time() {
    let dir = tempfile::tempdir().unwrap();
    let made = ["1", "4"].map(|threads| {
        let map = dir.path().join(format!("{threads}.json"));
        let file = fixture("anndata_current.h5ad");
        let args = ["index", path_str(&file), path_str(&map), "--url", "x", "-q", "--threads", threads];
        assert_eq!(run(&args), (0, String::new(), String::new()));
        fs::read(map).unwrap()
    });
    assert!(made[0] == made[1] && made[0].ends_with(b"\n}}\n"));
}

#[test]
fn what_takes_too_much_is_left_out_as_whole_elements() {
    let dir = tempfile::tempdir().unwrap();
    let map = dir.path().join("map.json");
    let mut few = options();
    few.inline_bytes = 0;
    let report = index(fixture("anndata_current.h5ad"), &map, &few, &()).unwrap();
    let gone: Vec<&str> = report.left_out.iter().map(|l| l.path.as_str()).collect();
    assert!(gone.contains(&"/obs") && gone.contains(&"/var"), "{gone:?}");
    let refs = references(&map);
    assert!(refs.contains_key("X/.zgroup") || refs.contains_key("X/.zarray"));
    assert!(!refs.keys().any(|key| key.starts_with("obs/") || key.starts_with("var/")));
    // virtual and external parts, links in circles and to other files, are named
    let report = index(fixture("parts.h5"), &map, &options(), &()).unwrap();
    let gone = |path: &str| report.left_out.iter().find(|l| l.path == path).map(|l| l.reason.clone());
    assert!(gone("/joined").unwrap().contains("virtual"), "{report:?}");
    assert!(gone("/raw").unwrap().contains("external"), "{report:?}");
    assert!(gone("/circle").is_some(), "{report:?}");
}

#[test]
fn the_command() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let (file, map) = (at("a.h5ad"), at("map.json"));
    fs::copy(fixture("anndata_current.h5ad"), &file).unwrap();
    let (code, out, _) = run(&["index", path_str(&file), path_str(&map), "--json"]);
    let report: Json = serde_json::from_str(&out).unwrap();
    assert_eq!((code, report["url"].as_str()), (0, Some(path_str(&file))));
    assert_eq!(report["bytes"], map.metadata().unwrap().len());
    assert_eq!(report["left_out"], serde_json::json!([]));
    let refs = references(&map);
    let ranges = refs.values().filter(|v| v.is_array()).count();
    assert_eq!(report["ranges"], ranges);
    assert!(refs.values().all(|v| v.is_string() || v[0] == path_str(&file)));
    // the output exists; it is the input; it is no name of a file
    let (code, _, err) = run(&["index", path_str(&file), path_str(&map)]);
    assert!(code == 5 && err.contains("--force"), "{err}");
    assert_eq!(run(&["index", path_str(&file), path_str(&map), "--force", "-q"]).0, 0);
    let before = fs::read(&file).unwrap();
    let (code, _, err) = run(&["index", path_str(&file), path_str(&file), "--force"]);
    assert!(code == 2 && err.contains("also the input"), "{err}");
    assert!(fs::read(&file).unwrap() == before);
    for (args, code) in [
        (["index", "-", "x.json"], 2),
        (["index", path_str(&file), "-"], 2),
        (["index", path_str(&fixture("anndata_v3.zarr.zip")), path_str(&at("z.json"))], 4),
        (["index", path_str(&fixture("expected.json")), path_str(&at("z.json"))], 3),
        (["index", path_str(&at("nothing.h5ad")), path_str(&at("z.json"))], 5),
    ] {
        let (got, _, err) = run(&args);
        assert_eq!(got, code, "{args:?}: {err}");
    }
    assert_eq!(names(dir.path()), ["a.h5ad", "map.json"]);
}

/// Stops after a number of questions whether to.
struct Stopping(AtomicUsize);

impl Observer for Stopping {
    fn cancelled(&self) -> bool {
        self.0.fetch_sub(1, Ordering::Relaxed) == 0
    }
}

#[test]
fn a_run_that_is_stopped_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (file, map) = (fixture("anndata_current.h5ad"), dir.path().join("map.json"));
    for questions in [0, 1, 5, 20, 40] {
        let stopping = Stopping(AtomicUsize::new(questions));
        assert_eq!(index(&file, &map, &options(), &stopping).unwrap_err().kind(), Kind::Cancelled);
        assert!(names(dir.path()).is_empty());
    }
    fs::write(&map, "old").unwrap();
    assert!(index(&file, &map, &options(), &Stopping(AtomicUsize::new(20))).is_err());
    assert_eq!((names(dir.path()), fs::read(&map).unwrap()), (vec!["map.json".into()], b"old".to_vec()));
}

/// Groups that each link twice to the next have more paths than can be written.
#[test]
fn links_that_multiply_end_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let (file, map): (PathBuf, PathBuf) = (dir.path().join("a.h5"), dir.path().join("map.json"));
    let mut w = Writer::create(&file, false, Libver::Earliest).unwrap();
    let mut next = w.dataset(&StoredValue::integer(1), &[], &Storing::default()).unwrap();
    for _ in 0..40 {
        let mut group = Group::new();
        group.link("a", next);
        group.link("b", next);
        next = w.group(&group).unwrap();
    }
    let mut root = Group::new();
    root.link("all", next);
    w.finish(&root).unwrap();
    let e = index(&file, &map, &options(), &()).unwrap_err();
    assert!(e.kind() == Kind::Limit && e.message().contains("too often"), "{e}");
    assert_eq!(names(dir.path()), ["a.h5"]);
}

#[test]
fn cut_files_end_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let (file, map) = (dir.path().join("a.h5ad"), dir.path().join("map.json"));
    let bytes = fs::read(fixture("anndata_current.h5ad")).unwrap();
    for len in (0..bytes.len()).step_by(997) {
        fs::write(&file, &bytes[..len]).unwrap();
        assert!(index(&file, &map, &options(), &()).is_err(), "{len}");
        assert_eq!(names(dir.path()), ["a.h5ad"]);
    }
}
