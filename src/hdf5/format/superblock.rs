//! The superblock, versions 0 to 3: width of addresses, their base, and the location of the root group.
//! HDF5 File Format 3.0, II.A.

use super::fixed::{self, Address};
use super::symbol_node::StoredEntry;
use super::{Sizes, checksum};
use crate::bytes::Cursor;
use crate::bytes::put::Put;
use crate::error::{Error, Result};

/// The eight-byte signature of every HDF5 file, at offset 0, 512, 1024, 2048, ...
pub(crate) const SIGNATURE: [u8; 8] = *b"\x89HDF\r\n\x1a\n";

/// Maximum length of a superblock in bytes.
pub(crate) const MAX_LEN: usize = 128;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Superblock {
    pub(crate) version: u8,
    pub(crate) sizes: Sizes,
    /// Base of all addresses. Readers use the offset of the signature instead.
    pub(crate) base: u64,
    /// End of file, counted from where the base is 0.
    pub(crate) end: Option<u64>,
    pub(crate) root: u64,
    /// Superblock extension (versions 2 and 3): an object header with messages about the file.
    pub(crate) extension: Option<u64>,
    /// Driver information block (versions 0 and 1): the file is one member of several.
    pub(crate) driver_info: Option<u64>,
}

pub(crate) fn read_superblock(src: &mut Cursor<'_>) -> Result<Superblock> {
    let start = src.clone();
    if src.take(8)? != SIGNATURE {
        return Err(start.malformed("no HDF5 signature"));
    }
    match src.read_u8()? {
        version @ (0 | 1) => read_old(src, version),
        version @ (2 | 3) => read_new(src, version, &start),
        v => Err(src.unsupported(format!("superblock version {v}"))),
    }
}

fn read_old(src: &mut Cursor<'_>, version: u8) -> Result<Superblock> {
    src.skip(4)?; // versions of free space, root entry, reserved, shared header
    let sizes = read_sizes(src)?;
    let at = src.offset();
    let s: SuperblockV0 = fixed::read(src, (sizes, version))?;
    Ok(Superblock {
        version,
        sizes,
        base: s.base.defined("the base", at)?,
        end: s.end.0,
        root: s.root.header.defined("the root group", at)?,
        extension: None,
        driver_info: s.driver.0,
    })
}

/// A superblock of version 0 or 1 after the widths.
#[binrw::binrw]
#[brw(little, import(sizes: Sizes, version: u8))]
struct SuperblockV0 {
    reserved: u8,
    leaf_k: u16,
    internal_k: u16,
    flags: u32,
    /// Internal K of chunk B-trees, and reserved bytes.
    #[brw(if(version == 1))]
    chunk_k: u32,
    #[brw(args(sizes))]
    base: Address,
    #[brw(args(sizes))]
    free: Address,
    #[brw(args(sizes))]
    end: Address,
    #[brw(args(sizes))]
    driver: Address,
    #[brw(args(sizes))]
    root: StoredEntry,
}

fn read_new(src: &mut Cursor<'_>, version: u8, start: &Cursor<'_>) -> Result<Superblock> {
    let sizes = read_sizes(src)?;
    let at = src.offset();
    let s: SuperblockV2 = fixed::read(src, (sizes,))?;
    let covered = start.len().saturating_sub(src.len());
    checksum::verify(src, start.rest().get(..covered).unwrap_or_default(), "superblock")?;
    Ok(Superblock {
        version,
        sizes,
        base: s.base.defined("the base", at)?,
        end: s.end.0,
        root: s.root.defined("the root group", at)?,
        extension: s.extension.0,
        driver_info: None,
    })
}

/// A superblock of version 2 or 3 after the widths.
#[binrw::binrw]
#[brw(little, import(sizes: Sizes))]
struct SuperblockV2 {
    /// Consistency flags, ignored: a file still open for writing is read as it is.
    flags: u8,
    #[brw(args(sizes))]
    base: Address,
    #[brw(args(sizes))]
    extension: Address,
    #[brw(args(sizes))]
    end: Address,
    #[brw(args(sizes))]
    root: Address,
}

fn read_sizes(src: &mut Cursor<'_>) -> Result<Sizes> {
    let at = src.offset();
    let sizes = Sizes { offset: src.read_u8()?, length: src.read_u8()? };
    for width in [sizes.offset, sizes.length] {
        match width {
            2 | 4 | 8 => {}
            16 | 32 => return Err(Error::unsupported(format!("addresses of {width} bytes")).at(at)),
            w => return Err(Error::malformed(format!("address width (expected 2, 4 or 8, got {w})")).at(at)),
        }
    }
    Ok(sizes)
}

