//! Zarr stores as outputs: what is written reads back, in every version, container and compression, or nothing is
//! written at all.

use crate::support::{fixture, names, path_str, run};
use annmap::Limits;
use annmap::codec::{Compression, EncodeWork, Filters};
use annmap::dtype::{Datatype, Dtype};
use annmap::tree::{
    ArrayStorage, Container, EncodedValue, Location, Node, OutputFormat, TreeWriter, ZarrFormat, ZarrVersion,
};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;
use std::path::Path;

fn zarr(version: ZarrVersion, shard: u64, zip: bool) -> OutputFormat {
    OutputFormat::Zarr(ZarrFormat { version, shard, zip })
}

fn open(path: &Path) -> Node {
    Container::open(path, Limits::default()).unwrap().root().unwrap()
}

/// Names and bytes of all files below a folder, or those of one file.
fn everything(path: &Path) -> BTreeMap<String, Vec<u8>> {
    if path.is_file() {
        return [(String::new(), fs::read(path).unwrap())].into();
    }
    let mut out = BTreeMap::new();
    for name in names(path) {
        let inner = everything(&path.join(&name));
        out.extend(inner.into_iter().map(|(rest, bytes)| (format!("{name}/{rest}"), bytes)));
    }
    out
}

fn compressions() -> impl Strategy<Value = Compression> {
    prop_oneof![
        Just(Compression::None),
        (0u8..10).prop_map(Compression::Gzip),
        Just(Compression::Zstd),
        Just(Compression::BloscLz4),
        (1u8..10).prop_map(Compression::BloscZlib),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]
    /// Arrays of any shape, in any chunks and shards, some chunks left out, with any filters, in folders and zip files.
    #[test]
    fn any_array_in_any_chunks_and_shards(
        dims in proptest::collection::vec(1u64..14, 0..4),
        chunk in proptest::collection::vec(1u64..9, 3),
        shard in prop_oneof![Just(0), 1u64..2000],
        compression in compressions(),
        shuffle: bool,
        version in prop_oneof![Just(ZarrVersion::V2), Just(ZarrVersion::V3)],
        zip: bool,
        left_out: u64,
    ) {
        let format = zarr(version, shard, zip);
        let filters = format.nearest(Filters { shuffle, compression, fletcher32: false });
        let chunk: Vec<u64> = dims.iter().zip(&chunk).map(|(d, c)| *(c.min(d))).collect();
        let n: u64 = dims.iter().product();
        let bytes: Vec<u8> = (0..n).flat_map(|i| (i * i % 91).to_le_bytes()).collect();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.zarr");
        let mut w = TreeWriter::create(&path, false, format).unwrap();
        let storage = ArrayStorage { chunk: Some(chunk.clone()), filters, unlimited: false };
        let whole = EncodedValue::numbers(Dtype::Uint64, &dims, bytes.clone());
        w.array(&Location::from_path("whole"), &whole, &[], &storage).unwrap();
        // the same array with chunks that are left out, of one dimension
        let at = Location::from_path("parts");
        let first = chunk.first().copied().unwrap_or(1);
        let line = ArrayStorage { chunk: Some(vec![first]), ..storage };
        let mut parts = w.begin_chunks(&at, &Datatype::of(Dtype::Uint64), &[n], &line).unwrap();
        parts = parts.filled_with(&7u64.to_le_bytes());
        let mut want = bytes.clone();
        let (encoder, mut work) = (parts.encoder(), EncodeWork::default());
        for (i, part) in want.chunks_mut(8 * first as usize).enumerate() {
            if left_out >> (i % 64) & 1 == 1 {
                part.chunks_exact_mut(8).for_each(|one| one.copy_from_slice(&7u64.to_le_bytes()));
                w.skip(&mut parts).unwrap();
            } else {
                let mut padded = part.to_vec();
                padded.resize(8 * first as usize, 0);
                w.push(&mut parts, &encoder.encode(&padded, &mut work).unwrap()).unwrap();
            }
        }
        w.finish_chunks(parts, &[]).unwrap();
        w.finish(&[]).unwrap();
        let root = open(&path);
        let read = root.descend("whole").unwrap().array().unwrap();
        prop_assert_eq!(read.shape(), &dims[..]);
        let read = read.read().unwrap();
        prop_assert_eq!(read.raw(), &bytes[..]);
        let read = root.descend("parts").unwrap().array().unwrap().read().unwrap();
        prop_assert_eq!(read.raw(), &want[..]);
    }

    /// A changed byte, or a missing end, of a zip file with shards ends in order: as it was read before, or with an
    /// error.
    #[test]
    fn a_damaged_shard_or_zip_file_ends_in_order(
        at in 0.0f64..1.0,
        value: u8,
        cut: bool,
        compression in compressions(),
    ) {
        let format = zarr(ZarrVersion::V3, 600, true);
        let filters = format.nearest(Filters { shuffle: true, compression, fletcher32: false });
        let mut w = TreeWriter::to_sink(Cursor::new(Vec::new()), format).unwrap();
        let bytes: Vec<u8> = (0..500u64).flat_map(|i| (i * i % 91).to_le_bytes()).collect();
        let storage = ArrayStorage { chunk: Some(vec![10]), filters, unlimited: false };
        let whole = EncodedValue::numbers(Dtype::Uint64, &[500], bytes);
        w.array(&Location::from_path("x"), &whole, &[], &storage).unwrap();
        let mut file = w.finish_sink::<Cursor<Vec<u8>>>(&[]).unwrap().into_inner();
        let at = (at * file.len() as f64) as usize;
        if cut { file.truncate(at) } else { file[at] = value }
        let container = Container::from_source(Box::new(file), Limits::default());
        if let Ok(root) = container.and_then(|c| c.root()) {
            for entry in root.walk() {
                let Some(node) = entry.node().ok().filter(|node| node.is_array()) else { continue };
                let _ = node.array().and_then(|array| array.read());
            }
        }
    }
}

