//! LZF (filter 32000), as in h5py: Marc Lehmann's LibLZF format, one block per chunk.

use crate::error::{Error, Result};

/// Decodes all of `input` into all of `out`.
pub(crate) fn decode(input: &[u8], out: &mut [u8]) -> Result<()> {
    let expected = out.len();
    let early =
        |at: usize| Error::malformed(format!("LZF block ends early (expected {expected} bytes, got {at})"));
    let long = || Error::malformed(format!("LZF block holds more than the {expected} bytes expected"));
    let mut src = input;
    let mut at = 0usize;
    while let Some((&control, rest)) = src.split_first() {
        src = rest;
        if control < 32 {
            // a run of literals, one to 32
            let len = usize::from(control).saturating_add(1);
            let (literals, rest) = src.split_at_checked(len).ok_or_else(|| early(at))?;
            src = rest;
            let end = at.saturating_add(len);
            // If both sides have room, 32 bytes are copied at once; excess bytes are overwritten later.
            let wide = input
                .get(input.len().saturating_sub(src.len()).saturating_sub(len)..)
                .and_then(|s| s.first_chunk::<32>());
            match (wide, out.get_mut(at..).and_then(|o| o.first_chunk_mut::<32>())) {
                (Some(w), Some(o)) => *o = *w,
                _ => out.get_mut(at..end).ok_or_else(long)?.copy_from_slice(literals),
            }
            at = end;
            continue;
        }
        // a copy of 3 to 264 bytes from up to 8192 back
        let mut len = usize::from(control.wrapping_shr(5));
        if len == 7 {
            let (&more, rest) = src.split_first().ok_or_else(|| early(at))?;
            src = rest;
            len = len.saturating_add(usize::from(more));
        }
        let (&low, rest) = src.split_first().ok_or_else(|| early(at))?;
        src = rest;
        let len = len.saturating_add(2);
        let distance = (usize::from(control & 0x1f).wrapping_shl(8) | usize::from(low)).saturating_add(1);
        let from =
            at.checked_sub(distance).ok_or_else(|| Error::malformed("LZF copy from before the block"))?;
        let end = at.saturating_add(len);
        if end > out.len() {
            return Err(long());
        }
        copy_within(out, from, at, len);
        at = end;
    }
    if at == expected { Ok(()) } else { Err(early(at)) }
}

/// The decoded length of a block, computed from its tokens.
pub(crate) fn decoded_len(input: &[u8]) -> Result<u64> {
    let early = || Error::malformed("LZF block ends early");
    let mut src = input.iter();
    let mut len = 0u64;
    while let Some(&control) = src.next() {
        let (made, passed) = match control.wrapping_shr(5) {
            0 => (usize::from(control).saturating_add(1), usize::from(control).saturating_add(1)),
            7 => (usize::from(*src.next().ok_or_else(early)?).saturating_add(9), 1),
            n => (usize::from(n).saturating_add(2), 1),
        };
        src.nth(passed.saturating_sub(1)).ok_or_else(early)?;
        len = len.saturating_add(made as u64);
    }
    Ok(len)
}

