//! Metadata cache image: the metadata in the writer's cache when the file was closed, which may be missing at
//! its own address. Version 3.0 of the specification lacks it: HDF5 File Format 4.0, IV.A.3.y and III.J.

use super::{Sizes, checksum};
use crate::bytes::Cursor;
use crate::error::Result;

/// Reads the metadata cache image message (0x0018): address and length of the image, `None` if the file has
/// none.
pub(crate) fn read_message(src: &mut Cursor<'_>, sizes: Sizes) -> Result<Option<(u64, u64)>> {
    src.skip(1)?; // version
    match sizes.read_address(src)? {
        None => Ok(None),
        Some(at) => Ok(Some((at, sizes.read_length(src)?))),
    }
}

/// Reads the entries: address and bytes of each.
pub(crate) fn read(bytes: &[u8], offset: u64, sizes: Sizes) -> Result<Vec<(u64, Vec<u8>)>> {
    let mut src = checksum::split_verified(bytes, offset, "metadata cache image")?;
    src.expect_signature(b"MDCI")?;
    match src.read_u8()? {
        0 => {}
        v => return Err(src.unsupported(format!("metadata cache image version {v}"))),
    }
    src.skip(1)?; // flags
    sizes.read_length(&mut src)?; // length of the image, which is known from the message
    let count = src.read_u32()?;
    let mut out = Vec::new();
    for _ in 0..count {
        src.skip(4)?; // type, flags, ring, age
        src.skip(4)?; // flush dependencies: children, dirty children
        let parents = src.read_u16()?;
        src.skip(4)?; // rank
        let address = sizes.read_defined(&mut src, "a cached entry")?;
        let len = sizes.read_length(&mut src)?;
        src.skip(usize::from(parents).saturating_mul(usize::from(sizes.offset)))?;
        out.push((address, src.take(usize::try_from(len).unwrap_or(usize::MAX))?.to_vec()));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_entry() {
        let mut b = b"MDCI\x00\x00".to_vec(); // version 0, no flags
        b.extend([33, 0, 0, 0]); // length
        b.extend([1, 0, 0, 0]); // one entry
        b.extend([0; 8]); // type to dirty children
        b.extend([1, 0, 0, 0, 0, 0]); // one parent, rank
        b.extend([0x40, 0, 0, 0, 3, 0, 0, 0]); // at 0x40, 3 bytes
        b.extend([9, 0, 0, 0]); // the parent
        b.extend([7, 8, 9]);
        let sum = checksum::lookup3(&b, 0);
        b.extend(sum.to_le_bytes());
        let sizes = Sizes { offset: 4, length: 4 };
        assert_eq!(read(&b, 0, sizes).unwrap(), [(0x40, vec![7, 8, 9])]);
        b[10] = 2;
        assert!(read(&b, 0, sizes).is_err());
    }
}
