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

/// All messages of the header at `address`, continuation blocks included.
///
/// # Errors
/// `Malformed` where a block is damaged or the blocks lead in a circle; `Limit` where there are too many.
pub(crate) fn read(addresses: &Addresses, address: u64) -> Result<Vec<RawMessage>> {
    let head = addresses.read_up_to(address, format::PREFIX_LEN)?;
    let prefix = format::read_prefix(&mut Cursor::new(&head, addresses.offset_of(address)))?;
    let mut out = Vec::new();
    let end = checked::add(prefix.len, prefix.messages_len)?;
    match prefix.style {
        Style::V1 => {
            let bytes = addresses.read(checked::add(address, prefix.len)?, prefix.messages_len)?;
            let offset = addresses.offset_of(checked::add(address, prefix.len)?);
            format::read_messages(Cursor::new(&bytes, offset), prefix.style, &mut out)?;
        }
        Style::V2 { .. } => {
            let bytes = addresses.read(address, checked::add(end, 4)?)?;
            let mut body = checksum::split_verified(&bytes, addresses.offset_of(address), "object header")?;
            body.skip(checked::size(prefix.len)?)?;
            format::read_messages(body, prefix.style, &mut out)?;
        }
    }
    // Blocks met so far: a chain that returns to one of them would not end.
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

/// Refuses messages of a type that is not known and whose flags say that it must be.
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
