//! Datasets: contiguous, or in chunks appended one by one.

use super::address::ObjectAddress;
use super::file::{Libver, Writer};
use super::filters;
use super::value::StoredValue;
use crate::bytes::checked;
use crate::bytes::put::Put;
use crate::bytes::slab;
use crate::codec::{EncodeWork, Encoded, Filters};
use crate::dtype::{Class, Datatype};
use crate::error::{Error, Result};
use crate::hdf5::Dataspace;
use crate::hdf5::format::message::layout::WrittenIndex;
use crate::hdf5::format::message::{dataspace, datatype, filter_pipeline, kind, layout};
use crate::hdf5::format::object_header::HeaderWriter;
use crate::hdf5::format::{Sizes, btree_v1, extensible_array, fixed_array};
use rayon::prelude::*;

/// Number of chunks encoded at once.
const BATCH: usize = 64;

/// How the elements of a dataset are stored.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Storing {
    /// Elements of a chunk in each dimension; `None` for contiguous storage.
    pub chunk: Option<Vec<u64>>,
    /// Filters applied to chunks.
    pub filters: Filters,
    /// Whether the first dimension may grow.
    pub unlimited: bool,
}

/// A chunked dataset being written.
#[derive(Debug)]
pub struct Chunks {
    datatype: Datatype,
    dims: Vec<u64>,
    chunk: Vec<u64>,
    filters: Filters,
    unlimited: bool,
    /// Value of elements in chunks that are not stored; zeros if empty.
    fill: Vec<u8>,
    /// Address, stored bytes and filter mask of each chunk, in grid order; the address [`HOLE`] if it is not stored.
    entries: Vec<(u64, u32, u32)>,
}

/// The undefined address.
const HOLE: u64 = u64::MAX;

impl Writer {
    /// Writes a value as a dataset and returns its address.
    ///
    /// # Errors
    /// `Io` if it cannot be written.
    pub fn dataset(
        &mut self,
        value: &StoredValue,
        attributes: &[(String, StoredValue)],
        how: &Storing,
    ) -> Result<ObjectAddress> {
        let chunk =
            how.chunk.as_ref().filter(|_| value.shape().is_some_and(|s| !s.is_empty() && !s.contains(&0)));
        let Some(chunk) = chunk else { return self.contiguous(value, attributes) };
        let Some(dims) = value.shape() else { return self.contiguous(value, attributes) };
        let mut chunks = Chunks::new(value.datatype.clone(), dims, chunk, how.filters, how.unlimited)?;
        let grid = slab::ChunkGrid::new(dims, chunk, u64::from(value.datatype.size));
        let total = grid.len()?;
        let one = |n: u64, work: &mut EncodeWork| chunks.encode(&grid.cut(n, &value.bytes)?, work);
        let mut entries = Vec::new();
        let mut next = 0u64;
        while next < total {
            let end = next.saturating_add(BATCH as u64).min(total);
            let made: Result<Vec<Encoded>> =
                (next..end).into_par_iter().map_init(EncodeWork::default, |w, n| one(n, w)).collect();
            for encoded in made? {
                entries.push(self.append_chunk(&encoded)?);
            }
            next = end;
        }
        chunks.entries = entries;
        chunks.finish(self, attributes)
    }

    fn append_chunk(&mut self, encoded: &Encoded) -> Result<(u64, u32, u32)> {
        let size =
            u32::try_from(encoded.bytes.len()).map_err(|_| Error::usage("a chunk of 4 GiB or more"))?;
        Ok((self.file.append(&encoded.bytes)?, size, encoded.mask))
    }

    fn contiguous(
        &mut self,
        value: &StoredValue,
        attributes: &[(String, StoredValue)],
    ) -> Result<ObjectAddress> {
        let address = if value.bytes.is_empty() {
            None
        } else {
            self.file.align()?;
            Some(self.file.append(&value.bytes)?)
        };
        let mut body = Vec::new();
        layout::write_contiguous(address, value.bytes.len() as u64, &mut body);
        self.dataset_header(&value.datatype, &value.dataspace, &[], &[(kind::LAYOUT, body)], attributes)
    }

    pub(super) fn dataset_header(
        &mut self,
        t: &Datatype,
        space: &Dataspace,
        fill: &[u8],
        rest: &[(u16, Vec<u8>)],
        attributes: &[(String, StoredValue)],
    ) -> Result<ObjectAddress> {
        let mut header = HeaderWriter::default();
        let mut body = Vec::new();
        dataspace::write(space, &mut body);
        header.message(kind::DATASPACE, false, &body)?;
        body.clear();
        datatype::write(t, &mut body)?;
        header.message(kind::DATATYPE, true, &body)?;
        // Version 2; allocation time (3: chunk by chunk); write time (2: if set); defined; a length of 0 means zeros
        let chunked = rest.len() > 1 || matches!(rest, [(kind::LAYOUT, b)] if b.get(1) == Some(&2));
        let when = if matches!(t.class, Class::VarString(_) | Class::VarLen(_)) { 0 } else { 2 };
        let mut body = vec![2, if chunked { 3 } else { 2 }, when, 1];
        body.put_u32(u32::try_from(fill.len()).unwrap_or(0));
        body.put(fill);
        header.message(kind::FILL_VALUE, true, &body)?;
        for (kind, body) in rest {
            header.message(*kind, *kind == kind::FILTERS, body)?;
        }
        let dense = self.attributes(&mut header, attributes)?;
        self.header(header, dense).map(ObjectAddress)
    }

