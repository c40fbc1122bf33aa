//! Everything that turns names, slices, samples, conditions and groups into rows.
//!
//! In come tables ([`Frame`](crate::table::Frame)) and what a person asks for; out go row numbers, the
//! [`Selection`](crate::matrix::Selection) that the other verbs take.

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
