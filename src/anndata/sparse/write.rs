//! Writes `csr_matrix` and `csc_matrix`: chunks are compressed on all threads and appended in order.

use crate::anndata::AnnDataWriter;
use crate::anndata::target::{Encodings, is_unstructured};
use crate::codec::{EncodeWork, Encoded};
use crate::dtype::{Datatype, Dtype, Policy, cast};
use crate::error::{Error, Result};
use crate::matrix::{Block, Layout, Sink, Source, pump};
use crate::observe::{Warning, Widened};
use crate::sync::{into_inner, lock, wait};
use crate::tree::{ArrayStorage, ChunkEncoder, ChunkWriter, EncodedValue, Location, TreeWriter};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Condvar, Mutex};

/// Pointers that are made into bytes at once.
const POINTERS_AT_ONCE: usize = 1 << 16;

impl AnnDataWriter<'_> {
    /// Writes all entries of a source as a compressed matrix (0.1.0), on all threads of the current rayon
    /// pool. The bytes do not depend on the number of threads. Values of float16, which scipy has not, become
    /// float32; the observer gets a warning.
    ///
    /// # Errors
    /// Errors of the source and of writing; `Cancelled`.
    pub fn sparse(&mut self, at: &Location, source: &dyn Source) -> Result<()> {
        let (budget, observer) = (self.budget, self.observer);
        self.sparse_from(at, source.layout(), source.pointers(), |sink| pump(source, sink, budget, observer))
    }

    /// Writes a compressed matrix whose entries `fill` passes to a sink: every entry of `layout` once, in
    /// blocks of any order. `fill` returns the finished sink.
    ///
    /// # Errors
    /// Errors of `fill` and of writing.
    pub fn sparse_from(
        &mut self,
        at: &Location,
        layout: &Layout,
        pointers: &[u64],
        fill: impl FnOnce(SparseSink<'_>) -> Result<SparseChunks>,
    ) -> Result<()> {
        let chunks = fill(self.sparse_sink(at, layout)?)?;
        self.sparse_done(at, layout, pointers, chunks)
    }

    /// The first half of [`sparse_from`](Self::sparse_from): the sink for all entries.
    pub(crate) fn sparse_sink(&mut self, at: &Location, layout: &Layout) -> Result<SparseSink<'_>> {
        let [index, _] = index_types(layout, self.encodings);
        let from = layout.dtype;
        let read = if is_unstructured(at) { from } else { self.encodings.value_dtype(from) };
        let dtype = if read == Dtype::Float16 { Dtype::Float32 } else { read };
        if read != from {
            self.observer.warn(&self.encodings.changed(&at.to_string(), &format!("written as {dtype}")));
        } else if dtype != from {
            self.observer.warn(&Warning::Widened(Widened { path: at.to_string(), from, to: dtype }));
        }
        let filters = self.storage.filters;
        let chunk = self.storage.chunk.min(layout.entries.max(1));
        let storage = ArrayStorage { chunk: Some(vec![chunk]), filters, unlimited: true };
        let part = |name: &str, dtype: Dtype| {
            self.writer.begin_chunks(&at.child(name), &Datatype::of(dtype), &[layout.entries], &storage)
        };
        let chunks = SparseChunks([part("data", dtype)?, part("indices", index)?]);
        Ok(SparseSink {
            chunk,
            entries: layout.entries,
            from,
            dtype,
            sizes: [dtype.size(), index.size()],
            encoders: chunks.0.each_ref().map(ChunkWriter::encoder),
            partial: Mutex::default(),
            work: Mutex::default(),
            stage: Mutex::new(AppendStage {
                writer: &mut self.writer,
                chunks,
                next: 0,
                waiting: BTreeMap::new(),
                failed: None,
            }),
            moved: Condvar::new(),
            window: 4 * rayon::current_num_threads() as u64,
        })
    }

    /// The second half of [`sparse_from`](Self::sparse_from): writes the pointers and the group, after the sink is
    /// finished.
    pub(crate) fn sparse_done(
        &mut self,
        at: &Location,
        layout: &Layout,
        pointers: &[u64],
        SparseChunks([data, indices]): SparseChunks,
    ) -> Result<()> {
        let [_, index] = index_types(layout, self.encodings);
        let mut attributes = self.encoding(layout.orientation.encoding(), "0.1.0")?;
        let shape = layout.shape().iter().flat_map(|n| (*n as i64).to_le_bytes()).collect();
        attributes.push(("shape".into(), EncodedValue::numbers(Dtype::Int64, &[2], shape)));
        self.writer.finish_chunks(data, &[])?;
        self.writer.finish_chunks(indices, &[])?;
        let storage = ArrayStorage {
            chunk: Some(vec![self.storage.chunk.min(pointers.len() as u64)]),
            filters: self.storage.filters,
            unlimited: true,
        };
        let (datatype, len) = (Datatype::of(index), pointers.len() as u64);
        let at_indptr = at.child("indptr");
        let mut list = self.writer.begin_list(&at_indptr, &datatype, len, &storage, self.at_once())?;
        for piece in pointers.chunks(POINTERS_AT_ONCE) {
            let bytes: Vec<u8> = match index {
                Dtype::Int32 => piece.iter().flat_map(|p| (*p as i32).to_le_bytes()).collect(),
                _ => piece.iter().flat_map(|p| (*p as i64).to_le_bytes()).collect(),
            };
            self.writer.push_list(&mut list, &bytes)?;
        }
        self.writer.finish_list(list, &[])?;
        self.writer.group(at, &attributes)
    }
}