/// Copies `len` bytes from `from` to the later `to`; if they overlap, copied bytes are copied again.
/// The caller has checked that `to + len` is in range.
#[inline]
pub(crate) fn copy_within(out: &mut [u8], mut from: usize, mut to: usize, mut len: usize) {
    // Steps of 16 bytes are correct if the match does not overlap itself within a step; they may write up to
    // 15 excess bytes, which later output overwrites.
    let distance = to.saturating_sub(from);
    let room = out.len().saturating_sub(to) >= len.saturating_add(16);
    if room && (distance >= 16 || distance >= len) {
        let mut done = 0usize;
        while done < len {
            let (source, target) = (from.saturating_add(done), to.saturating_add(done));
            let Some(step) = out.get(source..).and_then(|s| s.first_chunk::<16>()).copied() else { return };
            let Some(slot) = out.get_mut(target..).and_then(|t| t.first_chunk_mut::<16>()) else { return };
            *slot = step;
            done = done.saturating_add(16);
        }
        return;
    }
    if room && distance > 0 {
        // A short period: sixteen bytes of it, written in steps of whole periods.
        let Some(window) = out.get(from..).and_then(|s| s.first_chunk::<16>()).copied() else { return };
        let mut pattern = window;
        match distance {
            1 => pattern = [window[0]; 16],
            2 => pattern.as_chunks_mut::<2>().0.iter_mut().for_each(|p| p.copy_from_slice(&window[..2])),
            4 => pattern.as_chunks_mut::<4>().0.iter_mut().for_each(|p| p.copy_from_slice(&window[..4])),
            8 => pattern.as_chunks_mut::<8>().0.iter_mut().for_each(|p| p.copy_from_slice(&window[..8])),
            _ => {
                let period = window.iter().take(distance).cycle();
                pattern.iter_mut().zip(period).for_each(|(p, w)| *p = *w);
            }
        }
        let step = 16usize.saturating_sub(16usize.checked_rem(distance).unwrap_or(0));
        let mut done = 0usize;
        while done < len {
            let target = to.saturating_add(done);
            let Some(slot) = out.get_mut(target..).and_then(|t| t.first_chunk_mut::<16>()) else { return };
            *slot = pattern;
            done = done.saturating_add(step);
        }
        return;
    }
    loop {
        let step = len.min(to.saturating_sub(from));
        if step == 0 {
            return;
        }
        out.copy_within(from..from.saturating_add(step), to);
        from = from.min(to);
        to = to.saturating_add(step);
        len = len.saturating_sub(step);
    }
}

