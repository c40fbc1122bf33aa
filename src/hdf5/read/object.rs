//! An object: what the messages of its header describe.

use super::description::ObjectDescription;
use super::file::File;
use super::link::Link;
use super::messages::Messages;
use crate::error::{Place, Result};
use crate::hdf5::format::message::dataspace::Dataspace;
use crate::hdf5::format::message::link_info::DenseStorage;
use crate::hdf5::format::message::{attribute_info, kind};
use std::fmt;
use std::sync::{Arc, OnceLock};

/// A group, dataset or named datatype of an open file. Cloning is cheap.
#[derive(Clone)]
pub struct Object {
    path: Arc<str>,
    kept: Arc<Kept>,
}

/// State shared by the clones of an object: its messages, and what is parsed from them on first use.
struct Kept {
    address: u64,
    messages: Messages,
    /// The links of a group, sorted by name.
    links: OnceLock<Vec<Link>>,
    /// Where dense attributes are stored, if there are any.
    dense: OnceLock<Option<DenseStorage>>,
    /// Shape, type and storage of a dataset.
    description: OnceLock<Arc<ObjectDescription>>,
}

/// Kind of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectKind {
    /// Has links to other objects.
    Group,
    /// Has elements.
    Dataset,
    /// A committed datatype.
    NamedType,
    /// Has none of the messages that mark the other kinds.
    Unknown,
}

impl ObjectKind {
    /// Name of the kind: `group`, `dataset`, `named-type` or `unknown`.
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
    /// Fails if its header cannot be read.
    pub fn root(&self) -> Result<Object> {
        Object::open(self, self.root_address(), "/")
    }
}

impl Object {
    pub(crate) fn open(file: &File, address: u64, path: &str) -> Result<Self> {
        Self::open_at(file, address, path.into())
    }

    /// The object whose header lies at `address`, reached by `path`.
    pub(crate) fn open_at(file: &File, address: u64, path: Arc<str>) -> Result<Self> {
        let messages = Messages::read(file, address).in_object(&path)?;
        let kept = Kept {
            address,
            messages,
            links: OnceLock::new(),
            dense: OnceLock::new(),
            description: OnceLock::new(),
        };
        Ok(Object { path, kept: Arc::new(kept) })
    }

    /// Path in the file by which the object was reached.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Last component of the path; empty for the root.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// File that contains the object.
    pub fn file(&self) -> &File {
        self.kept.messages.file()
    }

    /// Address of the object header; the same for every path to the object.
    pub fn address(&self) -> u64 {
        self.kept.address
    }

    /// Kind of the object.
    pub fn kind(&self) -> ObjectKind {
        let has = |k| self.kept.messages.has(k);
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

    /// Whether it is a dataset with a null dataspace, which has no elements.
    pub fn is_null(&self) -> bool {
        self.is_dataset() && self.description().is_ok_and(|d| d.dataspace == Dataspace::Null)
    }

    pub(crate) fn messages(&self) -> &Messages {
        &self.kept.messages
    }

    /// The path, shared with clones.
    pub(crate) fn shared_path(&self) -> &Arc<str> {
        &self.path
    }

    /// The links of a group; the first call makes them with `read`.
    pub(crate) fn kept_links(&self, read: impl FnOnce() -> Result<Vec<Link>>) -> Result<&[Link]> {
        if let Some(links) = self.kept.links.get() {
            return Ok(links);
        }
        let links = read()?;
        Ok(self.kept.links.get_or_init(|| links))
    }

    /// Where dense attributes are stored, if there are any.
    pub(crate) fn dense_attributes(&self) -> Result<Option<DenseStorage>> {
        if let Some(dense) = self.kept.dense.get() {
            return Ok(*dense);
        }
        let sizes = self.file().addresses().sizes();
        let info = self.kept.messages.parse(kind::ATTRIBUTE_INFO, |src| attribute_info::read(src, sizes));
        let dense = info.in_object(&self.path)?.flatten();
        Ok(*self.kept.dense.get_or_init(|| dense))
    }

    /// Shape, type and storage as a dataset.
    pub(crate) fn description(&self) -> Result<Arc<ObjectDescription>> {
        if let Some(description) = self.kept.description.get() {
            return Ok(Arc::clone(description));
        }
        let read = ObjectDescription::read(&self.kept.messages, self.kept.address).in_object(&self.path)?;
        Ok(Arc::clone(self.kept.description.get_or_init(|| Arc::new(read))))
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Object").field("path", &self.path).field("kind", &self.kind()).finish()
    }
}
