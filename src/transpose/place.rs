//! Moves the entries of bands to their positions in the output.

use super::arena::SortedRun;
use super::bands::{Band, Bands};
use super::record::{Records, unpack, with_record};
use crate::dtype::AlignedBytes;
use crate::error::{Error, Result};
use crate::matrix::{self, Block, Layout, Values};
use crate::observe::Observer;
use crate::sync::each_in_parallel;
use std::ops::Range;

/// Largest number of entries placed and passed to the sink at once.
const MOST: u64 = 1 << 18;
/// Entries of a long line passed to the sink at once.
const LINE_BLOCK: usize = 1 << 16;

/// Callback for the blocks of the output.
type BlockVisit<'a> = &'a (dyn Fn(&Block<'_>) -> Result<()> + Sync);

/// Destination of placed entries.
pub(crate) struct Output<'a> {
    layout: &'a Layout,
    /// Pointers of the whole output.
    all: &'a [u64],
    /// Pointers from the first line that the bands cover.
    pointers: &'a [u64],
    observer: &'a dyn Observer,
    visit: BlockVisit<'a>,
    /// Bytes of memory that the sink needs for a block of this many entries.
    sink_bytes: &'a (dyn Fn(u64) -> u64 + Sync),
    /// Whether blocks must be passed on in order.
    in_order: bool,
}

impl<'a> Output<'a> {
    pub(crate) fn new(
        layout: &'a Layout,
        pointers: &'a [u64],
        observer: &'a dyn Observer,
        visit: BlockVisit<'a>,
        sink_bytes: &'a (dyn Fn(u64) -> u64 + Sync),
        in_order: bool,
    ) -> Self {
        Output { layout, all: pointers, pointers, observer, visit, sink_bytes, in_order }
    }

    /// Number of workers that can place bands in `bytes` of memory, at least 1.
    fn workers(&self, bands: &Bands, bytes: u64) -> usize {
        if self.in_order {
            return 1;
        }
        let largest =
            (0..bands.count()).map(|band| self.entries(bands.lines(band))).max().unwrap_or(0).min(MOST);
        let room = largest.saturating_mul(self.layout.entry_bytes());
        matrix::workers(bytes, room.saturating_add((self.sink_bytes)(largest)))
    }

    /// Returns the same output for bands that start at `line`.
    pub(crate) fn shifted(&self, line: u64) -> Output<'_> {
        Output { pointers: &self.all[line as usize..], ..*self }
    }

    pub(crate) fn pointers(&self) -> &[u64] {
        self.pointers
    }

    /// Number of entries in these lines of the output.
    pub(crate) fn entries(&self, lines: Range<u64>) -> u64 {
        self.pointers[lines.end as usize] - self.pointers[lines.start as usize]
    }

    /// Passes a block to the sink. `start` is the position of its first entry in the output.
    pub(crate) fn emit(&self, start: u64, minor: &[u32], bytes: &[u8]) -> Result<()> {
        if self.observer.cancelled() {
            return Err(Error::cancelled());
        }
        let values = Values { dtype: self.layout.dtype, bytes };
        let entries = start..start + minor.len() as u64;
        let orientation = self.layout.orientation;
        (self.visit)(&Block { orientation, entries, pointers: self.all, minor, values })?;
        self.observer.advance((minor.len() * 4 + bytes.len()) as u64);
        Ok(())
    }
}