/// The arrays `data` and `indices` of a compressed matrix, whose chunks a [`SparseSink`] has written.
#[derive(Debug)]
pub struct SparseChunks([ChunkWriter; 2]);

/// The types of `indices` and `indptr`: as scipy chooses them, int32 if all values of both fit, otherwise int64. A
/// program may want the narrowest for each.
fn index_types(layout: &Layout, encodings: Encodings) -> [Dtype; 2] {
    let of = |small: bool| if small { Dtype::Int32 } else { Dtype::Int64 };
    let small = [layout.minor, layout.entries].map(|n| n <= i32::MAX as u64);
    if encodings.narrows_indices() { small.map(of) } else { [of(small[0] && small[1]); 2] }
}

/// A sink that writes entries as chunks of `data` and `indices`.
pub struct SparseSink<'w> {
    chunk: u64,
    entries: u64,
    /// Type of the values of blocks, and the type that is written.
    from: Dtype,
    dtype: Dtype,
    /// Size in bytes of a value and of an index, as written.
    sizes: [usize; 2],
    encoders: [ChunkEncoder; 2],
    /// Chunks that are not complete yet, by number.
    partial: Mutex<HashMap<u64, Partial>>,
    work: Mutex<Vec<EncodeWork>>,
    stage: Mutex<AppendStage<'w>>,
    /// Notified when a chunk was appended.
    moved: Condvar,
    /// Maximum number of encoded chunks that wait for an earlier one.
    window: u64,
}

impl std::fmt::Debug for SparseSink<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SparseSink").field("entries", &self.entries).finish_non_exhaustive()
    }
}

struct Partial {
    parts: [Vec<u8>; 2],
    /// Number of entries that are still missing.
    missing: u64,
}

/// The state of the sink that appends chunks in order.
struct AppendStage<'w> {
    writer: &'w mut TreeWriter,
    chunks: SparseChunks,
    next: u64,
    waiting: BTreeMap<u64, [Encoded; 2]>,
    /// Set if a block failed; then no thread waits any longer.
    failed: Option<()>,
}

impl SparseSink<'_> {
    fn index_bytes(&self, minor: &[u32], out: &mut Vec<u8>) {
        match self.sizes[1] {
            4 => out.extend_from_slice(bytemuck::cast_slice(minor)),
            _ => out.extend(minor.iter().flat_map(|m| i64::from(*m).to_le_bytes())),
        }
    }

    /// Applies the filters to a whole chunk of both arrays, and appends it after all chunks before it.
    fn submit(&self, number: u64, parts: &[&[u8]; 2]) -> Result<()> {
        let mut work = lock(&self.work).pop().unwrap_or_default();
        let data = self.encoders[0].encode(parts[0], &mut work)?;
        let indices = self.encoders[1].encode(parts[1], &mut work)?;
        lock(&self.work).push(work);
        let mut stage = lock(&self.stage);
        // the thread with the next chunk never waits, so this ends
        while number > stage.next + self.window && stage.failed.is_none() {
            stage = wait(&self.moved, stage);
        }
        stage.waiting.insert(number, [data, indices]);
        let done = stage.drain();
        self.moved.notify_all();
        done
    }
}

