//! Writing a container: arrays and groups by their [`Location`], children before their parents.

use super::{EncodedValue, Location, Value};
use crate::codec::{EncodeWork, Encoded, Filters};
use crate::dtype::Datatype;
use crate::error::{Error, Place, Result};
use crate::hdf5::{self, Chunks, Storing};
use crate::strings::Strings;
use std::collections::HashMap;
use std::io::{Seek, Write};

pub use crate::hdf5::Libver;

/// How the elements of an array are stored.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ArrayStorage {
    /// Number of elements of a chunk in each dimension; `None` for an array that is not chunked.
    pub chunk: Option<Vec<u64>>,
    /// Filters applied to chunks.
    pub filters: Filters,
    /// Whether the first dimension may grow later (its maximum is unlimited).
    pub unlimited: bool,
}

/// A container being written. It appears under its name when [finished](Self::finish); if it is dropped
/// before, no file remains.
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
}

/// An object that was written, for more links to it.
#[derive(Debug, Clone, Copy)]
pub struct WrittenObject(hdf5::ObjectAddress);

/// An array being written chunk by chunk, in row-major order of the chunk grid.
#[derive(Debug)]
pub struct ChunkWriter {
    location: Location,
    chunks: ChunksOf,
}

#[derive(Debug)]
enum ChunksOf {
    Hdf5(Chunks),
}

/// Names and values of the attributes of an object.
pub(super) type Attributes<'a> = &'a [(String, EncodedValue)];

impl TreeWriter {
    /// Begins an HDF5 file that will appear at `path`. An existing file is an error unless `replace` is set.
    /// Needs the feature `write`.
    ///
    /// # Errors
    /// `Io` if the file exists or cannot be created.
    #[cfg(feature = "write")]
    pub fn create(path: &std::path::Path, replace: bool, libver: Libver) -> Result<Self> {
        let writer = hdf5::Writer::create(path, replace, libver)?;
        Ok(TreeWriter { format: WriterFormat::Hdf5 { writer, open: HashMap::new() } })
    }

