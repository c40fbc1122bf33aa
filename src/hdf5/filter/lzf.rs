//! LZF (filter 32000), as h5py ships it: Marc Lehmann's LibLZF format, one block a chunk.

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
            out.get_mut(at..end).ok_or_else(long)?.copy_from_slice(literals);
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

/// Copies `len` bytes from `from` to the later `to`; where they overlap, what was copied is copied again.
/// The caller has checked that `to + len` lies inside.
pub(crate) fn copy_within(out: &mut [u8], mut from: usize, mut to: usize, mut len: usize) {
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

    #[test]
    fn broken_blocks_are_refused() {
        assert!(decode(&[2, b'a'], &mut [0; 3]).is_err(), "literals cut");
        assert!(decode(&[1 << 5, 0], &mut [0; 3]).is_err(), "copy from nowhere");
        assert!(decode(&[0, b'a', 1 << 5], &mut [0; 4]).is_err(), "copy cut");
        assert!(decode(&[1, b'a', b'b'], &mut [0; 1]).is_err(), "too long");
        assert!(decode(&[1, b'a', b'b'], &mut [0; 3]).is_err(), "too short");
    }
}
