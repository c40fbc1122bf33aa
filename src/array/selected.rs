//! Selected rows and columns of an array, in any order.

use super::rows::{InOrder, Room, Rows};
use crate::dtype::Datatype;
use crate::error::{Error, Result};
use std::ops::Range;

/// Maximum bytes read at once to select rows from.
const SPAN: u64 = 8 << 20;

/// Selected rows of an array, and selected positions of its second dimension.
pub struct SelectedRows<'a> {
    from: &'a dyn Rows,
    rows: Option<&'a [u64]>,
    columns: Option<&'a [u64]>,
    shape: Vec<u64>,
}

impl std::fmt::Debug for SelectedRows<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SelectedRows").field("shape", &self.shape).finish_non_exhaustive()
    }
}

impl<'a> SelectedRows<'a> {
    /// Selects `rows` and `columns` of `from` by number, in the given order, with repetitions if a number is
    /// repeated; `None` selects all. `columns` is ignored for an array of one dimension.
    ///
    /// # Errors
    /// `Malformed` if a row or column is not inside the array.
    pub fn new(from: &'a dyn Rows, rows: Option<&'a [u64]>, columns: Option<&'a [u64]>) -> Result<Self> {
        let mut shape = from.shape().to_vec();
        let columns = columns.filter(|_| shape.len() > 1);
        for (dimension, (chosen, what)) in [(rows, "row"), (columns, "column")].into_iter().enumerate() {
            let Some(chosen) = chosen else { continue };
            let len = shape[dimension];
            if let Some(beyond) = chosen.iter().find(|n| **n >= len) {
                return Err(Error::malformed(format!("expected {what}s below {len}, got {what} {beyond}")));
            }
            shape[dimension] = chosen.len() as u64;
        }
        Ok(SelectedRows { from, rows, columns, shape })
    }

    /// The number in the array of row `row` of the selection.
    fn original(&self, row: u64) -> u64 {
        self.rows.map_or(row, |rows| rows[row as usize])
    }

    /// Whether the selected rows ascend.
    fn ascends(&self) -> bool {
        self.rows.is_none_or(<[u64]>::is_sorted)
    }

    /// How many of the rows `sorted`, from the first one, are read at once, and the last one of them. They are close
    /// together, or in the same or adjacent chunks, so that a chunk with several of them is decoded once.
    fn run(&self, mut sorted: impl Iterator<Item = u64>) -> (usize, u64) {
        let (band, row_bytes) = (self.from.together().max(1), self.from.row_bytes());
        let Some(first) = sorted.next() else { return (0, 0) };
        let (mut last, mut n) = (first, 1);
        for next in sorted {
            let span = next - first + 1;
            let together = span <= 16 * (n as u64 + 1) || next / band <= last / band + 1;
            let near = span == n as u64 + 1 || next == last || (together && span * row_bytes <= SPAN);
            if !near {
                break;
            }
            last = next;
            n += 1;
        }
        (n, last)
    }

    /// Reads the rows `range`, which ascend in the array.
    fn read_ascending(&self, range: Range<u64>, out: &mut [u8], room: &mut Room) -> Result<()> {
        let (row_in, row_out) = (self.from.row_bytes() as usize, self.row_bytes() as usize);
        let (mut row, mut at) = (range.start, 0);
        let mut read = std::mem::take(&mut room.read);
        while row < range.end {
            let first = self.original(row);
            let (n, last) = self.run((row..range.end).map(|row| self.original(row)));
            let (span, end) = (last - first + 1, row + n as u64);
            let target = &mut out[at..at + n * row_out];
            if self.columns.is_none() && span == n as u64 {
                self.from.read(first..last + 1, target, room)?;
            } else {
                read.resize(span as usize * row_in, 0);
                self.from.read(first..last + 1, &mut read, room)?;
                for (i, to) in (row..end).zip(target.chunks_exact_mut(row_out.max(1))) {
                    self.pick(&read[(self.original(i) - first) as usize * row_in..][..row_in], to);
                }
            }
            at += n * row_out;
            row = end;
        }
        room.read = read;
        Ok(())
    }

    /// Reads the rows `range` in the order of the array, and puts each in its place.
    fn read_scattered(&self, range: Range<u64>, out: &mut [u8], room: &mut Room) -> Result<()> {
        let (row_in, row_out) = (self.from.row_bytes() as usize, self.row_bytes() as usize);
        let mut sorted: Vec<(u64, usize)> =
            range.zip(0..).map(|(row, at)| (self.original(row), at)).collect();
        sorted.sort_unstable();
        let mut read = std::mem::take(&mut room.read);
        let mut left = &sorted[..];
        while let Some((first, _)) = left.first() {
            let (n, last) = self.run(left.iter().map(|(row, _)| *row));
            read.resize((last - first + 1) as usize * row_in, 0);
            self.from.read(*first..last + 1, &mut read, room)?;
            let (these, rest) = left.split_at(n);
            for (row, at) in these {
                let from = &read[(row - first) as usize * row_in..][..row_in];
                self.pick(from, &mut out[at * row_out..][..row_out]);
            }
            left = rest;
        }
        room.read = read;
        Ok(())
    }

