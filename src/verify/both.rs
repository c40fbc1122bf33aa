//! The rows of two arrays, read together.

use crate::array::{InOrder, Room, Rows};
use crate::dtype::{Datatype, Dtype};
use crate::error::{Place, Result};
use crate::tree::Array;
use std::ops::Range;
use std::path::Path;

/// Two arrays of as many rows, as one array of bytes. A range of rows is read as the rows of the first array,
/// followed by those of the second.
pub(super) struct RowsOfBoth<'a> {
    arrays: [&'a Array; 2],
    files: [&'a Path; 2],
    datatype: Datatype,
    shape: [u64; 2],
}

impl<'a> RowsOfBoth<'a> {
    /// Both arrays, of the files at these paths.
    pub(super) fn new(arrays: [&'a Array; 2], files: [&'a Path; 2]) -> Self {
        let [a, b] = arrays;
        let shape = [a.rows().min(b.rows()), a.row_bytes().saturating_add(b.row_bytes())];
        RowsOfBoth { arrays, files, datatype: Datatype::of(Dtype::Uint8), shape }
    }

    /// The bytes of each array, of those of `rows` rows.
    pub(super) fn sides<'b>(&self, rows: u64, bytes: &'b [u8]) -> [&'b [u8]; 2] {
        let [a, b] = self.arrays.map(|array| (rows * array.row_bytes()) as usize);
        [&bytes[..a], &bytes[a..a + b]]
    }
}

impl Rows for RowsOfBoth<'_> {
    fn datatype(&self) -> &Datatype {
        &self.datatype
    }

    fn shape(&self) -> &[u64] {
        &self.shape
    }

    fn together(&self) -> u64 {
        self.arrays.map(Rows::together).into_iter().max().unwrap_or(1)
    }

    fn in_order(&self) -> Result<Option<InOrder>> {
        let mut both = None;
        for (array, file) in self.arrays.into_iter().zip(self.files) {
            let one = Rows::in_order(array).in_object(array.path()).in_file(file)?;
            both = [both, one].into_iter().flatten().reduce(InOrder::beside);
        }
        Ok(both)
    }

    fn room_bytes(&self) -> u64 {
        self.arrays.map(Rows::room_bytes).into_iter().fold(0, u64::saturating_add)
    }

    fn row_cost(&self) -> u64 {
        self.arrays.map(Rows::row_cost).into_iter().fold(0, u64::saturating_add)
    }

    fn read(&self, range: Range<u64>, out: &mut [u8], room: &mut Room) -> Result<()> {
        let first = (range.end - range.start) * self.arrays[0].row_bytes();
        let (left, right) = out.split_at_mut(first as usize);
        for (n, (array, part)) in self.arrays.into_iter().zip([left, right]).enumerate() {
            let read = Rows::read(array, range.clone(), part, room.beside(n));
            read.in_object(array.path()).in_file(self.files[n])?;
        }
        Ok(())
    }
}
