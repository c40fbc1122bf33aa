//! One small interface over the containers that AnnData lies in: groups, arrays, attributes; reading and writing.
//!
//! ```text
//!  Container ──root──▶ Node ──child──▶ Node ──array──▶ Array ──read──▶ Value
//!  Writer ◀── arrays and groups by Location, children before their parents
//! ```
//!
//! HDF5 is behind it ([`hdf5`](crate::hdf5)). Each type here is a closed enum over the containers, so nothing above this
//! module knows which one it reads or writes. What a stored element means is [`Datatype`](crate::dtype::Datatype), which all
//! containers share; what an object means is for [`anndata`](crate::anndata).

mod array;
mod container;
mod location;
mod node;
#[cfg(target_pointer_width = "64")]
mod rows;
mod value;
mod walk;
mod write;

pub use array::{Array, ElementStream, Scratch};
pub use container::Container;
pub use location::Location;
pub use node::{Link, Node};
pub use value::{EncodedValue, Value};
pub use walk::{Entry, Walk};
pub use write::{ChunkWriter, Libver, Storage, Writer};
