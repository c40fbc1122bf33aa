//! Bytes: positions in, checked slices out.
//!
//! Below everything else in the crate. [`Cursor`] consumes a slice and remembers where in the file it lies;
//! [`ReadAt`] reads at positions and keeps none; [`map`] maps finished files of ours; [`output`] is a file
//! being written by many threads at once; [`commit`] makes a directory or file appear whole or not at all.
//!
//! The crate's only `unsafe` code is in `mmap.rs` and `output.rs`.

pub(crate) mod append;
pub(crate) mod cached;
pub(crate) mod checked;
#[cfg(feature = "store")]
pub(crate) mod commit;
pub(crate) mod cursor;
#[cfg(feature = "store")]
#[allow(unsafe_code)] // maps a file; the promise is stated there
pub(crate) mod mmap;
#[cfg(feature = "store")]
#[allow(unsafe_code)] // hands out disjoint ranges of a map, asks for write-back; the checks are there
pub(crate) mod output;
#[cfg(feature = "store")]
pub(crate) mod pages;
pub(crate) mod put;
pub(crate) mod read_at;
pub(crate) mod slab;
#[cfg(feature = "store")]
pub(crate) mod spill;

pub use cached::Cached;
pub(crate) use cursor::Cursor;
pub use read_at::{ReadAt, Seekable};
