//! An array of a container: shape, type, storage, and boxes of its elements.

use super::{Node, Value};
use crate::codec::Filters;
use crate::dtype::Datatype;
use crate::error::Result;
use crate::hdf5;

/// An array, as metadata: opening it reads no elements. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Array(Stored);

#[derive(Debug, Clone)]
enum Stored {
    Hdf5(hdf5::Dataset),
}

/// Buffers and decoders of one worker, kept from one read to the next.
#[derive(Debug, Default)]
pub struct Scratch {
    hdf5: hdf5::Scratch,
}

/// The elements of an array in order, decoded a little at a time: for chunks that are too large to hold.
#[derive(Debug)]
pub struct ElementStream(StreamOf);

#[derive(Debug)]
enum StreamOf {
    Hdf5(Box<hdf5::ElementStream>),
}

impl Array {
    /// The object, for its path and attributes.
    pub fn node(&self) -> Node {
        let Stored::Hdf5(dataset) = &self.0;
        dataset.object().clone().into()
    }

    /// Its path in the container.
    pub fn path(&self) -> &str {
        let Stored::Hdf5(dataset) = &self.0;
        dataset.object().path()
    }

    /// Elements in each dimension; empty for a scalar, and for an array that holds nothing.
    pub fn shape(&self) -> &[u64] {
        let Stored::Hdf5(dataset) = &self.0;
        dataset.shape()
    }

    /// Whether it holds nothing and has no shape.
    pub fn is_null(&self) -> bool {
        let Stored::Hdf5(dataset) = &self.0;
        dataset.dataspace().shape().is_none()
    }

    /// Type of its elements.
    pub fn datatype(&self) -> &Datatype {
        let Stored::Hdf5(dataset) = &self.0;
        dataset.datatype()
    }

    /// How many elements it has.
    pub fn elements(&self) -> u64 {
        let Stored::Hdf5(dataset) = &self.0;
        dataset.elements()
    }

    /// Bytes of all elements, decoded.
    pub fn byte_len(&self) -> u64 {
        let Stored::Hdf5(dataset) = &self.0;
        dataset.byte_len()
    }

    /// Elements of a chunk in each dimension; `None` where the elements are not in chunks.
    pub fn chunk_shape(&self) -> Option<Vec<u64>> {
        let Stored::Hdf5(dataset) = &self.0;
        match dataset.storage() {
            hdf5::Storage::Chunked(chunk) => Some(chunk),
            _ => None,
        }
    }

    /// Rows that are decoded together: those of a chunk, or 1.
    pub fn rows_of_chunk(&self) -> u64 {
        self.chunk_shape().and_then(|chunk| chunk.first().copied()).unwrap_or(1)
    }

    /// Chunks that the array has, whether stored or not; `None` where the elements are not in chunks.
    pub fn chunk_count(&self) -> Option<u64> {
        let chunk = self.chunk_shape()?;
        Some(self.shape().iter().zip(&chunk).map(|(n, c)| n.div_ceil((*c).max(1))).product())
    }

    /// Names of the filters that chunks went through, in write order.
    pub fn filter_names(&self) -> Vec<String> {
        let Stored::Hdf5(dataset) = &self.0;
        dataset.filters().iter().map(hdf5::Dataset::filter_name).collect()
    }

    /// Whether chunks went through filters.
    pub fn is_filtered(&self) -> bool {
        let Stored::Hdf5(dataset) = &self.0;
        !dataset.filters().is_empty()
    }

    /// The filters as far as they are ones we write; gzip stands for other compressors.
    pub fn filters_to_write(&self) -> Filters {
        let Stored::Hdf5(dataset) = &self.0;
        hdf5::filters_to_write(dataset.filters())
    }

    /// Reads all elements.
    ///
    /// # Errors
    /// `Limit` where that is more memory than the limits or the process allow; otherwise as reading goes.
    pub fn read(&self) -> Result<Value> {
        let Stored::Hdf5(dataset) = &self.0;
        dataset.read().map(Value::from)
    }

    /// Reads the box of `count` elements at `start` into `out`, row-major, as they are stored.
    ///
    /// # Errors
    /// As reading goes; `Usage` where the box does not lie inside or `out` is of another length.
    pub fn read_box(
        &self,
        start: &[u64],
        count: &[u64],
        out: &mut [u8],
        scratch: &mut Scratch,
    ) -> Result<()> {
        let Stored::Hdf5(dataset) = &self.0;
        dataset.read_slab(start, count, out, &mut scratch.hdf5)
    }

    /// Reads where the chunks lie, which reads of elements otherwise do when they first need it.
    ///
    /// # Errors
    /// Where the index of the chunks is damaged.
    pub fn load_chunk_index(&self) -> Result<()> {
        let Stored::Hdf5(dataset) = &self.0;
        dataset.load_chunk_index()
    }

    /// Chunks that are stored; 0 where the elements are not in chunks.
    ///
    /// # Errors
    /// Where the index of the chunks is damaged.
    pub fn stored_chunks(&self) -> Result<usize> {
        let Stored::Hdf5(dataset) = &self.0;
        dataset.stored_chunks()
    }

    /// Bytes that a [`Scratch`] takes where `elements` are read at once.
    pub fn scratch_bytes(&self, elements: u64) -> u64 {
        let Stored::Hdf5(dataset) = &self.0;
        dataset.scratch_bytes(elements)
    }

    /// The elements in order, where they lie in compressed chunks of at least `least` bytes that are better not held whole.
    ///
    /// # Errors
    /// Where the index of the chunks is damaged.
    pub fn stream(&self, least: u64) -> Result<Option<ElementStream>> {
        let Stored::Hdf5(dataset) = &self.0;
        Ok(dataset.stream(least)?.map(|stream| ElementStream(StreamOf::Hdf5(Box::new(stream)))))
    }

    /// Refuses an array of which far more was never written than the container has bytes.
    pub(crate) fn check_holes(&self) -> Result<()> {
        let Stored::Hdf5(dataset) = &self.0;
        dataset.check_holes()
    }
}

impl ElementStream {
    /// Goes to a byte of the decoded elements; going back begins again at the chunk it lies in.
    pub fn seek(&mut self, position: u64) {
        let StreamOf::Hdf5(stream) = &mut self.0;
        stream.seek(position);
    }

    /// Reads the next bytes.
    ///
    /// # Errors
    /// As decoding goes.
    pub fn read(&mut self, out: &mut [u8]) -> Result<()> {
        let StreamOf::Hdf5(stream) = &mut self.0;
        stream.read(out)
    }

    /// Bytes of memory it takes.
    pub fn memory(&self) -> u64 {
        let StreamOf::Hdf5(stream) = &self.0;
        stream.memory()
    }
}

impl From<hdf5::Dataset> for Array {
    fn from(dataset: hdf5::Dataset) -> Self {
        Array(Stored::Hdf5(dataset))
    }
}
