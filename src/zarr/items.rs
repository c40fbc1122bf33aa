//! Strings and sequences of any length in a chunk: their number, then each with its length. numcodecs' `vlen-utf8`,
//! `vlen-bytes` and `vlen-array`.

use crate::bytes::{Cursor, checked};
use crate::error::Result;
use crate::strings::Strings;

/// Bytes of the `expected` items of a chunk, whose lengths count units of `unit` bytes.
///
/// # Errors
/// `Malformed` for another number of items, or lengths beyond the end.
pub(super) fn read(bytes: &[u8], expected: u64, unit: u64) -> Result<Strings> {
    let mut src = Cursor::new(bytes, 0);
    let count = u64::from(src.read_u32()?);
    if count != expected {
        return Err(src.malformed(format!("number of items in the chunk (expected {expected}, got {count})")));
    }
    let mut items = Strings::new();
    for _ in 0..count {
        // lengths of sequences are in bytes as well
        let len = u64::from(src.read_u32()?);
        if len.checked_rem(unit.max(1)) != Some(0) {
            return Err(src.malformed(format!("a sequence of {len} bytes of elements of {unit}")));
        }
        items.push(src.take(checked::size(len)?)?);
    }
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_with_their_lengths() {
        let bytes = [2, 0, 0, 0, 3, 0, 0, 0, b'a', b'b', b'c', 0, 0, 0, 0];
        let items = read(&bytes, 2, 1).unwrap();
        assert_eq!(items.iter().collect::<Vec<_>>(), [&b"abc"[..], b""]);
        assert!(read(&bytes, 3, 1).is_err());
        assert!(read(&bytes, 2, 2).is_err());
        assert!(read(&bytes[..9], 2, 1).is_err());
    }
}
