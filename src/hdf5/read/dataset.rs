//! A dataset: shape, type and storage as a handle of metadata only; elements when asked for.

use super::chunk_index::{self, ChunkEntry, ChunkMap};
use super::chunks::{Decoder, REQUEST, Scratch};
use super::grid::Grid;
use super::object::Object;
use super::selection::Selection;
use super::stream::{Chunks, ElementStream};
use super::value::Value;
use crate::bytes::checked;
use crate::bytes::slab;
use crate::dtype::Datatype;
use crate::error::{Error, Place, Result};
use crate::hdf5::filter::pipeline::Pipeline;
use crate::hdf5::format::message::dataspace::{self, Dataspace};
use crate::hdf5::format::message::datatype;
use crate::hdf5::format::message::filter_pipeline::{self, Filter, FilterPipeline};
use crate::hdf5::format::message::layout::{self, Layout};
use crate::hdf5::format::message::{fill_value, kind};
use crate::limits;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// A dataset of an open file. Opening reads its header and nothing else.
#[derive(Debug, Clone)]
pub struct Dataset {
    object: Object,
    datatype: Datatype,
    dataspace: Dataspace,
    layout: Layout,
    filters: Vec<Filter>,
    /// What elements never written read as; zeros where empty.
    fill: Vec<u8>,
    /// Filters and grid of a chunked dataset.
    decoder: Option<Arc<Decoder>>,
    chunks: Arc<OnceLock<ChunkMap>>,
}

/// How the elements of a dataset are kept, for display and for planning reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Storage {
    /// In the header.
    Compact,
    /// In one piece.
    Contiguous,
    /// In chunks of these many elements in each dimension.
    Chunked(Vec<u64>),
    /// Parts of other datasets.
    Virtual,
}

/// A value of up to this many bytes is read whatever the size of its file: fill values need no bytes in it.
const SMALL_VALUE: u64 = 256 << 20;

impl Object {
    /// This object as a dataset.
    ///
    /// # Errors
    /// `Usage` where it is none; `Malformed` or `Unsupported` where its header cannot be understood.
    pub fn dataset(&self) -> Result<Dataset> {
        Dataset::open(self).in_object(self.path())
    }
}

impl Dataset {
    fn open(object: &Object) -> Result<Self> {
        if !object.is_dataset() {
            return Err(Error::usage(format!(
                "{} is a {}, not a dataset",
                object.path(),
                object.kind().name()
            )));
        }
        let file = object.file();
        let (sizes, limits) = (file.addresses().sizes(), file.addresses().limits());
        let missing = |what| Error::malformed(format!("dataset without {what}"));
        let datatype =
            object.message(kind::DATATYPE, datatype::read)?.ok_or_else(|| missing("a datatype"))?;
        let dataspace = object
            .message(kind::DATASPACE, |src| dataspace::read(src, sizes))?
            .ok_or_else(|| missing("a dataspace"))?;
        let layout = object
            .message(kind::LAYOUT, |src| layout::read(src, sizes))?
            .ok_or_else(|| missing("a layout"))?;
        let pipeline: FilterPipeline =
            object.message(kind::FILTERS, filter_pipeline::read)?.unwrap_or_default();
        let old = object.message(kind::OLD_FILL_VALUE, fill_value::read_old)?.flatten();
        let fill = object.message(kind::FILL_VALUE, fill_value::read)?.flatten().or(old).unwrap_or_default();
        let filters = pipeline.filters;
        checked::mul(dataspace.elements()?, u64::from(datatype.size))?;
        let mut decoder = None;
        if let Layout::Chunked(c) = &layout {
            if c.element_size != u64::from(datatype.size) {
                let text = format!(
                    "chunks of {}-byte elements for a type of {} bytes",
                    c.element_size, datatype.size
                );
                return Err(Error::malformed(text));
            }
            let chunk_bytes = checked::mul(checked::product(&c.dims)?, c.element_size)?;
            if chunk_bytes > limits.chunk_bytes {
                return Err(Error::limit(format!(
                    "chunks of {chunk_bytes} bytes (limit {})",
                    limits.chunk_bytes
                )));
            }
            decoder = Some(Arc::new(Decoder {
                pipeline: Pipeline::new(&filters, checked::size(u64::from(datatype.size))?)?,
                grid: Grid::new(&dataspace, c)?,
                chunk_bytes,
                plain_edges: c.plain_edges,
                dataset: object.address(),
            }));
        }
        let fill = if fill.len() == checked::size(u64::from(datatype.size))? { fill } else { Vec::new() };
        let chunks = Arc::default();
        Ok(Dataset { object: object.clone(), datatype, dataspace, layout, filters, fill, decoder, chunks })
    }

