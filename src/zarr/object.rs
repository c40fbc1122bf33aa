//! A node of a store: a group or an array, with its attributes.

use super::array::{ArrayParts, ZarrArray};
use super::json::JsonValue;
use super::metadata::NodeMetadata;
use super::store::{self, Folder, KeyStore, Zip};
use super::value::ZarrValue;
use crate::bytes::{InputFile, ReadAt, special};
use crate::error::{Error, Kind, Place, Result};
use crate::limits::Limits;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// A zarr store open for reading. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Hierarchy(Arc<HierarchyInner>);

#[derive(Debug)]
struct HierarchyInner {
    store: KeyStore,
    limits: Limits,
}

/// Whether `source` is a zip file, which may hold a store.
pub fn is_zip(source: &dyn ReadAt) -> bool {
    store::is_zip(source)
}

impl Hierarchy {
    /// Opens the folder or zip file at `path`; `None` if it is not a zarr store: a folder without metadata of a
    /// node, or a file that is no zip.
    ///
    /// # Errors
    /// `Io` if it cannot be read; `Malformed` or `Limit` for the directory of a zip file; `NotHdf5` for a zip file
    /// without any node.
    pub fn find(path: &Path, limits: &Limits) -> Result<Option<Self>> {
        if path.is_dir() {
            let store = KeyStore::Folder(Folder::open(path).in_file(path)?);
            let found = NodeMetadata::exists(&store, "").in_file(path)?;
            return Ok(found.then(|| Self::new(store, limits)));
        }
        let file =
            special::open(path).and_then(InputFile::new).map_err(|e| Error::io("open", e)).in_file(path)?;
        if !store::is_zip(&file) {
            return Ok(None);
        }
        Self::from_zip(Box::new(file), limits).map(Some).in_file(path)
    }

    /// Opens a zip file in `source`.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub fn from_zip(source: Box<dyn ReadAt>, limits: &Limits) -> Result<Self> {
        let store = KeyStore::Zip(Zip::open(source, limits)?);
        if !store.has_nodes_below("") {
            return Err(Error::new(Kind::NotHdf5, "a zip file, but without metadata of zarr in it"));
        }
        Ok(Self::new(store, limits))
    }

    fn new(store: KeyStore, limits: &Limits) -> Self {
        Hierarchy(Arc::new(HierarchyInner { store, limits: limits.clone() }))
    }

    /// The root node. A zip file whose root has no metadata has an implicit group there.
    ///
    /// # Errors
    /// `Malformed` or `Unsupported` if its metadata cannot be read.
    pub fn root(&self) -> Result<ZarrNode> {
        match ZarrNode::open(self, "/")? {
            Some(root) => Ok(root),
            None if self.0.store.has_nodes_below("") => ZarrNode::implicit(self, "/"),
            None => Err(Error::malformed("expected a zarr store, got no group and no array")),
        }
    }

    /// Bytes of the zip file, or of all files of the folder, which are counted on the first call.
    pub fn bytes(&self) -> u64 {
        self.0.store.bytes()
    }

    /// Entries of a zip file that cannot be read, with their errors: they leave the archive, share bytes, or are
    /// compressed or encrypted in ways that are not read.
    pub fn broken(&self) -> &[(String, Error)] {
        self.0.store.broken()
    }

    pub(super) fn store_and_limits(&self) -> (&KeyStore, &Limits) {
        (&self.0.store, &self.0.limits)
    }

    /// Whether it is the same open store.
    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// A group or an array. Cloning is cheap.
#[derive(Clone)]
pub struct ZarrNode(Arc<NodeInner>);

struct NodeInner {
    hierarchy: Hierarchy,
    /// From the root, beginning with `/`.
    path: Arc<str>,
    /// What tells it from other nodes of the store, whichever links led to it.
    place: String,
    attributes: JsonValue,
    kind: NodeKind,
    links: OnceLock<Vec<String>>,
}

enum NodeKind {
    Group,
    /// A group without metadata.
    Implicit,
    /// What is known of the array, or why its metadata cannot be understood.
    Array(Result<Arc<ArrayParts>>),
}

impl ZarrNode {
    /// Opens the node at `path`; `None` if there is none.
    fn open(hierarchy: &Hierarchy, path: &str) -> Result<Option<ZarrNode>> {
        let HierarchyInner { store, limits } = &*hierarchy.0;
        let found = NodeMetadata::read(store, path.trim_start_matches('/'), limits).in_object(path)?;
        let Some(node) = found else { return Ok(None) };
        let kind = match node.array {
            None => NodeKind::Group,
            Some(array) => NodeKind::Array(array.map(ArrayParts::new).in_object(path)),
        };
        Self::new(hierarchy, path, node.attributes, kind).map(Some)
    }

    /// A group without metadata.
    fn implicit(hierarchy: &Hierarchy, path: &str) -> Result<ZarrNode> {
        Self::new(hierarchy, path, JsonValue::Object(Vec::new()), NodeKind::Implicit)
    }

    fn new(hierarchy: &Hierarchy, path: &str, attributes: JsonValue, kind: NodeKind) -> Result<ZarrNode> {
        let inner = NodeInner {
            hierarchy: hierarchy.clone(),
            path: path.into(),
            place: hierarchy.0.store.place(path.trim_start_matches('/')).in_object(path)?,
            attributes,
            kind,
            links: OnceLock::new(),
        };
        Ok(ZarrNode(Arc::new(inner)))
    }

