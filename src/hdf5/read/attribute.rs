//! Attributes of an object, compact and dense alike.

use super::fractal_heap::FractalHeap;
use super::object::Object;
use super::value::Value;
use crate::bytes::Cursor;
use crate::bytes::checked;
use crate::error::{Error, Place, Result};
use crate::hdf5::format::message::{attribute, attribute_info, dataspace, datatype, kind};
use crate::limits::Limits;

/// A named value on an object.
#[derive(Debug, Clone)]
pub struct Attribute {
    /// Its name.
    pub name: String,
    /// Type, shape and bytes.
    pub value: Value,
}

/// An attribute as it stands in a listing: one that cannot be read does not hide the others.
#[derive(Debug)]
pub struct AttributeEntry {
    /// Its name, where that much could be read.
    pub name: String,
    /// Its value, or why there is none.
    pub value: Result<Value>,
}

impl Object {
    /// All attributes, names in byte order.
    ///
    /// # Errors
    /// Where the structures that hold them are damaged; a single attribute carries its own error.
    pub fn attributes(&self) -> Result<Vec<AttributeEntry>> {
        let mut out = Vec::new();
        for m in self.messages_of(kind::ATTRIBUTE) {
            let (bytes, offset) = self.resolve(m)?;
            out.push(self.entry(&bytes, offset));
        }
        self.dense_attributes(&mut |bytes, offset| {
            out.push(self.entry(bytes, offset));
            Ok(())
        })?;
        out.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(out)
    }

    /// The attribute of this name, if there is one.
    ///
    /// # Errors
    /// Where it is there and cannot be read.
    pub fn attribute(&self, name: &str) -> Result<Option<Attribute>> {
        let found = self.attributes()?.into_iter().find(|a| a.name == name);
        found.map(|a| Ok(Attribute { name: a.name, value: a.value? })).transpose()
    }

    fn dense_attributes(&self, visit: &mut dyn FnMut(&[u8], u64) -> Result<()>) -> Result<()> {
        let sizes = self.file.addresses().sizes();
        let info = self.message(kind::ATTRIBUTE_INFO, |src| attribute_info::read(src, sizes))?;
        let Some(Some(dense)) = info else { return Ok(()) };
        let mut heap = FractalHeap::open(self.file.addresses(), dense.heap).in_object(self.path())?;
        let id_len = heap.id_len();
        let mut count = 0u64;
        super::btree_v2::for_each_record(self.file.addresses(), dense.names, &mut |header, mut record| {
            if header.record_type != 8 {
                let t = header.record_type;
                return Err(record.malformed(format!("B-tree of attribute names (expected type 8, got {t})")));
            }
            count = count.saturating_add(1);
            Limits::check("attributes", count, self.file.addresses().limits().children)?;
            let at = record.offset();
            let id = record.take(id_len)?;
            let flags = record.read_u8()?;
            if flags & crate::hdf5::format::object_header::SHARED != 0 {
                let shared: [u8; 8] = Cursor::new(id, at).array()?;
                let reference = crate::hdf5::format::message::shared::Shared::Heap(shared);
                return visit(&self.file.shared_message(kind::ATTRIBUTE, reference)?, at);
            }
            visit(&heap.object(id)?, at)
        })
        .in_object(self.path())
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
        let file = &self.file;
        let datatype = if raw.datatype_shared {
            let (bytes, at) = file.resolve_shared(kind::DATATYPE, raw.datatype)?;
            datatype::read(&mut Cursor::new(&bytes, at))?
        } else {
            datatype::read(&mut raw.datatype.clone())?
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
        Ok(Value::new(file, datatype, dataspace, bytes))
    }
}
