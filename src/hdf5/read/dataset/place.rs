//! Where the stored bytes of a dataset lie in the file, for readers that fetch them by other means.

use super::Dataset;
use crate::bytes::slab;
use crate::error::{Place, Result};
use crate::hdf5::format::message::kind;
use crate::hdf5::format::message::layout::Layout;

/// Where the elements of a dataset are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ElementsPlace {
    /// In the object header.
    Header,
    /// Nowhere: none was written yet.
    Nowhere,
    /// In one piece from this offset in the file.
    Offset(u64),
    /// In chunks.
    Chunks,
    /// In the datasets that a virtual dataset is composed of.
    Virtual,
    /// In other files.
    External,
}

/// Where one chunk is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlacedChunk {
    /// Position on the grid of chunks, in each dimension.
    pub(crate) position: Vec<u64>,
    /// Offset in the file.
    pub(crate) offset: u64,
    /// Stored bytes.
    pub(crate) len: u64,
    /// Bit n set: filter n was skipped.
    pub(crate) mask: u32,
}

impl Dataset {
    /// Where the elements are stored.
    ///
    /// # Errors
    /// `Malformed` if a contiguous piece is not inside the file.
    pub(crate) fn place(&self) -> Result<ElementsPlace> {
        let addresses = self.object.file().addresses();
        Ok(match &self.about.layout {
            Layout::Compact(_) => ElementsPlace::Header,
            Layout::Chunked(_) => ElementsPlace::Chunks,
            Layout::Virtual(_) => ElementsPlace::Virtual,
            Layout::Contiguous { .. } if self.object.messages().has(kind::EXTERNAL_FILES) => {
                ElementsPlace::External
            }
            Layout::Contiguous { address: None, .. } => ElementsPlace::Nowhere,
            Layout::Contiguous { address: Some(address), .. } => {
                addresses.check(*address, self.byte_len()).in_object(self.object.path())?;
                ElementsPlace::Offset(addresses.offset_of(*address))
            }
        })
    }

    /// Where the `n`-th stored chunk is; `None` if there are fewer.
    ///
    /// # Errors
    /// Fails if the chunk index is damaged.
    pub(crate) fn chunk_place(&self, n: usize) -> Result<Option<PlacedChunk>> {
        let Some(decoder) = &self.about.decoder else { return Ok(None) };
        let entry = self.chunk_map()?.entries().get(n);
        let filters = u32::try_from(self.about.filters.len()).unwrap_or(u32::MAX);
        let all = 1u32.checked_shl(filters).map_or(u32::MAX, |bit| bit.wrapping_sub(1));
        Ok(entry.map(|entry| PlacedChunk {
            position: slab::unravel(entry.number, &decoder.grid.counts),
            offset: self.object.file().addresses().offset_of(entry.address),
            len: entry.size,
            mask: decoder.mask(entry) & all,
        }))
    }
}
