//! AnnData elements on their way into a container, in the current encodings.
//!
//! Every element is written at a [`Location`]; a mapping is written after its children. The encodings are those that
//! [`Encoding`](super::Encoding) reads; each is written beside where it is read.

use crate::codec::Filters;
use crate::error::Result;
use crate::matrix::Budget;
use crate::observe::Observer;
use crate::strings::Strings;
use crate::tree::{ArrayStorage, EncodedValue, Libver, Location, TreeWriter};
use std::io::{Seek, Write};
use std::path::Path;

/// How arrays are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StorageOptions {
    /// What chunks go through.
    pub filters: Filters,
    /// Elements of a chunk.
    pub chunk: u64,
    /// Which forms of HDF5 are used.
    pub libver: Libver,
}

impl Default for StorageOptions {
    fn default() -> Self {
        StorageOptions { filters: Filters::default(), chunk: 1 << 16, libver: Libver::Earliest }
    }
}

/// Mappings of the root that every AnnData has.
const MAPPINGS: [&str; 6] = ["layers", "obsm", "obsp", "uns", "varm", "varp"];

/// An AnnData being written. It appears under its name when finished; dropping it leaves nothing behind.
pub struct AnnDataWriter<'o> {
    pub(super) writer: TreeWriter,
    pub(super) storage: StorageOptions,
    pub(super) budget: Budget,
    pub(super) observer: &'o dyn Observer,
}

impl std::fmt::Debug for AnnDataWriter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AnnDataWriter")
            .field("writer", &self.writer)
            .field("storage", &self.storage)
            .finish_non_exhaustive()
    }
}

impl<'o> AnnDataWriter<'o> {
    /// Begins a file that will be called `path`. An existing one is refused unless `replace`. Elements are read and encoded
    /// within `budget`, and `observer` watches.
    ///
    /// # Errors
    /// `Io` where it exists or cannot be created.
    pub fn create(
        path: &Path,
        replace: bool,
        storage: StorageOptions,
        budget: Budget,
        observer: &'o dyn Observer,
    ) -> Result<Self> {
        let writer = TreeWriter::create(path, replace, storage.libver)?;
        Ok(AnnDataWriter { writer, storage, budget, observer })
    }

    /// Begins a file in `sink`, from its beginning; [`finish_sink`](Self::finish_sink) gives the sink back.
    ///
    /// # Errors
    /// `Io` if the sink cannot be written to.
    pub fn to_sink<W: Write + Seek + Send + 'static>(
        sink: W,
        storage: StorageOptions,
        budget: Budget,
        observer: &'o dyn Observer,
    ) -> Result<Self> {
        let writer = TreeWriter::to_sink(sink, storage.libver)?;
        Ok(AnnDataWriter { writer, storage, budget, observer })
    }

    /// Writes the root, flushes the file and renames it to its final name. Missing mappings become empty ones.
    ///
    /// # Errors
    /// `Io` if that fails.
    pub fn finish(mut self) -> Result<()> {
        let attributes = self.root_attributes()?;
        self.writer.finish(&attributes)
    }

    /// Writes the root, flushes the sink and returns it. Missing mappings become empty ones.
    ///
    /// # Errors
    /// `Io` if that fails; `Usage` if this was not begun in a sink of type `W`.
    pub fn finish_sink<W: 'static>(mut self) -> Result<W> {
        let attributes = self.root_attributes()?;
        self.writer.finish_sink(&attributes)
    }

    /// Writes missing mappings as empty ones; returns the attributes of the root.
    fn root_attributes(&mut self) -> Result<Vec<(String, EncodedValue)>> {
        for name in MAPPINGS {
            let at = Location::root().child(name);
            if !self.writer.has(&at) {
                self.dict(&at)?;
            }
        }
        self.encoding("anndata", "0.1.0")
    }

    /// Whether something is written at `at`; asked before the mapping it lies in is written.
    pub fn has(&self, at: &Location) -> bool {
        self.writer.has(at)
    }

    /// Gives an element that was written a second place.
    ///
    /// # Errors
    /// `Usage` where nothing is written at `existing`, or its mapping is written already.
    pub fn alias(&mut self, at: &Location, existing: &Location) -> Result<()> {
        self.writer.alias(at, existing)
    }

    /// Writes a mapping, whose elements are written.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn dict(&mut self, at: &Location) -> Result<()> {
        self.encoded_group(at, "dict", "0.1.0")
    }

    /// Writes `raw`: a group in which `X`, `var` and `varm` are written.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn raw(&mut self, at: &Location) -> Result<()> {
        self.encoded_group(at, "raw", "0.1.0")
    }

    /// Writes strings as an array of one dimension.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub fn strings(&mut self, at: &Location, strings: &Strings) -> Result<()> {
        let value = self.writer.texts(strings, &[strings.len() as u64])?;
        self.array(at, &value, "string-array")
    }

    /// Writes a scalar or an array of plain numbers.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn value(&mut self, at: &Location, value: &EncodedValue) -> Result<()> {
        let scalar = value.shape().is_some_and(<[u64]>::is_empty);
        self.array(at, value, if scalar { "numeric-scalar" } else { "array" })
    }

    /// Writes a group that has no other attributes than its encoding.
    pub(super) fn encoded_group(&mut self, at: &Location, kind: &str, version: &str) -> Result<()> {
        let attributes = self.encoding(kind, version)?;
        self.writer.group(at, &attributes)
    }

    /// The attributes that every element has.
    pub(super) fn encoding(&mut self, kind: &str, version: &str) -> Result<Vec<(String, EncodedValue)>> {
        Ok(vec![
            ("encoding-type".to_owned(), self.writer.text(kind)?),
            ("encoding-version".to_owned(), self.writer.text(version)?),
        ])
    }

    /// Writes a value as an array of this encoding, version 0.2.0 as all arrays and scalars have.
    pub(super) fn array(&mut self, at: &Location, value: &EncodedValue, kind: &str) -> Result<()> {
        let attributes = self.encoding(kind, "0.2.0")?;
        self.writer.array(at, value, &attributes, &self.storing(value.shape()))
    }

    /// In chunks where they are to be compressed, in one piece otherwise.
    pub(super) fn storing(&self, shape: Option<&[u64]>) -> ArrayStorage {
        let filters = self.storage.filters;
        let chunk = shape.filter(|s| !s.is_empty() && !filters.is_none()).map(|s| self.chunk_of(s));
        ArrayStorage { chunk, filters, unlimited: false }
    }

    /// A chunk of about the wished number of elements: whole rows while they fit.
    fn chunk_of(&self, shape: &[u64]) -> Vec<u64> {
        let mut left = self.storage.chunk.max(1);
        let mut out: Vec<u64> = shape
            .iter()
            .rev()
            .map(|n| {
                let c = (*n).clamp(1, left.max(1));
                left /= c;
                c
            })
            .collect();
        out.reverse();
        out
    }
}
