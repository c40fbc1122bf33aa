//! Bounds on the bytes and requests read for a task: over a network each of them has a cost.

use crate::support::fixture;
use annmap::dataset::Dataset;
use annmap::dtype::Dtype;
use annmap::export::ExportOptions;
use annmap::hdf5::{File, Found, Group, Libver, StoredValue, Writer};
use annmap::synth::{SynthOptions, synth};
use annmap::{Limits, ReadAt};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A file in memory that counts the bytes and requests read from it.
#[derive(Clone)]
struct Counting {
    bytes: Arc<Vec<u8>>,
    read: Arc<AtomicU64>,
    requests: Arc<AtomicU64>,
}

impl Counting {
    fn open(path: &Path) -> Self {
        let bytes = Arc::new(std::fs::read(path).unwrap());
        Counting { bytes, read: Arc::default(), requests: Arc::default() }
    }

    /// Bytes read since the last call.
    fn taken(&self) -> u64 {
        self.requests.store(0, Relaxed);
        self.read.swap(0, Relaxed)
    }
}

impl ReadAt for Counting {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.read.fetch_add(buffer.len() as u64, Relaxed);
        self.requests.fetch_add(1, Relaxed);
        self.bytes.read_exact_at(buffer, offset)
    }

    fn len(&self) -> u64 {
        ReadAt::len(&*self.bytes)
    }
}

/// Bytes read to open the file, to describe it and to read one column.
fn read_of(path: &Path, column: &str) -> [u64; 3] {
    let source = Counting::open(path);
    let data = Dataset::from_source(source.clone(), Limits::default()).unwrap();
    let open = source.taken();
    data.anndata().unwrap().describe().unwrap();
    let describe = source.taken();
    let data = Dataset::from_source(source.clone(), Limits::default()).unwrap();
    source.taken();
    data.obs().column(column).unwrap();
    [open, describe, source.taken()]
}

/// Page size of metadata reads. A file with a different arrangement may touch one page more or less.
const PAGE: u64 = 4096;

/// Our files take no more reading than those h5py wrote of the same data.
#[test]
fn files_of_ours_are_read_with_no_more_bytes_than_those_of_h5py() {
    let dir = tempfile::tempdir().unwrap();
    let theirs = fixture("anndata_current.h5ad");
    let names = Dataset::open(&theirs).unwrap().obs().names().unwrap();
    let ours = dir.path().join("ours.h5ad");
    Dataset::open(&theirs).unwrap().select().options(ExportOptions::default()).write_to(&ours).unwrap();
    for name in names {
        let (h5py, us) = (read_of(&theirs, &name), read_of(&ours, &name));
        assert!(us.iter().sum::<u64>() <= h5py.iter().sum(), "{name}: {us:?} of ours, {h5py:?} of h5py's");
        let near = us.iter().zip(h5py).all(|(us, h5py)| *us <= h5py + 2 * PAGE);
        assert!(near, "{name}: {us:?} of ours, {h5py:?} of h5py's");
    }
}

/// Reading one column of a large table reads only that column.
#[test]
fn a_column_costs_its_own_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cells.h5ad");
    let options = SynthOptions { cells: 200_000, genes: 20, per_cell: 1.0, ..SynthOptions::default() };
    synth(&path, &options, &()).unwrap();
    let source = Counting::open(&path);
    let data = Dataset::from_source(source.clone(), Limits::default()).unwrap();
    source.taken();
    data.obs().column("cell_type").unwrap();
    // one-byte codes
    let (read, column) = (source.taken(), 200_000);
    assert!(read <= column * 12 / 10 + (64 << 10), "{read} bytes for a column of {column}");
}

/// Listing reads every byte of the metadata once, and reads neighbouring structures together.
#[test]
fn a_listing_reads_each_page_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("many.h5");
    for libver in [Libver::Earliest, Libver::Latest] {
        let mut w = Writer::create(&path, true, libver).unwrap();
        let (mut root, mut many) = (Group::new(), Group::new());
        // header messages of 64 KiB hold 1,000 links; a symbol table holds any number
        for n in 0..if libver == Libver::Latest { 1_000 } else { 20_000 } {
            let mut child = Group::new();
            child.attribute("n", StoredValue::numbers(Dtype::Int64, &[], vec![0; 8]));
            many.link(&format!("child_{n:06}"), w.group(&child).unwrap());
        }
        root.link("many", w.group(&many).unwrap());
        w.finish(&root).unwrap();
        let source = Counting::open(&path);
        let file = File::from_source(source.clone(), Limits::default()).unwrap();
        let mut attributes = 0;
        for visit in file.walk().unwrap() {
            if let Found::Object(object) = visit.found() {
                attributes += object.attributes().unwrap().len();
            }
        }
        assert!(attributes >= 1_000);
        let requests = source.requests.load(Relaxed);
        let (read, len) = (source.taken(), ReadAt::len(&source));
        assert!(read <= len * 11 / 10, "{read} bytes of {len} for {libver:?}");
        assert!(requests <= len / PAGE + 100, "{requests} requests for {libver:?}");
    }
}

/// A table is read once while a handle to it is alive; its length needs no reading.
#[test]
fn tables_that_are_held_are_not_read_again() {
    let source = Counting::open(&fixture("anndata_current.h5ad"));
    let data = Dataset::from_source(source.clone(), Limits::default()).unwrap();
    data.obs().rows().unwrap();
    source.taken();
    let held = [data.obs().read().unwrap(), data.var().read().unwrap()];
    let once = source.taken();
    assert_eq!(held[0].rows() as u64, data.obs().rows().unwrap());
    source.taken();
    assert!(Arc::ptr_eq(&held[0], &data.obs().read().unwrap()));
    let again = source.taken();
    assert!(again * 4 < once, "{again} bytes the second time, {once} the first");
    drop(held);
    data.obs().read().unwrap();
    assert!(source.taken() > again, "forgotten when nobody holds it");
}
