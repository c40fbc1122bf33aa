//! Reading returns what was written, and the same calls give the same bytes.

use crate::support::Recorder;
use annmap::codec::{Compression, EncodeWork, Filters};
use annmap::dtype::{Class, Datatype};
use annmap::hdf5::{Chunks, Dataset, File, Group, Libver, Scratch, StoredValue, Storing, Writer};
use annmap::{Dtype, Limits, Strings};
use proptest::prelude::*;
use std::path::Path;
use std::sync::Arc;

fn floats(n: usize) -> Vec<u8> {
    (0..n).flat_map(|i| ((i % 17) as f32).to_le_bytes()).collect()
}

fn write(path: &Path, links: usize, chunk: u64, filters: Filters, libver: Libver) {
    let mut w = Writer::create(path, true, libver).unwrap();
    let mut root = Group::new();
    let mut inner = Group::new();
    let strings: Strings = (0..links).map(|i| format!("näme {i}")).collect();
    for i in 0..links {
        let value = w.text(&format!("value {i}")).unwrap();
        let d = w
            .dataset(&StoredValue::integer(i as i64), &[("note".into(), value)], &Storing::default())
            .unwrap();
        inner.link(&format!("link {i}"), d);
    }
    let inner = w.group(&inner).unwrap();
    root.link("many", inner);
    let texts = w.texts(&strings, &[links as u64]).unwrap();
    let how = Storing { chunk: Some(vec![chunk]), filters, unlimited: true };
    root.link("texts", w.dataset(&texts, &[], &how).unwrap());
    let table = StoredValue::numbers(Dtype::Float32, &[50, 33], floats(50 * 33));
    let how = Storing { chunk: Some(vec![7, chunk.min(40)]), filters, unlimited: false };
    root.link("table", w.dataset(&table, &[], &how).unwrap());
    root.link("plain", w.dataset(&table, &[], &Storing::default()).unwrap());
    root.link("where", w.dataset(&StoredValue::references(&[inner]), &[], &Storing::default()).unwrap());
    root.attribute("nothing", StoredValue::null());
    root.attribute("yes", StoredValue::boolean(true));
    // more than an object header message can hold
    let long: Strings = (0..links).map(|i| format!("column {i}")).collect();
    root.attribute("column-order", w.texts(&long, &[links as u64]).unwrap());
    let long = floats(5000);
    root.attribute("medium", StoredValue::numbers(Dtype::Float32, &[5000], long));
    w.finish(&root).unwrap();
}

fn check(path: &Path, links: usize) {
    let file = File::open(path).unwrap();
    let root = file.root().unwrap();
    let many = root.descend("many").unwrap();
    assert_eq!(many.links().unwrap().len(), links);
    for i in [0, links / 2, links.saturating_sub(1)].into_iter().filter(|i| *i < links) {
        let d = root.descend(&format!("many/link {i}")).unwrap();
        assert_eq!(d.dataset().unwrap().read().unwrap().integer().unwrap(), i as i64);
        assert_eq!(d.attribute("note").unwrap().unwrap().value.string().unwrap(), format!("value {i}"));
    }
    let texts = root.descend("texts").unwrap().dataset().unwrap().read().unwrap().strings().unwrap();
    assert!((0..links).all(|i| texts.utf8(i).unwrap() == format!("näme {i}")));
    for name in ["table", "plain"] {
        let v = root.descend(name).unwrap().dataset().unwrap().read().unwrap();
        assert_eq!((v.shape().unwrap(), v.raw()), (&[50, 33][..], &floats(50 * 33)[..]));
    }
    assert!(root.attribute("nothing").unwrap().unwrap().value.is_empty());
    let wheres = root.descend("where").unwrap().dataset().unwrap().read().unwrap();
    assert!(
        matches!(wheres.datatype().class, Class::Reference { .. }) && wheres.raw().iter().any(|b| *b != 0)
    );
    let order = root.attribute("column-order").unwrap().unwrap().value.strings().unwrap();
    assert!((0..links).all(|i| order.utf8(i).unwrap() == format!("column {i}")) && order.len() == links);
    assert_eq!(root.attribute("medium").unwrap().unwrap().value.raw(), floats(5000));
    assert_eq!(root.attributes().unwrap().len(), 4);
}

#[test]
fn groups_of_every_size_and_filters_of_every_kind() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.h5");
    for (n, compression) in
        [Compression::None, Compression::Gzip(4), Compression::Lzf].into_iter().enumerate()
    {
        for (links, chunk) in [(0, 1), (1, 5), (8, 3), (9, 2), (257, 100), (9000, 7)] {
            let filters = Filters { shuffle: n % 2 == 0, compression, fletcher32: n == 2 };
            for libver in [Libver::Earliest, Libver::Latest] {
                write(&path, links, chunk, filters, libver);
                check(&path, links);
            }
        }
    }
}

