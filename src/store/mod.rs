//! A store: a directory of plain arrays that anyone can map, and one file that says what they are.
//!
//! ```text
//! OUT/metadata.json   data.bin   indices.bin   indptr.bin   obs.arrow   var.arrow
//! ```
//!
//! In come blocks of a matrix ([`Writer`] is a [`Sink`](crate::matrix::Sink)) and two tables; out goes a directory
//! that appears whole or not at all. [`Store`] opens one again and is a [`Source`](crate::matrix::Source).
//! `spec/store.md` has the format byte by byte.

#[cfg_attr(not(feature = "arrow"), path = "without_arrow.rs")]
mod arrow;
mod check;
mod manifest;
mod reader;
mod writer;

pub use crate::bytes::output::WriteMode;
pub use check::{CheckFinding, CheckReport};
pub use manifest::{CastRecord, FileRecord, Manifest, Salvage, SourceRecord};
pub use reader::Store;
pub(crate) use writer::refuse_existing;
pub use writer::{IndexDtype, StoreOptions, StorePair, Writer, WrittenStore};

pub(crate) const METADATA: &str = "metadata.json";
pub(crate) const DATA: &str = "data.bin";
pub(crate) const INDICES: &str = "indices.bin";
pub(crate) const INDPTR: &str = "indptr.bin";
pub(crate) const OBS: &str = "obs.arrow";
pub(crate) const VAR: &str = "var.arrow";

/// The two halves of a store of both layouts.
pub(crate) const HALVES: [&str; 2] = ["csr", "csc"];
