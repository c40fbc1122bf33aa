//! Data frames: an index and typed columns of the same length. Knows no file.
//!
//! What `obs` and `var` of every AnnData generation are read into; as Arrow by [`Frame::to_record_batch`].

mod align;
#[cfg(feature = "arrow")]
mod arrow;
mod column;
mod concat;
mod frame;
mod natural;
mod select;
mod typed;

pub use column::{Categorical, Column};
pub use concat::Join;
pub use frame::Frame;
pub use natural::natural_order;
