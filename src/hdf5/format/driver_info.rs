//! Driver information: marks a file that libhdf5 wrote with a driver other than the default, as one of
//! several.
//! HDF5 File Format 3.0, II.B and IV.A.2.u.

use crate::bytes::Cursor;
use crate::error::Result;

/// Bytes of the fixed part of the block that superblocks 0 and 1 point to.
pub(crate) const BLOCK_LEN: u64 = 16;

/// Reads the name of the driver from that block.
pub(crate) fn read_block(src: &mut Cursor<'_>) -> Result<[u8; 8]> {
    src.skip(8)?; // version, reserved, bytes that follow
    src.array()
}

/// Reads the driver info message (0x0014) of the superblock extension: the name of the driver.
pub(crate) fn read_message(src: &mut Cursor<'_>) -> Result<[u8; 8]> {
    src.skip(1)?; // version
    src.array()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_places_of_one_name() {
        let block = [0, 0, 0, 0, 32, 0, 0, 0, b'N', b'C', b'S', b'A', b'f', b'a', b'm', b'i'];
        assert_eq!(read_block(&mut Cursor::new(&block, 0)).unwrap(), *b"NCSAfami");
        let message = [0, b'N', b'C', b'S', b'A', b'm', b'u', b'l', b't', 0, 0];
        assert_eq!(read_message(&mut Cursor::new(&message, 0)).unwrap(), *b"NCSAmult");
        assert!(read_message(&mut Cursor::new(&message[..8], 0)).is_err());
    }
}
