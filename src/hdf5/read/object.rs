//! An object: what the messages of its header make it.

use super::file::File;
use super::header;
use super::link::Link;
use crate::bytes::Cursor;
use crate::error::{Place, Result};
use crate::hdf5::format::message::kind;
use crate::hdf5::format::object_header::{self, RawMessage};
use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, OnceLock};

/// A group, dataset or named datatype of an open file. Cloning is cheap.
#[derive(Clone)]
pub struct Object {
    pub(crate) file: File,
    address: u64,
    path: Arc<str>,
    pub(crate) messages: Arc<Vec<RawMessage>>,
    /// The links of a group, sorted, once they were asked for.
    pub(crate) links: Arc<OnceLock<Vec<Link>>>,
}

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectKind {
    /// Has links to other objects.
    Group,
    /// Has elements.
    Dataset,
    /// A datatype with a name.
    NamedType,
    /// Has messages of none of these.
    Unknown,
}

impl ObjectKind {
    /// The word for it: `group`, `dataset`, `named-type`, `unknown`.
    pub fn name(self) -> &'static str {
        match self {
            ObjectKind::Group => "group",
            ObjectKind::Dataset => "dataset",
            ObjectKind::NamedType => "named-type",
            ObjectKind::Unknown => "unknown",
        }
    }
}

impl File {
    /// The root group.
    ///
    /// # Errors
    /// Where its header cannot be read.
    pub fn root(&self) -> Result<Object> {
        Object::open(self, self.root_address(), "/")
    }
}

impl Object {
    pub(crate) fn open(file: &File, address: u64, path: &str) -> Result<Self> {
        let messages = header::read(file.addresses(), address).at(file.addresses().offset_of(address));
        let messages = messages.in_object(path)?;
        header::check_known(&messages).in_object(path)?;
        Ok(Object {
            file: file.clone(),
            address,
            path: path.into(),
            messages: Arc::new(messages),
            links: Arc::default(),
        })
    }

    /// Its path in the file, as it was reached.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Its last name; empty for the root.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// The file it lies in.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// The address of its header, the same for every path that leads to it.
    pub fn address(&self) -> u64 {
        self.address
    }

    /// What it is.
    pub fn kind(&self) -> ObjectKind {
        let has = |k| self.messages.iter().any(|m| m.kind == k);
        if has(kind::LAYOUT) || (has(kind::DATASPACE) && has(kind::DATATYPE)) {
            ObjectKind::Dataset
        } else if has(kind::SYMBOL_TABLE) || has(kind::LINK_INFO) || has(kind::LINK) || has(kind::GROUP_INFO)
        {
            ObjectKind::Group
        } else if has(kind::DATATYPE) {
            ObjectKind::NamedType
        } else {
            ObjectKind::Unknown
        }
    }

    /// Whether it is a group.
    pub fn is_group(&self) -> bool {
        self.kind() == ObjectKind::Group
    }

    /// Whether it is a dataset.
    pub fn is_dataset(&self) -> bool {
        self.kind() == ObjectKind::Dataset
    }

    /// Whether it is a dataset with a null dataspace: it is there and holds nothing.
    pub fn is_null(&self) -> bool {
        self.is_dataset() && self.dataset().is_ok_and(|d| *d.dataspace() == crate::hdf5::Dataspace::Null)
    }

    pub(crate) fn messages_of(&self, wanted: u16) -> impl Iterator<Item = &RawMessage> {
        self.messages.iter().filter(move |m| m.kind == wanted)
    }

    /// The first message of a type, wherever it lives, read by `parse`.
    pub(crate) fn message<T>(
        &self,
        wanted: u16,
        parse: impl FnOnce(&mut Cursor<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        let Some(m) = self.messages_of(wanted).next() else { return Ok(None) };
        let (bytes, offset) = self.resolve(m)?;
        parse(&mut Cursor::new(&bytes, offset)).map(Some).in_object(&self.path)
    }

    /// The bytes of a message and their offset, following a reference to elsewhere.
    pub(crate) fn resolve<'m>(&self, m: &'m RawMessage) -> Result<(Cow<'m, [u8]>, u64)> {
        if m.flags & object_header::SHARED == 0 {
            return Ok((Cow::Borrowed(&m.body), m.offset));
        }
        let reference = Cursor::new(&m.body, m.offset);
        let (bytes, offset) = self.file.resolve_shared(m.kind, reference).in_object(&self.path)?;
        Ok((Cow::Owned(bytes), offset))
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Object").field("path", &self.path).field("kind", &self.kind()).finish()
    }
}
