//! Link message (0x0006): one link of a new-style group. HDF5 File Format 3.0, IV.A.2.g.

use crate::bytes::Cursor;
use crate::bytes::put::Put;
use crate::error::Result;
use crate::hdf5::format::Sizes;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) name: Vec<u8>,
    pub(crate) target: RawTarget,
}

/// Target of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RawTarget {
    /// Address of the object header.
    Hard(u64),
    /// A path in this file.
    Soft(Vec<u8>),
    /// A path in another file.
    External { file: Vec<u8>, path: Vec<u8> },
    /// A link type registered by an application.
    User(u8),
}

pub(crate) fn read(src: &mut Cursor<'_>, sizes: Sizes) -> Result<Link> {
    match src.read_u8()? {
        1 => {}
        v => return Err(src.unsupported(format!("link message version {v}"))),
    }
    let flags = src.read_u8()?;
    let kind = if flags & 0x08 != 0 { src.read_u8()? } else { 0 };
    if flags & 0x04 != 0 {
        src.skip(8)?; // creation order
    }
    if flags & 0x10 != 0 {
        src.skip(1)?; // character set: names are kept as bytes
    }
    let name_len = src.read_uint(1u8.wrapping_shl(u32::from(flags & 3)))?;
    let name = src.take(usize::try_from(name_len).unwrap_or(usize::MAX))?.to_vec();
    let target = match kind {
        0 => RawTarget::Hard(sizes.read_defined(src, "a link's object")?),
        1 => {
            let len = src.read_u16()?;
            RawTarget::Soft(src.take(usize::from(len))?.to_vec())
        }
        64 => {
            let len = src.read_u16()?;
            let mut value = src.split(usize::from(len))?;
            value.skip(1)?; // version and flags
            RawTarget::External {
                file: value.take_c_string()?.to_vec(),
                path: value.take_c_string()?.to_vec(),
            }
        }
        k => RawTarget::User(k),
    };
    Ok(Link { name, target })
}

/// Builds a hard link to the object header at `object`; `name` is UTF-8.
pub(crate) fn write(name: &[u8], object: u64) -> Vec<u8> {
    let mut out = vec![1, 0x11, 1]; // flags: character set stored, name length in two bytes
    out.put_u16(u16::try_from(name.len()).unwrap_or(u16::MAX));
    out.put(name);
    out.put_u64(object);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: Sizes = Sizes { offset: 4, length: 4 };

    #[test]
    fn what_is_written_is_read() {
        let sizes = Sizes { offset: 8, length: 8 };
        let l = read(&mut Cursor::new(&write("größe".as_bytes(), 77), 0), sizes).unwrap();
        assert_eq!(l, Link { name: "größe".into(), target: RawTarget::Hard(77) });
    }

    #[test]
    fn hard_soft_and_external() {
        let hard = [1, 0x10, 1, 3, b'o', b'b', b's', 0x40, 0, 0, 0]; // UTF-8 name of 3 bytes
        let l = read(&mut Cursor::new(&hard, 0), SIZES).unwrap();
        assert_eq!(l, Link { name: b"obs".to_vec(), target: RawTarget::Hard(0x40) });
        let soft = [1, 0x08, 1, 1, b's', 2, 0, b'/', b'X'];
        let l = read(&mut Cursor::new(&soft, 0), SIZES).unwrap();
        assert_eq!(l.target, RawTarget::Soft(b"/X".to_vec()));
        let external = [1, 0x08, 64, 1, b'e', 6, 0, 0, b'f', 0, b'/', b'X', 0];
        let l = read(&mut Cursor::new(&external, 0), SIZES).unwrap();
        assert_eq!(l.target, RawTarget::External { file: b"f".to_vec(), path: b"/X".to_vec() });
        assert!(read(&mut Cursor::new(&hard[..6], 0), SIZES).is_err());
    }
}
