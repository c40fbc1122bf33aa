//! Checks of what normal reading skips: messages of other kinds, free lists, references. Only a check of the
//! whole file uses them.

use super::addresses::Addresses;
use super::dataset::Dataset;
use super::file::File;
use super::global_heap::HeapReader;
use super::object::Object;
use super::value::Value;
use crate::bytes::Cursor;
use crate::dtype::Class;
use crate::error::{Error, Kind, Place, Result};
use crate::hdf5::filter::pipeline::Pipeline;
use crate::hdf5::format::message::{
    attribute_info, dataspace, datatype, fill_value, filter_pipeline, kind, layout, link, link_info,
    symbol_table,
};
use crate::hdf5::format::{local_heap, object_header as header};

impl Object {
    /// Errors in header messages that nothing else reads, and in the heap of a group's names.
    pub(crate) fn check_unused(&self) -> Vec<Error> {
        let sizes = self.file().addresses().sizes();
        let mut found = Vec::new();
        for m in self.messages().all() {
            if m.flags & header::SHARED != 0 {
                continue;
            }
            let src = &mut self.messages().body(m);
            let read = match m.kind {
                kind::DATASPACE => dataspace::read(src, sizes).map(drop),
                kind::LINK_INFO => link_info::read(src, sizes).map(drop),
                kind::DATATYPE => datatype::read(src, self.file().limits().nesting).map(drop),
                kind::OLD_FILL_VALUE => fill_value::read_old(src).map(drop),
                kind::FILL_VALUE => fill_value::read(src).map(drop),
                kind::LINK => link::read(src, sizes).map(drop),
                kind::LAYOUT => layout::read(src, sizes).map(drop),
                kind::FILTERS => {
                    filter_pipeline::read(src).and_then(|p| Pipeline::new(&p.filters, 1).map(drop))
                }
                kind::ATTRIBUTE_INFO => attribute_info::read(src, sizes).map(drop),
                kind::SYMBOL_TABLE => symbol_table::read(src, sizes)
                    .and_then(|t| check_name_heap(self.file().addresses(), t.heap)),
                _ => Ok(()),
            };
            // A message without a known version is damaged, or newer than this reader supports.
            found.extend(read.in_object(self.path()).err());
        }
        found
    }
}

/// Walks the free list of a local heap: blocks must be inside it, and the list must end.
fn check_name_heap(addresses: &Addresses, address: u64) -> Result<()> {
    let sizes = addresses.sizes();
    let head = addresses.read_up_to(address, local_heap::MAX_LEN)?;
    let heap = local_heap::read_local_heap(&mut Cursor::new(&head, addresses.offset_of(address)), sizes)?;
    let data = addresses.read(heap.data_address, heap.data_len)?;
    let offset = addresses.offset_of(heap.data_address);
    let frame = u64::from(sizes.length).saturating_mul(2);
    let mut next = heap.free;
    // 1 stands for the end (and, from old writers, all bits set)
    let mut steps = heap.data_len.checked_div(frame).unwrap_or(0).saturating_add(1);
    while let Some(at) = next.filter(|n| *n != 1) {
        let bad = |why: &str| {
            Error::malformed(format!("free list of a group's names {why}")).at(offset.saturating_add(at))
        };
        steps = steps.checked_sub(1).ok_or_else(|| bad("leads in a circle"))?;
        let block = usize::try_from(at).ok().and_then(|at| data.get(at..));
        let mut src =
            Cursor::new(block.ok_or_else(|| bad("leads outside their heap"))?, offset.saturating_add(at));
        next = sizes.read_address(&mut src)?;
        let size = sizes.read_length(&mut src)?;
        if size < frame || at.checked_add(size).is_none_or(|end| end > heap.data_len) {
            return Err(bad(&format!("has a block of {size} bytes where that cannot be")));
        }
    }
    Ok(())
}

impl Dataset {
    /// Follows every reference and checks that its target is what a writer produces.
    ///
    /// # Errors
    /// `Malformed` at the first reference without a valid target.
    pub(crate) fn check_references(&self) -> Result<()> {
        let Class::Reference { kind } = self.datatype().class else { return Ok(()) };
        let value = match self.read() {
            Err(e) if e.kind() == Kind::Limit => return Ok(()),
            value => value?,
        };
        check_references(self.object().file(), kind, &value).in_object(self.object().path())
    }
}

fn check_references(file: &File, kind: u8, value: &Value) -> Result<()> {
    let addresses = file.addresses();
    let mut heaps = HeapReader::new(addresses);
    let size = usize::try_from(value.datatype().size).unwrap_or(usize::MAX).max(1);
    for (n, one) in value.raw().chunks_exact(size).enumerate() {
        if one.iter().all(|b| *b == 0) {
            continue;
        }
        let mut src = Cursor::new(one, 0);
        let followed = match kind {
            0 => {
                let address = src.read_uint(addresses.sizes().offset)?;
                Object::open(file, address, "?").map(drop)
            }
            1 => {
                let address = src.read_uint(addresses.sizes().offset)?;
                heaps.check_counts(address)
            }
            _ => {
                src.skip(2)?; // kind of reference, flags
                let mut ahead = src.clone();
                ahead.skip(4)?;
                let address = ahead.read_uint(addresses.sizes().offset)?;
                heaps.follow(&mut src, 1, |_, _, _, _| Ok(())).and_then(|()| heaps.check_counts(address))
            }
        };
        followed
            .map_err(|e| Error::malformed(format!("reference {n} leads nowhere: {}", e.without_place())))?;
    }
    Ok(())
}
