//! HDF5, read with our own parser.
//!
//! A file is a superblock that says where the root group is; a group is a list of links to objects; an object
//! is a header of messages. The messages of a dataset say what its elements are (datatype), how many there
//! are (dataspace) and where they lie (layout, filters); chunked data is found through one of six indexes.
//!
//! * `format/` – the on-disk structures, one a file, no navigation;
//! * `filter/` – what chunks go through on their way to the disk, undone;
//! * `write/` – appends objects, children before parents: [`Writer`];
//! * `read/` – follows addresses: [`File`], [`Object`], [`Dataset`], [`Attribute`].
//!
//! In come bytes at positions ([`ReadAt`](crate::bytes::ReadAt)); out go raw elements with their type. Nothing
//! here knows of AnnData, matrices or budgets. What is read and what is refused, section by section of the
//! HDF5 File Format Specification 3.0, stands in `spec/hdf5.md`.
//!
//! Every byte is hostile: no indexing, no unchecked arithmetic, no allocation that the file's own size or the
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

pub(crate) mod filter;
pub(crate) mod format;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
pub(crate) mod read;
pub(crate) mod write;

pub use format::message::dataspace::Dataspace;
pub use format::message::filter_pipeline::Filter;
pub use read::attribute::{Attribute, AttributeEntry};
pub use read::chunks::Scratch;
pub use read::dataset::{Dataset, Storage};
pub use read::file::File;
pub use read::link::{Link, Target};
pub use read::object::{Object, ObjectKind};
pub use read::stream::DatasetStream;
pub use read::value::Value;
pub use read::walk::{Found, Visit, Walk};
pub use write::address::ObjectAddress;
pub use write::dataset::{Chunks, Storing};
pub use write::file::{Libver, Writer};
pub(crate) use write::filters::filters_to_write;
pub use write::group::Group;
pub use write::value::StoredValue;
