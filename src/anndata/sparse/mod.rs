//! `csr_matrix` and `csc_matrix`: a group of three arrays, `data`, `indices` and `indptr`, read as a source
//! of entries.

#[cfg(feature = "write")]
mod write;

#[cfg(feature = "write")]
pub(crate) use write::SparseChunks;
#[cfg(feature = "write")]
pub use write::SparseSink;

use crate::anndata::encoding::Encoding;
use crate::anndata::row_reader::{ReadRoom, RowReader};
use crate::dtype::Numeric;
use crate::dtype::{Dtype, Element, with_element};
use crate::error::{Error, Place, Result};
use crate::matrix::{Buffer, Layout, LostLines, Orientation, Source, check_minor, validated_pointers};
use crate::tree::{Array, Node};
use std::ops::Range;

/// Metadata of a compressed matrix stored in a file: opening it reads no entries.
#[derive(Debug, Clone)]
pub struct Sparse {
    path: String,
    data: Array,
    indices: Array,
    indptr: Array,
    orientation: Orientation,
    shape: [u64; 2],
}

impl Sparse {
    /// Opens a group with its encoding and shape from its attributes.
    ///
    /// # Errors
    /// `NotFound` if it is not a compressed matrix; `Malformed` if its shape or an array is missing or wrong.
    pub(crate) fn open(group: &Node) -> Result<Self> {
        let Encoding::Sparse(orientation) = Encoding::of(group)? else {
            return Err(Error::not_found("expected a compressed matrix").in_object(group.path()));
        };
        let shape = match group.attribute("shape")? {
            Some(s) => s,
            None => group.attribute("h5sparse_shape")?.ok_or_else(|| {
                Error::malformed("expected an attribute 'shape', got none").in_object(group.path())
            })?,
        };
        let shape = shape_of(&shape.integers().in_object(group.path())?).in_object(group.path())?;
        Self::from_parts(group, orientation, shape)
    }

    /// Opens a group with `data`, `indices` and `indptr` whose orientation and shape are given, as in files
    /// of 10x Genomics.
    ///
    /// # Errors
    /// `Malformed` if an array is missing, has several dimensions or the wrong length.
    pub(crate) fn from_parts(group: &Node, orientation: Orientation, shape: [u64; 2]) -> Result<Self> {
        let part = |name: &str| {
            let child = group.child(name)?;
            let child =
                child.ok_or_else(|| Error::malformed(format!("expected an array '{name}', got none")));
            let dataset = child.in_object(group.path())?.array()?;
            if dataset.shape().len() != 1 {
                let text = format!("expected one dimension, got {}", dataset.shape().len());
                return Err(Error::malformed(text).in_object(dataset.path()));
            }
            Ok(dataset)
        };
        let (data, indices, indptr) = (part("data")?, part("indices")?, part("indptr")?);
        if data.elements() != indices.elements() {
            let text =
                format!("expected {} indices, one per value, got {}", data.elements(), indices.elements());
            return Err(Error::malformed(text).in_object(group.path()));
        }
        Ok(Sparse { path: group.path().to_owned(), data, indices, indptr, orientation, shape })
    }

    /// Number of rows and columns.
    pub fn shape(&self) -> [u64; 2] {
        self.shape
    }

    /// Whether lines are rows (CSR) or columns (CSC).
    pub fn orientation(&self) -> Orientation {
        self.orientation
    }

    /// Number of stored entries: the length of `data`.
    pub fn entries(&self) -> u64 {
        self.data.elements()
    }

    /// The arrays `data`, `indices` and `indptr`.
    pub fn arrays(&self) -> [&Array; 3] {
        [&self.data, &self.indices, &self.indptr]
    }

    /// Opens the entries: reads the line pointers and the chunk indexes.
    ///
    /// # Errors
    /// `Malformed` if the pointers contradict the shape or the other arrays; `Unsupported` if values or
    /// indices are not plain numbers; otherwise errors of reading.
    pub fn source(&self) -> Result<SparseSource> {
        self.source_of(Self::read_pointers)
    }

