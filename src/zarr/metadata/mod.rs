//! Metadata of groups and arrays: JSON documents of version 2 and version 3, as one model.
//!
//! A document is read when its node is opened. Consolidated metadata are a cache of the same documents and are
//! not read here: a program that writes a store with another may leave them behind.

pub(super) mod datatype;
mod fill;
mod version2;
mod version3;

pub(super) use version3::named;

use super::codecs::Codecs;
use super::consolidated;
use super::json::JsonValue;
use super::store::{DOCUMENTS, KeyStore};
use crate::bytes::checked;
use crate::dtype::Datatype;
use crate::error::{Error, Result};
use crate::limits::Limits;

/// The node that a document describes.
#[derive(Debug)]
pub(super) struct NodeMetadata {
    /// Members of the attributes, an object.
    pub(super) attributes: JsonValue,
    /// The array, or the error of its document; `None` for a group.
    pub(super) array: Option<Result<ArrayMetadata>>,
}

/// Shape, type and storage of an array.
#[derive(Debug)]
pub(super) struct ArrayMetadata {
    /// Number of elements in each dimension; empty for a scalar.
    pub(super) shape: Vec<u64>,
    /// Shape of the chunks that have keys.
    pub(super) chunk: Vec<u64>,
    /// Type of the elements in memory.
    pub(super) datatype: Datatype,
    /// Bytes of the fill value, as [`fill::bytes`] returns them.
    pub(super) fill: Vec<u8>,
    /// How chunks are encoded.
    pub(super) codecs: Codecs,
    /// How the key of a chunk is made of its coordinates.
    pub(super) keys: ChunkKeys,
}

/// How the key of a chunk is made of its coordinates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChunkKeys {
    /// `c/0/1`, with this separator.
    Default(char),
    /// `0.1`, with this separator.
    Version2(char),
}

impl ChunkKeys {
    /// Key of the chunk at `coordinates` below the array.
    pub(super) fn key(self, coordinates: &[u64]) -> String {
        let (mut key, separator) = match self {
            ChunkKeys::Default(separator) => ("c".to_owned(), separator),
            ChunkKeys::Version2(separator) => (String::new(), separator),
        };
        for n in coordinates {
            if !key.is_empty() {
                key.push(separator);
            }
            key += &n.to_string();
        }
        // the only chunk of a scalar
        if key.is_empty() { "0".into() } else { key }
    }

    /// Coordinates of the chunk whose key is `key`, in a grid of `counts` chunks; `None` if it is no key of a
    /// chunk.
    pub(super) fn coordinates(self, key: &str, counts: &[u64]) -> Option<Vec<u64>> {
        let (rest, separator) = match self {
            ChunkKeys::Default(_) if counts.is_empty() => return (key == "c").then(Vec::new),
            ChunkKeys::Version2(_) if counts.is_empty() => return (key == "0").then(Vec::new),
            ChunkKeys::Default(separator) => (key.strip_prefix('c')?.strip_prefix(separator)?, separator),
            ChunkKeys::Version2(separator) => (key, separator),
        };
        let at: Vec<u64> = rest.split(separator).map(|n| n.parse().ok()).collect::<Option<_>>()?;
        let inside = at.len() == counts.len() && at.iter().zip(counts).all(|(n, count)| n < count);
        (inside && self.key(&at) == key).then_some(at)
    }

    /// Whether chunks of `dimensions` dimensions may have keys below the folder at `path`.
    pub(super) fn may_hold(self, path: &str, dimensions: usize) -> bool {
        let (rest, separator) = match self {
            ChunkKeys::Default('/') if path == "c" => return true,
            ChunkKeys::Default(separator) => (path.strip_prefix("c/").unwrap_or("c"), separator),
            ChunkKeys::Version2(separator) => (path, separator),
        };
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        separator == '/' && rest.split('/').count() < dimensions && rest.split('/').all(digits)
    }
}

