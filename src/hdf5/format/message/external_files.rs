//! External data files message (0x0007): the elements are in other files. HDF5 File Format 3.0, IV.A.2.h.

use crate::bytes::Cursor;
use crate::error::Result;
use crate::hdf5::format::Sizes;

/// Where elements are stored outside the file: pieces of other files, one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExternalFiles {
    /// Address of the local heap with the names.
    pub(crate) heap: u64,
    pub(crate) slots: Vec<FilePiece>,
}

/// A piece of another file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FilePiece {
    /// Offset of the file's name in the heap.
    pub(crate) name: u64,
    /// First byte of the piece in that file.
    pub(crate) offset: u64,
    /// Bytes of the piece. All ones: as many as there are elements left.
    pub(crate) size: u64,
}

pub(crate) fn read(src: &mut Cursor<'_>, sizes: Sizes) -> Result<ExternalFiles> {
    match src.read_u8()? {
        1 => {}
        v => return Err(src.unsupported(format!("external files version {v}"))),
    }
    src.skip(3)?;
    let allocated = src.read_u16()?;
    let used = src.read_u16()?;
    if used > allocated {
        return Err(src.malformed(format!("external files: {used} slots used of {allocated}")));
    }
    let heap = sizes.read_defined(src, "the names of external files")?;
    let slot = |_| {
        let (name, offset) = (sizes.read_length(src)?, sizes.read_length(src)?);
        Ok(FilePiece { name, offset, size: sizes.read_length(src)? })
    };
    let slots = (0..used).map(slot).collect::<Result<_>>()?;
    Ok(ExternalFiles { heap, slots })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn slots_after_the_heap() {
        let sizes = Sizes { offset: 2, length: 2 };
        let bytes = [1, 0, 0, 0, 4, 0, 1, 0, 0x40, 0, 8, 0, 16, 0, 0xff, 0xff];
        let read_bytes = |bytes: &[u8]| read(&mut Cursor::new(bytes, 0), sizes);
        let slots = vec![FilePiece { name: 8, offset: 16, size: 0xffff }];
        assert_eq!(read_bytes(&bytes).unwrap(), ExternalFiles { heap: 64, slots });
        let mut wrong = bytes;
        wrong[6] = 5;
        assert_eq!(read_bytes(&wrong).unwrap_err().kind(), Kind::Malformed);
        wrong[0] = 2;
        assert_eq!(read_bytes(&wrong).unwrap_err().kind(), Kind::Unsupported);
    }
}