/// The bytes depend on nothing but the input and the options; and back as h5ad there is no difference.
#[test]
fn the_same_bytes_for_any_threads_and_budget() {
    let dir = tempfile::tempdir().unwrap();
    let input = fixture("anndata_current.h5ad");
    for (ending, options) in [
        (".zarr", &["--chunk", "7", "--shard", "100"][..]),
        (".zarr", &["--zarr-format", "2", "--compression", "blosc-lz4", "--chunk", "7"]),
        (".zarr.zip", &["--chunk", "7", "--shard", "100", "--compression", "zstd"]),
    ] {
        let mut all = Vec::new();
        for (i, more) in [["--threads", "1"], ["--threads", "5"], ["--memory", "64M"]].iter().enumerate() {
            let out = dir.path().join(format!("{i}{ending}"));
            let args = [&["upgrade", path_str(&input), path_str(&out), "--force"], options, more].concat();
            let (code, _, stderr) = run(&args);
            assert_eq!(code, 0, "{stderr}");
            all.push(everything(&out));
        }
        assert!(all[0] == all[1] && all[1] == all[2], "{ending} {options:?}");
        let out = dir.path().join(format!("0{ending}"));
        let back = dir.path().join("back.h5ad");
        assert_eq!(run(&["upgrade", path_str(&out), path_str(&back), "--force"]).0, 0);
        for other in [&out, &back] {
            let (code, stdout, stderr) = run(&["verify", "--all", path_str(&input), path_str(other)]);
            assert_eq!(code, 0, "{stdout}{stderr}");
        }
    }
}

/// A folder is replaced with --force only if it is a store and nothing else is in it; whatever happens, no temporary
/// name remains.
#[test]
fn only_a_store_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let (input, out) = (fixture("anndata_current.h5ad"), dir.path().join("a.zarr"));
    let write = |force: bool| {
        let mut args = vec!["upgrade", path_str(&input), path_str(&out)];
        args.extend(force.then_some("--force"));
        run(&args)
    };
    assert_eq!(write(false).0, 0);
    let before = everything(&out);
    let (code, _, stderr) = write(false);
    assert!(code == 5 && stderr.contains("the output exists"), "{stderr}");
    fs::write(out.join("notes.txt"), "mine").unwrap();
    let (code, _, stderr) = write(true);
    assert!(code == 5 && stderr.contains("it holds 'notes.txt', which is not part of a store"), "{stderr}");
    assert!(out.join("notes.txt").exists());
    fs::remove_file(out.join("notes.txt")).unwrap();
    assert_eq!(write(true).0, 0);
    assert!(everything(&out) == before);
    assert_eq!(names(dir.path()), ["a.zarr"]);
}

/// Zarr has no links: an object with several is there as often, and links that grow without end are refused.
#[test]
fn objects_with_several_links_are_copied() {
    let dir = tempfile::tempdir().unwrap();
    for zip in [false, true] {
        let path = dir.path().join(format!("{zip}.zarr"));
        let mut w = TreeWriter::create(&path, false, zarr(ZarrVersion::V2, 0, zip)).unwrap();
        let (a, storage) = (Location::from_path("a"), ArrayStorage::default());
        w.array(&a.child("x"), &EncodedValue::integer(1), &[], &storage).unwrap();
        w.group(&a, &[("n".to_owned(), EncodedValue::integer(2))]).unwrap();
        w.alias(&Location::from_path("b"), &a).unwrap();
        assert!(w.alias(&Location::from_path("c"), &Location::from_path("d")).is_err());
        // what is discarded is gone, under all its names
        w.array(&Location::from_path("gone/x"), &EncodedValue::integer(3), &[], &storage).unwrap();
        w.discard(&Location::from_path("gone")).unwrap();
        w.finish(&[]).unwrap();
        let root = open(&path);
        for name in ["a", "b"] {
            let group = root.descend(name).unwrap();
            assert_eq!(group.attribute("n").unwrap().unwrap().integer().unwrap(), 2);
            assert_eq!(group.descend("x").unwrap().array().unwrap().read().unwrap().integer().unwrap(), 1);
        }
        assert!(root.child("gone").unwrap().is_none());
    }
    let path = dir.path().join("endless.zarr.zip");
    let mut w = TreeWriter::create(&path, false, zarr(ZarrVersion::V3, 0, true)).unwrap();
    w.group(&Location::from_path("0"), &[]).unwrap();
    let grow = |w: &mut TreeWriter| -> annmap::Result<()> {
        for level in 1..9 {
            let here = Location::from_path(&level.to_string());
            for n in 0..10 {
                let below = Location::from_path(&(level - 1).to_string());
                w.alias(&here.child(&n.to_string()), &below)?;
            }
            w.group(&here, &[])?;
        }
        Ok(())
    };
    let e = grow(&mut w).unwrap_err();
    assert!(e.kind() == annmap::Kind::Limit && e.message().contains("zarr has no links"), "{e}");
    drop(w);
    assert!(!path.exists());
}

