//! Bands on disk: pieces are appended while blocks arrive, then read back one group of bands at a time.
//!
//! A piece holds the entries that one block has in one band: the block's first entry (u64), the number of
//! records (u32), the line that the records' lines are relative to and the last possible line (u32 each),
//! then the records.

use super::PLACED;
use super::arena::Arena;
use super::bands::{Band, Bands, LineCounts};
use super::place::{LineWriter, Output, place_bands};
use super::record::{Records, unpack, with_record};
use super::scatter::{self, SpilledPiece};
use crate::bytes::pages::Pages;
use crate::bytes::spill::{Extent, SpillFile};
use crate::error::{Error, Result};
use crate::matrix::{Block, Budget};
use crate::sync::lock;
use rayon::prelude::*;
use std::ops::Range;
use std::sync::Mutex;

/// Bytes before a piece's records.
const HEAD: usize = 20;
/// Fewest bytes of a band that are staged before they are written.
pub(crate) const LEAST_STAGED: u64 = 4 << 10;
/// Entries sorted at once when a group is read back.
const BATCH: u64 = 1 << 17;

/// Bytes of a group of bands that is read back at once. The group is held twice while it is sorted.
pub(crate) fn group_bytes(left: u64) -> u64 {
    left * 2 / 5
}

#[derive(Debug)]
pub(crate) struct Spilled {
    file: SpillFile,
    bands: Bands,
    records: Records,
    /// Extents of each band in the file.
    extents: Vec<Mutex<Vec<Extent>>>,
    /// One buffer set per worker, taken out while a block is sorted.
    staged: Mutex<Vec<Staged>>,
    /// Bytes of a band that are staged and written at once.
    extent_bytes: usize,
}

/// Extents read back, in consecutive order; reused for the next group.
#[derive(Debug)]
struct BandGroup {
    bytes: Pages,
    /// Band and length of each extent.
    extents: Vec<(Band, usize)>,
}

impl BandGroup {
    fn new() -> Result<Self> {
        Ok(BandGroup { bytes: Pages::new(1)?, extents: Vec::new() })
    }

    /// Removes all extents and makes room for `len` bytes.
    fn clear(&mut self, len: usize) -> Result<()> {
        self.extents.clear();
        if self.bytes.len() < len {
            // Free the old pages before allocating new ones.
            self.bytes = Pages::new(1)?;
            self.bytes = Pages::new(len)?;
        }
        Ok(())
    }
}

/// Records staged for writing, by band.
#[derive(Debug)]
struct Staged {
    /// `extent_bytes` bytes for each band, in order of the bands.
    room: Pages,
    /// Bytes used of each band.
    used: Vec<usize>,
    /// Records of a block, sorted by band.
    sorted: Vec<u8>,
    /// A piece that does not fit the space of a band.
    large: Vec<u8>,
}

impl Spilled {
    pub(crate) fn new(file: SpillFile, bands: Bands, records: Records, staging: u64) -> Self {
        let count = bands.count();
        let sets = rayon::current_num_threads() as u64;
        let each = staging / sets.max(1) / count as u64;
        Spilled {
            file,
            bands,
            records,
            extents: (0..count).map(|_| Mutex::default()).collect(),
            staged: Mutex::default(),
            extent_bytes: each.clamp(LEAST_STAGED, 4 << 20) as usize,
        }
    }

    /// Sorts a block and stages its pieces; full bands are written to disk.
    pub(crate) fn take(&self, block: &Block<'_>, counts: &LineCounts) -> Result<()> {
        let (size, [first, last]) = (self.records.bytes(), scatter::lines_of(block, self.records)?);
        self.take_sorted(block.entries.start, [first, last], block.minor.len() * size, |out| {
            let starts = scatter::sort_block(&self.bands, self.records, block, first, out)?;
            scatter::count(&self.bands, self.records, &starts, out, counts);
            Ok(starts)
        })
    }

