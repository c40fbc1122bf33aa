//! Writes a store; blocks may arrive from several threads in any order.

use super::manifest::{CastRecord, FileRecord, Manifest, Salvage, SourceRecord};
use super::{DATA, INDICES, INDPTR, METADATA, OBS, VAR, arrow, replace};
use crate::bytes::commit::{Pending, beside};
use crate::bytes::output::{self, OutputFile, WriteMode, check_space};
use crate::dtype::{Dtype, Policy, cast};
use crate::error::{Error, Hint, Place, Result};
use crate::matrix::{Block, Layout, LineOrder, OrderCheck, Sink};
use crate::observe::Observer;
use crate::sync::{into_inner, lock};
use crate::table::Table;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Type of the two index arrays. With the narrow types, `indptr.bin` is int32 if the pointers fit, otherwise
/// int64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IndexDtype {
    /// The types that scipy maps without copying: int32 for both arrays if entries and shape fit, otherwise
    /// int64 for both.
    #[default]
    Auto,
    /// Both arrays as int64.
    Int64,
    /// `indices.bin` as int32, refused if the indices do not fit.
    Int32,
    /// `indices.bin` as uint16, refused if the indices do not fit.
    Uint16,
    /// `indices.bin` as the narrowest of uint8, uint16, int32 and int64 that holds the indices.
    Smallest,
}

/// Options for writing a store.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// Type of the values; `None` keeps the type of the source.
    pub dtype: Option<Dtype>,
    /// Treatment of values that do not fit the type.
    pub policy: Policy,
    /// Type of the index arrays.
    pub index: IndexDtype,
    /// Whether to replace an existing store. Anything else, or a store with a foreign file in it, is not replaced.
    pub force: bool,
    /// How the files are written.
    pub mode: WriteMode,
    /// The source of the matrix, for the metadata.
    pub source: Option<SourceRecord>,
    /// Lines that could not be read and are written as empty, for the metadata; `None` if the source was not
    /// salvaged.
    pub salvaged: Option<Salvage>,
}

impl Default for StoreOptions {
    fn default() -> Self {
        StoreOptions {
            dtype: None,
            policy: Policy::Exact,
            index: IndexDtype::default(),
            force: false,
            mode: WriteMode::Auto,
            source: None,
            salvaged: None,
        }
    }
}

/// A finished store.
#[derive(Debug)]
pub struct WrittenStore {
    /// Path of the store directory.
    pub path: PathBuf,
    /// The metadata of the store.
    pub manifest: Manifest,
}

/// A store being written. The directory appears under its name when the store is finished; dropping the
/// writer leaves nothing behind.
#[derive(Debug)]
pub struct Writer {
    pending: Option<Pending>,
    directory: PathBuf,
    target: PathBuf,
    manifest: Manifest,
    policy: Policy,
    data: OutputFile,
    indices: OutputFile,
    indptr: OutputFile,
    order: OrderCheck,
    /// Records of the table files.
    tables: Mutex<Vec<FileRecord>>,
    /// Buffers for blocks if files are not mapped, at most one per worker.
    scratch: Mutex<Vec<Vec<u8>>>,
}

impl Writer {
    /// Begins a store at `target` for a matrix of this layout whose lines begin at `pointers`, and reserves
    /// its disk space.
    ///
    /// # Errors
    /// `Io` if the target exists (without `force`), is no store or holds what is not part of one (with it), or the
    /// disk is full; `Usage` if narrow indices were requested and cannot address the matrix.
    pub fn create(
        target: impl AsRef<Path>,
        layout: &Layout,
        pointers: &[u64],
        options: &StoreOptions,
    ) -> Result<Self> {
        let target = target.as_ref();
        let pending = Pending::directory(target, options.force.then_some(replace::approve))?;
        let directory = pending.path().to_owned();
        let mut writer = Self::in_directory(&directory, target, layout, pointers, options)?;
        writer.pending = Some(pending);
        Ok(writer)
    }

