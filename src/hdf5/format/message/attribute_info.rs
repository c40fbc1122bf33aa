//! Attribute info message (0x0015): where dense attributes live. HDF5 File Format 3.0, IV.A.2.v.

use super::link_info::DenseStorage;
use crate::bytes::Cursor;
use crate::bytes::put::Put;
use crate::error::Result;
use crate::hdf5::format::Sizes;

pub(crate) fn read(src: &mut Cursor<'_>, sizes: Sizes) -> Result<Option<DenseStorage>> {
    match src.read_u8()? {
        0 => {}
        v => return Err(src.unsupported(format!("attribute info version {v}"))),
    }
    let flags = src.read_u8()?;
    if flags & 1 != 0 {
        src.skip(2)?; // highest creation index so far
    }
    let (heap, names) = (sizes.read_address(src)?, sizes.read_address(src)?);
    Ok(heap.zip(names).map(|(heap, names)| DenseStorage { heap, names }))
}

/// Builds the message: with `dense` the attributes are in a heap, indexed by name; otherwise all are in the
/// header.
pub(crate) fn write(dense: Option<DenseStorage>) -> Vec<u8> {
    let mut out = vec![0, 0];
    out.put_u64(dense.map_or(u64::MAX, |d| d.heap));
    out.put_u64(dense.map_or(u64::MAX, |d| d.names));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_creation_order() {
        let sizes = Sizes { offset: 2, length: 2 };
        let bytes = [0, 1, 5, 0, 8, 0, 9, 0];
        assert_eq!(
            read(&mut Cursor::new(&bytes, 0), sizes).unwrap(),
            Some(DenseStorage { heap: 8, names: 9 })
        );
    }
}