/// Length in bytes of the superblock that is written.
pub(crate) const WRITTEN_LEN: u64 = 96;

/// Builds a version 0 superblock with addresses of 8 bytes and the default node sizes. `root` holds the
/// addresses of the root group's header, B-tree and heap; `base` is the length of the user block, and `end` that of
/// the file without it.
pub(crate) fn write(root: [u64; 3], base: u64, end: u64) -> Vec<u8> {
    let [header, tree, heap] = root;
    let mut scratch = [0; 16];
    for (place, byte) in scratch.iter_mut().zip(tree.to_le_bytes().into_iter().chain(heap.to_le_bytes())) {
        *place = byte;
    }
    let stored = SuperblockV0 {
        reserved: 0,
        leaf_k: 4,      // entries of a symbol node, halved
        internal_k: 16, // half the maximum number of children of a group node
        flags: 0,
        chunk_k: 0,
        base: base.into(),
        free: Address(None),
        end: base.saturating_add(end).into(),
        driver: Address(None),
        // 1: B-tree and heap are cached
        root: StoredEntry { name: 0.into(), header: header.into(), cache_type: 1, reserved: 0, scratch },
    };
    let mut out = SIGNATURE.to_vec();
    out.put(&[0, 0, 0, 0, 0, Sizes::WRITTEN.offset, Sizes::WRITTEN.length]);
    fixed::write(&stored, (Sizes::WRITTEN, 0), &mut out);
    out
}

/// Builds a version 3 superblock.
pub(crate) fn write_v3(root: u64, base: u64, end: u64) -> Vec<u8> {
    let stored = SuperblockV2 {
        flags: 0,
        base: base.into(),
        extension: Address(None),
        end: base.saturating_add(end).into(),
        root: root.into(),
    };
    let mut out = SIGNATURE.to_vec();
    out.put(&[3, Sizes::WRITTEN.offset, Sizes::WRITTEN.length]);
    fixed::write(&stored, (Sizes::WRITTEN,), &mut out);
    checksum::append(&mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: [u8; 96] = {
        let mut b = [0xff; 96];
        let head = [
            0x89, b'H', b'D', b'F', 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0, 0, // versions, all 0
            8, 8, 0, // width of offsets, width of lengths
            4, 0, 16, 0, 0, 0, 0, 0, // leaf k, internal k, flags
            0, 0, 0, 0, 0, 0, 0, 0, // base address
        ];
        let mut i = 0;
        while i < head.len() {
            b[i] = head[i];
            i += 1;
        }
        // end of file 2048 at byte 40; root entry at 56: name offset, then header address 96
        let tail = [0, 8, 0, 0, 0, 0, 0, 0];
        let root = [96, 0, 0, 0, 0, 0, 0, 0];
        i = 0;
        while i < 8 {
            b[40 + i] = tail[i];
            b[56 + i] = 0;
            b[64 + i] = root[i];
            i += 1;
        }
        b
    };

    #[test]
    fn version_0() {
        let s = read_superblock(&mut Cursor::new(&OLD, 0)).unwrap();
        assert_eq!((s.version, s.root, s.end, s.driver_info), (0, 96, Some(2048), None));
    }

    #[test]
    fn a_version_2_superblock_with_a_wrong_checksum_is_refused() {
        let mut b = vec![0x89, b'H', b'D', b'F', 0x0d, 0x0a, 0x1a, 0x0a, 2, 8, 8, 0];
        b.extend([0; 8]); // base
        b.extend([0xff; 8]); // no extension
        b.extend(2048u64.to_le_bytes()); // end
        b.extend(48u64.to_le_bytes()); // root
        let sum = checksum::lookup3(&b, 0);
        b.extend(sum.to_le_bytes());
        assert_eq!(read_superblock(&mut Cursor::new(&b, 0)).unwrap().root, 48);
        b[40] ^= 1;
        assert_eq!(read_superblock(&mut Cursor::new(&b, 0)).unwrap_err().kind(), crate::Kind::Checksum);
    }

    #[test]
    fn odd_address_widths_are_refused() {
        let mut b = OLD;
        b[13] = 3;
        assert_eq!(read_superblock(&mut Cursor::new(&b, 0)).unwrap_err().offset(), Some(13));
    }
}
