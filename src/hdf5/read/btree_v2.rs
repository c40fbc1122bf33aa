//! Walks a version 2 B-tree and hands out its records in order.

use super::addresses::Addresses;
use crate::bytes::Cursor;
use crate::error::{Error, Place, Result};
use crate::hdf5::format::btree_v2::{self as format, Header, Widths};
use crate::limits::Limits;

/// Calls `visit` with each record of the tree whose header lies at `address`.
pub(crate) fn for_each_record(
    addresses: &Addresses,
    address: u64,
    visit: &mut dyn FnMut(&Header, Cursor<'_>) -> Result<()>,
) -> Result<()> {
    let len = format::header_len(addresses.sizes()) as u64;
    let bytes = addresses.read(address, len)?;
    let header = format::read_header(&bytes, addresses.offset_of(address), addresses.sizes())?;
    Limits::check("B-tree levels", u64::from(header.depth), u64::from(addresses.limits().nesting))
        .at(addresses.offset_of(address))?;
    let Some(root) = header.root else { return Ok(()) };
    let widths = Widths::of(&header, addresses.sizes()).at(addresses.offset_of(address))?;
    // A tree visits no more records than its header promises; a cycle runs into this.
    let mut left = header.total_records;
    let child = format::Child { address: root, records: u64::from(header.root_records) };
    walk(addresses, &header, &widths, child, header.depth, &mut left, visit)
}

fn walk(
    addresses: &Addresses,
    header: &Header,
    widths: &Widths,
    node: format::Child,
    level: u16,
    left: &mut u64,
    visit: &mut dyn FnMut(&Header, Cursor<'_>) -> Result<()>,
) -> Result<()> {
    let bytes = addresses.read(node.address, u64::from(header.node_size))?;
    let offset = addresses.offset_of(node.address);
    let (records, children) =
        format::read_node(&bytes, offset, header, widths, addresses.sizes(), level, node.records)?;
    let mut children = children.into_iter();
    for record in records.into_iter().map(Some).chain([None]) {
        if let Some(child) = children.next() {
            walk(addresses, header, widths, child, level.saturating_sub(1), left, visit)?;
        }
        if let Some(record) = record {
            *left = left.checked_sub(1).ok_or_else(|| {
                Error::malformed(format!(
                    "B-tree with more records than its header says ({})",
                    header.total_records
                ))
                .at(offset)
            })?;
            visit(header, record)?;
        }
    }
    Ok(())
}
