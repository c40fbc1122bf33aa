//! Sorts entries by band, from a block or from pieces read back, and writes them as records.

use super::arena::Arena;
use super::bands::{Bands, LineCounts};
use super::record::{Records, pack, unpack, with_record};
use super::unordered::LooseEntries;
use crate::error::{Error, Result};
use crate::matrix::Block;

/// Records read back from the temporary file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SpilledPiece<'b> {
    /// First entry of the block they came from.
    pub(crate) start: u64,
    /// First line, which the lines in the records are relative to, and last possible line.
    pub(crate) lines: [u32; 2],
    /// Number to add to each minor index, with wrapping.
    pub(crate) minor: u32,
    pub(crate) records: &'b [u8],
}

/// Returns the first line of a block, which the lines in its records are relative to, and the last line.
pub(crate) fn lines_of(block: &Block<'_>, records: Records) -> Result<[u32; 2]> {
    if block.entries.is_empty() {
        return Ok([0, 0]);
    }
    let (first, last) = (block.line_of(block.entries.start), block.line_of(block.entries.end - 1));
    if (last - first) as u64 >= records.reach() {
        return Err(Error::limit(format!("a block of {} lines", last - first + 1)));
    }
    Ok([first as u32, last as u32])
}

/// Sorts a block's entries by band into `out`, which has exactly their size. Lines are counted from `first`.
/// Returns the start of each band.
pub(crate) fn sort_block(
    bands: &Bands,
    records: Records,
    block: &Block<'_>,
    first: u32,
    out: &mut [u8],
) -> Result<Vec<u32>> {
    let mut next = Starts::of(bands, block.minor.iter().copied())?;
    let starts = next.0.clone();
    with_record!(records, scatter_block(bands, block, first, &mut next, out));
    Ok(starts)
}

fn scatter_block<const N: usize, const W: usize, const R: usize>(
    bands: &Bands,
    block: &Block<'_>,
    first: u32,
    next: &mut Starts,
    out: &mut [u8],
) {
    let out = out.as_chunks_mut::<R>().0;
    let values = block.values.bytes.as_chunks::<W>().0;
    for line in block.lines() {
        let number = line.number as u32 - first;
        for (minor, value) in block.minor[line.range.clone()].iter().zip(&values[line.range]) {
            let (band, minor) = bands.split(*minor);
            out[next.take(band)] = pack::<N, W, R>(number, minor, *value);
        }
    }
}

/// Sorts entries that are in no order by band into `out`, which has exactly their size, with their lines as minor
/// indices. Returns the start of each band.
pub(crate) fn sort_loose(
    bands: &Bands,
    records: Records,
    entries: &LooseEntries<'_>,
    out: &mut [u8],
) -> Result<Vec<u32>> {
    let mut next = Starts::of(bands, entries.lines.iter().copied())?;
    let starts = next.0.clone();
    with_record!(records, scatter_loose(bands, entries, &mut next, out));
    Ok(starts)
}

fn scatter_loose<const N: usize, const W: usize, const R: usize>(
    bands: &Bands,
    entries: &LooseEntries<'_>,
    next: &mut Starts,
    out: &mut [u8],
) {
    let out = out.as_chunks_mut::<R>().0;
    let values = entries.values.as_chunks::<W>().0;
    for ((line, minor), value) in entries.lines.iter().zip(entries.minor).zip(values) {
        let (band, line) = bands.split(*line);
        out[next.take(band)] = pack::<N, W, R>(*minor, line, *value);
    }
}

/// Sorts pieces by `bands` into part number `order` of `arena`. The lines of all pieces must fit the range of
/// one record.
pub(crate) fn sort_pieces(
    bands: &Bands,
    records: Records,
    order: u64,
    pieces: &[SpilledPiece<'_>],
    arena: &Arena,
) -> Result<()> {
    let Some(head) = pieces.first() else { return Ok(()) };
    let len = pieces.iter().map(|p| p.records.len()).sum();
    arena.add(order, head.lines[0], len, |out| {
        with_record!(records, scatter_pieces(bands, head.lines[0], pieces, out))
    })
}

fn scatter_pieces<const N: usize, const W: usize, const R: usize>(
    bands: &Bands,
    first: u32,
    pieces: &[SpilledPiece<'_>],
    out: &mut [u8],
) -> Result<Vec<u32>> {
    let all = || {
        pieces.iter().flat_map(|p| {
            p.records.as_chunks::<R>().0.iter().map(|r| {
                let (line, minor, value) = unpack::<N, W, R>(r);
                (p.lines[0] - first + line, minor.wrapping_add(p.minor), value)
            })
        })
    };
    let mut next = Starts::of(bands, all().map(|(_, minor, _)| minor))?;
    let starts = next.0.clone();
    let out = out.as_chunks_mut::<R>().0;
    all().for_each(|(line, minor, value)| {
        let (band, minor) = bands.split(minor);
        out[next.take(band)] = pack::<N, W, R>(line, minor, value);
    });
    Ok(starts)
}

/// Position of the next entry of each band.
struct Starts(Vec<u32>);

impl Starts {
    fn of(bands: &Bands, minor: impl Iterator<Item = u32>) -> Result<Self> {
        let mut starts = vec![0u32; bands.count() + 1];
        let mut total = 0u64;
        for m in minor {
            starts[bands.split(m).0 + 1] += 1;
            total += 1;
        }
        if total > u64::from(u32::MAX) {
            return Err(Error::limit("block too large to sort"));
        }
        for b in 1..starts.len() {
            starts[b] += starts[b - 1];
        }
        Ok(Starts(starts))
    }

    #[inline(always)]
    fn take(&mut self, band: usize) -> usize {
        let slot = &mut self.0[band];
        *slot += 1;
        *slot as usize - 1
    }
}

/// Counts the entries of each minor index. `sorted` is ordered by band, so a small table per band collects
/// the counts first.
pub(crate) fn count(bands: &Bands, records: Records, starts: &[u32], sorted: &[u8], counts: &LineCounts) {
    with_record!(records, count_records(bands, starts, sorted, counts));
}

fn count_records<const N: usize, const W: usize, const R: usize>(
    bands: &Bands,
    starts: &[u32],
    sorted: &[u8],
    counts: &LineCounts,
) {
    let sorted = sorted.as_chunks::<R>().0;
    let minor = |record: &[u8; R]| unpack::<N, W, R>(record).1;
    let mut table = vec![0u32; if bands.width() <= 1 << 16 { bands.width() as usize } else { 0 }];
    for band in 0..bands.count() {
        let of_band = &sorted[starts[band] as usize..starts[band + 1] as usize];
        let base = bands.lines(band).start;
        if table.is_empty() {
            of_band.iter().for_each(|r| counts.add(base + u64::from(minor(r)), 1));
            continue;
        }
        if of_band.is_empty() {
            continue;
        }
        of_band.iter().for_each(|r| table[minor(r) as usize] += 1);
        for (i, n) in (base..).zip(table.iter_mut()).filter(|(_, n)| **n > 0) {
            counts.add(i, u64::from(*n));
            *n = 0;
        }
    }
}
