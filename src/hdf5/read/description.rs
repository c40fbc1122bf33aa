//! The metadata of a dataset from its header: shape, type, storage, filters. Read once per object.

use super::chunk_index::{self, ChunkMap};
use super::chunks::Decoder;
use super::external::ExternalBytes;
use super::file::File;
use super::grid::Grid;
use super::messages::Messages;
use super::virtual_parts::{self, VirtualPart};
use crate::bytes::checked;
use crate::dtype::Datatype;
use crate::error::{Error, Result};
use crate::hdf5::filter::pipeline::Pipeline;
use crate::hdf5::format::message::dataspace::{self, Dataspace};
use crate::hdf5::format::message::datatype;
use crate::hdf5::format::message::filter_pipeline::{self, Filter, FilterPipeline};
use crate::hdf5::format::message::layout::{self, Chunked, Layout};
use crate::hdf5::format::message::{fill_value, kind};
use std::sync::{Arc, OnceLock};

/// Metadata of a dataset, without its elements.
#[derive(Debug)]
pub(crate) struct ObjectDescription {
    pub(crate) datatype: Datatype,
    pub(crate) dataspace: Dataspace,
    pub(crate) layout: Layout,
    pub(crate) filters: Vec<Filter>,
    /// Fill value for elements never written; zeros if empty.
    pub(crate) fill: Vec<u8>,
    /// Filters and grid of a chunked dataset.
    pub(crate) decoder: Option<Arc<Decoder>>,
    chunks: OnceLock<ChunkMap>,
    external: OnceLock<Option<ExternalBytes>>,
    virtual_parts: OnceLock<Vec<VirtualPart>>,
}

impl ObjectDescription {
    /// Reads the messages of the dataset whose header lies at `address`.
    ///
    /// # Errors
    /// `Malformed` or `Unsupported` if they cannot be understood; `Limit` if chunks or types are too large.
    pub(crate) fn read(messages: &Messages, address: u64) -> Result<Self> {
        let addresses = messages.file().addresses();
        let (sizes, nesting) = (addresses.sizes(), addresses.limits().nesting);
        let missing = |what| Error::malformed(format!("dataset without {what}"));
        let datatype = messages
            .parse(kind::DATATYPE, |src| datatype::read(src, nesting))?
            .ok_or_else(|| missing("a datatype"))?;
        let dataspace = messages
            .parse(kind::DATASPACE, |src| dataspace::read(src, sizes))?
            .ok_or_else(|| missing("a dataspace"))?;
        let layout = messages
            .parse(kind::LAYOUT, |src| layout::read(src, sizes))?
            .ok_or_else(|| missing("a layout"))?;
        let pipeline: FilterPipeline =
            messages.parse(kind::FILTERS, filter_pipeline::read)?.unwrap_or_default();
        let old = messages.parse(kind::OLD_FILL_VALUE, fill_value::read_old)?.flatten();
        let fill = messages.parse(kind::FILL_VALUE, fill_value::read)?.flatten().or(old).unwrap_or_default();
        let filters = pipeline.filters;
        checked::mul(dataspace.elements()?, u64::from(datatype.size))?;
        let decoder = match &layout {
            Layout::Chunked(c) => {
                let most = addresses.limits().chunk_bytes;
                Some(Arc::new(decoder(&datatype, &dataspace, c, &filters, address, most)?))
            }
            _ => None,
        };
        let fill = if fill.len() == checked::size(u64::from(datatype.size))? { fill } else { Vec::new() };
        let (chunks, external, virtual_parts) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        Ok(ObjectDescription {
            datatype,
            dataspace,
            layout,
            filters,
            fill,
            decoder,
            chunks,
            external,
            virtual_parts,
        })
    }

    /// The files that hold the elements, opened on first use; `None` if they are in this file.
    ///
    /// # Errors
    /// As [`ExternalBytes::open`].
    pub(crate) fn external(&self, messages: &Messages) -> Result<Option<&ExternalBytes>> {
        if let Some(external) = self.external.get() {
            return Ok(external.as_ref());
        }
        let len = checked::mul(self.dataspace.elements()?, u64::from(self.datatype.size))?;
        let opened = ExternalBytes::open(messages, len)?;
        Ok(self.external.get_or_init(|| opened).as_ref())
    }

    /// The parts of a virtual dataset of `file`; reads their list on first use.
    ///
    /// # Errors
    /// As [`virtual_parts::read`]; `Usage` for other storage.
    pub(crate) fn virtual_parts(&self, file: &File) -> Result<&[VirtualPart]> {
        if let Some(parts) = self.virtual_parts.get() {
            return Ok(parts);
        }
        let Layout::Virtual(at) = self.layout else { return Err(Error::usage("not a virtual dataset")) };
        let parts = virtual_parts::read(file, at, self.dataspace.shape().unwrap_or_default())?;
        Ok(self.virtual_parts.get_or_init(|| parts))
    }

    /// Locations of the chunks; reads the index on first use.
    ///
    /// # Errors
    /// Fails if the index is damaged; `Usage` if the elements are not stored in chunks.
    pub(crate) fn chunk_map(&self, messages: &Messages) -> Result<&ChunkMap> {
        if let Some(map) = self.chunks.get() {
            return Ok(map);
        }
        let (Layout::Chunked(layout), Some(decoder)) = (&self.layout, &self.decoder) else {
            return Err(Error::usage("not a chunked dataset"));
        };
        let (addresses, filtered) = (messages.file().addresses(), !self.filters.is_empty());
        let map = chunk_index::load(addresses, layout, &decoder.grid, decoder.chunk_bytes, filtered)?;
        Ok(self.chunks.get_or_init(|| map))
    }
}

/// How chunks of at most `most` bytes are decoded.
fn decoder(
    datatype: &Datatype,
    dataspace: &Dataspace,
    layout: &Chunked,
    filters: &[Filter],
    address: u64,
    most: u64,
) -> Result<Decoder> {
    if layout.element_size != u64::from(datatype.size) {
        return Err(Error::malformed(format!(
            "chunks of {}-byte elements for a type of {} bytes",
            layout.element_size, datatype.size
        )));
    }
    let chunk_bytes = checked::mul(checked::product(&layout.dims)?, layout.element_size)?;
    if chunk_bytes > most {
        return Err(Error::limit(format!("chunks of {chunk_bytes} bytes (limit {most})")));
    }
    Ok(Decoder {
        pipeline: Pipeline::new(filters, checked::size(u64::from(datatype.size))?)?,
        grid: Grid::new(dataspace, layout)?,
        element: layout.element_size,
        chunk_bytes,
        plain_edges: layout.plain_edges,
        dataset: address,
    })
}
