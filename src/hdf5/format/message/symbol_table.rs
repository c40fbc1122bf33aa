//! Symbol table message (0x0011): an old-style group. HDF5 File Format 3.0, IV.A.2.r.

use crate::bytes::Cursor;
use crate::error::Result;
use crate::hdf5::format::Sizes;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SymbolTable {
    pub(crate) btree: u64,
    pub(crate) heap: u64,
}

pub(crate) fn read(src: &mut Cursor<'_>, sizes: Sizes) -> Result<SymbolTable> {
    let btree = sizes.read_defined(src, "a group's B-tree")?;
    let heap = sizes.read_defined(src, "a group's local heap")?;
    Ok(SymbolTable { btree, heap })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_addresses() {
        let bytes = [0x10, 0, 0x20, 0];
        let sizes = Sizes { offset: 2, length: 2 };
        assert_eq!(read(&mut Cursor::new(&bytes, 0), sizes).unwrap(), SymbolTable { btree: 16, heap: 32 });
        assert!(read(&mut Cursor::new(&[0x10, 0, 0xff, 0xff], 0), sizes).is_err());
    }
}