    /// The object it is.
    pub fn object(&self) -> &Object {
        &self.object
    }

    /// Type of its elements.
    pub fn datatype(&self) -> &Datatype {
        &self.datatype
    }

    /// Its extent.
    pub fn dataspace(&self) -> &Dataspace {
        &self.dataspace
    }

    /// Its dimensions: empty for a scalar and for a null dataspace.
    pub fn shape(&self) -> &[u64] {
        self.dataspace.shape().unwrap_or_default()
    }

    /// How many elements it has.
    pub fn elements(&self) -> u64 {
        self.dataspace.elements().unwrap_or(0)
    }

    /// Bytes of all its elements, decoded.
    pub fn byte_len(&self) -> u64 {
        self.elements().saturating_mul(u64::from(self.datatype.size))
    }

    /// How its elements are kept.
    pub fn storage(&self) -> Storage {
        match &self.layout {
            Layout::Compact(_) => Storage::Compact,
            Layout::Contiguous { .. } => Storage::Contiguous,
            Layout::Chunked(c) => Storage::Chunked(c.dims.clone()),
            Layout::Virtual => Storage::Virtual,
        }
    }

    /// The filters its chunks went through, in write order.
    pub fn filters(&self) -> &[Filter] {
        &self.filters
    }

    /// The usual name of a filter, or its number.
    pub fn filter_name(filter: &Filter) -> String {
        crate::hdf5::filter::registered_name(filter.id).map_or_else(|| filter.id.to_string(), str::to_owned)
    }

    /// Stored bytes of all chunks; reads the whole chunk index. For other storage, the bytes of the elements.
    ///
    /// # Errors
    /// Where the chunk index is damaged.
    pub fn stored_bytes(&self) -> Result<u64> {
        match &self.layout {
            Layout::Chunked(_) => {
                Ok(self.chunk_map()?.entries().iter().fold(0u64, |n, e| n.saturating_add(e.size)))
            }
            _ => Ok(self.byte_len()),
        }
    }

    /// Bytes of memory that a [`Scratch`] takes where `elements` are read at once: the stored and decoded bytes of a chunk
    /// that is not decoded straight to where it goes, twice where two are decoded at once, and the stored bytes of those that
    /// are read together.
    pub fn scratch_bytes(&self, elements: u64) -> u64 {
        match &self.decoder {
            Some(decoder) if !self.filters.is_empty() => {
                let wanted = elements.saturating_mul(u64::from(self.datatype.size));
                let held = if wanted > decoder.chunk_bytes { 4 } else { 2 };
                decoder.chunk_bytes.saturating_mul(held).saturating_add(wanted.min(REQUEST))
            }
            _ => 0,
        }
    }

    /// The most bytes of elements held at once: what the limits and the file's own size justify.
    pub(crate) fn most_bytes(&self) -> u64 {
        let file = self.object.file();
        file.addresses().limits().value_bytes.min(file.len().saturating_mul(1100).max(SMALL_VALUE))
    }

    /// Reads all elements.
    ///
    /// # Errors
    /// `Limit` where that is more memory than the limits or the process allow; otherwise as reading goes.
    pub fn read(&self) -> Result<Value> {
        let len = self.byte_len();
        let file = self.object.file();
        let most = self.most_bytes();
        if len > most {
            return Err(
                Error::limit(format!("a value of {len} bytes (limit {most})")).in_object(self.object.path())
            );
        }
        if let Layout::Contiguous { address: Some(address), .. } = self.layout {
            file.addresses().check(address, len).in_object(self.object.path())?;
        }
        let mut bytes = limits::zeroed(checked::size(len)?).in_object(self.object.path())?;
        let shape = self.shape().to_vec();
        self.read_slab(&vec![0; shape.len()], &shape, &mut bytes, &mut Scratch::default())?;
        Ok(Value::new(file, self.datatype.clone(), self.dataspace.clone(), bytes))
    }

