//! Attributes of an object, both compact and dense.

use super::btree_v2::Tree;
use super::fractal_heap::FractalHeap;
use super::object::Object;
use super::value::Value;
use crate::bytes::Cursor;
use crate::bytes::checked;
use crate::error::{Error, Place, Result};
use crate::hdf5::format::checksum;
use crate::hdf5::format::message::link_info::DenseStorage;
use crate::hdf5::format::message::shared::Shared;
use crate::hdf5::format::message::{attribute, dataspace, datatype, kind};
use crate::hdf5::format::object_header::SHARED;
use crate::hdf5::format::records::{self, AttributeName};
use crate::limits::Limits;

/// A named value on an object.
#[derive(Debug, Clone)]
pub struct Attribute {
    /// Name of the attribute.
    pub name: String,
    /// Type, shape and bytes.
    pub value: Value,
}

/// An attribute in a listing; one that cannot be read does not hide the others.
#[derive(Debug)]
pub struct AttributeEntry {
    /// Name of the attribute, if it could be read.
    pub name: String,
    /// Value of the attribute, or the error of reading it.
    pub value: Result<Value>,
}

impl Object {
    /// All attributes, sorted by the bytes of their names.
    ///
    /// # Errors
    /// Fails if the structures that hold them are damaged; a damaged single attribute carries its own error.
    pub fn attributes(&self) -> Result<Vec<AttributeEntry>> {
        let mut out = Vec::new();
        for m in self.messages().of(kind::ATTRIBUTE) {
            let (bytes, offset) = self.messages().resolve(m).in_object(self.path())?;
            out.push(self.entry(&bytes, offset));
        }
        if let Some(dense) = self.dense_attributes()? {
            let mut count = 0u64;
            self.visit_dense(dense, None, &mut |bytes, offset| {
                count = count.saturating_add(1);
                Limits::check("attributes", count, self.file().addresses().limits().children)?;
                out.push(self.entry(bytes, offset));
                Ok(())
            })?;
        }
        out.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(out)
    }

    /// The attribute `name`, if there is one. Values of other attributes are not read.
    ///
    /// # Errors
    /// Fails if it exists and cannot be read.
    pub fn attribute(&self, name: &str) -> Result<Option<Attribute>> {
        let is_it = |bytes: &[u8], offset: u64| {
            attribute::read(&mut Cursor::new(bytes, offset))
                .is_ok_and(|raw| String::from_utf8_lossy(raw.name) == name)
        };
        let mut found = None;
        for m in self.messages().of(kind::ATTRIBUTE) {
            let (bytes, offset) = self.messages().resolve(m).in_object(self.path())?;
            if is_it(&bytes, offset) {
                found = Some(self.entry(&bytes, offset));
                break;
            }
        }
        if let (None, Some(dense)) = (&found, self.dense_attributes()?) {
            // A replacement character stands for unknown bytes, so the hash of the stored name is unknown
            // too.
            let hash = Some(checksum::lookup3(name.as_bytes(), 0)).filter(|_| !name.contains('\u{fffd}'));
            self.visit_dense(dense, hash, &mut |bytes, offset| {
                if found.is_none() && is_it(bytes, offset) {
                    found = Some(self.entry(bytes, offset));
                }
                Ok(())
            })?;
        }
        found.map(|a| Ok(Attribute { name: a.name, value: a.value? })).transpose()
    }

    /// Calls `visit` with the message and offset of each dense attribute, or only of those with this name
    /// hash.
    fn visit_dense(
        &self,
        dense: DenseStorage,
        hash: Option<u32>,
        visit: &mut dyn FnMut(&[u8], u64) -> Result<()>,
    ) -> Result<()> {
        let addresses = self.file().addresses();
        let mut heap = FractalHeap::open(addresses, dense.heap).in_object(self.path())?;
        let id_len = heap.id_len();
        let names = Tree::open(addresses, dense.names).in_object(self.path())?;
        let t = names.record_type();
        let mut one = |record: Cursor<'_>| {
            let (at, name) = (record.offset(), name_record(record, t, id_len)?);
            if name.flags & SHARED != 0 {
                let shared: [u8; 8] = Cursor::new(name.id, at).array()?;
                return visit(&self.file().shared_message(kind::ATTRIBUTE, Shared::Heap(shared))?, at);
            }
            visit(&heap.object(name.id)?, at)
        };
        let done = match hash {
            None => names.for_each(&mut one),
            // Records are sorted by hash, and by name if the hashes are equal.
            Some(hash) => {
                names.for_equal(&|record| Ok(name_record(record, t, id_len)?.hash.cmp(&hash)), &mut one)
            }
        };
        done.in_object(self.path())
    }

    fn entry(&self, bytes: &[u8], offset: u64) -> AttributeEntry {
        let raw = match attribute::read(&mut Cursor::new(bytes, offset)) {
            Ok(raw) => raw,
            Err(e) => return AttributeEntry { name: String::new(), value: Err(e.in_object(self.path())) },
        };
        let name = String::from_utf8_lossy(raw.name).into_owned();
        let value = self.attribute_value(raw).map_err(|e| e.in_object(&format!("{}@{name}", self.path())));
        AttributeEntry { name, value }
    }

    fn attribute_value(&self, raw: attribute::RawAttribute<'_>) -> Result<Value> {
        let file = self.file();
        let nesting = file.limits().nesting;
        let datatype = if raw.datatype_shared {
            let (bytes, at) = file.resolve_shared(kind::DATATYPE, raw.datatype)?;
            datatype::read(&mut Cursor::new(&bytes, at), nesting)?
        } else {
            datatype::read(&mut raw.datatype.clone(), nesting)?
        };
        let dataspace = if raw.dataspace_shared {
            let (bytes, at) = file.resolve_shared(kind::DATASPACE, raw.dataspace)?;
            dataspace::read(&mut Cursor::new(&bytes, at), file.addresses().sizes())?
        } else {
            dataspace::read(&mut raw.dataspace.clone(), file.addresses().sizes())?
        };
        let len = checked::mul(dataspace.elements()?, u64::from(datatype.size))?;
        let mut src = raw.value;
        if (src.len() as u64) < len {
            let text = format!("attribute value ends early (expected {len} bytes, got {})", src.len());
            return Err(Error::malformed(text).at(src.offset()));
        }
        let bytes = src.take(checked::size(len)?)?.to_vec();
        Ok(Value::new(file, datatype, &dataspace, bytes))
    }
}

/// Parses a record of the B-tree of names, whose records have type `t`.
fn name_record(mut record: Cursor<'_>, t: u8, id_len: usize) -> Result<AttributeName<'_>> {
    records::expect_type(t, records::ATTRIBUTE_NAMES, "attribute names").at(record.offset())?;
    AttributeName::read(&mut record, id_len)
}
