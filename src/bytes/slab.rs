//! Rectangular selections of elements, gathered from the chunks of a dataset that they overlap.

use super::checked;
use crate::error::{Error, Result};
use std::ops::Range;

/// One side of a copy: the shape of the whole array, and where the box begins in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BoxPlace<'a> {
    pub(crate) dims: &'a [u64],
    pub(crate) at: &'a [u64],
}

/// Copies a box of `count` elements of `size` bytes. All shapes have the same rank. Elements outside either
/// slice are skipped.
pub(crate) fn copy_box(
    (src, from): (&[u8], BoxPlace<'_>),
    (dst, to): (&mut [u8], BoxPlace<'_>),
    count: &[u64],
    size: u64,
) {
    if count.contains(&0) {
        return;
    }
    // Trailing dimensions that are complete on both sides form one run.
    let rank = count.len();
    let mut inner = rank.saturating_sub(1);
    while inner > 0 {
        let whole = |dims: &[u64]| dims.get(inner) == count.get(inner);
        if !(whole(from.dims) && whole(to.dims)) {
            break;
        }
        inner = inner.saturating_sub(1);
    }
    let run = count.iter().skip(inner).fold(size, |a, b| a.saturating_mul(*b));
    let outer: Vec<u64> = count.iter().take(inner).copied().collect();
    if outer.len() == 1 {
        let step = |dims: &[u64]| dims.iter().skip(1).fold(size, |a, b| a.saturating_mul(*b));
        let first = |place: BoxPlace<'_>| position(place.dims, place.at, &[]).saturating_mul(size);
        let places = [from, to].map(|place| (first(place), step(place.dims)));
        let rows = outer.first().copied().unwrap_or(0);
        if let Some(()) = copy_rows(src, dst, places, rows, run) {
            return;
        }
    }
    let mut at = vec![0u64; outer.len()];
    loop {
        let read_at = position(from.dims, from.at, &at).saturating_mul(size);
        let write_at = position(to.dims, to.at, &at).saturating_mul(size);
        if let (Some(s), Some(d)) = (part(src, read_at, run), part_mut(dst, write_at, run)) {
            d.copy_from_slice(s);
        }
        if !advance(&mut at, &outer) {
            return;
        }
    }
}

/// Copies `run` bytes of each of `rows` rows. `places` are the first byte of each side, and the bytes from one row to
/// the next. `None`, with nothing copied, if a slice is too short.
fn copy_rows(src: &[u8], dst: &mut [u8], places: [(u64, u64); 2], rows: u64, run: u64) -> Option<()> {
    let run = usize::try_from(run).ok().filter(|run| *run > 0)?;
    let range = |(first, step): (u64, u64)| {
        let end = rows.checked_sub(1)?.checked_mul(step)?.checked_add(first)?.checked_add(run as u64)?;
        Some((usize::try_from(first).ok()?..usize::try_from(end).ok()?, usize::try_from(step).ok()?.max(1)))
    };
    let [(read, read_step), (write, write_step)] = [range(places[0])?, range(places[1])?];
    let (src, dst) = (src.get(read)?, dst.get_mut(write)?);
    let rows = src.chunks(read_step).zip(dst.chunks_mut(write_step));
    // elements one by one, as from a column, are copied as numbers
    match run {
        4 => rows.for_each(|(s, d)| copy_first::<4>(s, d)),
        8 => rows.for_each(|(s, d)| copy_first::<8>(s, d)),
        _ => rows.for_each(|(s, d)| {
            if let (Some(s), Some(d)) = (s.get(..run), d.get_mut(..run)) {
                d.copy_from_slice(s);
            }
        }),
    }
    Some(())
}

#[inline]
fn copy_first<const N: usize>(src: &[u8], dst: &mut [u8]) {
    if let (Some(s), Some(d)) = (src.first_chunk::<N>(), dst.first_chunk_mut::<N>()) {
        *d = *s;
    }
}

/// Sets the elements of a box to `value`; to zeros if it is empty.
pub(crate) fn fill_box(value: &[u8], (dst, to): (&mut [u8], BoxPlace<'_>), count: &[u64], size: u64) {
    if count.contains(&0) {
        return;
    }
    let (inner, outer) = count.split_last().map_or((1, count), |(n, outer)| (*n, outer));
    let run = inner.saturating_mul(size);
    let mut at = vec![0u64; outer.len()];
    loop {
        let from = position(to.dims, to.at, &at).saturating_mul(size);
        if let Some(row) = part_mut(dst, from, run) {
            if value.is_empty() {
                row.fill(0);
            } else {
                row.chunks_exact_mut(value.len()).for_each(|element| element.copy_from_slice(value));
            }
        }
        if !advance(&mut at, outer) {
            return;
        }
    }
}

/// Checks that the box of `count` elements at `start` lies in an array of shape `shape`, and that `len` bytes hold it.
pub(crate) fn check_box(shape: &[u64], start: &[u64], count: &[u64], size: u64, len: usize) -> Result<()> {
    let ends = start.iter().zip(count).map(|(s, c)| s.checked_add(*c));
    let inside = start.len() == shape.len()
        && count.len() == shape.len()
        && ends.zip(shape).all(|(end, dim)| end.is_some_and(|e| e <= *dim));
    let bytes = checked::mul(checked::product(count)?, size)?;
    if !inside || len as u64 != bytes {
        return Err(Error::usage(format!("a box of {count:?} at {start:?} of {shape:?}, {bytes} bytes")));
    }
    Ok(())
}

/// The overlap of a chunk and the requested box.
pub(crate) struct Overlap {
    pub(crate) in_chunk: Vec<u64>,
    pub(crate) in_out: Vec<u64>,
    pub(crate) count: Vec<u64>,
}

impl Overlap {
    /// The part of the chunk of shape `chunk` at `chunk_start` that lies in the box of `count` at `start`.
    pub(crate) fn of(chunk_start: &[u64], chunk: &[u64], start: &[u64], count: &[u64]) -> Self {
        let mut o = Overlap { in_chunk: vec![], in_out: vec![], count: vec![] };
        for (((cs, c), s), n) in chunk_start.iter().zip(chunk).zip(start).zip(count) {
            let from = (*cs).max(*s);
            let to = cs.saturating_add(*c).min(s.saturating_add(*n));
            o.in_chunk.push(from.saturating_sub(*cs));
            o.in_out.push(from.saturating_sub(*s));
            o.count.push(to.saturating_sub(from));
        }
        o
    }

    /// The range of the output that is exactly this chunk, if it is contiguous.
    pub(crate) fn whole_run(
        &self,
        chunk: &[u64],
        out: &[u64],
        size: u64,
        chunk_bytes: u64,
    ) -> Option<Range<usize>> {
        let spans = chunk.iter().zip(out).skip(1).all(|(c, o)| c == o);
        if self.count != chunk || !spans {
            return None;
        }
        let row = out.iter().skip(1).try_fold(size, |a, b| a.checked_mul(*b))?;
        let from = usize::try_from(self.in_out.first()?.checked_mul(row)?).ok()?;
        Some(from..from.checked_add(usize::try_from(chunk_bytes).ok()?)?)
    }
}

/// Row-major position of `start + at` in a box; `at` may have fewer dimensions.
pub(crate) fn position(dims: &[u64], start: &[u64], at: &[u64]) -> u64 {
    let steps = at.iter().copied().chain(std::iter::repeat(0));
    dims.iter()
        .zip(start)
        .zip(steps)
        .fold(0u64, |n, ((d, s), a)| n.saturating_mul(*d).saturating_add(s.saturating_add(a)))
}

/// Row-major coordinates of the element at position `n` of a box.
pub(crate) fn unravel(mut n: u64, counts: &[u64]) -> Vec<u64> {
    let mut out = vec![0; counts.len()];
    for (o, c) in out.iter_mut().zip(counts).rev() {
        *o = n.checked_rem(*c).unwrap_or(0);
        n = n.checked_div(*c).unwrap_or(0);
    }
    out
}

/// Advances row-major coordinates by one element; `false` after the last.
pub(crate) fn advance(at: &mut [u64], counts: &[u64]) -> bool {
    for (a, n) in at.iter_mut().zip(counts).rev() {
        *a = a.saturating_add(1);
        if *a < *n {
            return true;
        }
        *a = 0;
    }
    false
}

fn part(bytes: &[u8], from: u64, len: u64) -> Option<&[u8]> {
    let (from, len) = (usize::try_from(from).ok()?, usize::try_from(len).ok()?);
    bytes.get(from..)?.get(..len)
}

fn part_mut(bytes: &mut [u8], from: u64, len: u64) -> Option<&mut [u8]> {
    let (from, len) = (usize::try_from(from).ok()?, usize::try_from(len).ok()?);
    bytes.get_mut(from..)?.get_mut(..len)
}

/// Number of chunks of shape `chunk` in each dimension of an array of shape `dims`.
pub(crate) fn counts(dims: &[u64], chunk: &[u64]) -> Vec<u64> {
    dims.iter().zip(chunk).map(|(n, c)| n.div_ceil((*c).max(1))).collect()
}

/// An array in memory that is cut into chunks.
pub(crate) struct ChunkGrid<'a> {
    dims: &'a [u64],
    chunk: &'a [u64],
    /// Number of chunks in each dimension.
    counts: Vec<u64>,
    /// Bytes of an element.
    size: u64,
}

impl<'a> ChunkGrid<'a> {
    /// The grid of chunks of `chunk` elements of `size` bytes over an array of shape `dims`.
    pub(crate) fn new(dims: &'a [u64], chunk: &'a [u64], size: u64) -> Self {
        ChunkGrid { dims, chunk, counts: counts(dims, chunk), size }
    }

    /// Number of chunks.
    pub(crate) fn len(&self) -> Result<u64> {
        checked::product(&self.counts)
    }

    /// Chunk number `n`, row-major, of the array in `bytes`: whole, with zeros past the ends of the array.
    pub(crate) fn cut(&self, n: u64, bytes: &[u8]) -> Result<Vec<u8>> {
        let places = unravel(n, &self.counts);
        let start: Vec<u64> = places.iter().zip(self.chunk).map(|(p, c)| p.saturating_mul(*c)).collect();
        let ends = start.iter().zip(self.dims).zip(self.chunk);
        let inside: Vec<u64> = ends.map(|((s, d), c)| d.saturating_sub(*s).min(*c)).collect();
        let len = checked::mul(checked::product(self.chunk)?, self.size)?;
        let mut raw = crate::limits::zeroed(checked::size(len)?)?;
        let zero = vec![0; self.dims.len()];
        let from = BoxPlace { dims: self.dims, at: &start };
        copy_box((bytes, from), (&mut raw, BoxPlace { dims: self.chunk, at: &zero }), &inside, self.size);
        Ok(raw)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_of_three_dimensions() {
        let (dims, part) = ([4u64, 3, 5], [2u64, 2, 3]);
        let src: Vec<u8> = (0..60).collect();
        let mut dst = vec![0; 2 * 3 * 3];
        let from = BoxPlace { dims: &dims, at: &[1, 1, 2] };
        copy_box((&src, from), (&mut dst, BoxPlace { dims: &[2, 3, 3], at: &[0, 1, 0] }), &part, 1);
        for (i, j, k) in [(0, 0, 0), (1, 1, 2), (0, 1, 1)] {
            let want = (i + 1) * 15 + (j + 1) * 5 + (k + 2);
            assert_eq!(dst[i * 9 + (j + 1) * 3 + k], want as u8);
        }
        assert_eq!(&dst[..3], [0, 0, 0], "outside the box nothing changes");
    }

    #[test]
    fn a_box_is_filled_and_nothing_else() {
        let mut dst = vec![1; 12];
        fill_box(&[7, 8], (&mut dst, BoxPlace { dims: &[2, 3], at: &[0, 1] }), &[2, 1], 2);
        assert_eq!(dst, [1, 1, 7, 8, 1, 1, 1, 1, 7, 8, 1, 1]);
        fill_box(&[], (&mut dst, BoxPlace { dims: &[], at: &[] }), &[], 12);
        assert_eq!(dst, [0; 12]);
    }

    #[test]
    fn whole_rows_are_one_run() {
        let src: Vec<u8> = (0..12).collect();
        let mut dst = vec![0; 8];
        let from = BoxPlace { dims: &[3, 2], at: &[1, 0] };
        copy_box((&src, from), (&mut dst, BoxPlace { dims: &[2, 2], at: &[0, 0] }), &[2, 2], 2);
        assert_eq!(dst, [4, 5, 6, 7, 8, 9, 10, 11]);
    }

    #[test]
    fn columns_of_rows() {
        for size in [1usize, 3, 4, 8] {
            let src: Vec<u8> = (0..3 * 5 * size).map(|i| i as u8).collect();
            let mut dst = vec![0; 2 * 4 * size];
            let from = BoxPlace { dims: &[3, 5], at: &[1, 3] };
            let to = BoxPlace { dims: &[2, 4], at: &[0, 2] };
            copy_box((&src, from), (&mut dst, to), &[2, 1], size as u64);
            for row in 0..2 {
                let want = &src[((row + 1) * 5 + 3) * size..][..size];
                assert_eq!(&dst[(row * 4 + 2) * size..][..size], want, "{size}");
                assert!(dst[row * 4 * size..][..2 * size].iter().all(|b| *b == 0));
            }
        }
    }
}