    /// As [`source`](Self::source), but tolerates invalid line pointers: also returns the affected lines,
    /// which must not be read.
    ///
    /// # Errors
    /// As [`source`](Self::source), if the pointers cannot be read; `Malformed` if the file is too small to
    /// contain the entries.
    pub fn source_past(&self) -> Result<(SparseSource, Vec<LostLines>)> {
        for d in [&self.data, &self.indices] {
            let most = d.node().container_bytes().saturating_mul(MOST_EXPANDED);
            if d.byte_len() > most {
                let text = format!(
                    "expected entries that fit a file of {1} bytes, got {0}: most were never written",
                    d.elements(),
                    d.node().container_bytes()
                );
                return Err(Error::malformed(text).in_object(d.path()));
            }
        }
        let mut lost = Vec::new();
        let source = self.source_of(|sparse, lines| {
            let raw = sparse.read_raw_pointers(lines)?;
            let (pointers, gone) =
                possible_pointers(&raw, sparse.data.elements().min(sparse.indices.elements()));
            lost = gone;
            Ok(pointers)
        })?;
        Ok((source, lost))
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    fn source_of(&self, pointers: impl FnOnce(&Self, u64) -> Result<Vec<u64>>) -> Result<SparseSource> {
        let [lines, _] = self.orientation.position(self.shape[0], self.shape[1]);
        // checks the shape before arrays of the lengths that follow from it are read
        Layout::new(self.orientation, self.shape, 0, Dtype::Bool).in_object(&self.path)?;
        let pointers = pointers(self, lines)?;
        let entries = pointers[pointers.len() - 1];
        let values = numeric(&self.data)?;
        let index = numeric(&self.indices)?;
        if index.dtype.is_float() || index.dtype == Dtype::Bool {
            let e = Error::malformed(format!("expected integers, got {}", index.dtype));
            return Err(e.in_object(self.indices.path()));
        }
        let [data, indices] = RowReader::of([&self.data, &self.indices])?;
        let every = granule(data.granule(), indices.granule());
        let layout = Layout::new(self.orientation, self.shape, entries, values.dtype)?;
        Ok(SparseSource { data, indices, values, index, pointers, layout, every })
    }

    fn read_pointers(&self, lines: u64) -> Result<Vec<u64>> {
        let path = self.indptr.path();
        let raw = self.read_raw_pointers(lines)?;
        if let Some(line) = raw.iter().position(|p| *p < 0) {
            let text = format!(
                "indptr (expected no negative value, got {} at line {line}; a counter of {} bits may have overflowed)",
                raw[line],
                self.indptr.datatype().size * 8
            );
            return Err(Error::malformed(text).in_object(path));
        }
        let pointers = raw.into_iter().map(|p| p as u64).collect();
        validated_pointers(pointers, lines, self.data.elements()).in_object(path)
    }

    /// The line pointers as stored; those above the range of `i64` become -1.
    fn read_raw_pointers(&self, lines: u64) -> Result<Vec<i64>> {
        let path = self.indptr.path();
        if self.indptr.elements() != lines.saturating_add(1) {
            let text = format!(
                "indptr (expected {} values, got {})",
                lines.saturating_add(1),
                self.indptr.elements()
            );
            return Err(Error::malformed(text).in_object(path));
        }
        let n = numeric(&self.indptr)?;
        let (dtype, bytes) = self.indptr.read()?.numbers().in_object(path)?;
        if n.dtype.is_float() {
            return Err(Error::malformed(format!("expected integers, got {dtype}")).in_object(path));
        }
        let mut out = crate::limits::reserved(bytes.len() / dtype.size()).in_object(path)?;
        with_element!(dtype, T => {
            for one in bytes.chunks_exact(size_of::<T>()) {
                out.push(match bytemuck::pod_read_unaligned::<T>(one).scalar() {
                    crate::dtype::Scalar::Int(v) => i64::try_from(v).unwrap_or(-1),
                    _ => -1,
                });
            }
        });
        Ok(out)
    }
}

/// Replaces invalid pointers, and returns the affected lines. A pointer is invalid if it is negative, above
/// `entries`, or part of a decreasing pair.
fn possible_pointers(raw: &[i64], entries: u64) -> (Vec<u64>, Vec<LostLines>) {
    let mut sound: Vec<bool> = raw.iter().map(|p| u64::try_from(*p).is_ok_and(|p| p <= entries)).collect();
    // of a decreasing pair, either may be the wrong one
    let mut last: Option<usize> = None;
    for i in 0..raw.len() {
        if !sound[i] {
            continue;
        }
        if let Some(before) = last.filter(|b| raw[*b] > raw[i]) {
            (sound[before], sound[i]) = (false, false);
            last = (0..before).rev().find(|j| sound[*j]);
        } else {
            last = Some(i);
        }
    }
    let mut pointers = Vec::with_capacity(raw.len());
    let mut before = 0;
    for (p, ok) in raw.iter().zip(&sound) {
        // an invalid pointer is replaced by the one before, which makes its line empty
        if *ok {
            before = (*p as u64).max(before);
        }
        pointers.push(before);
    }
    let lost = (0u64..)
        .zip(sound.windows(2))
        .filter(|(_, s)| !(s[0] && s[1]))
        .map(|(line, _)| {
            let (a, b) = (raw[line as usize], raw[line as usize + 1]);
            let reason = format!(
                "indptr (expected ascending values up to {entries}, got {a} and {b} or an invalid neighbour)"
            );
            LostLines { lines: line..line + 1, reason }
        })
        .collect();
    (pointers, lost)
}

/// The number of rows and columns, from the integers of a shape.
///
/// # Errors
/// `Malformed` if they are not two integers, both at least 0.
pub(crate) fn shape_of(values: &[i64]) -> Result<[u64; 2]> {
    match values {
        [rows, columns] if *rows >= 0 && *columns >= 0 => Ok([*rows as u64, *columns as u64]),
        other => Err(Error::malformed(format!("shape (expected two sizes, got {other:?})"))),
    }
}

/// The conversion of the values of an array to plain numbers.
fn numeric(d: &Array) -> Result<Numeric> {
    Numeric::of(d.datatype()).ok_or_else(|| {
        Error::unsupported(format!("expected numbers, got {}", d.datatype().name())).in_object(d.path())
    })
}

/// The number of entries at whose multiples both arrays can be cut so that few chunks are decoded twice; none
/// if the larger chunk is a multiple of the smaller.
fn granule(a: u64, b: u64) -> u64 {
    let (large, small) = (a.max(b), a.min(b));
    if large % small == 0 {
        return large;
    }
    // for chunks that do not match, blocks of many chunks: only those at their two ends are decoded twice
    large.saturating_mul(16.min((1u64 << 18).div_ceil(large)).max(1))
}

/// The entries of a compressed matrix stored in a file.
#[derive(Debug)]
pub struct SparseSource {
    data: RowReader,
    indices: RowReader,
    values: Numeric,
    index: Numeric,
    pointers: Vec<u64>,
    layout: Layout,
    /// Blocks end at multiples of this number of entries.
    every: u64,
}

/// Whether stored indices below `minor` can be read as `u32` without conversion. Negative ones become values
/// of at least 2^31, which the check against the shape refuses, because the shape is not larger.
fn is_plain_index(index: &Numeric, minor: u64) -> bool {
    let is_plain = match index.dtype {
        Dtype::Int32 => minor <= 1 << 31,
        d => d == Dtype::Uint32,
    };
    index.is_native() && is_plain
}

/// Maximum number of bytes that deflate decodes from one byte.
const MOST_EXPANDED: u64 = 1032;

/// Buffers and decoders of one worker thread, for values and for indices.
#[derive(Debug, Default)]
struct SparseState {
    values: ReadRoom,
    minor: ReadRoom,
}

impl Source for SparseSource {
    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn pointers(&self) -> &[u64] {
        &self.pointers
    }

