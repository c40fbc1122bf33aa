//! Replacement for `arrow` in builds without the feature `arrow`: tables are refused.

use crate::error::{Error, Result};
use crate::table::Frame;

fn refused<T>() -> Result<T> {
    Err(Error::unsupported("tables of a store, without the feature `arrow`"))
}

/// Always fails with `Unsupported`.
pub(crate) fn encode(_: &Frame) -> Result<Vec<u8>> {
    refused()
}

/// Always fails with `Unsupported`.
pub(crate) fn decode(_: &[u8]) -> Result<Frame> {
    refused()
}
