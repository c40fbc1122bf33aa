//! An array: its shape, type and codecs. `read.rs` reads boxes of its elements, `stored.rs` finds its chunks.

use super::codecs::{ChunkPlace, ChunkShape, Codecs, Sharding};
use super::metadata::ArrayMetadata;
use super::object::ZarrNode;
use super::stored::StoredChunks;
use crate::bytes::slab;
use crate::codec::{Compression, Filters};
use crate::dtype::{Class, Datatype};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock};

/// Number of chunk places of shards that are remembered, and the bytes that they take.
pub(super) const REMEMBERED: usize = 1 << 19;
const REMEMBERED_BYTES: u64 = 12 << 20;

/// Indexes of shards, by the number of the outermost shard, the level and the position in it.
type ShardIndexes = HashMap<(u64, usize, u64), Arc<Vec<ChunkPlace>>>;

/// An array of an open store. Opening reads no elements. Cloning is cheap.
#[derive(Clone)]
pub struct ZarrArray {
    object: ZarrNode,
    pub(super) parts: Arc<ArrayParts>,
}

/// Metadata of an array, and what its reads have found out.
#[derive(Debug)]
pub(super) struct ArrayParts {
    pub(super) metadata: ArrayMetadata,
    pub(super) indexes: Mutex<ShardIndexes>,
    /// The chunks that are stored, once they were listed.
    pub(super) stored: OnceLock<StoredChunks>,
}

impl ArrayParts {
    pub(super) fn new(metadata: ArrayMetadata) -> Arc<Self> {
        Arc::new(ArrayParts { metadata, indexes: Mutex::default(), stored: OnceLock::new() })
    }
}

impl ZarrArray {
    pub(super) fn new(object: ZarrNode, parts: Arc<ArrayParts>) -> Self {
        ZarrArray { object, parts }
    }

    /// The node of the array.
    pub fn object(&self) -> &ZarrNode {
        &self.object
    }

    pub(super) fn metadata(&self) -> &ArrayMetadata {
        &self.parts.metadata
    }

    /// Number of elements in each dimension; empty for a scalar.
    pub fn shape(&self) -> &[u64] {
        &self.parts.metadata.shape
    }

    /// Type of the elements.
    pub fn datatype(&self) -> &Datatype {
        &self.parts.metadata.datatype
    }

    /// Number of elements.
    pub fn elements(&self) -> u64 {
        self.shape().iter().fold(1, |n, d| n.saturating_mul(*d))
    }

    /// Bytes of all elements, decoded; of their references for strings and sequences of any length.
    pub fn byte_len(&self) -> u64 {
        self.elements().saturating_mul(u64::from(self.datatype().size))
    }

    /// Names of the codecs in write order; those of inner chunks of shards after `sharding_indexed`.
    pub fn codec_names(&self) -> Vec<String> {
        let (mut codecs, mut names) = (&self.parts.metadata.codecs, Vec::new());
        loop {
            names.extend(codecs.names().iter().cloned());
            match codecs.as_shards() {
                Some(sharding) => codecs = &sharding.codecs,
                None => return names,
            }
        }
    }

    /// The filters that the array is written with again; gzip stands for compressors that nothing is written with.
    pub(crate) fn filters_to_write(&self) -> Filters {
        let names = self.codec_names();
        let has = |name: &str| names.iter().any(|n| n == name || n.strip_prefix("numcodecs.") == Some(name));
        let compression = match self.leaf_codecs().is_compressed() {
            false => Compression::None,
            true if has("blosc") => Compression::BloscLz4,
            true if has("zstd") => Compression::Zstd,
            true => Compression::Gzip(4),
        };
        let shuffle = has("shuffle") || compression == Compression::BloscLz4;
        Filters { shuffle, compression, fletcher32: false }
    }

    /// Shape of the chunks that are decoded alone: of the inner chunks of shards.
    pub fn chunk_shape(&self) -> &[u64] {
        let mut chunk = &self.parts.metadata.chunk;
        for sharding in self.levels() {
            chunk = &sharding.chunk;
        }
        chunk
    }

    /// The levels of shards, outermost first.
    pub(super) fn levels(&self) -> impl Iterator<Item = &Sharding> {
        self.parts.metadata.codecs.levels()
    }

    /// The codecs of the chunks that are decoded alone.
    pub(super) fn leaf_codecs(&self) -> &Codecs {
        self.levels().last().map_or(&self.parts.metadata.codecs, |s| &s.codecs)
    }

    pub(super) fn leaf(&self) -> ChunkShape<'_> {
        let size = u64::from(self.datatype().size);
        ChunkShape { shape: self.chunk_shape(), size, fill: self.fill_value() }
    }

    /// Number of chunks that are decoded alone, in each dimension.
    pub(super) fn counts(&self) -> Vec<u64> {
        slab::counts(self.shape(), self.chunk_shape())
    }

    /// Number of chunks that have keys, in each dimension.
    pub(super) fn outer_counts(&self) -> Vec<u64> {
        slab::counts(self.shape(), &self.parts.metadata.chunk)
    }

    /// Whether elements are strings or sequences of any length, which a value holds as references.
    pub(super) fn has_items(&self) -> bool {
        matches!(self.datatype().class, Class::VarString(_) | Class::VarLen(_))
    }

    /// The element of chunks that are not stored, in the stored type; empty for zeros, and for strings and
    /// sequences.
    pub(crate) fn fill_value(&self) -> &[u8] {
        if self.has_items() { &[] } else { &self.parts.metadata.fill }
    }

    /// The element of chunks that are not stored, for strings and sequences.
    pub(super) fn fill_item(&self) -> &[u8] {
        &self.parts.metadata.fill
    }

    /// Memory of a [`ChunkScratch`](super::ChunkScratch) in bytes: a chunk, stored, decoded and between two codecs.
    pub(crate) fn scratch_bytes(&self) -> u64 {
        self.leaf().bytes().unwrap_or(u64::MAX).saturating_mul(3)
    }

    /// Memory in bytes for reading rows in order, each chunk once; `None` if several chunks lie beside each other.
    pub(crate) fn in_order_bytes(&self) -> Option<u64> {
        let beside = self.shape().iter().zip(self.chunk_shape()).skip(1).any(|(n, c)| n > c);
        (!beside).then(|| self.scratch_bytes())
    }

    /// Bytes of memory that indexes take: of shards, and of the chunks that are stored.
    pub(crate) fn index_bytes(&self) -> u64 {
        let shards = if self.levels().next().is_some() { REMEMBERED_BYTES } else { 0 };
        shards.saturating_add(self.parts.stored.get().map_or(0, StoredChunks::bytes_of_memory))
    }
}

impl fmt::Debug for ZarrArray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ZarrArray {}", self.object().path())
    }
}
