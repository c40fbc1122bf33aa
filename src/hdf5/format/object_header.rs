//! Object headers, versions 1 and 2: the frame around messages. HDF5 File Format 3.0, IV.A.1.
//!
//! A header is a first block and continuation blocks, each a sequence of messages. This module decodes the
//! frames; `read/header.rs` follows continuations.

use super::{Sizes, checksum};
use crate::bytes::Cursor;
use crate::bytes::put::Put;
use crate::error::{Error, Result};
use std::ops::Range;

/// Enough bytes for the fixed part of either version.
pub(crate) const PREFIX_LEN: usize = 64;

/// The fixed part before the first block of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Prefix {
    pub(crate) style: Style,
    /// Bytes from the start of the header to the first message.
    pub(crate) len: u64,
    /// Bytes of messages in the first block.
    pub(crate) messages_len: u64,
}

/// Differences between messages of the two versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    V1,
    /// With `creation_order`, messages carry two more bytes.
    V2 {
        creation_order: bool,
    },
}

/// One message, its body not yet decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RawMessage {
    pub(crate) kind: u16,
    pub(crate) flags: u8,
    /// Creation order, if the header tracks it.
    pub(crate) order: Option<u16>,
    /// Absolute offset of the body.
    pub(crate) offset: u64,
    /// Where the body is in the bytes of all blocks, one block after the other.
    pub(crate) body: Range<usize>,
}

/// Message flag: the body is a reference to a message stored elsewhere.
pub(crate) const SHARED: u8 = 0x02;
/// Message flag: a reader that does not know the type must reject the object.
pub(crate) const FAIL_IF_UNKNOWN: u8 = 0x80;

pub(crate) fn read_prefix(src: &mut Cursor<'_>) -> Result<Prefix> {
    if src.rest().starts_with(b"OHDR") {
        return read_prefix_v2(src);
    }
    match src.read_u8()? {
        1 => {}
        v => {
            return Err(
                src.malformed(format!("not an object header (expected version 1 or 'OHDR', got {v})"))
            );
        }
    }
    src.skip(1)?;
    src.skip(2)?; // number of messages, which also follows from the block's size
    src.skip(4)?; // reference count
    let messages_len = u64::from(src.read_u32()?);
    // IV.A.1.a: the messages are aligned to 8 bytes, so 4 bytes of padding follow the 12 of the prefix
    Ok(Prefix { style: Style::V1, len: 16, messages_len })
}

fn read_prefix_v2(src: &mut Cursor<'_>) -> Result<Prefix> {
    let start = src.len();
    src.skip(4)?;
    match src.read_u8()? {
        2 => {}
        v => return Err(src.unsupported(format!("object header version {v}"))),
    }
    let flags = src.read_u8()?;
    if flags & 0x20 != 0 {
        src.skip(16)?; // four times
    }
    if flags & 0x10 != 0 {
        src.skip(4)?; // limits for dense attributes
    }
    let messages_len = src.read_uint(1u8.wrapping_shl(u32::from(flags & 3)))?;
    let len = start.saturating_sub(src.len()) as u64;
    Ok(Prefix { style: Style::V2 { creation_order: flags & 0x04 != 0 }, len, messages_len })
}

/// Reads the messages of one block without its frame; `at` is the position of its first message in the bytes of
/// all blocks.
pub(crate) fn read_messages(
    mut src: Cursor<'_>,
    style: Style,
    at: usize,
    out: &mut Vec<RawMessage>,
) -> Result<()> {
    let end = at.saturating_add(src.len());
    let frame = match style {
        Style::V1 => 8,
        Style::V2 { creation_order } => {
            if creation_order {
                6
            } else {
                4
            }
        }
    };
    // IV.A.1.b: a gap smaller than a message's frame may end the block
    while src.len() >= frame {
        let (kind, len, flags, mut order) = match style {
            Style::V1 => {
                let (kind, len, flags) = (src.read_u16()?, src.read_u16()?, src.read_u8()?);
                src.skip(3)?;
                (kind, len, flags, None)
            }
            Style::V2 { .. } => (u16::from(src.read_u8()?), src.read_u16()?, src.read_u8()?, None),
        };
        if let Style::V2 { creation_order: true } = style {
            order = Some(src.read_u16()?);
        }
        let body = src.split(usize::from(len))?;
        if kind != 0 {
            let after = end.saturating_sub(src.len());
            let body_at = after.saturating_sub(body.len())..after;
            out.push(RawMessage { kind, flags, order, offset: body.offset(), body: body_at });
        }
    }
    Ok(())
}

