//! Opens a store and reads its entries: as a source by reads at positions, as slices from mapped files.

use super::array::StoreArray;
use super::files::StoreFiles;
use super::manifest::Manifest;
use super::{DATA, HALVES, INDICES, INDPTR, METADATA, OBS, VAR, arrow};
use crate::bytes::ReadAt;
use crate::bytes::pool::OpenFiles;
use crate::bytes::special;
use crate::dtype::{AlignedBytes, Dtype, Element};
use crate::error::{Error, Place, Result};
use crate::matrix::{Buffer, InMemory, Layout, Orientation, Source, check_minor, typed, validated_pointers};
use crate::table::{Frame, Table};
use rayon::iter::{IndexedParallelIterator, ParallelIterator};
use rayon::slice::ParallelSlice;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// A store open for reading, with checked pointers. As a [`Source`] it is read at positions, so that a file that is
/// truncated meanwhile is an error; slices ([`data`](Self::data), [`line`](Self::line), ...) are of mapped files.
#[derive(Debug)]
pub struct Store {
    files: StoreFiles,
    manifest: Manifest,
    data: StoreArray,
    indices: StoreArray,
    indptr: StoreArray,
    /// The checked contents of `indptr.bin`.
    pointers: Vec<u64>,
    /// Type of `indices.bin`, which may be narrower than the metadata says.
    index_dtype: Dtype,
    /// Whether the minor indices of every line ascend, once that was checked.
    sorted: OnceLock<bool>,
}

/// Minor index number `i` of `indices`, which have `size` bytes each.
fn index_at(indices: &[u8], i: usize, size: usize) -> u64 {
    indices[i * size..(i + 1) * size].iter().rev().fold(0, |v, b| v << 8 | u64::from(*b))
}

/// Maximum size of `metadata.json` in bytes.
const MOST_METADATA: u64 = 16 << 20;

fn too_long(len: u64) -> Error {
    Error::limit(format!("metadata of {len} bytes (limit {MOST_METADATA})"))
}

impl Store {
    /// Whether `path` contains a `metadata.json`, as a store does.
    pub fn is_store(path: impl AsRef<Path>) -> bool {
        path.as_ref().join(METADATA).is_file()
    }

    /// Paths of the stores in `path`: `path` itself, or its two halves if both layouts were written.
    pub fn find(path: impl AsRef<Path>) -> Vec<PathBuf> {
        let path = path.as_ref();
        if Self::is_store(path) {
            return vec![path.to_owned()];
        }
        HALVES.iter().map(|h| path.join(h)).filter(|p| Self::is_store(p)).collect()
    }

