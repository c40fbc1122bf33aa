//! Zarr stores as inputs: what anndata wrote, what is written by hand, and what lies or is damaged.

use crate::support::{fixture, names, path_str, run};
use annmap::tree::{Container, Node};
use annmap::{Kind, Limits};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

const FIXTURES: [&str; 2] = ["anndata_v2.zarr.zip", "anndata_v3.zarr.zip"];

/// The matrices and tables of a store, but for the name of their source.
fn contents(store: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = names(store).into_iter().filter(|name| name != "metadata.json");
    files.map(|name| (name.clone(), fs::read(store.join(name)).unwrap())).collect()
}

/// Files of a folder, with the folders that they need.
fn write(folder: &Path, files: &[(&str, &[u8])]) {
    for (name, bytes) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

/// An array of version 2 of `shape` in `chunks` that are not compressed.
fn array(shape: &str, chunks: &str, dtype: &str) -> Vec<u8> {
    format!(
        r#"{{"zarr_format": 2, "shape": {shape}, "chunks": {chunks}, "dtype": "{dtype}", "compressor": null,
            "filters": null, "fill_value": 7, "order": "C"}}"#
    )
    .into_bytes()
}

const GROUP: &[u8] = br#"{"zarr_format": 2}"#;

/// The matrix [[1, 7], [0, 7]] by rows, whose second chunk of values is not there and so is its fill value.
fn matrix_by_hand(folder: &Path) {
    let ints = |n: &[i32]| -> Vec<u8> { n.iter().flat_map(|n| n.to_le_bytes()).collect() };
    write(
        folder,
        &[
            (".zgroup", GROUP),
            (".zattrs", br#"{"encoding-type": "anndata", "encoding-version": "0.1.0"}"#),
            ("X/.zgroup", GROUP),
            (
                "X/.zattrs",
                br#"{"encoding-type": "csr_matrix", "encoding-version": "0.1.0", "shape": [2, 2]}"#,
            ),
            ("X/data/.zarray", &array("[3]", "[1]", "|u1")),
            ("X/data/0", &[1]),
            ("X/data/2", &[7]),
            ("X/indices/.zarray", &array("[3]", "[4]", "<i4")),
            ("X/indices/0", &ints(&[0, 1, 1, 9])),
            ("X/indptr/.zarray", &array("[3]", "[3]", "<i4")),
            ("X/indptr/0", &ints(&[0, 2, 3])),
        ],
    );
    for (table, index) in [("obs", "cell"), ("var", "gene")] {
        let attributes = format!(
            r#"{{"encoding-type": "dataframe", "encoding-version": "0.2.0", "_index": "{index}", "column-order": []}}"#
        );
        let names = r#"{"zarr_format": 2, "shape": [2], "chunks": [2], "dtype": "<U1", "compressor": null,
            "filters": null, "fill_value": "", "order": "C"}"#;
        write(
            folder,
            &[
                (&format!("{table}/.zgroup"), GROUP),
                (&format!("{table}/.zattrs"), attributes.as_bytes()),
                (&format!("{table}/{index}/.zarray"), names.as_bytes()),
                (&format!("{table}/{index}/.zattrs"), br#"{"encoding-type": "string-array"}"#),
                (&format!("{table}/{index}/0"), &[b'a', 0, 0, 0, b'b', 0, 0, 0]),
            ],
        );
    }
}

#[test]
fn zips_hold_what_the_h5ad_holds() {
    let dir = TempDir::new().unwrap();
    let h5ad = fixture("anndata_current.h5ad");
    let (from_h5ad, from_zarr) = (dir.path().join("h5ad.store"), dir.path().join("zarr.store"));
    assert_eq!(run(&["convert", path_str(&h5ad), path_str(&from_h5ad)]).0, 0);
    for name in FIXTURES {
        let zarr = fixture(name);
        let verified = run(&["verify", "--all", path_str(&h5ad), path_str(&zarr)]);
        assert_eq!(verified.0, 0, "{name}: {verified:?}");
        let info = run(&["info", path_str(&zarr)]);
        assert!(
            info.0 == 0 && info.1.contains("60 × 25") && info.1.contains("donor: category of 3"),
            "{info:?}"
        );
        assert_eq!(run(&["convert", path_str(&zarr), path_str(&from_zarr), "--force"]).0, 0, "{name}");
        assert!(contents(&from_h5ad) == contents(&from_zarr), "{name}");
        let examined = run(&["doctor", path_str(&zarr)]);
        assert!(examined.0 == 0 && examined.1.contains("healthy"), "{name}: {examined:?}");
        for (command, out) in [("upgrade", "up.h5ad"), ("subset", "part.h5ad")] {
            let outs = [dir.path().join(format!("zarr-{out}")), dir.path().join(format!("h5ad-{out}"))];
            for (input, out) in [&zarr, &h5ad].into_iter().zip(&outs) {
                let mut arguments = vec![command, path_str(input), path_str(out), "--force"];
                if command == "subset" {
                    arguments.extend(["--obs", "score > 0.5"]);
                }
                let done = run(&arguments);
                assert_eq!(done.0, 0, "{arguments:?}: {done:?}");
            }
            let verified = run(&["verify", "--all", path_str(&outs[0]), path_str(&outs[1])]);
            assert_eq!(verified.0, 0, "{name} {command}: {verified:?}");
        }
    }
}

#[test]
fn a_store_written_by_hand() {
    let dir = TempDir::new().unwrap();
    let (zarr, store) = (dir.path().join("a.zarr"), dir.path().join("a.store"));
    matrix_by_hand(&zarr);
    let done = run(&["convert", path_str(&zarr), path_str(&store)]);
    assert_eq!(done.0, 0, "{done:?}");
    assert_eq!(fs::read(store.join("data.bin")).unwrap(), [1, 7, 7]);
    // what it holds stands by its side in a listing, attributes too
    let (code, lines, _) = run(&["ls", path_str(&zarr), "--crc"]);
    assert_eq!(code, 0, "{lines}");
    for line in [
        "/  group\n",
        "/@encoding-type  string scalar = \"anndata\"",
        "/X@shape  int64 [2] = 2, 2",
        "/X/data  uint8 [3]  chunks [1]  crc",
        "/obs/cell  utf32[1] [2]  chunks [2]  crc",
    ] {
        assert!(lines.contains(line), "{line} in {lines}");
    }
}

#[test]
fn what_is_damaged_is_named_and_its_neighbours_are_read() {
    let dir = TempDir::new().unwrap();
    let zarr = dir.path().join("a.zarr");
    matrix_by_hand(&zarr);
    let deep = format!("{{\"a\": {}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let cases: [(&str, &[u8], i32, &str); 6] = [
        ("X/data/0", &[1, 2], 3, "chunk length (expected 1 bytes, got 2)"),
        ("X/indices/0", &[1, 2], 3, "chunk length (expected 16 bytes, got 2)"),
        ("X/indices/.zarray", &array("[3]", "[0]", "<i4"), 3, "chunks without elements"),
        ("X/indices/.zarray", &array("[3]", "[4]", "<M8[ns]"), 4, "dates and times"),
        ("X/indptr/.zattrs", deep.as_bytes(), 6, "JSON nested deeper"),
        ("X/indptr/.zarray", br#"{"zarr_format": 2,"#, 3, "JSON ends early"),
    ];
    for (name, bytes, code, text) in cases {
        let path = zarr.join(name);
        let before = fs::read(&path).ok();
        fs::write(&path, bytes).unwrap();
        let (got, lines, _) = run(&["ls", path_str(&zarr), "--crc"]);
        let object = name.rsplit_once('/').unwrap().0;
        let line = lines.lines().find(|l| l.starts_with(&format!("/{object}  "))).unwrap();
        assert!(line.contains("error") && line.contains(text), "{name}: {line}");
        assert_eq!(lines.lines().filter(|l| l.contains("error")).count(), 1, "{lines}");
        assert_eq!(got, code, "{name}");
        let doctor = run(&["doctor", path_str(&zarr)]);
        assert!(doctor.1.contains(text), "{name}: {doctor:?}");
        match before {
            Some(bytes) => fs::write(&path, bytes).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
    }
}

#[test]
#[cfg(unix)]
fn links_stay_in_the_store_and_circles_end() {
    use std::os::unix::fs::symlink;
    let dir = TempDir::new().unwrap();
    let zarr = dir.path().join("a.zarr");
    matrix_by_hand(&zarr);
    fs::write(dir.path().join("secret"), [42]).unwrap();
    symlink("../../../secret", zarr.join("X/data/1")).unwrap();
    symlink("..", zarr.join("X/up")).unwrap();
    symlink("/etc", zarr.join("etc")).unwrap();
    symlink("X", zarr.join("same")).unwrap();
    let (code, lines, _) = run(&["ls", path_str(&zarr), "--crc"]);
    assert_eq!(code, 4, "{lines}");
    for line in ["/X/up  same as /\n", "/same  same as /X\n", "/etc  error: ", "/X/data  error: "] {
        assert!(lines.contains(line), "{line} in {lines}");
    }
    assert!(lines.contains("a link out of the store is not followed"), "{lines}");
    let refused = run(&["convert", path_str(&zarr), path_str(&dir.path().join("out.store"))]);
    assert!(refused.0 == 4 && !dir.path().join("out.store").exists(), "{refused:?}");
}

#[test]
fn outputs_do_not_land_in_their_input() {
    let dir = TempDir::new().unwrap();
    let zarr = dir.path().join("a.zarr");
    matrix_by_hand(&zarr);
    let before = names(&zarr);
    for out in ["a.zarr/X/data/0", "a.zarr"] {
        let refused = run(&["upgrade", path_str(&zarr), path_str(&dir.path().join(out)), "--force"]);
        assert_eq!(refused.0, 2, "{out}: {refused:?}");
    }
    assert_eq!((names(&zarr), fs::read(zarr.join("X/data/0")).unwrap()), (before, vec![1]));
}

#[test]
fn what_is_no_store_says_so() {
    let dir = TempDir::new().unwrap();
    let empty = dir.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let refused = run(&["info", path_str(&empty)]);
    assert!(refused.0 == 2 && refused.2.contains("expected a store or zarr"), "{refused:?}");
    // the end of an empty zip file
    let zip = dir.path().join("a.zarr.zip");
    fs::write(&zip, [&b"PK\x05\x06"[..], &[0; 18]].concat()).unwrap();
    let refused = run(&["ls", path_str(&zip)]);
    assert!(refused.0 == 3 && refused.2.contains("zip file"), "{refused:?}");
}

/// CRC of all arrays; of each that cannot be read, its error.
fn values(bytes: Vec<u8>) -> annmap::Result<BTreeMap<String, annmap::Result<Option<u32>>>> {
    let root = Container::from_source(Box::new(bytes), Limits::untrusted())?.root()?;
    let crc = |node: &Node| node.array()?.canonical_crc();
    let nodes = root.walk().map(|entry| match entry.node() {
        Ok(node) if node.is_array() => (entry.path().to_owned(), crc(node)),
        Ok(_) => (entry.path().to_owned(), Ok(None)),
        Err(e) => (entry.path().to_owned(), Err(e.clone())),
    });
    Ok(nodes.collect())
}

/// What is read whole from a zip file has a checksum: a byte that changes changes no value without an error. Chunks
/// of shards are read alone.
#[test]
fn a_changed_byte_is_found() {
    for name in FIXTURES {
        let whole = fs::read(fixture(name)).unwrap();
        let sound = values(whole.clone()).unwrap();
        assert!(sound.values().all(Result::is_ok) && sound.len() > 40, "{name}");
        let directory = whole.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
        let mut found = 0;
        for at in (0..whole.len()).step_by(311) {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at % 8);
            let Ok(changed) = values(bytes) else { continue };
            for (path, value) in changed {
                match value {
                    // of the directory names may change, and so may what is there
                    Ok(crc) if at < directory && name == FIXTURES[0] => {
                        assert_eq!(sound[&path].as_ref().ok(), Some(&crc), "{name} {at} {path}");
                    }
                    Ok(_) => {}
                    Err(e) => {
                        assert!(
                            matches!(
                                e.kind(),
                                Kind::Malformed | Kind::Checksum | Kind::Unsupported | Kind::Limit
                            ),
                            "{name} {at} {path}: {e}"
                        );
                        found += 1;
                    }
                }
            }
        }
        assert!(found > 50, "{name}: {found}");
        for len in (0..whole.len()).step_by(1009) {
            let cut = values(whole[..len].to_vec()).unwrap_err();
            assert!(matches!(cut.kind(), Kind::Malformed | Kind::NotHdf5), "{name} {len}: {cut}");
        }
    }
}
