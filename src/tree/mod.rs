//! One small interface over the containers that hold AnnData: groups, arrays and attributes, for reading and
//! writing.
//!
//! ```text
//!  Container ──root──▶ Node ──child──▶ Node ──array──▶ Array ──read──▶ Value
//!  TreeWriter ◀── arrays and groups by Location, children before their parents
//! ```
//!
//! Paths and sources of bytes come in. Values and boxes of elements go out, to [`anndata`](crate::anndata),
//! [`formats`](crate::formats) and [`doctor`](crate::doctor); encoded values and chunks come back from there
//! to be written. An element here is one element of an array, as in HDF5 and numpy.
//!
//! The containers are HDF5 ([`hdf5`](crate::hdf5), `spec/hdf5.md`) and zarr ([`zarr`](crate::zarr),
//! `spec/zarr.md`), which are both read and written. Each type here is a closed enum over the containers, so that the modules above do not depend on one of
//! them. [`Datatype`](crate::dtype::Datatype) describes the elements in all containers. What an object means
//! for AnnData is decided in [`anndata`](crate::anndata).

mod array;
mod container;
mod copied_value;
mod format;
mod list;
mod location;
mod node;
#[cfg(target_pointer_width = "64")]
mod rows;
mod stored;
mod value;
mod walk;
mod write;

pub use array::{Array, ArrayScratch};
pub use container::Container;
pub use format::{Libver, OutputFormat, ZarrFormat, ZarrVersion};
pub use list::{ListWriter, TextsWriter};
pub use location::Location;
pub use node::{Link, Node, NodeId};
pub use stored::{ArrayPlacement, StoredChunk, StoredFilter};
pub use value::{EncodedValue, Value};
pub use walk::{TreeWalk, WalkEntry};
pub use write::{ArrayStorage, ChunkEncoder, ChunkWriter, TreeWriter, WrittenObject};
