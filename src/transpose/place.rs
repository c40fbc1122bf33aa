//! Places the entries of bands where they belong in the output.

use super::bands::{Band, Bands, Partitioned};
use crate::error::{Error, Result};
use crate::matrix::{Block, Layout, Values};
use crate::observe::Observer;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// Entries given to the sink at once at most.
const MOST: u64 = 1 << 20;

/// Takes the blocks of the output.
type Visit<'a> = &'a (dyn Fn(&Block<'_>) -> Result<()> + Sync);

/// Where placed entries go.
pub(crate) struct Output<'a> {
    layout: &'a Layout,
    /// Of the whole output.
    all: &'a [u64],
    /// From the line on that bands are numbered from.
    pointers: &'a [u64],
    observer: &'a dyn Observer,
    visit: Visit<'a>,
}

impl<'a> Output<'a> {
    pub(crate) fn new(
        layout: &'a Layout,
        pointers: &'a [u64],
        observer: &'a dyn Observer,
        visit: Visit<'a>,
    ) -> Self {
        Output { layout, all: pointers, pointers, observer, visit }
    }

    /// The same for bands numbered from `line` on.
    pub(crate) fn shifted(&self, line: u64) -> Output<'_> {
        Output { pointers: &self.all[line as usize..], ..*self }
    }

    pub(crate) fn pointers(&self) -> &[u64] {
        self.pointers
    }

    /// Entries of these lines of the output.
    pub(crate) fn entries(&self, lines: Range<u64>) -> u64 {
        self.pointers[lines.end as usize] - self.pointers[lines.start as usize]
    }

    /// Gives a block to the sink.
    pub(crate) fn emit(&self, start: u64, minor: &[u32], bytes: &[u8]) -> Result<()> {
        if self.observer.cancelled() {
            return Err(Error::cancelled());
        }
        let values = Values { dtype: self.layout.dtype, bytes };
        let entries = start..start + minor.len() as u64;
        (self.visit)(&Block { entries, pointers: self.all, minor, values })?;
        self.observer.advance((minor.len() * 4 + bytes.len()) as u64);
        Ok(())
    }
}

/// Places `bands`, whose entries are in `parts` in order, on all threads of the current pool.
pub(crate) fn place_bands(
    bands: &Bands,
    range: Range<Band>,
    parts: &[Partitioned],
    width: usize,
    out: &Output<'_>,
) -> Result<()> {
    let next = AtomicUsize::new(range.start);
    let stop = AtomicBool::new(false);
    let failed: Mutex<Option<(Band, Error)>> = Mutex::new(None);
    let work = || {
        let mut room = Room::default();
        while !stop.load(Relaxed) {
            let band = next.fetch_add(1, Relaxed);
            if band >= range.end {
                return;
            }
            if let Err(e) = place_band(bands, range.start, band, parts, width, out, &mut room) {
                stop.store(true, Relaxed);
                let mut f = failed.lock().unwrap_or_else(PoisonError::into_inner);
                if f.as_ref().is_none_or(|(first, _)| band < *first) {
                    *f = Some((band, e));
                }
            }
        }
    };
    rayon::scope(|scope| (0..rayon::current_num_threads()).for_each(|_| scope.spawn(|_| work())));
    match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some((_, e)) => Err(e),
        None => Ok(()),
    }
}

/// Memory of one worker, used again for each band.
#[derive(Default)]
struct Room {
    minor: Vec<u32>,
    values: Vec<u8>,
    next: Vec<u32>,
}

fn place_band(
    bands: &Bands,
    first: Band,
    band: Band,
    parts: &[Partitioned],
    width: usize,
    out: &Output<'_>,
    room: &mut Room,
) -> Result<()> {
    let all = bands.lines(band);
    let mut lines = all.clone();
    // As many lines at once as make a block; a line of its own may be longer than that.
    while lines.start < all.end {
        let start = lines.start as usize;
        let bound = out.pointers()[start].saturating_add(MOST);
        let fit = out.pointers()[start..=all.end as usize].partition_point(|p| *p <= bound) - 1;
        lines.end = lines.start + (fit as u64).max(1);
        let segments = parts.iter().map(|p| (p, p.range(band - first)));
        let n = out.entries(lines.clone());
        if n > MOST {
            emit_line(lines.start, segments, width, out)?;
        } else if n > 0 {
            room.prepare(&lines, n as usize, width, out)?;
            for (p, range) in segments {
                room.take(&lines, lines.end - lines.start == all.end - all.start, p, range, width);
            }
            let (n, start) = (n as usize, out.pointers()[lines.start as usize]);
            out.emit(start, &room.minor[..n], &room.values[..n * width])?;
        }
        lines = lines.end..lines.end;
    }
    Ok(())
}

