//! LZ4 (filter 32004): LZ4 blocks with their sizes. Defined by the HDF5 LZ4 plugin: the decoded size (u64)
//! and the size of a block (u32), both big-endian; then for each block its stored size (u32, big-endian) and
//! data.

use crate::bytes::Cursor;
use crate::error::{Error, Result};

/// Decodes all of `input` into all of `out`.
pub(crate) fn decode(input: &[u8], out: &mut [u8]) -> Result<()> {
    let mut src = Cursor::new(input, 0);
    let total = u64::from_be_bytes(src.array()?);
    let block = u32::from_be_bytes(src.array()?);
    if total != out.len() as u64 || block == 0 {
        return Err(Error::malformed(format!(
            "LZ4 chunk length (expected {} bytes, got {total})",
            out.len()
        )));
    }
    let block = usize::try_from(block).unwrap_or(usize::MAX);
    for part in out.chunks_mut(block) {
        let stored = u32::from_be_bytes(src.array()?);
        let stored = src.take(usize::try_from(stored).unwrap_or(usize::MAX))?;
        // a block that does not compress is stored uncompressed
        if stored.len() == part.len() {
            part.copy_from_slice(stored);
        } else {
            decode_block(stored, part)?;
        }
    }
    Ok(())
}

/// The decoded length stored in a chunk.
pub(crate) fn decoded_len(input: &[u8]) -> Result<u64> {
    Cursor::new(input, 0).array().map(u64::from_be_bytes)
}

/// Decodes one bare LZ4 block of known length.
pub(crate) fn decode_block(input: &[u8], out: &mut [u8]) -> Result<()> {
    match lz4_flex::block::decompress_into(input, out) {
        Ok(n) if n == out.len() => Ok(()),
        Ok(n) => {
            Err(Error::malformed(format!("LZ4 block ends early (expected {} bytes, got {n})", out.len())))
        }
        Err(e) => Err(Error::malformed(format!("LZ4 block is broken: {e}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compressed_and_a_plain_block() {
        let mut b = vec![0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0, 16]; // 20 bytes in blocks of 16
        b.extend([0, 0, 0, 9]); // 9 bytes: one literal, 10 more from one back, five literals
        b.extend([0x16, b'a', 1, 0, 0x50, b'1', b'2', b'3', b'4']);
        b.push(b'5');
        b[15] = 10;
        b.extend([0, 0, 0, 4]);
        b.extend(*b"wxyz");
        let mut out = [0; 20];
        decode(&b, &mut out).unwrap();
        assert_eq!(&out, b"aaaaaaaaaaa12345wxyz");
        assert!(decode(&b, &mut [0; 19]).is_err());
        assert!(decode(&b[..20], &mut out).is_err());
        b[18] = 9;
        assert!(decode(&b, &mut out).is_err(), "copy from before the block");
    }
}
