//! Values of HDF5 files compared with those h5py wrote.

use crate::support::{Recorder, expected, fixture, path_str, run};
use annmap::dataset::AnnData;
use annmap::hdf5::{File, Found};
use annmap::tree::Container;
use annmap::{Cached, Kind, Limits, ReadAt, Seekable};
use serde_json::Value as Json;
use std::collections::HashMap;
use std::sync::Arc;

#[test]
fn every_value_of_the_fixtures_is_what_h5py_wrote() {
    let expected = expected();
    let mut compared = 0;
    for (file, values) in expected["crc"].as_object().unwrap() {
        let (code, stdout, stderr) = run(&["ls", "--crc", "--json", path_str(&fixture(file))]);
        assert_eq!(code, 0, "{file}: {stderr}");
        let mut got = HashMap::new();
        for line in stdout.lines() {
            let line: Json = serde_json::from_str(line).unwrap();
            assert!(line.get("error").is_none(), "{file}: {line}");
            let attribute = line["attr"].as_str().map(|a| format!("@{a}")).unwrap_or_default();
            got.insert(format!("{}{attribute}", line["path"].as_str().unwrap()), line["crc"].clone());
        }
        for (path, crc) in values.as_object().unwrap() {
            assert_eq!(got.get(path), Some(crc), "{file} {path}");
            compared += 1;
        }
    }
    assert!(compared > 30, "{compared}");
}

