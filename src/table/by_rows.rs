//! A table that is read by ranges of rows.

use super::chosen::{ChosenRows, RelabelledRows};
use super::column::Column;
use super::frame::Frame;
use super::index::bytes_of_numbers;
use super::rows::{ColumnRows, HeldColumn, NumberedRows, TextOf, blocks};
use crate::error::{Error, Result};
use crate::observe::Observer;
use rayon::prelude::*;
use std::ops::Range;
use std::sync::Arc;

/// A column of a [`Table`].
pub type TableColumn<'t> = Arc<dyn ColumnRows + 't>;

/// An index of row names and columns of the same length, which are read by ranges of rows: a [`Frame`] of any
/// length, in little memory. Cloning is cheap.
#[derive(Clone)]
pub struct Table<'t> {
    index_name: Option<String>,
    index: TableColumn<'t>,
    columns: Vec<(String, TableColumn<'t>)>,
}

impl std::fmt::Debug for Table<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.columns.iter().map(|(n, _)| n.as_str()).collect();
        f.debug_struct("Table").field("rows", &self.rows()).field("columns", &names).finish_non_exhaustive()
    }
}

impl<'t> Table<'t> {
    /// Creates a table after checking that all columns are as long as the index. An index that is not text is
    /// read as text, as by [`Column::to_strings`].
    ///
    /// # Errors
    /// `Malformed`, with the first column of another length.
    pub fn new(
        index_name: Option<String>,
        index: TableColumn<'t>,
        columns: Vec<(String, TableColumn<'t>)>,
    ) -> Result<Self> {
        if let Some((name, c)) = columns.iter().find(|(_, c)| c.rows() != index.rows()) {
            let text = format!("column '{name}' has {} rows, the index has {}", c.rows(), index.rows());
            return Err(Error::malformed(text));
        }
        let index = match index.head() {
            Column::Strings(_) => index,
            _ => Arc::new(TextOf::new(index)),
        };
        Ok(Table { index_name, index, columns })
    }

    /// The table of a frame in memory.
    pub fn of(frame: &'t Frame) -> Self {
        let column = |c: &'t Column| Arc::new(HeldColumn::of(c)) as TableColumn<'t>;
        Table {
            index_name: frame.index_name().map(str::to_owned),
            index: match frame.unmade_index_bytes() {
                0 => Arc::new(HeldColumn::of_index(frame.index())),
                _ => Self::numbered(frame.rows() as u64),
            },
            columns: frame.columns().iter().map(|(name, c)| (name.clone(), column(c))).collect(),
        }
    }

    /// The table of a frame in memory, which it shares.
    pub fn shared(frame: &Arc<Frame>) -> Self {
        let column = |n: Option<usize>| Arc::new(HeldColumn::shared(frame, n)) as TableColumn<'t>;
        let names = frame.columns().iter().enumerate();
        Table {
            index_name: frame.index_name().map(str::to_owned),
            index: column(None),
            columns: names.map(|(n, (name, _))| (name.clone(), column(Some(n)))).collect(),
        }
    }

    /// A table with `rows` rows and no columns; the rows are named "0", "1", ... as in pandas.
    pub fn unnamed(rows: u64) -> Self {
        Table { index_name: None, index: Self::numbered(rows), columns: Vec::new() }
    }

    /// The names "0", "1", ... of `rows` rows.
    pub(crate) fn numbered(rows: u64) -> TableColumn<'t> {
        Arc::new(NumberedRows::new(rows))
    }

    /// The number of rows.
    pub fn rows(&self) -> u64 {
        self.index.rows()
    }

    /// The name of the index, if it has one.
    pub fn index_name(&self) -> Option<&str> {
        self.index_name.as_deref()
    }

