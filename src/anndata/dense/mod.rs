//! Dense matrices: an array of two dimensions, read as a compressed matrix without its zeros.
//!
//! Lines are rows of the array. The line pointers are not known before the values are read: a first pass
//! counts the entries of each line, strip by strip, and blocks are then read in the same strips. An array whose
//! chunks have more lines than the budget has memory for is streamed: each pass decodes each chunk once.

#[cfg(feature = "write")]
mod write;

use crate::anndata::row_reader::{ReadRoom, RowReader};
use crate::dtype::Numeric;
use crate::dtype::{Element, with_element};
use crate::error::{Error, Kind, Place, Result};
use crate::matrix::block::line_of;
use crate::matrix::{self, Budget, Buffer, Layout, LostLines, Orientation, Source, merged};
use crate::observe::Observer;
use crate::sync::{each_in_parallel, into_inner, lock};
use crate::tree::Array;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Metadata of a dense matrix stored in a file.
#[derive(Debug, Clone)]
pub struct Dense {
    array: Array,
    /// Whether rows of the array are columns of the matrix, as in loom.
    transposed: bool,
}

/// Bytes of a strip, which is decoded at once, unless chunks are larger.
const STRIP_BYTES: u64 = 4 << 20;
/// Maximum number of times that a chunk is decoded in one pass, where it cannot be streamed.
const MOST_TIMES: u64 = 16;

impl Dense {
    /// Opens an array as a matrix; `transposed` if its rows are the columns of the matrix.
    ///
    /// # Errors
    /// `Unsupported` if it does not have two dimensions.
    pub(crate) fn open(array: Array, transposed: bool) -> Result<Self> {
        if array.shape().len() != 2 {
            let text = format!("expected two dimensions, got {}", array.shape().len());
            return Err(Error::unsupported(text).in_object(array.path()));
        }
        Ok(Dense { array, transposed })
    }

    /// Number of rows and columns of the matrix.
    pub fn shape(&self) -> [u64; 2] {
        let (a, b) = (self.array.shape()[0], self.array.shape()[1]);
        if self.transposed { [b, a] } else { [a, b] }
    }

    /// Whether rows of the array are columns of the matrix, as in loom.
    pub fn is_transposed(&self) -> bool {
        self.transposed
    }

    /// The array, with rows and columns as stored.
    pub fn array(&self) -> &Array {
        &self.array
    }

    /// Opens the entries: reads all values once on the current rayon pool, to count those of each line that
    /// are not zero.
    ///
    /// # Errors
    /// `Limit` if the budget is too small for a strip of one line; `Unsupported` if the values are not
    /// numbers; otherwise errors of reading.
    pub fn source(&self, budget: Budget, observer: &dyn Observer) -> Result<DenseSource> {
        self.source_of(budget, observer, &|_, e| Err(e))
    }

    /// As [`source`](Self::source), but tolerates damaged values: also returns the lines that cannot be read,
    /// which are empty in the source.
    ///
    /// # Errors
    /// As [`source`](Self::source), except for damaged values.
    pub fn source_past(
        &self,
        budget: Budget,
        observer: &dyn Observer,
    ) -> Result<(DenseSource, Vec<LostLines>)> {
        let lost = Mutex::new(Vec::new());
        let source = self.source_of(budget, observer, &|lines, e| {
            if e.kind() == Kind::Cancelled {
                return Err(e);
            }
            lock(&lost).push(LostLines { lines, reason: e.to_string() });
            Ok(())
        })?;
        Ok((source, merged(into_inner(lost))))
    }

