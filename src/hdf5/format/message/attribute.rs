//! Attribute message (0x000C): a named value on an object. HDF5 File Format 3.0, IV.A.2.m.

use crate::bytes::Cursor;
use crate::bytes::put::Put;
use crate::error::Result;

/// An attribute whose datatype and dataspace are still encoded, because each may be shared.
#[derive(Debug, Clone)]
pub(crate) struct RawAttribute<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) datatype: Cursor<'a>,
    pub(crate) datatype_shared: bool,
    pub(crate) dataspace: Cursor<'a>,
    pub(crate) dataspace_shared: bool,
    /// The value, up to the end of the message.
    pub(crate) value: Cursor<'a>,
}

pub(crate) fn read<'a>(src: &mut Cursor<'a>) -> Result<RawAttribute<'a>> {
    let version = src.read_u8()?;
    let flags = src.read_u8()?; // reserved in version 1
    let name_len = usize::from(src.read_u16()?);
    let type_len = usize::from(src.read_u16()?);
    let space_len = usize::from(src.read_u16()?);
    let (flags, pad) = match version {
        // IV.A.2.m, version 1: "This version does not support shared datatypes."
        1 => (0, 8),
        2 => (flags, 1),
        3 => {
            src.skip(1)?; // character set of the name
            (flags, 1)
        }
        v => return Err(src.unsupported(format!("attribute version {v}"))),
    };
    // IV.A.2.m: in version 1 name, datatype and dataspace are padded to multiples of eight bytes
    let name = src.split(name_len.next_multiple_of(pad))?.take_c_string()?;
    // IV.A.2.m: "this field will contain a "shared message" encoding instead of the datatype encoding" if
    // flag 0 is set; flag 1 is for the dataspace.
    let datatype = src.split(type_len.next_multiple_of(pad))?;
    let dataspace = src.split(space_len.next_multiple_of(pad))?;
    // IV.A.2.m: "The size is determined from the datatype and dataspace descriptions": the value ends with
    // the message, which may be padded.
    Ok(RawAttribute {
        name,
        datatype,
        datatype_shared: flags & 1 != 0,
        dataspace,
        dataspace_shared: flags & 2 != 0,
        value: src.clone(),
    })
}

/// Builds the body of an attribute message: version 1, whose parts are padded, or if `packed` version 3,
/// which may be of any size in a heap. `None` if a part is longer than its length field can hold.
pub(crate) fn write(
    name: &str,
    datatype: &[u8],
    dataspace: &[u8],
    value: &[u8],
    packed: bool,
) -> Option<Vec<u8>> {
    let len = |n: usize| u16::try_from(n).ok();
    let step = if packed { 1 } else { 8 };
    let mut out = vec![if packed { 3 } else { 1 }, 0];
    out.put_u16(len(name.len().saturating_add(1))?);
    out.put_u16(len(datatype.len())?);
    out.put_u16(len(dataspace.len())?);
    if packed {
        out.put_u8(1); // the name is UTF-8
    }
    out.put(name.as_bytes());
    out.put_u8(0);
    for part in [&[][..], datatype, dataspace] {
        out.put(part);
        out.pad_to(step);
    }
    out.put(value);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_1_pads_and_version_3_does_not() {
        let mut v1 = vec![1, 0, 2, 0, 3, 0, 4, 0]; // name 2, type 3, space 4 bytes
        v1.extend(*b"a\0......");
        v1.extend([1, 1, 1, 0, 0, 0, 0, 0, 2, 2, 2, 2, 0, 0, 0, 0, 9]);
        let a = read(&mut Cursor::new(&v1, 0)).map(|a| (a.name.to_vec(), a.value.rest().to_vec())).unwrap();
        assert_eq!(a, (b"a".to_vec(), vec![9]));
        let v3 = [3, 1, 2, 0, 1, 0, 1, 0, 1, b'a', 0, 7, 8, 9];
        let a = read(&mut Cursor::new(&v3, 0)).unwrap();
        assert!(
            a.datatype_shared && !a.dataspace_shared && a.datatype.rest() == [7] && a.value.rest() == [9]
        );
        assert!(read(&mut Cursor::new(&v3[..10], 0)).is_err());
    }
}
