//! An array in a container: its shape, type and storage, and reading its elements.

use super::{Node, Value};
use crate::codec::Filters;
use crate::dtype::Datatype;
use crate::error::Result;
use crate::hdf5;
use crate::zarr;

/// Metadata of an array: opening it reads no elements. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Array(ArrayOf);

#[derive(Debug, Clone)]
enum ArrayOf {
    Hdf5(hdf5::Dataset),
    Zarr(zarr::ZarrArray),
}

/// Buffers and decoders of one worker thread, reused from one read to the next.
#[derive(Debug, Default)]
pub struct ArrayScratch {
    hdf5: hdf5::Scratch,
    zarr: zarr::ChunkScratch,
}

impl ArrayScratch {
    /// A scratch for boxes of ascending rows: each chunk is decoded once, however few of its rows a box has. Going
    /// back decodes from the beginning of a chunk again.
    pub fn in_order() -> Self {
        ArrayScratch { hdf5: hdf5::Scratch::in_order(), zarr: zarr::ChunkScratch::default() }
    }
}

impl Array {
    /// The array as an object of the container, to read its attributes.
    pub fn node(&self) -> Node {
        match &self.0 {
            ArrayOf::Hdf5(dataset) => dataset.object().clone().into(),
            ArrayOf::Zarr(array) => array.object().clone().into(),
        }
    }

    /// Path of the array in the container, from the root.
    pub fn path(&self) -> &str {
        match &self.0 {
            ArrayOf::Hdf5(dataset) => dataset.object().path(),
            ArrayOf::Zarr(array) => array.object().path(),
        }
    }

    /// Number of elements in each dimension; empty for a scalar and for a null array.
    pub fn shape(&self) -> &[u64] {
        match &self.0 {
            ArrayOf::Hdf5(dataset) => dataset.shape(),
            ArrayOf::Zarr(array) => array.shape(),
        }
    }

    /// Whether it is a null array: no elements and no shape (a null dataspace in HDF5).
    pub fn is_null(&self) -> bool {
        match &self.0 {
            ArrayOf::Hdf5(dataset) => dataset.dataspace().shape().is_none(),
            ArrayOf::Zarr(array) => array.object().is_null(),
        }
    }

    /// Stored type of the elements.
    pub fn datatype(&self) -> &Datatype {
        match &self.0 {
            ArrayOf::Hdf5(dataset) => dataset.datatype(),
            ArrayOf::Zarr(array) => array.datatype(),
        }
    }

    /// Number of elements: the product of the shape, 1 for a scalar, 0 for a null array.
    pub fn elements(&self) -> u64 {
        match &self.0 {
            ArrayOf::Hdf5(dataset) => dataset.elements(),
            ArrayOf::Zarr(array) => array.elements(),
        }
    }

    /// Size of all elements in bytes after decoding; for strings of variable length, of their references.
    pub fn byte_len(&self) -> u64 {
        match &self.0 {
            ArrayOf::Hdf5(dataset) => dataset.byte_len(),
            ArrayOf::Zarr(array) => array.byte_len(),
        }
    }