    fn source_of(
        &self,
        budget: Budget,
        observer: &dyn Observer,
        lost: &(dyn Fn(Range<u64>, Error) -> Result<()> + Sync),
    ) -> Result<DenseSource> {
        let path = self.array.path();
        let values = Numeric::of(self.array.datatype())
            .ok_or_else(|| {
                Error::unsupported(format!("expected numbers, got {}", self.array.datatype().name()))
            })
            .in_object(path)?;
        let (lines, minor) = (self.array.shape()[0], self.array.shape()[1]);
        let orientation = if self.transposed { Orientation::Csc } else { Orientation::Csr };
        let layout = Layout::of_lines(orientation, lines, minor, 0, values.dtype).in_object(path)?;
        let [elements] = RowReader::of([&self.array])?;
        let (pointers, every) = (Vec::new(), 1);
        let mut source = DenseSource { elements, values, rows: 1, most: 0, every, pointers, layout };
        source.every = source.chunk_rows();
        let workers;
        (source.rows, workers) = source.plan(budget, &|_| 0)?;
        let pointers = source.count(workers, observer, lost)?;
        let most = |rows| most_entries(&pointers, rows);
        (source.rows, _) = source.plan(budget, &most)?;
        source.most = most(source.rows);
        source.pointers = pointers;
        Ok(source)
    }
}

/// The entries of a dense matrix stored in a file: its values that are not zero.
#[derive(Debug)]
pub struct DenseSource {
    elements: RowReader,
    values: Numeric,
    /// Number of lines of a strip.
    rows: u64,
    /// Maximum number of entries of a strip.
    most: u64,
    /// Number of lines of a chunk, whatever the budget; 1 if there is no reason to read whole chunks.
    every: u64,
    pointers: Vec<u64>,
    layout: Layout,
}

#[derive(Debug, Default)]
struct DenseState {
    room: ReadRoom,
    plain: Vec<u8>,
}

/// Of two errors, the one with the smaller budget that suffices.
fn least_of(a: Error, b: Option<Error>) -> Error {
    match b {
        Some(b) if b.needed().is_some_and(|n| a.needed().is_none_or(|m| n < m)) => b,
        _ => a,
    }
}

impl DenseSource {
    fn row_bytes(&self) -> u64 {
        self.layout.minor.saturating_mul(self.values.stored_size() as u64)
    }

    /// Bytes of memory of a worker that decodes strips of `rows` lines.
    fn strip_bytes(&self, rows: u64) -> u64 {
        let strip = rows.saturating_mul(self.row_bytes());
        let converted = if self.values.is_native() {
            0
        } else {
            rows.saturating_mul(self.layout.minor).saturating_mul(8)
        };
        strip
            .saturating_add(converted)
            .saturating_add(self.elements.working_bytes(rows.saturating_mul(self.layout.minor)))
    }

    /// Number of lines of a chunk; 1 if there is no reason to read whole chunks.
    fn chunk_rows(&self) -> u64 {
        match self.elements.array.chunk_shape() {
            Some(c) if !self.elements.is_stream() => c[0].min(self.layout.lines.max(1)),
            _ => 1,
        }
    }

    /// Chooses the number of lines of a strip, whole chunks if the budget allows, and the number of workers
    /// that can each hold one. `entries(n)` is the maximum number of entries of a strip of `n` lines, which
    /// are held beside it.
    fn plan_strips(&self, budget: Budget, entries: &dyn Fn(u64) -> u64) -> Result<(u64, usize)> {
        let chunk_rows = self.chunk_rows();
        // once in the block, and once more in a sink that copies them
        let entry = self.layout.entry_bytes() + 8;
        let cost =
            |rows: u64, entries: u64| self.strip_bytes(rows).saturating_add(entries.saturating_mul(entry));
        let fixed = ((self.layout.lines + 1) * 16).saturating_add(self.elements.resident_bytes());
        // a third, so that sinks and adapters of the blocks have twice as much
        let left = budget.after(fixed, cost(1, self.layout.minor).saturating_mul(3))? / 3;
        let wanted = (STRIP_BYTES / self.row_bytes().max(1)).max(1);
        let mut rows = (wanted / chunk_rows).max(1) * chunk_rows;
        while rows > 1 && cost(rows, entries(rows)) > left {
            rows = if rows > chunk_rows { rows - chunk_rows } else { rows - rows.div_ceil(8) };
        }
        let affordable = matrix::workers(left, cost(rows, entries(rows)));
        Ok((rows, if self.elements.is_stream() { 1 } else { affordable }))
    }