    fn cut(&self, start: u64, target: u64) -> u64 {
        let step = self.largest_block(target);
        // counted from the last multiple, so that the block ends at one wherever it began
        (start / self.every * self.every).saturating_add(step)
    }

    fn largest_block(&self, target: u64) -> u64 {
        // an even number of chunks, because two are decoded at once; a single one if two are far above the target:
        // at the default target, only where chunks are streamed
        let chunks = match target / self.every {
            0 | 1 if target >= self.every / 128 => 2,
            0 | 1 => 1,
            n => n & !1,
        };
        self.every.saturating_mul(chunks)
    }

    fn read(&self, range: Range<u64>, into: &mut Buffer) -> Result<()> {
        into.resize(range.end - range.start, self.layout.dtype)?;
        let mut state: Box<SparseState> = into.take_state();
        let SparseState { values, minor } = &mut *state;
        let mut read_values = |out: &mut [u8]| self.data.numbers(&self.values, range.clone(), out, values);
        let mut read_minor = |out: &mut [u32]| self.read_minor(range.clone(), out, minor);
        if self.sequential() {
            // in parallel, because other threads wait for this block: a stream is read by one block at a time
            let done = rayon::join(|| read_values(&mut into.values), || read_minor(&mut into.minor));
            done.0.and(done.1)?;
        } else {
            read_values(&mut into.values)?;
            read_minor(&mut into.minor)?;
        }
        into.keep(state);
        let path = self.indices.array.path();
        check_minor(&into.minor, range.start, &self.layout, &self.pointers).in_object(path)?;
        into.checked();
        Ok(())
    }

    fn sequential(&self) -> bool {
        self.data.is_stream() || self.indices.is_stream()
    }

    fn working_bytes(&self, entries: u64) -> u64 {
        // a buffer for stored values that are converted
        let raw =
            if self.values.is_native() && self.index.is_native() { 0 } else { entries.saturating_mul(8) };
        self.data
            .working_bytes(entries)
            .saturating_add(self.indices.working_bytes(entries))
            .saturating_add(raw)
    }

