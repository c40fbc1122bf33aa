//! An array in a container: its shape, type and storage, and reading its elements.

use super::{Node, Value};
use crate::codec::Filters;
use crate::dtype::Datatype;
use crate::error::Result;
use crate::hdf5;

/// Metadata of an array: opening it reads no elements. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Array(ArrayOf);

#[derive(Debug, Clone)]
enum ArrayOf {
    Hdf5(hdf5::Dataset),
}

/// Buffers and decoders of one worker thread, reused from one read to the next.
#[derive(Debug, Default)]
pub struct ArrayScratch {
    hdf5: hdf5::Scratch,
}

impl ArrayScratch {
    /// A scratch for boxes of ascending rows: each chunk is decoded once, however few of its rows a box has. Going
    /// back decodes from the beginning of a chunk again.
    pub fn in_order() -> Self {
        ArrayScratch { hdf5: hdf5::Scratch::in_order() }
    }
}

impl Array {
    /// The array as an object of the container, to read its attributes.
    pub fn node(&self) -> Node {
        let ArrayOf::Hdf5(dataset) = &self.0;
        dataset.object().clone().into()
    }

    /// Path of the array in the container, from the root.
    pub fn path(&self) -> &str {
        let ArrayOf::Hdf5(dataset) = &self.0;
        dataset.object().path()
    }

    /// Number of elements in each dimension; empty for a scalar and for a null array.
    pub fn shape(&self) -> &[u64] {
        let ArrayOf::Hdf5(dataset) = &self.0;
        dataset.shape()
    }

    /// Whether it is a null array: no elements and no shape (a null dataspace in HDF5).
    pub fn is_null(&self) -> bool {
        let ArrayOf::Hdf5(dataset) = &self.0;
        dataset.dataspace().shape().is_none()
    }

    /// Stored type of the elements.
    pub fn datatype(&self) -> &Datatype {
        let ArrayOf::Hdf5(dataset) = &self.0;
        dataset.datatype()
    }

    /// Number of elements: the product of the shape, 1 for a scalar, 0 for a null array.
    pub fn elements(&self) -> u64 {
        let ArrayOf::Hdf5(dataset) = &self.0;
        dataset.elements()
    }

    /// Size of all elements in bytes after decoding; for strings of variable length, of their references.
    pub fn byte_len(&self) -> u64 {
        let ArrayOf::Hdf5(dataset) = &self.0;
        dataset.byte_len()
    }

    /// Number of elements of a chunk in each dimension; `None` if the array is not chunked.
    pub fn chunk_shape(&self) -> Option<Vec<u64>> {
        let ArrayOf::Hdf5(dataset) = &self.0;
        match dataset.storage() {
            hdf5::Storage::Chunked(chunk) => Some(chunk),
            _ => None,
        }
    }

    /// Number of rows that are decoded together: the rows of a chunk, or 1 if the array is not chunked.
    pub fn rows_of_chunk(&self) -> u64 {
        self.chunk_shape().and_then(|chunk| chunk.first().copied()).unwrap_or(1)
    }

    /// Number of chunks in the grid, stored or not; `None` if the array is not chunked.
    pub fn chunk_count(&self) -> Option<u64> {
        let chunk = self.chunk_shape()?;
        Some(self.shape().iter().zip(&chunk).map(|(n, c)| n.div_ceil((*c).max(1))).product())
    }

    /// Names of the filters applied to chunks, in write order.
    pub fn filter_names(&self) -> Vec<String> {
        let ArrayOf::Hdf5(dataset) = &self.0;
        dataset.filters().iter().map(hdf5::Dataset::filter_name).collect()
    }

    /// Whether any filter is applied to chunks.
    pub fn is_filtered(&self) -> bool {
        let ArrayOf::Hdf5(dataset) = &self.0;
        !dataset.filters().is_empty()
    }

    /// The filters to use when the array is written again; compressors that are only read are replaced by gzip.
    pub fn filters_to_write(&self) -> Filters {
        let ArrayOf::Hdf5(dataset) = &self.0;
        hdf5::filters_to_write(dataset.filters())
    }

    /// Reads all elements.
    ///
    /// # Errors
    /// `Limit` if that takes more memory than the limits or the process allow; `Io`, `Malformed`, `Unsupported` or
    /// `Checksum` if the elements cannot be read or decoded.
    pub fn read(&self) -> Result<Value> {
        let ArrayOf::Hdf5(dataset) = &self.0;
        dataset.read().map(Value::from)
    }

    /// A value of `len` elements that were read with [`read_box`](Self::read_box): their bytes as a list.
    pub(crate) fn value_of(&self, len: u64, bytes: Vec<u8>) -> Value {
        let ArrayOf::Hdf5(dataset) = &self.0;
        dataset.value_of(len, bytes).into()
    }

