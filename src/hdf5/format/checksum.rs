//! The checksum of metadata since superblock 2: Bob Jenkins' lookup3 (`hashlittle`), initial value 0.
//! HDF5 File Format 3.0, appendix; <https://burtleburtle.net/bob/c/lookup3.c>.

use crate::bytes::Cursor;
use crate::error::{Error, Result};

/// Appends the checksum of all bytes in `out`.
pub(crate) fn append(out: &mut Vec<u8>) {
    let sum = lookup3(out, 0);
    out.extend_from_slice(&sum.to_le_bytes());
}

/// Computes lookup3 of `bytes`.
pub(crate) fn lookup3(bytes: &[u8], initial: u32) -> u32 {
    let len = u32::try_from(bytes.len() & 0xffff_ffff).unwrap_or(0);
    let start = 0xdead_beef_u32.wrapping_add(len).wrapping_add(initial);
    let (mut a, mut b, mut c) = (start, start, start);
    // All blocks of 12 bytes but the last, which is mixed in another way.
    let whole = bytes.len().saturating_sub(1) / 12;
    let (blocks, rest) = bytes.split_at_checked(whole.saturating_mul(12)).unwrap_or((bytes, &[]));
    for [x, y, z] in blocks.as_chunks::<12>().0.iter().map(words) {
        a = a.wrapping_add(x);
        b = b.wrapping_add(y);
        c = c.wrapping_add(z);
        // mix
        a = a.wrapping_sub(c) ^ c.rotate_left(4);
        c = c.wrapping_add(b);
        b = b.wrapping_sub(a) ^ a.rotate_left(6);
        a = a.wrapping_add(c);
        c = c.wrapping_sub(b) ^ b.rotate_left(8);
        b = b.wrapping_add(a);
        a = a.wrapping_sub(c) ^ c.rotate_left(16);
        c = c.wrapping_add(b);
        b = b.wrapping_sub(a) ^ a.rotate_left(19);
        a = a.wrapping_add(c);
        c = c.wrapping_sub(b) ^ b.rotate_left(4);
        b = b.wrapping_add(a);
    }
    if rest.is_empty() {
        return c;
    }
    let mut last = [0; 12];
    last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    let [x, y, z] = words(&last);
    a = a.wrapping_add(x);
    b = b.wrapping_add(y);
    c = c.wrapping_add(z);
    // final
    c = (c ^ b).wrapping_sub(b.rotate_left(14));
    a = (a ^ c).wrapping_sub(c.rotate_left(11));
    b = (b ^ a).wrapping_sub(a.rotate_left(25));
    c = (c ^ b).wrapping_sub(b.rotate_left(16));
    a = (a ^ c).wrapping_sub(c.rotate_left(4));
    b = (b ^ a).wrapping_sub(a.rotate_left(14));
    (c ^ b).wrapping_sub(b.rotate_left(24))
}

/// The three numbers of a block.
fn words(block: &[u8; 12]) -> [u32; 3] {
    let [a, b, c, d, e, f, g, h, i, j, k, l] = *block;
    [[a, b, c, d], [e, f, g, h], [i, j, k, l]].map(u32::from_le_bytes)
}

/// Reads the checksum at the cursor and compares it with that of `covered`, the bytes before it.
pub(crate) fn verify(src: &mut Cursor<'_>, covered: &[u8], what: &str) -> Result<()> {
    let at = src.offset();
    let stored = src.read_u32()?;
    let computed = lookup3(covered, 0);
    // A fuzzer would never get past a real comparison.
    if stored != computed && !cfg!(fuzzing) {
        let text = format!("{what} checksum (expected {stored:#010x}, got {computed:#010x})");
        return Err(Error::checksum(text).at(at));
    }
    Ok(())
}

/// Splits `bytes` into the body and the checksum in its last four bytes, and verifies the checksum.
pub(crate) fn split_verified<'a>(bytes: &'a [u8], offset: u64, what: &str) -> Result<Cursor<'a>> {
    let Some(n) = bytes.len().checked_sub(4) else {
        return Err(Error::malformed(format!("{what} is too short for a checksum")).at(offset));
    };
    let mut src = Cursor::new(bytes, offset);
    let body = src.split(n)?;
    verify(&mut src, body.rest(), what)?;
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_vectors() {
        let text = b"Four score and seven years ago";
        assert_eq!(lookup3(b"", 0), 0xdeadbeef);
        assert_eq!(lookup3(b"", 0xdeadbeef), 0xbd5b7dde);
        assert_eq!(lookup3(text, 0), 0x17770551);
        assert_eq!(lookup3(text, 1), 0xcd628161);
        // whole blocks, and a part of one
        for (len, sum) in [(12, 0xccda323b), (13, 0x114345a2), (24, 0x4eaa9b13)] {
            assert_eq!(lookup3(&text[..len], 0), sum);
        }
    }
}
