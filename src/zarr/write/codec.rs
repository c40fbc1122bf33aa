//! What the chunks of an array go through.

use super::ZarrVersion;
use super::element::{StoredElement, named};
use crate::codec::{Compression, DeflateWrapper, EncodeWork, Encoded, Filters, shuffle};
use crate::dtype::Order;
use crate::error::{Error, Result};
use crate::zarr::json::JsonValue;
use std::borrow::Cow;

/// The codecs of an array, for the elements of a chunk.
#[derive(Debug, Clone)]
pub struct ChunkCodec {
    element: StoredElement,
    filters: Filters,
    version: ZarrVersion,
}

impl ChunkCodec {
    /// # Errors
    /// `Usage` for filters that this version does not have.
    pub(super) fn new(element: StoredElement, filters: Filters, version: ZarrVersion) -> Result<Self> {
        let blosc = matches!(filters.compression, Compression::BloscLz4 | Compression::BloscZlib(_));
        if filters.compression == Compression::Lzf || filters.fletcher32 {
            return Err(Error::usage("zarr is written without LZF and Fletcher-32"));
        }
        if filters.shuffle && !blosc && version == ZarrVersion::V3 {
            return Err(Error::usage("version 3 of zarr shuffles with Blosc only"));
        }
        Ok(ChunkCodec { element, filters, version })
    }

    pub(super) fn version(&self) -> ZarrVersion {
        self.version
    }

    pub(super) fn element(&self) -> &StoredElement {
        &self.element
    }

    /// Whether elements are shuffled before a compressor that does not do so itself.
    fn shuffles(&self) -> bool {
        let own = matches!(self.filters.compression, Compression::Gzip(_) | Compression::Zstd);
        self.filters.shuffle && own && self.element.stored_size() > 1
    }

    /// Bytes of the elements that the compressor shuffles in its blocks; 1 for none.
    fn inner_shuffle(&self) -> usize {
        let shuffled = self.filters.shuffle && !self.element.is_text();
        if shuffled { self.element.stored_size() } else { 1 }
    }

    /// Encodes the elements of a whole chunk. Any thread may call this.
    ///
    /// # Errors
    /// `Usage` if a chunk is too large for its compressor.
    pub fn encode(&self, chunk: &[u8], work: &mut EncodeWork) -> Result<Encoded> {
        let mut elements = self.element.stored(chunk);
        if self.shuffles() {
            let mut shuffled = Vec::new();
            shuffle::shuffle(&elements, self.element.stored_size(), &mut shuffled);
            elements = Cow::Owned(shuffled);
        }
        self.compressed(&elements, work)
    }

    /// Encodes the strings of a whole chunk: their number, then the length and the bytes of each.
    pub(super) fn compressed(&self, bytes: &[u8], work: &mut EncodeWork) -> Result<Encoded> {
        let wrapper = if self.shuffles() { DeflateWrapper::Zlib } else { DeflateWrapper::Gzip };
        let mut out = Vec::new();
        self.filters.compression.stream(bytes, self.inner_shuffle(), wrapper, work, &mut out)?;
        Ok(Encoded { bytes: out, mask: 0 })
    }

    /// The list of codecs of version 3; of the inner chunks, with those of the shards around them, if there is a
    /// `shard` of chunks of this shape.
    pub(super) fn version_3(&self, shard_of: Option<&[u64]>) -> JsonValue {
        let mut codecs = vec![if self.element.is_text() {
            named("vlen-utf8", [])
        } else {
            let order = if self.element.order() == Order::Big { "big" } else { "little" };
            match self.element.stored_size() {
                1 => JsonValue::object([("name", JsonValue::Text("bytes".into()))]),
                _ => named("bytes", [("endian", JsonValue::Text(order.into()))]),
            }
        }];
        codecs.extend(self.compressor());
        let Some(chunk) = shard_of else { return JsonValue::List(codecs) };
        let text = |text: &str| JsonValue::Text(text.into());
        let index =
            vec![named("bytes", [("endian", text("little"))]), JsonValue::object([("name", text("crc32c"))])];
        let configuration = [
            ("chunk_shape", sizes(chunk)),
            ("codecs", JsonValue::List(codecs)),
            ("index_codecs", JsonValue::List(index)),
            ("index_location", text("end")),
        ];
        JsonValue::List(vec![named("sharding_indexed", configuration)])
    }

    fn compressor(&self) -> Option<JsonValue> {
        let text = |text: &str| JsonValue::Text(text.into());
        Some(match self.filters.compression {
            Compression::None | Compression::Lzf => return None,
            Compression::Gzip(level) => named("gzip", [("level", JsonValue::Integer(i128::from(level)))]),
            Compression::Zstd => {
                named("zstd", [("level", JsonValue::Integer(1)), ("checksum", JsonValue::Bool(true))])
            }
            Compression::BloscLz4 | Compression::BloscZlib(_) => {
                let (name, level) = self.blosc();
                let shuffle = self.inner_shuffle() > 1;
                let size = if self.element.is_text() { 1 } else { self.element.stored_size() };
                named(
                    "blosc",
                    [
                        ("typesize", JsonValue::Integer(i128::try_from(size).unwrap_or(1))),
                        ("cname", text(name)),
                        ("clevel", JsonValue::Integer(i128::from(level))),
                        ("shuffle", text(if shuffle { "shuffle" } else { "noshuffle" })),
                        ("blocksize", JsonValue::Integer(0)),
                    ],
                )
            }
        })
    }

    /// Name and level of the codec in the blocks of Blosc.
    fn blosc(&self) -> (&'static str, u8) {
        match self.filters.compression {
            Compression::BloscZlib(level) => ("zlib", level),
            _ => ("lz4", 5),
        }
    }

    /// The filters and the compressor of version 2, by numcodecs' names.
    pub(super) fn version_2(&self) -> (JsonValue, JsonValue) {
        let text = |text: &str| JsonValue::Text(text.into());
        let number = |n: usize| JsonValue::Integer(i128::try_from(n).unwrap_or(0));
        let filters = if self.element.is_text() {
            JsonValue::List(vec![JsonValue::object([("id", text("vlen-utf8"))])])
        } else if self.shuffles() {
            let size = number(self.element.stored_size());
            JsonValue::List(vec![JsonValue::object([("id", text("shuffle")), ("elementsize", size)])])
        } else {
            JsonValue::Null
        };
        let level = |level: u8| ("level", JsonValue::Integer(i128::from(level)));
        let compressor = match self.filters.compression {
            Compression::None | Compression::Lzf => JsonValue::Null,
            Compression::Gzip(l) => {
                let id = if self.shuffles() { "zlib" } else { "gzip" };
                JsonValue::object([("id", text(id)), level(l)])
            }
            Compression::Zstd => JsonValue::object([("id", text("zstd")), level(1)]),
            Compression::BloscLz4 | Compression::BloscZlib(_) => {
                let (name, level) = self.blosc();
                JsonValue::object([
                    ("id", text("blosc")),
                    ("cname", text(name)),
                    ("clevel", JsonValue::Integer(i128::from(level))),
                    ("shuffle", JsonValue::Integer(i128::from(self.inner_shuffle() > 1))),
                    ("blocksize", JsonValue::Integer(0)),
                ])
            }
        };
        (filters, compressor)
    }
}

/// A list of lengths.
pub(super) fn sizes(list: &[u64]) -> JsonValue {
    JsonValue::List(list.iter().map(|n| JsonValue::Integer(i128::from(*n))).collect())
}
