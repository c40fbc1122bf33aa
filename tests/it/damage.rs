//! Bytes changed one at a time, and truncated files: reading ends in order, with no wrong value without an
//! error.
//!
//! The bytes that each value of a fixture is read from are recorded first. A change of any other byte must
//! leave the value unchanged; a change of one of them may change the value or cause an error.

use crate::support::{Recorder, fixture};
use annmap::dataset::AnnData;
use annmap::hdf5::{File, Object};
use annmap::matrix::{Budget, IntoMemory, Source, pump};
use annmap::{Limits, Result};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

const FIXTURES: [&str; 16] = [
    "anndata_06.h5ad",
    "anndata_07.h5ad",
    "anndata_current.h5ad",
    "big_endian.h5ad",
    "empty.h5ad",
    "genes.loom",
    "giant.h5ad",
    "latest.h5",
    "outside.h5ad",
    "storage.h5",
    "tenx_v2.h5",
    "tenx_v3.h5",
    "unsorted.h5ad",
    "values.h5ad",
    "wide.h5ad",
    "wrapped.h5ad",
];

/// Paths of all values of a file: datasets, and attributes after an `@`.
fn paths(root: &Object) -> Vec<String> {
    fn walk(object: &Object, out: &mut Vec<String>, depth: u32) {
        if object.is_dataset() {
            out.push(object.path().to_owned());
        }
        for a in object.attributes().unwrap_or_default() {
            out.push(format!("{}@{}", object.path(), a.name));
        }
        if depth < 8 && object.is_group() {
            for link in object.links().unwrap_or_default() {
                if let Ok(child) = object.open_link(link) {
                    walk(&child, out, depth + 1);
                }
            }
        }
    }
    let mut out = Vec::new();
    walk(root, &mut out, 0);
    out
}

/// CRC-32 of the value at `path`; `None` if it has none.
fn value(file: &File, path: &str) -> Result<Option<u32>> {
    let (object, attribute) = path.split_once('@').map_or((path, None), |(o, a)| (o, Some(a)));
    let object = file.object(object)?;
    match attribute {
        None => object.dataset()?.canonical_crc(),
        Some(name) => {
            let found = object.attributes()?.into_iter().find(|a| a.name == name);
            found.map_or(Ok(None), |a| a.value?.canonical_crc())
        }
    }
}

/// A value, and the bytes it is read from.
struct Known {
    path: String,
    crc: Option<u32>,
    from: Vec<Range<u64>>,
}

fn open(bytes: Vec<u8>) -> Result<File> {
    File::from_reader(Box::new(bytes), Limits::default())
}

fn known(bytes: &[u8]) -> Vec<Known> {
    let all = paths(&open(bytes.to_vec()).unwrap().root().unwrap());
    assert!(all.len() > 3);
    let bytes = Arc::new(bytes.to_vec());
    let one = |path: &String| {
        let recorder = Recorder { bytes: Arc::clone(&bytes), asked: Arc::default() };
        let file = File::from_reader(Box::new(recorder.clone()), Limits::default()).unwrap();
        let crc = value(&file, path).unwrap();
        let from = std::mem::take(&mut *recorder.asked.lock().unwrap());
        Known { path: path.clone(), crc, from }
    };
    all.iter().map(one).collect()
}

/// Reads everything of a changed file; `changed` is the range of changed bytes.
fn hold(name: &str, bytes: Vec<u8>, known: &[Known], changed: Range<u64>) {
    let file = open(bytes);
    for k in known {
        let touched = k.from.iter().any(|r| r.start < changed.end && changed.start < r.end);
        let got = file
            .as_ref()
            .map_err(|e| e.to_string())
            .and_then(|f| value(f, &k.path).map_err(|e| e.to_string()));
        if !touched {
            assert_eq!(got, Ok(k.crc), "{name}: bytes {changed:?} are none of {}", k.path);
        }
    }
}

fn mutate(name: &str, places: &[usize]) {
    let whole = std::fs::read(fixture(name)).unwrap();
    let known = known(&whole);
    places.par_iter().for_each(|&at| {
        for change in [0x00, 0xff, !whole[at]] {
            if change != whole[at] {
                let mut bytes = whole.clone();
                bytes[at] = change;
                hold(name, bytes, &known, at as u64..at as u64 + 1);
            }
        }
    });
}

/// Offsets to change in a fixture: every byte if `most` allows, else about `most` evenly spread, and the
/// first 2048 bytes (or `most`, if smaller).
fn places(name: &str, most: usize) -> Vec<usize> {
    let len = std::fs::metadata(fixture(name)).unwrap().len() as usize;
    let step = len.div_ceil(most).max(1);
    (0..len).filter(|at| *at < most.min(2048) || at % step == at / step % step).collect()
}

#[test]
fn a_changed_byte_shows_only_in_what_is_read_from_it() {
    for name in FIXTURES {
        mutate(name, &places(name, 120));
    }
}

/// Every byte of fixtures up to 64 KiB, at least 2048 bytes of larger ones. Takes minutes.
#[test]
#[ignore = "takes minutes; run with --release -- --ignored"]
fn every_changed_byte_shows_only_in_what_is_read_from_it() {
    for name in FIXTURES {
        let len = std::fs::metadata(fixture(name)).unwrap().len();
        mutate(name, &places(name, if len <= 1 << 16 { 1 << 16 } else { 1 << 11 }));
    }
}

#[test]
fn a_file_cut_at_the_edge_of_any_structure_gives_the_same_or_an_error() {
    for name in FIXTURES {
        let whole = std::fs::read(fixture(name)).unwrap();
        let known = known(&whole);
        let mut edges: Vec<u64> =
            known.iter().flat_map(|k| k.from.iter().flat_map(|r| [r.start, r.end])).collect();
        edges.sort_unstable();
        edges.dedup();
        let step = edges.len().div_ceil(150);
        edges.par_iter().step_by(step).for_each(|&edge| {
            let cut = whole[..(edge as usize).min(whole.len())].to_vec();
            let file = open(cut);
            for k in known.iter().filter(|_| file.is_ok()) {
                let got = file
                    .as_ref()
                    .map_err(|e| e.to_string())
                    .and_then(|f| value(f, &k.path).map_err(|e| e.to_string()));
                if let Ok(crc) = got {
                    assert_eq!(crc, k.crc, "{name} cut at {edge}: {}", k.path);
                }
            }
        });
    }
}

#[test]
fn changed_bytes_of_anndata_give_a_matrix_that_holds_together_or_an_error() {
    let whole = std::fs::read(fixture("anndata_07.h5ad")).unwrap();
    let read = |bytes: Vec<u8>| {
        let a = AnnData::from_container(&open(bytes)?.into())?;
        let budget = Budget::new(16 << 20);
        let opened = a.matrix("X")?.source(budget, &())?;
        let source: &dyn Source = &opened;
        // A shape enlarged by the change must not allocate that much memory.
        if source.layout().lines > 1000 {
            return Ok(None);
        }
        let m = pump(source, IntoMemory::new(source.layout()), budget, &())?;
        let frames = a.frames("X", source.layout().shape(), &())?;
        Ok::<_, annmap::Error>(Some((m, frames)))
    };
    assert!(read(whole.clone()).unwrap().is_some());
    let collected: BTreeMap<usize, bool> = (0..whole.len())
        .step_by(7)
        .map(|at| {
            let mut bytes = whole.clone();
            bytes[at] = !bytes[at];
            (at, read(bytes).is_ok())
        })
        .collect();
    assert!(collected.values().any(|ok| *ok) && collected.values().any(|ok| !ok));
}
