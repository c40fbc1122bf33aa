//! Writing a container: arrays and groups by their [`Location`], children before their parents.

use super::copied_value::records_for_hdf5;
use super::{EncodedValue, Location, OutputFormat, Value};
use crate::codec::{EncodeWork, Encoded, Filters};
use crate::dtype::Datatype;
use crate::error::{Error, Place, Result};
use crate::hdf5::{self, Chunks, Storing};
use crate::strings::Strings;
use crate::zarr::{ChunkCodec, ZarrChunks, ZarrData, ZarrStoring, ZarrWriter};
use std::collections::HashMap;
use std::io::{Seek, Write};

/// Length of the user block of an HDF5 file with a text in front.
const USER_BLOCK: usize = 512;

/// How the elements of an array are stored.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ArrayStorage {
    /// Number of elements of a chunk in each dimension; `None` for an array that is not chunked.
    pub chunk: Option<Vec<u64>>,
    /// Filters applied to chunks.
    pub filters: Filters,
    /// Whether the first dimension may grow later (its maximum is unlimited); always so in zarr.
    pub unlimited: bool,
}

impl ArrayStorage {
    pub(super) fn to_hdf5(&self) -> Storing {
        Storing { chunk: self.chunk.clone(), filters: self.filters, unlimited: self.unlimited }
    }

    pub(super) fn to_zarr(&self) -> ZarrStoring<'_> {
        ZarrStoring { chunk: self.chunk.as_deref(), filters: self.filters }
    }
}

/// A container being written. It appears under its name when [finished](Self::finish); if it is dropped
/// before, nothing remains.
#[derive(Debug)]
pub struct TreeWriter {
    pub(super) format: WriterFormat,
}

#[derive(Debug)]
pub(super) enum WriterFormat {
    Hdf5 {
        writer: hdf5::Writer,
        /// Groups that are not written yet, but have children that are.
        open: HashMap<Location, hdf5::Group>,
    },
    Zarr(ZarrWriter),
}

/// An object that was written, for more links to it.
#[derive(Debug, Clone)]
pub struct WrittenObject(WrittenAt);

#[derive(Debug, Clone)]
enum WrittenAt {
    Hdf5(hdf5::ObjectAddress),
    /// The path of the node.
    Zarr(String),
}

/// An array being written chunk by chunk, in row-major order of the chunk grid.
#[derive(Debug)]
pub struct ChunkWriter {
    location: Location,
    chunks: ChunksOf,
}

#[derive(Debug)]
enum ChunksOf {
    Hdf5(Chunks),
    Zarr(ZarrChunks),
}

/// Encodes the chunks of one array, on any thread.
#[derive(Debug, Clone)]
pub struct ChunkEncoder(EncoderOf);

#[derive(Debug, Clone)]
enum EncoderOf {
    /// The filters, and the bytes of an element.
    Hdf5(Filters, usize),
    Zarr(ChunkCodec),
}

/// Names and values of the attributes of an object.
pub(super) type Attributes<'a> = &'a [(String, EncodedValue)];

fn mixed() -> Error {
    Error::usage("an array of another container")
}

impl TreeWriter {
    /// Begins a container that will appear at `path`. An existing one is an error unless `replace` is set. Needs the
    /// feature `write`.
    ///
    /// # Errors
    /// `Io` if it exists or cannot be created.
    #[cfg(feature = "write")]
    pub fn create(path: &std::path::Path, replace: bool, format: OutputFormat) -> Result<Self> {
        Ok(match format {
            OutputFormat::Hdf5(libver) => Self::of_hdf5(hdf5::Writer::create(path, replace, libver)?),
            OutputFormat::Zarr(zarr) if zarr.zip => {
                Self::of_zarr(ZarrWriter::zip(path, replace, zarr.version, zarr.shard)?)
            }
            OutputFormat::Zarr(zarr) => {
                Self::of_zarr(ZarrWriter::folder(path, replace, zarr.version, zarr.shard)?)
            }
        })
    }

