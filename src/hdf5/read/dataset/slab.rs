//! Reads any box of elements of a dataset, from any storage.

use super::Dataset;
use crate::bytes::checked;
use crate::bytes::slab;
use crate::error::{Error, Place, Result};
use crate::hdf5::format::message::dataspace::Dataspace;
use crate::hdf5::format::message::layout::Layout;
use crate::hdf5::read::chunk_index::ChunkEntry;
use crate::hdf5::read::chunks::Scratch;
use crate::hdf5::read::selection::BoxSelection;
use std::ops::Range;

impl Dataset {
    /// Reads elements `range` of a one-dimensional dataset into `out`, in the byte layout of the file.
    ///
    /// # Errors
    /// As for any read; `Usage` if the range is not inside the dataset or `out` has the wrong length.
    pub fn read_range(&self, range: Range<u64>, out: &mut [u8], scratch: &mut Scratch) -> Result<()> {
        let count = range.end.saturating_sub(range.start);
        self.read_slab(&[range.start], &[count], out, scratch)
    }

    /// Reads the box of `count` elements at `start` into `out`, row-major, in the byte layout of the file.
    ///
    /// # Errors
    /// As for any read; `Usage` if the box is not inside the dataset or `out` has the wrong length.
    pub fn read_slab(
        &self,
        start: &[u64],
        count: &[u64],
        out: &mut [u8],
        scratch: &mut Scratch,
    ) -> Result<()> {
        self.read_slab_inner(start, count, out, scratch).in_object(self.object.path())
    }

    fn read_slab_inner(
        &self,
        start: &[u64],
        count: &[u64],
        out: &mut [u8],
        scratch: &mut Scratch,
    ) -> Result<()> {
        let shape = self.shape();
        let size = u64::from(self.about.datatype.size);
        if self.about.dataspace != Dataspace::Null {
            slab::check_box(shape, start, count, size, out.len())?;
        }
        if out.is_empty() {
            return Ok(());
        }
        if let Some(external) = self.about.external(self.object.messages())? {
            return self.read_runs(start, count, out, &|at, part| external.read(at, part));
        }
        match &self.about.layout {
            Layout::Compact(bytes) => {
                self.check_len(bytes.len() as u64)?;
                let zero = vec![0; count.len()];
                let from = slab::BoxPlace { dims: shape, at: start };
                slab::copy_box((bytes, from), (out, slab::BoxPlace { dims: count, at: &zero }), count, size);
                if shape.is_empty() {
                    copy_scalar(bytes, out);
                }
                Ok(())
            }
            Layout::Contiguous { address: None, .. } => {
                self.fill(out);
                Ok(())
            }
            Layout::Contiguous { address: Some(address), len } => {
                if let Some(len) = len {
                    self.check_len(*len)?;
                }
                let addresses = self.object.file().addresses();
                let read = |at, part: &mut [u8]| addresses.read_into(checked::add(*address, at)?, part);
                self.read_runs(start, count, out, &read)
            }
            Layout::Chunked(_) => self.read_chunked(start, count, out, scratch),
            Layout::Virtual(_) => self.read_virtual(start, count, out),
        }
    }

    /// Refuses storage that is too short for the elements.
    fn check_len(&self, len: u64) -> Result<()> {
        if len < self.byte_len() {
            let text = format!("storage too short (expected {} bytes, got {len})", self.byte_len());
            return Err(Error::malformed(text));
        }
        Ok(())
    }

    pub(super) fn fill(&self, out: &mut [u8]) {
        if self.about.fill.is_empty() {
            out.fill(0);
        } else {
            out.chunks_exact_mut(self.about.fill.len()).for_each(|o| o.copy_from_slice(&self.about.fill));
        }
    }

    /// Reads a box of contiguous elements; `read` fills a buffer from a byte of the elements.
    fn read_runs(
        &self,
        start: &[u64],
        count: &[u64],
        out: &mut [u8],
        read: &dyn Fn(u64, &mut [u8]) -> Result<()>,
    ) -> Result<()> {
        let (shape, size) = (self.shape(), u64::from(self.about.datatype.size));
        // Trailing dimensions that are requested whole form one run in the file.
        let mut inner = count.len().saturating_sub(1);
        while inner > 0 && count.get(inner) == shape.get(inner) {
            inner = inner.saturating_sub(1);
        }
        let run = count.iter().skip(inner).fold(size, |a, b| a.saturating_mul(*b));
        let outer: Vec<u64> = count.iter().take(inner).copied().collect();
        let mut at = vec![0; outer.len()];
        for part in out.chunks_mut(checked::size(run)?) {
            let position = slab::position(shape, start, &at);
            read(checked::mul(position, size)?, part)?;
            slab::advance(&mut at, &outer);
        }
        Ok(())
    }

    fn read_chunked(
        &self,
        start: &[u64],
        count: &[u64],
        out: &mut [u8],
        scratch: &mut Scratch,
    ) -> Result<()> {
        let Some(decoder) = &self.about.decoder else { return Err(Error::usage("not a chunked dataset")) };
        let (addresses, map, grid) = (self.object.file().addresses(), self.chunk_map()?, &decoder.grid);
        let each = |f: &dyn Fn(u64, u64, u64) -> u64| -> Vec<u64> {
            start.iter().zip(count).zip(&grid.chunk).map(|((s, n), c)| f(*s, *n, *c)).collect()
        };
        let first = each(&|s, _, c| s.checked_div(c).unwrap_or(0));
        let last = each(&|s, n, c| s.saturating_add(n).saturating_sub(1).checked_div(c).unwrap_or(0));
        let spans: Vec<u64> =
            first.iter().zip(&last).map(|(a, b)| b.saturating_sub(*a).saturating_add(1)).collect();
        let outside = || Error::malformed("chunk outside its grid");
        let numbers = grid.number(&first).ok_or_else(outside)?..=grid.number(&last).ok_or_else(outside)?;
        let wanted = spans.iter().fold(1u64, |a, b| a.saturating_mul(*b));
        let there = map.between(numbers);
        if (there.len() as u64) < wanted {
            // holes: fills everything at once, however many chunks were never written
            self.fill(out);
        }
        let selection =
            BoxSelection { addresses, decoder, start, count, size: u64::from(self.about.datatype.size) };
        if there.len() as u64 <= wanted {
            let inside = |e: &&ChunkEntry| {
                let at = slab::unravel(e.number, &grid.counts);
                at.iter().zip(&first).zip(&last).all(|((n, a), b)| (a..=b).contains(&n))
            };
            if there.iter().all(|e| inside(&e)) {
                return selection.read_all(there, out, scratch);
            }
            let some: Vec<ChunkEntry> = there.iter().filter(inside).copied().collect();
            return selection.read_all(&some, out, scratch);
        }
        let (mut step, mut some) = (vec![0; first.len()], Vec::new());
        loop {
            let coordinates: Vec<u64> = first.iter().zip(&step).map(|(f, s)| f.saturating_add(*s)).collect();
            some.extend(map.get(grid.number(&coordinates).ok_or_else(outside)?));
            if !slab::advance(&mut step, &spans) {
                return selection.read_all(&some, out, scratch);
            }
        }
    }
}

/// Copies a scalar, which has no dimensions to iterate over.
fn copy_scalar(bytes: &[u8], out: &mut [u8]) {
    out.iter_mut().zip(bytes).for_each(|(o, b)| *o = *b);
}
