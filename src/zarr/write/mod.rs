//! Writes zarr, versions 2 and 3, into a folder or a zip file.
//!
//! * `keys.rs` – where values go by their keys: `folder.rs`, `zip.rs`;
//! * `element.rs` – the types of elements, as both versions name them;
//! * `codec.rs` – what chunks go through;
//! * `chunks.rs` – an array chunk by chunk, in shards; `list.rs` – an array of one dimension piece by piece;
//! * `documents.rs` – the documents of nodes; `attributes.rs` – attributes as JSON.
//!
//! Chunks come in row-major order of their grid, so that a shard is complete before the next one begins and the bytes
//! depend on nothing but the content. Documents of all nodes are kept, for the consolidated metadata of the root.

mod attributes;
mod chunks;
mod codec;
mod documents;
mod element;
#[cfg(feature = "write")]
mod folder;
mod keys;
mod list;
#[cfg(feature = "write")]
mod replace;
mod texts;
mod zip;

pub use chunks::ZarrChunks;
pub use codec::ChunkCodec;
pub use list::ZarrList;
pub use texts::ZarrTexts;

use crate::codec::Filters;
use crate::dtype::Datatype;
use crate::error::{Error, Place, Result};
use crate::strings::Strings;
use crate::zarr::metadata::ChunkKeys;
use documents::{ArrayDocument, Documents};
use element::StoredElement;
use keys::KeyWriter;
use std::io::{Seek, Write};

/// Version of the zarr format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ZarrVersion {
    /// `.zarray`, `.zgroup` and `.zattrs`.
    V2,
    /// `zarr.json`, with shards.
    #[default]
    V3,
}

impl ZarrVersion {
    /// How keys of chunks are made.
    fn chunk_keys(self) -> ChunkKeys {
        match self {
            ZarrVersion::V2 => ChunkKeys::Version2('.'),
            ZarrVersion::V3 => ChunkKeys::Default('/'),
        }
    }
}

/// A value to be written as an array or an attribute.
#[derive(Debug, Clone, Copy)]
pub enum ZarrData<'a> {
    /// Elements of fixed size: their type, shape and bytes.
    Elements(&'a Datatype, &'a [u64], &'a [u8]),
    /// Strings, and their shape.
    Texts(&'a Strings, &'a [u64]),
    /// Nothing: no elements and no shape.
    Null,
}

/// Names and values of the attributes of a node.
pub type ZarrAttributes<'a> = &'a [(&'a str, ZarrData<'a>)];

/// How the chunks of an array are stored.
#[derive(Debug, Clone, Copy)]
pub struct ZarrStoring<'a> {
    /// Number of elements of a chunk in each dimension; all of the array if `None`.
    pub chunk: Option<&'a [u64]>,
    /// Filters of chunks.
    pub filters: Filters,
}

/// A zarr store being written. It appears under its name when finished; dropping it before leaves nothing.
#[derive(Debug)]
pub struct ZarrWriter {
    keys: KeyWriter,
    version: ZarrVersion,
    /// Bytes of the elements of a shard, about; 0 for no shards.
    shard: u64,
    documents: Documents,
    /// Values that were copied because of further links to their nodes.
    copied: u64,
}

/// Most values that are copied because of further links: links to groups of links grow without end.
const MOST_COPIED: u64 = 100_000;

impl ZarrWriter {
    /// Begins a folder that will be named `path`. An existing one is an error unless `replace` and everything in it
    /// belongs to a zarr store.
    ///
    /// # Errors
    /// `Io` if it exists or cannot be created.
    #[cfg(feature = "write")]
    pub fn folder(path: &std::path::Path, replace: bool, version: ZarrVersion, shard: u64) -> Result<Self> {
        let approve: Option<crate::bytes::commit::Approve> = replace.then_some(replace::approve);
        Ok(Self::new(KeyWriter::Folder(folder::FolderWriter::create(path, approve)?), version, shard))
    }

    /// Begins a zip file that will be named `path`. An existing file is an error unless `replace`.
    ///
    /// # Errors
    /// `Io` if it exists or cannot be created.
    #[cfg(feature = "write")]
    pub fn zip(path: &std::path::Path, replace: bool, version: ZarrVersion, shard: u64) -> Result<Self> {
        Ok(Self::new(KeyWriter::Zip(zip::ZipWriter::create(path, replace)?), version, shard))
    }