    /// Stages the pieces of `len` bytes of records; full bands are written to disk. `sort` writes the records,
    /// sorted by band, and returns the start of each band. `start` is the position of the records among all,
    /// `first` the line that theirs are relative to, `last` the last possible line.
    pub(crate) fn take_sorted(
        &self,
        start: u64,
        [first, last]: [u32; 2],
        len: usize,
        sort: impl FnOnce(&mut [u8]) -> Result<Vec<u32>>,
    ) -> Result<()> {
        if len == 0 {
            return Ok(());
        }
        let set = lock(&self.staged).pop();
        let mut set = set.map_or_else(|| self.stage(), Ok)?;
        let size = self.records.bytes();
        set.sorted.resize(len, 0);
        let starts = sort(&mut set.sorted)?;
        for (band, range) in starts.windows(2).enumerate().filter(|(_, range)| range[0] < range[1]) {
            let head = head(start, [range[1] - range[0], first, last]);
            let records = &set.sorted[range[0] as usize * size..range[1] as usize * size];
            let len = HEAD + records.len();
            let slot = &mut set.room[band * self.extent_bytes..][..self.extent_bytes];
            let used = &mut set.used[band];
            if *used + len > slot.len() {
                self.write(band, &slot[..std::mem::take(used)])?;
            }
            if len > slot.len() {
                set.large.clear();
                set.large.extend_from_slice(&head);
                set.large.extend_from_slice(records);
                self.write(band, &set.large)?;
            } else {
                let to = &mut slot[*used..*used + len];
                to[..HEAD].copy_from_slice(&head);
                to[HEAD..].copy_from_slice(records);
                *used += len;
            }
        }
        lock(&self.staged).push(set);
        Ok(())
    }

    fn stage(&self) -> Result<Staged> {
        let count = self.bands.count();
        let room = Pages::new(count * self.extent_bytes)?;
        Ok(Staged { room, used: vec![0; count], sorted: Vec::new(), large: Vec::new() })
    }

    fn write(&self, band: Band, bytes: &[u8]) -> Result<()> {
        if !bytes.is_empty() {
            let extent = self.file.append(bytes)?;
            lock(&self.extents[band]).push(extent);
        }
        Ok(())
    }

    /// Writes everything that is still staged and frees the memory.
    pub(crate) fn flush(&self) -> Result<()> {
        for set in std::mem::take(&mut *lock(&self.staged)) {
            for (band, used) in set.used.iter().enumerate() {
                self.write(band, &set.room[band * self.extent_bytes..][..*used])?;
            }
        }
        Ok(())
    }

    /// Reads groups of bands back and places their entries.
    pub(crate) fn deliver(self, budget: Budget, out: &Output<'_>) -> Result<()> {
        let pointers = out.pointers().len() as u64 * 16;
        let record = self.records.bytes() as u64;
        let left = budget.bytes.saturating_sub(pointers);
        let most = (group_bytes(left) / record).max(1);
        let left = left.saturating_sub(group_bytes(left).saturating_mul(2));
        let mut group = BandGroup::new()?;
        let mut first = 0;
        while first < self.bands.count() {
            let mut end = first + 1;
            let from = self.bands.lines(first).start;
            while end < self.bands.count() && out.entries(from..self.bands.lines(end).end) <= most {
                end += 1;
            }
            let lines = from..self.bands.lines(end - 1).end;
            if out.entries(lines.clone()) <= most {
                self.read_group(first..end, &mut group)?;
                self.place(lines, &group, out, left)?;
            } else {
                self.deliver_heavy(first, most, &mut group, out, left)?;
            }
            first = end;
        }
        Ok(())
    }

