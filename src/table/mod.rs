//! Data frames: an index and typed columns of the same length. Knows no file.
//!
//! What `obs` and `var` of every AnnData generation are read into, and what is written as Arrow.

mod column;
mod frame;
mod query;
mod select;

pub(crate) use column::nullable_name;
pub use column::{Categorical, Column};
pub use frame::Frame;
pub use query::Query;
