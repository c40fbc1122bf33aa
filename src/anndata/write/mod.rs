//! AnnData elements on their way into a file, in the current encodings.

mod copy;
mod dense;
mod frame;
mod other;
mod sparse;

pub use sparse::SparseSink;

use crate::codec::Filters;
use crate::error::Result;
use crate::hdf5::{EncodedValue, Group, Libver, ObjectAddress, Storing, Writer};
use crate::matrix::Budget;
use crate::observe::Observer;
use crate::strings::Strings;
use std::path::Path;

/// How arrays are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StorageOptions {
    /// What chunks go through.
    pub filters: Filters,
    /// Elements of a chunk.
    pub chunk: u64,
    /// Which forms of HDF5 are used.
    pub libver: Libver,
}

impl Default for StorageOptions {
    fn default() -> Self {
        StorageOptions { filters: Filters::default(), chunk: 1 << 16, libver: Libver::Earliest }
    }
}

/// An h5ad file being written. It appears under its name when finished; dropping it leaves nothing behind.
pub struct H5adWriter<'o> {
    writer: Writer,
    how: StorageOptions,
    budget: Budget,
    observer: &'o dyn Observer,
}

impl std::fmt::Debug for H5adWriter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("H5adWriter")
            .field("writer", &self.writer)
            .field("how", &self.how)
            .finish_non_exhaustive()
    }
}

impl<'o> H5adWriter<'o> {
    /// Begins a file that will be called `path`. An existing one is refused unless `replace`. What is written is read and
    /// encoded within `budget`, and `observer` watches.
    ///
    /// # Errors
    /// `Io` where it exists or cannot be created.
    pub fn create(
        path: &Path,
        replace: bool,
        how: StorageOptions,
        budget: Budget,
        observer: &'o dyn Observer,
    ) -> Result<Self> {
        Ok(H5adWriter { writer: Writer::create(path, replace, how.libver)?, how, budget, observer })
    }

    /// Writes the root with its elements, flushes, and gives the file its name. Mappings that are missing are empty.
    ///
    /// # Errors
    /// Where that cannot be written.
    pub fn finish(mut self, mut root: Group) -> Result<()> {
        for name in ["layers", "obsm", "obsp", "uns", "varm", "varp"] {
            if !root.has(name) {
                let empty = self.dict(Group::new())?;
                root.link(name, empty);
            }
        }
        self.encode(&mut root, "anndata", "0.1.0")?;
        self.writer.finish(&root)
    }

    /// Writes a mapping.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn dict(&mut self, mut group: Group) -> Result<ObjectAddress> {
        self.encode(&mut group, "dict", "0.1.0")?;
        self.writer.group(&group)
    }

    /// Writes `raw`: a group with `X`, `var` and `varm`.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn raw(&mut self, mut group: Group) -> Result<ObjectAddress> {
        self.encode(&mut group, "raw", "0.1.0")?;
        self.writer.group(&group)
    }

    /// Writes strings as an array of one dimension.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub fn strings(&mut self, strings: &Strings) -> Result<ObjectAddress> {
        let value = self.writer.texts(strings, &[strings.len() as u64])?;
        self.array(&value, "string-array")
    }

    /// Writes a scalar or an array of plain numbers.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn value(&mut self, value: &EncodedValue) -> Result<ObjectAddress> {
        let scalar = value.shape().is_some_and(<[u64]>::is_empty);
        self.array(value, if scalar { "numeric-scalar" } else { "array" })
    }

    /// Says on a group what it is.
    fn encode(&mut self, group: &mut Group, kind: &str, version: &str) -> Result<()> {
        for (name, value) in self.encoding(kind, version)? {
            group.attribute(&name, value);
        }
        Ok(())
    }

    fn encoding(&mut self, kind: &str, version: &str) -> Result<Vec<(String, EncodedValue)>> {
        Ok(vec![
            ("encoding-type".to_owned(), self.writer.text(kind)?),
            ("encoding-version".to_owned(), self.writer.text(version)?),
        ])
    }

    /// Writes a value as a dataset of this encoding, version 0.2.0 as all arrays and scalars have.
    fn array(&mut self, value: &EncodedValue, kind: &str) -> Result<ObjectAddress> {
        let attributes = self.encoding(kind, "0.2.0")?;
        let how = self.storing(value.shape());
        self.writer.dataset(value, &attributes, &how)
    }

    /// In chunks where they are to be compressed, in one piece otherwise.
    fn storing(&self, shape: Option<&[u64]>) -> Storing {
        let chunk = shape.filter(|s| !s.is_empty() && !self.how.filters.is_none()).map(|s| self.chunk_of(s));
        Storing { chunk, filters: self.how.filters, unlimited: false }
    }

    /// A chunk of about the wished number of elements: whole rows while they fit.
    fn chunk_of(&self, shape: &[u64]) -> Vec<u64> {
        let mut left = self.how.chunk.max(1);
        let mut out: Vec<u64> = shape
            .iter()
            .rev()
            .map(|n| {
                let c = (*n).clamp(1, left.max(1));
                left /= c;
                c
            })
            .collect();
        out.reverse();
        out
    }
}
