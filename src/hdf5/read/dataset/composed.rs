//! Reads a box of elements of a virtual dataset from the datasets that it is composed of.

use super::Dataset;
use crate::bytes::checked;
use crate::bytes::slab::{self, BoxPlace};
use crate::error::Result;
use crate::hdf5::format::hyperslab::Span;
use crate::hdf5::format::message::layout::Layout;
use crate::hdf5::read::chunks::Scratch;
use crate::hdf5::read::virtual_parts::{PartSource, VirtualPart};
use crate::limits;
use std::ops::Range;

/// A box of a dataset, and the buffer for its elements.
struct BoxBuffer<'a> {
    start: &'a [u64],
    count: &'a [u64],
    size: u64,
    out: &'a mut [u8],
}

impl Dataset {
    /// Whether the elements are in other datasets.
    pub(crate) fn is_virtual(&self) -> bool {
        matches!(self.about.layout, Layout::Virtual(_))
    }

    /// Reads the box of `count` elements at `start`. Elements of no part have the fill value.
    pub(super) fn read_virtual(&self, start: &[u64], count: &[u64], out: &mut [u8]) -> Result<()> {
        self.fill(out);
        let size = u64::from(self.about.datatype.size);
        let mut target = BoxBuffer { start, count, size, out };
        for part in self.about.virtual_parts(self.object.file())? {
            let here = part.here.iter().zip(start.iter().zip(count));
            let wanted: Vec<Range<u64>> =
                here.map(|(span, (s, n))| span.below(*s)..span.below(s.saturating_add(*n))).collect();
            if !wanted.iter().any(Range::is_empty) {
                target.read(part, part.source(self)?, &wanted)?;
            }
        }
        Ok(())
    }
}

impl BoxBuffer<'_> {
    /// Reads the elements `wanted` of a part, numbered in each of its dimensions.
    fn read(&mut self, part: &VirtualPart, source: &PartSource, wanted: &[Range<u64>]) -> Result<()> {
        let mut scratch = Scratch::default();
        let shape: Vec<u64> = wanted.iter().map(|r| r.end.saturating_sub(r.start)).collect();
        let straight = part.here.iter().zip(wanted).zip(&shape).all(|((s, r), n)| s.run(r.start) >= *n);
        if straight && let Some((from, box_shape)) = source.single_box(&part.here, wanted) {
            let len = checked::mul(checked::product(&shape)?, self.size)?;
            let mut bytes = limits::zeroed(checked::size(len)?)?;
            source.dataset.read_slab(&from, &box_shape, &mut bytes, &mut scratch)?;
            let zero = vec![0; shape.len()];
            let at = part.here.iter().zip(wanted).zip(self.start);
            let at: Vec<u64> = at.map(|((span, range), s)| span.at(range.start).saturating_sub(*s)).collect();
            let to = BoxPlace { dims: self.count, at: &at };
            slab::copy_box((&bytes, BoxPlace { dims: &shape, at: &zero }), (self.out, to), &shape, self.size);
            return Ok(());
        }
        self.read_rows(part, source, wanted, &shape, &mut scratch)
    }

    /// Reads the elements `wanted` row by row.
    fn read_rows(
        &mut self,
        part: &VirtualPart,
        source: &PartSource,
        wanted: &[Range<u64>],
        shape: &[u64],
        scratch: &mut Scratch,
    ) -> Result<()> {
        let counts: Vec<u64> = part.here.iter().map(|span| span.len()).collect();
        let first: Vec<u64> = wanted.iter().map(|range| range.start).collect();
        let Some((row, outer)) = shape.split_last() else { return Ok(()) };
        let mut step = vec![0; outer.len()];
        let mut bytes = Vec::new();
        loop {
            // the place of the row's first element, in each dimension of the part
            let steps = step.iter().copied().chain(std::iter::repeat(0));
            let mut place: Vec<u64> = first.iter().zip(steps).map(|(f, s)| f.saturating_add(s)).collect();
            let mut number = slab::position(&counts, &place, &[]);
            let mut left = *row;
            while left > 0 {
                let (from, len) = source.row(number, left);
                let mut count = vec![1; from.len()];
                count.last_mut().into_iter().for_each(|last| *last = len);
                bytes.resize(checked::size(len.saturating_mul(self.size))?, 0);
                source.dataset.read_slab(&from, &count, &mut bytes, scratch)?;
                self.put_row(&part.here, &mut place, &bytes)?;
                (number, left) = (number.saturating_add(len), left.saturating_sub(len));
            }
            if !slab::advance(&mut step, outer) {
                return Ok(());
            }
        }
    }

    /// Copies elements that follow each other in the last dimension of a part to their places, from `place` on.
    fn put_row(&mut self, here: &[Span], place: &mut [u64], bytes: &[u8]) -> Result<()> {
        for element in bytes.chunks_exact(checked::size(self.size)?) {
            let at = here.iter().zip(&*place).zip(self.start);
            let at: Vec<u64> = at.map(|((span, n), s)| span.at(*n).saturating_sub(*s)).collect();
            let to = slab::position(self.count, &at, &[]).saturating_mul(self.size);
            let to = checked::size(to)?;
            let slot = self.out.get_mut(to..).and_then(|rest| rest.get_mut(..element.len()));
            slot.into_iter().for_each(|slot| slot.copy_from_slice(element));
            place.last_mut().into_iter().for_each(|last| *last = last.saturating_add(1));
        }
        Ok(())
    }
}