#[test]
fn links_of_every_kind_are_listed_and_none_hides_its_siblings() {
    let (code, stdout, _) = run(&["ls", "--json", path_str(&fixture("storage.h5"))]);
    assert_eq!(code, 0);
    let kind = |path: &str| {
        let lines = stdout.lines().map(|l| serde_json::from_str::<Json>(l).unwrap());
        lines.filter(|l| l["attr"].is_null()).find(|l| l["path"] == path).unwrap()["kind"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(kind("/soft"), "soft-link");
    assert_eq!(kind("/external"), "external-link");
    assert_eq!(kind("/edges"), "same", "met before under the name /again");
    assert_eq!(kind("/types/scalar"), "dataset");
}

/// Elements in other files are read where those lie beside the file or below, and nowhere else.
#[test]
fn files_beside_a_file_are_followed_and_no_others() {
    let root = Container::open(fixture("parts.h5"), Limits::default()).unwrap().root().unwrap();
    let x = root.descend("group/x").unwrap();
    assert_eq!(x.array().unwrap().read().unwrap().integers().unwrap(), (0..24).collect::<Vec<i64>>());
    // there and back again: the same object, in the file that is open already
    let back = root.descend("group/back").unwrap();
    assert!(back.id() == root.descend("group").unwrap().id());
    let circle = root.descend("circle").map(drop).unwrap_err();
    assert_eq!((circle.kind(), circle.object()), (Kind::Malformed, Some("/circle")), "{circle}");

    let dir = tempfile::tempdir().unwrap();
    let below = dir.path().join("below");
    std::fs::create_dir(&below).unwrap();
    let bad = below.join("parts_bad.h5");
    std::fs::copy(fixture("parts_bad.h5"), &bad).unwrap();
    std::fs::copy(fixture("parts_a.h5"), dir.path().join("away.h5")).unwrap();
    std::fs::copy(fixture("parts_a.h5"), below.join("parts_a.h5")).unwrap();
    let errors = || {
        let root = Container::open(&bad, Limits::default()).unwrap().root().unwrap();
        let error = |name: &str| {
            let read = root.descend(name).and_then(|node| node.array()).and_then(|array| array.read());
            let e = read.map(drop).unwrap_err();
            assert_eq!(e.kind(), Kind::Unsupported, "{e}");
            e.message().to_owned()
        };
        ["away", "away raw", "away link", "gone", "gone raw", "gone link", "again", "wider"].map(error)
    };
    let all = errors();
    assert!(all[..3].iter().all(|e| e.contains("the file '../away.h5' is not followed")), "{all:?}");
    assert!(all[3..6].iter().all(|e| e.contains("the file 'parts_gone.h5' is not there")), "{all:?}");
    assert_eq!(all[6], "part 'away' of '.': it is a virtual dataset itself");
    assert_eq!(all[7], "part 'x' of 'parts_a.h5': its values are int32, not int64");
    #[cfg(unix)]
    {
        // a link of the file system does not lead out either, and nobody waits for a FIFO
        std::os::unix::fs::symlink("../away.h5", below.join("parts_gone.h5")).unwrap();
        assert!(errors()[3..6].iter().all(|e| e.contains("is not followed")), "{all:?}");
        std::fs::remove_file(below.join("parts_gone.h5")).unwrap();
        let fifo = std::process::Command::new("mkfifo").arg(below.join("parts_gone.h5")).status().unwrap();
        assert!(fifo.success());
        let (code, out, _) = run(&["ls", "--crc", path_str(&bad)]);
        assert_eq!((code, out.matches("is a FIFO, expected a file").count()), (5, 2), "{out}");
    }
    let (code, _, err) = run(&["upgrade", path_str(&bad), path_str(&dir.path().join("out.h5ad"))]);
    assert!(code != 0 && !err.contains("panic"), "{err}");
}

#[test]
fn dense_links_and_attributes_are_found_by_name() {
    let file = File::open(fixture("latest.h5")).unwrap();
    let child = file.object("/links/child 39").unwrap().dataset().unwrap();
    assert_eq!(child.read().unwrap().integer().unwrap(), 39);
    let fixed = file.object("/fixed").unwrap();
    assert_eq!(fixed.attributes().unwrap().len(), 40);
    assert_eq!(fixed.attribute("attribute 17").unwrap().unwrap().value.integer().unwrap(), 17);
    assert!(fixed.attribute("none").unwrap().is_none());
    let wide = File::open(fixture("wide.h5ad")).unwrap();
    let long = wide.object("/obs").unwrap().attribute("long").unwrap().unwrap().value.strings().unwrap();
    assert_eq!(
        (long.len(), long.utf8(2499).unwrap().trim_end()),
        (2500, "a column with a long name, number 2499")
    );
}

#[test]
fn boxes_of_elements_come_from_the_chunks_they_touch() {
    let file = File::open(fixture("storage.h5")).unwrap();
    let d = file.object("/edges").unwrap().dataset().unwrap();
    let mut scratch = annmap::hdf5::Scratch::default();
    for (start, count) in
        [([0, 0, 0], [7, 11, 5]), ([2, 3, 1], [3, 5, 3]), ([6, 10, 4], [1, 1, 1]), ([3, 4, 2], [3, 4, 2])]
    {
        let n: u64 = count.iter().product();
        let mut out = vec![0; n as usize * 8];
        d.read_slab(&start, &count, &mut out, &mut scratch).unwrap();
        let mut at = 0;
        for i in start[0]..start[0] + count[0] {
            for j in start[1]..start[1] + count[1] {
                for k in start[2]..start[2] + count[2] {
                    let v = f64::from_le_bytes(out[at..at + 8].try_into().unwrap());
                    assert_eq!(v, (i * 55 + j * 5 + k) as f64);
                    at += 8;
                }
            }
        }
    }
    assert!(d.read_slab(&[0, 0, 0], &[8, 1, 1], &mut [0; 64], &mut scratch).is_err(), "outside");
    assert!(d.read_slab(&[0, 0, 0], &[1, 1, 1], &mut [0; 9], &mut scratch).is_err(), "wrong length");
}

#[test]
fn a_soft_link_is_followed_and_an_external_one_named() {
    let file = File::open(fixture("storage.h5")).unwrap();
    assert!(file.object("/soft").unwrap().is_dataset());
    let e = file.object("/external").unwrap_err();
    assert_eq!(e.kind(), annmap::Kind::Unsupported);
    assert!(e.message().contains("elsewhere.h5"), "{e}");
    assert_eq!(file.object("/nowhere").unwrap_err().kind(), annmap::Kind::NotFound);
    assert_eq!(file.user_block(), 512);
}

/// Path and CRC-32 of every dataset and attribute.
fn listed(file: &File) -> Vec<(String, Option<u32>)> {
    let mut out = Vec::new();
    for visit in file.walk().unwrap() {
        if let Found::Object(object) = visit.found() {
            for a in object.attributes().unwrap() {
                let crc = a.value.unwrap().canonical_crc().unwrap();
                out.push((format!("{}@{}", object.path(), a.name), crc));
            }
            if object.is_dataset() {
                out.push((object.path().to_owned(), object.dataset().unwrap().canonical_crc().unwrap()));
            }
        }
    }
    out
}

#[test]
fn every_source_reads_the_same_values() {
    let path = fixture("anndata_current.h5ad");
    let bytes = std::fs::read(&path).unwrap();
    let expected = listed(&File::open(&path).unwrap());
    assert!(expected.len() > 50);
    let opened = || std::fs::File::open(&path).unwrap();
    let sources: [Box<dyn ReadAt>; 6] = [
        Box::new(bytes.clone()),
        Box::new(Arc::<[u8]>::from(&bytes[..])),
        Box::new(Arc::new(bytes.clone())),
        Box::new(opened()),
        Box::new(Seekable::new(std::io::BufReader::new(opened())).unwrap()),
        Box::new(Cached::new(opened(), 4096, 8)),
    ];
    for (n, source) in sources.into_iter().enumerate() {
        assert_eq!(listed(&File::from_source(source, Limits::default()).unwrap()), expected, "source {n}");
    }
}

#[test]
fn opening_and_describing_takes_few_reads() {
    let bytes = Arc::new(std::fs::read(fixture("anndata_current.h5ad")).unwrap());
    let recorder = Recorder { bytes, asked: Arc::default() };
    let container = Container::from_source(Box::new(recorder.clone()), Limits::default()).unwrap();
    AnnData::from_container(&container).unwrap().describe().unwrap();
    let asked = recorder.asked.lock().unwrap();
    let total: u64 = asked.iter().map(|r| r.end - r.start).sum();
    assert_eq!((asked.len(), total), (34, 116_109), "reads and bytes of a file of {}", recorder.bytes.len());
}