    fn resident_bytes(&self) -> u64 {
        self.pointers.len() as u64 * 8 + self.data.resident_bytes() + self.indices.resident_bytes()
    }
}

impl SparseSource {
    /// Reads the minor indices of `range` as `u32`. A negative or too large one is refused here, or becomes
    /// one that the check against the shape refuses.
    fn read_minor(&self, range: Range<u64>, out: &mut [u32], room: &mut ReadRoom) -> Result<()> {
        if is_plain_index(&self.index, self.layout.minor) {
            return self.indices.read(range, bytemuck::cast_slice_mut(out), &mut room.scratch);
        }
        let first = range.start;
        let mut plain = std::mem::take(&mut room.plain);
        plain.resize(out.len() * self.index.dtype.size(), 0);
        self.indices.numbers(&self.index, range, &mut plain, room)?;
        let bound = self.layout.minor;
        let bad = with_element!(self.index.dtype, T => {
            let mut bad = None;
            for (i, (o, one)) in out.iter_mut().zip(plain.chunks_exact(size_of::<T>())).enumerate() {
                let v = match bytemuck::pod_read_unaligned::<T>(one).scalar() {
                    crate::dtype::Scalar::Int(v) => v,
                    _ => -1,
                };
                if v < 0 || v >= i128::from(bound) {
                    bad = Some((i, v));
                    break;
                }
                *o = v as u32;
            }
            bad
        });
        room.plain = plain;
        match bad {
            None => Ok(()),
            Some((i, v)) => {
                let v = i64::try_from(v).unwrap_or(i64::MAX);
                let e = crate::matrix::outside(v, first + i as u64, &self.layout, &self.pointers);
                Err(e.in_object(self.indices.array.path()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_pointers_affect_the_lines_on_both_sides() {
        let (p, lost) = possible_pointers(&[0, 5, 3, 8, -1, 9, 12, 99], 12);
        assert!(p.windows(2).all(|w| w[0] <= w[1]) && p.len() == 8);
        let lines: Vec<u64> = lost.iter().map(|l| l.lines.start).collect();
        assert_eq!(lines, [0, 1, 2, 3, 4, 6], "line 5 alone has both its ends");
        assert_eq!((p[5], p[6]), (9, 12));
        let (p, lost) = possible_pointers(&[0, 2, 2, 4], 4);
        assert_eq!((p, lost.len()), (vec![0, 2, 2, 4], 0));
    }

    #[cfg(feature = "write")]
    mod files {
        use super::*;
        use crate::anndata::AnnDataWriter;
        use crate::anndata::tests::{BUDGET, at, bytes, ints, written};
        use crate::error::Kind;
        use crate::matrix::InMemory;
        use crate::tree::EncodedValue;

        /// What is written of a matrix; without `shape` there is no such attribute.
        struct Parts {
            encoding: [&'static str; 2],
            shape: (&'static str, Option<Vec<i64>>),
            data: EncodedValue,
            indices: EncodedValue,
            indptr: Option<EncodedValue>,
        }

        /// [[1, 0, 2], [0, 0, 3]], compressed by rows.
        fn parts() -> Parts {
            Parts {
                encoding: ["encoding-type", "csr_matrix"],
                shape: ("shape", Some(vec![2, 3])),
                data: bytes(&[3], &[1, 2, 3]),
                indices: ints(&[0, 2, 2]),
                indptr: Some(ints(&[0, 2, 3])),
            }
        }

        fn expected(orientation: Orientation) -> InMemory {
            let (shape, lines) = match orientation {
                Orientation::Csr => ([2, 3], vec![0, 2, 3]),
                Orientation::Csc => ([3, 2], vec![0, 2, 3]),
            };
            let layout = Layout::new(orientation, shape, 3, Dtype::Uint8).unwrap();
            InMemory::new(layout, lines, vec![0, 2, 2], vec![1, 2, 3]).unwrap()
        }

        fn write(w: &mut AnnDataWriter<'_>, p: &Parts) -> Result<()> {
            w.raw_array("X/data", &p.data)?;
            w.raw_array("X/indices", &p.indices)?;
            p.indptr.as_ref().map_or(Ok(()), |indptr| w.raw_array("X/indptr", indptr))?;
            let kind = w.writer.text(p.encoding[1])?;
            let mut attributes = vec![(p.encoding[0].to_owned(), kind)];
            attributes.extend(p.shape.1.as_ref().map(|s| (p.shape.0.to_owned(), ints(s))));
            w.writer.group(&at("X"), &attributes)
        }

        fn read(p: &Parts) -> Result<InMemory> {
            let root = written(|w| write(w, p));
            InMemory::read(&Sparse::open(&root.descend("X")?)?.source()?, BUDGET, &())
        }

        /// The names that anndata, h5sparse of anndata 0.6 and writers from R give to the same thing.
        #[test]
        fn every_spelling_is_the_same_matrix() {
            for (encoding, orientation) in [
                (["encoding-type", "csr_matrix"], Orientation::Csr),
                (["encoding-type", "CSR_matrix"], Orientation::Csr),
                (["encoding-type", "csc"], Orientation::Csc),
                (["h5sparse_format", "csr"], Orientation::Csr),
                (["h5sparse_format", "csc"], Orientation::Csc),
            ] {
                let name = if encoding[0] == "encoding-type" { "shape" } else { "h5sparse_shape" };
                let shape = if orientation == Orientation::Csr { vec![2, 3] } else { vec![3, 2] };
                let got = read(&Parts { encoding, shape: (name, Some(shape)), ..parts() }).unwrap();
                assert_eq!(got, expected(orientation), "{encoding:?}");
            }
        }

        /// Index arrays of any integer type are the same matrix.
        #[test]
        fn indices_of_any_integer_type() {
            let indices = bytes(&[3], &[0, 2, 2]);
            let indptr = Some(bytes(&[3], &[0, 2, 3]));
            assert_eq!(read(&Parts { indices, indptr, ..parts() }).unwrap(), expected(Orientation::Csr));
        }

        #[test]
        fn broken_matrices_are_refused_with_the_reason() {
            let shape = |s: &[i64]| ("shape", Some(s.to_vec()));
            let indptr = |p: &[i64]| Some(ints(p));
            let floats = || EncodedValue::numbers(Dtype::Float64, &[3], vec![0; 24]);
            let malformed = [
                (Parts { indptr: None, ..parts() }, "expected an array 'indptr', got none"),
                (Parts { shape: ("size", None), ..parts() }, "expected an attribute 'shape', got none"),
                (Parts { shape: shape(&[2, 3, 4]), ..parts() }, "expected two sizes, got [2, 3, 4]"),
                (Parts { shape: shape(&[2, -3]), ..parts() }, "expected two sizes, got [2, -3]"),
                (Parts { shape: shape(&[3, 3]), ..parts() }, "indptr (expected 4 values, got 3)"),
                (Parts { data: bytes(&[2], &[1, 2]), ..parts() }, "expected 2 indices, one per value, got 3"),
                (Parts { data: bytes(&[3, 1], &[1, 2, 3]), ..parts() }, "expected one dimension, got 2"),
                (
                    Parts { indptr: indptr(&[0, -1, 3]), ..parts() },
                    "expected no negative value, got -1 at line 1",
                ),
                (Parts { indptr: indptr(&[0, 3, 2]), ..parts() }, "/X/indptr"),
                (Parts { indptr: indptr(&[0, 2, 4]), ..parts() }, "/X/indptr"),
                (Parts { indptr: indptr(&[1, 2, 3]), ..parts() }, "/X/indptr"),
                (Parts { indptr: Some(floats()), ..parts() }, "expected integers, got float64"),
                (Parts { indices: floats(), ..parts() }, "expected integers, got float64"),
                (Parts { indices: ints(&[0, 3, 2]), ..parts() }, "/X/indices"),
                (Parts { indices: ints(&[0, -1, 2]), ..parts() }, "/X/indices"),
            ];
            for (p, text) in malformed {
                let error = read(&p).unwrap_err();
                let whole = format!("{} {error}", error.object().unwrap_or_default());
                assert!(error.kind() == Kind::Malformed && whole.contains(text), "{text}: {whole}");
            }
            let error = read(&Parts { encoding: ["encoding-type", "dict"], ..parts() }).unwrap_err();
            assert_eq!(error.kind(), Kind::NotFound, "{error}");
        }

        /// Past damage, the lines beside a wrong pointer are lost, and the other lines are read.
        #[test]
        fn lines_beside_a_wrong_pointer_are_lost() {
            let root = written(|w| write(w, &Parts { indptr: Some(ints(&[0, 9, 3])), ..parts() }));
            let sparse = Sparse::open(&root.descend("X").unwrap()).unwrap();
            assert_eq!(sparse.source().unwrap_err().kind(), Kind::Malformed);
            let (_, lost) = sparse.source_past().unwrap();
            assert_eq!(lost.iter().map(|l| l.lines.clone()).collect::<Vec<_>>(), [0..1, 1..2]);
        }
    }
}
