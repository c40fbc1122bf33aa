//! A dataset: a handle of metadata (shape, type, storage) that reads elements on request.

mod composed;
mod index;
mod place;
mod slab;

pub(crate) use place::ElementsPlace;

use super::chunks::REQUEST;
use super::description::ObjectDescription;
use super::object::Object;
use super::value::Value;
use crate::bytes::checked;
use crate::dtype::Datatype;
use crate::error::{Error, Place, Result};
use crate::hdf5::format::message::dataspace::Dataspace;
use crate::hdf5::format::message::filter_pipeline::Filter;
use crate::hdf5::format::message::layout::Layout;
use crate::limits;
use std::sync::Arc;

/// A dataset of an open file. Opening reads only its header.
#[derive(Debug, Clone)]
pub struct Dataset {
    object: Object,
    about: Arc<ObjectDescription>,
}

/// Storage of the elements of a dataset, for display and for planning reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Storage {
    /// In the object header.
    Compact,
    /// In one contiguous piece.
    Contiguous,
    /// In chunks with this number of elements in each dimension.
    Chunked(Vec<u64>),
    /// In other datasets, as a virtual dataset.
    Virtual,
}

impl Object {
    /// This object as a dataset.
    ///
    /// # Errors
    /// `Usage` if it is not a dataset; `Malformed` or `Unsupported` if its header cannot be understood.
    pub fn dataset(&self) -> Result<Dataset> {
        if !self.is_dataset() {
            let text = format!("{} is a {}, not a dataset", self.path(), self.kind().name());
            return Err(Error::usage(text).in_object(self.path()));
        }
        Ok(Dataset { object: self.clone(), about: self.description()? })
    }
}

impl Dataset {
    /// The object of the dataset.
    pub fn object(&self) -> &Object {
        &self.object
    }

    /// Type of the elements.
    pub fn datatype(&self) -> &Datatype {
        &self.about.datatype
    }

    /// Extent of the dataset.
    pub fn dataspace(&self) -> &Dataspace {
        &self.about.dataspace
    }

    /// Dimensions; empty for a scalar and for a null dataspace.
    pub fn shape(&self) -> &[u64] {
        self.about.dataspace.shape().unwrap_or_default()
    }

    /// Number of elements.
    pub fn elements(&self) -> u64 {
        self.about.dataspace.elements().unwrap_or(0)
    }

    /// Bytes of all elements, decoded.
    pub fn byte_len(&self) -> u64 {
        self.elements().saturating_mul(u64::from(self.about.datatype.size))
    }

    /// Storage of the elements.
    pub fn storage(&self) -> Storage {
        match &self.about.layout {
            Layout::Compact(_) => Storage::Compact,
            Layout::Contiguous { .. } => Storage::Contiguous,
            Layout::Chunked(c) => Storage::Chunked(c.dims.clone()),
            Layout::Virtual(_) => Storage::Virtual,
        }
    }

    /// The filters of the chunks, in write order.
    pub fn filters(&self) -> &[Filter] {
        &self.about.filters
    }

    /// The registered name of a filter, or else its number.
    pub fn filter_name(filter: &Filter) -> String {
        crate::hdf5::filter::registered_name(filter.id).map_or_else(|| filter.id.to_string(), str::to_owned)
    }

    /// Memory of a [`Scratch`](super::chunks::Scratch) in bytes if `elements` are read at once: the stored
    /// and decoded bytes of a chunk that is not decoded directly into the output, doubled if two are decoded
    /// together, and the stored bytes of chunks that are read together.
    pub fn scratch_bytes(&self, elements: u64) -> u64 {
        match &self.about.decoder {
            Some(decoder) if !self.about.filters.is_empty() => {
                let wanted = elements.saturating_mul(u64::from(self.about.datatype.size));
                let held = if wanted > decoder.chunk_bytes { 4 } else { 2 };
                decoder.chunk_bytes.saturating_mul(held).saturating_add(wanted.min(REQUEST))
            }
            _ => 0,
        }
    }

    /// Maximum bytes of elements in memory at once, from the limits and the size of the file.
    pub(crate) fn most_bytes(&self) -> u64 {
        let file = self.object.file();
        file.addresses().limits().value_bytes.min(file.len().saturating_mul(1100).max(limits::SMALL_VALUE))
    }

    /// Refuses `len` bytes of elements in memory at once if they are more than [`most_bytes`](Self::most_bytes).
    pub(crate) fn check_bytes(&self, len: u64) -> Result<()> {
        let most = self.most_bytes();
        if len > most {
            let text = format!("a value of {len} bytes (limit {most})");
            return Err(Error::limit(text).in_object(self.object.path()));
        }
        Ok(())
    }

    /// Refuses texts of `bytes` bytes together, in parts of this dataset that were read one after another, if their
    /// elements cannot refer to so many.
    pub(crate) fn check_text(&self, bytes: u64) -> Result<()> {
        if !self.about.datatype.has_references() {
            return Ok(());
        }
        crate::hdf5::read::global_heap::check_referred(self.object.file().addresses(), bytes)
            .in_object(self.object.path())
    }

    /// A value of `len` elements of this dataset, whose bytes were read: a list without further dimensions.
    pub(crate) fn value_of(&self, len: u64, bytes: Vec<u8>) -> Value {
        Value::new(self.object.file(), self.about.datatype.clone(), &Dataspace::fixed(&[len]), bytes)
    }

    /// Reads all elements.
    ///
    /// # Errors
    /// `Limit` if that takes more memory than the limits or the process allow; otherwise as for any read.
    pub fn read(&self) -> Result<Value> {
        let len = self.byte_len();
        let file = self.object.file();
        self.check_bytes(len)?;
        if let Layout::Contiguous { address: Some(address), .. } = self.about.layout {
            file.addresses().check(address, len).in_object(self.object.path())?;
        }
        let mut bytes = limits::zeroed(checked::size(len)?).in_object(self.object.path())?;
        let shape = self.shape().to_vec();
        self.read_slab(&vec![0; shape.len()], &shape, &mut bytes, &mut super::chunks::Scratch::default())?;
        Ok(Value::new(file, self.about.datatype.clone(), &self.about.dataspace, bytes))
    }
}