    /// Opens the store at `path`. Also opens stores of other programs, including those whose `indptr.bin`
    /// holds 32-bit numbers although their metadata says 64: the width is derived from the length of the
    /// file.
    ///
    /// # Errors
    /// `Io` if a file is missing; `Malformed` if lengths or pointers contradict the metadata.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_pooled(path.as_ref(), None)
    }

    /// Opens a store whose files `open` finds by their names: in memory, in an object store, or anything else that
    /// can be read at any position. Slices ([`data`](Self::data), [`line`](Self::line), ...) read a file whole, when
    /// the first one is asked for.
    ///
    /// # Errors
    /// As [`open`](Self::open); `Io` with the errors of `open`.
    pub fn from_sources(
        open: impl Fn(&str) -> std::io::Result<Option<Box<dyn ReadAt>>> + Send + Sync + 'static,
    ) -> Result<Self> {
        let files = StoreFiles::Sources(Arc::new(open));
        let metadata = files.open(METADATA)?;
        if metadata.len() > MOST_METADATA {
            return Err(too_long(metadata.len()).in_file(metadata.path()));
        }
        let mut text = vec![0; metadata.len() as usize];
        metadata.read(&mut text, 0)?;
        Self::of_files(files, Self::manifest_of(text, metadata.path())?)
    }

    /// As [`open`](Self::open), with its files opened through `pool`, if there is one.
    pub(crate) fn open_pooled(path: &Path, pool: Option<&Arc<OpenFiles>>) -> Result<Self> {
        let manifest = Self::read_manifest(path)?;
        Self::of_files(StoreFiles::Directory(path.to_owned(), pool.cloned()), manifest)
    }

    fn of_files(files: StoreFiles, manifest: Manifest) -> Result<Self> {
        let layout = manifest.layout;
        let [data, indices, indptr] = [DATA, INDICES, INDPTR].map(|name| files.open(name));
        let (data, indices, indptr) = (data?, indices?, indptr?);
        let path = files.path();
        // Other programs pad empty arrays to one byte because numpy cannot map an empty file.
        let length = |name: &str, got: u64, each: usize| {
            let expected = layout.entries.saturating_mul(each as u64);
            if got == expected || (layout.entries == 0 && got <= 1) {
                return Ok(());
            }
            Err(Error::malformed(format!("file length (expected {expected} bytes, got {got})"))
                .in_file(&path.join(name)))
        };
        length(DATA, data.len(), layout.dtype.size())?;
        let wide = manifest.indices.size() == 8 && manifest.files.is_empty();
        let index_dtype = match indices.len() {
            n if n == layout.entries.saturating_mul(4) && wide && n > 0 => Dtype::Int32,
            _ => manifest.indices,
        };
        length(INDICES, indices.len(), index_dtype.size())?;
        let pointers = read_pointers(&indptr, &manifest).in_file(&path.join(INDPTR))?;
        if pointers.last() != Some(&layout.entries) {
            let last = pointers.last().copied().unwrap_or(0);
            let text = format!("indptr ends at {last}, the metadata says {} entries", layout.entries);
            return Err(Error::malformed(text).in_file(&path.join(INDPTR)));
        }
        let sorted = OnceLock::new();
        Ok(Store { files, manifest, data, indices, indptr, pointers, index_dtype, sorted })
    }

    pub(crate) fn read_manifest(path: &Path) -> Result<Manifest> {
        let file = path.join(METADATA);
        let len = file.metadata().map_err(|e| Error::io("open", e)).in_file(&file)?.len();
        if len > MOST_METADATA {
            return Err(too_long(len).in_file(&file));
        }
        let mut text = Vec::new();
        special::open(&file)
            .and_then(|from| from.take(MOST_METADATA).read_to_end(&mut text))
            .map_err(|e| Error::io("read", e))
            .in_file(&file)?;
        Self::manifest_of(text, &file)
    }

    fn manifest_of(text: Vec<u8>, file: &Path) -> Result<Manifest> {
        let text = String::from_utf8(text).map_err(|_| Error::malformed("not UTF-8")).in_file(file)?;
        Manifest::from_json(&text).in_file(file)
    }

    /// Path of the store directory; `memory` for a store opened [from sources](Self::from_sources).
    pub fn path(&self) -> &Path {
        self.files.path()
    }

    /// The metadata of the store.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// All values, borrowed from the map, in storage order.
    ///
    /// ```
    /// # use annmap::convert::{ConvertOptions, convert};
    /// # use annmap::{dataset::Dataset, store::Store};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let file = dir.path().join("cells.h5ad");
    /// # annmap::synth::synth(&file, &annmap::synth::SynthOptions::default(), &())?;
    /// # let path = dir.path().join("cells.store");
    /// # convert(&Dataset::open(&file)?, &path, &ConvertOptions::default(), &())?;
    /// let store = Store::open(&path)?;
    /// let (data, indices, indptr) = (store.data::<f32>()?, store.indices::<i32>()?, store.indptr::<i32>()?);
    /// let first = indptr[0] as usize..indptr[1] as usize;
    /// println!("the first row has {:?} in columns {:?}", &data[first.clone()], &indices[first]);
    /// # Ok::<(), annmap::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Usage` if `T` is not the type of `data.bin`.
    pub fn data<T: Element>(&self) -> Result<&[T]> {
        self.mapped(DATA, self.manifest.layout.dtype, self.data.map()?, self.manifest.layout.entries)
    }

    /// All minor indices, borrowed from the map: `i32` or `i64` (`u8` or `u16` if asked for). They are not checked here, only when entries
    /// are read through [`Source`], [`line`](Self::line) or [`rows`](Self::rows).
    ///
    /// # Errors
    /// `Usage` if `T` is not the type of `indices.bin`.
    pub fn indices<T: Element>(&self) -> Result<&[T]> {
        self.mapped(INDICES, self.index_dtype, self.indices.map()?, self.manifest.layout.entries)
    }

    /// The offset at which each line begins, followed by the end of the last line, borrowed from the map:
    /// `i32` or `i64`. The numbers equal those of [`pointers`](Source::pointers).
    ///
    /// # Errors
    /// `Usage` if `T` is not the type of `indptr.bin`.
    pub fn indptr<T: Element>(&self) -> Result<&[T]> {
        let count = self.pointers.len();
        let bytes = self.indptr.map()?;
        self.mapped(INDPTR, integer_of(bytes.len() / count), bytes, count as u64)
    }

    fn mapped<'m, T: Element>(
        &self,
        name: &str,
        dtype: Dtype,
        bytes: &'m [u8],
        count: u64,
    ) -> Result<&'m [T]> {
        // Other programs pad empty arrays to one byte.
        let bytes = if count == 0 { &[] } else { bytes };
        typed(dtype, bytes).in_file(&self.path().join(name))
    }

    /// The entries of the given rows, in the given order; a row may be repeated. Requires a store of rows
    /// (CSR).
    ///
    /// # Errors
    /// `Usage` if a row does not exist or the store holds columns; `Malformed` if an index is outside the
    /// matrix; `Limit` if there is not enough memory.
    pub fn rows(&self, rows: &[u64]) -> Result<InMemory> {
        self.gathered(Orientation::Csr, rows)
    }

    /// The entries of the given columns, in the given order; a column may be repeated. Requires a store of
    /// columns (CSC).
    ///
    /// # Errors
    /// Same as [`rows`](Self::rows).
    pub fn columns(&self, columns: &[u64]) -> Result<InMemory> {
        self.gathered(Orientation::Csc, columns)
    }

    fn gathered(&self, orientation: Orientation, lines: &[u64]) -> Result<InMemory> {
        let layout = self.manifest.layout;
        if layout.orientation != orientation {
            let (expected, got) = (orientation.name(), layout.orientation.name());
            return Err(
                Error::usage(format!("expected a store of {expected}, got {got}")).in_file(self.path())
            );
        }
        let mut pointers = crate::limits::reserved(lines.len() + 1)?;
        let mut entries = 0;
        pointers.push(0);
        for line in lines {
            let range = self.entries_of(*line)?;
            entries += range.end - range.start;
            pointers.push(entries);
        }
        let layout = Layout { lines: lines.len() as u64, entries, ..layout };
        let n = usize::try_from(entries)
            .map_err(|_| Error::limit(format!("{entries} entries do not fit in memory")))?;
        let size = layout.dtype.size();
        let mut minor = crate::limits::reserved(n)?;
        minor.resize(n, 0);
        let mut values = AlignedBytes::default();
        values.resize(n.saturating_mul(size))?;
        let data = self.data.map()?;
        let places = lines.iter().zip(pointers.windows(2));
        for (line, place) in places {
            let (range, place) = (self.entries_of(*line)?, place[0] as usize..place[1] as usize);
            let bytes = &data[range.start as usize * size..range.end as usize * size];
            values[place.start * size..place.end * size].copy_from_slice(bytes);
            self.mapped_minor(range, &mut minor[place])?;
        }
        InMemory::of_aligned(layout, pointers, minor, values)
    }

    fn entries_of(&self, line: u64) -> Result<Range<u64>> {
        let at = usize::try_from(line).ok().filter(|l| *l < self.pointers.len() - 1);
        let at = at.ok_or_else(|| Error::usage(format!("line {line} of {}", self.manifest.layout.lines)))?;
        Ok(self.pointers[at]..self.pointers[at + 1])
    }

    /// The tables of the rows (`obs`) and the columns (`var`); `None` if the store has no tables.
    ///
    /// # Errors
    /// As [`tables`](Self::tables); errors of reading.
    pub fn frames(&self) -> Result<Option<[Frame; 2]>> {
        let Some([obs, var]) = self.tables()? else { return Ok(None) };
        Ok(Some([obs.read(0..obs.rows())?, var.read(0..var.rows())?]))
    }

    /// As [`frames`](Self::frames), but the tables are only opened: they are read by ranges of rows.
    ///
    /// # Errors
    /// `Checksum` if a table does not have the checksum in the metadata; `Malformed` if it is damaged;
    /// `Unsupported` if a column has a type that this crate does not write.
    pub fn tables(&self) -> Result<Option<[Table<'static>; 2]>> {
        let open = |name: &str| -> Result<Option<Table<'static>>> {
            let Some(file) = self.files.find(name)? else { return Ok(None) };
            let path = file.path().to_owned();
            self.manifest.check_file(name, &file).in_file(&path)?;
            arrow::open(file).map(Some).in_file(&path)
        };
        Ok(open(OBS)?.zip(open(VAR)?).map(|(obs, var)| [obs, var]))
    }

    /// The entries of one line: the minor indices and the bytes of the values.
    ///
    /// # Errors
    /// `Usage` if the line does not exist; `Malformed` if an index is outside the matrix.
    pub fn line(&self, line: u64) -> Result<(Vec<u32>, &[u8])> {
        let range = self.entries_of(line)?;
        let mut minor = vec![0; (range.end - range.start) as usize];
        self.mapped_minor(range.clone(), &mut minor)?;
        let size = self.manifest.layout.dtype.size();
        Ok((minor, &self.data.map()?[range.start as usize * size..range.end as usize * size]))
    }

    /// The entries with the given minor index: the line of each and the bytes of the values. Examines every entry,
    /// unless the store is recorded as sorted: then the first call checks that, on all threads, and all calls use binary
    /// search in each line.
    ///
    /// # Errors
    /// `Usage` if the minor index does not exist.
    pub fn across(&self, minor: u64) -> Result<(Vec<u32>, Vec<u8>)> {
        let layout = &self.manifest.layout;
        if minor >= layout.minor {
            return Err(Error::usage(format!("minor index {minor} of {}", layout.minor)));
        }
        let (mut lines, mut values) = (Vec::new(), Vec::new());
        let (size, index_size) = (layout.dtype.size(), self.index_dtype.size());
        let (data, indices) = (self.data.map()?, self.indices.map()?);
        let index = |i: usize| index_at(indices, i, index_size);
        let sorted = self.is_sorted()?;
        for (line, ends) in self.pointers.windows(2).enumerate() {
            let (start, end) = (ends[0] as usize, ends[1] as usize);
            let mut at = start;
            if sorted {
                let (mut low, mut high) = (start, end);
                while low < high {
                    let middle = low + (high - low) / 2;
                    if index(middle) < minor { low = middle + 1 } else { high = middle }
                }
                at = low;
            }
            while at < end {
                if index(at) == minor {
                    lines.push(line as u32);
                    values.extend_from_slice(&data[at * size..(at + 1) * size]);
                } else if sorted {
                    break;
                }
                at += 1;
            }
        }
        Ok((lines, values))
    }

    /// Whether the minor indices of every line ascend, as the metadata may say. Somebody may have written to the files
    /// since, so that is checked once.
    fn is_sorted(&self) -> Result<bool> {
        if self.manifest.sorted != Some(true) {
            return Ok(false);
        }
        if let Some(sorted) = self.sorted.get() {
            return Ok(*sorted);
        }
        let (indices, size) = (self.indices.map()?, self.index_dtype.size());
        let sorted =
            self.pointers.par_windows(2).with_min_len(256).all(|ends| {
                (ends[0] as usize..ends[1] as usize).map(|i| index_at(indices, i, size)).is_sorted()
            });
        Ok(*self.sorted.get_or_init(|| sorted))
    }

    /// Reads the minor indices of entries at their positions in the file.
    fn read_minor(&self, range: Range<u64>, out: &mut [u32]) -> Result<()> {
        // Few enough to stay in the cache until they are narrowed.
        let mut bytes = [0; 16 << 10];
        let size = self.index_dtype.size();
        let step = bytes.len() / size;
        for (start, out) in (range.start..).step_by(step).zip(out.chunks_mut(step)) {
            let bytes = &mut bytes[..out.len() * size];
            self.indices.read(bytes, start * size as u64)?;
            self.narrow(bytes, start, out)?;
        }
        Ok(())
    }

    /// Reads the minor indices of entries from the map.
    fn mapped_minor(&self, range: Range<u64>, out: &mut [u32]) -> Result<()> {
        let size = self.index_dtype.size();
        let (from, to) = (range.start as usize * size, range.end as usize * size);
        self.narrow(&self.indices.map()?[from..to], range.start, out)
    }

    /// Narrows stored indices, of which the first is that of entry number `start`, and checks them.
    fn narrow(&self, bytes: &[u8], start: u64, out: &mut [u32]) -> Result<()> {
        let size = self.index_dtype.size();
        match size {
            1 => out.iter_mut().zip(bytes).for_each(|(o, b)| *o = u32::from(*b)),
            2 => {
                let each = out.iter_mut().zip(bytes.as_chunks::<2>().0);
                each.for_each(|(o, b)| *o = u32::from(u16::from_le_bytes(*b)));
            }
            4 => out.iter_mut().zip(bytes.as_chunks::<4>().0).for_each(|(o, b)| *o = u32::from_le_bytes(*b)),
            _ => self.narrow_wide(bytes.as_chunks::<8>().0, start, out)?,
        }
        // A negative 32-bit index, read as unsigned, is at least this large.
        let most = if size == 4 { 1 << 31 } else { u64::MAX };
        let layout = Layout { minor: self.manifest.layout.minor.min(most), ..self.manifest.layout };
        check_minor(out, start, &layout, &self.pointers).in_file(&self.path().join(INDICES))
    }

    /// Narrows int64 indices; the first is that of entry `start`.
    fn narrow_wide(&self, indices: &[[u8; 8]], start: u64, out: &mut [u32]) -> Result<()> {
        let mut high = 0;
        for (o, b) in out.iter_mut().zip(indices) {
            let v = u64::from_le_bytes(*b);
            high |= v >> 32;
            *o = v as u32;
        }
        if high == 0 {
            return Ok(());
        }
        let bad = indices.iter().map(|b| i64::from_le_bytes(*b));
        let (i, v) = bad.enumerate().find(|(_, v)| *v >> 32 != 0).unwrap_or((0, -1));
        let e = crate::matrix::outside(v, start + i as u64, &self.manifest.layout, &self.pointers);
        Err(e.in_file(&self.path().join(INDICES)))
    }
}