    /// As [`plan_strips`](Self::plan_strips), but streams the array if strips of whole chunks do not fit the budget.
    fn plan(&mut self, budget: Budget, entries: &dyn Fn(u64) -> u64) -> Result<(u64, usize)> {
        let held = self.plan_strips(budget, entries);
        let chunk_rows = self.chunk_rows();
        let times = held.as_ref().map_or(u64::MAX, |(rows, _)| chunk_rows.div_ceil((*rows).max(1)));
        let can_stream = !self.elements.is_stream() && self.elements.array.in_order_bytes()?.is_some();
        if times <= 1 || !can_stream {
            return held;
        }
        let array = self.elements.array.clone();
        self.elements.stream()?;
        match (self.plan_strips(budget, entries), held) {
            (Ok(streamed), _) => Ok(streamed),
            (Err(_), Ok(held)) if times <= MOST_TIMES => {
                self.elements = RowReader::held(array);
                Ok(held)
            }
            (Err(e), held) => Err(least_of(e, held.err())),
        }
    }

    /// Counts the entries; returns the line pointers.
    fn count(
        &mut self,
        workers: usize,
        observer: &dyn Observer,
        lost: &(dyn Fn(Range<u64>, Error) -> Result<()> + Sync),
    ) -> Result<Vec<u64>> {
        let lines = self.layout.lines;
        let counts: Vec<AtomicU64> = (0..lines).map(|_| AtomicU64::new(0)).collect();
        let count = |strip: u64, state: &mut DenseState| {
            let start = strip * self.rows;
            let strip = start..(start + self.rows).min(lines);
            if let Err(e) = self.decode(strip.clone(), state) {
                return lost(strip, e);
            }
            let width = self.layout.minor as usize;
            with_element!(self.layout.dtype, T => {
                let row_bytes = width * size_of::<T>();
                for (row, line) in state.plain.chunks_exact(row_bytes.max(1)).enumerate() {
                    let n = elements::<T>(line).filter(|v| !v.is_zero()).count();
                    counts[start as usize + row].store(n as u64, Relaxed);
                }
            });
            Ok(())
        };
        each_in_parallel(lines.div_ceil(self.rows), workers, observer, DenseState::default, count)?;
        let mut sum = 0;
        let mut pointers = crate::limits::reserved(counts.len() + 1)?;
        pointers.push(0);
        for c in counts {
            sum += c.into_inner();
            pointers.push(sum);
        }
        self.layout.entries = sum;
        Ok(pointers)
    }

    /// Decodes lines `strip` into `state.plain`.
    fn decode(&self, strip: Range<u64>, state: &mut DenseState) -> Result<()> {
        let (rows, width) = (strip.end - strip.start, self.layout.minor);
        let n = usize::try_from(rows * width)
            .map_err(|_| Error::limit("expected a strip that fits the address space, got a larger one"))?;
        state.plain.resize(n * self.layout.dtype.size(), 0);
        self.elements.numbers(&self.values, strip, &mut state.plain, &mut state.room)
    }

    fn line_of(&self, entry: u64) -> u64 {
        line_of(&self.pointers, entry) as u64
    }
}

/// Maximum number of entries of a strip of `rows` lines.
fn most_entries(pointers: &[u64], rows: u64) -> u64 {
    let ends = pointers.iter().skip(rows as usize).step_by(rows as usize);
    let strips = pointers.iter().step_by(rows as usize).zip(ends.chain(pointers.last()));
    strips.map(|(start, end)| end - start).max().unwrap_or(0)
}

fn elements<T: Element>(bytes: &[u8]) -> impl Iterator<Item = T> {
    bytes.chunks_exact(size_of::<T>()).map(bytemuck::pod_read_unaligned)
}

impl Source for DenseSource {
    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn pointers(&self) -> &[u64] {
        &self.pointers
    }

    fn cut(&self, start: u64, _target: u64) -> u64 {
        let strip = self.line_of(start) / self.rows + 1;
        let line = (strip * self.rows).min(self.layout.lines);
        self.pointers[line as usize]
    }

    fn fixed_cut(&self, start: u64, target: u64) -> u64 {
        // whole chunks: unlike strips, they do not depend on the budget
        let every = self.every;
        let bound = self.line_of(start.saturating_add(target));
        let line = (bound / every * every).max((self.line_of(start) / every + 1) * every);
        self.pointers[line.min(self.layout.lines) as usize]
    }

