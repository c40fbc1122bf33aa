//! Rows and labels chosen of a column that is read by ranges of rows.

use super::by_rows::TableColumn;
use super::column::{Categorical, Column};
use super::rows::{BLOCK_ROWS, ColumnRows, blocks};
use crate::error::Result;
use crate::sync::lock;
use std::ops::Range;
use std::sync::Mutex;

/// Rows between two chosen ones that are read along, instead of beginning another read.
const GAP: u64 = 1 << 10;
/// Maximum number of rows that are chosen at once if they do not ascend: each time the column is read once.
const SCATTERED: u64 = 1 << 19;
/// Bytes that these rows may take, as far as those before them tell.
const SCATTERED_BYTES: u64 = 8 << 20;

/// Chosen rows of a column, in any order.
pub(super) struct ChosenRows<'c> {
    from: TableColumn<'c>,
    rows: &'c [u64],
    last: Mutex<ScatteredRows>,
}

/// Rows that do not ascend.
#[derive(Default)]
struct ScatteredRows {
    /// Those read last, and the first of them.
    held: Option<(u64, Column)>,
    /// How many to read at once, known after the first ones.
    most: u64,
}

impl<'c> ChosenRows<'c> {
    pub(super) fn new(from: &TableColumn<'c>, rows: &'c [u64]) -> Self {
        ChosenRows { from: TableColumn::clone(from), rows, last: Mutex::default() }
    }

    /// The values at `rows`, which ascend.
    fn ascending(&self, rows: &[u64]) -> Result<Column> {
        let mut out = self.from.head().clone();
        let mut start = 0;
        while let Some(first) = rows.get(start) {
            let near = |w: &[u64]| w[1] - w[0] <= GAP && w[1] - first < BLOCK_ROWS;
            let more = rows[start..].windows(2).take_while(|w| near(w)).count();
            let run = &rows[start..=start + more];
            let read = self.from.read(*first..run[more] + 1)?;
            if read.len() == run.len() {
                out.append(read);
            } else {
                let places: Vec<u64> = run.iter().map(|row| row - first).collect();
                out.append(read.select(&places)?);
            }
            start += run.len();
        }
        Ok(out)
    }

    /// The values at `rows`, in any order.
    fn scattered(&self, rows: &[u64]) -> Result<Column> {
        let mut sorted = rows.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        let place = |row: &u64| sorted.binary_search(row).map_or(0, |at| at as u64);
        let places: Vec<u64> = rows.iter().map(place).collect();
        self.ascending(&sorted)?.select(&places)
    }
}

impl ColumnRows for ChosenRows<'_> {
    fn head(&self) -> &Column {
        self.from.head()
    }

    fn rows(&self) -> u64 {
        self.rows.len() as u64
    }

    fn read(&self, range: Range<u64>) -> Result<Column> {
        let rows = &self.rows[range.start as usize..range.end as usize];
        if rows.windows(2).all(|w| w[0] < w[1]) {
            return self.ascending(rows);
        }
        let mut last = lock(&self.last);
        let there = |held: &(u64, Column)| held.0 <= range.start && range.end <= held.0 + held.1.len() as u64;
        let (first, held) = match last.held.take().filter(there) {
            Some(held) => held,
            None => {
                let end = (range.start + last.most).min(self.rows()).max(range.end);
                let held = self.scattered(&self.rows[range.start as usize..end as usize])?;
                let each = held.memory().div_ceil(held.len().max(1) as u64).max(1);
                last.most = (SCATTERED_BYTES / each).min(SCATTERED);
                (range.start, held)
            }
        };
        let part = held.slice(range.start - first..range.end - first)?;
        if range.end < first + held.len() as u64 {
            last.held = Some((first, held));
        }
        Ok(part)
    }
}

/// A categorical column with other labels.
pub(super) struct RelabelledRows<'c> {
    from: TableColumn<'c>,
    /// The new code of each label; −1 for none.
    codes: Vec<i32>,
    head: Column,
}

impl<'c> RelabelledRows<'c> {
    /// The codes of `from`, translated by `codes` to those of `labels`.
    pub(super) fn new(from: &TableColumn<'c>, codes: Vec<i32>, labels: Categorical) -> Self {
        RelabelledRows {
            from: TableColumn::clone(from),
            codes,
            head: Column::Categorical(labels.with_codes(Vec::new())),
        }
    }

