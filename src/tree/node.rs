//! An object of a container: a group, an array, or something else.

use super::{Array, Value};
use crate::error::{Error, Result};
use crate::hdf5;
use std::borrow::Cow;

/// A group or an array, as metadata. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Node(NodeOf);

#[derive(Debug, Clone)]
enum NodeOf {
    Hdf5(hdf5::Object),
}

/// A child of a group, by its name; what it leads to has not been read.
#[derive(Debug, Clone, Copy)]
pub struct Link<'g>(LinkOf<'g>);

#[derive(Debug, Clone, Copy)]
enum LinkOf<'g> {
    Hdf5(&'g hdf5::Link),
}

impl Link<'_> {
    /// The name, for display and paths; what is not UTF-8 in it is replaced.
    pub fn name(&self) -> Cow<'_, str> {
        let LinkOf::Hdf5(link) = self.0;
        link.name()
    }

    /// Whether the name is exactly this.
    pub fn is_called(&self, name: &str) -> bool {
        let LinkOf::Hdf5(link) = self.0;
        link.name == name.as_bytes()
    }
}

impl Node {
    /// Its path in the container, as it was reached.
    pub fn path(&self) -> &str {
        let NodeOf::Hdf5(object) = &self.0;
        object.path()
    }

    /// Its last name; empty for the root.
    pub fn name(&self) -> &str {
        self.path().rsplit('/').next().unwrap_or_default()
    }

    /// Whether it is a group.
    pub fn is_group(&self) -> bool {
        let NodeOf::Hdf5(object) = &self.0;
        object.is_group()
    }

    /// Whether it is an array; scalars are arrays without dimensions.
    pub fn is_array(&self) -> bool {
        let NodeOf::Hdf5(object) = &self.0;
        object.is_dataset()
    }

    /// Whether it is an array that holds nothing and has no shape.
    pub fn is_null(&self) -> bool {
        let NodeOf::Hdf5(object) = &self.0;
        object.is_null()
    }

    /// A number that the same object has under every path that leads to it.
    pub(super) fn identity(&self) -> u64 {
        let NodeOf::Hdf5(object) = &self.0;
        object.address()
    }

    /// Levels of groups that may be followed from the root.
    pub(super) fn deepest(&self) -> u32 {
        let NodeOf::Hdf5(object) = &self.0;
        object.file().addresses().limits().group_depth
    }

    /// Bytes of the whole container: what a size that it claims is compared with.
    pub fn container_bytes(&self) -> u64 {
        let NodeOf::Hdf5(object) = &self.0;
        object.file().len()
    }

    /// The children of a group, names in byte order. None for an array.
    ///
    /// # Errors
    /// Where the structures that hold them are damaged.
    pub fn links(&self) -> Result<Vec<Link<'_>>> {
        let NodeOf::Hdf5(object) = &self.0;
        Ok(object.links()?.iter().map(|link| Link(LinkOf::Hdf5(link))).collect())
    }

    /// Child number `n` of those in [`links`](Self::links), without listing them again.
    pub(super) fn nth_link(&self, n: usize) -> Result<Option<Link<'_>>> {
        let NodeOf::Hdf5(object) = &self.0;
        Ok(object.links()?.get(n).map(|link| Link(LinkOf::Hdf5(link))))
    }

    /// The object that a child leads to.
    ///
    /// # Errors
    /// `Unsupported` for links out of the container; `Malformed` for those that lead nowhere.
    pub fn open_link(&self, link: Link<'_>) -> Result<Node> {
        let NodeOf::Hdf5(object) = &self.0;
        let LinkOf::Hdf5(link) = link.0;
        object.open_link(link).map(Node::from)
    }

    /// The child of this name, if there is one.
    ///
    /// # Errors
    /// As [`links`](Self::links) and [`open_link`](Self::open_link).
    pub fn child(&self, name: &str) -> Result<Option<Node>> {
        let NodeOf::Hdf5(object) = &self.0;
        Ok(object.child(name)?.map(Node::from))
    }

    /// The object at a path below this one, names separated by `/`.
    ///
    /// # Errors
    /// `NotFound` where a name does not exist; otherwise as [`child`](Self::child).
    pub fn descend(&self, path: &str) -> Result<Node> {
        let NodeOf::Hdf5(object) = &self.0;
        object.descend(path).map(Node::from)
    }

    /// The attribute of this name, if there is one.
    ///
    /// # Errors
    /// Where it exists and cannot be read.
    pub fn attribute(&self, name: &str) -> Result<Option<Value>> {
        let NodeOf::Hdf5(object) = &self.0;
        Ok(object.attribute(name)?.map(|found| found.value.into()))
    }

    /// All attributes, names in byte order. One that cannot be read carries its own error.
    ///
    /// # Errors
    /// Where the structures that hold them are damaged.
    pub fn attributes(&self) -> Result<Vec<(String, Result<Value>)>> {
        let NodeOf::Hdf5(object) = &self.0;
        Ok(object.attributes()?.into_iter().map(|a| (a.name, a.value.map(Value::from))).collect())
    }

    /// The array that this is.
    ///
    /// # Errors
    /// `Usage` where it is a group; `Malformed` or `Unsupported` as its type, shape and storage are.
    pub fn array(&self) -> Result<Array> {
        let NodeOf::Hdf5(object) = &self.0;
        object.dataset().map(Array::from)
    }

    /// The object that a reference leads to; `path` is what errors call it.
    ///
    /// # Errors
    /// `Malformed` where `reference` is no single reference to an object.
    pub fn referred(&self, reference: &Value, path: &str) -> Result<Node> {
        let NodeOf::Hdf5(object) = &self.0;
        match reference.references()?[..] {
            [address] if address != 0 => hdf5::Object::open(object.file(), address, path).map(Node::from),
            _ => Err(Error::malformed("column whose labels are referred to nowhere").in_object(self.path())),
        }
    }
}

impl From<hdf5::Object> for Node {
    fn from(object: hdf5::Object) -> Self {
        Node(NodeOf::Hdf5(object))
    }
}