/// Names that leave the store, or are those of documents, are refused, and the writer leaves nothing.
#[test]
fn names_that_zarr_does_not_have() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["..", ".", "zarr.json", ".zattrs", "a/b", ""] {
        let path = dir.path().join("a.zarr");
        let mut w = TreeWriter::create(&path, false, zarr(ZarrVersion::V3, 0, false)).unwrap();
        let at = Location::root().child("uns").child(name);
        let e = w.group(&at, &[]).unwrap_err();
        assert_eq!(e.kind(), annmap::Kind::Unsupported, "{name:?}");
        let e = w.array(&at, &EncodedValue::integer(1), &[], &ArrayStorage::default()).unwrap_err();
        assert_eq!(e.kind(), annmap::Kind::Unsupported, "{name:?}");
        drop(w);
        assert!(names(dir.path()).is_empty(), "{name:?}");
    }
}

/// Entries are stored, with one time, and in one order: other programs find all of them.
#[test]
fn entries_of_a_zip_file_are_stored() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("a.zarr.zip");
    let input = fixture("anndata_current.h5ad");
    assert_eq!(run(&["upgrade", path_str(&input), path_str(&out)]).0, 0);
    let bytes = fs::read(&out).unwrap();
    let mut at = 0;
    let mut entries = 0;
    while bytes[at..].starts_with(b"PK\x03\x04") {
        let number = |from: usize, n: usize| {
            bytes[at + from..][..n].iter().rev().fold(0usize, |all, b| all << 8 | usize::from(*b))
        };
        assert_eq!((number(8, 2), number(10, 2), number(12, 2)), (0, 0, 0x21), "method, time, day");
        assert_eq!(number(18, 4), number(22, 4));
        at += 30 + number(26, 2) + number(28, 2) + number(18, 4);
        entries += 1;
    }
    assert!(bytes[at..].starts_with(b"PK\x01\x02") && entries > 50);
}

/// Options of one container are refused for the other, and a compression that it does not have.
#[test]
fn options_of_the_other_container() {
    let dir = tempfile::tempdir().unwrap();
    let input = fixture("anndata_current.h5ad");
    for (name, options, says) in [
        ("a.zarr", &["--libver", "latest"][..], "--libver is for HDF5"),
        ("a.h5ad", &["--zarr-format", "2"], "--zarr-format is for zarr"),
        ("a.h5ad", &["--shard", "1M"], "--shard is for zarr"),
        ("a.zarr", &["--zarr-format", "2", "--shard", "1M"], "version 2 of zarr has no shards"),
        ("a.zarr", &["--compression", "lzf"], "lzf is a compression of HDF5"),
        ("a.h5ad", &["--compression", "zstd"], "zstd and Blosc are compressions of zarr"),
        ("a.zarr", &["--compression", "gzip", "--shuffle"], "shuffles with blosc-lz4 and blosc-zlib only"),
        ("a.zarr", &["--to", "h5ad"], "got that of a zarr store"),
        ("a.zarr", &["--compression", "zip"], "expected keep, none, gzip"),
    ] {
        let out = dir.path().join(name);
        let (code, _, stderr) = run(&[&["upgrade", path_str(&input), path_str(&out)], options].concat());
        assert!(code == 2 && stderr.contains(says), "{options:?}: {code} {stderr}");
    }
    assert!(names(dir.path()).is_empty());
    // any name, if --to says so
    let out = dir.path().join("plain");
    assert_eq!(run(&["upgrade", path_str(&input), path_str(&out), "--to", "zarr"]).0, 0);
    assert!(out.join("zarr.json").exists());
    let into = dir.path().join("into");
    fs::create_dir(&into).unwrap();
    assert_eq!(run(&["upgrade", path_str(&input), path_str(&into), "--to", "zarr"]).0, 0);
    assert_eq!(names(&into), ["anndata_current.zarr"]);
}
