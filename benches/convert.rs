//! How fast chunks are decoded, and files become stores. Throughput in bytes of output and in entries.
//!
//! `ANNMAP_BENCH=/path/to/large.h5ad cargo bench` measures on a file of yours; without it the small fixture of
//! the tests shows that the bench runs, not how fast the program is.

#![allow(missing_docs)] // the macro below makes a public function without any

use annmap::convert::{Options, Target, convert};
use annmap::h5ad::{AnnData, Element};
use annmap::hdf5::Scratch;
use annmap::input::Input;
use annmap::matrix::{Block, Budget, Sink, Source, pump};
use annmap::{Limits, Result};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::path::PathBuf;

fn file() -> PathBuf {
    let fixture = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/anndata_current.h5ad");
    std::env::var_os("ANNMAP_BENCH").map_or_else(fixture, PathBuf::from)
}

/// Takes blocks and does nothing.
struct Nowhere;

impl Sink for Nowhere {
    type Done = ();
    fn block(&self, block: &Block<'_>) -> Result<()> {
        black_box(block.minor.len());
        Ok(())
    }
    fn finish(self) -> Result<()> {
        Ok(())
    }
}

fn decode(c: &mut Criterion) {
    let a = AnnData::open(file()).unwrap();
    let Element::Sparse(sparse) = a.matrix("X").unwrap() else { panic!("X is not compressed") };
    let mut group = c.benchmark_group("decode");
    group.sample_size(10);
    for dataset in sparse.datasets() {
        let n = dataset.elements().min(4 << 20);
        let mut out = vec![0; n as usize * dataset.datatype().size as usize];
        let mut scratch = Scratch::default();
        dataset.load_chunk_index().unwrap();
        group.throughput(Throughput::Bytes(out.len() as u64));
        group.bench_function(dataset.object().name(), |b| {
            b.iter(|| dataset.read_range(0..n, black_box(&mut out), &mut scratch).unwrap());
        });
    }
    let source = sparse.source().unwrap();
    group.throughput(Throughput::Elements(source.layout().entries));
    group.bench_function("all entries, all threads", |b| {
        b.iter(|| pump(&source, Nowhere, Budget::new(1 << 30), &()).unwrap());
    });
    group.finish();
}

fn stores(c: &mut Criterion) {
    let input = Input::open(&file(), Limits::default()).unwrap();
    let entries = input.matrix("X", Budget::new(1 << 30), &()).unwrap().as_source().layout().entries;
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("store");
    let mut group = c.benchmark_group("store");
    group.sample_size(10);
    for (name, target) in
        [("convert", Target::Stored), ("transpose", Target::Flipped), ("both", Target::Both)]
    {
        let options = Options { target, force: true, budget: Budget::new(4 << 30), ..Options::default() };
        group.throughput(Throughput::Elements(entries));
        group.bench_function(name, |b| b.iter(|| convert(&input, &out, &options, &()).unwrap()));
    }
    group.finish();
}

criterion_group!(benches, decode, stores);
criterion_main!(benches);
