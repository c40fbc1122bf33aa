//! The messages of an object header, collected from all its blocks.

use super::addresses::Addresses;
use crate::bytes::Cursor;
use crate::bytes::checked;
use crate::error::{Error, Place, Result};
use crate::hdf5::format::checksum;
use crate::hdf5::format::message::kind;
use crate::hdf5::format::object_header::{self as format, RawMessage, Style};
use crate::limits::Limits;
use std::borrow::Cow;
use std::collections::HashSet;

/// Bytes of the first read of a header.
const FIRST_READ: usize = 512;

/// All messages of the header at `address`, continuation blocks included.
///
/// # Errors
/// `Malformed` if a block is damaged or the blocks form a cycle; `Limit` if there are too many.
pub(crate) fn read(addresses: &Addresses, address: u64) -> Result<Vec<RawMessage>> {
    // Nearly every first block is short, so one read fetches all of it. The limit applies to any further
    // bytes.
    let most = usize::try_from(addresses.limits().metadata_bytes).unwrap_or(FIRST_READ).min(FIRST_READ);
    let first = addresses.read_up_to(address, most.max(format::PREFIX_LEN))?;
    let prefix = format::read_prefix(&mut Cursor::new(&first, addresses.offset_of(address)))?;
    let mut out = Vec::new();
    let messages_end = checked::add(prefix.len, prefix.messages_len)?;
    let end = match prefix.style {
        Style::V1 => messages_end,
        Style::V2 { .. } => checked::add(messages_end, 4)?,
    };
    let bytes = match first.get(..checked::size(end)?) {
        Some(bytes) => Cow::Borrowed(bytes),
        None => Cow::Owned(addresses.read(address, end)?),
    };
    let mut body = match prefix.style {
        Style::V1 => Cursor::new(&bytes, addresses.offset_of(address)),
        Style::V2 { .. } => checksum::split_verified(&bytes, addresses.offset_of(address), "object header")?,
    };
    body.skip(checked::size(prefix.len)?)?;
    format::read_messages(body, prefix.style, &mut out)?;
    // Blocks read so far; a chain that returns to one of them would not end.
    let mut met = HashSet::new();
    let mut next = 0usize;
    while let Some(m) = out.get(next) {
        next = next.saturating_add(1);
        if m.kind != kind::CONTINUATION {
            continue;
        }
        let at = m.offset;
        let (block, len) = format::read_continuation(&mut Cursor::new(&m.body, at), addresses.sizes())?;
        if !met.insert(block) {
            return Err(Error::malformed("object header continues in a circle").at(at));
        }
        let most = u64::from(addresses.limits().continuations);
        Limits::check("continuation blocks", met.len() as u64, most).at(at)?;
        let bytes = addresses.read(block, len)?;
        let offset = addresses.offset_of(block);
        match prefix.style {
            Style::V1 => format::read_messages(Cursor::new(&bytes, offset), prefix.style, &mut out)?,
            Style::V2 { .. } => format::read_continuation_v2(&bytes, offset, prefix.style, &mut out)?,
        }
    }
    out.retain(|m| m.kind != kind::CONTINUATION);
    Ok(out)
}

/// Refuses messages of an unknown type whose flags say that they must be understood.
pub(crate) fn check_known(messages: &[RawMessage]) -> Result<()> {
    let unknown = |m: &&RawMessage| m.kind > kind::LAST && m.flags & format::FAIL_IF_UNKNOWN != 0;
    match messages.iter().find(unknown) {
        None => Ok(()),
        Some(m) => {
            let text = format!("header message of type {:#x}, which must be understood", m.kind);
            Err(Error::unsupported(text).at(m.offset))
        }
    }
}