    /// The name of each row.
    pub fn index(&self) -> &TableColumn<'t> {
        &self.index
    }

    /// Bytes of memory that the default names of all rows would take; 0 if the table has other names.
    pub fn unmade_index_bytes(&self) -> u64 {
        if self.index.is_numbered() { bytes_of_numbers(self.rows()) } else { 0 }
    }

    /// The columns with their names, in order.
    pub fn columns(&self) -> &[(String, TableColumn<'t>)] {
        &self.columns
    }

    /// The column of this name; `None` if there is none.
    pub fn column(&self, name: &str) -> Option<&TableColumn<'t>> {
        self.columns.iter().find(|(n, _)| n == name).map(|(_, c)| c)
    }

    /// Reads the rows `range` of all columns, on all threads of the current rayon pool.
    ///
    /// # Errors
    /// Those of [`ColumnRows::read`].
    pub fn read(&self, range: Range<u64>) -> Result<Frame> {
        let read = |(name, c): &(String, TableColumn<'t>)| Ok((name.clone(), c.read(range.clone())?));
        let columns = self.columns.par_iter().map(read).collect::<Result<Vec<_>>>();
        if self.index.is_numbered() && self.index_name.is_none() && range == (0..self.rows()) {
            return Frame::numbered(self.rows(), columns?);
        }
        let index = self.index.read(range.clone())?.into_strings()?;
        Frame::new(self.index_name.clone(), index, columns?)
    }

    /// Reads all rows, block by block, to see whether they can be read.
    ///
    /// # Errors
    /// Those of [`ColumnRows::read`]; `Cancelled`.
    #[cfg(feature = "store")]
    pub(crate) fn check(&self, observer: &dyn Observer) -> Result<()> {
        blocks(self.rows()).try_for_each(|range| {
            observer.check_cancelled()?;
            self.read(range).map(drop)
        })
    }

    /// Holds columns in memory, in their order and as long as they take at most `bytes` bytes together: for a
    /// table that is read several times.
    ///
    /// # Errors
    /// Those of [`ColumnRows::read`]; `Cancelled`.
    #[cfg(feature = "write")]
    pub(crate) fn held(mut self, bytes: u64, observer: &dyn Observer) -> Result<Self> {
        let mut left = bytes;
        let columns = self.columns.iter_mut().map(|(_, column)| column);
        for column in std::iter::once(&mut self.index).chain(columns) {
            let mut held = column.head().clone();
            for range in blocks(column.rows()) {
                observer.check_cancelled()?;
                held.append(column.read(range)?);
                if held.memory() > left {
                    return Ok(self);
                }
            }
            left -= held.memory();
            *column = Arc::new(HeldColumn::own(held));
        }
        Ok(self)
    }

    /// The same table with the columns `names` only; names without a column are left out.
    #[must_use]
    pub fn only(&self, names: &[&str]) -> Self {
        let mut table = self.clone();
        table.columns.retain(|(name, _)| names.contains(&name.as_str()));
        table
    }

    /// Replaces the index and each column by what `change` makes of it, of the same type and length.
    #[cfg(feature = "write")]
    pub(crate) fn map_columns(mut self, change: &dyn Fn(TableColumn<'t>) -> TableColumn<'t>) -> Self {
        self.index = change(self.index);
        self.columns = self.columns.into_iter().map(|(name, column)| (name, change(column))).collect();
        self
    }

    /// Removes the column of this name, if there is one.
    #[must_use]
    pub fn without_column(mut self, name: &str) -> Self {
        self.columns.retain(|(n, _)| n != name);
        self
    }

    /// The given rows, in this order; a row may be repeated.
    ///
    /// # Errors
    /// `Usage` if a row does not exist.
    pub fn select(&self, rows: &'t [u64]) -> Result<Self> {
        if let Some(r) = rows.iter().find(|r| **r >= self.rows()) {
            let text = format!("there is no row {r} in the table (there are {})", self.rows());
            return Err(Error::usage(text));
        }
        let select = |c: &TableColumn<'t>| Arc::new(ChosenRows::new(c, rows)) as TableColumn<'t>;
        Ok(Table {
            index_name: self.index_name.clone(),
            index: select(&self.index),
            columns: self.columns.iter().map(|(name, c)| (name.clone(), select(c))).collect(),
        })
    }

    /// Removes from each categorical column the labels that no row has, which takes one pass over its codes.
    /// Calls `kept` for each of these columns, with its name, its previous number of labels, and the codes of the
    /// labels that are kept.
    ///
    /// # Errors
    /// Those of [`ColumnRows::read`].
    pub fn without_unused(mut self, kept: &mut dyn FnMut(&str, usize, &[u64])) -> Result<Self> {
        for (name, column) in &mut self.columns {
            let Column::Categorical(labels) = column.head() else { continue };
            let (less, left) = RelabelledRows::without_unused(column, labels)?;
            kept(name, labels.categories().len(), &left);
            if let Some(less) = less {
                *column = Arc::new(less);
            }
        }
        Ok(self)
    }

    /// Replaces the index by `index`, and keeps the columns.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub(crate) fn with_index(self, index: TableColumn<'t>) -> Result<Self> {
        Table::new(self.index_name, index, self.columns)
    }

    /// Makes `column` the index; keeps the previous index as column `old`, if given.
    ///
    /// # Errors
    /// `NotFound` if there is no such column.
    pub fn named_by(mut self, column: &str, old: Option<&str>) -> Result<Self> {
        let Some(at) = self.columns.iter().position(|(n, _)| n == column) else {
            let names: Vec<&str> = self.columns.iter().map(|(n, _)| n.as_str()).collect();
            let text = format!("there is no column '{column}' (there are: {})", names.join(", "));
            return Err(Error::not_found(text));
        };
        let (name, names) = self.columns.remove(at);
        if let Some(old) = old {
            self.columns.insert(0, (old.to_owned(), self.index));
        }
        Table::new(Some(name), names, self.columns)
    }
}

