//! Fletcher-32 (filter 3): a checksum in the four bytes after the data.

use crate::error::{Error, Result};

/// Verifies the checksum and returns the data before it.
pub(crate) fn strip(input: &[u8]) -> Result<&[u8]> {
    let Some((data, stored)) = input.split_last_chunk::<4>() else {
        return Err(Error::malformed(format!("chunk of {} bytes has no room for its checksum", input.len())));
    };
    let (stored, computed) = (u32::from_le_bytes(*stored), fletcher32(data));
    // HDF5 before 1.6.3 swapped the bytes of each half on little-endian machines.
    let [a, b, c, d] = computed.to_le_bytes();
    if stored != computed && stored != u32::from_le_bytes([b, a, d, c]) {
        let text = format!("Fletcher-32 checksum (expected {stored:#010x}, got {computed:#010x})");
        return Err(Error::checksum(text));
    }
    Ok(data)
}

/// Sums over big-endian 16-bit words; an odd last byte is the high half of a word.
pub(crate) fn fletcher32(data: &[u8]) -> u32 {
    let (mut sum1, mut sum2) = (0u32, 0u32);
    let fold = |s: u32| (s & 0xffff).wrapping_add(s.wrapping_shr(16));
    let (words, tail) = data.as_chunks::<2>();
    // The sums cannot overflow 32 bits within 360 words.
    for block in words.chunks(360) {
        for word in block {
            sum1 = sum1.wrapping_add(u32::from(u16::from_be_bytes(*word)));
            sum2 = sum2.wrapping_add(sum1);
        }
        (sum1, sum2) = (fold(sum1), fold(sum2));
    }
    if let [last] = tail {
        sum1 = sum1.wrapping_add(u32::from(u16::from_be_bytes([*last, 0])));
        sum2 = sum2.wrapping_add(sum1);
        (sum1, sum2) = (fold(sum1), fold(sum2));
    }
    fold(sum2).wrapping_shl(16) | fold(sum1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_and_refusals() {
        assert_eq!(fletcher32(&[]), 0);
        assert_eq!(fletcher32(&[1, 2, 3, 4]), 0x0508_0406); // words 0x0102, 0x0304
        assert_eq!(fletcher32(&[1, 2, 3]), 0x0504_0402);
        let good = [1, 2, 3, 4, 0x06, 0x04, 0x08, 0x05];
        assert_eq!(strip(&good).unwrap(), [1, 2, 3, 4]);
        let old = [1, 2, 3, 4, 0x04, 0x06, 0x05, 0x08];
        assert_eq!(strip(&old).unwrap(), [1, 2, 3, 4]);
        let bad = [1, 2, 3, 5, 0x06, 0x04, 0x08, 0x05];
        assert_eq!(strip(&bad).unwrap_err().kind(), crate::Kind::Checksum);
        assert!(strip(&[1, 2]).is_err());
    }
}