    /// Number of elements of a chunk in each dimension; `None` if the array is not chunked.
    pub fn chunk_shape(&self) -> Option<Vec<u64>> {
        match &self.0 {
            ArrayOf::Hdf5(dataset) => match dataset.storage() {
                hdf5::Storage::Chunked(chunk) => Some(chunk),
                _ => None,
            },
            ArrayOf::Zarr(array) => Some(array.chunk_shape().to_vec()).filter(|chunk| !chunk.is_empty()),
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
        match &self.0 {
            ArrayOf::Hdf5(dataset) => dataset.filters().iter().map(hdf5::Dataset::filter_name).collect(),
            ArrayOf::Zarr(array) => array.codec_names(),
        }
    }

    /// Whether a part of a chunk cannot be read without the whole chunk.
    pub fn is_filtered(&self) -> bool {
        match &self.0 {
            ArrayOf::Hdf5(dataset) => !dataset.filters().is_empty(),
            ArrayOf::Zarr(_) => true,
        }
    }

    /// The filters to use when the array is written again; compressors that are only read are replaced by gzip.
    pub fn filters_to_write(&self) -> Filters {
        match &self.0 {
            ArrayOf::Hdf5(dataset) => hdf5::filters_to_write(dataset.filters()),
            ArrayOf::Zarr(array) => array.filters_to_write(),
        }
    }

    /// Reads all elements.
    ///
    /// # Errors
    /// `Limit` if that takes more memory than the limits or the process allow; `Io`, `Malformed`, `Unsupported` or
    /// `Checksum` if the elements cannot be read or decoded.
    pub fn read(&self) -> Result<Value> {
        match &self.0 {
            ArrayOf::Hdf5(dataset) => dataset.read().map(Value::from),
            ArrayOf::Zarr(array) if array.object().is_null() => Ok(zarr::ZarrValue::null(array).into()),
            ArrayOf::Zarr(array) => array.read().map(Value::from),
        }
    }

    /// A value of `len` elements that were read with [`read_box`](Self::read_box): their bytes as a list.
    pub(crate) fn value_of(&self, len: u64, bytes: Vec<u8>) -> Value {
        match &self.0 {
            ArrayOf::Hdf5(dataset) => dataset.value_of(len, bytes).into(),
            ArrayOf::Zarr(array) => array.value_of(len, bytes).into(),
        }
    }

    /// Refuses `bytes` bytes of elements in memory at once if nothing in the container justifies them.
    ///
    /// # Errors
    /// `Limit` if that is more than the limits allow.
    pub(crate) fn check_bytes(&self, bytes: u64) -> Result<()> {
        match &self.0 {
            ArrayOf::Hdf5(dataset) => dataset.check_bytes(bytes),
            ArrayOf::Zarr(array) => array.check_bytes(bytes),
        }
    }

    /// Refuses texts of `bytes` bytes together, in parts that were read one after another, if they are more than the
    /// container has.
    ///
    /// # Errors
    /// `Limit`: the texts share bytes of the container.
    pub(crate) fn check_text(&self, bytes: u64) -> Result<()> {
        match &self.0 {
            ArrayOf::Hdf5(dataset) => dataset.check_text(bytes),
            // each text is stored in its chunk, whose length is checked when it is decoded
            ArrayOf::Zarr(_) => Ok(()),
        }
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
        match &self.0 {
            ArrayOf::Hdf5(dataset) => dataset.read_slab(start, count, out, &mut scratch.hdf5),
            ArrayOf::Zarr(array) => array.read_box(start, count, out, &mut scratch.zarr),
        }
    }

    /// Reads the chunk index, which the first read of elements does otherwise.
    ///
    /// # Errors
    /// `Io`, `Malformed` or `Unsupported` if the chunk index cannot be read.
    pub fn load_chunk_index(&self) -> Result<()> {
        match &self.0 {
            ArrayOf::Hdf5(dataset) => dataset.load_chunk_index(),
            ArrayOf::Zarr(_) => Ok(()),
        }
    }

    /// Number of chunks that are stored; 0 if the array is not chunked.
    ///
    /// # Errors
    /// As [`load_chunk_index`](Self::load_chunk_index).
    pub fn stored_chunks(&self) -> Result<usize> {
        match &self.0 {
            ArrayOf::Hdf5(dataset) => dataset.stored_chunks(),
            ArrayOf::Zarr(array) => array.stored_chunks(),
        }
    }

    /// Whether writers leave out chunks in which all elements are the fill value, as zarr's do.
    pub(crate) fn leaves_out_chunks(&self) -> bool {
        match &self.0 {
            ArrayOf::Hdf5(_) => false,
            ArrayOf::Zarr(_) => true,
        }
    }

    /// CRC-32 of the canonical bytes of all elements (`spec/json.md`); 0 if there are none; `None` if their type has
    /// no canonical form.
    ///
    /// # Errors
    /// As [`read`](Self::read), but the elements are read a window at a time.
    pub fn canonical_crc(&self) -> Result<Option<u32>> {
        match &self.0 {
            ArrayOf::Hdf5(dataset) => dataset.canonical_crc(),
            ArrayOf::Zarr(array) => array.canonical_crc().map(Some),
        }
    }

    /// Bytes of memory that the chunk index takes once it is read.
    pub(crate) fn index_bytes(&self) -> u64 {
        match &self.0 {
            ArrayOf::Hdf5(_) => self.chunk_count().unwrap_or(0).saturating_mul(32),
            ArrayOf::Zarr(array) => array.index_bytes(),
        }
    }

    /// Bytes of memory that an [`ArrayScratch`] takes when `elements` elements are read at once.
    pub fn scratch_bytes(&self, elements: u64) -> u64 {
        match &self.0 {
            ArrayOf::Hdf5(dataset) => dataset.scratch_bytes(elements),
            ArrayOf::Zarr(array) => array.scratch_bytes(),
        }
    }

    /// Whether the elements are in compressed chunks of at least `least` bytes and whole rows that a scratch
    /// [in order](ArrayScratch::in_order) decodes piece by piece, never holding one.
    ///
    /// # Errors
    /// As [`load_chunk_index`](Self::load_chunk_index).
    pub fn streams(&self, least: u64) -> Result<bool> {
        match &self.0 {
            ArrayOf::Hdf5(dataset) => dataset.streams(least),
            ArrayOf::Zarr(_) => Ok(false),
        }
    }

    /// Bytes of memory that a scratch [in order](ArrayScratch::in_order) takes; `None` if there are no filters, and
    /// so no chunks to decode, or no order in which each chunk is decoded once.
    ///
    /// # Errors
    /// As [`load_chunk_index`](Self::load_chunk_index).
    pub fn in_order_bytes(&self) -> Result<Option<u64>> {
        match &self.0 {
            ArrayOf::Hdf5(dataset) => dataset.in_order_bytes(),
            ArrayOf::Zarr(array) => Ok(array.in_order_bytes()),
        }
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
        match &self.0 {
            ArrayOf::Hdf5(dataset) => dataset.next_stored_row(row),
            ArrayOf::Zarr(array) => array.next_stored_row(row),
        }
    }

    /// Whether any element was never written.
    pub(crate) fn has_holes(&self) -> Result<bool> {
        match &self.0 {
            ArrayOf::Hdf5(dataset) => dataset.has_holes(),
            ArrayOf::Zarr(array) => array.has_holes(),
        }
    }

    /// Value of elements that were never written, in their stored type; zeros if empty.
    pub(crate) fn fill_value(&self) -> &[u8] {
        match &self.0 {
            ArrayOf::Hdf5(dataset) => dataset.fill_value(),
            ArrayOf::Zarr(array) => array.fill_value(),
        }
    }

    /// The dataset, if the container is an HDF5 file.
    pub(super) fn as_hdf5(&self) -> Option<&hdf5::Dataset> {
        match &self.0 {
            ArrayOf::Hdf5(dataset) => Some(dataset),
            ArrayOf::Zarr(_) => None,
        }
    }

    /// Refuses an array whose unwritten part is far larger than the container: nothing in the file justifies
    /// its size.
    pub(crate) fn check_holes(&self) -> Result<()> {
        match &self.0 {
            ArrayOf::Hdf5(dataset) => dataset.check_holes(),
            ArrayOf::Zarr(array) => array.check_holes(),
        }
    }
}

impl From<zarr::ZarrArray> for Array {
    fn from(array: zarr::ZarrArray) -> Self {
        Array(ArrayOf::Zarr(array))
    }
}

impl From<hdf5::Dataset> for Array {
    fn from(dataset: hdf5::Dataset) -> Self {
        Array(ArrayOf::Hdf5(dataset))
    }
}
