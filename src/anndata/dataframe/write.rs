//! Writes `dataframe`, version 0.2.0.

use crate::anndata::AnnDataWriter;
use crate::dtype::Dtype;
use crate::error::{Place, Result};
use crate::strings::Strings;
use crate::table::Frame;
use crate::tree::{EncodedValue, Location};

impl AnnDataWriter<'_> {
    /// Writes a data frame: the index and each column as a child, then the group (`dataframe` 0.2.0).
    ///
    /// # Errors
    /// `Io` if writing fails; `Limit` if the budget does not hold the default names of a table without names.
    pub fn frame(&mut self, at: &Location, frame: &Frame) -> Result<()> {
        self.frame_listing(at, frame, &[])
    }

    /// As [`frame`](Self::frame), but lists the columns `more`, which do not exist, in `column-order`: the
    /// result is a broken table, for tests.
    pub(crate) fn frame_listing(&mut self, at: &Location, frame: &Frame, more: &[&str]) -> Result<()> {
        self.budget.hold(frame.unmade_index_bytes()).in_object(&at.to_string())?;
        let taken = |n: &str| frame.columns().iter().any(|(c, _)| c == n);
        let index = frame.index_name().filter(|n| !n.is_empty() && !taken(n)).unwrap_or("_index");
        let names: Strings =
            frame.columns().iter().map(|(n, _)| n.as_str()).chain(more.iter().copied()).collect();
        let mut attributes = self.encoding("dataframe", "0.2.0")?;
        attributes.push(("_index".into(), self.writer.text(index)?));
        let order = match names.len() {
            // h5py writes an empty list as an empty array of floats
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