    /// Begins a container in `sink`, from its beginning; [`finish_sink`](Self::finish_sink) gives the sink back. A
    /// zarr store is a zip file there.
    ///
    /// # Errors
    /// `Io` if the sink cannot be written to.
    pub fn to_sink<W: Write + Seek + Send + 'static>(sink: W, format: OutputFormat) -> Result<Self> {
        Ok(match format {
            OutputFormat::Hdf5(libver) => Self::of_hdf5(hdf5::Writer::to_sink(sink, libver)?),
            OutputFormat::Zarr(zarr) => Self::of_zarr(ZarrWriter::to_sink(sink, zarr.version, zarr.shard)?),
        })
    }

    fn of_hdf5(writer: hdf5::Writer) -> Self {
        TreeWriter { format: WriterFormat::Hdf5 { writer, open: HashMap::new() } }
    }

    fn of_zarr(writer: ZarrWriter) -> Self {
        TreeWriter { format: WriterFormat::Zarr(writer) }
    }

    /// Whether arrays always have chunks in this container.
    pub fn always_chunks(&self) -> bool {
        matches!(self.format, WriterFormat::Zarr(_))
    }

    /// Puts a text that identifies the file in front of the container, before anything is written: in HDF5, a user
    /// block of 512 bytes. Zarr has no such place.
    ///
    /// # Errors
    /// `Usage` if the text is longer, or if much has been written.
    pub(crate) fn put_in_front(&mut self, text: &str) -> Result<()> {
        let WriterFormat::Hdf5 { writer, .. } = &mut self.format else { return Ok(()) };
        let mut block = text.as_bytes().to_vec();
        block.resize(block.len().max(USER_BLOCK), 0);
        writer.put_user_block(&block)
    }

    /// Encodes one string as a scalar for this container.
    ///
    /// # Errors
    /// `Io` if the heap cannot be written; `Unsupported` if the string is too long for it.
    pub fn text(&mut self, text: &str) -> Result<EncodedValue> {
        match &mut self.format {
            WriterFormat::Hdf5 { writer, .. } => writer.text(text).map(EncodedValue::from),
            WriterFormat::Zarr(_) => Ok(EncodedValue::texts([text].into_iter().collect(), &[])),
        }
    }

    /// Encodes strings as an array of shape `dims` for this container.
    ///
    /// # Errors
    /// As [`text`](Self::text).
    pub fn texts(&mut self, strings: &Strings, dims: &[u64]) -> Result<EncodedValue> {
        match &mut self.format {
            WriterFormat::Hdf5 { writer, .. } => writer.texts(strings, dims).map(EncodedValue::from),
            WriterFormat::Zarr(_) => Ok(EncodedValue::texts(strings.clone(), dims)),
        }
    }

    /// Encodes a value of another container for this one; in HDF5, strings are copied to its heap.
    ///
    /// # Errors
    /// `Unsupported` for references to other objects; otherwise errors of reading the strings and of writing them.
    pub fn value(&mut self, value: &Value) -> Result<EncodedValue> {
        let WriterFormat::Hdf5 { writer, .. } = &mut self.format else { return value.for_zarr() };
        if let Some(value) = value.as_hdf5() {
            return writer.value(value).map(EncodedValue::from);
        }
        if let Some(records) = records_for_hdf5(value, writer)? {
            return Ok(records);
        }
        let Some(dims) = value.shape() else { return Ok(EncodedValue::null()) };
        if value.is_text() {
            return self.texts(&value.strings()?, dims);
        }
        let datatype = value.datatype();
        if datatype.has_references() {
            let text = format!("elements of {}, which HDF5 files of AnnData do not have", datatype.name());
            return Err(Error::unsupported(text));
        }
        Ok(EncodedValue::elements(datatype, dims, value.raw().to_vec()))
    }

    /// Writes a value as an array.
    ///
    /// # Errors
    /// `Io` if writing fails; `Unsupported` if an attribute's name or type is too large for the container, or it has
    /// no such elements.
    pub fn array(
        &mut self,
        at: &Location,
        value: &EncodedValue,
        attributes: Attributes<'_>,
        storage: &ArrayStorage,
    ) -> Result<()> {
        match &mut self.format {
            WriterFormat::Hdf5 { writer, .. } => {
                let address = writer.dataset(value.as_hdf5()?, &to_hdf5(attributes)?, &storage.to_hdf5())?;
                self.link(at, address)
            }
            WriterFormat::Zarr(writer) => {
                writer.array(&key_of(at)?, value.as_zarr(), &to_zarr(attributes), storage.to_zarr())
            }
        }
    }

    /// Begins an array of shape `dims` whose chunks follow one by one, in row-major order of the chunk grid.
    ///
    /// # Errors
    /// `Usage` if a chunk would have no elements, or more bytes than the container allows; `Unsupported` for elements
    /// that it does not have.
    pub fn begin_chunks(
        &self,
        at: &Location,
        datatype: &Datatype,
        dims: &[u64],
        storage: &ArrayStorage,
    ) -> Result<ChunkWriter> {
        let chunks = match &self.format {
            WriterFormat::Hdf5 { .. } => {
                let chunk = storage.chunk.as_deref().unwrap_or(dims);
                let unlimited = storage.unlimited;
                ChunksOf::Hdf5(Chunks::new(datatype.clone(), dims, chunk, storage.filters, unlimited)?)
            }
            WriterFormat::Zarr(writer) => {
                ChunksOf::Zarr(writer.begin_chunks(&key_of(at)?, datatype, dims, storage.to_zarr())?)
            }
        };
        Ok(ChunkWriter { location: at.clone(), chunks })
    }

    /// Leaves the next chunk out: its elements read as the [fill value](ChunkWriter::filled_with).
    ///
    /// # Errors
    /// `Io` if a shard ends here and cannot be written.
    pub fn skip(&mut self, chunks: &mut ChunkWriter) -> Result<()> {
        match (&mut self.format, &mut chunks.chunks) {
            (_, ChunksOf::Hdf5(chunks)) => {
                chunks.skip();
                Ok(())
            }
            (WriterFormat::Zarr(writer), ChunksOf::Zarr(chunks)) => writer.skip(chunks),
            _ => Err(mixed()),
        }
    }

    /// Appends the next chunk.
    ///
    /// # Errors
    /// `Io` if writing fails.
    pub fn push(&mut self, chunks: &mut ChunkWriter, encoded: &Encoded) -> Result<()> {
        match (&mut self.format, &mut chunks.chunks) {
            (WriterFormat::Hdf5 { writer, .. }, ChunksOf::Hdf5(chunks)) => chunks.push(writer, encoded),
            (WriterFormat::Zarr(writer), ChunksOf::Zarr(chunks)) => writer.push(chunks, encoded),
            _ => Err(mixed()),
        }
    }

    /// Ends an array after its last chunk: writes the chunk index and the attributes.
    ///
    /// # Errors
    /// `Io` if writing fails; `Usage` if the number of chunks is not that of the grid.
    pub fn finish_chunks(&mut self, chunks: ChunkWriter, attributes: Attributes<'_>) -> Result<()> {
        let address = match (&mut self.format, chunks.chunks) {
            (WriterFormat::Hdf5 { writer, .. }, ChunksOf::Hdf5(array)) => {
                array.finish(writer, &to_hdf5(attributes)?)?
            }
            (WriterFormat::Zarr(writer), ChunksOf::Zarr(array)) => {
                return writer.finish_chunks(array, &to_zarr(attributes));
            }
            _ => return Err(mixed()),
        };
        self.link(&chunks.location, address)
    }

    /// Writes a group with links to all children written before.
    ///
    /// # Errors
    /// `Io` if writing fails; `Unsupported` if an attribute's name or type is too large for the container.
    pub fn group(&mut self, at: &Location, attributes: Attributes<'_>) -> Result<()> {
        match &mut self.format {
            WriterFormat::Hdf5 { writer, open } => {
                let mut group = open.remove(at).unwrap_or_default();
                for (name, value) in attributes {
                    group.attribute(name, value.as_hdf5()?.clone());
                }
                let address = writer.group(&group)?;
                self.link(at, address)
            }
            WriterFormat::Zarr(writer) => writer.group(&key_of(at)?, &to_zarr(attributes)),
        }
    }

    /// Adds a second link, `at`, to the object written at `existing`. Zarr, which has no links, has a copy there.
    ///
    /// # Errors
    /// `Usage` if no object was written at `existing`, or if its group was written already; as
    /// [`link_to`](Self::link_to).
    pub fn alias(&mut self, at: &Location, existing: &Location) -> Result<()> {
        let found = self.written(existing);
        let object = found.ok_or_else(|| Error::usage("expected an object in a group not written yet"));
        self.link_to(at, &object.in_object(&existing.to_string())?)
    }

    /// The object written at `at`; `None` if there is none, or, in HDF5, if its group was written already.
    pub fn written(&self, at: &Location) -> Option<WrittenObject> {
        match &self.format {
            WriterFormat::Hdf5 { open, .. } => {
                let (parent, name) = at.split()?;
                open.get(&parent)?.child(name).map(|address| WrittenObject(WrittenAt::Hdf5(address)))
            }
            WriterFormat::Zarr(writer) => {
                let key = key_of(at).ok().filter(|key| writer.has(key))?;
                Some(WrittenObject(WrittenAt::Zarr(key)))
            }
        }
    }

    /// Adds another link, `at`, to an object written before. Zarr, which has no links, has a copy there.
    ///
    /// # Errors
    /// `Usage` if `at` is the root; for zarr `Io` and, where links would grow without end, `Limit`.
    pub fn link_to(&mut self, at: &Location, object: &WrittenObject) -> Result<()> {
        match (&mut self.format, &object.0) {
            (WriterFormat::Zarr(writer), WrittenAt::Zarr(from)) => writer.copy_again(from, &key_of(at)?),
            (WriterFormat::Hdf5 { .. }, WrittenAt::Hdf5(address)) => self.link(at, *address),
            _ => Err(mixed()),
        }
    }

    /// A reference to the object written at `at`, for an attribute.
    ///
    /// # Errors
    /// `Usage` if no object was written there, or if its group was written already; `Unsupported` in zarr, which has no
    /// references.
    pub fn reference(&self, at: &Location) -> Result<EncodedValue> {
        let found = self.written(at);
        let object = found.ok_or_else(|| Error::usage("expected an object in a group not written yet"));
        match object.in_object(&at.to_string())?.0 {
            WrittenAt::Hdf5(address) => Ok(hdf5::StoredValue::reference(address).into()),
            WrittenAt::Zarr(_) => Err(Error::unsupported("zarr has no references")),
        }
    }

    /// Whether an object was written at `at`; in HDF5 always `false` once its group was written.
    pub fn has(&self, at: &Location) -> bool {
        self.written(at).is_some()
    }

    /// Drops the groups at and below `at` that are not written yet, with their children. Bytes already
    /// written may remain in a file.
    ///
    /// # Errors
    /// `Io` if something of a folder cannot be removed.
    pub fn discard(&mut self, at: &Location) -> Result<()> {
        match &mut self.format {
            WriterFormat::Hdf5 { open, .. } => {
                open.retain(|location, _| !at.contains(location));
                Ok(())
            }
            WriterFormat::Zarr(writer) => match key_of(at) {
                Ok(key) => writer.discard(&key),
                Err(_) => Ok(()), // nothing was written there
            },
        }
    }

    /// Writes the root group, flushes everything and gives it its final name.
    ///
    /// # Errors
    /// `Io` if that fails; `Unsupported` if an attribute's name or type is too large for the container.
    pub fn finish(self, attributes: Attributes<'_>) -> Result<()> {
        match self.format {
            WriterFormat::Hdf5 { writer, open } => writer.finish(&root(open, attributes)?),
            WriterFormat::Zarr(writer) => writer.finish(&to_zarr(attributes)),
        }
    }

    /// Writes the root group, flushes the sink and returns it.
    ///
    /// # Errors
    /// As [`finish`](Self::finish); `Usage` if this was not begun in a sink of type `W`.
    pub fn finish_sink<W: 'static>(self, attributes: Attributes<'_>) -> Result<W> {
        match self.format {
            WriterFormat::Hdf5 { writer, open } => writer.finish_sink(&root(open, attributes)?),
            WriterFormat::Zarr(writer) => writer.finish_sink(&to_zarr(attributes)),
        }
    }

    /// Links an object of HDF5 from its group, which is not written yet.
    pub(super) fn link(&mut self, at: &Location, address: hdf5::ObjectAddress) -> Result<()> {
        let WriterFormat::Hdf5 { open, .. } = &mut self.format else { return Err(mixed()) };
        let (parent, name) = at.split().ok_or_else(|| Error::usage("expected a location below the root"))?;
        open.entry(parent).or_default().link(name, address);
        Ok(())
    }
}