    /// Begins an HDF5 file in `sink`, from its beginning; [`finish_sink`](Self::finish_sink) gives the sink back.
    ///
    /// # Errors
    /// `Io` if the sink cannot be written to.
    pub fn to_sink<W: Write + Seek + Send + 'static>(sink: W, libver: Libver) -> Result<Self> {
        let writer = hdf5::Writer::to_sink(sink, libver)?;
        Ok(TreeWriter { format: WriterFormat::Hdf5 { writer, open: HashMap::new() } })
    }

    /// Encodes one string as a scalar for this container.
    ///
    /// # Errors
    /// `Io` if the heap cannot be written; `Unsupported` if the string is too long for it.
    pub fn text(&mut self, text: &str) -> Result<EncodedValue> {
        let WriterFormat::Hdf5 { writer, .. } = &mut self.format;
        writer.text(text).map(EncodedValue::from)
    }

    /// Encodes strings as an array of shape `dims` for this container.
    ///
    /// # Errors
    /// As [`text`](Self::text).
    pub fn texts(&mut self, strings: &Strings, dims: &[u64]) -> Result<EncodedValue> {
        let WriterFormat::Hdf5 { writer, .. } = &mut self.format;
        writer.texts(strings, dims).map(EncodedValue::from)
    }

    /// Encodes a value of another container for this one; strings are copied to the heap of this container.
    ///
    /// # Errors
    /// `Unsupported` for references to other objects; otherwise errors of reading the strings and of writing them.
    pub fn value(&mut self, value: &Value) -> Result<EncodedValue> {
        if let Some(value) = value.as_hdf5() {
            let WriterFormat::Hdf5 { writer, .. } = &mut self.format;
            return writer.value(value).map(EncodedValue::from);
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
    /// `Io` if writing fails; `Unsupported` if an attribute's name or type is too large for the container.
    pub fn array(
        &mut self,
        at: &Location,
        value: &EncodedValue,
        attributes: Attributes<'_>,
        storage: &ArrayStorage,
    ) -> Result<()> {
        let WriterFormat::Hdf5 { writer, .. } = &mut self.format;
        let storing =
            Storing { chunk: storage.chunk.clone(), filters: storage.filters, unlimited: storage.unlimited };
        let address = writer.dataset(value.as_hdf5(), &to_hdf5(attributes), &storing)?;
        self.link(at, address)
    }

    /// Begins an array of shape `dims` whose chunks follow one by one, in row-major order of the chunk grid.
    ///
    /// # Errors
    /// `Usage` if a chunk would have no elements, or more bytes than the container allows.
    pub fn begin_chunks(
        &self,
        at: &Location,
        datatype: &Datatype,
        dims: &[u64],
        storage: &ArrayStorage,
    ) -> Result<ChunkWriter> {
        let WriterFormat::Hdf5 { .. } = &self.format;
        let chunk = storage.chunk.as_deref().unwrap_or(dims);
        let chunks = Chunks::new(datatype.clone(), dims, chunk, storage.filters, storage.unlimited)?;
        Ok(ChunkWriter { location: at.clone(), chunks: ChunksOf::Hdf5(chunks) })
    }

    /// Leaves the next chunk out: its elements read as the [fill value](ChunkWriter::filled_with).
    pub fn skip(&mut self, chunks: &mut ChunkWriter) {
        let ChunksOf::Hdf5(chunks) = &mut chunks.chunks;
        chunks.skip();
    }

    /// Appends the next chunk.
    ///
    /// # Errors
    /// `Io` if writing fails.
    pub fn push(&mut self, chunks: &mut ChunkWriter, encoded: &Encoded) -> Result<()> {
        let WriterFormat::Hdf5 { writer, .. } = &mut self.format;
        let ChunksOf::Hdf5(chunks) = &mut chunks.chunks;
        chunks.push(writer, encoded)
    }

    /// Ends an array after its last chunk: writes the chunk index and the attributes.
    ///
    /// # Errors
    /// `Io` if writing fails; `Usage` if the number of chunks is not that of the grid.
    pub fn finish_chunks(&mut self, chunks: ChunkWriter, attributes: Attributes<'_>) -> Result<()> {
        let WriterFormat::Hdf5 { writer, .. } = &mut self.format;
        let ChunksOf::Hdf5(array) = chunks.chunks;
        let address = array.finish(writer, &to_hdf5(attributes))?;
        self.link(&chunks.location, address)
    }

    /// Writes a group with links to all children written before.
    ///
    /// # Errors
    /// `Io` if writing fails; `Unsupported` if an attribute's name or type is too large for the container.
    pub fn group(&mut self, at: &Location, attributes: Attributes<'_>) -> Result<()> {
        let WriterFormat::Hdf5 { writer, open } = &mut self.format;
        let mut group = open.remove(at).unwrap_or_default();
        for (name, value) in attributes {
            group.attribute(name, value.as_hdf5().clone());
        }
        let address = writer.group(&group)?;
        self.link(at, address)
    }

    /// Adds a second link, `at`, to the object written at `existing`.
    ///
    /// # Errors
    /// `Usage` if no object was written at `existing`, or if its group was written already.
    pub fn alias(&mut self, at: &Location, existing: &Location) -> Result<()> {
        let found = self.written(existing);
        let object = found.ok_or_else(|| Error::usage("expected an object in a group not written yet"));
        self.link_to(at, object.in_object(&existing.to_string())?)
    }

    /// The object written at `at`; `None` if there is none, or if its group was written already.
    pub fn written(&self, at: &Location) -> Option<WrittenObject> {
        let WriterFormat::Hdf5 { open, .. } = &self.format;
        let (parent, name) = at.split()?;
        open.get(&parent)?.child(name).map(WrittenObject)
    }

    /// Adds another link, `at`, to an object written before.
    ///
    /// # Errors
    /// `Usage` if `at` is the root.
    pub fn link_to(&mut self, at: &Location, object: WrittenObject) -> Result<()> {
        self.link(at, object.0)
    }

    /// A reference to the object written at `at`, for an attribute.
    ///
    /// # Errors
    /// `Usage` if no object was written there, or if its group was written already.
    pub fn reference(&self, at: &Location) -> Result<EncodedValue> {
        let found = self.written(at);
        let object = found.ok_or_else(|| Error::usage("expected an object in a group not written yet"));
        let WriterFormat::Hdf5 { .. } = &self.format;
        Ok(hdf5::StoredValue::reference(object.in_object(&at.to_string())?.0).into())
    }

    /// Whether an object was written at `at`; always `false` once its group was written.
    pub fn has(&self, at: &Location) -> bool {
        self.written(at).is_some()
    }

    /// Drops the groups at and below `at` that are not written yet, with their children. Bytes already
    /// written may remain in the file.
    pub fn discard(&mut self, at: &Location) {
        let WriterFormat::Hdf5 { open, .. } = &mut self.format;
        open.retain(|location, _| !at.contains(location));
    }

    /// Writes the root group, flushes the file and renames it to its final name.
    ///
    /// # Errors
    /// `Io` if that fails; `Unsupported` if an attribute's name or type is too large for the container.
    pub fn finish(self, attributes: Attributes<'_>) -> Result<()> {
        let (writer, root) = self.root(attributes);
        writer.finish(&root)
    }

    /// Writes the root group, flushes the sink and returns it.
    ///
    /// # Errors
    /// As [`finish`](Self::finish); `Usage` if this was not begun in a sink of type `W`.
    pub fn finish_sink<W: 'static>(self, attributes: Attributes<'_>) -> Result<W> {
        let (writer, root) = self.root(attributes);
        writer.finish_sink(&root)
    }

    /// The root group with its attributes, and what writes it.
    fn root(self, attributes: Attributes<'_>) -> (hdf5::Writer, hdf5::Group) {
        let WriterFormat::Hdf5 { writer, mut open } = self.format;
        let mut root = open.remove(&Location::root()).unwrap_or_default();
        for (name, value) in attributes {
            root.attribute(name, value.as_hdf5().clone());
        }
        (writer, root)
    }

    /// Links an object from its group, which is not written yet.
    pub(super) fn link(&mut self, at: &Location, address: hdf5::ObjectAddress) -> Result<()> {
        let WriterFormat::Hdf5 { open, .. } = &mut self.format;
        let (parent, name) = at.split().ok_or_else(|| Error::usage("expected a location below the root"))?;
        open.entry(parent).or_default().link(name, address);
        Ok(())
    }
}

