//! Version 1 B-tree of chunks, used by every file from before HDF5 1.10.

use super::Collector;
use crate::bytes::Cursor;
use crate::bytes::checked;
use crate::error::{Error, Place, Result};
use crate::hdf5::format::btree_v1;
use std::collections::HashSet;

pub(super) fn load(root: u64, sink: &mut Collector<'_>) -> Result<()> {
    let (addresses, grid) = (sink.addresses, sink.grid);
    let (sizes, rank) = (addresses.sizes(), grid.chunk.len());
    let head_len = btree_v1::head_len(sizes);
    let mut met = HashSet::new();
    let mut todo = vec![(root, None)];
    while let Some((address, level)) = todo.pop() {
        let offset = addresses.offset_of(address);
        if !met.insert(address) {
            return Err(Error::malformed("chunk B-tree leads in a circle").at(offset));
        }
        let head = addresses.read(address, head_len as u64)?;
        let head = btree_v1::read_head(&mut Cursor::new(&head, offset), sizes, btree_v1::Type::Chunk)?;
        if level.is_some_and(|l: u8| l.checked_sub(1) != Some(head.level)) {
            return Err(Error::malformed("chunk B-tree whose levels do not descend").at(offset));
        }
        let at = checked::add(address, head_len as u64)?;
        let body = addresses.read(at, btree_v1::chunk_body_len(head, sizes, rank) as u64)?;
        let mut src = Cursor::new(&body, addresses.offset_of(at));
        let first_child = todo.len();
        for _ in 0..head.entries {
            let place = src.offset();
            let key = btree_v1::read_chunk_key(&mut src, sizes, rank)?;
            if head.level > 0 {
                todo.push((key.child, Some(head.level)));
            } else {
                let number = grid.number_of_start(&key.start).at(place)?;
                sink.push(number, key.child, u64::from(key.size), key.mask).at(place)?;
            }
        }
        // Left to right, so that the entries arrive nearly sorted.
        if let Some(new) = todo.get_mut(first_child..) {
            new.reverse();
        }
    }
    Ok(())
}