/// The root group with its attributes.
fn root(mut open: HashMap<Location, hdf5::Group>, attributes: Attributes<'_>) -> Result<hdf5::Group> {
    let mut root = open.remove(&Location::root()).unwrap_or_default();
    for (name, value) in attributes {
        root.attribute(name, value.as_hdf5()?.clone());
    }
    Ok(root)
}

impl ChunkWriter {
    /// Sets the value of the elements of chunks that are left out: one element, or nothing for zeros.
    #[must_use]
    pub fn filled_with(self, fill: &[u8]) -> Self {
        let chunks = match self.chunks {
            ChunksOf::Hdf5(chunks) => ChunksOf::Hdf5(chunks.filled_with(fill)),
            ChunksOf::Zarr(chunks) => ChunksOf::Zarr(chunks.filled_with(fill)),
        };
        ChunkWriter { chunks, ..self }
    }

    /// What encodes its chunks.
    pub fn encoder(&self) -> ChunkEncoder {
        ChunkEncoder(match &self.chunks {
            ChunksOf::Hdf5(chunks) => EncoderOf::Hdf5(chunks.filters(), chunks.element_size()),
            ChunksOf::Zarr(chunks) => EncoderOf::Zarr(chunks.codec().clone()),
        })
    }
}

impl ChunkEncoder {
    /// Encodes a whole chunk.
    ///
    /// # Errors
    /// `Usage` for filters that the container does not have; `Limit` if the encoder fails, which is not expected for
    /// any input.
    pub fn encode(&self, chunk: &[u8], work: &mut EncodeWork) -> Result<Encoded> {
        match &self.0 {
            EncoderOf::Hdf5(filters, size) => filters.encode(chunk, *size, work),
            EncoderOf::Zarr(codec) => codec.encode(chunk, work),
        }
    }
}