impl Room {
    fn prepare(&mut self, lines: &Range<u64>, n: usize, width: usize, out: &Output<'_>) -> Result<()> {
        if self.minor.len() < n {
            self.minor = crate::limits::reserved(n)?;
            self.minor.resize(n, 0);
        }
        if self.values.len() < n * width {
            self.values = crate::limits::zeroed(n * width)?;
        }
        let pointers = &out.pointers()[lines.start as usize..lines.end as usize];
        let base = out.pointers()[lines.start as usize];
        self.next.clear();
        self.next.extend(pointers.iter().map(|p| (p - base) as u32));
        Ok(())
    }

    /// Puts the entries of one segment in their places; those of other lines are left out unless the segment
    /// has `only` these.
    fn take(&mut self, lines: &Range<u64>, only: bool, p: &Partitioned, range: Range<usize>, width: usize) {
        match width {
            1 => self.take_wide::<1>(lines, only, p, range),
            2 => self.take_wide::<2>(lines, only, p, range),
            4 => self.take_wide::<4>(lines, only, p, range),
            _ => self.take_wide::<8>(lines, only, p, range),
        }
    }

    fn take_wide<const W: usize>(
        &mut self,
        lines: &Range<u64>,
        only: bool,
        p: &Partitioned,
        range: Range<usize>,
    ) {
        let (first, count) = (lines.start as u32, (lines.end - lines.start) as u32);
        let values = &p.values.as_chunks::<W>().0[range.clone()];
        let out_values = self.values.as_chunks_mut::<W>().0;
        let entries = p.minor[range.clone()].iter().zip(&p.lines[range]).zip(values);
        for ((m, line), value) in entries {
            let slot = m.wrapping_sub(first);
            if !only && slot >= count {
                continue;
            }
            let next = &mut self.next[slot as usize];
            let at = *next as usize;
            *next += 1;
            self.minor[at] = *line;
            out_values[at] = *value;
        }
    }
}

/// Gives one long line to the sink, a block at a time: its entries are in order already.
fn emit_line<'p>(
    line: u64,
    segments: impl Iterator<Item = (&'p Partitioned, Range<usize>)>,
    width: usize,
    out: &Output<'_>,
) -> Result<()> {
    let mut pieces = LineWriter::new(line, width, out);
    for (p, range) in segments {
        for i in range {
            if u64::from(p.minor[i]) == line {
                pieces.push(p.lines[i], &p.values[i * width..(i + 1) * width])?;
            }
        }
    }
    pieces.finish()
}

/// Collects the entries of one line into blocks.
pub(crate) struct LineWriter<'a, 'o> {
    at: u64,
    minor: Vec<u32>,
    values: Vec<u8>,
    width: usize,
    out: &'a Output<'o>,
}

impl<'a, 'o> LineWriter<'a, 'o> {
    pub(crate) fn new(line: u64, width: usize, out: &'a Output<'o>) -> Self {
        LineWriter { at: out.pointers()[line as usize], minor: Vec::new(), values: Vec::new(), width, out }
    }

    pub(crate) fn push(&mut self, minor: u32, value: &[u8]) -> Result<()> {
        self.minor.push(minor);
        self.values.extend_from_slice(value);
        if self.minor.len() as u64 >= MOST / 4 { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        debug_assert_eq!(self.values.len(), self.minor.len() * self.width);
        self.out.emit(self.at, &self.minor, &self.values)?;
        self.at += self.minor.len() as u64;
        self.minor.clear();
        self.values.clear();
        Ok(())
    }

    pub(crate) fn finish(mut self) -> Result<()> {
        if self.minor.is_empty() { Ok(()) } else { self.flush() }
    }
}