/// The signed integer type of `size` bytes, 4 or 8.
fn integer_of(size: usize) -> Dtype {
    if size == 4 { Dtype::Int32 } else { Dtype::Int64 }
}

fn read_pointers(file: &StoreArray, manifest: &Manifest) -> Result<Vec<u64>> {
    let count = manifest.layout.lines.saturating_add(1);
    let size = match file.len() {
        n if n == count.saturating_mul(8) => 8,
        n if n == count.saturating_mul(4) => 4,
        n => {
            let size = manifest.indptr.size() as u64;
            let text = format!("file length (expected {} bytes, got {n})", count.saturating_mul(size));
            return Err(Error::malformed(text));
        }
    };
    if !manifest.files.is_empty() && size != manifest.indptr.size() {
        let text = format!("{size}-byte pointers where the metadata says {}", manifest.indptr);
        return Err(Error::malformed(text));
    }
    let mut out = crate::limits::reserved(file.len() as usize / size)?;
    let mut piece = vec![0; 256 << 10];
    for at in (0..file.len()).step_by(piece.len()) {
        let bytes = &mut piece[..(file.len() - at).min(256 << 10) as usize];
        file.read(bytes, at)?;
        match size {
            8 => out.extend(bytes.as_chunks::<8>().0.iter().map(|b| u64::from_le_bytes(*b))),
            _ => out.extend(bytes.as_chunks::<4>().0.iter().map(|b| u64::from(u32::from_le_bytes(*b)))),
        }
    }
    validated_pointers(out, manifest.layout.lines, manifest.layout.entries)
}

impl Source for Store {
    fn layout(&self) -> &Layout {
        &self.manifest.layout
    }

    fn pointers(&self) -> &[u64] {
        &self.pointers
    }

    fn cut(&self, start: u64, target: u64) -> u64 {
        start.saturating_add(target.max(1)).min(self.manifest.layout.entries)
    }

    fn read(&self, range: Range<u64>, into: &mut Buffer) -> Result<()> {
        let dtype: Dtype = self.manifest.layout.dtype;
        into.resize(range.end - range.start, dtype)?;
        let size = dtype.size();
        self.data.read(&mut into.values, range.start * size as u64)?;
        self.read_minor(range, &mut into.minor)?;
        into.checked();
        Ok(())
    }
}
