//! Bytes: positions in, checked slices out.
//!
//! The lowest layer of the crate. [`Cursor`] consumes a slice and knows its offset in the file; [`ReadAt`]
//! reads at any position; [`map`] maps finished files of a store; [`output`] is a file written by many
//! threads at once; [`commit`] makes a directory or file appear complete or not at all.
//!
//! [`special`] opens regular files and nothing that waits.
//!
//! The crate's only `unsafe` code is in `mmap.rs` and `output.rs`.

pub(crate) mod append;
pub(crate) mod base64;
pub(crate) mod batches;
pub(crate) mod cached;
pub(crate) mod checked;
#[cfg(feature = "store")]
pub(crate) mod commit;
pub(crate) mod cursor;
pub(crate) mod growing;
#[cfg(feature = "store")]
#[allow(unsafe_code)] // maps a file; the promise is stated there
pub(crate) mod mmap;
#[cfg(feature = "store")]
#[allow(unsafe_code)] // hands out disjoint ranges of a map, asks for write-back; the checks are there
pub(crate) mod output;
#[cfg(feature = "store")]
pub(crate) mod pages;
pub(crate) mod pool;
pub(crate) mod put;
pub(crate) mod read_at;
#[cfg(all(feature = "arrow", feature = "store"))]
pub(crate) mod sequential;
pub(crate) mod slab;
pub(crate) mod special;
#[cfg(feature = "store")]
pub(crate) mod spill;
#[cfg(feature = "store")]
pub(crate) mod temporaries;

pub use cached::Cached;
pub(crate) use cursor::Cursor;
pub(crate) use read_at::InputFile;
pub use read_at::{ReadAt, Seekable};