impl AppendStage<'_> {
    fn drain(&mut self) -> Result<()> {
        while let Some(pair) = self.waiting.remove(&self.next) {
            for (chunks, encoded) in self.chunks.0.iter_mut().zip(&pair) {
                if let Err(e) = self.writer.push(chunks, encoded) {
                    self.failed = Some(());
                    return Err(e);
                }
            }
            self.next += 1;
        }
        Ok(())
    }
}

/// Releases waiting threads if a block fails: dropped while the flag is `true`.
struct Release<'a, 'w>(&'a SparseSink<'w>, bool);

impl Drop for Release<'_, '_> {
    fn drop(&mut self) {
        if self.1 {
            lock(&self.0.stage).failed = Some(());
            self.0.moved.notify_all();
        }
    }
}

impl Sink for SparseSink<'_> {
    type Done = SparseChunks;

    fn block(&self, block: &Block<'_>) -> Result<()> {
        let mut guard = Release(self, true);
        let (start, end) = (block.entries.start, block.entries.end);
        let (mut indices, mut wide) = (Vec::new(), Vec::new());
        let size = self.from.size();
        let mut at = start;
        while at < end {
            let number = at / self.chunk;
            let first = number * self.chunk;
            let to = (first + self.chunk).min(end);
            let (from_here, to_here) = ((at - start) as usize, (to - start) as usize);
            let minor = &block.minor[from_here..to_here];
            let mut values = &block.values.bytes[from_here * size..to_here * size];
            if self.dtype != self.from {
                wide.resize(minor.len() * self.sizes[0], 0);
                // a wider type holds every value; one that a program asks for may round
                let _ = cast(self.from, values, self.dtype, &mut wide, Policy::Round);
                values = &wide;
            }
            indices.clear();
            self.index_bytes(minor, &mut indices);
            if to - at == self.chunk {
                self.submit(number, &[values, &indices])?;
            } else if let Some(full) = self.fill(number, at - first, values, &indices) {
                self.submit(number, &[&full.parts[0], &full.parts[1]])?;
            }
            at = to;
        }
        guard.1 = false;
        Ok(())
    }

    fn finish(self) -> Result<Self::Done> {
        let stage = into_inner(self.stage);
        if stage.failed.is_some() || !stage.waiting.is_empty() {
            return Err(Error::malformed("expected all entries of the layout, got fewer"));
        }
        Ok(stage.chunks)
    }

    fn working_bytes(&self, entries: u64) -> u64 {
        let chunk = self.chunk * (self.sizes[0] + self.sizes[1]) as u64;
        // the chunk being filled, the one being encoded, those that wait, and the indices of the block
        chunk * 8 + entries.min(self.chunk) * (8 + self.sizes[0] as u64)
    }
}

impl SparseSink<'_> {
    /// Copies a part of a block into a chunk, and returns the chunk if it is complete. The last chunk has
    /// fewer entries.
    fn fill(&self, number: u64, offset: u64, values: &[u8], indices: &[u8]) -> Option<Partial> {
        let mut partial = lock(&self.partial);
        let first = number * self.chunk;
        let p = partial.entry(number).or_insert_with(|| Partial {
            parts: self.sizes.map(|s| vec![0; self.chunk as usize * s]),
            missing: self.chunk.min(self.entries - first),
        });
        for ((part, bytes), size) in p.parts.iter_mut().zip([values, indices]).zip(self.sizes) {
            let at = offset as usize * size;
            part[at..at + bytes.len()].copy_from_slice(bytes);
        }
        p.missing -= (values.len() / self.sizes[0]) as u64;
        if p.missing == 0 { partial.remove(&number) } else { None }
    }
}

