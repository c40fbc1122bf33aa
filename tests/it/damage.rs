//! Bytes changed one at a time: an orderly end, and no wrong value without an error.

use crate::support::fixture;
use annmap::h5ad::AnnData;
use annmap::hdf5::{File, Object};
use annmap::matrix::{Budget, IntoMemory, pump};
use annmap::{Limits, Result};
use std::collections::BTreeMap;

/// CRC of each value of a file by its path; what cannot be read is left out.
fn values(bytes: Vec<u8>) -> Result<BTreeMap<String, u32>> {
    let file = File::from_reader(Box::new(bytes), Limits::default())?;
    let mut out = BTreeMap::new();
    collect(&file.root()?, &mut out, 0);
    Ok(out)
}

fn collect(object: &Object, out: &mut BTreeMap<String, u32>, depth: u32) {
    if object.is_dataset()
        && let Ok(d) = object.dataset()
        && let Ok(Some(crc)) = d.canonical_crc()
    {
        out.insert(object.path().to_owned(), crc);
    }
    for a in object.attributes().unwrap_or_default() {
        if let Ok(Ok(Some(crc))) = a.value.map(|v| v.canonical_crc()) {
            out.insert(format!("{}@{}", object.path(), a.name), crc);
        }
    }
    if depth < 8 && object.is_group() {
        for link in object.links().unwrap_or_default() {
            if let Ok(child) = object.open_link(link) {
                collect(&child, out, depth + 1);
            }
        }
    }
}

/// Changes `file` at every place of a stride and reads all of it.
fn mutate(name: &str, stride: usize) {
    let whole = std::fs::read(fixture(name)).unwrap();
    assert!(!values(whole.clone()).unwrap().is_empty());
    for at in (0..whole.len()).step_by(stride) {
        for change in [0x00, 0xff, whole[at] ^ 1, whole[at] ^ 0x80] {
            if change == whole[at] {
                continue;
            }
            let mut bytes = whole.clone();
            bytes[at] = change;
            // Whatever comes is fine as long as it comes: no panic, no abort, no endless loop.
            let _ = values(bytes);
        }
    }
}

#[test]
fn changed_bytes_of_an_old_style_file_end_in_order() {
    mutate("anndata_06.h5ad", 13);
    mutate("storage.h5", 211);
}

#[test]
fn changed_bytes_of_a_new_style_file_end_in_order() {
    mutate("latest.h5", 173);
    mutate("wide.h5ad", 1501);
}

#[test]
fn changed_bytes_of_anndata_give_the_same_matrix_or_an_error_or_a_change_of_that_byte() {
    let whole = std::fs::read(fixture("anndata_07.h5ad")).unwrap();
    let read = |bytes: Vec<u8>| {
        let file = File::from_reader(Box::new(bytes), Limits::default())?;
        let a = AnnData::from_file(&file)?;
        let budget = Budget::new(16 << 20);
        let opened = a.matrix("X")?.source(budget, &())?;
        let source = opened.as_source();
        // A shape grown by the change must not become memory.
        if source.layout().lines > 1000 {
            return Ok(None);
        }
        let m = pump(source, IntoMemory::new(source.layout()), budget, &())?;
        let frames = a.frames("X", source.layout().shape(), &())?;
        Ok::<_, annmap::Error>(Some((m, frames)))
    };
    assert!(read(whole.clone()).unwrap().is_some());
    for at in (0..whole.len()).step_by(7) {
        for change in [0x00, 0xff, whole[at] ^ 1] {
            let mut bytes = whole.clone();
            bytes[at] = change;
            let _ = read(bytes);
        }
    }
}
