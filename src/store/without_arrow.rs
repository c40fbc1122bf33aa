//! Replacement for `arrow` in builds without the feature `arrow`: tables are refused.

use super::array::StoreArray;
use crate::bytes::output::Summary;
use crate::error::{Error, Result};
use crate::observe::Observer;
use crate::table::Table;
use std::path::Path;

fn refused<T>() -> Result<T> {
    Err(Error::unsupported("tables of a store, without the feature `arrow`"))
}

/// Always fails with `Unsupported`.
pub(crate) fn write(_: &Table<'_>, _: &Path, _: &dyn Observer) -> Result<Summary> {
    refused()
}

/// Always fails with `Unsupported`.
pub(crate) fn open(_: StoreArray) -> Result<Table<'static>> {
    refused()
}
