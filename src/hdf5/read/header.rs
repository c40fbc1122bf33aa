//! The messages of an object header, collected from all its blocks.

use super::addresses::Addresses;
use crate::bytes::Cursor;
use crate::bytes::checked;
use crate::error::{Error, Place, Result};
use crate::hdf5::format::checksum;
use crate::hdf5::format::message::kind;
use crate::hdf5::format::object_header::{self as format, RawMessage, Style};
use crate::limits::Limits;
use std::collections::HashSet;

/// Bytes of the first read of a header.
const FIRST_READ: usize = 512;

/// The messages of a header and the bytes that contain their bodies.
#[derive(Debug)]
pub(crate) struct Header {
    /// The first block and its continuations, one after the other.
    bytes: Vec<u8>,
    messages: Vec<RawMessage>,
}

impl Header {
    /// The header at `address`, continuation blocks included.
    ///
    /// # Errors
    /// `Malformed` if a block is damaged or the blocks form a cycle; `Limit` if there are too many.
    pub(crate) fn read(addresses: &Addresses, address: u64) -> Result<Self> {
        let mut header = Header { bytes: Vec::new(), messages: Vec::with_capacity(8) };
        let style = header.read_first(addresses, address)?;
        // Blocks read so far; a chain that returns to one of them would not end.
        let mut met = HashSet::new();
        let mut next = 0usize;
        while let Some(m) = header.messages.get(next) {
            next = next.saturating_add(1);
            if m.kind != kind::CONTINUATION {
                continue;
            }
            let at = m.offset;
            let (block, len) = format::read_continuation(&mut header.body(m), addresses.sizes())?;
            if !met.insert(block) {
                return Err(Error::malformed("object header continues in a circle").at(at));
            }
            let most = u64::from(addresses.limits().continuations);
            Limits::check("continuation blocks", met.len() as u64, most).at(at)?;
            // Blocks may overlap, so the length of the file does not bound their sum.
            let sum = (header.bytes.len() as u64).saturating_add(len);
            Limits::check("bytes of an object header", sum, addresses.limits().metadata_bytes).at(at)?;
            let bytes = addresses.read(block, len)?;
            let (offset, position) = (addresses.offset_of(block), header.bytes.len());
            let out = &mut header.messages;
            match style {
                Style::V1 => format::read_messages(Cursor::new(&bytes, offset), style, position, out)?,
                Style::V2 { .. } => format::read_continuation_v2(&bytes, offset, style, position, out)?,
            }
            header.bytes.extend_from_slice(&bytes);
        }
        header.messages.retain(|m| m.kind != kind::CONTINUATION);
        Ok(header)
    }

    /// Reads the first block.
    fn read_first(&mut self, addresses: &Addresses, address: u64) -> Result<Style> {
        let offset = addresses.offset_of(address);
        // Nearly every first block is short, so one read fetches all of it. The limit applies to any further
        // bytes.
        let most = usize::try_from(addresses.limits().metadata_bytes).unwrap_or(FIRST_READ).min(FIRST_READ);
        let mut bytes = addresses.read_up_to(address, most.max(format::PREFIX_LEN))?;
        let prefix = format::read_prefix(&mut Cursor::new(&bytes, offset))?;
        let messages_end = checked::add(prefix.len, prefix.messages_len)?;
        let end = match prefix.style {
            Style::V1 => messages_end,
            Style::V2 { .. } => checked::add(messages_end, 4)?,
        };
        let len = checked::size(end)?;
        if len > bytes.len() {
            bytes = addresses.read(address, end)?;
        }
        bytes.truncate(len);
        let mut body = match prefix.style {
            Style::V1 => Cursor::new(&bytes, offset),
            Style::V2 { .. } => checksum::split_verified(&bytes, offset, "object header")?,
        };
        let position = checked::size(prefix.len)?;
        body.skip(position)?;
        format::read_messages(body, prefix.style, position, &mut self.messages)?;
        self.bytes = bytes;
        Ok(prefix.style)
    }

    /// The messages, in the order in which they are stored.
    pub(crate) fn messages(&self) -> &[RawMessage] {
        &self.messages
    }

    /// The first message of this type, if there is one.
    pub(crate) fn find(&self, wanted: u16) -> Option<&RawMessage> {
        self.messages.iter().find(|m| m.kind == wanted)
    }

    /// The body of one of the messages.
    pub(crate) fn body(&self, m: &RawMessage) -> Cursor<'_> {
        Cursor::new(self.bytes.get(m.body.clone()).unwrap_or_default(), m.offset)
    }

    /// Refuses messages of an unknown type whose flags say that they must be understood.
    pub(crate) fn check_known(&self) -> Result<()> {
        let unknown = |m: &&RawMessage| m.kind > kind::LAST && m.flags & format::FAIL_IF_UNKNOWN != 0;
        match self.messages.iter().find(unknown) {
            None => Ok(()),
            Some(m) => {
                let text = format!("header message of type {:#x}, which must be understood", m.kind);
                Err(Error::unsupported(text).at(m.offset))
            }
        }
    }
}
