//! A store: a directory of plain arrays that can be memory-mapped, and a metadata file that describes them.
//!
//! ```text
//! OUT/metadata.json   data.bin   indices.bin   indptr.bin   obs.arrow   var.arrow
//! ```
//!
//! [`Writer`] is a [`Sink`](crate::matrix::Sink) for blocks of a matrix; it also takes the two tables and
//! writes a directory that appears complete or not at all. [`Store`] opens a store and is a
//! [`Source`](crate::matrix::Source). `spec/store.md` describes the format byte by byte.

mod array;
#[cfg_attr(not(feature = "arrow"), path = "without_arrow.rs")]
mod arrow;
mod check;
mod files;
mod manifest;
mod reader;
mod replace;
mod writer;

pub use crate::bytes::output::WriteMode;
pub use check::{CheckFinding, CheckReport};
pub use files::OpenByName;
pub use manifest::{CastRecord, FileRecord, Manifest, Salvage, SourceRecord};
pub use reader::Store;
pub use writer::{IndexDtype, StoreOptions, StorePair, Writer, WrittenStore};
pub(crate) use writer::{check_room, refuse_existing};

pub(crate) const METADATA: &str = "metadata.json";
pub(crate) const DATA: &str = "data.bin";
pub(crate) const INDICES: &str = "indices.bin";
pub(crate) const INDPTR: &str = "indptr.bin";
pub(crate) const OBS: &str = "obs.arrow";
pub(crate) const VAR: &str = "var.arrow";

/// Directories of the two stores written when both layouts are requested.
pub(crate) const HALVES: [&str; 2] = ["csr", "csc"];