    /// Reads elements `range` of a one-dimensional dataset into `out`, in the file's own bytes.
    ///
    /// # Errors
    /// As reading goes; `Usage` where the range does not lie inside or `out` is of another length.
    pub fn read_range(&self, range: Range<u64>, out: &mut [u8], scratch: &mut Scratch) -> Result<()> {
        let count = range.end.saturating_sub(range.start);
        self.read_slab(&[range.start], &[count], out, scratch)
    }

    /// Reads the box of `count` elements at `start` into `out`, row-major, in the file's own bytes.
    ///
    /// # Errors
    /// As reading goes; `Usage` where the box does not lie inside or `out` is of another length.
    pub fn read_slab(
        &self,
        start: &[u64],
        count: &[u64],
        out: &mut [u8],
        scratch: &mut Scratch,
    ) -> Result<()> {
        self.read_slab_inner(start, count, out, scratch).in_object(self.object.path())
    }

    fn read_slab_inner(
        &self,
        start: &[u64],
        count: &[u64],
        out: &mut [u8],
        scratch: &mut Scratch,
    ) -> Result<()> {
        let shape = self.shape();
        let ends = start.iter().zip(count).map(|(s, c)| s.checked_add(*c));
        let inside = start.len() == shape.len()
            && count.len() == shape.len()
            && ends.zip(shape).all(|(end, dim)| end.is_some_and(|e| e <= *dim));
        let elements = if self.dataspace == Dataspace::Null { 0 } else { checked::product(count)? };
        let size = u64::from(self.datatype.size);
        let len = checked::mul(elements, size)?;
        if !inside || out.len() as u64 != len {
            return Err(Error::usage(format!("a box of {count:?} at {start:?} of {shape:?}, {len} bytes")));
        }
        if len == 0 {
            return Ok(());
        }
        if self.object.messages_of(kind::EXTERNAL_FILES).next().is_some() {
            return Err(Error::unsupported("values in external files are not followed"));
        }
        match &self.layout {
            Layout::Compact(bytes) => {
                self.check_len(bytes.len() as u64)?;
                let zero = vec![0; count.len()];
                let from = slab::Place { dims: shape, at: start };
                slab::copy_box((bytes, from), (out, slab::Place { dims: count, at: &zero }), count, size);
                if shape.is_empty() {
                    copy_scalar(bytes, out);
                }
                Ok(())
            }
            Layout::Contiguous { address: None, .. } => {
                self.fill(out);
                Ok(())
            }
            Layout::Contiguous { address: Some(address), len } => {
                if let Some(len) = len {
                    self.check_len(*len)?;
                }
                self.read_contiguous(*address, start, count, out)
            }
            Layout::Chunked(_) => self.read_chunked(start, count, out, scratch),
            Layout::Virtual => Err(Error::unsupported("virtual datasets are not followed")),
        }
    }

    /// Refuses storage that is too short for the elements.
    fn check_len(&self, len: u64) -> Result<()> {
        if len < self.byte_len() {
            let text = format!("storage too short (expected {} bytes, got {len})", self.byte_len());
            return Err(Error::malformed(text));
        }
        Ok(())
    }

    fn fill(&self, out: &mut [u8]) {
        if self.fill.is_empty() {
            out.fill(0);
        } else {
            out.chunks_exact_mut(self.fill.len()).for_each(|o| o.copy_from_slice(&self.fill));
        }
    }