    /// Path from the root, beginning with `/`.
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// What tells it from other nodes of the store, whichever links led to it.
    pub(crate) fn place(&self) -> &str {
        &self.0.place
    }

    /// Whether it is the same node of the same open store.
    pub(crate) fn is(&self, other: &ZarrNode) -> bool {
        self.place() == other.place() && self.hierarchy().is(other.hierarchy())
    }

    /// Whether it is a group.
    pub fn is_group(&self) -> bool {
        matches!(self.0.kind, NodeKind::Group | NodeKind::Implicit)
    }

    /// Whether it is a group without metadata, above nodes that have some.
    pub(crate) fn is_implicit(&self) -> bool {
        matches!(self.0.kind, NodeKind::Implicit)
    }

    /// Whether AnnData marks it as null: an array without elements and shape.
    pub fn is_null(&self) -> bool {
        !self.is_group()
            && self.0.attributes.get("encoding-type").and_then(JsonValue::as_text) == Some("null")
    }

    /// Limits on what the store may make the reader allocate.
    pub(crate) fn limits(&self) -> &Limits {
        &self.0.hierarchy.0.limits
    }

    /// The store it is in.
    pub fn hierarchy(&self) -> &Hierarchy {
        &self.0.hierarchy
    }

    pub(super) fn store(&self) -> &KeyStore {
        &self.0.hierarchy.0.store
    }

    /// The key of `name` below this node.
    pub(super) fn key(&self, name: &str) -> String {
        let path = self.path().trim_start_matches('/');
        match (path.is_empty(), name.is_empty()) {
            (true, _) => name.to_owned(),
            (_, true) => path.to_owned(),
            _ => format!("{path}/{name}"),
        }
    }

    /// Names of the children of a group in byte order. An array has none.
    ///
    /// # Errors
    /// `Io` if the folder cannot be listed; `Limit` if it has too many names.
    pub fn links(&self) -> Result<&[String]> {
        if !self.is_group() {
            return Ok(&[]);
        }
        if self.0.links.get().is_none() {
            let listing = self.store().list(&self.key(""), self.limits().children).in_object(self.path())?;
            let mut names = Vec::new();
            for name in listing.folders {
                let key = self.key(&name);
                // one that cannot be looked at is a child whose error is its own
                if NodeMetadata::exists(self.store(), &key).unwrap_or(true)
                    || self.store().has_nodes_below(&key)
                {
                    names.push(name);
                }
            }
            let _ = self.0.links.set(names);
        }
        Ok(self.0.links.get().map_or(&[], Vec::as_slice))
    }

    /// The child called `name`; `None` if there is none.
    ///
    /// # Errors
    /// `Malformed` or `Unsupported` if its metadata cannot be read.
    pub fn child(&self, name: &str) -> Result<Option<ZarrNode>> {
        if !self.is_group() || !super::store::is_name(name) {
            return Ok(None);
        }
        let path = format!("{}/{name}", self.path().trim_end_matches('/'));
        match Self::open(&self.0.hierarchy, &path)? {
            Some(found) => Ok(Some(found)),
            None if self.store().has_nodes_below(&self.key(name)) => {
                Self::implicit(&self.0.hierarchy, &path).map(Some)
            }
            None => Ok(None),
        }
    }

    /// The node at `path` relative to this one, names separated by `/`; from the root if it begins with one.
    ///
    /// # Errors
    /// `NotFound` if a name does not exist; otherwise as [`child`](Self::child).
    pub fn descend(&self, path: &str) -> Result<ZarrNode> {
        let mut at = if path.starts_with('/') { self.0.hierarchy.root()? } else { self.clone() };
        for name in path.split('/').filter(|n| !n.is_empty()) {
            let missing = || Error::not_found(format!("no '{name}'")).in_object(at.path());
            at = at.child(name)?.ok_or_else(missing)?;
        }
        Ok(at)
    }

    /// The attribute called `name`; `None` if there is none.
    pub fn attribute(&self, name: &str) -> Option<ZarrValue> {
        self.0.attributes.get(name).map(ZarrValue::of_json)
    }

    /// All attributes, names in byte order.
    pub fn attributes(&self) -> Vec<(String, ZarrValue)> {
        let JsonValue::Object(members) = &self.0.attributes else { return Vec::new() };
        let last: BTreeMap<&str, &JsonValue> =
            members.iter().map(|(name, value)| (name.as_str(), value)).collect();
        last.into_iter().map(|(name, value)| (name.to_owned(), ZarrValue::of_json(value))).collect()
    }

    /// This node as an array.
    ///
    /// # Errors
    /// `Usage` if it is a group; `Malformed` or `Unsupported` if its metadata cannot be understood.
    pub fn array(&self) -> Result<ZarrArray> {
        match &self.0.kind {
            NodeKind::Array(Ok(parts)) => Ok(ZarrArray::new(self.clone(), parts.clone())),
            NodeKind::Array(Err(e)) => Err(e.clone()),
            NodeKind::Group | NodeKind::Implicit => {
                let text = format!("{} is a group, not an array", self.path());
                Err(Error::usage(text).in_object(self.path()))
            }
        }
    }
}

impl fmt::Debug for ZarrNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ZarrNode {}", self.path())
    }
}
