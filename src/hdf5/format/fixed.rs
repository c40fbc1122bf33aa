//! Structures of fixed form: one `binrw` declaration serves both reading and writing.
//!
//! A structure here holds only numbers, and addresses and lengths whose widths are arguments. Anything with a
//! count, a text or a choice is read with [`Cursor`], which checks a size before memory is allocated for it.
//! This module is the boundary: `binrw` errors become ours here, with the absolute offset, and other modules
//! name `binrw` only in declarations.

use super::Sizes;
use crate::bytes::Cursor;
use crate::error::{Error, Result};
use binrw::io::{Read, Seek, Write};
use binrw::{BinRead, BinResult, BinWrite, Endian};

/// Reads a structure at the cursor and advances past it.
///
/// # Errors
/// `Malformed` with the absolute offset of the structure, if the bytes end too early.
pub(crate) fn read<T: BinRead>(src: &mut Cursor<'_>, args: T::Args<'_>) -> Result<T> {
    let mut bytes = binrw::io::Cursor::new(src.rest());
    let read = T::read_options(&mut bytes, Endian::Little, args).map_err(|e| convert(&e, src))?;
    src.skip(usize::try_from(bytes.position()).unwrap_or(usize::MAX))?;
    Ok(read)
}

/// Appends a structure.
pub(crate) fn write<T: BinWrite>(value: &T, args: T::Args<'_>, out: &mut Vec<u8>) {
    let mut bytes = binrw::io::Cursor::new(Vec::new());
    // Writing to a vector cannot fail.
    let done = value.write_options(&mut bytes, Endian::Little, args);
    debug_assert!(done.is_ok(), "{done:?}");
    out.append(&mut bytes.into_inner());
}

fn convert(e: &binrw::Error, src: &Cursor<'_>) -> Error {
    let text = match e.root_cause() {
        binrw::Error::Io(_) => format!("structure ends early (got {} bytes)", src.len()),
        other => other.to_string(),
    };
    src.malformed(text)
}

/// A stored address; `None` is the undefined address, which has all bits set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Address(pub(crate) Option<u64>);

impl Address {
    /// Returns the address, which must be defined; `what` names the structure at it.
    ///
    /// # Errors
    /// `Malformed` at `offset`, if it is undefined.
    pub(crate) fn defined(self, what: &str, offset: u64) -> Result<u64> {
        self.0.ok_or_else(|| Error::malformed(format!("undefined address of {what}")).at(offset))
    }
}

impl From<u64> for Address {
    fn from(address: u64) -> Self {
        Address(Some(address))
    }
}

/// A stored length in bytes or elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Length(pub(crate) u64);

impl BinRead for Address {
    type Args<'a> = (Sizes,);

    fn read_options<R: Read + Seek>(reader: &mut R, _: Endian, (sizes,): (Sizes,)) -> BinResult<Self> {
        let bytes = read_bytes(reader, sizes.offset)?;
        let undefined = bytes.iter().take(usize::from(sizes.offset)).all(|b| *b == 0xff);
        Ok(Address(if undefined { None } else { Some(u64::from_le_bytes(bytes)) }))
    }
}

impl BinWrite for Address {
    type Args<'a> = (Sizes,);

    fn write_options<W: Write + Seek>(&self, writer: &mut W, _: Endian, (sizes,): (Sizes,)) -> BinResult<()> {
        write_bytes(writer, self.0.unwrap_or(u64::MAX), sizes.offset)
    }
}

impl BinRead for Length {
    type Args<'a> = (Sizes,);

    fn read_options<R: Read + Seek>(reader: &mut R, _: Endian, (sizes,): (Sizes,)) -> BinResult<Self> {
        read_bytes(reader, sizes.length).map(|b| Length(u64::from_le_bytes(b)))
    }
}

impl BinWrite for Length {
    type Args<'a> = (Sizes,);

    fn write_options<W: Write + Seek>(&self, writer: &mut W, _: Endian, (sizes,): (Sizes,)) -> BinResult<()> {
        write_bytes(writer, self.0, sizes.length)
    }
}

fn read_bytes<R: Read>(reader: &mut R, width: u8) -> BinResult<[u8; 8]> {
    let mut bytes = [0; 8];
    reader.read_exact(bytes.get_mut(..usize::from(width)).unwrap_or_default())?;
    Ok(bytes)
}

fn write_bytes<W: Write>(writer: &mut W, value: u64, width: u8) -> BinResult<()> {
    writer.write_all(value.to_le_bytes().get(..usize::from(width)).unwrap_or_default())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use binrw::binrw;

    #[binrw]
    #[brw(little, import(sizes: Sizes))]
    #[derive(Debug, PartialEq)]
    struct Example {
        count: u16,
        #[brw(args(sizes))]
        at: Address,
        #[brw(args(sizes))]
        len: Length,
    }

    #[test]
    fn widths_are_arguments_and_errors_have_a_place() {
        let sizes = Sizes { offset: 4, length: 2 };
        let bytes = [
            3, 0, // count
            0xff, 0xff, 0xff, 0xff, // no address
            7, 0, // length
            9, // what follows
        ];
        let mut src = Cursor::new(&bytes, 100);
        let example: Example = read(&mut src, (sizes,)).unwrap();
        assert_eq!(example, Example { count: 3, at: Address(None), len: Length(7) });
        assert_eq!((src.offset(), src.rest()), (108, &[9][..]));
        let mut out = Vec::new();
        write(&example, (sizes,), &mut out);
        assert_eq!(out, bytes[..8]);
        let mut short = Cursor::new(&bytes[..7], 100);
        let e = read::<Example>(&mut short, (sizes,)).unwrap_err();
        assert_eq!((e.kind(), e.offset()), (crate::Kind::Malformed, Some(100)));
        assert_eq!(e.message(), "structure ends early (got 7 bytes)");
    }
}
