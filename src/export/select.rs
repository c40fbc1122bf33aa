//! [`Dataset::select`]: chooses rows and columns of a dataset and writes them, in one expression.

use super::{ExportOptions, export, export_to};
use crate::dataset::Dataset;
use crate::error::Result;
use crate::matrix::Selection;
use crate::observe::Observer;
use crate::report::FileReport;
use std::io::{Seek, Write};
use std::path::Path;

/// Rows and columns chosen from a dataset, to be written as an h5ad file; made by [`Dataset::select`].
pub struct Selecting<'d> {
    dataset: &'d Dataset,
    selection: Selection,
    options: ExportOptions,
    observer: &'d dyn Observer,
}

impl std::fmt::Debug for Selecting<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Selecting").field("selection", &self.selection).finish_non_exhaustive()
    }
}

impl Dataset {
    /// Starts a selection. It covers all rows unless [`obs`](Selecting::obs) is called, and all columns unless
    /// [`var`](Selecting::var) is.
    pub fn select(&self) -> Selecting<'_> {
        Selecting {
            dataset: self,
            selection: Selection::default(),
            options: ExportOptions::default(),
            observer: &(),
        }
    }
}

impl<'d> Selecting<'d> {
    /// Takes these cells, by row number from 0, in this order; a number may repeat.
    #[must_use]
    pub fn obs(mut self, rows: impl IntoIterator<Item = u64>) -> Self {
        self.selection.obs = Some(rows.into_iter().collect());
        self
    }

    /// Takes these genes, by column number from 0, in this order; a number may repeat.
    #[must_use]
    pub fn var(mut self, columns: impl IntoIterator<Item = u64>) -> Self {
        self.selection.var = Some(columns.into_iter().collect());
        self
    }

    /// Sets how the output is written; [`ExportOptions::default`] otherwise.
    #[must_use]
    pub fn options(mut self, options: ExportOptions) -> Self {
        self.options = options;
        self
    }

    /// Sets the observer, which follows the progress and may cancel.
    #[must_use]
    pub fn observer(mut self, observer: &'d dyn Observer) -> Self {
        self.observer = observer;
        self
    }

    /// Writes the chosen cells and genes of every element as an h5ad file at `path`. Returns its shape and what
    /// was left out.
    ///
    /// # Errors
    /// Those of [`export`]; `path` is then as it was before.
    pub fn write_to(self, path: impl AsRef<Path>) -> Result<FileReport> {
        export(self.dataset, path.as_ref(), &self.selection, &self.options, self.observer)
    }

    /// Writes the chosen cells and genes of every element as an h5ad file into `sink`, from its beginning, and
    /// returns the sink: a service can answer with a file without writing it to disk.
    ///
    /// # Errors
    /// Those of [`export_to`].
    pub fn write<W: Write + Seek + Send + 'static>(self, sink: W) -> Result<W> {
        export_to(self.dataset, sink, &self.selection, &self.options, self.observer)
    }
}