/// Encodes `input`; `false` if the result would not be smaller. Matches are found with a table of the last
/// position of each three bytes.
pub(crate) fn encode(input: &[u8], out: &mut Vec<u8>, table: &mut Vec<u32>) -> bool {
    const BITS: u32 = 14;
    const FAR: usize = 8192;
    const LONGEST: usize = 264;
    out.clear();
    table.clear();
    table.resize(1usize.wrapping_shl(BITS), u32::MAX);
    let hash = |three: [u8; 3]| {
        let [a, b, c] = three.map(u32::from);
        let v = a.wrapping_shl(16) | b.wrapping_shl(8) | c;
        usize::try_from(v.wrapping_mul(2_654_435_761).wrapping_shr(32u32.wrapping_sub(BITS))).unwrap_or(0)
    };
    let literals = |out: &mut Vec<u8>, bytes: &[u8]| {
        for run in bytes.chunks(32) {
            out.push(u8::try_from(run.len().saturating_sub(1)).unwrap_or(31));
            out.extend_from_slice(run);
        }
    };
    let (mut at, mut pending) = (0usize, 0usize);
    while let Some(three) = input.get(at..).and_then(|s| s.first_chunk::<3>()) {
        let Some(slot) = table.get_mut(hash(*three)) else { break };
        let before = usize::try_from(*slot).unwrap_or(usize::MAX);
        *slot = u32::try_from(at).unwrap_or(u32::MAX);
        let distance = at.wrapping_sub(before).wrapping_sub(1);
        let (here, there) = (input.get(at..).unwrap_or_default(), input.get(before..).unwrap_or_default());
        if before >= at || distance >= FAR || there.first_chunk::<3>() != Some(three) {
            at = at.saturating_add(1);
            continue;
        }
        let len = here.iter().zip(there).take(LONGEST).take_while(|(a, b)| a == b).count();
        literals(out, input.get(pending..at).unwrap_or_default());
        let [low, high, ..] = distance.to_le_bytes();
        let code = len.saturating_sub(2);
        match u8::try_from(code) {
            Ok(c @ 1..=6) => out.push(c.wrapping_shl(5) | high),
            _ => {
                out.push(7u8.wrapping_shl(5) | high);
                out.push(u8::try_from(code.saturating_sub(7)).unwrap_or(u8::MAX));
            }
        }
        out.push(low);
        at = at.saturating_add(len);
        pending = at;
        if out.len() >= input.len() {
            return false;
        }
    }
    literals(out, input.get(pending..).unwrap_or_default());
    out.len() < input.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_copies_and_overlap() {
        // 3 literals "abc", then 7 bytes from 3 back
        let block = [2, b'a', b'b', b'c', (5 << 5), 2];
        let mut out = [0; 10];
        decode(&block, &mut out).unwrap();
        assert_eq!(&out, b"abcabcabca");
        // one literal, then 9 + 2 + 1 bytes from 1 back
        let run = [0, b'x', (7 << 5), 2, 0];
        let mut out = [0; 12];
        decode(&run, &mut out).unwrap();
        assert_eq!(&out, b"xxxxxxxxxxxx");
    }

    /// A plain encoder: greedy matches of three bytes and more.
    fn encode(data: &[u8]) -> Vec<u8> {
        let (mut out, mut literals, mut at) = (Vec::new(), Vec::new(), 0);
        let flush = |literals: &mut Vec<u8>, out: &mut Vec<u8>| {
            for run in literals.chunks(32) {
                out.push(run.len() as u8 - 1);
                out.extend(run);
            }
            literals.clear();
        };
        while at < data.len() {
            let longest = (1..=at.min(300)).map(|d| {
                let same =
                    (0..264.min(data.len() - at)).take_while(|i| data[at + i - d] == data[at + i]).count();
                (same, d)
            });
            match longest.max_by_key(|(n, _)| *n) {
                Some((n, d)) if n >= 3 => {
                    flush(&mut literals, &mut out);
                    let (n2, d2) = (n - 2, d - 1);
                    out.push((n2.min(7) as u8) << 5 | (d2 >> 8) as u8);
                    if n2 >= 7 {
                        out.push((n2 - 7) as u8);
                    }
                    out.push(d2 as u8);
                    at += n;
                }
                _ => {
                    literals.push(data[at]);
                    at += 1;
                }
            }
        }
        flush(&mut literals, &mut out);
        out
    }

    #[test]
    fn every_period_and_many_lengths_come_back() {
        let mut state = 1u32;
        for period in 1..40usize {
            let data: Vec<u8> = (0..period * 9 + 700)
                .map(|i| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    if state >> 28 == 0 { (state >> 8) as u8 } else { (i % period * 7) as u8 }
                })
                .collect();
            let mut out = vec![0; data.len()];
            decode(&encode(&data), &mut out).unwrap();
            assert_eq!(out, data, "period {period}");
        }
    }

    #[test]
    fn broken_blocks_are_refused() {
        assert!(decode(&[2, b'a'], &mut [0; 3]).is_err(), "literals cut");
        assert!(decode(&[1 << 5, 0], &mut [0; 3]).is_err(), "copy from nowhere");
        assert!(decode(&[0, b'a', 1 << 5], &mut [0; 4]).is_err(), "copy cut");
        assert!(decode(&[1, b'a', b'b'], &mut [0; 1]).is_err(), "too long");
        assert!(decode(&[1, b'a', b'b'], &mut [0; 3]).is_err(), "too short");
    }

    #[test]
    fn what_is_encoded_comes_back() {
        let (mut out, mut table) = (Vec::new(), Vec::new());
        for n in [0usize, 1, 3, 4, 100, 5000, 70_000] {
            for period in [1usize, 2, 3, 7, 300, 9000] {
                let data: Vec<u8> = (0..n).map(|i| ((i % period) * 37 + i / 4000) as u8).collect();
                if super::encode(&data, &mut out, &mut table) {
                    let mut back = vec![0; n];
                    decode(&out, &mut back).unwrap();
                    assert!(back == data, "{n} {period}");
                }
            }
        }
        assert!(super::encode(&[7; 100], &mut out, &mut table) && out.len() < 10);
    }
}