    /// Writes the index of a single chunk, or the array of chunks in grid order.
    fn chunk_array(&mut self, chunks: &Chunks) -> Result<(WrittenIndex, Option<u64>)> {
        let filtered = !chunks.filters.is_none();
        let index = match (&chunks.entries[..], chunks.unlimited) {
            ([(_, size, mask)], false) => WrittenIndex::Single(filtered.then_some((*size, *mask))),
            (_, false) => WrittenIndex::FixedArray,
            (_, true) => WrittenIndex::ExtensibleArray,
        };
        let (width, mut entries) =
            (usize::from(layout::size_width(chunks.chunk_bytes()? as u64)), Vec::new());
        for (at, size, mask) in &chunks.entries {
            entries.put_u64(*at);
            if filtered {
                entries.put(u64::from(*size).to_le_bytes().get(..width).unwrap_or_default());
                entries.put_u32(*mask);
            }
        }
        let n = chunks.entries.len() as u64;
        let entry_size = if filtered { u8::try_from(width).unwrap_or(8).saturating_add(12) } else { 8 };
        let sizes = Sizes { offset: 8, length: 8 };
        self.file.align()?;
        let at = self.file.end();
        let address = match index {
            _ if chunks.entries.iter().all(|(at, ..)| *at == HOLE) => None,
            WrittenIndex::Single(_) => chunks.entries.first().map(|(at, ..)| *at),
            WrittenIndex::FixedArray => {
                let page_bits = fixed_array::WRITTEN_PAGE_BITS;
                let data_block = Some(at.saturating_add(fixed_array::header_len(sizes) as u64));
                let header = fixed_array::Header { filtered, entry_size, page_bits, entries: n, data_block };
                self.file.append(&fixed_array::write_header(&header))?;
                self.file.append(&fixed_array::write_block(&header, at, &entries, sizes)?)?;
                Some(at)
            }
            WrittenIndex::ExtensibleArray => {
                let array =
                    extensible_array::Header::new(filtered, entry_size, n).write(&entries, at, sizes)?;
                self.file.append(&array.bytes)?;
                Some(self.file.append(&array.header)?)
            }
        };
        Ok((index, address))
    }

    /// Writes the B-tree of the stored chunks in grid order; at least one is stored.
    fn chunk_tree(&mut self, chunks: &Chunks, counts: &[u64]) -> Result<u64> {
        let start = |n: u64| -> Vec<u64> {
            slab::unravel(n, counts).iter().zip(&chunks.chunk).map(|(p, c)| p.saturating_mul(*c)).collect()
        };
        let stored = || (0u64..).zip(&chunks.entries).filter(|(_, (at, ..))| *at != HOLE);
        let mut level: Vec<(Vec<u8>, u64)> = stored()
            .map(|(n, (at, size, mask))| (btree_v1::chunk_key(*size, *mask, &start(n), 0), *at))
            .collect();
        // The key after the last chunk: one further in every dimension
        let last = start(stored().last().map_or(0, |(n, _)| n));
        let past: Vec<u64> = last.iter().zip(&chunks.chunk).map(|(s, c)| s.saturating_add(*c)).collect();
        let past = btree_v1::chunk_key(0, 0, &past, u64::from(chunks.datatype.size));
        let node_len = btree_v1::node_len(past.len(), btree_v1::CHUNK_CHILDREN) as u64;
        let mut height = 0u8;
        self.file.align()?;
        loop {
            let nodes = level.len().div_ceil(btree_v1::CHUNK_CHILDREN) as u64;
            let first = self.file.end();
            let place = |n: u64| first.saturating_add(n.saturating_mul(node_len));
            let mut above = Vec::new();
            let mut parts = level.chunks(btree_v1::CHUNK_CHILDREN).peekable();
            let mut n = 0u64;
            while let Some(part) = parts.next() {
                let mut keys: Vec<Vec<u8>> = part.iter().map(|(key, _)| key.clone()).collect();
                keys.push(
                    parts.peek().and_then(|p| p.first()).map_or_else(|| past.clone(), |(key, _)| key.clone()),
                );
                let children: Vec<u64> = part.iter().map(|(_, at)| *at).collect();
                let left = n.checked_sub(1).map(place);
                n = n.saturating_add(1);
                let right = Some(n).filter(|n| *n < nodes).map(place);
                let node =
                    btree_v1::write_node(btree_v1::Type::Chunk, height, [left, right], &keys, &children);
                let at = self.file.append(&node)?;
                above.push((keys.into_iter().next().unwrap_or_default(), at));
            }
            match above[..] {
                [(_, root)] => return Ok(root),
                _ => level = above,
            }
            height = height.saturating_add(1);
        }
    }
}

