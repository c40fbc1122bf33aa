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
//! A file is read with positioned reads by our own parser; its matrix becomes a stream of blocks, decoded on all
//! cores; blocks go into pre-allocated maps, in the stored layout or transposed; a directory appears under its
//! name when everything in it is complete.
//!
//! | want | look in |
//! |---|---|
//! | programs to begin with | [`guide`] |
//! | any file or store, opened by its content | [`dataset::Input`] |
//! | to see what is in a single-cell file | [`dataset::AnnData`] |
//! | any HDF5 object, attribute, dataset | [`hdf5::File`] |
//! | to make a store | [`convert::convert`] |
//! | to read a store | [`store::Store`] |
//! | entries as they come, on all cores | [`matrix::pump`] and [`matrix::Sink`] |
//! | rows as columns and columns as rows | [`transpose::partition`] |
//! | to know whether two matrices are equal | [`verify::compare`] |
//! | an h5ad in the current format, whole or in part | [`export::export`] |
//! | several files as one | [`concat::concat`] |
//! | files to try things on | [`synth::synth`] |
//! | rows by a condition, by name, at random | [`select`] |
//! | what is wrong with a file | [`doctor::examine`] |
//! | tables with types | [`table::Frame`] |
//!
//! ```no_run
//! use annmap::convert::{ConvertOptions, convert};
//! use annmap::{Limits, dataset::Input, store::Store};
//! # fn main() -> annmap::Result<()> {
//! let input = Input::open("cells.h5ad".as_ref(), Limits::default())?;
//! convert(&input, "cells.store".as_ref(), &ConvertOptions::default(), &())?;
//! let store = Store::open("cells.store")?;
//! let (genes, values) = store.line(0)?; // the first cell
//! println!("{} genes, {} bytes of {}", genes.len(), values.len(), store.manifest().layout.dtype);
//! # Ok(())
//! # }
//! ```
//!
//! The library never prints, builds no thread pool and keeps no statics: work runs on the rayon pool it is
//! called in, progress and cancelling go through an [`Observer`]. Every input byte is taken for hostile; see
//! [`Limits`].

pub mod anndata;
pub(crate) mod bytes;
pub mod codec;
pub mod concat;
pub mod convert;
pub mod dataset;
pub mod doctor;
pub mod dtype;
mod error;
pub mod export;
pub mod formats;
pub mod guide;
pub mod hdf5;
mod limits;
pub mod matrix;
mod observe;
pub(crate) mod random;
pub mod select;
pub mod store;
mod strings;
pub mod synth;
pub mod table;
pub mod transpose;
pub mod tree;
pub mod verify;

pub use bytes::{Cached, ReadAt, Seekable};
pub use dtype::Dtype;
pub use error::{Error, Kind, Result};
pub use limits::Limits;
pub use observe::Observer;
pub use strings::Strings;
