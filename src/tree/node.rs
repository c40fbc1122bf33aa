//! An object in a container: a group, an array, or another kind of object.

use super::{Array, Value};
use crate::error::{Error, Result};
use crate::hdf5;
use crate::zarr;
use std::borrow::Cow;
use std::hash::{Hash, Hasher};

/// Metadata of an object: a group, an array, or another kind of object such as a committed type. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Node(NodeOf);

#[derive(Debug, Clone)]
enum NodeOf {
    Hdf5(hdf5::Object),
    Zarr(zarr::ZarrNode),
}

/// A named link of a group to a child object, which has not been opened.
#[derive(Debug, Clone, Copy)]
pub struct Link<'g>(LinkOf<'g>);

#[derive(Debug, Clone, Copy)]
enum LinkOf<'g> {
    Hdf5(&'g hdf5::Link),
    Zarr(&'g str),
}

/// Identifies an object of an open container: equal for all links to the same object.
#[derive(Debug, Clone)]
pub struct NodeId(IdOf);

#[derive(Debug, Clone)]
enum IdOf {
    /// The address of its header.
    Hdf5(hdf5::File, u64),
    /// Its path, links followed.
    Zarr(zarr::ZarrNode),
}

#[cfg(test)]
impl NodeId {
    /// The address of the header in an HDF5 file.
    pub(super) fn address(&self) -> Option<u64> {
        match self.0 {
            IdOf::Hdf5(_, address) => Some(address),
            IdOf::Zarr(_) => None,
        }
    }
}

impl PartialEq for NodeId {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (IdOf::Hdf5(file, address), IdOf::Hdf5(other, place)) => {
                address == place && file.addresses().is(other.addresses())
            }
            (IdOf::Zarr(object), IdOf::Zarr(other)) => object.is(other),
            _ => false,
        }
    }
}

impl Eq for NodeId {}

impl Hash for NodeId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match &self.0 {
            IdOf::Hdf5(_, address) => address.hash(state),
            IdOf::Zarr(object) => object.place().hash(state),
        }
    }
}

impl Link<'_> {
    /// The name for display and paths; bytes that are not UTF-8 are replaced.
    pub fn name(&self) -> Cow<'_, str> {
        match self.0 {
            LinkOf::Hdf5(link) => link.name(),
            LinkOf::Zarr(name) => Cow::Borrowed(name),
        }
    }

    /// Whether it names its target by a path, which may lead nowhere or to another container.
    pub fn is_by_path(&self) -> bool {
        match self.0 {
            LinkOf::Hdf5(link) => !matches!(link.target, hdf5::Target::Hard(_)),
            LinkOf::Zarr(_) => false,
        }
    }

    /// Whether the name is exactly `name`, byte by byte.
    pub fn is_called(&self, name: &str) -> bool {
        match self.0 {
            LinkOf::Hdf5(link) => link.name == name.as_bytes(),
            LinkOf::Zarr(own) => own == name,
        }
    }
}

impl Node {
    /// The path by which it was opened, from the root of the container.
    pub fn path(&self) -> &str {
        match &self.0 {
            NodeOf::Hdf5(object) => object.path(),
            NodeOf::Zarr(object) => object.path(),
        }
    }

    /// The last name of its path; empty for the root.
    pub fn name(&self) -> &str {
        self.path().rsplit('/').next().unwrap_or_default()
    }

    /// Whether it is a group.
    pub fn is_group(&self) -> bool {
        match &self.0 {
            NodeOf::Hdf5(object) => object.is_group(),
            NodeOf::Zarr(object) => object.is_group(),
        }
    }

    /// Whether it is an array; scalars are arrays without dimensions.
    pub fn is_array(&self) -> bool {
        match &self.0 {
            NodeOf::Hdf5(object) => object.is_dataset(),
            NodeOf::Zarr(object) => !object.is_group(),
        }
    }

