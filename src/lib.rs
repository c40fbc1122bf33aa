//! Single-cell HDF5 files as plain memory-mapped sparse arrays, without libhdf5 and without any C.
//!
//! ```text
//!  bytes ──▶ objects of HDF5 ──▶ AnnData elements ──▶ blocks of entries ──▶ sinks ──▶ a store, verified
//!  bytes, codec   hdf5           anndata, formats          matrix             store        store
//!                                                           │  ▲
//!                                                           ▼  │
//!                                                        transpose
//! ```
//!
//! Our own parser reads a file with positioned reads. Its matrix becomes a stream of blocks, decoded on all
//! cores. Blocks go into pre-allocated maps, in the stored layout or transposed. The output directory gets
//! its name when everything in it is complete.
//!
//! | want | look in |
//! |---|---|
//! | programs to begin with | [`guide`] |
//! | any file or store, opened by its content | [`dataset::Dataset`] |
//! | to see what is in a single-cell file | [`dataset::AnnData`] |
//! | any HDF5 object, attribute, dataset | [`hdf5::File`] |
//! | any node of a zarr store | [`zarr::Hierarchy`], or either through [`tree::Container`] |
//! | to make a store | [`convert::convert`] |
//! | to read a store | [`store::Store`] |
//! | entries as they come, on all cores | [`matrix::pump`] and [`matrix::Sink`] |
//! | rows as columns and columns as rows | [`transpose::partition`] |
//! | to know whether two matrices are equal | [`verify::compare`] |
//! | an h5ad in the current format, whole or in part | [`export::export`] |
//! | several files as one | [`concat::concat`] |
//! | an HDF5 file as zarr, without writing it again | [`mod@index`] |
//! | files to try things on | [`synth::synth`] |
//! | rows by a condition, by name, at random | [`select`] |
//! | what is wrong with a file | [`doctor::examine`] |
//! | tables with types | [`table::Frame`] |
//!
//! ```no_run
//! use annmap::convert::{ConvertOptions, convert};
//! use annmap::{Limits, dataset::Dataset, store::Store};
//! # fn main() -> annmap::Result<()> {
//! let input = Dataset::open("cells.h5ad")?;
//! convert(&input, "cells.store", &ConvertOptions::default(), &())?;
//! let store = Store::open("cells.store")?;
//! let (genes, values) = store.line(0)?; // the first cell
//! println!("{} genes, {} bytes of {}", genes.len(), values.len(), store.manifest().layout.dtype);
//! # Ok(())
//! # }
//! ```
//!
//! The library never prints, builds no thread pool and has no statics but the list of its temporary files, which
//! [`remove_temporaries`] removes. Work runs on the current rayon pool;
//! an [`Observer`] receives progress and can cancel. Every input byte is treated as hostile; see [`Limits`].
//!
//! # Features
//!
//! All are on by default. Without any, the crate is only a reader of HDF5, zarr, h5ad, 10x HDF5 and loom with few
//! dependencies and `forbid(unsafe_code)`; it also writes HDF5 into memory ([`hdf5::Writer::to_sink`]).
//!
//! | feature | adds |
//! |---|---|
//! | `store` | [`store`], [`transpose`], [`convert`], [`verify`], [`dataset::Dataset`] |
//! | `write` | [`export`], [`mod@concat`], [`mod@index`], [`synth`], atomic output files, regular expressions in conditions; includes `store` |
//! | `text` | Matrix Market and delimited text in [`formats`] |
//! | `arrow` | the tables of a store |
//! | `cli` | the program; includes all others |
//!
//! Only little-endian targets are supported. Targets with 32-bit pointers (wasm32) have the layers up to
//! [`tree`] and none of the features.

#![cfg_attr(not(feature = "store"), forbid(unsafe_code))]
// Builds without all features have items that nothing uses.
#![cfg_attr(not(feature = "cli"), allow(dead_code, unused_imports))]

// Numbers are read from maps and buffers in native byte order, which must be little-endian.
#[cfg(target_endian = "big")]
compile_error!("annmap supports little-endian targets only: numbers would be read in the wrong byte order");
// `hdf5`, `codec`, `dtype` and `tree` check every conversion of a size to `usize`. The layers above do not
// everywhere, and would truncate sizes on a 32-bit target.
#[cfg(all(not(target_pointer_width = "64"), any(feature = "store", feature = "text", feature = "arrow")))]
compile_error!("with pointers of less than 64 bits annmap can only be built without its features");

#[cfg(target_pointer_width = "64")]
pub mod anndata;
#[cfg(target_pointer_width = "64")]
pub mod array;
pub(crate) mod bytes;
pub mod codec;
#[cfg(feature = "write")]
pub mod concat;
#[cfg(feature = "store")]
pub mod convert;
#[cfg(target_pointer_width = "64")]
pub mod dataset;
#[cfg(target_pointer_width = "64")]
pub mod doctor;
pub mod dtype;
mod error;
#[cfg(feature = "write")]
pub mod export;
#[cfg(target_pointer_width = "64")]
pub mod formats;
#[cfg(feature = "cli")]
pub mod guide;
pub mod hdf5;
#[cfg(feature = "write")]
pub mod index;
mod limits;
#[cfg(target_pointer_width = "64")]
pub mod matrix;
mod observe;
pub(crate) mod random;
mod report;
#[cfg(target_pointer_width = "64")]
pub mod select;
#[cfg(feature = "store")]
pub mod store;
mod strings;
pub(crate) mod sync;
#[cfg(feature = "write")]
pub mod synth;
#[cfg(target_pointer_width = "64")]
pub mod table;
#[cfg(feature = "store")]
pub mod transpose;
pub mod tree;
#[cfg(feature = "store")]
pub mod verify;
pub mod zarr;

#[cfg(feature = "store")]
pub use bytes::temporaries::remove_temporaries;
pub use bytes::{Cached, ReadAt, Seekable};
pub use dtype::Dtype;
pub use error::{Error, Hint, Kind, Result};
pub use limits::{LimitName, Limits};
pub use observe::{Changed, LeftOut, Observer, Phase, Recorded, Recorder, Verb, Warning, Widened};
pub use report::FileReport;
pub use strings::Strings;

/// Compiles the program of the README as a doc test.
#[cfg(all(doctest, feature = "store"))]
#[doc = include_str!("../README.md")]
struct Readme;
