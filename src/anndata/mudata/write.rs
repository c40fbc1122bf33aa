//! Writes MuData: one AnnData after another below `mod`, then what is common to them.

use super::{Positions, SharedAxis};
use crate::anndata::AnnDataWriter;
use crate::codec::Filters;
use crate::dtype::Dtype;
use crate::error::Result;
use crate::strings::Strings;
use crate::tree::{EncodedValue, Location};

/// Version of the format.
const VERSION: &str = "0.1.0";
/// Mappings that every MuData has.
const MAPPINGS: [&str; 7] = ["obsm", "obsmap", "obsp", "uns", "varm", "varmap", "varp"];

/// What the attributes of MuData say.
#[derive(Debug)]
pub(crate) struct MuDataHead {
    /// The axes that modalities share.
    pub(crate) shared: SharedAxis,
    /// The names of the modalities, in order.
    pub(crate) order: Vec<String>,
}

impl AnnDataWriter<'_> {
    /// Makes the file a MuData; nothing may have been written yet. What is written belongs to all modalities, or to
    /// one between [`begin_modality`](Self::begin_modality) and [`end_modality`](Self::end_modality).
    ///
    /// # Errors
    /// `Usage` if something was written.
    pub(crate) fn mudata(mut self, head: MuDataHead) -> Result<Self> {
        let version = env!("CARGO_PKG_VERSION");
        let text = format!("MuData (format-version={VERSION};creator=annmap;creator-version={version})");
        self.writer.put_in_front(&text)?;
        self.mudata = Some(head);
        Ok(self)
    }

    /// The filters of chunks.
    pub(crate) fn filters(&self) -> Filters {
        self.storage.filters
    }

    /// Sets the filters of chunks of what is written from here on, or the nearest ones that the container has.
    pub(crate) fn set_filters(&mut self, filters: Filters) {
        self.storage.filters = self.storage.format.nearest(filters);
    }

    /// Begins the AnnData of a modality, whose chunks get these filters.
    pub(crate) fn begin_modality(&mut self, name: &str, filters: Filters) {
        self.set_filters(filters);
        self.root = Location::root().child("mod").child(name);
    }

    /// Ends the AnnData of a modality. Missing mappings become empty ones.
    ///
    /// # Errors
    /// `Io` if writing fails.
    pub(crate) fn end_modality(&mut self) -> Result<()> {
        let attributes = self.anndata_attributes()?;
        self.writer.group(&self.root, &attributes)?;
        self.root = Location::root();
        Ok(())
    }

    /// Writes the positions of a modality, as mudata does: uint32, or uint64 where that is too narrow.
    ///
    /// # Errors
    /// `Io` if writing fails.
    pub(crate) fn positions(&mut self, at: &Location, positions: &Positions) -> Result<()> {
        let all = positions.all();
        let value = if all.iter().any(|p| *p > u64::from(u32::MAX)) {
            let bytes = all.iter().flat_map(|p| p.to_le_bytes()).collect();
            EncodedValue::numbers(Dtype::Uint64, &[all.len() as u64], bytes)
        } else {
            let bytes = all.iter().flat_map(|p| (*p as u32).to_le_bytes()).collect();
            EncodedValue::numbers(Dtype::Uint32, &[all.len() as u64], bytes)
        };
        self.value(at, &value)
    }

    /// Writes which rows a modality has: a column of bools, as mudata keeps it in `obsm` and `varm`.
    ///
    /// # Errors
    /// `Io` if writing fails.
    pub(crate) fn membership(&mut self, at: &Location, positions: &Positions) -> Result<()> {
        let bytes: Vec<u8> = positions.all().iter().map(|p| u8::from(*p > 0)).collect();
        self.value(at, &EncodedValue::numbers(Dtype::Bool, &[bytes.len() as u64, 1], bytes))
    }

    /// Writes the group `mod` and missing mappings; returns the attributes of the root.
    pub(in crate::anndata) fn mudata_attributes(
        &mut self,
        head: &MuDataHead,
    ) -> Result<Vec<(String, EncodedValue)>> {
        self.missing_mappings(&MAPPINGS)?;
        let names: Strings = head.order.iter().map(String::as_str).collect();
        let order = self.writer.texts(&names, &[names.len() as u64])?;
        self.writer.group(&Location::root().child("mod"), &[("mod-order".to_owned(), order)])?;
        let mut attributes = self.encoding("MuData", VERSION)?;
        attributes.push(("axis".to_owned(), EncodedValue::integer(head.shared.number())));
        attributes.push(("encoder".to_owned(), self.writer.text("annmap")?));
        attributes.push(("encoder-version".to_owned(), self.writer.text(env!("CARGO_PKG_VERSION"))?));
        Ok(attributes)
    }
}
