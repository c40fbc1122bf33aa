//! Writes `dataframe`, version 0.2.0.

use crate::anndata::AnnDataWriter;
use crate::dtype::Dtype;
use crate::error::Result;
use crate::strings::Strings;
use crate::table::Frame;
use crate::tree::{EncodedValue, Location};

impl AnnDataWriter<'_> {
    /// Writes a data frame, version 0.2.0.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn frame(&mut self, at: &Location, frame: &Frame) -> Result<()> {
        self.frame_listing(at, frame, &[])
    }

    /// As [`frame`](Self::frame), with the columns `more` listed that do not exist: a table that is broken.
    pub(crate) fn frame_listing(&mut self, at: &Location, frame: &Frame, more: &[&str]) -> Result<()> {
        let taken = |n: &str| frame.columns().iter().any(|(c, _)| c == n);
        let index = frame.index_name().filter(|n| !n.is_empty() && !taken(n)).unwrap_or("_index");
        let names: Strings =
            frame.columns().iter().map(|(n, _)| n.as_str()).chain(more.iter().copied()).collect();
        let mut attributes = self.encoding("dataframe", "0.2.0")?;
        attributes.push(("_index".into(), self.writer.text(index)?));
        let order = match names.len() {
            // as h5py writes an empty list
            0 => EncodedValue::numbers(Dtype::Float64, &[0], Vec::new()),
            n => self.writer.texts(&names, &[n as u64])?,
        };
        attributes.push(("column-order".into(), order));
        self.strings(&at.child(index), frame.index())?;
        for (name, column) in frame.columns() {
            self.column(&at.child(name), column)?;
        }
        self.writer.group(at, &attributes)
    }
}
