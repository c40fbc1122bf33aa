//! The chunks of a dataset: location, verification and streaming.

use super::Dataset;
use crate::bytes::checked;
use crate::error::{Error, Place, Result};
use crate::hdf5::format::message::kind;
use crate::hdf5::format::message::layout::Layout;
use crate::hdf5::read::chunk_index::{ChunkEntry, ChunkMap};
use crate::hdf5::read::chunks::Scratch;
use crate::hdf5::read::selection::GIANT;
use crate::hdf5::read::stream::{self, ChunkStream};
use std::ops::Range;

impl Dataset {
    pub(super) fn chunk_map(&self) -> Result<&ChunkMap> {
        self.about.chunk_map(self.object.messages()).in_object(self.object.path())
    }

    /// Total stored bytes of the chunks; reads the whole chunk index. For other storage, the bytes of the
    /// elements.
    ///
    /// # Errors
    /// Fails if the chunk index is damaged.
    pub fn stored_bytes(&self) -> Result<u64> {
        match &self.about.layout {
            Layout::Chunked(_) => {
                Ok(self.chunk_map()?.entries().iter().fold(0u64, |n, e| n.saturating_add(e.size)))
            }
            _ => Ok(self.byte_len()),
        }
    }

    /// Reads the chunk index, which reads of elements otherwise load on first use.
    ///
    /// # Errors
    /// Fails if the index is damaged.
    pub fn load_chunk_index(&self) -> Result<()> {
        if matches!(self.about.layout, Layout::Chunked(_)) {
            self.chunk_map()?;
        }
        Ok(())
    }

    /// Number of stored chunks; 0 if the elements are not stored in chunks.
    ///
    /// # Errors
    /// Fails if the chunk index is damaged.
    pub fn stored_chunks(&self) -> Result<usize> {
        if !matches!(self.about.layout, Layout::Chunked(_)) {
            return Ok(0);
        }
        Ok(self.chunk_map()?.entries().len())
    }

    /// File offsets of the `n`-th stored chunk; `None` if there are fewer.
    ///
    /// # Errors
    /// Fails if the chunk index is damaged.
    pub fn chunk_extent(&self, n: usize) -> Result<Option<Range<u64>>> {
        if self.about.decoder.is_none() {
            return Ok(None);
        }
        let entry = self.chunk_map()?.entries().get(n).copied();
        Ok(entry.map(|e| {
            let start = self.object.file().addresses().offset_of(e.address);
            start..start.saturating_add(e.size)
        }))
    }

    /// Decodes the `n`-th stored chunk and discards it, to check that it can be read. `false` if its deflate stream
    /// ends early, but has all elements that lie inside the dataset.
    ///
    /// # Errors
    /// Fails if it cannot be read, with its first element and its offset in the file.
    pub fn check_chunk(&self, n: usize, scratch: &mut Scratch) -> Result<bool> {
        let Some(decoder) = &self.about.decoder else { return Ok(true) };
        let entry = self.chunk_map()?.entries().get(n).copied();
        let Some(entry) = entry else { return Ok(true) };
        let addresses = self.object.file().addresses();
        let mut check = || {
            if decoder.chunk_bytes >= GIANT && decoder.is_streamed(&entry) {
                let mut stream = ChunkStream::open(addresses, decoder, entry, stream::piece(1))?;
                return stream.check().map(|()| true);
            }
            let made = decoder.check(addresses, &entry, scratch)?;
            if made < decoder.chunk_bytes && decoder.lacks(&entry, made) {
                let text = format!(
                    "deflate stream ends early (expected {} bytes, got {made}); libhdf5 returns for the rest what its memory holds",
                    decoder.chunk_bytes
                );
                return Err(Error::malformed(text));
            }
            Ok(made == decoder.chunk_bytes)
        };
        check().map_err(|e| decoder.place(addresses, &entry, e)).in_object(self.object.path())
    }

    /// Memory in bytes that [`check_chunk`](Self::check_chunk) takes.
    ///
    /// # Errors
    /// Fails if the chunk index is damaged.
    pub fn checking_bytes(&self) -> Result<u64> {
        match &self.about.decoder {
            Some(decoder) if decoder.chunk_bytes >= GIANT => {
                let entries = self.chunk_map()?.entries();
                let whole = entries.iter().any(|e| !decoder.is_streamed(e));
                let held = if whole { decoder.chunk_bytes.saturating_mul(2) } else { 0 };
                Ok(held.saturating_add(stream::memory(1, decoder.element)))
            }
            Some(decoder) => Ok(decoder.chunk_bytes.saturating_mul(2)),
            None => Ok(0),
        }
    }