    /// Begins a zip file in `sink`, from its beginning. Shards that are not complete yet are in memory.
    ///
    /// # Errors
    /// `Io` if the sink cannot be written to.
    pub fn to_sink<W: Write + Seek + Send + 'static>(
        sink: W,
        version: ZarrVersion,
        shard: u64,
    ) -> Result<Self> {
        Ok(Self::new(KeyWriter::Zip(zip::ZipWriter::to_sink(sink)?), version, shard))
    }

    fn new(keys: KeyWriter, version: ZarrVersion, shard: u64) -> Self {
        ZarrWriter { keys, version, shard, documents: Documents::new(version), copied: 0 }
    }

    /// Whether a node was written at `path`.
    pub fn has(&self, path: &str) -> bool {
        self.documents.has(path)
    }

    /// Writes a group; its children may come before or after.
    ///
    /// # Errors
    /// `Io` if writing fails; `Unsupported` for a name that zarr does not have, or attributes that JSON does not.
    pub fn group(&mut self, path: &str, attributes: ZarrAttributes<'_>) -> Result<()> {
        let attributes = attributes::json(attributes)?;
        self.documents.group(&mut self.keys, path, attributes).in_object(path)
    }

    /// Writes a value as an array.
    ///
    /// # Errors
    /// `Io` if writing fails; `Unsupported` for elements that zarr does not have, and as [`group`](Self::group).
    pub fn array(
        &mut self,
        path: &str,
        value: ZarrData<'_>,
        attributes: ZarrAttributes<'_>,
        how: ZarrStoring<'_>,
    ) -> Result<()> {
        match value {
            ZarrData::Elements(datatype, dims, bytes) => {
                let mut chunks = self.begin_chunks(path, datatype, dims, how)?;
                if !dims.contains(&0) {
                    chunks.push_all(&mut self.keys, bytes)?;
                }
                self.finish_chunks(chunks, attributes)
            }
            ZarrData::Texts(strings, dims) => {
                let rows = dims.first().copied().unwrap_or(1);
                let mut texts = self.begin_texts(path, dims, rows.max(1), how.filters)?;
                self.push_texts(&mut texts, strings)?;
                self.finish_texts(texts, attributes)
            }
            // as anndata stores it
            ZarrData::Null => {
                let no = Datatype::of(crate::dtype::Dtype::Bool);
                self.array(path, ZarrData::Elements(&no, &[], &[0]), attributes, how)
            }
        }
    }

    /// Begins an array whose chunks follow one by one, in row-major order of the chunk grid.
    ///
    /// # Errors
    /// `Unsupported` for elements that zarr does not have; `Usage` for chunks of no elements.
    pub fn begin_chunks(
        &self,
        path: &str,
        datatype: &Datatype,
        dims: &[u64],
        how: ZarrStoring<'_>,
    ) -> Result<ZarrChunks> {
        keys::check_path(path)?;
        let element = StoredElement::of(datatype).in_object(path)?;
        let codec = ChunkCodec::new(element, how.filters, self.version)?;
        let shard = if self.version == ZarrVersion::V3 { self.shard } else { 0 };
        ZarrChunks::new(path, codec, dims, how.chunk.unwrap_or(dims), shard)
    }

    /// Appends the next chunk.
    ///
    /// # Errors
    /// `Io` if writing fails.
    pub fn push(&mut self, chunks: &mut ZarrChunks, encoded: &crate::codec::Encoded) -> Result<()> {
        chunks.push(&mut self.keys, encoded)
    }

    /// Leaves the next chunk out: its elements read as the fill value.
    ///
    /// # Errors
    /// `Io` if a shard ends here and cannot be written.
    pub fn skip(&mut self, chunks: &mut ZarrChunks) -> Result<()> {
        chunks.skip(&mut self.keys)
    }

    /// Ends an array after its last chunk.
    ///
    /// # Errors
    /// `Io` if writing fails; `Usage` if chunks are missing.
    pub fn finish_chunks(&mut self, chunks: ZarrChunks, attributes: ZarrAttributes<'_>) -> Result<()> {
        let path = chunks.path().to_owned();
        let document = chunks.finish(&mut self.keys)?;
        self.array_document(&path, &document, attributes)
    }

    /// Begins an array of `len` elements. About `at_once` bytes are encoded at once.
    ///
    /// # Errors
    /// As [`begin_chunks`](Self::begin_chunks).
    pub fn begin_list(
        &self,
        path: &str,
        datatype: &Datatype,
        len: u64,
        how: ZarrStoring<'_>,
        at_once: u64,
    ) -> Result<ZarrList> {
        ZarrList::new(self.begin_chunks(path, datatype, &[len], how)?, at_once)
    }

    /// Appends the bytes of the next elements.
    ///
    /// # Errors
    /// `Io` if writing fails; `Usage` if they are more than the array has.
    pub fn push_list(&mut self, list: &mut ZarrList, bytes: &[u8]) -> Result<()> {
        list.push(&mut self.keys, bytes)
    }

    /// Ends an array after its last element.
    ///
    /// # Errors
    /// `Io` if writing fails; `Usage` if elements are missing.
    pub fn finish_list(&mut self, list: ZarrList, attributes: ZarrAttributes<'_>) -> Result<()> {
        let chunks = list.finish(&mut self.keys)?;
        self.finish_chunks(chunks, attributes)
    }

    /// Begins an array of strings of shape `dims`, whose chunks have `rows` of the first dimension.
    ///
    /// # Errors
    /// `Usage` for chunks of no elements.
    pub fn begin_texts(&self, path: &str, dims: &[u64], rows: u64, filters: Filters) -> Result<ZarrTexts> {
        keys::check_path(path)?;
        // shuffling is for numbers
        let filters = Filters { shuffle: false, ..filters };
        ZarrTexts::new(path, ChunkCodec::new(StoredElement::text(), filters, self.version)?, dims, rows)
    }

    /// Appends strings.
    ///
    /// # Errors
    /// `Io` if writing fails; `Usage` if they are more than the array has.
    pub fn push_texts(&mut self, texts: &mut ZarrTexts, strings: &Strings) -> Result<()> {
        texts.push(&mut self.keys, strings)
    }

    /// Ends an array of strings after the last one.
    ///
    /// # Errors
    /// `Io` if writing fails; `Usage` if strings are missing.
    pub fn finish_texts(&mut self, texts: ZarrTexts, attributes: ZarrAttributes<'_>) -> Result<()> {
        let path = texts.path().to_owned();
        let document = texts.finish(&mut self.keys)?;
        self.array_document(&path, &document, attributes)
    }

    fn array_document(
        &mut self,
        path: &str,
        document: &ArrayDocument,
        attributes: ZarrAttributes<'_>,
    ) -> Result<()> {
        let attributes = attributes::json(attributes)?;
        self.documents.array(&mut self.keys, path, document, attributes).in_object(path)
    }

    /// Writes everything at and below `from` a second time at `to`: zarr has no links.
    ///
    /// # Errors
    /// `Limit` if too much is copied in this way; `Unsupported` in a sink, which is not read; `Io`.
    pub fn copy_again(&mut self, from: &str, to: &str) -> Result<()> {
        keys::check_path(to)?;
        let most = MOST_COPIED.saturating_sub(self.copied);
        let n = self.keys.copy(from, to, most).in_object(to)?.ok_or_else(|| {
            let text =
                format!("zarr has no links, and more than {MOST_COPIED} values would be copied for them");
            Error::limit(text).in_object(to)
        })?;
        self.copied = self.copied.saturating_add(n);
        self.documents.copy(from, to);
        Ok(())
    }

    /// Drops everything at and below `path`. In a zip file its bytes remain, under no name.
    ///
    /// # Errors
    /// `Io` if it cannot be removed.
    pub fn discard(&mut self, path: &str) -> Result<()> {
        self.documents.discard(path);
        self.keys.discard(path)
    }

    /// Writes the root group, flushes everything and gives it its name.
    ///
    /// # Errors
    /// `Io` if that fails.
    pub fn finish(mut self, attributes: ZarrAttributes<'_>) -> Result<()> {
        self.root(attributes)?;
        self.keys.finish()
    }

    /// Writes the root group, flushes the sink and returns it.
    ///
    /// # Errors
    /// As [`finish`](Self::finish); `Usage` if this was not begun in a sink of type `W`.
    pub fn finish_sink<W: 'static>(mut self, attributes: ZarrAttributes<'_>) -> Result<W> {
        self.root(attributes)?;
        self.keys.finish_sink()
    }

    fn root(&mut self, attributes: ZarrAttributes<'_>) -> Result<()> {
        let attributes = attributes::json(attributes)?;
        self.documents.root(&mut self.keys, attributes)
    }
}