    /// Reads all extents of some bands into `group`.
    fn read_group(&self, bands: Range<Band>, group: &mut BandGroup) -> Result<()> {
        let of = |band: Band| lock(&self.extents[band]).iter().map(|e| (band, *e)).collect::<Vec<_>>();
        let extents: Vec<(Band, Extent)> = bands.flat_map(of).collect();
        let all = extents.iter().map(|(_, e)| e.len as usize).sum();
        group.clear(all)?;
        let mut rest = &mut *group.bytes;
        let mut slots = Vec::with_capacity(extents.len());
        for (_, e) in &extents {
            let (slot, behind) = rest.split_at_mut(e.len as usize);
            slots.push((e.offset, slot));
            rest = behind;
        }
        slots.into_par_iter().try_for_each(|(offset, slot)| self.file.read(offset, slot))?;
        group.extents.extend(extents.into_iter().map(|(band, e)| (band, e.len as usize)));
        Ok(())
    }

    fn read(&self, e: Extent) -> Result<Vec<u8>> {
        let mut bytes = crate::limits::zeroed(e.len as usize)?;
        self.file.read(e.offset, &mut bytes)?;
        Ok(bytes)
    }

    /// Sorts the entries of `group`, which holds exactly the lines `lines`, into fine bands and places them.
    /// `left` is the memory for placing, in bytes.
    fn place(&self, lines: Range<u64>, group: &BandGroup, out: &Output<'_>, left: u64) -> Result<()> {
        let total = out.entries(lines.clone());
        let span = lines.end - lines.start;
        // Fine bands start at the group's first line.
        let wanted = total.div_ceil(PLACED).max(span.div_ceil(self.records.reach()));
        let fine = Bands::new(span, wanted);
        let mut pieces = Vec::new();
        let mut rest = &*group.bytes;
        for (band, len) in &group.extents {
            let (bytes, behind) = rest.split_at(*len);
            let minor = self.bands.lines(*band).start.wrapping_sub(lines.start) as u32;
            self.pieces(bytes, minor, &mut pieces)?;
            rest = behind;
        }
        pieces.sort_by_key(|p| p.start);
        let mut arena = Arena::new(total.saturating_mul(self.records.bytes() as u64));
        // Number parts by batch, not by first entry: the pieces of one block may start several batches.
        let batches = self.batches(&pieces);
        batches.into_par_iter().enumerate().try_for_each(|(n, batch)| {
            scatter::sort_pieces(&fine, self.records, n as u64, &pieces[batch], &arena)
        })?;
        drop(pieces);
        let shifted = out.shifted(lines.start);
        place_bands(&fine, self.records, &arena.parts(), &shifted, left)
    }

