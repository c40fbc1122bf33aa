//! The on-disk structures, one per file: what it is, how it is read, and a literal example.
//!
//! Nothing here navigates: a function takes a [`Cursor`] over bytes that the caller fetched and returns a
//! struct. Following addresses is the job of `read/`.

pub(crate) mod btree_v1;
pub(crate) mod btree_v2;
pub(crate) mod cache_image;
pub(crate) mod checksum;
pub(crate) mod driver_info;
pub(crate) mod extensible_array;
pub(crate) mod fixed;
pub(crate) mod fixed_array;
pub(crate) mod fractal_heap;
pub(crate) mod global_heap;
pub(crate) mod hyperslab;
pub(crate) mod local_heap;
pub(crate) mod message;
pub(crate) mod object_header;
pub(crate) mod records;
pub(crate) mod shared_table;
pub(crate) mod superblock;
pub(crate) mod symbol_node;
pub(crate) mod virtual_parts;

use crate::bytes::Cursor;
use crate::error::Result;

/// Widths of addresses and lengths in this file, in bytes: 2, 4 or 8, from the superblock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sizes {
    pub(crate) offset: u8,
    pub(crate) length: u8,
}

impl Sizes {
    /// The widths that the writer uses.
    pub(crate) const WRITTEN: Sizes = Sizes { offset: 8, length: 8 };

    /// Reads an address relative to the superblock; `None` for the undefined address (all bits set).
    pub(crate) fn read_address(self, src: &mut Cursor<'_>) -> Result<Option<u64>> {
        let undefined = src.rest().iter().take(usize::from(self.offset)).all(|&b| b == 0xff);
        let value = src.read_uint(self.offset)?;
        Ok(if undefined { None } else { Some(value) })
    }

    /// Reads an address that must be defined; `what` names the structure at it.
    pub(crate) fn read_defined(self, src: &mut Cursor<'_>, what: &str) -> Result<u64> {
        let at = src.offset();
        self.read_address(src)?
            .ok_or_else(|| crate::error::Error::malformed(format!("undefined address of {what}")).at(at))
    }

    /// Reads a length in bytes or elements.
    pub(crate) fn read_length(self, src: &mut Cursor<'_>) -> Result<u64> {
        src.read_uint(self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_bits_set_is_no_address() {
        let sizes = Sizes { offset: 4, length: 4 };
        let mut c = Cursor::new(&[0xff, 0xff, 0xff, 0xff, 0x10, 0, 0, 0], 0);
        assert_eq!(sizes.read_address(&mut c).unwrap(), None);
        assert_eq!(sizes.read_address(&mut c).unwrap(), Some(16));
    }
}
