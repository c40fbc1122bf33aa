//! How fast chunks are decoded, entries brought into the other order, and files become stores. Throughput in bytes of
//! output and in entries.
//!
//! `ANNMAP_BENCH=/path/to/large.h5ad cargo bench` measures on a file of yours; without it the small fixture of
//! the tests shows that the bench runs, not how fast the program is.

#![allow(missing_docs)] // the macro below makes a public function without any

use annmap::anndata::StoredMatrix;
use annmap::codec::{Compression, Filters};
use annmap::convert::{ConvertOptions, TargetLayout, convert};
use annmap::dataset::AnnData;
use annmap::dataset::Dataset;
use annmap::hdf5::{File, Group, Libver, Scratch, StoredValue, Storing, Writer};
use annmap::matrix::{Block, Budget, InMemory, Layout, Orientation, Sink, Source, entries, pump};
use annmap::transpose::partition;
use annmap::{Dtype, Result};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
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
    let StoredMatrix::Sparse(sparse) = a.matrix("X").unwrap() else { panic!("X is not compressed") };
    let mut group = c.benchmark_group("decode");
    group.sample_size(10);
    for array in sparse.arrays() {
        let n = array.elements().min(4 << 20);
        let mut out = vec![0; n as usize * array.datatype().size as usize];
        let mut scratch = annmap::tree::ArrayScratch::default();
        array.load_chunk_index().unwrap();
        group.throughput(Throughput::Bytes(out.len() as u64));
        group.bench_function(array.node().name(), |b| {
            b.iter(|| array.read_box(&[0], &[n], black_box(&mut out), &mut scratch).unwrap());
        });
    }
    let source = sparse.source().unwrap();
    group.throughput(Throughput::Elements(source.layout().entries));
    group.bench_function("all entries, all threads", |b| {
        b.iter(|| pump(&source, Nowhere, Budget::new(1 << 30), &()).unwrap());
    });
    group.finish();
}

/// What it costs to undo each filter alone, on indices of rows that ascend: all chunks, which are inflated two at once,
/// and chunk by chunk.
fn filters(c: &mut Criterion) {
    const CHUNK: u64 = 25_489;
    const N: u64 = 164 * CHUNK;
    let (mut at, mut seed) = (0u32, 1u32);
    let indices = (0..N).flat_map(|_| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        at = (at + 1 + (seed >> 16) % 22) % 30_000;
        at.to_le_bytes()
    });
    let indices = StoredValue::numbers(Dtype::Int32, &[N], indices.collect());
    let dir = tempfile::tempdir().unwrap();
    let mut group = c.benchmark_group("filters");
    group.sample_size(10).throughput(Throughput::Bytes(N * 4));
    for (name, shuffle, compression) in [
        ("none", false, Compression::None),
        ("shuffle", true, Compression::None),
        ("lzf", false, Compression::Lzf),
        ("inflate", false, Compression::Gzip(9)),
        ("inflate, shuffle", true, Compression::Gzip(9)),
    ] {
        let path = dir.path().join("filters.h5");
        let mut writer = Writer::create(&path, true, Libver::Earliest).unwrap();
        let filters = Filters { shuffle, compression, fletcher32: false };
        let how = Storing { chunk: Some(vec![CHUNK]), filters, unlimited: false };
        let mut root = Group::new();
        root.link("indices", writer.dataset(&indices, &[], &how).unwrap());
        writer.finish(&root).unwrap();
        let file = File::open(&path).unwrap();
        let dataset = file.root().unwrap().descend("indices").unwrap().dataset().unwrap();
        let (mut out, mut scratch) = (vec![0; N as usize * 4], Scratch::default());
        for (how, step) in [("", N), (", chunk by chunk", CHUNK)] {
            group.bench_function(format!("{name}{how}"), |b| {
                b.iter(|| {
                    for start in (0..N).step_by(step as usize) {
                        let out = &mut out[start as usize * 4..][..step as usize * 4];
                        dataset.read_range(start..start + step, black_box(out), &mut scratch).unwrap();
                    }
                });
            });
        }
    }
    group.finish();
}