    fn largest_block(&self, _target: u64) -> u64 {
        self.most
    }

    fn read(&self, range: Range<u64>, into: &mut Buffer) -> Result<()> {
        let mut state: Box<DenseState> = into.take_state();
        into.resize(range.end - range.start, self.layout.dtype)?;
        let width = self.layout.minor as usize;
        let size = self.layout.dtype.size();
        let (mut line, last) = (self.line_of(range.start), self.line_of(range.end - 1));
        let mut n = 0;
        while line <= last {
            let strip = line..((line / self.rows + 1) * self.rows).min(last + 1);
            line = strip.end;
            self.decode(strip, &mut state)?;
            let (minor_out, values_out) = (&mut into.minor, &mut into.values);
            with_element!(self.layout.dtype, T => {
                let slots = minor_out.len();
                for line in state.plain.chunks_exact((width * size).max(1)) {
                    for (i, v) in elements::<T>(line).enumerate() {
                        if !v.is_zero() {
                            if n < slots {
                                minor_out[n] = i as u32;
                                values_out[n * size..][..size].copy_from_slice(bytemuck::bytes_of(&v));
                            }
                            n += 1;
                        }
                    }
                }
            });
        }
        into.keep(state);
        if n as u64 != range.end - range.start {
            let e = Error::malformed("the file changed while it was read");
            return Err(e.in_object(self.elements.array.path()));
        }
        into.checked();
        Ok(())
    }

    fn working_bytes(&self, _entries: u64) -> u64 {
        self.strip_bytes(self.rows)
    }

    fn resident_bytes(&self) -> u64 {
        self.pointers.len() as u64 * 8 + self.elements.resident_bytes()
    }

    fn sequential(&self) -> bool {
        self.elements.is_stream()
    }
}

#[cfg(all(test, feature = "write"))]
mod tests {
    use super::*;
    use crate::anndata::tests::{BUDGET, at, bytes, texts, written};
    use crate::dtype::Dtype;
    use crate::matrix::InMemory;

    /// Lines are rows, or columns where the array is transposed; zeros are no entries.
    #[test]
    fn zeros_are_left_out() {
        let root = written(|w| w.raw_array("X", &bytes(&[2, 3], &[1, 0, 2, 0, 0, 3])));
        for (transposed, orientation, shape) in
            [(false, Orientation::Csr, [2, 3]), (true, Orientation::Csc, [3, 2])]
        {
            let dense = Dense::open(root.descend("X").unwrap().array().unwrap(), transposed).unwrap();
            assert_eq!(dense.shape(), shape);
            let layout = Layout::new(orientation, shape, 3, Dtype::Uint8).unwrap();
            let expected = InMemory::new(layout, vec![0, 2, 3], vec![0, 2, 2], vec![1, 2, 3]).unwrap();
            let source = dense.source(BUDGET, &()).unwrap();
            assert_eq!(InMemory::read(&source, BUDGET, &()).unwrap(), expected);
        }
    }

    #[test]
    fn what_is_no_matrix_is_refused() {
        let root = written(|w| {
            w.raw_array("uns/cube", &bytes(&[1, 2, 3], &[0; 6]))?;
            let words = w.writer.texts(&texts(&["a", "b"]), &[1, 2])?;
            w.raw_array("uns/words", &words)?;
            w.raw_array("uns/numbers", &bytes(&[1, 2], &[0; 2]))?;
            w.dict(&at("uns"))
        });
        let open = |name: &str| {
            let node = root.descend(&format!("uns/{name}"))?;
            Dense::open(node.array()?, false)
        };
        let error = open("cube").unwrap_err();
        assert_eq!((error.kind(), error.object()), (Kind::Unsupported, Some("/uns/cube")), "{error}");
        let error = open("words").unwrap().source(BUDGET, &()).unwrap_err();
        assert!(
            error.kind() == Kind::Unsupported && error.to_string().contains("expected numbers"),
            "{error}"
        );
        let error = open("numbers").unwrap().source(Budget::new(1), &()).unwrap_err();
        assert_eq!(error.kind(), Kind::Limit, "{error}");
    }
}
