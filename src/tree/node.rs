//! An object in a container: a group, an array, or another kind of object.

use super::{Array, Value};
use crate::error::{Error, Result};
use crate::hdf5;
use std::borrow::Cow;
use std::hash::{Hash, Hasher};

/// Metadata of an object: a group, an array, or another kind of object such as a committed type. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Node(NodeOf);

#[derive(Debug, Clone)]
enum NodeOf {
    Hdf5(hdf5::Object),
}

/// A named link of a group to a child object, which has not been opened.
#[derive(Debug, Clone, Copy)]
pub struct Link<'g>(LinkOf<'g>);

#[derive(Debug, Clone, Copy)]
enum LinkOf<'g> {
    Hdf5(&'g hdf5::Link),
}

/// Identifies an object of an open container: equal for all links to the same object.
#[derive(Debug, Clone)]
pub struct NodeId {
    file: hdf5::File,
    address: u64,
}

impl PartialEq for NodeId {
    fn eq(&self, other: &Self) -> bool {
        self.address == other.address && self.file.addresses().is(other.file.addresses())
    }
}

impl Eq for NodeId {}

impl Hash for NodeId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.address.hash(state);
    }
}

impl Link<'_> {
    /// The name for display and paths; bytes that are not UTF-8 are replaced.
    pub fn name(&self) -> Cow<'_, str> {
        let LinkOf::Hdf5(link) = self.0;
        link.name()
    }

    /// Whether it names its target by a path, which may lead nowhere or to another container.
    pub fn is_by_path(&self) -> bool {
        let LinkOf::Hdf5(link) = self.0;
        !matches!(link.target, hdf5::Target::Hard(_))
    }

    /// Whether the name is exactly `name`, byte by byte.
    pub fn is_called(&self, name: &str) -> bool {
        let LinkOf::Hdf5(link) = self.0;
        link.name == name.as_bytes()
    }
}

impl Node {
    /// The path by which it was opened, from the root of the container.
    pub fn path(&self) -> &str {
        let NodeOf::Hdf5(object) = &self.0;
        object.path()
    }

    /// The last name of its path; empty for the root.
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

    /// Whether it is a null array: no elements and no shape.
    pub fn is_null(&self) -> bool {
        let NodeOf::Hdf5(object) = &self.0;
        object.is_null()
    }

    /// A number that identifies the object in its container, whichever path led to it.
    pub(super) fn identity(&self) -> u64 {
        let NodeOf::Hdf5(object) = &self.0;
        object.address()
    }

    /// Identifies the object among the objects of all open containers, whichever path led to it.
    pub fn id(&self) -> NodeId {
        let NodeOf::Hdf5(object) = &self.0;
        NodeId { file: object.file().clone(), address: object.address() }
    }

    /// Maximum depth of nested groups.
    pub(crate) fn deepest(&self) -> u32 {
        let NodeOf::Hdf5(object) = &self.0;
        object.file().addresses().limits().group_depth
    }

    /// Size of the whole container in bytes, which bounds the sizes that its metadata may claim.
    pub fn container_bytes(&self) -> u64 {
        let NodeOf::Hdf5(object) = &self.0;
        object.file().len()
    }

    /// The links of a group, names in byte order. An array has none.
    ///
    /// # Errors
    /// `Io`, `Malformed` or `Unsupported` if the structures of the group cannot be read.
    pub fn links(&self) -> Result<Vec<Link<'_>>> {
        let NodeOf::Hdf5(object) = &self.0;
        Ok(object.links()?.iter().map(|link| Link(LinkOf::Hdf5(link))).collect())
    }

    /// Link number `n` of [`links`](Self::links), without a vector of all.
    pub(super) fn nth_link(&self, n: usize) -> Result<Option<Link<'_>>> {
        let NodeOf::Hdf5(object) = &self.0;
        Ok(object.links()?.get(n).map(|link| Link(LinkOf::Hdf5(link))))
    }

    /// Opens the object that a link of this group leads to.
    ///
    /// # Errors
    /// `Unsupported` for links to other files; `Malformed` for links to objects that do not exist.
    pub fn open_link(&self, link: Link<'_>) -> Result<Node> {
        let NodeOf::Hdf5(object) = &self.0;
        let LinkOf::Hdf5(link) = link.0;
        object.open_link(link).map(Node::from)
    }

    /// The child called `name`; `None` if there is no such link.
    ///
    /// # Errors
    /// As [`links`](Self::links) and [`open_link`](Self::open_link).
    pub fn child(&self, name: &str) -> Result<Option<Node>> {
        let NodeOf::Hdf5(object) = &self.0;
        Ok(object.child(name)?.map(Node::from))
    }

    /// The object at `path`, relative to this one, names separated by `/`.
    ///
    /// # Errors
    /// `NotFound` if a name does not exist; otherwise as [`child`](Self::child).
    pub fn descend(&self, path: &str) -> Result<Node> {
        let NodeOf::Hdf5(object) = &self.0;
        object.descend(path).map(Node::from)
    }

    /// The attribute called `name`; `None` if there is none.
    ///
    /// # Errors
    /// `Io`, `Malformed` or `Unsupported` if it exists and cannot be read.
    pub fn attribute(&self, name: &str) -> Result<Option<Value>> {
        let NodeOf::Hdf5(object) = &self.0;
        Ok(object.attribute(name)?.map(|found| found.value.into()))
    }

    /// All attributes, names in byte order. An attribute that cannot be read is listed with its error.
    ///
    /// # Errors
    /// `Io`, `Malformed` or `Unsupported` if the structures that list the attributes cannot be read.
    pub fn attributes(&self) -> Result<Vec<(String, Result<Value>)>> {
        let NodeOf::Hdf5(object) = &self.0;
        Ok(object.attributes()?.into_iter().map(|a| (a.name, a.value.map(Value::from))).collect())
    }

    /// Opens this object as an array.
    ///
    /// # Errors
    /// `Usage` if it is a group; `Malformed` or `Unsupported` for its type, shape and storage.
    pub fn array(&self) -> Result<Array> {
        let NodeOf::Hdf5(object) = &self.0;
        object.dataset().map(Array::from)
    }

    /// Opens the object that a reference leads to; `path` is its name in errors.
    ///
    /// # Errors
    /// `Unsupported` if `reference` has another type; `Malformed` if it is null, or not exactly one.
    pub fn open_reference(&self, reference: &Value, path: &str) -> Result<Node> {
        let NodeOf::Hdf5(object) = &self.0;
        match reference.references()?[..] {
            [address] if address != 0 => hdf5::Object::open(object.file(), address, path).map(Node::from),
            _ => {
                Err(Error::malformed("expected one object reference that is not null").in_object(self.path()))
            }
        }
    }
}

impl From<hdf5::Object> for Node {
    fn from(object: hdf5::Object) -> Self {
        Node(NodeOf::Hdf5(object))
    }
}