    /// Refuses `bytes` bytes of elements in memory at once if nothing in the container justifies them.
    ///
    /// # Errors
    /// `Limit` if that is more than the limits allow.
    pub(crate) fn check_bytes(&self, bytes: u64) -> Result<()> {
        let ArrayOf::Hdf5(dataset) = &self.0;
        dataset.check_bytes(bytes)
    }

    /// Refuses texts of `bytes` bytes together, in parts that were read one after another, if they are more than the
    /// container has.
    ///
    /// # Errors
    /// `Limit`: the texts share bytes of the container.
    pub(crate) fn check_text(&self, bytes: u64) -> Result<()> {
        let ArrayOf::Hdf5(dataset) = &self.0;
        dataset.check_text(bytes)
    }

    /// Reads a box into `out`: `count` elements per dimension from position `start`, row-major, in their
    /// stored type.
    ///
    /// # Errors
    /// `Usage` if the box is not inside the array or `out` has a different length; otherwise as
    /// [`read`](Self::read).
    pub fn read_box(
        &self,
        start: &[u64],
        count: &[u64],
        out: &mut [u8],
        scratch: &mut ArrayScratch,
    ) -> Result<()> {
        let ArrayOf::Hdf5(dataset) = &self.0;
        dataset.read_slab(start, count, out, &mut scratch.hdf5)
    }

    /// Reads the chunk index, which the first read of elements does otherwise.
    ///
    /// # Errors
    /// `Io`, `Malformed` or `Unsupported` if the chunk index cannot be read.
    pub fn load_chunk_index(&self) -> Result<()> {
        let ArrayOf::Hdf5(dataset) = &self.0;
        dataset.load_chunk_index()
    }

    /// Number of chunks that are stored; 0 if the array is not chunked.
    ///
    /// # Errors
    /// As [`load_chunk_index`](Self::load_chunk_index).
    pub fn stored_chunks(&self) -> Result<usize> {
        let ArrayOf::Hdf5(dataset) = &self.0;
        dataset.stored_chunks()
    }

    /// Bytes of memory that an [`ArrayScratch`] takes when `elements` elements are read at once.
    pub fn scratch_bytes(&self, elements: u64) -> u64 {
        let ArrayOf::Hdf5(dataset) = &self.0;
        dataset.scratch_bytes(elements)
    }

    /// Whether the elements are in compressed chunks of at least `least` bytes and whole rows that a scratch
    /// [in order](ArrayScratch::in_order) decodes piece by piece, never holding one.
    ///
    /// # Errors
    /// As [`load_chunk_index`](Self::load_chunk_index).
    pub fn streams(&self, least: u64) -> Result<bool> {
        let ArrayOf::Hdf5(dataset) = &self.0;
        dataset.streams(least)
    }

    /// Bytes of memory that a scratch [in order](ArrayScratch::in_order) takes; `None` if there are no filters, and
    /// so no chunks to decode.
    ///
    /// # Errors
    /// As [`load_chunk_index`](Self::load_chunk_index).
    pub fn in_order_bytes(&self) -> Result<Option<u64>> {
        let ArrayOf::Hdf5(dataset) = &self.0;
        dataset.in_order_bytes()
    }

    /// A scratch for reading `rows` rows at a time, one box after the other: in order, if a chunk has more rows.
    pub(crate) fn scratch_for(&self, rows: u64) -> ArrayScratch {
        if self.is_filtered() && self.rows_of_chunk() > rows {
            ArrayScratch::in_order()
        } else {
            ArrayScratch::default()
        }
    }

    /// The first row from `row` on that has stored elements; `None` if all are fill values.
    pub(crate) fn next_stored_row(&self, row: u64) -> Result<Option<u64>> {
        let ArrayOf::Hdf5(dataset) = &self.0;
        dataset.next_stored_row(row)
    }

    /// Whether any element was never written.
    pub(crate) fn has_holes(&self) -> Result<bool> {
        let ArrayOf::Hdf5(dataset) = &self.0;
        dataset.has_holes()
    }

    /// Value of elements that were never written, in their stored type; zeros if empty.
    pub(crate) fn fill_value(&self) -> &[u8] {
        let ArrayOf::Hdf5(dataset) = &self.0;
        dataset.fill_value()
    }

    /// Refuses an array whose unwritten part is far larger than the container: nothing in the file justifies
    /// its size.
    pub(crate) fn check_holes(&self) -> Result<()> {
        let ArrayOf::Hdf5(dataset) = &self.0;
        dataset.check_holes()
    }
}

impl From<hdf5::Dataset> for Array {
    fn from(dataset: hdf5::Dataset) -> Self {
        Array(ArrayOf::Hdf5(dataset))
    }
}
