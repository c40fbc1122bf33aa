//! Data frames: an index and typed columns of the same length. This module does not read files.
//!
//! `obs` and `var` of every AnnData version are opened as a [`Table`], which is read by ranges of rows, or read
//! into a [`Frame`]; [`Frame::to_record_batch`] converts it to Arrow.

mod align;
#[cfg(feature = "arrow")]
pub(crate) mod arrow;
mod by_rows;
mod cast;
#[cfg(feature = "write")]
mod cast_rows;
mod chosen;
mod column;
mod concat;
mod frame;
mod index;
#[cfg(feature = "write")]
mod joined;
mod natural;
mod promote;
mod rows;
mod select;
mod typed;
mod unique;

pub(crate) use by_rows::check_column;
#[cfg(feature = "write")]
pub(crate) use by_rows::selected;
pub use by_rows::{Table, TableColumn};
pub use cast::ColumnType;
pub use column::{Categorical, Column};
pub use concat::Join;
pub use frame::Frame;
#[cfg(feature = "write")]
pub(crate) use joined::{PartCodes, SuffixedNames, labelled};
pub use natural::natural_order;
pub use rows::ColumnRows;
pub(crate) use rows::{HeldColumn, blocks};
