//! Turns names, slices, samples, conditions and groups into rows.
//!
//! The input is a [`Frame`](crate::table::Frame) and a request; the output is the row numbers that a
//! [`Selection`](crate::matrix::Selection) takes.

mod choice;
mod column;
mod file_names;
mod groups;
mod name_list;
mod names;
mod query;
mod sample;
mod slice;

pub use choice::RowChoice;
pub use file_names::file_names;
pub use groups::{MissingRows, RowGroup, group_rows};
pub use name_list::NameList;
pub use names::rows_named;
pub use query::Query;
pub use sample::sample;
pub use slice::rows_from;
