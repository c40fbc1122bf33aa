//! The dense spine: arrays read by rows, strip by strip, on all cores. It depends on no file and no format.
//!
//! [`Rows`] is an array whose rows can be read by range, from many threads at once: an array of a container
//! ([`tree::Array`](crate::tree::Array)), rows and columns selected from another ([`SelectedRows`]), another in
//! a different type ([`CastArray`]), or rows computed by a function ([`MadeRows`]). A [`StripPlan`] divides the rows so
//! that they fit a budget and each chunk is decoded once, or a few times; [`strips_in_order`] reads all rows by that
//! plan and passes them in order to a consumer: [`anndata`](crate::anndata) writes them as chunks (`spec/h5ad.md`).

mod cast;
mod made;
mod plan;
mod rows;
mod selected;
mod strips;

pub use cast::CastArray;
pub use made::{MadeRows, MakeRows};
pub use plan::StripPlan;
pub use rows::{InOrder, Room, Rows};
pub use selected::SelectedRows;
pub use strips::strips_in_order;