#[test]
fn the_same_bytes_whatever_the_threads() {
    let dir = tempfile::tempdir().unwrap();
    let filters = Filters { shuffle: true, compression: Compression::Gzip(6), fletcher32: false };
    let made: Vec<Vec<u8>> = [1, 2, 5]
        .into_iter()
        .map(|threads| {
            let path = dir.path().join(format!("{threads}.h5"));
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| write(&path, 300, 3, filters, Libver::Latest));
            std::fs::read(path).unwrap()
        })
        .collect();
    assert!(made[0] == made[1] && made[1] == made[2]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn any_array_in_any_chunks(
        dims in proptest::collection::vec(1u64..14, 1..4),
        chunk in proptest::collection::vec(1u64..9, 3),
        level in 0u8..10,
        shuffle: bool,
        lzf: bool,
        latest: bool,
    ) {
        let n: u64 = dims.iter().product();
        let bytes: Vec<u8> = (0..n).flat_map(|i| (i * i % 91).to_le_bytes()).collect();
        let compression = if lzf { Compression::Lzf } else { Compression::Gzip(level) };
        let how = Storing {
            chunk: Some(chunk[..dims.len()].to_vec()),
            filters: Filters { shuffle, compression, fletcher32: lzf },
            unlimited: shuffle,
        };
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("p.h5");
        let libver = if latest { Libver::Latest } else { Libver::Earliest };
        let mut w = Writer::create(&path, false, libver).unwrap();
        let mut root = Group::new();
        root.link("x", w.dataset(&StoredValue::numbers(Dtype::Uint64, &dims, bytes.clone()), &[], &how).unwrap());
        w.finish(&root).unwrap();
        let v = File::open(&path).unwrap().object("/x").unwrap().dataset().unwrap().read().unwrap();
        prop_assert_eq!(v.shape().unwrap(), &dims[..]);
        prop_assert_eq!(v.raw(), &bytes[..]);
    }
}

#[test]
fn chunks_read_in_order_are_what_they_are_read_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s.h5");
    for (width, dtype) in [(1, Dtype::Uint8), (4, Dtype::Int32), (8, Dtype::Float64)] {
        for (shape, chunk) in [
            (vec![5000u64], vec![5000u64]),
            (vec![5000], vec![1700]),
            (vec![5000], vec![6001]),
            (vec![70, 90], vec![70, 90]),
            (vec![70, 90], vec![32, 90]),
            (vec![20, 6, 9], vec![7, 6, 9]),
            // chunks beside each other
            (vec![70, 90], vec![70, 1]),
            (vec![70, 90], vec![32, 40]),
            (vec![20, 6, 9], vec![7, 4, 2]),
        ] {
            for shuffle in [false, true] {
                let n: u64 = shape.iter().product::<u64>() * width;
                let bytes: Vec<u8> = (0..n).map(|i| (i * i / 37) as u8 & 0x1f).collect();
                let mut w = Writer::create(&path, true, Libver::Earliest).unwrap();
                let filters = Filters { shuffle, compression: Compression::Gzip(6), fletcher32: false };
                let how = Storing { chunk: Some(chunk.clone()), filters, unlimited: true };
                let mut root = Group::new();
                root.link(
                    "d",
                    w.dataset(&StoredValue::numbers(dtype, &shape, bytes.clone()), &[], &how).unwrap(),
                );
                w.finish(&root).unwrap();
                let d = File::open(&path).unwrap().root().unwrap().descend("d").unwrap().dataset().unwrap();
                let beside = chunk.iter().zip(&shape).skip(1).any(|(c, n)| c < n);
                assert!(d.streams(0).unwrap() != beside && !d.streams(u64::MAX).unwrap());
                assert!(d.in_order_bytes().unwrap().is_some());
                let rows = shape[0];
                let row = bytes.len() as u64 / rows;
                let read = |d: &Dataset, first: u64, n: u64, scratch: &mut Scratch| {
                    let mut out = vec![0; (n * row) as usize];
                    let (mut start, mut count) = (vec![0; shape.len()], shape.clone());
                    (start[0], count[0]) = (first, n);
                    d.read_slab(&start, &count, &mut out, scratch).map(|()| out)
                };
                let mut scratch = Scratch::in_order();
                let mut got = Vec::new();
                for first in (0..rows).step_by(rows as usize / 9 + 1) {
                    got.extend(read(&d, first, (rows / 9 + 1).min(rows - first), &mut scratch).unwrap());
                }
                assert!(got == bytes, "{shape:?} in {chunk:?}, shuffled {shuffle}");
                for first in [rows / 2, rows / 3, rows - 1, 0] {
                    let one = read(&d, first, 1, &mut scratch).unwrap();
                    assert!(one == bytes[(first * row) as usize..][..row as usize], "row {first}");
                }
                // the last byte of each chunk's checksum, which is checked only when its last byte is reached
                let last = d.chunk_extent(d.stored_chunks().unwrap() - 1).unwrap().unwrap();
                let mut file = std::fs::read(&path).unwrap();
                file[last.end as usize - 1] ^= 1;
                std::fs::write(&path, file).unwrap();
                let d = File::open(&path).unwrap().root().unwrap().descend("d").unwrap().dataset().unwrap();
                let e = read(&d, 0, rows, &mut Scratch::in_order()).unwrap_err();
                assert!(d.read().is_err() && e.to_string().contains("/d: chunk ["), "{e}");
            }
        }
    }
}

