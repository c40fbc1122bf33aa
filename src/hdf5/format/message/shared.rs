//! A message stored elsewhere: in a committed datatype or in the file's shared-message heap.
//! HDF5 File Format 3.0, IV.A.2, "shared message".

use crate::bytes::Cursor;
use crate::error::Result;
use crate::hdf5::format::Sizes;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shared {
    /// Address of the object header that holds the message.
    Object(u64),
    /// ID in the shared-message heap.
    Heap([u8; 8]),
}

pub(crate) fn read(src: &mut Cursor<'_>, sizes: Sizes) -> Result<Shared> {
    let (version, kind) = (src.read_u8()?, src.read_u8()?);
    match (version, kind) {
        (1, _) => {
            src.skip(6)?;
            // H5O__shared_decode: version 1 holds the head of a symbol table entry, whose name is unused.
            src.skip(usize::from(sizes.length))?;
            Ok(Shared::Object(sizes.read_defined(src, "a shared message")?))
        }
        (3, 1) => Ok(Shared::Heap(src.array()?)),
        (2 | 3, _) => Ok(Shared::Object(sizes.read_defined(src, "a shared message")?)),
        (v, _) => Err(src.unsupported(format!("shared message version {v}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_versions() {
        let sizes = Sizes { offset: 4, length: 4 };
        let v1 = [1, 0, 0, 0, 0, 0, 0, 0, 9, 9, 9, 9, 0x20, 0, 0, 0];
        let v2 = [2, 0, 0x20, 0, 0, 0];
        let v3 = [3, 2, 0x20, 0, 0, 0];
        for bytes in [&v1[..], &v2, &v3] {
            assert_eq!(read(&mut Cursor::new(bytes, 0), sizes).unwrap(), Shared::Object(0x20));
        }
        let heap = [3, 1, 1, 2, 3, 4, 5, 6, 7, 8];
        assert_eq!(read(&mut Cursor::new(&heap, 0), sizes).unwrap(), Shared::Heap([1, 2, 3, 4, 5, 6, 7, 8]));
        assert!(read(&mut Cursor::new(&[9, 0], 0), sizes).is_err());
    }
}