    /// Checks that all stored bytes are inside the file, for storage other than chunks.
    ///
    /// # Errors
    /// Fails if they are not.
    pub fn check_extent(&self) -> Result<()> {
        match self.about.layout {
            Layout::Contiguous { address: Some(address), .. } => self
                .object
                .file()
                .addresses()
                .check(address, self.byte_len())
                .in_object(self.object.path())
                .map(drop),
            _ => Ok(()),
        }
    }

    /// Whether the elements are in deflated chunks of at least `least` bytes and whole rows, none of them missing:
    /// those a scratch [in order](Scratch::in_order) decodes piece by piece. Reads no more than the chunk index.
    ///
    /// # Errors
    /// Fails if the chunk index is damaged.
    pub fn streams(&self, least: u64) -> Result<bool> {
        let Some(decoder) = &self.about.decoder else { return Ok(false) };
        let whole_rows = self.shape().iter().zip(&decoder.grid.chunk).skip(1).all(|(n, c)| n == c);
        if self.shape().is_empty() || !whole_rows || decoder.chunk_bytes < least {
            return Ok(false);
        }
        let entries = self.chunk_map()?.entries();
        let all = Some(entries.len() as u64) == decoder.grid.counts.first().copied() && !entries.is_empty();
        Ok(all && entries.iter().all(|e| decoder.stream_width(e).is_some()))
    }

    /// Memory in bytes of a scratch that reads [in order](Scratch::in_order): the decoders of all chunks beside
    /// each other, and those chunks themselves if they are of filters other than shuffle and deflate. `None`
    /// if there are no filters.
    ///
    /// # Errors
    /// Fails if the chunk index is damaged.
    pub fn in_order_bytes(&self) -> Result<Option<u64>> {
        match &self.about.decoder {
            Some(decoder) if !self.about.filters.is_empty() => {
                Ok(Some(decoder.in_order_bytes(self.chunk_map()?.entries())))
            }
            _ => Ok(None),
        }
    }

    /// The first row from `row` on that has stored elements; `None` if all are fill values. A row is all elements
    /// at one position of the first dimension.
    ///
    /// # Errors
    /// Fails if the chunk index is damaged.
    pub(crate) fn next_stored_row(&self, row: u64) -> Result<Option<u64>> {
        let Some(decoder) = &self.about.decoder else {
            return Ok(Some(row).filter(|_| !self.is_unallocated()));
        };
        let grid = &decoder.grid;
        let (rows, width) = (grid.chunk.first().copied().unwrap_or(1).max(1), grid.beside());
        let band = row.checked_div(rows).unwrap_or(0);
        let stored = self.chunk_map()?.between(band.saturating_mul(width)..=u64::MAX);
        let first = |entry: &ChunkEntry| entry.number.checked_div(width).unwrap_or(0).saturating_mul(rows);
        Ok(stored.first().map(|entry| first(entry).max(row)))
    }

    /// Whether any element was never written.
    ///
    /// # Errors
    /// Fails if the chunk index is damaged.
    pub(crate) fn has_holes(&self) -> Result<bool> {
        Ok(self.unwritten_bytes()? > 0)
    }

    /// Whether no room for elements was made yet, here or in other files.
    fn is_unallocated(&self) -> bool {
        matches!(self.about.layout, Layout::Contiguous { address: None, .. })
            && !self.object.messages().has(kind::EXTERNAL_FILES)
    }

    /// Value of elements that were never written, in their stored type; zeros if empty.
    pub(crate) fn fill_value(&self) -> &[u8] {
        &self.about.fill
    }

    /// Bytes of the elements that were never written.
    fn unwritten_bytes(&self) -> Result<u64> {
        let Some(decoder) = &self.about.decoder else {
            return Ok(if self.is_unallocated() { self.byte_len() } else { 0 });
        };
        let there = self.chunk_map()?.entries().len() as u64;
        if Some(there) == checked::product(&decoder.grid.counts).ok() {
            return Ok(0);
        }
        // chunks at the edges may have more elements than there are
        Ok(self.byte_len().saturating_sub(there.saturating_mul(decoder.chunk_bytes)).max(1))
    }

    /// Refuses a dataset with far more unwritten bytes than the file has bytes, because reading all of it
    /// takes time in proportion to its claimed shape.
    pub(crate) fn check_holes(&self) -> Result<()> {
        let (holes, most) = (self.unwritten_bytes()?, self.most_bytes());
        if holes > most {
            let text = format!("{holes} bytes that were never written (limit {most})");
            return Err(Error::limit(text).in_object(self.object.path()));
        }
        Ok(())
    }
}