    /// Like [`create`](Self::create), but inside a directory that the caller commits.
    pub(crate) fn in_directory(
        directory: &Path,
        target: &Path,
        layout: &Layout,
        pointers: &[u64],
        options: &StoreOptions,
    ) -> Result<Self> {
        let dtype = options.dtype.unwrap_or(layout.dtype);
        let (indices, indptr) = index_dtypes(layout, options.index)?;
        check_space(directory, array_bytes(layout, options)?).map_err(|e| e.about_file(target))?;
        let file = |name: &str, count: u64, dtype: Dtype| {
            let len =
                count.checked_mul(dtype.size() as u64).ok_or_else(|| Error::limit("matrix too large"))?;
            OutputFile::create(&directory.join(name), len, options.mode)
                .map_err(|e| e.about_file(&target.join(name)))
        };
        let writer = Writer {
            pending: None,
            directory: directory.to_owned(),
            target: target.to_owned(),
            manifest: Manifest {
                layout: Layout { dtype, ..*layout },
                indices,
                indptr,
                source: options.source.clone(),
                files: Vec::new(),
                sorted: None,
                duplicates: None,
                cast: (dtype != layout.dtype)
                    .then_some(CastRecord { from: layout.dtype, policy: options.policy }),
                salvaged: options.salvaged.clone(),
            },
            policy: options.policy,
            data: file(DATA, layout.entries, dtype)?,
            indices: file(INDICES, layout.entries, indices)?,
            indptr: file(INDPTR, layout.lines + 1, indptr)?,
            order: OrderCheck::new(),
            tables: Mutex::default(),
            scratch: Mutex::default(),
        };
        writer.write_pointers(pointers)?;
        Ok(writer)
    }

