//! Attributes of an object: in its header, or in a heap if one of them is too large for that.

use super::file::{Libver, Writer};
use super::value::StoredValue;
use crate::error::{Error, Place, Result};
use crate::hdf5::format::message::link_info::DenseStorage;
use crate::hdf5::format::message::{attribute, attribute_info, dataspace, datatype, kind};
use crate::hdf5::format::object_header::{HeaderWriter, MOST};
use crate::hdf5::format::records::{self, AttributeName, Huge};
use crate::hdf5::format::{btree_v2, checksum, fractal_heap};

impl Writer {
    /// Adds attributes to a header, or stores all of them in a heap that the header points to. Returns `true`
    /// in that case: the header must then be of version 2.
    pub(crate) fn attributes(
        &mut self,
        header: &mut HeaderWriter,
        attributes: &[(String, StoredValue)],
    ) -> Result<bool> {
        let body = |name: &str, value: &StoredValue, packed: bool| {
            let (mut t, mut s) = (Vec::new(), Vec::new());
            datatype::write(&value.datatype, &mut t)?;
            dataspace::write(&value.dataspace, &mut s);
            attribute::write(name, &t, &s, &value.bytes, packed)
                .ok_or_else(|| Error::unsupported("an attribute with a name or a type of 64 KiB"))
                .in_object(&format!("@{name}"))
        };
        let bodies = |packed: bool| -> Result<Vec<(&str, Vec<u8>)>> {
            attributes.iter().map(|(name, v)| Ok((name.as_str(), body(name, v, packed)?))).collect()
        };
        let plain = bodies(false)?;
        if plain.iter().all(|(_, body)| body.len() <= MOST) {
            // libhdf5 counts the attributes of a version 2 header only if an attribute info message is
            // present
            if self.libver == Libver::Latest && !attributes.is_empty() {
                header.message(kind::ATTRIBUTE_INFO, false, &attribute_info::write(None))?;
            }
            for (_, body) in &plain {
                header.message(kind::ATTRIBUTE, false, body)?;
            }
            return Ok(false);
        }
        let dense = self.dense(&bodies(true)?)?;
        header.message(kind::ATTRIBUTE_INFO, false, &attribute_info::write(Some(dense)))?;
        Ok(true)
    }

    /// Writes messages to a new heap, with an index of their names.
    fn dense(&mut self, bodies: &[(&str, Vec<u8>)]) -> Result<DenseStorage> {
        let mut heap = fractal_heap::Written::default();
        let (mut objects, mut ids, mut huge) = (Vec::new(), Vec::new(), Vec::new());
        for (_, body) in bodies {
            if body.len() <= fractal_heap::MAX_MANAGED {
                let offset = fractal_heap::WRITTEN_FRAME.saturating_add(objects.len()) as u64;
                ids.push(fractal_heap::managed_id(offset, body.len()));
                objects.extend_from_slice(body);
                heap.managed = heap.managed.saturating_add(1);
                continue;
            }
            let at = self.file.append(body)?;
            heap.huge = heap.huge.saturating_add(1);
            heap.huge_bytes = heap.huge_bytes.saturating_add(body.len() as u64);
            ids.push(fractal_heap::huge_id(heap.huge));
            let object = Huge { address: at, len: body.len() as u64, filtered: None, key: heap.huge };
            huge.push(object.write());
        }
        if !huge.is_empty() {
            heap.huge_tree = Some(self.leaf(records::HUGE, &huge)?);
        }
        self.file.align()?;
        let header = self.file.end();
        let used = fractal_heap::WRITTEN_FRAME.saturating_add(objects.len());
        let size = used.next_power_of_two().max(1024);
        if heap.managed > 0 {
            let at = header.saturating_add(fractal_heap::WRITTEN_LEN as u64);
            heap.block = Some((at, size as u64, size.saturating_sub(used) as u64));
        }
        self.file.append(&fractal_heap::write_header(&heap))?;
        if heap.managed > 0 {
            self.file.append(&fractal_heap::write_direct(header, &objects, size))?;
        }
        let mut names: Vec<(u32, &str, Vec<u8>)> = Vec::with_capacity(bodies.len());
        for (order, ((name, _), id)) in (0u32..).zip(bodies.iter().zip(ids)) {
            let hash = checksum::lookup3(name.as_bytes(), 0);
            names.push((hash, name, AttributeName { id: &id, flags: 0, order, hash }.write()));
        }
        names.sort_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)));
        let names: Vec<Vec<u8>> = names.into_iter().map(|(_, _, r)| r).collect();
        Ok(DenseStorage { heap: header, names: self.leaf(records::ATTRIBUTE_NAMES, &names)? })
    }

    /// Writes a B-tree of one leaf and returns the address of its header.
    fn leaf(&mut self, record_type: u8, records: &[Vec<u8>]) -> Result<u64> {
        self.file.align()?;
        let at = self.file.end();
        let [leaf, header] = btree_v2::write_leaf(record_type, records, at)?;
        self.file.append(&leaf)?;
        self.file.align()?;
        self.file.append(&header)
    }
}