    /// Copies the selected columns of one row.
    fn pick(&self, from: &[u8], to: &mut [u8]) {
        let Some(columns) = self.columns else { return to.copy_from_slice(from) };
        let inner = self.shape.iter().skip(2).product::<u64>() as usize * self.datatype().size as usize;
        for (column, slot) in columns.iter().zip(to.chunks_exact_mut(inner.max(1))) {
            slot.copy_from_slice(&from[*column as usize * inner..][..inner]);
        }
    }
}

impl Rows for SelectedRows<'_> {
    fn datatype(&self) -> &Datatype {
        self.from.datatype()
    }

    fn shape(&self) -> &[u64] {
        &self.shape
    }

    fn together(&self) -> u64 {
        self.from.together()
    }

    fn in_order(&self) -> Result<Option<InOrder>> {
        let order = self.from.in_order()?;
        Ok(order.map(|order| InOrder {
            memory: order.memory.saturating_add(SPAN),
            ascending: order.ascending && self.ascends(),
        }))
    }

    fn room_bytes(&self) -> u64 {
        self.from.room_bytes()
    }

    fn row_cost(&self) -> u64 {
        // the row before columns are selected, and its place
        self.from.row_bytes() + self.rows.map_or(0, |_| size_of::<(u64, usize)>() as u64)
    }

    fn unwritten(&self, range: Range<u64>) -> Result<bool> {
        if self.rows.is_none() {
            return self.from.unwritten(range);
        }
        for row in range {
            let row = self.original(row);
            if !self.from.unwritten(row..row + 1)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn fill(&self) -> &[u8] {
        self.from.fill()
    }

    fn read(&self, range: Range<u64>, out: &mut [u8], room: &mut Room) -> Result<()> {
        let ascends = self.rows.is_none_or(|rows| rows[range.start as usize..range.end as usize].is_sorted());
        if ascends { self.read_ascending(range, out, room) } else { self.read_scattered(range, out, room) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::MadeRows;
    use crate::dtype::Dtype;

    /// Row `r` is `[10 r, 10 r + 1, 10 r + 2]`.
    fn tens(range: Range<u64>, out: &mut [u8]) -> Result<()> {
        for (row, to) in range.zip(out.chunks_exact_mut(3)) {
            (0u8..3).for_each(|i| to[usize::from(i)] = row as u8 * 10 + i);
        }
        Ok(())
    }

    #[test]
    fn rows_and_columns_are_in_the_given_order() {
        let array = MadeRows::new(Dtype::Uint8, &[9, 3], &tens);
        let rows = [7, 1, 2, 2, 8];
        let some = SelectedRows::new(&array, Some(&rows), Some(&[2, 0])).unwrap();
        assert_eq!(some.shape(), [5, 2]);
        let mut out = [0; 10];
        some.read(0..5, &mut out, &mut Room::default()).unwrap();
        assert_eq!(out, [72, 70, 12, 10, 22, 20, 22, 20, 82, 80]);
        let mut out = [0; 3];
        let whole = SelectedRows::new(&array, Some(&rows), None).unwrap();
        whole.read(4..5, &mut out, &mut Room::default()).unwrap();
        assert_eq!(out, [80, 81, 82]);
        let error = SelectedRows::new(&array, Some(&[9]), None).unwrap_err();
        assert_eq!(error.message(), "expected rows below 9, got row 9");
        assert!(SelectedRows::new(&array, None, Some(&[3])).is_err());
    }

    #[test]
    fn rows_close_together_are_read_at_once() {
        let array = MadeRows::new(Dtype::Uint8, &[1000, 3], &tens).costing(3, 10);
        let rows = [5, 7, 9, 300, 301, 2];
        let some = SelectedRows::new(&array, Some(&rows), None).unwrap();
        assert_eq!(some.run(rows.into_iter().take(5)), (3, 9), "300 is too far away");
        assert_eq!(some.run([300, 301, 301].into_iter()), (3, 301), "the same row again");
    }

    #[test]
    fn rows_in_any_order_are_read_in_that_of_the_array() {
        let read = std::sync::Mutex::new(Vec::new());
        let noted = |range: Range<u64>, out: &mut [u8]| {
            read.lock().unwrap().push(range.clone());
            range.zip(out.chunks_exact_mut(2)).for_each(|(row, to)| to.copy_from_slice(&[0, row as u8]));
            Ok(())
        };
        let array = MadeRows::new(Dtype::Uint8, &[250, 2], &noted).costing(2, 10);
        let rows = [220, 3, 224, 3, 0];
        let some = SelectedRows::new(&array, Some(&rows), Some(&[1])).unwrap();
        let mut out = [0; 5];
        some.read(0..5, &mut out, &mut Room::default()).unwrap();
        assert_eq!(out, [220, 3, 224, 3, 0]);
        assert_eq!(*read.lock().unwrap(), [0..4, 220..225]);
        assert!(!some.ascends());
    }
}