impl Chunks {
    /// Begins a dataset of `dims` elements in chunks of `chunk`, to be pushed in grid order.
    ///
    /// # Errors
    /// `Usage` if a chunk would be empty, or 4 GiB or larger.
    pub fn new(
        datatype: Datatype,
        dims: &[u64],
        chunk: &[u64],
        filters: Filters,
        unlimited: bool,
    ) -> Result<Self> {
        if chunk.len() != dims.len() || chunk.contains(&0) {
            return Err(Error::usage(format!("chunks of {chunk:?} for a shape of {dims:?}")));
        }
        let chunks = Chunks {
            datatype,
            dims: dims.to_vec(),
            chunk: chunk.to_vec(),
            filters,
            unlimited,
            fill: Vec::new(),
            entries: Vec::new(),
        };
        if chunks.chunk_bytes()? as u64 >= u64::from(u32::MAX) {
            return Err(Error::usage(format!("chunks of {} bytes (at most 4 GiB)", chunks.chunk_bytes()?)));
        }
        Ok(chunks)
    }

    /// Length of a chunk in bytes before filtering.
    pub fn chunk_bytes(&self) -> Result<usize> {
        checked::size(checked::mul(checked::product(&self.chunk)?, u64::from(self.datatype.size))?)
    }

    /// Filters of chunks.
    pub fn filters(&self) -> Filters {
        self.filters
    }

    /// Bytes of an element.
    pub fn element_size(&self) -> usize {
        usize::try_from(self.datatype.size).unwrap_or(1)
    }

    /// Applies the filters to a whole chunk; may be called from any thread.
    ///
    /// # Errors
    /// As [`Filters::encode`].
    pub fn encode(&self, chunk: &[u8], work: &mut EncodeWork) -> Result<Encoded> {
        self.filters.encode(chunk, self.element_size(), work)
    }

    /// Sets the value of the elements of chunks that are [skipped](Self::skip): one element, or nothing for zeros.
    #[must_use]
    pub fn filled_with(self, fill: &[u8]) -> Self {
        Chunks { fill: fill.to_vec(), ..self }
    }

    /// Leaves the next chunk out of the file: its elements read as the fill value.
    pub fn skip(&mut self) {
        self.entries.push((HOLE, 0, 0));
    }

    /// Appends the next chunk.
    ///
    /// # Errors
    /// `Io` if it cannot be written.
    pub fn push(&mut self, writer: &mut Writer, encoded: &Encoded) -> Result<()> {
        let entry = writer.append_chunk(encoded)?;
        self.entries.push(entry);
        Ok(())
    }

    /// Writes index and header and returns the address of the dataset.
    ///
    /// # Errors
    /// `Io` if they cannot be written; `Usage` if chunks are missing.
    pub fn finish(self, writer: &mut Writer, attributes: &[(String, StoredValue)]) -> Result<ObjectAddress> {
        let counts = slab::counts(&self.dims, &self.chunk);
        if checked::product(&counts)? != self.entries.len() as u64 {
            return Err(Error::usage(format!("{} chunks where {counts:?} are expected", self.entries.len())));
        }
        let mut body = Vec::new();
        match writer.libver {
            Libver::Earliest => {
                let tree = match self.entries.iter().all(|(at, ..)| *at == HOLE) {
                    true => None,
                    false => Some(writer.chunk_tree(&self, &counts)?),
                };
                layout::write_chunked(&self.chunk, self.datatype.size, tree, &mut body)?;
            }
            Libver::Latest => {
                let (index, at) = writer.chunk_array(&self)?;
                layout::write_chunked_v4(&self.chunk, self.datatype.size, index, at, &mut body);
            }
        }
        let mut messages = Vec::new();
        if !self.filters.is_none() {
            let mut list = Vec::new();
            let filters = filters::list(&self.filters, self.datatype.size, self.chunk_bytes()? as u64);
            filter_pipeline::write(&filters, &mut list);
            messages.push((kind::FILTERS, list));
        }
        messages.push((kind::LAYOUT, body));
        let mut max: Vec<Option<u64>> = self.dims.iter().map(|d| Some(*d)).collect();
        if self.unlimited
            && let Some(first) = max.first_mut()
        {
            *first = None;
        }
        let space = Dataspace::Simple { dims: self.dims, max };
        writer.dataset_header(&self.datatype, &space, &self.fill, &messages, attributes)
    }
}
