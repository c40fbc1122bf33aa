//! Shuffle (filter 2): the first bytes of all elements, then the second bytes, and so on.

/// Undoes the shuffle of `width`-byte elements. Bytes after the last whole element stay in place.
pub(crate) fn unshuffle(input: &[u8], width: usize, out: &mut [u8]) {
    let count = input.len().checked_div(width).unwrap_or(0);
    if width <= 1 || count <= 1 {
        out.copy_from_slice(input);
        return;
    }
    let whole = count.saturating_mul(width);
    let (planes, tail) = input.split_at(whole);
    let (elements, out_tail) = out.split_at_mut(whole);
    match width {
        2 => unshuffle_fixed::<2>(planes, count, elements),
        4 => unshuffle_fixed::<4>(planes, count, elements),
        8 => unshuffle_fixed::<8>(planes, count, elements),
        _ => {
            for (k, plane) in planes.chunks_exact(count).enumerate() {
                let bytes = elements.iter_mut().skip(k).step_by(width);
                bytes.zip(plane).for_each(|(o, b)| *o = *b);
            }
        }
    }
    out_tail.copy_from_slice(tail);
}

fn unshuffle_fixed<const W: usize>(planes: &[u8], count: usize, elements: &mut [u8]) {
    let mut rest = planes;
    let planes: [&[u8]; W] = std::array::from_fn(|_| {
        let (plane, tail) = rest.split_at(count);
        rest = tail;
        plane
    });
    let (elements, _) = elements.as_chunks_mut::<W>();
    // One block of elements at a time, so that its planes and elements stay in the L1 cache.
    const BLOCK: usize = 1024;
    for (n, block) in elements.chunks_mut(BLOCK).enumerate() {
        let start = n.saturating_mul(BLOCK);
        for (k, plane) in planes.iter().enumerate() {
            let bytes = plane.get(start..).unwrap_or_default();
            for (element, byte) in block.iter_mut().zip(bytes) {
                if let Some(b) = element.get_mut(k) {
                    *b = *byte;
                }
            }
        }
    }
}

/// Shuffles `width`-byte elements. Bytes after the last whole element stay in place.
#[allow(clippy::cast_possible_truncation)] // the lowest byte is meant
pub(crate) fn shuffle(input: &[u8], width: usize, out: &mut Vec<u8>) {
    out.clear();
    let count = input.len().checked_div(width).unwrap_or(0);
    if width <= 1 || count == 0 {
        out.extend_from_slice(input);
        return;
    }
    out.resize(input.len(), 0);
    let whole = count.saturating_mul(width);
    let (elements, tail) = input.split_at(whole);
    let (planes, out_tail) = out.split_at_mut(whole);
    // shifts of whole elements are what compilers make vectors of
    match width {
        2 => shuffle_fixed::<2>(elements, count, planes, |e, bits| {
            u16::from_le_bytes(e).wrapping_shr(bits) as u8
        }),
        4 => shuffle_fixed::<4>(elements, count, planes, |e, bits| {
            u32::from_le_bytes(e).wrapping_shr(bits) as u8
        }),
        8 => shuffle_fixed::<8>(elements, count, planes, |e, bits| {
            u64::from_le_bytes(e).wrapping_shr(bits) as u8
        }),
        _ => {
            for (k, plane) in planes.chunks_exact_mut(count).enumerate() {
                plane.iter_mut().zip(elements.iter().skip(k).step_by(width)).for_each(|(o, b)| *o = *b);
            }
        }
    }
    out_tail.copy_from_slice(tail);
}

fn shuffle_fixed<const W: usize>(
    elements: &[u8],
    count: usize,
    planes: &mut [u8],
    byte: impl Fn([u8; W], u32) -> u8,
) {
    let (elements, _) = elements.as_chunks::<W>();
    for (plane, bits) in planes.chunks_exact_mut(count.max(1)).zip((0u32..).step_by(8)) {
        plane.iter_mut().zip(elements).for_each(|(o, element)| *o = byte(*element, bits));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_is_undone() {
        for width in [1usize, 2, 3, 4, 8, 16] {
            for len in [0usize, 1, 7, 16, 5000, 48 * 1024 + 5] {
                let data: Vec<u8> = (0..len).map(|i| (i * 7 + i / 251) as u8).collect();
                let n = len / width;
                let mut shuffled = data.clone();
                if n > 1 && width > 1 {
                    for (i, k) in (0..n).flat_map(|i| (0..width).map(move |k| (i, k))) {
                        shuffled[k * n + i] = data[i * width + k];
                    }
                }
                let mut out = vec![0; len];
                unshuffle(&shuffled, width, &mut out);
                assert_eq!(out, data, "width {width}, {len} bytes");
                shuffle(&data, width, &mut out);
                assert_eq!(out, shuffled, "width {width}, {len} bytes");
            }
        }
    }
}
