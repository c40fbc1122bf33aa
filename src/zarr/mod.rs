//! Reads and writes zarr, versions 2 and 3, with our own parser of metadata, shards and zip files.
//!
//! A store maps keys to values: the files of a folder, or the entries of a zip file. A node is a group or an array
//! and is described by a JSON document under its path. The elements of an array are in chunks, each under a key of
//! its own that follows from its coordinates, or in shards of many chunks.
//!
//! * `store/` – keys and values: [`Hierarchy`] opens one;
//! * `metadata/` – the documents of both versions, as one model;
//! * `codecs/` – what chunks went through; shards;
//! * `consolidated.rs` – copies of all documents in one, compared with them;
//! * `object.rs`, `array.rs`, `value.rs` – nodes ([`ZarrNode`]), arrays ([`ZarrArray`]), elements ([`ZarrValue`]);
//! * `read.rs`, `stored.rs`, `items.rs` – boxes of elements, chunks that are there, strings in chunks;
//! * `write/` – a store being written ([`ZarrWriter`]).
//!
//! The output is raw elements with their type, as from [`hdf5`](crate::hdf5). This module does not depend on
//! AnnData, matrices or budgets. `spec/zarr.md` lists what is read and what is refused.
//!
//! Input is untrusted: no indexing, no unchecked arithmetic, no key that leaves the store, no allocation that the
//! [`Limits`](crate::Limits) do not justify.

#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::panic
    )
)]

mod array;
mod canonical;
mod codecs;
mod consolidated;
mod items;
mod json;
mod metadata;
mod object;
mod read;
mod store;
mod stored;
mod value;
mod write;

pub use array::ZarrArray;
pub use consolidated::CopiedNodes;
pub use object::{Hierarchy, ZarrNode, is_zip};
pub use read::ChunkScratch;
pub use value::ZarrValue;
pub use write::{
    ChunkCodec, ZarrAttributes, ZarrChunks, ZarrData, ZarrList, ZarrStoring, ZarrTexts, ZarrVersion,
    ZarrWriter,
};