    fn read_contiguous(&self, address: u64, start: &[u64], count: &[u64], out: &mut [u8]) -> Result<()> {
        let (addresses, shape, size) =
            (self.object.file().addresses(), self.shape(), u64::from(self.datatype.size));
        // Trailing dimensions asked for whole make one run on the disk.
        let mut inner = count.len().saturating_sub(1);
        while inner > 0 && count.get(inner) == shape.get(inner) {
            inner = inner.saturating_sub(1);
        }
        let run = count.iter().skip(inner).fold(size, |a, b| a.saturating_mul(*b));
        let outer: Vec<u64> = count.iter().take(inner).copied().collect();
        let mut at = vec![0; outer.len()];
        for part in out.chunks_mut(checked::size(run)?) {
            let position = slab::position(shape, start, &at);
            addresses.read_into(checked::add(address, checked::mul(position, size)?)?, part)?;
            slab::advance(&mut at, &outer);
        }
        Ok(())
    }

    fn chunk_map(&self) -> Result<&ChunkMap> {
        if let Some(map) = self.chunks.get() {
            return Ok(map);
        }
        let (Layout::Chunked(layout), Some(decoder)) = (&self.layout, &self.decoder) else {
            return Err(Error::usage("not a chunked dataset"));
        };
        let filtered = !self.filters.is_empty();
        let map = chunk_index::load(
            self.object.file().addresses(),
            layout,
            &decoder.grid,
            decoder.chunk_bytes,
            filtered,
        )?;
        Ok(self.chunks.get_or_init(|| map))
    }

    /// Reads the chunk index, which reads of elements otherwise do when they first need it.
    ///
    /// # Errors
    /// Where the index is damaged.
    pub fn load_chunk_index(&self) -> Result<()> {
        if matches!(self.layout, Layout::Chunked(_)) {
            self.chunk_map().in_object(self.object.path())?;
        }
        Ok(())
    }

    /// Chunks that are stored; 0 where the elements are not in chunks.
    ///
    /// # Errors
    /// Where the chunk index is damaged.
    pub fn stored_chunks(&self) -> Result<usize> {
        if !matches!(self.layout, Layout::Chunked(_)) {
            return Ok(0);
        }
        Ok(self.chunk_map().in_object(self.object.path())?.entries().len())
    }

    /// Where the `n`-th stored chunk lies in the file; `None` where there are fewer.
    ///
    /// # Errors
    /// Where the chunk index is damaged.
    pub fn chunk_extent(&self, n: usize) -> Result<Option<Range<u64>>> {
        if self.decoder.is_none() {
            return Ok(None);
        }
        let entry = self.chunk_map().in_object(self.object.path())?.entries().get(n).copied();
        Ok(entry.map(|e| {
            let start = self.object.file().addresses().offset_of(e.address);
            start..start.saturating_add(e.size)
        }))
    }

    /// Decodes the `n`-th stored chunk and throws it away: whether it can be read.
    ///
    /// # Errors
    /// Where it cannot, with its first element and its place in the file.
    pub fn check_chunk(&self, n: usize, scratch: &mut Scratch) -> Result<()> {
        let Some(decoder) = &self.decoder else { return Ok(()) };
        let entry = self.chunk_map().in_object(self.object.path())?.entries().get(n).copied();
        let Some(entry) = entry else { return Ok(()) };
        decoder
            .decode_kept(self.object.file().addresses(), &entry, scratch)
            .in_object(self.object.path())
            .map(drop)
    }