#[cfg(all(test, feature = "write"))]
mod tests {
    use super::*;
    use crate::anndata::Sparse;
    use crate::anndata::tests::{BUDGET, Warnings, at, written, written_with};
    use crate::matrix::{InMemory, Orientation};

    fn matrix(orientation: Orientation, entries: u64) -> InMemory {
        let layout = Layout::new(orientation, [2, 2], entries, Dtype::Int16).unwrap();
        let n = entries as usize;
        let pointers = vec![0, entries.min(1), entries];
        InMemory::new(layout, pointers, [1, 0, 1][..n].to_vec(), [5, 0, 0xff, 0xff, 7, 0][..2 * n].to_vec())
            .unwrap()
    }

    /// Both layouts, with entries and without any.
    #[test]
    fn matrices_read_as_they_were_written() {
        for orientation in [Orientation::Csr, Orientation::Csc] {
            for entries in [3, 0] {
                let memory = matrix(orientation, entries);
                let root = written(|w| w.sparse(&at("X"), &memory));
                let node = root.descend("X").unwrap();
                let source = Sparse::open(&node).unwrap().source().unwrap();
                assert_eq!(InMemory::read(&source, BUDGET, &()).unwrap(), memory);
            }
        }
    }

    /// scipy has no matrices of float16; dense arrays of it are fine.
    #[test]
    fn halves_are_widened_with_a_warning() {
        let halves = [half::f16::from_f32(0.1), half::f16::NEG_INFINITY, half::f16::NAN];
        let bytes: Vec<u8> = halves.iter().flat_map(|v| v.to_le_bytes()).collect();
        let layout = Layout::new(Orientation::Csr, [1, 4], 3, Dtype::Float16).unwrap();
        let memory = InMemory::new(layout, vec![0, 3], vec![0, 2, 3], bytes).unwrap();
        let warnings = Warnings::default();
        let root = written_with(&warnings, |w| w.sparse(&at("layers/x"), &memory));
        let source = Sparse::open(&root.descend("layers/x").unwrap()).unwrap().source().unwrap();
        let read = InMemory::read(&source, BUDGET, &()).unwrap();
        let values = read.data::<f32>().unwrap();
        assert_eq!((values[0], values[1], values[2].is_nan()), (halves[0].to_f32(), f32::NEG_INFINITY, true));
        assert_eq!(
            warnings.texts(),
            ["/layers/x: written as float32, because scipy has no matrices of float16"]
        );
    }

    /// Entries beyond 32 bits make both index arrays wide for scipy; R reads wide pointers beside narrow indices.
    #[test]
    fn widths_of_indices() {
        use crate::anndata::Program;
        let of = |entries: u64, minor: u64, target: Option<Program>| {
            let layout =
                Layout { orientation: Orientation::Csr, lines: 1, minor, entries, dtype: Dtype::Int8 };
            index_types(&layout, Encodings(target))
        };
        let (narrow, wide) = (Dtype::Int32, Dtype::Int64);
        for target in [None, Some(Program::AnnData07), Some(Program::Cellxgene)] {
            assert_eq!(of(1 << 31, 9, target), [wide, wide]);
            assert_eq!(of((1 << 31) - 1, 9, target), [narrow, narrow]);
        }
        assert_eq!(of(1 << 31, 9, Some(Program::R)), [narrow, wide]);
        assert_eq!(of(9, 1 << 31, Some(Program::R)), [wide, narrow]);
    }

    /// Other programs find the parts by these names; indices are of 32 bits while everything fits, as those of scipy.
    #[test]
    fn parts_have_the_names_of_the_specification() {
        let root = written(|w| w.sparse(&at("X"), &matrix(Orientation::Csc, 3)));
        let node = root.descend("X").unwrap();
        let attribute = |name: &str| node.attribute(name).unwrap().unwrap();
        assert_eq!(attribute("encoding-type").string().unwrap(), "csc_matrix");
        assert_eq!(attribute("shape").integers().unwrap(), [2, 2]);
        for (name, values) in [("indices", [1, 0, 1]), ("indptr", [0, 1, 3])] {
            let array = node.descend(name).unwrap().array().unwrap();
            assert_eq!(
                (array.datatype().size, array.read().unwrap().integers().unwrap()),
                (4, values.to_vec())
            );
        }
    }
}
