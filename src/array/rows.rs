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

    /// How all rows can be read in order, with few of them in memory. `None` if reading any rows costs the same in
    /// any order.
    ///
    /// # Errors
    /// Those of the container.
    fn in_order(&self) -> Result<Option<InOrder>> {
        Ok(None)
    }

    /// Bytes of memory that a [`Room`] takes however few rows are read: that of a chunk, which is decoded whole.
    fn room_bytes(&self) -> u64 {
        0
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

/// What reading rows in order takes, with a room [in order](Room::in_order).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InOrder {
    /// Bytes of memory of the room, whatever the number of rows read at once.
    pub memory: u64,
    /// Whether ascending rows are read from ascending places. If not, each read begins again: all chunks are decoded
    /// once for each.
    pub ascending: bool,
}

impl InOrder {
    /// What reading two arrays beside each other takes.
    pub fn beside(self, other: InOrder) -> InOrder {
        InOrder {
            memory: self.memory.saturating_add(other.memory),
            ascending: self.ascending && other.ascending,
        }
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
    /// Rooms of the arrays that an adapter reads beside each other.
    beside: Vec<Room>,
    in_order: bool,
}

impl Room {
    /// A room for reading ascending rows: what is decoded together is decoded once, however few rows are read at a
    /// time.
    pub fn in_order() -> Self {
        Room { in_order: true, ..Room::default() }
    }

    /// Whether it was made by [`in_order`](Self::in_order).
    pub fn is_in_order(&self) -> bool {
        self.in_order
    }

    /// The state of type `T`; that of `make` if there is none, or one of another type.
    pub fn state<T: Send + 'static>(&mut self, make: impl FnOnce() -> T) -> &mut T {
        if !self.state.as_ref().is_some_and(|state| state.is::<T>()) {
            self.state = None;
        }
        let state = self.state.get_or_insert_with(|| Box::new(make()));
        state.downcast_mut().unwrap_or_else(|| unreachable!("checked above"))
    }

    /// The room of the array that an adapter reads in place `n` beside others.
    pub fn beside(&mut self, n: usize) -> &mut Room {
        let in_order = self.in_order;
        let missing = (n + 1).saturating_sub(self.beside.len());
        self.beside.extend((0..missing).map(|_| Room { in_order, ..Room::default() }));
        &mut self.beside[n]
    }
}