pub(super) fn to_hdf5(attributes: Attributes<'_>) -> Result<Vec<(String, hdf5::StoredValue)>> {
    attributes.iter().map(|(name, value)| Ok((name.clone(), value.as_hdf5()?.clone()))).collect()
}

pub(super) fn to_zarr(attributes: Attributes<'_>) -> Vec<(&str, ZarrData<'_>)> {
    attributes.iter().map(|(name, value)| (name.as_str(), value.as_zarr())).collect()
}

/// The path of a node of zarr.
///
/// # Errors
/// `Unsupported` for a name with a `/` in it.
pub(super) fn key_of(at: &Location) -> Result<String> {
    let names: Vec<&str> = at.names().collect();
    match names.iter().find(|name| name.contains('/')) {
        Some(name) => {
            let text = format!("zarr has no node called '{}'", name.escape_debug());
            Err(Error::unsupported(text).in_object(&at.to_string()))
        }
        None => Ok(names.join("/")),
    }
}

/// Links that the writer does not make, for tests of files that have them.
#[cfg(test)]
impl WrittenObject {
    /// An object of a file that was written.
    pub(crate) fn of(node: &super::Node) -> Self {
        WrittenObject(WrittenAt::Hdf5(hdf5::ObjectAddress(node.id().address().unwrap())))
    }