/// Chunks of other filters are held whole while their rows are read; those never written, or stored as they are,
/// are not.
#[test]
fn chunks_of_any_filter_are_read_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s.h5");
    let bytes: Vec<u8> = (0..70u32 * 90 * 4).map(|i| (i * i / 37) as u8 & 0x1f).collect();
    for filters in [
        Filters { compression: Compression::Lzf, shuffle: true, fletcher32: true },
        Filters { compression: Compression::Gzip(1), shuffle: true, fletcher32: true },
        Filters::default(),
    ] {
        let mut w = Writer::create(&path, true, Libver::Earliest).unwrap();
        let mut chunks = Chunks::new(Datatype::of(Dtype::Int32), &[70, 90], &[32, 90], filters, false)
            .unwrap()
            .filled_with(&[7, 0, 0, 0]);
        let mut work = EncodeWork::default();
        for part in bytes.chunks(32 * 360).take(2) {
            let encoded = chunks.encode(part, &mut work).unwrap();
            chunks.push(&mut w, &encoded).unwrap();
        }
        chunks.skip();
        let mut root = Group::new();
        root.link("d", chunks.finish(&mut w, &[]).unwrap());
        w.finish(&root).unwrap();
        let d = File::open(&path).unwrap().root().unwrap().descend("d").unwrap().dataset().unwrap();
        let mut scratch = Scratch::in_order();
        let mut got = vec![0; bytes.len()];
        for (n, part) in (0..).zip(got.chunks_mut(360 * 9)) {
            d.read_slab(&[n * 9, 0], &[part.len() as u64 / 360, 90], part, &mut scratch).unwrap();
        }
        assert!(got[..64 * 360] == bytes[..64 * 360] && got[64 * 360..].chunks(4).all(|v| v == [7, 0, 0, 0]));
        assert!(got == d.read().unwrap().raw());
    }
}

/// A chunk whose deflate stream has fewer bytes than a chunk: read where none of the elements is missing.
#[test]
fn streams_that_end_before_their_chunk_is_full() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s.h5");
    let values: Vec<u8> = (0..100u32).flat_map(|i| (i / 9).to_le_bytes()).collect();
    for shuffle in [false, true] {
        for (elements, there, complete) in [(100, 40, false), (40, 40, true), (40, 39, false)] {
            let mut w = Writer::create(&path, true, Libver::Earliest).unwrap();
            let filters = Filters { compression: Compression::Gzip(6), shuffle, fletcher32: false };
            let uint = Datatype::of(Dtype::Uint32);
            let mut chunks = Chunks::new(uint, &[elements], &[100], filters, true).unwrap();
            let encoded = chunks.encode(&values[..there * 4], &mut EncodeWork::default()).unwrap();
            chunks.push(&mut w, &encoded).unwrap();
            let mut root = Group::new();
            root.link("d", chunks.finish(&mut w, &[]).unwrap());
            w.finish(&root).unwrap();
            let file = File::open(&path).unwrap();
            let d = file.root().unwrap().descend("d").unwrap().dataset().unwrap();
            let (read, checked) = (d.read(), d.check_chunk(0, &mut Scratch::default()));
            if complete {
                assert!(read.unwrap().raw() == &values[..elements as usize * 4]);
                assert!(!checked.unwrap(), "shorter than a chunk");
                continue;
            }
            let expected = format!("deflate stream ends early (expected 400 bytes, got {})", there * 4);
            for e in [read.map(drop).unwrap_err(), checked.map(drop).unwrap_err()] {
                assert!(e.message().starts_with(&expected) && e.offset().is_some(), "{e}");
            }
            file.read_short_chunks();
            let got = d.read().unwrap();
            assert!(got.raw()[..there * 4] == values[..there * 4]);
            assert!(got.raw()[there * 4..].iter().all(|b| *b == 0));
            assert_eq!((file.take_short_chunks(), file.take_short_chunks()), (1, 0));
        }
    }
}