    /// Places a band that is too large for a group: as many of its lines at once as fit. A single line that
    /// is too long goes to the sink entry by entry. The band is read once for each step.
    fn deliver_heavy(
        &self,
        band: Band,
        most: u64,
        group: &mut BandGroup,
        out: &Output<'_>,
        left: u64,
    ) -> Result<()> {
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
            let wanted = (start - all.start) as u32..(end - all.start) as u32;
            let mut line = (end == start + 1).then(|| LineWriter::new(start, self.records.width, out));
            let kept_bytes = out.entries(start..end) as usize * self.records.bytes() + order.len() * HEAD;
            group.clear(if line.is_some() { 0 } else { kept_bytes })?;
            let mut used = 0;
            for &(_, offset, len) in &order {
                let mut bytes = self.read(Extent { offset, len })?;
                match &mut line {
                    Some(line) => {
                        let (piece, _) = self.piece(&bytes, 0)?;
                        with_record!(self.records, push_wanted(&wanted, &piece, line))?;
                    }
                    None => {
                        with_record!(self.records, retain_wanted(&wanted, &mut bytes));
                        if bytes.len() > HEAD {
                            group.extents.push((band, bytes.len()));
                            group.bytes[used..used + bytes.len()].copy_from_slice(&bytes);
                            used += bytes.len();
                        }
                    }
                }
            }
            match line {
                Some(line) => line.finish()?,
                None => self.place(start..end, group, out, left)?,
            }
            start = end;
        }
        Ok(())
    }

    /// Appends the first entry, file offset and length in bytes of each piece of an extent, from the heads of
    /// the pieces.
    fn index(&self, e: Extent, out: &mut Vec<(u64, u64, u64)>) -> Result<()> {
        let mut at = e.offset;
        while at < e.offset + e.len {
            let mut head = [0; HEAD];
            self.file.read(at, &mut head)?;
            let (start, [count, ..]) = read_head(&head);
            let len = HEAD as u64 + u64::from(count) * self.records.bytes() as u64;
            out.push((start, at, len));
            at += len;
        }
        Ok(())
    }

    fn pieces<'b>(&self, mut bytes: &'b [u8], minor: u32, out: &mut Vec<SpilledPiece<'b>>) -> Result<()> {
        while !bytes.is_empty() {
            let (piece, rest) = self.piece(bytes, minor)?;
            out.push(piece);
            bytes = rest;
        }
        Ok(())
    }

    fn piece<'b>(&self, bytes: &'b [u8], minor: u32) -> Result<(SpilledPiece<'b>, &'b [u8])> {
        let broken = || Error::new(crate::error::Kind::Io, "the temporary file changed while it was in use");
        let (head, rest) = bytes.split_first_chunk::<HEAD>().ok_or_else(broken)?;
        let (start, [count, first, last]) = read_head(head);
        let (records, rest) =
            rest.split_at_checked(count as usize * self.records.bytes()).ok_or_else(broken)?;
        Ok((SpilledPiece { start, lines: [first, last], minor, records }, rest))
    }

    /// Divides pieces into batches of about `BATCH` entries, whose lines fit the range of one record.
    fn batches(&self, pieces: &[SpilledPiece<'_>]) -> Vec<Range<usize>> {
        let mut out = Vec::new();
        let (mut start, mut n) = (0, 0);
        for (i, p) in pieces.iter().enumerate() {
            let far = u64::from(p.lines[1] - pieces[start].lines[0]) >= self.records.reach();
            if i > start && (far || n >= BATCH) {
                out.push(start..i);
                (start, n) = (i, 0);
            }
            n += (p.records.len() / self.records.bytes()) as u64;
        }
        if start < pieces.len() {
            out.push(start..pieces.len());
        }
        out
    }
}

/// Writes the entries of one line of a band, which are in order, to `line`.
fn push_wanted<const N: usize, const W: usize, const R: usize>(
    wanted: &Range<u32>,
    piece: &SpilledPiece<'_>,
    line: &mut LineWriter<'_, '_>,
) -> Result<()> {
    for record in piece.records.as_chunks::<R>().0 {
        let (from, minor, value) = unpack::<N, W, R>(record);
        if wanted.contains(&minor) {
            line.push(piece.lines[0] + from, &value)?;
        }
    }
    Ok(())
}

/// Keeps only the entries of a piece whose lines, counted from the start of the band, are in `wanted`.
fn retain_wanted<const N: usize, const W: usize, const R: usize>(wanted: &Range<u32>, bytes: &mut Vec<u8>) {
    let records = bytes[HEAD..].as_chunks_mut::<R>().0;
    let mut kept = 0;
    for i in 0..records.len() {
        if wanted.contains(&unpack::<N, W, R>(&records[i]).1) {
            records[kept] = records[i];
            kept += 1;
        }
    }
    bytes.truncate(HEAD + kept * R);
    bytes[8..12].copy_from_slice(&(kept as u32).to_le_bytes());
}

fn head(start: u64, numbers: [u32; 3]) -> [u8; HEAD] {
    let mut out = [0; HEAD];
    out[..8].copy_from_slice(&start.to_le_bytes());
    out[8..].copy_from_slice(bytemuck::cast_slice(&numbers.map(u32::to_le_bytes)));
    out
}

fn read_head(head: &[u8; HEAD]) -> (u64, [u32; 3]) {
    let start = u64::from_le_bytes(std::array::from_fn(|i| head[i]));
    (start, [8, 12, 16].map(|at| u32::from_le_bytes(std::array::from_fn(|i| head[at + i]))))
}