    /// Removes the labels that no row has, unless all are in use; also returns the codes of the labels that are
    /// kept.
    ///
    /// # Errors
    /// Errors of reading.
    pub(super) fn without_unused(
        from: &TableColumn<'c>,
        labels: &Categorical,
    ) -> Result<(Option<Self>, Vec<u64>)> {
        let mut used = vec![false; labels.categories().len()];
        for range in blocks(from.rows()) {
            let Column::Categorical(c) = from.read(range)? else { continue };
            c.codes().iter().filter_map(|c| usize::try_from(*c).ok()).for_each(|c| used[c] = true);
        }
        let left: Vec<u64> = (0u64..).zip(&used).filter(|(_, u)| **u).map(|(i, _)| i).collect();
        if left.len() == used.len() {
            return Ok((None, left));
        }
        let mut codes = vec![-1; used.len()];
        (0..).zip(&left).for_each(|(n, old)| codes[*old as usize] = n);
        let labels = Categorical::new(&[], labels.categories().select(&left)?, labels.ordered())?;
        Ok((Some(Self::new(from, codes, labels)), left))
    }
}

impl ColumnRows for RelabelledRows<'_> {
    fn head(&self) -> &Column {
        &self.head
    }

    fn rows(&self) -> u64 {
        self.from.rows()
    }

    fn read(&self, range: Range<u64>) -> Result<Column> {
        let column = self.from.read(range)?;
        let (Column::Categorical(c), Column::Categorical(labels)) = (&column, &self.head) else {
            return Ok(column);
        };
        let new = |code: &i32| usize::try_from(*code).map_or(-1, |old| self.codes[old]);
        Ok(Column::Categorical(labels.with_codes(c.codes().iter().map(new).collect())))
    }
}

#[cfg(test)]
mod tests {
    use super::super::rows::{HeldColumn, tests::each_type};
    use super::*;
    use crate::dtype::Dtype;
    use std::sync::Arc;

    #[test]
    fn every_order_of_rows_is_that_of_a_column_in_memory() {
        let held = each_type();
        for column in &held {
            let from: TableColumn<'_> = Arc::new(HeldColumn::of(column));
            for rows in [&[0, 1, 2, 3][..], &[1, 3], &[3, 2, 1, 0], &[2, 2, 0], &[]] {
                let selected = ChosenRows::new(&from, rows);
                let n = rows.len() as u64;
                let whole = column.select(rows).unwrap();
                assert_eq!(selected.read(0..n).unwrap(), whole);
                for row in 0..n {
                    assert_eq!(selected.read(row..row + 1).unwrap(), whole.slice(row..row + 1).unwrap());
                }
            }
        }
    }

    /// A column that counts the rows that are read of it.
    struct Counted(Column, Mutex<u64>);

    impl ColumnRows for Counted {
        fn head(&self) -> &Column {
            &self.0
        }

        fn rows(&self) -> u64 {
            1 << 24
        }

        fn read(&self, range: Range<u64>) -> Result<Column> {
            *lock(&self.1) += range.end - range.start;
            let bytes = range.flat_map(|row| (row as u32).to_le_bytes()).collect();
            Ok(Column::Numbers { dtype: Dtype::Uint32, bytes })
        }
    }

    #[test]
    fn rows_far_apart_are_not_read_along_and_scattered_ones_are_read_once() {
        let head = Column::Numbers { dtype: Dtype::Uint32, bytes: Vec::new() };
        let counted = Arc::new(Counted(head, Mutex::default()));
        let from: TableColumn<'_> = counted.clone();
        let rows = [5, 6, 1_000_000, 1_000_003, 9_000_000];
        let some = ChosenRows::new(&from, &rows).read(0..5).unwrap();
        assert_eq!(some.values::<u32>().unwrap(), [5, 6, 1_000_000, 1_000_003, 9_000_000]);
        assert_eq!(std::mem::take(&mut *lock(&counted.1)), 2 + 4 + 1);
        let back: Vec<u64> = (0..1000).rev().collect();
        let back = ChosenRows::new(&from, &back);
        assert_eq!(back.read(0..10).unwrap().values::<u32>().unwrap()[..2], [999, 998]);
        // the first of them tell how many fit at once
        assert_eq!(back.read(10..20).unwrap().values::<u32>().unwrap()[0], 989);
        assert_eq!(back.read(900..1000).unwrap().values::<u32>().unwrap()[99], 0);
        assert_eq!(*lock(&counted.1), 1000);
    }
}
