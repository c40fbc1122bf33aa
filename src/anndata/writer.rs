//! Writes AnnData elements into a container, in the current encodings (`spec/h5ad.md`, "What is written").
//!
//! Every element is written at a [`Location`]; a mapping is written after its children. The methods for each
//! encoding are in the file `write.rs` beside its reader.

use super::column::Missing;
use crate::anndata::copied::Copied;
use crate::anndata::mudata::MuDataHead;
use crate::anndata::target::Encodings;
use crate::anndata::{LeaveOut, Program};
use crate::codec::Filters;
use crate::error::Result;
use crate::matrix::Budget;
use crate::observe::Observer;
use crate::strings::Strings;
use crate::table::HeldColumn;
use crate::tree::{ArrayStorage, EncodedValue, Location, OutputFormat, TreeWriter, WrittenObject};
use std::io::{Seek, Write};
use std::path::Path;

/// How arrays are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StorageOptions {
    /// Filters applied to chunks.
    pub filters: Filters,
    /// Approximate number of values of a chunk.
    pub chunk: u64,
    /// The container: HDF5 or zarr.
    pub format: OutputFormat,
}

impl Default for StorageOptions {
    fn default() -> Self {
        StorageOptions { filters: Filters::default(), chunk: 1 << 16, format: OutputFormat::default() }
    }
}

/// Mappings that the root of every AnnData has.
const MAPPINGS: [&str; 6] = ["layers", "obsm", "obsp", "uns", "varm", "varp"];

