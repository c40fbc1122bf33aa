//! Bands on the disk: pieces appended while blocks arrive, read back a group of bands at a time.
//!
//! A piece is what one block had of one band: its place in the input (first entry of the block, u64), its
//! number of entries (u64), then their lines (u32 each), minor indices (u32 each) and values.

use super::PLACED;
use super::bands::{self, Band, Bands, Counts, Partitioned};
use super::place::{LineWriter, Output, place_bands};
use crate::bytes::spill::{Extent, SpillFile};
use crate::error::{Error, Result};
use crate::matrix::{Block, Budget};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// Bytes in front of a piece's entries.
const HEAD: usize = 16;
/// Entries partitioned at once when a group is read back.
const BATCH: u64 = 1 << 17;

/// Bytes of a group of bands that is read back at once: it is held twice while it is partitioned.
pub(crate) fn group_bytes(left: u64) -> u64 {
    left * 2 / 5
}

#[derive(Debug)]
pub(crate) struct Spilled {
    file: SpillFile,
    bands: Bands,
    width: usize,
    /// What each band has on the disk.
    extents: Vec<Mutex<Vec<Extent>>>,
    /// Bytes waiting for each band: one set per worker, lent out for a block at a time.
    staged: Mutex<Vec<Vec<Vec<u8>>>>,
    /// Bytes of one band that are worth writing.
    extent_bytes: usize,
}

/// A piece of a band in memory that was read back.
#[derive(Clone, Copy)]
struct Piece<'b> {
    start: u64,
    lines: &'b [u8],
    minor: &'b [u8],
    values: &'b [u8],
}

impl Piece<'_> {
    fn len(&self) -> usize {
        self.lines.len() / 4
    }
}

impl Spilled {
    pub(crate) fn new(file: SpillFile, bands: Bands, width: usize, staging: u64) -> Self {
        let count = bands.count();
        let sets = rayon::current_num_threads() as u64;
        let each = staging / sets.max(1) / count as u64;
        Spilled {
            file,
            bands,
            width,
            extents: (0..count).map(|_| Mutex::default()).collect(),
            staged: Mutex::default(),
            extent_bytes: each.clamp(4 << 10, 4 << 20) as usize,
        }
    }

    /// Partitions a block and stages its pieces; bands that have enough go to the disk.
    pub(crate) fn take(&self, block: &Block<'_>, counts: &Counts) -> Result<()> {
        let part = bands::partition_block(block, &self.bands, counts)?;
        let mut set = lock(&self.staged).pop().unwrap_or_else(|| vec![Vec::new(); self.bands.count()]);
        for (band, bytes) in set.iter_mut().enumerate() {
            let range = part.range(band);
            if range.is_empty() {
                continue;
            }
            bytes.extend_from_slice(&block.entries.start.to_le_bytes());
            bytes.extend_from_slice(&(range.len() as u64).to_le_bytes());
            bytes.extend_from_slice(bytemuck::cast_slice(&part.lines[range.clone()]));
            bytes.extend_from_slice(bytemuck::cast_slice(&part.minor[range.clone()]));
            bytes.extend_from_slice(&part.values[range.start * self.width..range.end * self.width]);
            if bytes.len() >= self.extent_bytes {
                self.write(band, bytes)?;
            }
        }
        lock(&self.staged).push(set);
        Ok(())
    }

    fn write(&self, band: Band, bytes: &mut Vec<u8>) -> Result<()> {
        let extent = self.file.append(bytes)?;
        lock(&self.extents[band]).push(extent);
        bytes.clear();
        Ok(())
    }

    /// Writes what is still staged and gives its memory back.
    pub(crate) fn flush(&self) -> Result<()> {
        for set in std::mem::take(&mut *lock(&self.staged)) {
            for (band, mut bytes) in set.into_iter().enumerate() {
                if !bytes.is_empty() {
                    self.write(band, &mut bytes)?;
                }
            }
        }
        Ok(())
    }