    /// Whether all stored bytes lie inside the file, where they are not in chunks.
    ///
    /// # Errors
    /// Where they do not.
    pub fn check_extent(&self) -> Result<()> {
        match self.layout {
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

    /// The elements in order, where they lie in deflated chunks of at least `least` bytes that each have whole rows: chunks
    /// that are better not decoded whole.
    ///
    /// # Errors
    /// Where the chunk index is damaged.
    pub fn stream(&self, least: u64) -> Result<Option<ElementStream>> {
        let Some(decoder) = &self.decoder else { return Ok(None) };
        let whole_rows = self.shape().iter().zip(&decoder.grid.chunk).skip(1).all(|(n, c)| n == c);
        if self.shape().is_empty() || !whole_rows || decoder.chunk_bytes < least {
            return Ok(None);
        }
        let entries = self.chunk_map().in_object(self.object.path())?.entries();
        let width_of = |e: &ChunkEntry| decoder.pipeline.in_order(decoder.mask(e));
        let Some(width) = entries.first().and_then(width_of) else { return Ok(None) };
        let alike = entries.iter().all(|e| width_of(e) == Some(width));
        let all = Some(entries.len() as u64) == decoder.grid.counts.first().copied();
        let by_element = width == 1 || width as u64 == u64::from(self.datatype.size);
        if !(alike && all && by_element) {
            return Ok(None);
        }
        let chunks = Chunks { entries: entries.to_vec(), decoder: Arc::clone(decoder), width };
        Ok(Some(ElementStream::new(
            self.object.file().addresses(),
            self.object.path(),
            chunks,
            self.byte_len(),
        )))
    }

    fn read_chunked(
        &self,
        start: &[u64],
        count: &[u64],
        out: &mut [u8],
        scratch: &mut Scratch,
    ) -> Result<()> {
        let Some(decoder) = &self.decoder else { return Err(Error::usage("not a chunked dataset")) };
        let (addresses, map, grid) = (self.object.file().addresses(), self.chunk_map()?, &decoder.grid);
        let each = |f: &dyn Fn(u64, u64, u64) -> u64| -> Vec<u64> {
            start.iter().zip(count).zip(&grid.chunk).map(|((s, n), c)| f(*s, *n, *c)).collect()
        };
        let first = each(&|s, _, c| s.checked_div(c).unwrap_or(0));
        let last = each(&|s, n, c| s.saturating_add(n).saturating_sub(1).checked_div(c).unwrap_or(0));
        let spans: Vec<u64> =
            first.iter().zip(&last).map(|(a, b)| b.saturating_sub(*a).saturating_add(1)).collect();
        let outside = || Error::malformed("chunk outside its grid");
        let numbers = grid.number(&first).ok_or_else(outside)?..=grid.number(&last).ok_or_else(outside)?;
        let wanted = spans.iter().fold(1u64, |a, b| a.saturating_mul(*b));
        let there = map.between(numbers);
        if (there.len() as u64) < wanted {
            // holes: what was never written is filled at once, however many chunks it would be
            self.fill(out);
        }
        let selection = Selection { addresses, decoder, start, count, size: u64::from(self.datatype.size) };
        if there.len() as u64 <= wanted {
            let inside = |e: &&ChunkEntry| {
                let at = slab::unravel(e.number, &grid.counts);
                at.iter().zip(&first).zip(&last).all(|((n, a), b)| (a..=b).contains(&n))
            };
            if there.iter().all(|e| inside(&e)) {
                return selection.read_all(there, out, scratch);
            }
            let some: Vec<ChunkEntry> = there.iter().filter(inside).copied().collect();
            return selection.read_all(&some, out, scratch);
        }
        let mut step = vec![0; first.len()];
        loop {
            let coordinates: Vec<u64> = first.iter().zip(&step).map(|(f, s)| f.saturating_add(*s)).collect();
            if let Some(entry) = map.get(grid.number(&coordinates).ok_or_else(outside)?) {
                selection.read(entry, out, scratch)?;
            }
            if !slab::advance(&mut step, &spans) {
                return Ok(());
            }
        }
    }

    /// Refuses a dataset of which far more was never written than the file has bytes: reading all of it would take as long as
    /// its shape claims.
    pub(crate) fn check_holes(&self) -> Result<()> {
        let Some(decoder) = &self.decoder else { return Ok(()) };
        let there = self.chunk_map().in_object(self.object.path())?.entries().len() as u64;
        let written = there.saturating_mul(decoder.chunk_bytes);
        let all = self.elements().saturating_mul(u64::from(self.datatype.size));
        let (holes, most) = (all.saturating_sub(written), self.most_bytes());
        if holes > most {
            let text = format!("{holes} bytes that were never written (limit {most})");
            return Err(Error::limit(text).in_object(self.object.path()));
        }
        Ok(())
    }
}

/// Scalars have no dimensions to copy along.
fn copy_scalar(bytes: &[u8], out: &mut [u8]) {
    out.iter_mut().zip(bytes).for_each(|(o, b)| *o = *b);
}
