//! The parts of a virtual dataset, an object of the global heap. HDF5 File Format 3.0, III.J.

use super::Sizes;
use super::checksum;
use super::hyperslab::{self, Chosen};
use crate::bytes::Cursor;
use crate::error::Result;

/// One part: elements of another dataset, and which elements of the virtual one they are, both in row-major order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredPart {
    /// Name of the file; `.` for the file of the virtual dataset.
    pub(crate) file: String,
    pub(crate) dataset: String,
    pub(crate) from: Chosen,
    pub(crate) to: Chosen,
}

/// Flag: the number of an earlier part, whose file it is, in place of a name.
const FILE_OF_PART: u8 = 1;
/// Flag: the number of an earlier part, whose dataset has the same name, in place of the name.
const DATASET_OF_PART: u8 = 2;
/// Flag: the source is in the file of the virtual dataset; no name.
const SAME_FILE: u8 = 4;

fn name(src: &mut Cursor<'_>) -> Result<String> {
    src.take_c_string().map(|name| String::from_utf8_lossy(name).into_owned())
}

fn earlier<'p>(src: &mut Cursor<'_>, sizes: Sizes, parts: &'p [StoredPart]) -> Result<&'p StoredPart> {
    let number = sizes.read_length(src)?;
    let part = usize::try_from(number).ok().and_then(|n| parts.get(n));
    part.ok_or_else(|| src.malformed(format!("name of part {number}, which does not come before")))
}

/// Reads the parts from the bytes of the object, which lies at `offset`.
pub(crate) fn read(bytes: &[u8], offset: u64, sizes: Sizes) -> Result<Vec<StoredPart>> {
    let mut src = checksum::split_verified(bytes, offset, "list of virtual parts")?;
    let version = src.read_u8()?;
    if version > 1 {
        return Err(src.unsupported(format!("virtual parts version {version}")));
    }
    let count = sizes.read_length(&mut src)?;
    let mut parts: Vec<StoredPart> = Vec::new();
    for _ in 0..count {
        // version 1, as libhdf5 2.0 writes it
        let flags = if version == 1 { src.read_u8()? } else { 0 };
        if flags > SAME_FILE | FILE_OF_PART | DATASET_OF_PART {
            return Err(src.unsupported(format!("virtual part with flags {flags:#x}")));
        }
        let file = match flags {
            f if f & SAME_FILE != 0 => ".".to_owned(),
            f if f & FILE_OF_PART != 0 => earlier(&mut src, sizes, &parts)?.file.clone(),
            _ => name(&mut src)?,
        };
        let dataset = match flags {
            f if f & DATASET_OF_PART != 0 => earlier(&mut src, sizes, &parts)?.dataset.clone(),
            _ => name(&mut src)?,
        };
        if [&file, &dataset].iter().any(|name| name.contains("%b")) {
            return Err(src.unsupported("a virtual dataset of numbered sources"));
        }
        let (from, to) = (hyperslab::read(&mut src)?, hyperslab::read(&mut src)?);
        parts.push(StoredPart { file, dataset, from, to });
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use std::slice;

    fn stored(version: u8, name: &[u8]) -> Vec<u8> {
        let mut bytes = vec![version, 1, 0];
        bytes.extend_from_slice(name);
        bytes.extend_from_slice(b"\0/x\0");
        for _ in 0..2 {
            bytes.extend_from_slice(&[3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        }
        checksum::append(&mut bytes);
        bytes
    }

    #[test]
    fn names_and_selections() {
        let sizes = Sizes { offset: 2, length: 2 };
        let of = |bytes: &[u8]| read(bytes, 0, sizes);
        let part =
            StoredPart { file: "a.h5".into(), dataset: "/x".into(), from: Chosen::All, to: Chosen::All };
        assert_eq!(of(&stored(0, b"a.h5")).unwrap(), slice::from_ref(&part));
        assert_eq!(of(&stored(2, b"a.h5")).unwrap_err().kind(), Kind::Unsupported);
        // flags, then the name: of the same file there is none
        assert_eq!(of(&stored(1, b"\0a.h5")).unwrap(), [part]);
        let same = |start: &[u8]| {
            let mut bytes = vec![1, 2, 0];
            for flags in [start, &[4 | 2, 0, 0]] {
                bytes.extend_from_slice(flags);
                for _ in 0..2 {
                    bytes.extend_from_slice(&[3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
                }
            }
            checksum::append(&mut bytes);
            bytes
        };
        let two = of(&same(b"\0b.h5\0/y\0")).unwrap();
        assert_eq!((two[1].file.as_str(), two[1].dataset.as_str()), (".", "/y"));
        assert_eq!(of(&same(&[4 | 2, 0, 0])).unwrap_err().kind(), Kind::Malformed);
        assert_eq!(of(&same(b"\x08b.h5\0/y\0")).unwrap_err().kind(), Kind::Unsupported);
        assert_eq!(of(&stored(0, b"a%b.h5")).unwrap_err().kind(), Kind::Unsupported);
        let mut damaged = stored(0, b"a.h5");
        damaged[4] = b'!';
        assert_eq!(of(&damaged).unwrap_err().kind(), Kind::Checksum);
    }
}