    /// Overwrites the version of its header in `file`.
    pub(crate) fn damage(&self, file: &mut [u8]) {
        self.address().damage(file);
    }

    /// Lets every link to this object in `file` lead to `other`.
    pub(crate) fn redirect(&self, file: &mut [u8], other: &WrittenObject) {
        self.address().redirect(file, other.address());
    }

    /// Makes every link to this object in `file` a soft link whose target is its own name.
    pub(crate) fn soften(&self, file: &mut [u8]) {
        self.address().soften(file);
    }

    fn address(&self) -> hdf5::ObjectAddress {
        match self.0 {
            WrittenAt::Hdf5(address) => address,
            WrittenAt::Zarr(_) => panic!("an object of zarr"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::Dtype;
    use crate::tree::{Container, Libver};

    #[test]
    fn objects_written_by_location_are_found_by_path() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.h5");
        let mut w = TreeWriter::create(&path, false, OutputFormat::default()).unwrap();
        let (root, storage) = (Location::root(), ArrayStorage::default());
        let group = root.child("group");
        w.array(&group.child("one"), &EncodedValue::integer(1), &[], &storage).unwrap();
        assert!(w.has(&group.child("one")) && !w.has(&group.child("two")));
        w.alias(&root.child("again"), &group.child("one")).unwrap();
        assert!(w.alias(&root.child("no"), &group.child("two")).is_err());
        let gone = root.child("gone");
        w.array(&gone.child("inner").child("x"), &EncodedValue::integer(2), &[], &storage).unwrap();
        w.discard(&gone).unwrap();
        let note = w.text("seven").unwrap();
        w.group(&group, &[("note".into(), note)]).unwrap();
        w.finish(&[("yes".into(), EncodedValue::boolean(true))]).unwrap();

        let root = Container::open(&path, crate::Limits::default()).unwrap().root().unwrap();
        let names: Vec<String> = root.links().unwrap().iter().map(|l| l.name().into_owned()).collect();
        assert_eq!(names, ["again", "group"]);
        let group = root.descend("group").unwrap();
        assert_eq!(group.attribute("note").unwrap().unwrap().string().unwrap(), "seven");
        assert_eq!(group.descend("one").unwrap().array().unwrap().read().unwrap().integer().unwrap(), 1);
        let walked: Vec<(String, bool)> =
            root.walk().map(|e| (e.path().to_owned(), e.seen_as().is_some())).collect();
        let path = |p: &str, again| (p.to_owned(), again);
        assert_eq!(
            walked,
            [path("/", false), path("/again", false), path("/group", false), path("/group/one", true)]
        );
    }

    #[test]
    fn chunks_are_written_in_grid_order() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.h5");
        let mut w = TreeWriter::create(&path, false, OutputFormat::Hdf5(Libver::Latest)).unwrap();
        let storage = ArrayStorage { chunk: Some(vec![2]), ..ArrayStorage::default() };
        let at = Location::root().child("x");
        let mut chunks = w.begin_chunks(&at, &Datatype::of(Dtype::Uint8), &[4], &storage).unwrap();
        for part in [[1, 2], [3, 4]] {
            let encoded = chunks.encoder().encode(&part, &mut EncodeWork::default()).unwrap();
            w.push(&mut chunks, &encoded).unwrap();
        }
        w.finish_chunks(chunks, &[]).unwrap();
        w.finish(&[]).unwrap();
        let root = Container::open(&path, crate::Limits::default()).unwrap().root().unwrap();
        let array = root.descend("x").unwrap().array().unwrap();
        assert_eq!((array.shape(), array.chunk_shape()), (&[4][..], Some(vec![2])));
        assert_eq!(array.read().unwrap().integers().unwrap(), [1, 2, 3, 4]);
    }
}
