//! Rows and columns of a dataset, chosen and written in one expression.

use super::{ExportOptions, export};
use crate::dataset::Dataset;
use crate::error::Result;
use crate::matrix::Selection;
use crate::observe::Observer;
use crate::report::FileReport;
use std::path::Path;

/// A part of a dataset that is about to be written as an h5ad; see [`Dataset::select`].
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
    /// Begins to choose a part of the dataset; without [`obs`](Selecting::obs) and [`var`](Selecting::var) it is all of it.
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
    /// Takes these cells, by number, in this order; a number may come again.
    #[must_use]
    pub fn obs(mut self, rows: impl IntoIterator<Item = u64>) -> Self {
        self.selection.obs = Some(rows.into_iter().collect());
        self
    }

    /// Takes these genes, by number, in this order.
    #[must_use]
    pub fn var(mut self, columns: impl IntoIterator<Item = u64>) -> Self {
        self.selection.var = Some(columns.into_iter().collect());
        self
    }

    /// How the output is written.
    #[must_use]
    pub fn options(mut self, options: ExportOptions) -> Self {
        self.options = options;
        self
    }

    /// Follows progress, and may cancel.
    #[must_use]
    pub fn observer(mut self, observer: &'d dyn Observer) -> Self {
        self.observer = observer;
        self
    }

    /// Writes the part as an h5ad at `path`, whole or not at all. Every element follows the cells and genes that are taken.
    ///
    /// # Errors
    /// As [`export`].
    pub fn write_to(self, path: impl AsRef<Path>) -> Result<FileReport> {
        export(self.dataset, path.as_ref(), &self.selection, &self.options, self.observer)
    }
}