    /// Whether it is a null array: no elements and no shape.
    pub fn is_null(&self) -> bool {
        match &self.0 {
            NodeOf::Hdf5(object) => object.is_null(),
            NodeOf::Zarr(object) => object.is_null(),
        }
    }

    /// Identifies the object among the objects of all open containers, whichever path led to it.
    pub fn id(&self) -> NodeId {
        NodeId(match &self.0 {
            NodeOf::Hdf5(object) => IdOf::Hdf5(object.file().clone(), object.address()),
            NodeOf::Zarr(object) => IdOf::Zarr(object.clone()),
        })
    }

    /// Whether both are in the same open container: a link may lead to another.
    pub(crate) fn is_beside(&self, other: &Node) -> bool {
        match (&self.0, &other.0) {
            (NodeOf::Hdf5(object), NodeOf::Hdf5(other)) => {
                object.file().addresses().is(other.file().addresses())
            }
            (NodeOf::Zarr(_), NodeOf::Zarr(_)) => true,
            _ => false,
        }
    }

    /// Name of the format of its container.
    pub fn container_name(&self) -> &'static str {
        match &self.0 {
            NodeOf::Hdf5(_) => "HDF5",
            NodeOf::Zarr(_) => "zarr",
        }
    }

    /// The only child of a group that has no metadata: what a zip file of a whole folder holds.
    ///
    /// # Errors
    /// As [`open_link`](Self::open_link).
    pub(crate) fn only_content(&self) -> Result<Option<Node>> {
        match &self.0 {
            NodeOf::Zarr(object) if object.is_implicit() => match &self.links()?[..] {
                [only] => self.open_link(*only).map(Some),
                _ => Ok(None),
            },
            _ => Ok(None),
        }
    }

    /// Maximum depth of nested groups.
    pub(crate) fn deepest(&self) -> u32 {
        match &self.0 {
            NodeOf::Hdf5(object) => object.file().addresses().limits().group_depth,
            NodeOf::Zarr(object) => object.limits().group_depth,
        }
    }

    /// Size of the whole container in bytes, which bounds the sizes that its metadata may claim.
    pub fn container_bytes(&self) -> u64 {
        match &self.0 {
            NodeOf::Hdf5(object) => object.file().len(),
            NodeOf::Zarr(object) => object.hierarchy().bytes(),
        }
    }

    /// The links of a group, names in byte order. An array has none.
    ///
    /// # Errors
    /// `Io`, `Malformed` or `Unsupported` if the structures of the group cannot be read.
    pub fn links(&self) -> Result<Vec<Link<'_>>> {
        Ok(match &self.0 {
            NodeOf::Hdf5(object) => object.links()?.iter().map(|link| Link(LinkOf::Hdf5(link))).collect(),
            NodeOf::Zarr(object) => object.links()?.iter().map(|name| Link(LinkOf::Zarr(name))).collect(),
        })
    }

    /// Link number `n` of [`links`](Self::links), without a vector of all.
    pub(crate) fn nth_link(&self, n: usize) -> Result<Option<Link<'_>>> {
        Ok(match &self.0 {
            NodeOf::Hdf5(object) => object.links()?.get(n).map(|link| Link(LinkOf::Hdf5(link))),
            NodeOf::Zarr(object) => object.links()?.get(n).map(|name| Link(LinkOf::Zarr(name))),
        })
    }

    /// Opens the object that a link of this group leads to.
    ///
    /// # Errors
    /// `Unsupported` for links to other files; `Malformed` for links to objects that do not exist.
    pub fn open_link(&self, link: Link<'_>) -> Result<Node> {
        match (&self.0, link.0) {
            (NodeOf::Hdf5(object), LinkOf::Hdf5(link)) => object.open_link(link).map(Node::from),
            _ => self.child(&link.name())?.ok_or_else(|| Error::not_found(format!("no '{}'", link.name()))),
        }
    }

    /// The child called `name`; `None` if there is no such link.
    ///
    /// # Errors
    /// As [`links`](Self::links) and [`open_link`](Self::open_link).
    pub fn child(&self, name: &str) -> Result<Option<Node>> {
        Ok(match &self.0 {
            NodeOf::Hdf5(object) => object.child(name)?.map(Node::from),
            NodeOf::Zarr(object) => object.child(name)?.map(Node::from),
        })
    }

    /// The object at `path`, relative to this one, names separated by `/`.
    ///
    /// # Errors
    /// `NotFound` if a name does not exist; otherwise as [`child`](Self::child).
    pub fn descend(&self, path: &str) -> Result<Node> {
        match &self.0 {
            NodeOf::Hdf5(object) => object.descend(path).map(Node::from),
            NodeOf::Zarr(object) => object.descend(path).map(Node::from),
        }
    }

    /// The attribute called `name`; `None` if there is none.
    ///
    /// # Errors
    /// `Io`, `Malformed` or `Unsupported` if it exists and cannot be read.
    pub fn attribute(&self, name: &str) -> Result<Option<Value>> {
        Ok(match &self.0 {
            NodeOf::Hdf5(object) => object.attribute(name)?.map(|found| found.value.into()),
            NodeOf::Zarr(object) => object.attribute(name).map(Value::from),
        })
    }

    /// All attributes, names in byte order. An attribute that cannot be read is listed with its error.
    ///
    /// # Errors
    /// `Io`, `Malformed` or `Unsupported` if the structures that list the attributes cannot be read.
    pub fn attributes(&self) -> Result<Vec<(String, Result<Value>)>> {
        Ok(match &self.0 {
            NodeOf::Hdf5(object) => {
                object.attributes()?.into_iter().map(|a| (a.name, a.value.map(Value::from))).collect()
            }
            NodeOf::Zarr(object) => {
                object.attributes().into_iter().map(|(name, value)| (name, Ok(value.into()))).collect()
            }
        })
    }

    /// Opens this object as an array.
    ///
    /// # Errors
    /// `Usage` if it is a group; `Malformed` or `Unsupported` for its type, shape and storage.
    pub fn array(&self) -> Result<Array> {
        match &self.0 {
            NodeOf::Hdf5(object) => object.dataset().map(Array::from),
            NodeOf::Zarr(object) => object.array().map(Array::from),
        }
    }

    /// Opens the object that a reference leads to; `path` is its name in errors.
    ///
    /// # Errors
    /// `Unsupported` if `reference` has another type; `Malformed` if it is null, or not exactly one.
    pub fn open_reference(&self, reference: &Value, path: &str) -> Result<Node> {
        match (&self.0, reference.as_hdf5()) {
            (NodeOf::Hdf5(object), Some(value)) => match value.object_references()?[..] {
                [address] if address != 0 => hdf5::Object::open(object.file(), address, path).map(Node::from),
                _ => {
                    Err(Error::malformed("expected one object reference that is not null")
                        .in_object(self.path()))
                }
            },
            // zarr has no references: a path stands for one, from the group in which the object is
            (NodeOf::Zarr(object), _) => {
                let (target, own) = (reference.string()?, object.path());
                let group = own.rsplit_once('/').map_or("", |(group, _)| group);
                let path = if target.starts_with('/') { target } else { format!("{group}/{target}") };
                object.descend(&format!("/{}", path.trim_start_matches('/'))).map(Node::from)
            }
            (NodeOf::Hdf5(_), None) => Err(Error::usage("a reference of another container")),
        }
    }
}

impl From<zarr::ZarrNode> for Node {
    fn from(object: zarr::ZarrNode) -> Self {
        Node(NodeOf::Zarr(object))
    }
}

impl From<hdf5::Object> for Node {
    fn from(object: hdf5::Object) -> Self {
        Node(NodeOf::Hdf5(object))
    }
}
