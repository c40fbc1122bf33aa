//! Where the stored bytes of an array lie in the file of its container, for readers that fetch them by other means.

use super::Array;
use crate::error::{Error, Result};
use crate::hdf5;

/// Where the elements of an array are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ArrayPlacement {
    /// In the metadata of the array.
    Metadata,
    /// Nowhere: none was written yet, and all are the fill value.
    Nowhere,
    /// In one piece without filters, from this offset in the file; row-major, in the stored type.
    Offset(u64),
    /// In chunks: [`Array::stored_chunk`].
    Chunks,
    /// In places that are not ranges of the file; the text says where.
    Elsewhere(&'static str),
}

/// Where one chunk is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredChunk {
    /// Position on the grid of chunks, in each dimension: chunks, not elements.
    pub position: Vec<u64>,
    /// Offset in the file, in bytes.
    pub offset: u64,
    /// Stored bytes.
    pub len: u64,
    /// Bit n set: filter n of [`Array::stored_filters`] was not applied to this chunk.
    pub skipped: u32,
}

/// A filter that chunks went through before they were stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFilter {
    /// The registered name, such as `gzip`, or else the number.
    pub name: String,
    /// Its parameters, as the format defines them.
    pub parameters: Vec<u32>,
}

impl Array {
    /// Where the elements are stored.
    ///
    /// # Errors
    /// `Malformed` if that is not inside the file.
    pub fn placement(&self) -> Result<ArrayPlacement> {
        let Some(dataset) = self.as_hdf5() else {
            return Ok(ArrayPlacement::Elsewhere("objects of a zarr store"));
        };
        Ok(match dataset.place()? {
            hdf5::ElementsPlace::Header => ArrayPlacement::Metadata,
            hdf5::ElementsPlace::Nowhere => ArrayPlacement::Nowhere,
            hdf5::ElementsPlace::Offset(offset) => ArrayPlacement::Offset(offset),
            hdf5::ElementsPlace::Chunks => ArrayPlacement::Chunks,
            hdf5::ElementsPlace::Virtual => ArrayPlacement::Elsewhere("other datasets (a virtual dataset)"),
            hdf5::ElementsPlace::External => ArrayPlacement::Elsewhere("other files (external storage)"),
        })
    }

    /// Where chunk number `n` of those [that are stored](Self::stored_chunks) is, in the order of their positions;
    /// `None` if there are fewer.
    ///
    /// # Errors
    /// As [`load_chunk_index`](Self::load_chunk_index); `Unsupported` if the container is not one file.
    pub fn stored_chunk(&self, n: usize) -> Result<Option<StoredChunk>> {
        let dataset = self.as_hdf5().ok_or_else(|| Error::unsupported("chunks that are not in one file"))?;
        Ok(dataset.chunk_place(n)?.map(|found| StoredChunk {
            position: found.position,
            offset: found.offset,
            len: found.len,
            skipped: found.mask,
        }))
    }

    /// The filters that chunks went through, in write order. Empty for zarr, whose codecs are not such filters.
    pub fn stored_filters(&self) -> Vec<StoredFilter> {
        let filters = self.as_hdf5().map(hdf5::Dataset::filters).unwrap_or_default().iter();
        let stored = |f: &hdf5::Filter| StoredFilter {
            name: hdf5::Dataset::filter_name(f),
            parameters: f.values.clone(),
        };
        filters.map(stored).collect()
    }
}
