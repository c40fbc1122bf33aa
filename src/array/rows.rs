//! The interface of an array that is read by rows, and the buffers of a thread that reads it.

use crate::dtype::Datatype;
use crate::error::Result;
use std::any::Any;
use std::ops::Range;

/// An array whose rows can be read by range, from many threads at once. A row is all elements at one position
/// of the first dimension.
pub trait Rows: Sync {
    /// Type of the elements in the buffers that [`read`](Self::read) fills.
    fn datatype(&self) -> &Datatype;

    /// Number of elements in each dimension; there is at least one dimension.
    fn shape(&self) -> &[u64];

    /// Number of rows that are best read together, because they are decoded together.
    fn together(&self) -> u64 {
        1
    }

    /// Bytes of memory that reading takes per row, besides the row itself.
    fn row_cost(&self) -> u64 {
        self.row_bytes()
    }

    /// Whether the rows `range` were never written: all of their elements are the [fill value](Self::fill).
    ///
    /// # Errors
    /// Those of the container.
    fn unwritten(&self, range: Range<u64>) -> Result<bool> {
        let _ = range;
        Ok(false)
    }

    /// Value of elements that were never written: one element, or nothing for zeros.
    fn fill(&self) -> &[u8] {
        &[]
    }

    /// Reads the rows `range` into `out`, which has [`row_bytes`](Self::row_bytes) bytes per row. `room` belongs
    /// to the thread, and may be used for any rows.
    ///
    /// # Errors
    /// `Usage` if the range is not inside the array or `out` has a different length; otherwise the errors of what
    /// the rows are read from.
    fn read(&self, range: Range<u64>, out: &mut [u8], room: &mut Room) -> Result<()>;

    /// Number of rows: the first dimension.
    fn rows(&self) -> u64 {
        self.shape().first().copied().unwrap_or(0)
    }

    /// Size of a row in bytes.
    fn row_bytes(&self) -> u64 {
        let elements = self.shape().iter().skip(1).fold(1u64, |n, d| n.saturating_mul(*d));
        elements.saturating_mul(u64::from(self.datatype().size))
    }
}

/// Buffers and decoders of one worker thread, reused from one read to the next.
#[derive(Debug, Default)]
pub struct Room {
    state: Option<Box<dyn Any + Send>>,
    /// Rows read by an adapter before it selects from them.
    pub(super) read: Vec<u8>,
    /// Elements read by an adapter before it converts them.
    pub(super) cast: super::cast::CastRoom,
}

impl Room {
    /// The state of type `T`; a default one if there is none, or one of another type.
    pub fn state<T: Default + Send + 'static>(&mut self) -> &mut T {
        if !self.state.as_ref().is_some_and(|state| state.is::<T>()) {
            self.state = None;
        }
        let state = self.state.get_or_insert_with(|| Box::new(T::default()));
        state.downcast_mut().unwrap_or_else(|| unreachable!("checked above"))
    }
}