impl NodeMetadata {
    /// Reads the documents of the node at `path` (empty for the root); `None` if there is no node.
    ///
    /// # Errors
    /// `Malformed` if a document is not what it should be. Errors of an array alone are inside.
    pub(super) fn read(store: &KeyStore, path: &str, limits: &Limits) -> Result<Option<NodeMetadata>> {
        let key = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
        let document = |name: &str| -> Result<Option<JsonValue>> {
            let mut bytes = Vec::new();
            if !store.read(&key(name), limits.metadata_bytes, &mut bytes)? {
                return Ok(None);
            }
            let json = JsonValue::parse(&bytes, (name == "zarr.json").then_some(consolidated::MEMBER));
            json.map(Some).map_err(|e| e.context(key(name)))
        };
        if let Some(json) = document("zarr.json")? {
            return version3::read(&json, limits).map(Some);
        }
        if let Some(json) = document(".zarray")? {
            let attributes = document(".zattrs")?;
            return version2::read_array(&json, attributes, limits).map(Some);
        }
        match document(".zgroup")? {
            Some(json) => version2::read_group(&json, document(".zattrs")?).map(Some),
            None => Ok(None),
        }
    }

    /// Whether there is a node at `path`, without reading it.
    pub(super) fn exists(store: &KeyStore, path: &str) -> Result<bool> {
        for name in DOCUMENTS {
            let key = if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
            if store.len(&key)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Checks the sizes that both versions have; `chunk` gets ones where an empty dimension has chunks of nothing.
fn check_shape(shape: &[u64], chunk: &mut [u64], datatype: &Datatype, limits: &Limits) -> Result<()> {
    if shape.len() != chunk.len() {
        let text = format!("chunks of {} dimensions in an array of {}", chunk.len(), shape.len());
        return Err(Error::malformed(text));
    }
    for (c, n) in chunk.iter_mut().zip(shape) {
        if *c == 0 && *n == 0 {
            *c = 1;
        }
        if *c == 0 {
            return Err(Error::malformed("chunks without elements"));
        }
    }
    if u64::from(datatype.size) > limits.metadata_bytes {
        let text = format!("elements of {} bytes (limit {})", datatype.size, limits.metadata_bytes);
        return Err(Error::limit(text));
    }
    if shape.len() > limits.nesting as usize {
        return Err(Error::limit(format!(
            "an array of {} dimensions (limit {})",
            shape.len(),
            limits.nesting
        )));
    }
    checked::mul(checked::product(shape)?, u64::from(datatype.size))?;
    Ok(())
}

impl ArrayMetadata {
    /// Checks the size of the chunks that are decoded alone.
    fn checked(self, limits: &Limits) -> Result<Self> {
        let inner = self.codecs.levels().last().map_or(&self.chunk, |sharding| &sharding.chunk);
        let bytes = checked::mul(checked::product(inner)?, u64::from(self.datatype.size.max(1)))?;
        if bytes > limits.chunk_bytes {
            return Err(Error::limit(format!("chunks of {bytes} bytes (limit {})", limits.chunk_bytes)));
        }
        checked::mul(checked::product(&self.chunk)?, u64::from(self.datatype.size.max(1)))?;
        Ok(self)
    }
}

/// Attributes, which must be an object.
fn attributes(json: Option<JsonValue>) -> Result<JsonValue> {
    match json {
        None | Some(JsonValue::Null) => Ok(JsonValue::Object(Vec::new())),
        Some(object @ JsonValue::Object(_)) => Ok(object),
        Some(other) => {
            Err(Error::malformed(format!("attributes (expected an object, got {})", other.brief())))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_chunks_and_back() {
        use ChunkKeys::{Default, Version2};
        for (keys, at, key) in [
            (Default('/'), vec![1, 20], "c/1/20"),
            (Default('.'), vec![1, 20], "c.1.20"),
            (Version2('.'), vec![1, 20], "1.20"),
            (Version2('/'), vec![1, 20], "1/20"),
            (Default('/'), vec![], "c"),
            (Version2('.'), vec![], "0"),
        ] {
            assert_eq!(keys.key(&at), key);
            let counts: Vec<u64> = at.iter().map(|n| n + 1).collect();
            assert_eq!(keys.coordinates(key, &counts), Some(at), "{key}");
        }
        for key in ["c/1/21", "c/01/2", "c/1", "c/1/2/3", "1/2", "c/+1/2", "zarr.json", ""] {
            assert_eq!(Default('/').coordinates(key, &[2, 21]), None, "{key}");
        }
        assert!(Default('/').may_hold("c", 2) && Default('/').may_hold("c/1", 2));
        assert!(!Default('/').may_hold("c/1/2", 2) && !Default('/').may_hold("d", 2));
        assert!(Version2('/').may_hold("1", 2) && !Version2('/').may_hold("1", 1));
        assert!(!Version2('.').may_hold("1", 2) && !Default('.').may_hold("c", 1));
    }
}
