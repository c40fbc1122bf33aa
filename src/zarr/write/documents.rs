//! The documents of nodes, and the consolidated metadata: all of them in one of the root.

use super::ZarrVersion;
use super::codec::{ChunkCodec, sizes};
use super::keys::{KeyWriter, below, check_path, join};
use crate::error::Result;
use crate::zarr::json::JsonValue;
use std::collections::BTreeMap;
use std::fmt::Write;

/// What is said of an array besides its attributes.
#[derive(Debug)]
pub(super) struct ArrayDocument {
    pub(super) codec: ChunkCodec,
    pub(super) dims: Vec<u64>,
    pub(super) chunk: Vec<u64>,
    /// Shape of a shard, if there are shards.
    pub(super) outer: Option<Vec<u64>>,
    /// The element of chunks that are left out, as stored; nothing for zero.
    pub(super) fill: Vec<u8>,
}

/// The documents of all nodes that were written, by their paths.
#[derive(Debug)]
pub(super) struct Documents {
    version: ZarrVersion,
    nodes: BTreeMap<String, NodeDocuments>,
}

/// The text of the documents of a node.
#[derive(Debug, Clone)]
struct NodeDocuments {
    /// `zarr.json`, `.zarray` or `.zgroup`.
    name: &'static str,
    text: String,
    /// `.zattrs` of version 2.
    attributes: Option<String>,
}

fn text(text: &str) -> JsonValue {
    JsonValue::Text(text.into())
}

impl Documents {
    pub(super) fn new(version: ZarrVersion) -> Self {
        Documents { version, nodes: BTreeMap::new() }
    }

    pub(super) fn has(&self, path: &str) -> bool {
        self.nodes.contains_key(path)
    }

    /// Drops the documents at and below `path`.
    pub(super) fn discard(&mut self, path: &str) {
        self.nodes.retain(|node, _| below(node, path).is_none());
    }

    /// Adds those at and below `from` at `to`.
    pub(super) fn copy(&mut self, from: &str, to: &str) {
        let found = self.nodes.iter().filter_map(|(node, documents)| {
            below(node, from).map(|rest| (format!("{to}{rest}"), documents.clone()))
        });
        let found: Vec<_> = found.collect();
        self.nodes.extend(found);
    }

    pub(super) fn group(&mut self, keys: &mut KeyWriter, path: &str, attributes: JsonValue) -> Result<()> {
        check_path(path)?;
        let node = self.group_documents(attributes);
        node.put(keys, path)?;
        self.nodes.insert(path.to_owned(), node);
        Ok(())
    }

    fn group_documents(&self, attributes: JsonValue) -> NodeDocuments {
        match self.version {
            ZarrVersion::V2 => NodeDocuments {
                name: ".zgroup",
                text: JsonValue::object([("zarr_format", JsonValue::Integer(2))]).to_string(),
                attributes: Some(attributes.to_string()),
            },
            ZarrVersion::V3 => {
                let members = [
                    ("zarr_format", JsonValue::Integer(3)),
                    ("node_type", text("group")),
                    ("attributes", attributes),
                ];
                let text = JsonValue::object(members).to_string();
                NodeDocuments { name: "zarr.json", text, attributes: None }
            }
        }
    }

    pub(super) fn array(
        &mut self,
        keys: &mut KeyWriter,
        path: &str,
        array: &ArrayDocument,
        attributes: JsonValue,
    ) -> Result<()> {
        let node = match self.version {
            ZarrVersion::V2 => NodeDocuments {
                name: ".zarray",
                text: array.version_2()?.to_string(),
                attributes: Some(attributes.to_string()),
            },
            ZarrVersion::V3 => {
                let text = array.version_3(attributes)?.to_string();
                NodeDocuments { name: "zarr.json", text, attributes: None }
            }
        };
        node.put(keys, path)?;
        self.nodes.insert(path.to_owned(), node);
        Ok(())
    }

    /// Writes the root group, and all documents once more in one.
    pub(super) fn root(&mut self, keys: &mut KeyWriter, attributes: JsonValue) -> Result<()> {
        let mut root = self.group_documents(attributes);
        match self.version {
            ZarrVersion::V2 => {
                root.put(keys, "")?;
                self.nodes.insert(String::new(), root);
                let all = self.consolidated();
                let all = format!("{{\"zarr_consolidated_format\": 1, \"metadata\": {all}}}");
                keys.put(".zmetadata", all.as_bytes())
            }
            ZarrVersion::V3 => {
                let all = self.consolidated();
                // inside of the object
                let own = root.text.strip_suffix('}').unwrap_or_default();
                let kind = "\"kind\": \"inline\", \"must_understand\": false";
                root.text = format!("{own}, \"consolidated_metadata\": {{{kind}, \"metadata\": {all}}}}}");
                root.put(keys, "")
            }
        }
    }

    /// An object of all documents.
    fn consolidated(&self) -> String {
        let mut out = String::from("{");
        let mut add = |key: String, document: &str| {
            let comma = if out.len() > 1 { ", " } else { "" };
            let _ = write!(out, "{comma}{}: {document}", JsonValue::Text(key));
        };
        for (path, node) in &self.nodes {
            match &node.attributes {
                None => add(path.clone(), &node.text),
                Some(attributes) => {
                    add(join(path, node.name), &node.text);
                    add(join(path, ".zattrs"), attributes);
                }
            }
        }
        out.push('}');
        out
    }
}

impl NodeDocuments {
    fn put(&self, keys: &mut KeyWriter, path: &str) -> Result<()> {
        keys.put(&join(path, self.name), self.text.as_bytes())?;
        match &self.attributes {
            Some(attributes) => keys.put(&join(path, ".zattrs"), attributes.as_bytes()),
            None => Ok(()),
        }
    }
}

impl ArrayDocument {
    fn version_2(&self) -> Result<JsonValue> {
        let element = self.codec.element();
        let (filters, compressor) = self.codec.version_2();
        Ok(JsonValue::object([
            ("zarr_format", JsonValue::Integer(2)),
            ("shape", sizes(&self.dims)),
            ("chunks", sizes(&self.chunk)),
            ("dtype", element.name(ZarrVersion::V2)?),
            ("fill_value", element.fill(&self.fill)),
            ("order", text("C")),
            ("dimension_separator", text(".")),
            ("filters", filters),
            ("compressor", compressor),
        ]))
    }

    fn version_3(&self, attributes: JsonValue) -> Result<JsonValue> {
        let element = self.codec.element();
        let regular = |chunk: &[u64]| super::element::named("regular", [("chunk_shape", sizes(chunk))]);
        let (grid, shard_of) = match &self.outer {
            Some(outer) => (regular(outer), Some(self.chunk.as_slice())),
            None => (regular(&self.chunk), None),
        };
        Ok(JsonValue::object([
            ("zarr_format", JsonValue::Integer(3)),
            ("node_type", text("array")),
            ("shape", sizes(&self.dims)),
            ("data_type", element.name(ZarrVersion::V3)?),
            ("chunk_grid", grid),
            ("chunk_key_encoding", super::element::named("default", [("separator", text("/"))])),
            ("fill_value", element.fill(&self.fill)),
            ("codecs", self.codec.version_3(shard_of)),
            ("attributes", attributes),
            ("storage_transformers", JsonValue::List(Vec::new())),
        ]))
    }
}
