//! Turns names, slices, samples, conditions and groups into rows.
//!
//! The input is a [`Frame`](crate::table::Frame) and a request; the output is the row numbers that a
//! [`Selection`](crate::matrix::Selection) takes.

mod choice;
mod groups;
mod names;
mod query;
mod sample;
mod slice;

pub use choice::RowChoice;
pub use groups::{RowGroup, check_file_names, file_name, group_rows};
pub use names::{names_from, rows_named};
pub use query::Query;
pub use sample::sample;
pub use slice::rows_from;
