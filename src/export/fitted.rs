//! What the program that is to read the output asks of its matrices: layout, type and filters.

use super::{ExportOptions, ExportRun};
use crate::anndata::Program;
use crate::codec::{Compression, Filters};
use crate::dtype::{Dtype, Policy, ValueDtype};
use crate::error::{Error, Result};
use crate::matrix::Orientation;
use crate::observe::{Changed, Warning};
use crate::tree::{Location, OutputFormat, ZarrVersion};

impl ExportOptions {
    /// # Errors
    /// `Usage` if an option contradicts what the program that is to read the output asks for.
    pub(super) fn check_target(&self) -> Result<()> {
        let Some(target) = self.target else { return Ok(()) };
        let refused = |what: &str, got: &str| {
            Err(Error::usage(format!("expected {what}, which {target} asks for, got {got}")))
        };
        if let OutputFormat::Zarr(format) = self.format {
            let readable = match target {
                Program::AnnData08 | Program::AnnData010 => format.version == ZarrVersion::V2,
                Program::AnnData012 => true,
                Program::AnnData07 | Program::R | Program::Cellxgene => {
                    return refused("an h5ad", "zarr");
                }
            };
            if !readable {
                return refused("version 2 of zarr", "version 3");
            }
        }
        if target.wants_rows() && self.layout == Some(Orientation::Csc) {
            return refused("the layout csr", "csc");
        }
        match (self.dtype, target.matrix_dtype()) {
            (ValueDtype::As(dtype), Some(only)) if dtype != only => {
                return refused(&format!("values of {only}"), dtype.name());
            }
            (ValueDtype::Auto, Some(only)) => return refused(&format!("values of {only}"), "auto"),
            (ValueDtype::As(dtype), None) if target.value_dtype(dtype) != dtype => {
                return refused(&format!("values of {}", target.value_dtype(dtype)), dtype.name());
            }
            _ => {}
        }
        match self.filters {
            Some(Filters { compression: Compression::Lzf, .. }) if !target.reads_lzf() => {
                refused("gzip or no compression", "lzf")
            }
            _ => Ok(()),
        }
    }

    /// The layout of `X` and `raw/X`; as stored if `None`.
    pub(super) fn wanted_layout(&self) -> Option<Orientation> {
        let rows = self.target.filter(|target| target.wants_rows()).map(|_| Orientation::Csr);
        self.layout.or(rows)
    }
}

/// Filters that the program reads, gzip in place of those that it does not.
pub(super) fn readable(filters: Filters, target: Option<Program>) -> Filters {
    let unread = filters.compression == Compression::Lzf && target.is_some_and(|target| !target.reads_lzf());
    if unread { Filters { compression: Compression::Gzip(4), ..filters } } else { filters }
}

impl ExportRun<'_> {
    /// The type of the values of the matrix at `at`, whose own is `from`, if it is to be another one, and what happens
    /// to values that do not fit: for `X` what the options say, for `X` and `raw/X` what the program asks for.
    pub(super) fn cast_of(&self, at: &Location, from: Option<Dtype>) -> Option<(Dtype, Policy)> {
        let (is_x, path) = (*at == self.at("X"), at.to_string());
        if is_x && self.cast.is_some() {
            return self.cast;
        }
        let (from, dtype) = (from?, self.target?.matrix_dtype()?);
        if dtype == from || !is_x && *at != self.at("raw/X") {
            return None;
        }
        if from == Dtype::Float64 {
            let target = self.target.map(|target| target.to_string()).unwrap_or_default();
            let text = format!("written as {dtype}, rounded where that does not hold a value, for {target}");
            self.observer.warn(&Warning::Changed(Changed { path, text }));
        }
        // counts stay counts
        Some((dtype, if from.is_float() { Policy::Round } else { self.policy }))
    }

    /// Whether the matrix of cells and genes at `at`, stored in this layout (`None` is dense), is to have another.
    /// The options say so for `X` and `raw/X`, the program for all.
    pub(super) fn must_turn(&self, at: &Location, stored: Option<Orientation>) -> bool {
        let Some(orientation) = stored else {
            return self.target.is_some_and(Program::wants_compressed);
        };
        let optional = [self.at("X"), self.at("raw/X")].contains(at);
        match self.target {
            Some(target) if target.wants_rows() => orientation != Orientation::Csr,
            _ => optional && self.layout.is_some_and(|layout| layout != orientation),
        }
    }
}
