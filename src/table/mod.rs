//! Data frames: an index and typed columns of the same length. Knows no file.
//!
//! What `obs` and `var` of every AnnData generation are read into, and what is written as Arrow.

mod align;
mod column;
mod concat;
mod frame;
mod natural;
mod select;

pub(crate) use column::nullable_name;
pub use column::{Categorical, Column};
pub use concat::Join;
pub use frame::Frame;
pub use natural::natural_order;
