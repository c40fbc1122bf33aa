//! Writes HDF5 as h5py does by default: superblock 0, symbol-table groups, version 1 headers and B-trees.
//!
//! Everything is appended, children before their parents, so that each address is known when it is needed; only the
//! superblock at the start and the collections of strings are filled in later. No time stamps: the same calls give
//! the same bytes.

pub(crate) mod address;
mod attributes;
pub(crate) mod dataset;
pub(crate) mod file;
pub(crate) mod filters;
pub(crate) mod group;
pub(crate) mod heap;
pub(crate) mod sequence;
pub(crate) mod texts;
pub(crate) mod value;
mod variable;