    /// Reads groups of bands back and places them.
    pub(crate) fn deliver(self, budget: Budget, out: &Output<'_>) -> Result<()> {
        let pointers = out.pointers().len() as u64 * 16;
        let record = 8 + self.width as u64;
        let most = (group_bytes(budget.bytes.saturating_sub(pointers)) / record).max(1);
        let mut first = 0;
        while first < self.bands.count() {
            let mut end = first + 1;
            let from = self.bands.lines(first).start;
            while end < self.bands.count() && out.entries(from..self.bands.lines(end).end) <= most {
                end += 1;
            }
            let lines = from..self.bands.lines(end - 1).end;
            if out.entries(lines.clone()) <= most {
                let parts = self.read_group(first..end)?;
                self.place(lines, parts, out)?;
            } else {
                self.deliver_heavy(first, most, out)?;
            }
            first = end;
        }
        Ok(())
    }

    /// All bytes of some bands.
    fn read_group(&self, group: Range<Band>) -> Result<Vec<Vec<u8>>> {
        let extents: Vec<Extent> = group.flat_map(|b| lock(&self.extents[b]).clone()).collect();
        extents.into_par_iter().map(|e| self.read(e)).collect()
    }

    fn read(&self, e: Extent) -> Result<Vec<u8>> {
        let mut bytes = crate::limits::zeroed(e.len as usize)?;
        self.file.read(e.offset, &mut bytes)?;
        Ok(bytes)
    }

    /// Sorts the entries of lines `lines`, which are all that `bytes` hold, into fine bands and places those.
    fn place(&self, lines: Range<u64>, bytes: Vec<Vec<u8>>, out: &Output<'_>) -> Result<()> {
        let total = out.entries(lines.clone());
        let span = lines.end - lines.start;
        // Fine bands are numbered from the group's first line on.
        let fine = Bands::new(span, total.div_ceil(PLACED).max(1));
        let mut pieces = Vec::new();
        for b in &bytes {
            self.pieces(b, &mut pieces)?;
        }
        pieces.sort_by_key(|p| p.start);
        let batches = batches(&pieces);
        let parts: Vec<Partitioned> = batches
            .into_par_iter()
            .map(|batch| self.partition_batch(&fine, lines.start as u32, &pieces[batch]))
            .collect::<Result<_>>()?;
        drop(pieces);
        drop(bytes);
        let shifted = out.shifted(lines.start);
        place_bands(&fine, 0..fine.count(), &parts, self.width, &shifted)
    }

