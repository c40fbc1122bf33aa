//! An array of a container as rows of the dense spine.

use super::{Array, ArrayScratch};
use crate::array::{InOrder, Room, Rows};
use crate::dtype::Datatype;
use crate::error::Result;
use std::ops::Range;

impl Rows for Array {
    fn datatype(&self) -> &Datatype {
        self.datatype()
    }

    fn shape(&self) -> &[u64] {
        self.shape()
    }

    fn together(&self) -> u64 {
        // rows of chunks without filters can be read alone
        if self.is_filtered() { self.rows_of_chunk() } else { 1 }
    }

    fn room_bytes(&self) -> u64 {
        self.scratch_bytes(1)
    }

    fn in_order(&self) -> Result<Option<InOrder>> {
        Ok(self.in_order_bytes()?.map(|memory| InOrder { memory, ascending: true }))
    }

    fn unwritten(&self, range: Range<u64>) -> Result<bool> {
        Ok(self.next_stored_row(range.start)?.is_none_or(|row| row >= range.end))
    }

    fn fill(&self) -> &[u8] {
        self.fill_value()
    }

    fn read(&self, range: Range<u64>, out: &mut [u8], room: &mut Room) -> Result<()> {
        let shape = self.shape();
        let (mut start, mut count) = (vec![0; shape.len()], shape.to_vec());
        if let (Some(start), Some(count)) = (start.first_mut(), count.first_mut()) {
            (*start, *count) = (range.start, range.end.saturating_sub(range.start));
        }
        let ordered = room.is_in_order();
        let make = if ordered { ArrayScratch::in_order } else { ArrayScratch::default };
        self.read_box(&start, &count, out, room.state(make))
    }
}
