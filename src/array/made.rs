//! Rows computed by a function.

use super::rows::{Room, Rows};
use crate::dtype::{Datatype, Dtype};
use crate::error::Result;
use std::ops::Range;

/// A function that fills a buffer with a range of rows: row-major, little-endian, the buffer exactly that long.
pub type MakeRows<'f> = dyn Fn(Range<u64>, &mut [u8]) -> Result<()> + Sync + 'f;

/// An array of plain numbers whose rows are computed when they are read.
pub struct MadeRows<'f> {
    datatype: Datatype,
    shape: Vec<u64>,
    row_cost: u64,
    together: u64,
    make: &'f MakeRows<'f>,
}

impl std::fmt::Debug for MadeRows<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MadeRows").field("shape", &self.shape).finish_non_exhaustive()
    }
}

impl<'f> MadeRows<'f> {
    /// An array of shape `shape` and little-endian elements of type `dtype`, whose rows are computed by `make`.
    pub fn new(dtype: Dtype, shape: &[u64], make: &'f MakeRows<'f>) -> Self {
        let mut made =
            MadeRows { datatype: Datatype::of(dtype), shape: shape.to_vec(), row_cost: 0, together: 1, make };
        made.row_cost = made.row_bytes();
        made
    }

    /// Declares the cost: computing a row takes `bytes` bytes besides the row itself, and `together` rows are
    /// best computed at once.
    #[must_use]
    pub fn costing(mut self, bytes: u64, together: u64) -> Self {
        (self.row_cost, self.together) = (bytes, together);
        self
    }
}

impl Rows for MadeRows<'_> {
    fn datatype(&self) -> &Datatype {
        &self.datatype
    }

    fn shape(&self) -> &[u64] {
        &self.shape
    }

    fn together(&self) -> u64 {
        self.together
    }

    fn row_cost(&self) -> u64 {
        self.row_cost
    }

    fn read(&self, range: Range<u64>, out: &mut [u8], _: &mut Room) -> Result<()> {
        (self.make)(range, out)
    }
}