    fn partition_batch(&self, fine: &Bands, base: u32, pieces: &[Piece<'_>]) -> Result<Partitioned> {
        let n = pieces.iter().map(Piece::len).sum();
        let (mut lines, mut minor) = (crate::limits::reserved::<u32>(n)?, crate::limits::reserved::<u32>(n)?);
        let mut values = crate::limits::reserved(n * self.width)?;
        for p in pieces {
            lines.extend(words(p.lines));
            minor.extend(words(p.minor).map(|m| m.wrapping_sub(base)));
            values.extend_from_slice(p.values);
        }
        bands::partition(fine, 0, fine.count(), &lines, &minor, &values)
    }

    /// A band that is more than fits: as many of its lines at once as do, and a line that alone is too long
    /// as it comes. The band is read once for each.
    fn deliver_heavy(&self, band: Band, most: u64, out: &Output<'_>) -> Result<()> {
        let all = self.bands.lines(band);
        let mut order = Vec::new();
        for e in lock(&self.extents[band]).iter() {
            self.index(*e, &mut order)?;
        }
        order.sort_unstable();
        let mut start = all.start;
        while start < all.end {
            let mut end = start + 1;
            while end < all.end && out.entries(start..end + 1) <= most {
                end += 1;
            }
            let mut line = (end == start + 1).then(|| LineWriter::new(start, self.width, out));
            let mut kept = Vec::new();
            for &(at, offset, count) in &order {
                let bytes =
                    self.read(Extent { offset, len: (HEAD + count as usize * (8 + self.width)) as u64 })?;
                let piece = self.piece(&bytes)?.0;
                let mut one = Kept::default();
                for (i, m) in words(piece.minor).enumerate() {
                    if !(start..end).contains(&u64::from(m)) {
                        continue;
                    }
                    let (l, v) = (&piece.lines[i * 4..][..4], &piece.values[i * self.width..][..self.width]);
                    match &mut line {
                        Some(line) => line.push(u32::from_le_bytes([l[0], l[1], l[2], l[3]]), v)?,
                        None => one.push(l, m, v),
                    }
                }
                if one.count > 0 {
                    kept.push(one.bytes(at));
                }
            }
            match line {
                Some(line) => line.finish()?,
                None => self.place(start..end, kept, out)?,
            }
            start = end;
        }
        Ok(())
    }

    /// Place in the input, offset and entries of the pieces of an extent, from their heads.
    fn index(&self, e: Extent, out: &mut Vec<(u64, u64, u64)>) -> Result<()> {
        let mut at = e.offset;
        while at < e.offset + e.len {
            let mut head = [0; HEAD];
            self.file.read(at, &mut head)?;
            let (start, count) = read_head(&head);
            out.push((start, at, count));
            at += HEAD as u64 + count * (8 + self.width as u64);
        }
        Ok(())
    }

    fn pieces<'b>(&self, mut bytes: &'b [u8], out: &mut Vec<Piece<'b>>) -> Result<()> {
        while !bytes.is_empty() {
            let (piece, rest) = self.piece(bytes)?;
            out.push(piece);
            bytes = rest;
        }
        Ok(())
    }

    fn piece<'b>(&self, bytes: &'b [u8]) -> Result<(Piece<'b>, &'b [u8])> {
        let broken = || Error::new(crate::error::Kind::Io, "the temporary file changed while it was in use");
        let (head, rest) = bytes.split_first_chunk::<HEAD>().ok_or_else(broken)?;
        let (start, count) = read_head(head);
        let n = count as usize;
        let (lines, rest) = rest.split_at_checked(n * 4).ok_or_else(broken)?;
        let (minor, rest) = rest.split_at_checked(n * 4).ok_or_else(broken)?;
        let (values, rest) = rest.split_at_checked(n * self.width).ok_or_else(broken)?;
        Ok((Piece { start, lines, minor, values }, rest))
    }
}

/// Entries picked from a piece, to become a piece of their own.
#[derive(Default)]
struct Kept {
    count: u64,
    lines: Vec<u8>,
    minor: Vec<u8>,
    values: Vec<u8>,
}

impl Kept {
    fn push(&mut self, line: &[u8], minor: u32, value: &[u8]) {
        self.count += 1;
        self.lines.extend_from_slice(line);
        self.minor.extend_from_slice(&minor.to_le_bytes());
        self.values.extend_from_slice(value);
    }

    fn bytes(self, start: u64) -> Vec<u8> {
        let mut out = start.to_le_bytes().to_vec();
        out.extend_from_slice(&self.count.to_le_bytes());
        out.extend_from_slice(&self.lines);
        out.extend_from_slice(&self.minor);
        out.extend_from_slice(&self.values);
        out
    }
}

fn read_head(head: &[u8; HEAD]) -> (u64, u64) {
    let number = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| head[at + i]));
    (number(0), number(8))
}

fn words(bytes: &[u8]) -> impl Iterator<Item = u32> {
    bytes.as_chunks::<4>().0.iter().map(|b| u32::from_le_bytes(*b))
}

/// Runs of pieces that make a batch each.
fn batches(pieces: &[Piece<'_>]) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let (mut start, mut n) = (0, 0);
    for (i, p) in pieces.iter().enumerate() {
        n += p.len() as u64;
        if n >= BATCH {
            out.push(start..i + 1);
            (start, n) = (i + 1, 0);
        }
    }
    if start < pieces.len() {
        out.push(start..pieces.len());
    }
    out
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
