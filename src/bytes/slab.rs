//! Rectangular selections of elements, gathered from the chunks of a dataset that they overlap.

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
    fn whole_rows_are_one_run() {
        let src: Vec<u8> = (0..12).collect();
        let mut dst = vec![0; 8];
        let from = BoxPlace { dims: &[3, 2], at: &[1, 0] };
        copy_box((&src, from), (&mut dst, BoxPlace { dims: &[2, 2], at: &[0, 0] }), &[2, 2], 2);
        assert_eq!(dst, [4, 5, 6, 7, 8, 9, 10, 11]);
    }
}