    fn write_pointers(&self, pointers: &[u64]) -> Result<()> {
        const STEP: usize = 1 << 16;
        let size = self.manifest.indptr.size();
        let mut scratch = Vec::new();
        for (n, part) in pointers.chunks(STEP).enumerate() {
            let at = (n * STEP * size) as u64;
            self.indptr.write_with(at, part.len() * size, &mut scratch, |out| {
                if size == 8 {
                    out.copy_from_slice(bytemuck::cast_slice(part));
                } else {
                    out.chunks_exact_mut(4)
                        .zip(part)
                        .for_each(|(o, p)| o.copy_from_slice(&(*p as u32).to_le_bytes()));
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Writes the tables of the rows and the columns, block by block.
    ///
    /// # Errors
    /// `Malformed` if text in a table is not UTF-8; errors of reading the tables; `Io`; `Cancelled`.
    pub fn tables(&self, obs: &Table<'_>, var: &Table<'_>, observer: &dyn Observer) -> Result<()> {
        for (name, table) in [(OBS, obs), (VAR, var)] {
            let done = arrow::write(table, &self.directory.join(name), observer)?;
            let record = FileRecord { name: name.to_owned(), len: done.len, crc: done.crc };
            lock(&self.tables).push(record);
        }
        Ok(())
    }

    /// Writes the values of a block to their place in the file.
    fn write_values(&self, block: &Block<'_>, scratch: &mut Vec<u8>) -> Result<()> {
        let (from, to) = (block.values.dtype, self.manifest.layout.dtype);
        let at = block.entries.start * to.size() as u64;
        self.data.write_with(at, block.minor.len() * to.size(), scratch, |out| {
            cast(from, block.values.bytes, to, out, self.policy)
                .map_err(|bad| block.misfit(bad, to, self.policy))
        })
    }

    fn write_indices(&self, block: &Block<'_>, scratch: &mut Vec<u8>) -> Result<()> {
        let size = self.manifest.indices.size();
        let at = block.entries.start * size as u64;
        self.indices.write_with(at, block.minor.len() * size, scratch, |out| {
            match size {
                1 => out.iter_mut().zip(block.minor).for_each(|(o, m)| *o = *m as u8),
                2 => {
                    let (out, _) = out.as_chunks_mut::<2>();
                    out.iter_mut().zip(block.minor).for_each(|(o, m)| *o = (*m as u16).to_le_bytes());
                }
                4 => out.copy_from_slice(bytemuck::cast_slice(block.minor)),
                _ => {
                    let (out, _) = out.as_chunks_mut::<8>();
                    out.iter_mut().zip(block.minor).for_each(|(o, m)| *o = u64::from(*m).to_le_bytes());
                }
            }
            Ok(())
        })
    }

    /// Flushes all files and writes the metadata; returns what remains to be committed.
    fn close(self) -> Result<(Option<Pending>, WrittenStore)> {
        let Writer { pending, directory, target, mut manifest, data, indices, indptr, order, tables, .. } =
            self;
        let order: LineOrder = order.finish()?;
        // Flushing also takes processor time, so the two large files are flushed in parallel.
        let (data, indices) = rayon::join(|| data.finish(), || indices.finish());
        let mut files = Vec::new();
        for (name, done) in [(DATA, data?), (INDICES, indices?), (INDPTR, indptr.finish()?)] {
            files.push(FileRecord { name: name.to_owned(), len: done.len, crc: done.crc });
        }
        files.append(&mut into_inner(tables));
        manifest.files = files;
        manifest.sorted = Some(order.sorted);
        manifest.duplicates = order.duplicates;
        write_synced(&directory.join(METADATA), manifest.to_json().as_bytes())?;
        Ok((pending, WrittenStore { path: target, manifest }))
    }
}

impl Sink for Writer {
    type Done = WrittenStore;

    fn block(&self, block: &Block<'_>) -> Result<()> {
        let mut scratch = lock(&self.scratch).pop().unwrap_or_default();
        self.write_values(block, &mut scratch)?;
        self.write_indices(block, &mut scratch)?;
        lock(&self.scratch).push(scratch);
        self.order.block(block)
    }

    fn finish(self) -> Result<WrittenStore> {
        let (pending, written) = self.close()?;
        if let Some(pending) = pending {
            pending.commit()?;
        }
        Ok(written)
    }

    fn working_bytes(&self, entries: u64) -> u64 {
        // Mapped files need no buffer: blocks are written directly to the page cache.
        if self.data.is_mapped() { 0 } else { entries * 8 }
    }
}

/// Two stores of one matrix in one directory, which appears when both are finished.
#[derive(Debug)]
pub struct StorePair {
    pending: Pending,
    target: PathBuf,
    options: StoreOptions,
}

impl StorePair {
    /// Begins a pair of stores at `target`.
    ///
    /// # Errors
    /// Same as [`Writer::create`].
    pub fn create(target: impl AsRef<Path>, options: &StoreOptions) -> Result<Self> {
        let target = target.as_ref();
        let pending = Pending::directory(target, options.force.then_some(replace::approve))?;
        Ok(StorePair { pending, target: target.to_owned(), options: options.clone() })
    }

    /// Begins the store of one layout, `csr` or `csc`. Finishing it does not commit it yet.
    ///
    /// # Errors
    /// Same as [`Writer::create`].
    pub fn writer(&self, layout: &Layout, pointers: &[u64]) -> Result<Writer> {
        let name = layout.orientation.name();
        let directory = self.pending.path().join(name);
        std::fs::create_dir(&directory).map_err(|e| Error::io("create directory", e)).in_file(&directory)?;
        Writer::in_directory(&directory, &self.target.join(name), layout, pointers, &self.options)
    }

    /// Commits both stores.
    ///
    /// # Errors
    /// `Io`; neither store has appeared then.
    pub fn commit(self) -> Result<()> {
        self.pending.commit()
    }
}

/// Refuses a target that exists (without `force`) before any work is done.
///
/// # Errors
/// Same as [`Writer::create`].
pub(crate) fn refuse_existing(target: &Path, force: bool) -> Result<()> {
    Pending::refuse_directory(target, force.then_some(replace::approve))
}

/// Fails if there is no room for a store at `target` and for the temporary files that come before it, `temporary`
/// bytes in `directory`.
///
/// # Errors
/// `Io` if the disk is full; `Usage` as in [`Writer::create`].
pub(crate) fn check_room(
    target: &Path,
    layout: &Layout,
    options: &StoreOptions,
    (directory, temporary): (&Path, u64),
) -> Result<()> {
    let own = array_bytes(layout, options)?;
    output::check_room(&[(beside(target), own), (directory, temporary)])
        .map_err(|e| e.context("output and temporary files").about_file(target))
}

/// About how many bytes the three arrays take.
fn array_bytes(layout: &Layout, options: &StoreOptions) -> Result<u64> {
    let (indices, _) = index_dtypes(layout, options.index)?;
    let per_entry = (options.dtype.unwrap_or(layout.dtype).size() + indices.size()) as u64;
    Ok(layout.entries.saturating_mul(per_entry).saturating_add(layout.lines.saturating_mul(8)))
}

/// The types of `indices.bin` and `indptr.bin`.
fn index_dtypes(layout: &Layout, wanted: IndexDtype) -> Result<(Dtype, Dtype)> {
    let (indices, indptr) = (layout.index_dtype(), layout.pointer_dtype());
    let all_fit = indices == Dtype::Int32 && layout.lines <= i32::MAX as u64 && indptr == Dtype::Int32;
    // Pointers past 2^31 entries stay 64-bit; the minor indices take most of the space.
    let narrow =
        |dtype: Dtype| match layout.minor <= dtype.integer_range().map_or(0, |(_, most)| most as u64 + 1) {
            true => Ok((dtype, indptr)),
            false => {
                let text = format!("indices up to {} do not fit {dtype}", layout.minor - 1);
                Err(Error::usage(text).hinting(Hint::WideIndices))
            }
        };
    match wanted {
        IndexDtype::Int64 => Ok((Dtype::Int64, Dtype::Int64)),
        IndexDtype::Auto if all_fit => Ok((Dtype::Int32, Dtype::Int32)),
        IndexDtype::Auto => Ok((Dtype::Int64, Dtype::Int64)),
        IndexDtype::Int32 => narrow(Dtype::Int32),
        IndexDtype::Uint16 => narrow(Dtype::Uint16),
        IndexDtype::Smallest => {
            let each = [Dtype::Uint8, Dtype::Uint16].into_iter().map(narrow);
            Ok(each.flatten().next().unwrap_or((indices, indptr)))
        }
    }
}

pub(crate) fn write_synced(path: &Path, bytes: &[u8]) -> Result<()> {
    use std::io::Write;
    let write = || {
        let mut file = std::fs::File::create(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(|e| Error::io("write", e)).in_file(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::Dtype;
    use crate::error::Kind;
    use crate::matrix::Orientation;

    #[test]
    fn room_is_checked_for_the_output_and_the_temporary_files() {
        let dir = tempfile::tempdir().unwrap();
        let (target, options) = (dir.path().join("out"), StoreOptions::default());
        let check = |entries, temporary| {
            let layout = Layout::new(Orientation::Csr, [1 << 20, 1 << 31], entries, Dtype::Uint8).unwrap();
            check_room(&target, &layout, &options, (dir.path(), temporary))
        };
        check(10, 10).unwrap();
        for (entries, temporary) in [(1 << 50, 10), (10, 1 << 55)] {
            let e = check(entries, temporary).unwrap_err();
            assert!(e.kind() == Kind::Io && e.message().contains("output and temporary files"), "{e}");
        }
        assert_eq!(dir.path().read_dir().unwrap().count(), 0);
    }
}
