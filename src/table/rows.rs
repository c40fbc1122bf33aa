//! Columns that are read range by range, so that a table of any length needs little memory.

use super::column::Column;
use super::frame::Frame;
use crate::dtype::Dtype;
use crate::error::Result;
use crate::strings::Strings;
use std::ops::Range;
use std::sync::Arc;

/// Number of rows that are read and written at once.
pub(crate) const BLOCK_ROWS: u64 = 1 << 14;

/// A column whose rows can be read by range, from many threads at once.
pub trait ColumnRows: Send + Sync {
    /// The column without its rows: its type and, if it is categorical, its labels.
    fn head(&self) -> &Column;

    /// Number of rows.
    fn rows(&self) -> u64;

    /// Reads the rows `range`, in the type of [`head`](Self::head).
    ///
    /// # Errors
    /// `Usage` if the range is not inside the column; otherwise the errors of what the rows are read from.
    fn read(&self, range: Range<u64>) -> Result<Column>;

    /// Whether the rows are the numbers from 0 as text, which are made when they are read.
    fn is_numbered(&self) -> bool {
        false
    }
}

/// The ranges of [`BLOCK_ROWS`] rows of which `rows` rows consist, in order; the last may be shorter.
pub(crate) fn blocks(rows: u64) -> impl Iterator<Item = Range<u64>> {
    (0..rows.div_ceil(BLOCK_ROWS)).map(move |n| n * BLOCK_ROWS..((n + 1) * BLOCK_ROWS).min(rows))
}

/// A column in memory.
pub(crate) struct HeldColumn<'c> {
    column: HeldValues<'c>,
    head: Column,
}

/// Where the rows of a [`HeldColumn`] are.
enum HeldValues<'c> {
    Column(&'c Column),
    #[cfg(feature = "write")]
    Own(Column),
    Index(&'c Strings),
    /// A column of a shared frame; `None` is its index.
    Shared(Arc<Frame>, Option<usize>),
}

impl<'c> HeldColumn<'c> {
    pub(crate) fn of(column: &'c Column) -> Self {
        HeldColumn { head: column.head(), column: HeldValues::Column(column) }
    }

    #[cfg(feature = "write")]
    pub(super) fn own(column: Column) -> Self {
        HeldColumn { head: column.head(), column: HeldValues::Own(column) }
    }

    pub(crate) fn of_index(index: &'c Strings) -> Self {
        HeldColumn { head: Column::Strings(Strings::new()), column: HeldValues::Index(index) }
    }

    /// A column of `frame`, or its index if `column` is `None`.
    pub(super) fn shared(frame: &Arc<Frame>, column: Option<usize>) -> Self {
        let head = match column {
            Some(n) => frame.columns()[n].1.head(),
            None => Column::Strings(Strings::new()),
        };
        HeldColumn { head, column: HeldValues::Shared(Arc::clone(frame), column) }
    }
}

impl ColumnRows for HeldColumn<'_> {
    fn head(&self) -> &Column {
        &self.head
    }

    fn rows(&self) -> u64 {
        match &self.column {
            HeldValues::Column(c) => c.len() as u64,
            #[cfg(feature = "write")]
            HeldValues::Own(c) => c.len() as u64,
            HeldValues::Index(s) => s.len() as u64,
            HeldValues::Shared(f, _) => f.rows() as u64,
        }
    }

    fn is_numbered(&self) -> bool {
        matches!(&self.column, HeldValues::Shared(f, None) if f.unmade_index_bytes() > 0)
    }

    fn read(&self, range: Range<u64>) -> Result<Column> {
        match &self.column {
            HeldValues::Column(c) => c.slice(range),
            #[cfg(feature = "write")]
            HeldValues::Own(c) => c.slice(range),
            HeldValues::Index(s) => Ok(Column::Strings(s.slice(range.start as usize..range.end as usize))),
            HeldValues::Shared(f, Some(n)) => f.columns()[*n].1.slice(range),
            HeldValues::Shared(_, None) if self.is_numbered() => Ok(Column::Strings(numbers(range))),
            HeldValues::Shared(f, None) => {
                Ok(Column::Strings(f.index().slice(range.start as usize..range.end as usize)))
            }
        }
    }
}

/// The numbers from 0 as text: the names of rows without names.
pub(super) struct NumberedRows {
    head: Column,
    rows: u64,
}

impl NumberedRows {
    pub(super) fn new(rows: u64) -> Self {
        NumberedRows { head: Column::Strings(Strings::new()), rows }
    }
}

impl ColumnRows for NumberedRows {
    fn head(&self) -> &Column {
        &self.head
    }

    fn rows(&self) -> u64 {
        self.rows
    }

    fn read(&self, range: Range<u64>) -> Result<Column> {
        Ok(Column::Strings(numbers(range)))
    }

    fn is_numbered(&self) -> bool {
        true
    }
}

/// The numbers `range` as text.
fn numbers(range: Range<u64>) -> Strings {
    range.map(|row| row.to_string()).collect()
}

/// Any column as text, as [`Column::to_strings`] makes it.
pub(super) struct TextOf<'c> {
    from: Arc<dyn ColumnRows + 'c>,
    head: Column,
}

impl<'c> TextOf<'c> {
    pub(super) fn new(from: Arc<dyn ColumnRows + 'c>) -> Self {
        TextOf { from, head: Column::Strings(Strings::new()) }
    }
}

impl ColumnRows for TextOf<'_> {
    fn head(&self) -> &Column {
        &self.head
    }

    fn rows(&self) -> u64 {
        self.from.rows()
    }

    fn read(&self, range: Range<u64>) -> Result<Column> {
        Ok(Column::Strings(self.from.read(range)?.into_strings()?))
    }
}

