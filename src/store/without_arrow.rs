//! Tables of a store in a build without the feature `arrow`: refused.

use crate::error::{Error, Result};
use crate::table::Frame;

fn refused<T>() -> Result<T> {
    Err(Error::unsupported("tables of a store, without the feature `arrow`"))
}

/// As with the feature; always `Unsupported`.
pub(crate) fn encode(_: &Frame) -> Result<Vec<u8>> {
    refused()
}

/// As with the feature; always `Unsupported`.
pub(crate) fn decode(_: &[u8]) -> Result<Frame> {
    refused()
}