#[test]
fn small_chunks_that_lie_together_are_read_together() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("small.h5");
    for filters in [
        Filters { compression: Compression::Gzip(1), ..Filters::default() },
        Filters { compression: Compression::Lzf, shuffle: true, fletcher32: true },
        Filters::default(),
    ] {
        let mut w = Writer::create(&path, true, Libver::Earliest).unwrap();
        let how = Storing { chunk: Some(vec![100]), filters, unlimited: false };
        let mut root = Group::new();
        root.link(
            "d",
            w.dataset(&StoredValue::numbers(Dtype::Float32, &[50_000], floats(50_000)), &[], &how).unwrap(),
        );
        w.finish(&root).unwrap();
        let recorder = Recorder { bytes: Arc::new(std::fs::read(&path).unwrap()), asked: Arc::default() };
        let file = File::from_reader(Box::new(recorder.clone()), Limits::default()).unwrap();
        let d = file.root().unwrap().descend("d").unwrap().dataset().unwrap();
        d.load_chunk_index().unwrap();
        assert_eq!(d.stored_chunks().unwrap(), 500);
        recorder.asked.lock().unwrap().clear();
        // from the middle of a chunk to the middle of another
        let mut out = vec![0; 4 * 49_900];
        d.read_range(50..49_950, &mut out, &mut Scratch::default()).unwrap();
        assert!(out == floats(50_000)[200..4 * 49_950]);
        let asked = recorder.asked.lock().unwrap().len();
        assert!(asked <= 3, "{asked} requests with {filters:?}");
    }
}

/// Numbers that ascend by gaps, as minor indices do; about half of their compressed symbols are literals.
fn indices(n: usize, width: usize) -> Vec<u8> {
    let (mut at, mut seed) = (0u64, 1u32);
    let numbers = (0..n).flat_map(|_| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        at = (at + 1 + u64::from((seed >> 16) % 25)) % 30_000;
        at.to_le_bytes()[..width].to_vec()
    });
    numbers.collect()
}

#[test]
fn chunks_decoded_two_at_once_are_what_each_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("two.h5");
    for (width, dtype) in [(4, Dtype::Int32), (8, Dtype::Int64)] {
        for (shuffle, chunk) in [(false, 3000u64), (true, 3000), (false, 9000)] {
            let n = 20_500;
            let bytes = indices(n, width);
            let mut w = Writer::create(&path, true, Libver::Earliest).unwrap();
            let filters = Filters { shuffle, compression: Compression::Gzip(9), fletcher32: false };
            let how = Storing { chunk: Some(vec![chunk]), filters, unlimited: true };
            let mut root = Group::new();
            root.link(
                "d",
                w.dataset(&StoredValue::numbers(dtype, &[n as u64], bytes.clone()), &[], &how).unwrap(),
            );
            w.finish(&root).unwrap();
            let open = || File::open(&path).unwrap().root().unwrap().descend("d").unwrap().dataset().unwrap();
            let d = open();
            assert!(d.read().unwrap().raw() == bytes);
            for range in [0..2 * chunk, chunk - 1..n as u64, 1..2 * chunk + 5, chunk..2 * chunk] {
                let mut out = vec![0; (range.end - range.start) as usize * width];
                d.read_range(range.clone(), &mut out, &mut Scratch::default()).unwrap();
                assert!(out == bytes[range.start as usize * width..range.end as usize * width], "{range:?}");
            }
            let whole = std::fs::read(&path).unwrap();
            for number in 0..2 {
                let extent = d.chunk_extent(number).unwrap().unwrap();
                for at in [extent.start, (extent.start + extent.end) / 2, extent.end - 1] {
                    let mut file = whole.clone();
                    file[at as usize] ^= 0x55;
                    std::fs::write(&path, file).unwrap();
                    let e = open().read().unwrap_err().to_string();
                    let place = format!("/d: chunk [{}] at byte {:#x}", number as u64 * chunk, extent.start);
                    assert!(e.contains(&place), "{e}");
                }
            }
        }
    }
}