impl Column {
    /// The column without its rows.
    pub(super) fn head(&self) -> Column {
        match self {
            Column::Numbers { dtype, .. } => Column::Numbers { dtype: *dtype, bytes: Vec::new() },
            Column::Nullable { dtype, .. } => {
                Column::Nullable { dtype: *dtype, bytes: Vec::new(), missing: Vec::new() }
            }
            Column::Strings(_) => Column::Strings(Strings::new()),
            Column::NullableStrings { .. } => {
                Column::NullableStrings { values: Strings::new(), missing: Vec::new() }
            }
            Column::Categorical(c) => Column::Categorical(c.with_codes(Vec::new())),
        }
    }

    /// A copy of the rows `range`.
    ///
    /// # Errors
    /// `Usage` if a row does not exist.
    pub(crate) fn slice(&self, range: Range<u64>) -> Result<Column> {
        if let Some(last) = range.end.checked_sub(1).filter(|_| !range.is_empty()) {
            self.check_row(last)?;
        }
        let (from, to) = (range.start as usize, range.end.max(range.start) as usize);
        let numbers = |dtype: Dtype, bytes: &[u8]| bytes[from * dtype.size()..to * dtype.size()].to_vec();
        // the fields are public, so a mask may be shorter than the values
        let mask = |missing: &[bool]| (from..to).map(|i| missing.get(i) == Some(&true)).collect();
        Ok(match self {
            Column::Numbers { dtype, bytes } => {
                Column::Numbers { dtype: *dtype, bytes: numbers(*dtype, bytes) }
            }
            Column::Nullable { dtype, bytes, missing } => {
                Column::Nullable { dtype: *dtype, bytes: numbers(*dtype, bytes), missing: mask(missing) }
            }
            Column::Strings(s) => Column::Strings(s.slice(from..to)),
            Column::NullableStrings { values, missing } => {
                Column::NullableStrings { values: values.slice(from..to), missing: mask(missing) }
            }
            Column::Categorical(c) => Column::Categorical(c.with_codes(c.codes()[from..to].to_vec())),
        })
    }

    /// Appends the rows of a column of the same type and labels.
    pub(crate) fn append(&mut self, more: Column) {
        match (self, more) {
            (Column::Numbers { bytes, .. }, Column::Numbers { bytes: more, .. }) => bytes.extend(more),
            (
                Column::Nullable { bytes, missing, .. },
                Column::Nullable { bytes: more, missing: gone, .. },
            ) => {
                bytes.extend(more);
                missing.extend(gone);
            }
            (Column::Strings(s), Column::Strings(more)) => s.extend(&more),
            (
                Column::NullableStrings { values, missing },
                Column::NullableStrings { values: more, missing: gone },
            ) => {
                values.extend(&more);
                missing.extend(gone);
            }
            (Column::Categorical(c), Column::Categorical(more)) => c.append(&more),
            _ => unreachable!("parts of one column have one type"),
        }
    }

    /// Bytes of memory that the rows take.
    pub(super) fn memory(&self) -> u64 {
        let texts = |s: &Strings| s.total_bytes() + s.len() * size_of::<usize>();
        let bytes = match self {
            Column::Numbers { bytes, .. } => bytes.len(),
            Column::Nullable { bytes, missing, .. } => bytes.len() + missing.len(),
            Column::Strings(s) => texts(s),
            Column::NullableStrings { values, missing } => texts(values) + missing.len(),
            Column::Categorical(c) => size_of_val(c.codes()),
        };
        bytes as u64
    }

    /// As [`to_strings`](Self::to_strings), without a copy if it is text already.
    pub(super) fn into_strings(self) -> Result<Strings> {
        match self {
            Column::Strings(s) => Ok(s),
            other => other.to_strings(),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::column::Categorical;
    use super::*;

    /// Columns of four rows, one of each type.
    pub(crate) fn each_type() -> Vec<Column> {
        let labels = Column::Strings(["a", "b", "c"].iter().collect());
        let missing = || vec![false, true, false, true];
        vec![
            Column::Numbers { dtype: Dtype::Int16, bytes: vec![1, 0, 2, 0, 3, 0, 4, 0] },
            Column::Nullable { dtype: Dtype::Bool, bytes: vec![1, 0, 1, 0], missing: missing() },
            Column::Strings(["w", "", "xyz", "x"].iter().collect()),
            Column::NullableStrings { values: ["w", "", "xyz", ""].iter().collect(), missing: missing() },
            Column::Categorical(Categorical::new(&[0, 2, -1, 1], labels, true).unwrap()),
        ]
    }

    #[test]
    fn a_column_in_pieces_is_the_column() {
        for column in each_type() {
            let held = HeldColumn::of(&column);
            assert_eq!((held.rows(), held.head().len()), (4, 0));
            assert_eq!(held.head().type_name(), column.type_name());
            let mut whole = held.read(0..1).unwrap();
            whole.append(held.read(1..4).unwrap());
            whole.append(held.read(4..4).unwrap());
            assert_eq!(whole, column);
            assert_eq!(held.read(1..3).unwrap(), column.select(&[1, 2]).unwrap());
            assert!(held.read(3..5).is_err());
        }
        assert_eq!(blocks(2 * BLOCK_ROWS + 1).last(), Some(2 * BLOCK_ROWS..2 * BLOCK_ROWS + 1));
        assert_eq!(blocks(0).next(), None);
    }
}