/// An AnnData file being written. It appears under its name when [finished](Self::finish); if it is dropped
/// before, no file remains.
pub struct AnnDataWriter<'o> {
    pub(super) writer: TreeWriter,
    pub(super) storage: StorageOptions,
    pub(super) budget: Budget,
    pub(super) observer: &'o dyn Observer,
    pub(super) copied: Copied,
    pub(super) leave: LeaveOut,
    /// Where the AnnData is written.
    pub(super) root: Location,
    /// What the file will be besides an AnnData.
    pub(super) mudata: Option<MuDataHead>,
    pub(super) encodings: Encodings,
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
    /// Begins a file that will appear at `path`. An existing file is an error unless `replace` is set.
    /// Copying and encoding use at most `budget` bytes of memory; `observer` gets progress and warnings, and
    /// may cancel.
    ///
    /// # Errors
    /// `Io` if the file exists or cannot be created; `Usage` for filters that the container does not have.
    pub fn create(
        path: &Path,
        replace: bool,
        storage: StorageOptions,
        budget: Budget,
        observer: &'o dyn Observer,
    ) -> Result<Self> {
        storage.format.check(storage.filters)?;
        let writer = TreeWriter::create(path, replace, storage.format)?;
        Ok(Self::new(writer, storage, budget, observer))
    }

    /// Begins a file in `sink`, from its beginning; [`finish_sink`](Self::finish_sink) gives the sink back.
    ///
    /// # Errors
    /// `Io` if the sink cannot be written to; `Usage` for filters that the container does not have.
    pub fn to_sink<W: Write + Seek + Send + 'static>(
        sink: W,
        storage: StorageOptions,
        budget: Budget,
        observer: &'o dyn Observer,
    ) -> Result<Self> {
        storage.format.check(storage.filters)?;
        let writer = TreeWriter::to_sink(sink, storage.format)?;
        Ok(Self::new(writer, storage, budget, observer))
    }

    fn new(
        writer: TreeWriter,
        storage: StorageOptions,
        budget: Budget,
        observer: &'o dyn Observer,
    ) -> AnnDataWriter<'o> {
        let (copied, leave, encodings) = (Copied::default(), LeaveOut::default(), Encodings::default());
        let root = Location::root();
        AnnDataWriter { writer, storage, budget, observer, copied, leave, root, mudata: None, encodings }
    }

    /// Sets what [`copy`](Self::copy) leaves out; by default what is of an unsupported kind.
    #[must_use]
    pub fn leaving_out(self, leave: LeaveOut) -> Self {
        AnnDataWriter { leave, ..self }
    }

    /// Sets the program that is to read the file: what it does not read is written in another way, or left out, each
    /// with a warning. By default everything is written as anndata 0.12 does.
    #[must_use]
    pub fn read_by(self, target: Option<Program>) -> Self {
        AnnDataWriter { encodings: Encodings(target), ..self }
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
        match self.mudata.take() {
            Some(head) => self.mudata_attributes(&head),
            None => self.anndata_attributes(),
        }
    }

    /// Writes missing mappings of the AnnData as empty ones; returns the attributes of its group.
    pub(super) fn anndata_attributes(&mut self) -> Result<Vec<(String, EncodedValue)>> {
        self.missing_mappings(&MAPPINGS)?;
        self.encoding("anndata", "0.1.0")
    }

    /// Writes those of the mappings `names` that are missing as empty ones.
    pub(super) fn missing_mappings(&mut self, names: &[&str]) -> Result<()> {
        for name in names {
            let at = self.root.child(name);
            if !self.writer.has(&at) {
                self.dict(&at)?;
            }
        }
        Ok(())
    }

    /// The location of the AnnData that is being written: the root, or a modality of MuData.
    pub fn root(&self) -> &Location {
        &self.root
    }

    /// Whether an element was written at `at`; always `false` once its mapping was written.
    pub fn has(&self, at: &Location) -> bool {
        self.writer.has(at)
    }

    /// Adds a second link, `at`, to the element written at `existing`.
    ///
    /// # Errors
    /// `Usage` if no element was written at `existing`, or if its mapping was written already.
    pub fn alias(&mut self, at: &Location, existing: &Location) -> Result<()> {
        self.writer.alias(at, existing)
    }

    /// The object written at `at`; `None` if there is none, or if its mapping was written already.
    pub(crate) fn written(&self, at: &Location) -> Option<WrittenObject> {
        self.writer.written(at)
    }

    /// Adds another link, `at`, to an object written before.
    pub(crate) fn link_to(&mut self, at: &Location, object: &WrittenObject) -> Result<()> {
        self.writer.link_to(at, object)
    }

    /// Whether anything below `at` is left out by name.
    pub(crate) fn leaves_below(&self, at: &Location) -> bool {
        self.leave.is_below(&at.to_string())
    }

    /// Writes a mapping (`dict` 0.1.0) of the elements written below `at`.
    ///
    /// # Errors
    /// `Io` if writing fails.
    pub fn dict(&mut self, at: &Location) -> Result<()> {
        if !self.encodings.has_dict() {
            return self.writer.group(at, &[]);
        }
        self.encoded_group(at, "dict", "0.1.0")
    }

    /// Writes the group `raw` (`raw` 0.1.0), after its children `X`, `var` and `varm`.
    ///
    /// # Errors
    /// `Io` if writing fails.
    pub fn raw(&mut self, at: &Location) -> Result<()> {
        self.encoded_group(at, "raw", "0.1.0")
    }

    /// Writes strings as an array of one dimension (`string-array` 0.2.0).
    ///
    /// # Errors
    /// `Io` if writing fails; `Unsupported` for a string of 4 GiB or more.
    pub fn strings(&mut self, at: &Location, strings: &Strings) -> Result<()> {
        self.texts(at, &HeldColumn::of_index(strings), &mut Missing::default())
    }

    /// Writes a scalar (`numeric-scalar` 0.2.0) or an array (`array` 0.2.0) of plain numbers.
    ///
    /// # Errors
    /// `Io` if writing fails.
    pub fn value(&mut self, at: &Location, value: &EncodedValue) -> Result<()> {
        let scalar = value.shape().is_some_and(<[u64]>::is_empty);
        self.array(at, value, if scalar { "numeric-scalar" } else { "array" })
    }

    /// Writes a group whose only attributes are those of its encoding.
    pub(super) fn encoded_group(&mut self, at: &Location, kind: &str, version: &str) -> Result<()> {
        let attributes = self.encoding(kind, version)?;
        self.writer.group(at, &attributes)
    }

    /// The attributes `encoding-type` and `encoding-version`.
    pub(super) fn encoding(&mut self, kind: &str, version: &str) -> Result<Vec<(String, EncodedValue)>> {
        Ok(vec![
            ("encoding-type".to_owned(), self.writer.text(kind)?),
            ("encoding-version".to_owned(), self.writer.text(version)?),
        ])
    }

    /// Writes a value as an array of encoding `kind`, version 0.2.0, which all arrays and scalars have.
    pub(super) fn array(&mut self, at: &Location, value: &EncodedValue, kind: &str) -> Result<()> {
        let attributes = self.encoding(kind, "0.2.0")?;
        self.writer.array(at, value, &attributes, &self.storing(value.shape()))
    }

    /// The storage of an array of shape `shape`: in chunks if there are filters or the container has nothing else,
    /// contiguous otherwise.
    pub(super) fn storing(&self, shape: Option<&[u64]>) -> ArrayStorage {
        let filters = self.storage.filters;
        let chunked = self.writer.always_chunks() || !filters.is_none();
        let chunk = shape.filter(|s| !s.is_empty() && chunked).map(|s| self.chunk_of(s));
        ArrayStorage { chunk, filters, unlimited: false }
    }

    /// The shape of a chunk with at most the configured number of values: whole rows if they fit.
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