/// Reads all rows of a column, block by block, to see whether they can be read.
///
/// # Errors
/// Those of [`ColumnRows::read`]; `Cancelled`.
pub(crate) fn check_column(column: &dyn ColumnRows, observer: &dyn Observer) -> Result<()> {
    blocks(column.rows()).try_for_each(|range| {
        observer.check_cancelled()?;
        column.read(range).map(drop)
    })
}

/// The given rows of a column, in this order, without the labels that none of them has.
///
/// # Errors
/// Those of [`ColumnRows::read`].
#[cfg(feature = "write")]
pub(crate) fn selected<'t>(column: &TableColumn<'t>, rows: &'t [u64]) -> Result<TableColumn<'t>> {
    let chosen: TableColumn<'t> = Arc::new(ChosenRows::new(column, rows));
    let less = match chosen.head() {
        Column::Categorical(labels) => RelabelledRows::without_unused(&chosen, labels)?.0,
        _ => None,
    };
    Ok(match less {
        Some(less) => Arc::new(less),
        None => chosen,
    })
}

#[cfg(test)]
mod tests {
    use super::super::rows::tests::each_type;
    use super::*;

    fn frame() -> Frame {
        let columns = each_type().into_iter().enumerate().map(|(n, c)| (n.to_string(), c)).collect();
        Frame::new(Some("id".into()), ["a", "b", "c", "d"].iter().collect(), columns).unwrap()
    }

    #[test]
    fn a_table_is_its_frame() {
        let frame = frame();
        assert_eq!(Table::of(&frame).read(0..4).unwrap(), frame);
        let shared = Arc::new(frame.clone());
        assert_eq!(Table::shared(&shared).read(0..4).unwrap(), frame);
        assert_eq!(Table::of(&frame).read(1..3).unwrap(), frame.select(&[1, 2]).unwrap());
        assert_eq!(Table::unnamed(12).read(9..11).unwrap().index(), &["9", "10"].iter().collect());
        let unmade = Frame::unnamed(1 << 40);
        for table in [Table::of(&unmade), Table::shared(&Arc::new(unmade.clone())), Table::unnamed(1 << 40)] {
            assert_eq!(table.unmade_index_bytes(), unmade.unmade_index_bytes());
            assert_eq!(table.read(7..8).unwrap().index(), &["7"].iter().collect());
            assert_eq!(table.read(0..1 << 40).unwrap(), unmade, "no names are made");
        }
        assert_eq!(Table::of(&frame).only(&["3", "x"]).columns().len(), 1);
    }

    #[cfg(feature = "write")]
    #[test]
    fn columns_are_held_as_far_as_they_fit() {
        let frame = frame();
        for bytes in [0, 40, 1 << 10] {
            let held = Table::of(&frame).held(bytes, &()).unwrap();
            assert_eq!(held.read(0..4).unwrap(), frame);
        }
    }

    #[test]
    fn rows_are_selected_as_in_a_frame() {
        let frame = frame();
        let rows = [3, 0, 0, 1];
        let table = Table::of(&frame).select(&rows).unwrap();
        assert_eq!(table.read(0..4).unwrap(), frame.select(&rows).unwrap());
        let (mut of_table, mut of_frame) = (Vec::new(), Vec::new());
        let table =
            table.without_unused(&mut |n, had, left| of_table.push((n.to_owned(), had, left.to_vec())));
        let less = frame
            .select(&rows)
            .unwrap()
            .without_unused(&mut |n, had, left| of_frame.push((n.to_owned(), had, left.to_vec())));
        assert_eq!((table.unwrap().read(0..4).unwrap(), of_table), (less.unwrap(), of_frame));
        let error = Table::of(&frame).select(&[4]).unwrap_err();
        assert_eq!(error.message(), "there is no row 4 in the table (there are 4)");
    }

    #[test]
    fn rows_named_by_a_column() {
        let frame = frame();
        let table = Table::of(&frame).named_by("4", Some("id")).unwrap();
        assert_eq!(table.read(0..4).unwrap(), frame.clone().named_by("4", Some("id")).unwrap());
        assert!(Table::of(&frame).named_by("x", None).unwrap_err().message().contains("there are: 0, 1"));
    }
}
