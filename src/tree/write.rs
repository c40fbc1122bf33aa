//! A container being written: arrays and groups by their [`Location`], children before their parents.

use super::{EncodedValue, Location, Value};
use crate::codec::{EncodeWork, Encoded, Filters};
use crate::dtype::Datatype;
use crate::error::{Error, Place, Result};
use crate::hdf5::{self, Chunks, Storing};
use crate::strings::Strings;
use std::collections::HashMap;

pub use crate::hdf5::Libver;

/// How the elements of an array are stored.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ArrayStorage {
    /// Elements of a chunk in each dimension; in one piece where `None`.
    pub chunk: Option<Vec<u64>>,
    /// What chunks go through.
    pub filters: Filters,
    /// Whether the first dimension may grow.
    pub unlimited: bool,
}

/// A container being written. It appears under its name when finished; dropping it leaves nothing behind.
#[derive(Debug)]
pub struct TreeWriter {
    format: WriterFormat,
}

#[derive(Debug)]
enum WriterFormat {
    Hdf5 {
        writer: hdf5::Writer,
        /// Groups of which children are written, and the group itself is not.
        open: HashMap<Location, hdf5::Group>,
    },
}

/// An array whose chunks are on their way, in the order of their grid.
#[derive(Debug)]
pub struct ChunkWriter {
    location: Location,
    chunks: ChunksOf,
}

#[derive(Debug)]
enum ChunksOf {
    Hdf5(Chunks),
}

/// Attributes of an object that is written: names and values.
type Attributes<'a> = &'a [(String, EncodedValue)];

impl TreeWriter {
    /// Begins an HDF5 file that will be called `path`. An existing one is refused unless `replace`. Needs the feature `write`.
    ///
    /// # Errors
    /// `Io` where it exists or cannot be created.
    #[cfg(feature = "write")]
    pub fn create(path: &std::path::Path, replace: bool, libver: Libver) -> Result<Self> {
        let writer = hdf5::Writer::create(path, replace, libver)?;
        Ok(TreeWriter { format: WriterFormat::Hdf5 { writer, open: HashMap::new() } })
    }

    /// One string, ready to be written into this container.
    ///
    /// # Errors
    /// Where it cannot be stored.
    pub fn text(&mut self, text: &str) -> Result<EncodedValue> {
        let WriterFormat::Hdf5 { writer, .. } = &mut self.format;
        writer.text(text).map(EncodedValue::from)
    }

    /// Strings as an array of these dimensions, ready to be written into this container.
    ///
    /// # Errors
    /// Where they cannot be stored.
    pub fn texts(&mut self, strings: &Strings, dims: &[u64]) -> Result<EncodedValue> {
        let WriterFormat::Hdf5 { writer, .. } = &mut self.format;
        writer.texts(strings, dims).map(EncodedValue::from)
    }

    /// A value of another container, ready to be written into this one.
    ///
    /// # Errors
    /// `Unsupported` for references to other objects; otherwise as reading and writing go.
    pub fn value(&mut self, value: &Value) -> Result<EncodedValue> {
        let WriterFormat::Hdf5 { writer, .. } = &mut self.format;
        writer.value(value.as_hdf5()).map(EncodedValue::from)
    }

    /// Writes a value as an array.
    ///
    /// # Errors
    /// Where it cannot be written.
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

    /// Begins an array whose chunks come one after the other, in the order of their grid.
    ///
    /// # Errors
    /// `Usage` where a chunk would have no elements, or more bytes than the container allows.
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

    /// Appends the next chunk.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn push(&mut self, chunks: &mut ChunkWriter, encoded: &Encoded) -> Result<()> {
        let WriterFormat::Hdf5 { writer, .. } = &mut self.format;
        let ChunksOf::Hdf5(chunks) = &mut chunks.chunks;
        chunks.push(writer, encoded)
    }

    /// Ends an array whose chunks have all come.
    ///
    /// # Errors
    /// Where it cannot be written; `Usage` where chunks are missing.
    pub fn finish_chunks(&mut self, chunks: ChunkWriter, attributes: Attributes<'_>) -> Result<()> {
        let WriterFormat::Hdf5 { writer, .. } = &mut self.format;
        let ChunksOf::Hdf5(array) = chunks.chunks;
        let address = array.finish(writer, &to_hdf5(attributes))?;
        self.link(&chunks.location, address)
    }

    /// Writes a group with everything that was written below it.
    ///
    /// # Errors
    /// Where it cannot be written; `Unsupported` where an attribute's name or type is too large for the container.
    pub fn group(&mut self, at: &Location, attributes: Attributes<'_>) -> Result<()> {
        let WriterFormat::Hdf5 { writer, open } = &mut self.format;
        let mut group = open.remove(at).unwrap_or_default();
        for (name, value) in attributes {
            group.attribute(name, value.as_hdf5().clone());
        }
        let address = writer.group(&group)?;
        self.link(at, address)
    }

    /// Gives an object that was written a second place.
    ///
    /// # Errors
    /// `Usage` where nothing is written at `existing`, or its group is written already.
    pub fn alias(&mut self, at: &Location, existing: &Location) -> Result<()> {
        let WriterFormat::Hdf5 { open, .. } = &self.format;
        let found = existing.split().and_then(|(parent, name)| open.get(&parent)?.child(name));
        let address = found.ok_or_else(|| Error::usage("nothing is written there"));
        self.link(at, address.in_object(&existing.to_string())?)
    }

    /// Whether something is written at `at`; asked before its group is.
    pub fn has(&self, at: &Location) -> bool {
        let WriterFormat::Hdf5 { open, .. } = &self.format;
        at.split().is_some_and(|(parent, name)| open.get(&parent).is_some_and(|group| group.has(name)))
    }

    /// Forgets what was written at and below `at`, of which the group is not written yet. Its bytes may stay.
    pub fn discard(&mut self, at: &Location) {
        let WriterFormat::Hdf5 { open, .. } = &mut self.format;
        open.retain(|location, _| !at.contains(location));
    }

    /// Writes the root group, flushes, and gives the container its name.
    ///
    /// # Errors
    /// Where that cannot be written.
    pub fn finish(self, attributes: Attributes<'_>) -> Result<()> {
        let WriterFormat::Hdf5 { writer, mut open } = self.format;
        let mut root = open.remove(&Location::root()).unwrap_or_default();
        for (name, value) in attributes {
            root.attribute(name, value.as_hdf5().clone());
        }
        writer.finish(&root)
    }

    /// Adds an object to its group, which is not written yet.
    fn link(&mut self, at: &Location, address: hdf5::ObjectAddress) -> Result<()> {
        let WriterFormat::Hdf5 { open, .. } = &mut self.format;
        let (parent, name) = at.split().ok_or_else(|| Error::usage("the root is written last"))?;
        open.entry(parent).or_default().link(name, address);
        Ok(())
    }
}

impl ChunkWriter {
    /// Takes a whole chunk through the filters; any thread may.
    ///
    /// # Errors
    /// As [`Filters::encode`].
    pub fn encode(&self, chunk: &[u8], work: &mut EncodeWork) -> Result<Encoded> {
        let ChunksOf::Hdf5(chunks) = &self.chunks;
        chunks.encode(chunk, work)
    }
}

fn to_hdf5(attributes: Attributes<'_>) -> Vec<(String, hdf5::EncodedValue)> {
    attributes.iter().map(|(name, value)| (name.clone(), value.as_hdf5().clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::Dtype;
    use crate::tree::Container;

    #[test]
    fn what_is_written_by_location_is_found_by_path() {
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
    fn chunks_come_in_the_order_of_their_grid() {
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