/// 10.4 million entries in memory.
fn in_memory() -> InMemory {
    const ROWS: u64 = 4_000;
    const COLUMNS: u64 = 30_000;
    const EACH: u64 = 2_600;
    let pointers = (0..=ROWS).map(|row| row * EACH).collect();
    let minor = (0..ROWS * EACH).map(|i| (i % EACH * 11 + i / EACH % 11) as u32).collect();
    let values = (0..ROWS * EACH).flat_map(|i| (i as f32).to_le_bytes()).collect();
    let layout = Layout {
        orientation: Orientation::Csr,
        lines: ROWS,
        minor: COLUMNS,
        entries: ROWS * EACH,
        dtype: Dtype::Float32,
    };
    InMemory::new(layout, pointers, minor, values).unwrap()
}

/// What adding up costs besides reading: the pump alone, sums of columns by a fold, and the same in one plain loop.
fn fold(c: &mut Criterion) {
    let matrix = in_memory();
    let columns = matrix.layout().minor as usize;
    let mut group = c.benchmark_group("fold");
    group.sample_size(20).throughput(Throughput::Elements(matrix.layout().entries));
    group.bench_function("pump alone", |b| {
        b.iter(|| pump(&matrix, Nowhere, Budget::new(256 << 20), &()).unwrap());
    });
    group.bench_function("column sums", |b| {
        b.iter(|| {
            entries(&matrix)
                .fold(
                    || vec![0f64; columns],
                    |sums, block| block.each(|_, column, value: f64| sums[column] += value),
                    |sums, others| sums.iter_mut().zip(others).for_each(|(sum, other)| *sum += other),
                )
                .unwrap()
        });
    });
    let values: Vec<f32> =
        matrix.values().chunks(4).map(|v| f32::from_le_bytes(v.try_into().unwrap())).collect();
    group.bench_function("column sums in one loop, one thread", |b| {
        b.iter(|| {
            let mut sums = vec![0f64; columns];
            matrix.minor().iter().zip(&values).for_each(|(m, v)| sums[*m as usize] += f64::from(*v));
            sums
        });
    });
    group.finish();
}

/// The two halves of transposing: entries sorted by band, and bands placed. In memory, and by way of temporary files.
fn scatter(c: &mut Criterion) {
    let matrix = in_memory();
    let dir = tempfile::tempdir().unwrap();
    let mut group = c.benchmark_group("scatter");
    group.sample_size(10).throughput(Throughput::Elements(matrix.layout().entries));
    for (name, budget) in [("in memory", 1 << 30), ("temporary files", 32 << 20)] {
        let sorted = || partition(&matrix, Budget::new(budget), dir.path(), &(), &|_| Ok(())).unwrap();
        group.bench_function(format!("sorted by band, {name}"), |b| b.iter(sorted));
        group.bench_function(format!("placed, {name}"), |b| {
            b.iter_batched(sorted, |p| p.deliver(Nowhere, &()).unwrap(), BatchSize::PerIteration);
        });
    }
    group.finish();
}

fn stores(c: &mut Criterion) {
    let input = Dataset::open(file()).unwrap();
    let entries = input.matrix("X", Budget::new(1 << 30), &()).unwrap().layout().entries;
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("store");
    let mut group = c.benchmark_group("store");
    group.sample_size(10);
    for (name, target) in [
        ("convert", TargetLayout::Stored),
        ("transpose", TargetLayout::Flipped),
        ("both", TargetLayout::Both),
    ] {
        let options =
            ConvertOptions { target, force: true, budget: Budget::new(4 << 30), ..ConvertOptions::default() };
        group.throughput(Throughput::Elements(entries));
        group.bench_function(name, |b| b.iter(|| convert(&input, &out, &options, &()).unwrap()));
    }
    group.finish();
}

criterion_group!(benches, decode, filters, fold, scatter, stores);
criterion_main!(benches);
