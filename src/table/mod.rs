//! Data frames: an index and typed columns of the same length. This module does not read files.
//!
//! `obs` and `var` of every AnnData version are read into a [`Frame`]; [`Frame::to_record_batch`] converts it
//! to Arrow.

mod align;
#[cfg(feature = "arrow")]
mod arrow;
mod cast;
mod column;
mod concat;
mod frame;
mod index;
mod natural;
mod promote;
mod select;
mod typed;

pub use cast::ColumnType;
pub use column::{Categorical, Column};
pub use concat::Join;
pub use frame::Frame;
pub use natural::natural_order;
