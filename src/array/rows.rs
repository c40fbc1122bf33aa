//! Where rows come from.

use crate::dtype::Datatype;
use crate::error::Result;
use std::any::Any;
use std::ops::Range;

/// An array whose rows can be read by range, by many threads at once. A row is everything at one position of the first
/// dimension.
pub trait Rows: Sync {
    /// Type of the elements.
    fn datatype(&self) -> &Datatype;

    /// Elements in each dimension; there is at least one.
    fn shape(&self) -> &[u64];

    /// Rows that are best read together, because they are decoded together.
    fn together(&self) -> u64 {
        1
    }

    /// Bytes of memory that reading takes for each row, besides the row itself.
    fn row_cost(&self) -> u64 {
        self.row_bytes()
    }

    /// Reads the rows `range` into `out`, which has [`row_bytes`](Self::row_bytes) for each.
    ///
    /// # Errors
    /// As reading goes; `Usage` where the range does not lie inside or `out` is of another length.
    fn read(&self, range: Range<u64>, out: &mut [u8], room: &mut Room) -> Result<()>;

    /// How many rows there are.
    fn rows(&self) -> u64 {
        self.shape().first().copied().unwrap_or(0)
    }

    /// Bytes of a row.
    fn row_bytes(&self) -> u64 {
        let elements = self.shape().iter().skip(1).fold(1u64, |n, d| n.saturating_mul(*d));
        elements.saturating_mul(u64::from(self.datatype().size))
    }
}

/// What one worker keeps from one read to the next: buffers and decoders of the rows it reads.
#[derive(Debug, Default)]
pub struct Room {
    state: Option<Box<dyn Any + Send>>,
    /// Rows on their way through an adapter.
    pub(super) read: Vec<u8>,
}

impl Room {
    /// The state of a kind of rows, made anew the first time.
    pub fn state<T: Default + Send + 'static>(&mut self) -> &mut T {
        if !self.state.as_ref().is_some_and(|state| state.is::<T>()) {
            self.state = None;
        }
        let state = self.state.get_or_insert_with(|| Box::new(T::default()));
        state.downcast_mut().unwrap_or_else(|| unreachable!("checked above"))
    }
}
