//! Link info message (0x0002): where a new-style group's dense links live. HDF5 File Format 3.0, IV.A.2.c.

use crate::bytes::Cursor;
use crate::bytes::put::Put;
use crate::error::Result;
use crate::hdf5::format::Sizes;

/// Addresses of the fractal heap of the messages and of the B-tree of their names, if they are dense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DenseStorage {
    pub(crate) heap: u64,
    pub(crate) names: u64,
}

pub(crate) fn read(src: &mut Cursor<'_>, sizes: Sizes) -> Result<Option<DenseStorage>> {
    match src.read_u8()? {
        0 => {}
        v => return Err(src.unsupported(format!("link info version {v}"))),
    }
    let flags = src.read_u8()?;
    if flags & 1 != 0 {
        src.skip(8)?; // highest creation order so far
    }
    let (heap, names) = (sizes.read_address(src)?, sizes.read_address(src)?);
    Ok(heap.zip(names).map(|(heap, names)| DenseStorage { heap, names }))
}

/// Builds the message of a group whose links are all in the header.
pub(crate) fn write_compact() -> Vec<u8> {
    let mut out = vec![0, 0];
    out.put_undefined();
    out.put_undefined();
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compact_and_dense() {
        let sizes = Sizes { offset: 2, length: 2 };
        let compact = [0, 0, 0xff, 0xff, 0xff, 0xff];
        let dense = [0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 9, 0];
        assert_eq!(read(&mut Cursor::new(&compact, 0), sizes).unwrap(), None);
        assert_eq!(
            read(&mut Cursor::new(&dense, 0), sizes).unwrap(),
            Some(DenseStorage { heap: 8, names: 9 })
        );
    }
}
