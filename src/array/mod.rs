//! The dense spine: arrays as rows, read and made strip by strip on all cores. Knows no file and no format.
//!
//! [`Rows`] is an array that ranges of rows can be read from, by many threads at once: an array of a container, rows and
//! columns chosen from another ([`SelectedRows`]), rows that a function makes ([`MadeRows`]). [`strips_in_order`] reads all
//! of them within a budget and hands them on in order.

mod made;
mod rows;
mod selected;
mod strips;

pub use made::{MadeRows, MakeRows};
pub use rows::{Room, Rows};
pub use selected::SelectedRows;
pub use strips::{StripPlan, strips_in_order};
