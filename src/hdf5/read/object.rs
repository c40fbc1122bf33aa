//! An object: what the messages of its header make it.

use super::description::Description;
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

/// What clones of an object share: its messages, and what was made of them when it was first asked for.
struct Kept {
    address: u64,
    messages: Messages,
    /// The links of a group, sorted by name.
    links: OnceLock<Vec<Link>>,
    /// Where dense attributes live, if there are any.
    dense: OnceLock<Option<DenseStorage>>,
    /// What a dataset is.
    description: OnceLock<Arc<Description>>,
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
        self.kept.messages.file()
    }

    /// The address of its header, the same for every path that leads to it.
    pub fn address(&self) -> u64 {
        self.kept.address
    }

    /// What it is.
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

    /// Whether it is a dataset with a null dataspace: it is there and holds nothing.
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

    /// The links of a group, made by `read` when they are first asked for.
    pub(crate) fn kept_links(&self, read: impl FnOnce() -> Result<Vec<Link>>) -> Result<&[Link]> {
        if let Some(links) = self.kept.links.get() {
            return Ok(links);
        }
        let links = read()?;
        Ok(self.kept.links.get_or_init(|| links))
    }

    /// Where dense attributes live, if there are any.
    pub(crate) fn dense_attributes(&self) -> Result<Option<DenseStorage>> {
        if let Some(dense) = self.kept.dense.get() {
            return Ok(*dense);
        }
        let sizes = self.file().addresses().sizes();
        let info = self.kept.messages.parse(kind::ATTRIBUTE_INFO, |src| attribute_info::read(src, sizes));
        let dense = info.in_object(&self.path)?.flatten();
        Ok(*self.kept.dense.get_or_init(|| dense))
    }

    /// What it is as a dataset.
    pub(crate) fn description(&self) -> Result<Arc<Description>> {
        if let Some(description) = self.kept.description.get() {
            return Ok(Arc::clone(description));
        }
        let read = Description::read(&self.kept.messages, self.kept.address).in_object(&self.path)?;
        Ok(Arc::clone(self.kept.description.get_or_init(|| Arc::new(read))))
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Object").field("path", &self.path).field("kind", &self.kind()).finish()
    }
}
