//! A compressed matrix that is kept for reading: in memory as far as a limit allows, the rest in a temporary
//! file.

use crate::bytes::spill::{Extent, SpillFile};
use crate::error::{Error, Result};
use crate::matrix::{Block, Buffer, Layout, Sink, Source, validated_pointers};
use crate::sync::{into_inner, lock};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, OnceLock};

/// Collects the entries of a [`KeptMatrix`] in pieces, which many threads add in any order.
#[derive(Debug)]
pub(crate) struct KeptEntries {
    /// Bytes of a value.
    width: usize,
    /// Bytes that may stay in memory.
    limit: u64,
    held: AtomicU64,
    directory: PathBuf,
    file: OnceLock<SpillFile>,
    /// Held while the file is created.
    creating: Mutex<()>,
    pieces: Mutex<Vec<KeptPiece>>,
}

/// Consecutive entries: all their minor indices, then all their values.
#[derive(Debug)]
struct KeptPiece {
    /// Position among the pieces; after all have arrived, the first entry.
    order: u64,
    entries: u64,
    bytes: PieceBytes,
}

#[derive(Debug)]
enum PieceBytes {
    Memory(Box<[u8]>),
    Disk(Extent),
}

impl KeptEntries {
    /// Entries with values of `width` bytes. Up to `limit` bytes stay in memory; the others go to a file in
    /// `directory`.
    pub(crate) fn new(width: usize, limit: u64, directory: &Path) -> Self {
        KeptEntries {
            width,
            limit,
            held: AtomicU64::new(0),
            directory: directory.to_owned(),
            file: OnceLock::new(),
            creating: Mutex::new(()),
            pieces: Mutex::default(),
        }
    }

    /// Adds consecutive entries. `order` is unique and ascends with the position of the piece in the matrix.
    ///
    /// # Errors
    /// `Io` for the temporary file; `Limit` if there is no memory.
    pub(crate) fn add(&self, order: u64, minor: &[u32], values: &[u8]) -> Result<()> {
        if minor.is_empty() {
            return Ok(());
        }
        let minor_bytes: &[u8] = bytemuck::cast_slice(minor);
        let len = minor_bytes.len() + values.len();
        let mut bytes = crate::limits::reserved(len)?;
        bytes.extend_from_slice(minor_bytes);
        bytes.extend_from_slice(values);
        let held = self.held.fetch_add(len as u64, Relaxed);
        let bytes = if held + len as u64 <= self.limit {
            PieceBytes::Memory(bytes.into_boxed_slice())
        } else {
            self.held.fetch_sub(len as u64, Relaxed);
            PieceBytes::Disk(self.file()?.append(&bytes)?)
        };
        lock(&self.pieces).push(KeptPiece { order, entries: minor.len() as u64, bytes });
        Ok(())
    }

    fn file(&self) -> Result<&SpillFile> {
        let _one = lock(&self.creating);
        if let Some(file) = self.file.get() {
            return Ok(file);
        }
        let file = SpillFile::create(&self.directory, 0)?;
        Ok(self.file.get_or_init(|| file))
    }

    /// Returns the matrix of all entries. `pointers` are those of `layout`, whose number of entries is the
    /// number added.
    ///
    /// # Errors
    /// `Malformed` if the pointers do not lead to the number of entries.
    pub(crate) fn finish(self, layout: Layout, pointers: Vec<u64>) -> Result<KeptMatrix> {
        let mut pieces = into_inner(self.pieces);
        pieces.sort_unstable_by_key(|p| p.order);
        let mut first = 0;
        for piece in &mut pieces {
            piece.order = first;
            first += piece.entries;
        }
        let pointers = validated_pointers(pointers, layout.lines, first)?;
        if layout.entries != first || layout.dtype.size() != self.width {
            return Err(Error::malformed(format!("expected {} entries, got {first}", layout.entries)));
        }
        let (held, file) = (self.held.into_inner(), self.file.into_inner());
        Ok(KeptMatrix { layout, pointers, pieces, held, file })
    }
}

/// A compressed matrix in memory and in a temporary file, as a source.
#[derive(Debug)]
pub(crate) struct KeptMatrix {
    layout: Layout,
    pointers: Vec<u64>,
    /// In order; `order` is the first entry.
    pieces: Vec<KeptPiece>,
    /// Bytes of the pieces in memory.
    held: u64,
    file: Option<SpillFile>,
}