/// Places all bands. `parts` hold their entries in order. Uses as many threads of the current pool as fit in
/// `left` bytes.
pub(crate) fn place_bands(
    bands: &Bands,
    records: Records,
    parts: &[SortedRun<'_>],
    out: &Output<'_>,
    left: u64,
) -> Result<()> {
    let workers = out.workers(bands, left);
    each_in_parallel(bands.count() as u64, workers, out.observer, BandRoom::default, |band, room| {
        place_band(bands, band as usize, records, parts, out, room)
    })
}

/// Memory of one worker, reused for each band.
#[derive(Default)]
struct BandRoom {
    minor: Vec<u32>,
    values: AlignedBytes,
    next: Vec<u32>,
}

fn place_band(
    bands: &Bands,
    band: Band,
    records: Records,
    parts: &[SortedRun<'_>],
    out: &Output<'_>,
    room: &mut BandRoom,
) -> Result<()> {
    let all = bands.lines(band);
    let mut lines = all.clone();
    // Place as many lines at once as fit a block; a single line may be longer.
    while lines.start < all.end {
        let start = lines.start as usize;
        let bound = out.pointers()[start].saturating_add(MOST);
        let fit = out.pointers()[start..=all.end as usize].partition_point(|p| *p <= bound) - 1;
        lines.end = lines.start + (fit as u64).max(1);
        let segments = parts.iter().map(|p| (p.line, p.band(band, records.bytes())));
        let n = out.entries(lines.clone());
        let first = (lines.start - all.start) as u32;
        if n > MOST {
            let mut line = LineWriter::new(lines.start, records.width, out);
            for (base, segment) in segments {
                with_record!(records, push_line(&mut line, first, base, segment))?;
            }
            line.finish()?;
        } else if n > 0 {
            room.prepare(&lines, n as usize, records.width, out)?;
            let only = lines == all;
            for (base, segment) in segments {
                with_record!(records, take(room, first, only, base, segment));
            }
            let (n, start) = (n as usize, out.pointers()[lines.start as usize]);
            out.emit(start, &room.minor[..n], &room.values[..n * records.width])?;
        }
        lines = lines.end..lines.end;
    }
    Ok(())
}

impl BandRoom {
    fn prepare(&mut self, lines: &Range<u64>, n: usize, width: usize, out: &Output<'_>) -> Result<()> {
        if self.minor.len() < n {
            self.minor = crate::limits::reserved(n)?;
            self.minor.resize(n, 0);
        }
        if self.values.len() < n * width {
            self.values = AlignedBytes::default();
            self.values.resize(n * width)?;
        }
        let pointers = &out.pointers()[lines.start as usize..lines.end as usize];
        let base = out.pointers()[lines.start as usize];
        self.next.clear();
        self.next.extend(pointers.iter().map(|p| (p - base) as u32));
        Ok(())
    }
}

/// Places the entries of one segment. `first` is the first line to place, counted from the start of the band.
/// Entries of other lines are skipped, unless `only` says that the segment has none.
fn take<const N: usize, const W: usize, const R: usize>(
    room: &mut BandRoom,
    first: u32,
    only: bool,
    base: u32,
    segment: &[u8],
) {
    let count = room.next.len();
    let out_values = room.values.as_chunks_mut::<W>().0;
    for record in segment.as_chunks::<R>().0 {
        let (line, minor, value) = unpack::<N, W, R>(record);
        let slot = minor.wrapping_sub(first) as usize;
        if !only && slot >= count {
            continue;
        }
        let next = &mut room.next[slot];
        let at = *next as usize;
        *next += 1;
        room.minor[at] = base + line;
        out_values[at] = value;
    }
}

/// Passes the entries of one long line, line `wanted` of its band, to the sink. They are in order already.
fn push_line<const N: usize, const W: usize, const R: usize>(
    line: &mut LineWriter<'_, '_>,
    wanted: u32,
    base: u32,
    segment: &[u8],
) -> Result<()> {
    for record in segment.as_chunks::<R>().0 {
        let (from, minor, value) = unpack::<N, W, R>(record);
        if minor == wanted {
            line.push(base + from, &value)?;
        }
    }
    Ok(())
}

/// Collects the entries of one line into blocks.
pub(crate) struct LineWriter<'a, 'o> {
    at: u64,
    minor: Vec<u32>,
    /// Buffer for the values of a block.
    values: AlignedBytes,
    width: usize,
    out: &'a Output<'o>,
}

impl<'a, 'o> LineWriter<'a, 'o> {
    pub(crate) fn new(line: u64, width: usize, out: &'a Output<'o>) -> Self {
        let at = out.pointers()[line as usize];
        LineWriter { at, minor: Vec::new(), values: AlignedBytes::default(), width, out }
    }

    pub(crate) fn push(&mut self, minor: u32, value: &[u8]) -> Result<()> {
        if self.values.is_empty() {
            self.values.resize(LINE_BLOCK * self.width)?;
        }
        self.values[self.minor.len() * self.width..][..self.width].copy_from_slice(value);
        self.minor.push(minor);
        if self.minor.len() >= LINE_BLOCK { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        self.out.emit(self.at, &self.minor, &self.values[..self.minor.len() * self.width])?;
        self.at += self.minor.len() as u64;
        self.minor.clear();
        Ok(())
    }

    pub(crate) fn finish(mut self) -> Result<()> {
        if self.minor.is_empty() { Ok(()) } else { self.flush() }
    }
}
