//! Columns converted to another type while they are read by ranges of rows.

use super::by_rows::{Table, TableColumn};
use super::cast::ColumnType;
use super::column::{Categorical, Column};
use super::rows::{ColumnRows, blocks};
use crate::error::Result;
use std::ops::Range;
use std::sync::Arc;

/// A column that is converted block by block, as [`Column::cast`] converts it.
struct CastRows<'t> {
    from: TableColumn<'t>,
    to: ColumnType,
    /// The type that all rows together have: of labels, all of them.
    head: Column,
}

impl<'t> CastRows<'t> {
    /// Reads the column once, to find its type and whether all rows fit it.
    fn new(from: &TableColumn<'t>, to: ColumnType) -> Result<Self> {
        let mut head = from.head().cast(to)?;
        for range in blocks(from.rows()) {
            let first = range.start;
            head = joined(&head, &from.read(range)?.cast_from(to, first)?)?;
        }
        Ok(CastRows { from: Arc::clone(from), to, head })
    }
}

/// The type of rows some of which are of the type of `head`, the others of that of `block`.
fn joined(head: &Column, block: &Column) -> Result<Column> {
    match (head, block) {
        // labels before the cast are those of the whole column
        (Column::Categorical(a), Column::Categorical(b)) if a.categories() != b.categories() => {
            Ok(Column::Categorical(Categorical::all_of(&[a, b])?))
        }
        (Column::Numbers { .. }, Column::Nullable { .. })
        | (Column::Strings(_), Column::NullableStrings { .. }) => Ok(block.head()),
        _ => Ok(head.clone()),
    }
}

impl ColumnRows for CastRows<'_> {
    fn head(&self) -> &Column {
        &self.head
    }

    fn rows(&self) -> u64 {
        self.from.rows()
    }

    fn read(&self, range: Range<u64>) -> Result<Column> {
        let first = range.start;
        let block = self.from.read(range)?.cast_from(self.to, first)?;
        let missing = vec![false; block.len()];
        Ok(match (&self.head, block) {
            (Column::Categorical(all), Column::Categorical(block)) => {
                let places = all.places_of(&block);
                let code = |code: &i32| match usize::try_from(*code) {
                    Ok(code) => places[code].map_or(-1, |place| place as i32),
                    Err(_) => -1,
                };
                Column::Categorical(all.with_codes(block.codes().iter().map(code).collect()))
            }
            (Column::Nullable { .. }, Column::Numbers { dtype, bytes }) => {
                Column::Nullable { dtype, bytes, missing }
            }
            (Column::NullableStrings { .. }, Column::Strings(values)) => {
                Column::NullableStrings { values, missing }
            }
            (_, block) => block,
        })
    }
}

impl<'t> Table<'t> {
    /// The table with the column `name`, if there is one, as `to`. The column is read once.
    ///
    /// # Errors
    /// As [`Column::cast`]; errors of reading.
    pub(crate) fn with_cast(&self, name: &str, to: ColumnType) -> Result<Self> {
        match self.column(name) {
            Some(column) => self.clone().with_column(name, Arc::new(CastRows::new(column, to)?)),
            None => Ok(self.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame::Frame;
    use super::*;
    use crate::dtype::Dtype;

    /// Columns of more rows than a block, whose type shows in the last row only.
    #[test]
    fn blocks_have_the_type_of_the_whole_column() {
        let rows = 140_000usize;
        let floats = |last: f64| {
            let values = (0..rows - 1).map(|i| (i % 7) as f64).chain([last]);
            Column::Numbers { dtype: Dtype::Float64, bytes: values.flat_map(f64::to_le_bytes).collect() }
        };
        let texts = |last: &str| {
            let values = (0..rows - 1).map(|i| (i % 5).to_string()).chain([last.to_owned()]);
            Column::Strings(values.collect())
        };
        for column in [floats(1.0), floats(f64::NAN), floats(1e300), texts("3"), texts("x"), texts("300")] {
            let frame = Frame::unnamed(rows as u64).with_column("c", column.clone()).unwrap();
            let table = Table::of(&frame);
            for to in ["int8", "float32", "string", "category"] {
                let to: ColumnType = to.parse().unwrap();
                match (column.cast(to), table.with_cast("c", to)) {
                    (Ok(whole), Ok(cast)) => {
                        let cast = cast.column("c").unwrap();
                        assert_eq!(cast.head(), &whole.head());
                        assert_eq!(cast.read(0..rows as u64).unwrap(), whole);
                        assert_eq!(cast.read(9..11).unwrap(), whole.slice(9..11).unwrap());
                    }
                    (whole, cast) => {
                        assert_eq!(whole.unwrap_err().message(), cast.unwrap_err().message());
                    }
                }
            }
        }
        assert_eq!(Table::unnamed(2).with_cast("c", ColumnType::Strings).unwrap().columns().len(), 0);
    }
}
