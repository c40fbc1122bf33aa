//! The links of an old-style group: a version 1 B-tree of symbol nodes, names in a local heap.

use super::addresses::Addresses;
use super::link::{Link, Target};
use super::local_names::LocalNames;
use crate::bytes::Cursor;
use crate::error::{Error, Place, Result};
use crate::hdf5::format::message::symbol_table::SymbolTable;
use crate::hdf5::format::{btree_v1, symbol_node};
use crate::limits::Limits;
use std::collections::HashSet;

/// The links of an old-style group.
pub(crate) fn read(addresses: &Addresses, table: SymbolTable) -> Result<Vec<Link>> {
    let sizes = addresses.sizes();
    let names = LocalNames::read(addresses, table.heap)?;
    let mut out = Vec::new();
    let mut met = HashSet::new();
    let mut todo = vec![(table.btree, None)];
    while let Some((address, level)) = todo.pop() {
        let offset = addresses.offset_of(address);
        if !met.insert(address) {
            return Err(Error::malformed("group B-tree leads in a circle").at(offset));
        }
        let bytes = addresses.read(address, btree_v1::head_len(sizes) as u64)?;
        let head = btree_v1::read_head(&mut Cursor::new(&bytes, offset), sizes, btree_v1::Type::Group)?;
        if level.is_some_and(|l: u8| l.checked_sub(1) != Some(head.level)) {
            return Err(Error::malformed("group B-tree whose levels do not descend").at(offset));
        }
        let body_at = address.saturating_add(btree_v1::head_len(sizes) as u64);
        let body = addresses.read(body_at, btree_v1::group_body_len(head, sizes) as u64)?;
        let children = btree_v1::read_group_children(
            &mut Cursor::new(&body, addresses.offset_of(body_at)),
            head,
            sizes,
        )?;
        if head.level > 0 {
            // The first child is visited first, so that the links come in the order of their names.
            todo.extend(children.into_iter().rev().map(|child| (child, Some(head.level))));
            continue;
        }
        for child in children {
            if !met.insert(child) {
                return Err(Error::malformed("group B-tree has a node twice").at(addresses.offset_of(child)));
            }
            read_node(addresses, child, &names, &mut out)?;
            Limits::check("links", out.len() as u64, addresses.limits().children).at(offset)?;
        }
    }
    Ok(out)
}

fn read_node(addresses: &Addresses, address: u64, names: &LocalNames, out: &mut Vec<Link>) -> Result<()> {
    let sizes = addresses.sizes();
    let head = addresses.read(address, symbol_node::HEAD_LEN as u64)?;
    let entries = symbol_node::read_head(&mut Cursor::new(&head, addresses.offset_of(address)))?;
    let at = address.saturating_add(symbol_node::HEAD_LEN as u64);
    let len = (symbol_node::entry_len(sizes) as u64).saturating_mul(u64::from(entries));
    let bytes = addresses.read(at, len)?;
    let mut src = Cursor::new(&bytes, addresses.offset_of(at));
    for _ in 0..entries {
        let entry = symbol_node::read_entry(&mut src, sizes)?;
        let target = match entry.target {
            symbol_node::EntryTarget::Hard(address) => Target::Hard(address),
            symbol_node::EntryTarget::Soft(at) => {
                Target::Soft(String::from_utf8_lossy(names.get(at)?).into_owned())
            }
        };
        out.push(Link { name: names.get(entry.name)?.to_vec(), target });
    }
    Ok(())
}