/// Reads the messages of a version 2 continuation block after verifying its checksum; `at` is the position of
/// the block in the bytes of all blocks.
pub(crate) fn read_continuation_v2(
    bytes: &[u8],
    offset: u64,
    style: Style,
    at: usize,
    out: &mut Vec<RawMessage>,
) -> Result<()> {
    let mut body = checksum::split_verified(bytes, offset, "object header continuation")?;
    body.expect_signature(b"OCHK")?;
    read_messages(body, style, at.saturating_add(4), out)
}

/// Reads an object header continuation message (0x0010): address and length of the next block.
pub(crate) fn read_continuation(src: &mut Cursor<'_>, sizes: Sizes) -> Result<(u64, u64)> {
    let at = src.offset();
    let address = sizes.read_defined(src, "a continuation block")?;
    let len = sizes.read_length(src)?;
    if len == 0 {
        return Err(Error::malformed("empty continuation block").at(at));
    }
    Ok((address, len))
}

/// Builds an object header of one block.
#[derive(Debug, Default)]
pub(crate) struct HeaderWriter {
    messages: Vec<(u16, bool, Vec<u8>)>,
}

/// Maximum length of a message in bytes.
pub(crate) const MOST: usize = 65_500;

impl HeaderWriter {
    /// Appends a message; a `constant` one never changes in the object's lifetime.
    ///
    /// # Errors
    /// `Unsupported` if it is larger than a message may be.
    pub(crate) fn message(&mut self, kind: u16, constant: bool, body: &[u8]) -> Result<()> {
        if body.len() > MOST {
            return Err(Error::unsupported(format!("a header message of {} bytes", body.len())));
        }
        self.messages.push((kind, constant, body.to_vec()));
        Ok(())
    }

    /// Returns the complete header, version 1.
    pub(crate) fn finish(self) -> Vec<u8> {
        let mut messages = Vec::new();
        for (kind, constant, body) in &self.messages {
            messages.put_u16(*kind);
            messages.put_u16(u16::try_from(body.len().next_multiple_of(8)).unwrap_or(u16::MAX));
            messages.put(&[u8::from(*constant), 0, 0, 0]);
            messages.put(body);
            messages.pad_to(8);
        }
        let mut out = vec![1, 0];
        out.put_u16(u16::try_from(self.messages.len()).unwrap_or(u16::MAX));
        out.put_u32(1); // reference count
        out.put_u32(u32::try_from(messages.len()).unwrap_or(u32::MAX));
        out.put_u32(0);
        out.put(&messages);
        out
    }

    /// Returns the complete header, version 2.
    pub(crate) fn finish_v2(self) -> Vec<u8> {
        let mut messages = Vec::new();
        for (kind, constant, body) in &self.messages {
            messages.put_u8(u8::try_from(*kind).unwrap_or(u8::MAX));
            messages.put_u16(u16::try_from(body.len()).unwrap_or(u16::MAX));
            messages.put_u8(u8::from(*constant));
            messages.put(body);
        }
        let mut out = b"OHDR".to_vec();
        out.put(&[2, 2]); // version 2; flags: the size takes four bytes
        out.put_u32(u32::try_from(messages.len()).unwrap_or(u32::MAX));
        out.put(&messages);
        checksum::append(&mut out);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_1_frames() {
        let bytes = [
            1, 0, 1, 0, // version, reserved, one message
            1, 0, 0, 0, // reference count
            16, 0, 0, 0, // bytes of messages
        ];
        let p = read_prefix(&mut Cursor::new(&bytes, 0)).unwrap();
        assert_eq!(p, Prefix { style: Style::V1, len: 16, messages_len: 16 });
        let block = [
            0x12, 0, 8, 0, 0, 0, 0, 0, // type 0x12, 8 bytes, no flags
            1, 0, 0, 0, 9, 9, 9, 9,
        ];
        let mut out = vec![];
        read_messages(Cursor::new(&block, 100), p.style, 30, &mut out).unwrap();
        assert_eq!((out.len(), out[0].kind, out[0].offset, out[0].body.clone()), (1, 0x12, 108, 38..46));
        let cut = read_messages(Cursor::new(&block[..12], 100), p.style, 30, &mut out).unwrap_err();
        assert_eq!(cut.kind(), crate::Kind::Malformed);
    }

    #[test]
    fn version_2_frames() {
        let bytes = [b'O', b'H', b'D', b'R', 2, 0x04, 7];
        let p = read_prefix(&mut Cursor::new(&bytes, 0)).unwrap();
        assert_eq!(p, Prefix { style: Style::V2 { creation_order: true }, len: 7, messages_len: 7 });
        let block = [3, 1, 0, 0, 5, 0, 0xaa, 0, 0]; // type 3, one byte, order 5; a gap of two bytes
        let mut out = vec![];
        read_messages(Cursor::new(&block, 0), p.style, 0, &mut out).unwrap();
        assert_eq!((out[0].kind, out[0].order, &block[out[0].body.clone()]), (3, Some(5), &[0xaa][..]));
    }
}