impl ChunkWriter {
    /// Sets the value of the elements of chunks that are left out: one element, or nothing for zeros.
    #[must_use]
    pub fn filled_with(self, fill: &[u8]) -> Self {
        let ChunksOf::Hdf5(chunks) = self.chunks;
        ChunkWriter { chunks: ChunksOf::Hdf5(chunks.filled_with(fill)), ..self }
    }

    /// Applies the filters to a whole chunk. Any thread may call this.
    ///
    /// # Errors
    /// As [`Filters::encode`].
    pub fn encode(&self, chunk: &[u8], work: &mut EncodeWork) -> Result<Encoded> {
        let ChunksOf::Hdf5(chunks) = &self.chunks;
        chunks.encode(chunk, work)
    }
}

pub(super) fn to_hdf5(attributes: Attributes<'_>) -> Vec<(String, hdf5::StoredValue)> {
    attributes.iter().map(|(name, value)| (name.clone(), value.as_hdf5().clone())).collect()
}

/// Links that the writer does not make, for tests of files that have them.
#[cfg(test)]
impl WrittenObject {
    /// An object of a file that was written.
    pub(crate) fn of(node: &super::Node) -> Self {
        WrittenObject(hdf5::ObjectAddress(node.id().address().unwrap()))
    }

    /// Overwrites the version of its header in `file`.
    pub(crate) fn damage(self, file: &mut [u8]) {
        self.0.damage(file);
    }

    /// Lets every link to this object in `file` lead to `other`.
    pub(crate) fn redirect(self, file: &mut [u8], other: WrittenObject) {
        self.0.redirect(file, other.0);
    }

    /// Makes every link to this object in `file` a soft link whose target is its own name.
    pub(crate) fn soften(self, file: &mut [u8]) {
        self.0.soften(file);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::Dtype;
    use crate::tree::Container;

    #[test]
    fn objects_written_by_location_are_found_by_path() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.h5");
        let mut w = TreeWriter::create(&path, false, Libver::Earliest).unwrap();
        let (root, storage) = (Location::root(), ArrayStorage::default());
        let group = root.child("group");
        w.array(&group.child("one"), &EncodedValue::integer(1), &[], &storage).unwrap();
        assert!(w.has(&group.child("one")) && !w.has(&group.child("two")));
        w.alias(&root.child("again"), &group.child("one")).unwrap();
        assert!(w.alias(&root.child("no"), &group.child("two")).is_err());
        let gone = root.child("gone");
        w.array(&gone.child("inner").child("x"), &EncodedValue::integer(2), &[], &storage).unwrap();
        w.discard(&gone);
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
        let mut w = TreeWriter::create(&path, false, Libver::Latest).unwrap();
        let storage = ArrayStorage { chunk: Some(vec![2]), ..ArrayStorage::default() };
        let at = Location::root().child("x");
        let mut chunks = w.begin_chunks(&at, &Datatype::of(Dtype::Uint8), &[4], &storage).unwrap();
        for part in [[1, 2], [3, 4]] {
            let encoded = chunks.encode(&part, &mut EncodeWork::default()).unwrap();
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
