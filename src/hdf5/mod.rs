//! An HDF5 reader and writer, with our own parser.
//!
//! A file is a superblock that points to the root group; a group is a list of links to objects; an object is
//! a header of messages. The messages of a dataset describe the type of its elements (datatype), their number
//! (dataspace) and their location (layout, filters); chunked data is found through one of six indexes.
//!
//! * `format/` – the on-disk structures, one per file, without navigation;
//! * `filter/` – decodes the filters of chunks;
//! * `write/` – appends objects, children before parents: [`Writer`];
//! * `read/` – follows addresses: [`File`], [`Object`], [`Dataset`], [`Attribute`].
//!
//! The input is bytes at positions ([`ReadAt`](crate::bytes::ReadAt)); the output is raw elements with their
//! type. This module does not depend on AnnData, matrices or budgets. `spec/hdf5.md` lists what is read and
//! what is refused, by section of the HDF5 File Format Specification 3.0.
//!
//! Input is untrusted: no indexing, no unchecked arithmetic, no allocation that the file's own size or the
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
pub(crate) use read::dataset::ElementsPlace;
pub use read::dataset::{Dataset, Storage};
pub use read::file::File;
pub use read::link::{Link, Target};
pub use read::object::{Object, ObjectKind};
pub use read::value::Value;
pub use read::walk::{Found, Visit, Walk};
pub use write::address::ObjectAddress;
pub use write::dataset::{Chunks, Storing};
pub use write::file::{Libver, Writer};
pub(crate) use write::filters::filters_to_write;
pub use write::group::Group;
pub use write::sequence::Sequence;
pub use write::texts::Texts;
pub use write::value::StoredValue;