impl KeptMatrix {
    /// Copies `out.len()` bytes of a piece, from byte `at`.
    fn copy(&self, piece: &KeptPiece, at: u64, out: &mut [u8]) -> Result<()> {
        let changed = || Error::malformed("a piece that is shorter than it was");
        match &piece.bytes {
            PieceBytes::Memory(bytes) => {
                let bytes = bytes.get(at as usize..).and_then(|b| b.get(..out.len()));
                out.copy_from_slice(bytes.ok_or_else(changed)?);
                Ok(())
            }
            PieceBytes::Disk(extent) => self.file.as_ref().ok_or_else(changed)?.read(extent.offset + at, out),
        }
    }
}

impl Source for KeptMatrix {
    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn pointers(&self) -> &[u64] {
        &self.pointers
    }

    fn read(&self, range: Range<u64>, into: &mut Buffer) -> Result<()> {
        into.resize(range.end - range.start, self.layout.dtype)?;
        let width = self.layout.dtype.size();
        let mut done = 0;
        let first = self.pieces.partition_point(|p| p.order + p.entries <= range.start);
        for piece in &self.pieces[first..] {
            if piece.order >= range.end {
                break;
            }
            let from = range.start.max(piece.order) - piece.order;
            let n = (range.end.min(piece.order + piece.entries) - piece.order - from) as usize;
            let minor = bytemuck::cast_slice_mut(&mut into.minor[done..done + n]);
            self.copy(piece, from * 4, minor)?;
            let values = &mut into.values[done * width..(done + n) * width];
            self.copy(piece, piece.entries * 4 + from * width as u64, values)?;
            done += n;
        }
        Ok(())
    }

    fn resident_bytes(&self) -> u64 {
        self.held + self.pointers.len() as u64 * 8
    }
}

/// A sink that keeps what it gets.
#[derive(Debug)]
pub(crate) struct KeptSink {
    entries: KeptEntries,
    layout: Layout,
    pointers: Vec<u64>,
}

impl KeptSink {
    /// Keeps a matrix of `layout` with these pointers in `entries`.
    pub(crate) fn new(entries: KeptEntries, layout: Layout, pointers: Vec<u64>) -> Self {
        KeptSink { entries, layout, pointers }
    }
}

impl Sink for KeptSink {
    type Done = KeptMatrix;

    fn block(&self, block: &Block<'_>) -> Result<()> {
        self.entries.add(block.entries.start, block.minor, block.values.bytes)
    }

    fn finish(self) -> Result<KeptMatrix> {
        self.entries.finish(self.layout, self.pointers)
    }

    fn working_bytes(&self, entries: u64) -> u64 {
        entries.saturating_mul(self.layout.entry_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::Dtype;
    use crate::matrix::{Budget, InMemory, Orientation, pump};

    #[test]
    fn what_is_kept_comes_back_whatever_part_of_it_is_on_disk() {
        let n = 300_000u64;
        let dtype = Dtype::Uint16;
        let layout = Layout { orientation: Orientation::Csr, lines: 2, minor: n, entries: n, dtype };
        let values = (0..n).flat_map(|i| (i as u16).to_le_bytes()).collect();
        let minor = (0..n as u32).collect();
        let from = InMemory::new(layout, vec![0, 7, n], minor, values).unwrap();
        let dir = tempfile::tempdir().unwrap();
        for limit in [0, 500_000, 900_000, u64::MAX] {
            let entries = KeptEntries::new(2, limit, dir.path());
            let sink = KeptSink::new(entries, layout, from.pointers().to_vec());
            let kept = pump(&from, sink, Budget::new(8 << 20), &()).unwrap();
            assert!(kept.held <= limit && kept.file.is_none() == (limit == u64::MAX), "{limit}");
            assert!(InMemory::read(&kept, Budget::new(64 << 20), &()).unwrap() == from, "{limit}");
            let mut some = Buffer::new();
            kept.read(65_530..65_545, &mut some).unwrap();
            assert_eq!(some.minor, (65_530..65_545).collect::<Vec<u32>>());
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        let few = KeptEntries::new(2, 100, dir.path());
        few.add(0, &[1], &[0, 0]).unwrap();
        assert!(few.finish(layout, from.pointers().to_vec()).is_err());
    }
}
