//! Fill value messages, old (0x0004) and new (0x0005): the value of elements that were never written.
//! HDF5 File Format 3.0, IV.A.2.e and IV.A.2.f.

use crate::bytes::Cursor;
use crate::error::Result;

/// The bytes of the fill value in the dataset's type; `None` for the default, zero.
pub(crate) type FillValue = Option<Vec<u8>>;

pub(crate) fn read_old(src: &mut Cursor<'_>) -> Result<FillValue> {
    let len = src.read_u32()?;
    take(src, len)
}

pub(crate) fn read(src: &mut Cursor<'_>) -> Result<FillValue> {
    match src.read_u8()? {
        version @ (1 | 2) => {
            src.skip(2)?; // when space is allocated and the value written
            let defined = src.read_u8()?;
            // IV.A.2.f: "In this version, the Size and Fill Value fields are only present if the Fill Value
            // Defined field is set to 1."
            if version == 2 && defined == 0 {
                return Ok(None);
            }
            let len = src.read_u32()?;
            if defined == 0 { Ok(None) } else { take(src, len) }
        }
        3 => {
            let flags = src.read_u8()?;
            if flags & 0x20 == 0 {
                return Ok(None);
            }
            let len = src.read_u32()?;
            take(src, len)
        }
        v => Err(src.unsupported(format!("fill value version {v}"))),
    }
}

/// A length of 0 or of all bits set means the default.
fn take(src: &mut Cursor<'_>, len: u32) -> Result<FillValue> {
    if len == 0 || len == u32::MAX {
        return Ok(None);
    }
    Ok(Some(src.take(usize::try_from(len).unwrap_or(usize::MAX))?.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version() {
        let read = |b: &[u8]| super::read(&mut Cursor::new(b, 0));
        assert_eq!(read(&[1, 1, 0, 1, 1, 0, 0, 0, 7]).unwrap(), Some(vec![7]));
        assert_eq!(read(&[2, 2, 2, 0]).unwrap(), None);
        assert_eq!(read(&[2, 2, 2, 1, 0, 0, 0, 0]).unwrap(), None);
        assert_eq!(read(&[3, 0x29, 1, 0, 0, 0, 7]).unwrap(), Some(vec![7]));
        assert_eq!(read(&[3, 0x09]).unwrap(), None);
        assert_eq!(read_old(&mut Cursor::new(&[1, 0, 0, 0, 7], 0)).unwrap(), Some(vec![7]));
        assert!(read(&[3, 0x29, 200, 0, 0, 0, 7]).is_err(), "longer than the message");
    }
}
