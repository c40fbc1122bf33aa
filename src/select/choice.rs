//! Combines several ways to choose rows.

use super::{NameList, Query, rows_from, sample};
use crate::error::{Error, Result};
use crate::table::Table;

/// Maximum bytes of default names of a table of which rows are chosen. The table itself takes no memory.
const MOST: u64 = 1 << 30;

/// Ways to choose rows of a table. A row must satisfy all that are given; the sample is drawn from those
/// rows.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct RowChoice {
    /// Condition on the columns, in the language of [`Query`].
    pub condition: Option<String>,
    /// Names of the wanted rows, in the wanted order.
    pub names: Option<NameList>,
    /// A slice or a list of row numbers, as [`rows_from`] reads it.
    pub numbers: Option<String>,
    /// Number of rows to draw at random, and the seed.
    pub sample: Option<(u64, u64)>,
}

impl RowChoice {
    /// The chosen rows of `table`, in the order of `numbers` if given, else of `names`, else of the table;
    /// `None` if nothing is chosen, so that all rows stay. A row is repeated as often as `numbers` lists it, or
    /// `names` where there are no numbers. Of the table, only what the choice needs is read, block by block.
    ///
    /// # Errors
    /// `Usage` if the condition does not parse or does not fit the columns, if a name stands in several rows, or
    /// if the sample is larger than the number of rows left; `NotFound` if names, rows or columns do not exist;
    /// `Limit` if the table has only default names, and more than memory should hold; errors of reading.
    pub fn rows(&self, table: &Table<'_>) -> Result<Option<Vec<u64>>> {
        let given = self.condition.is_some() || self.names.is_some() || self.numbers.is_some();
        if (given || self.sample.is_some()) && table.unmade_index_bytes() > MOST {
            let text =
                format!("a table without names that has too many rows to choose from ({})", table.rows());
            return Err(Error::limit(text));
        }
        let mut rows = match &self.condition {
            Some(text) => Some(Query::parse(text)?.rows_of(table)?),
            None => None,
        };
        if let Some(names) = &self.names {
            rows = Some(retained(names.rows(table)?, rows));
        }
        if let Some(text) = &self.numbers {
            rows = Some(retained(rows_from(text, table.rows())?, rows));
        }
        if let Some((n, seed)) = self.sample {
            let all = rows.unwrap_or_else(|| (0..table.rows()).collect());
            rows = Some(sample(&all, n, seed)?);
        }
        Ok(rows)
    }
}

/// Keeps the rows of `wanted` that are also in `among`, if given.
fn retained(mut wanted: Vec<u64>, among: Option<Vec<u64>>) -> Vec<u64> {
    if let Some(mut among) = among {
        among.sort_unstable();
        wanted.retain(|row| among.binary_search(row).is_ok());
    }
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::Dtype;
    use crate::table::{Column, Frame};

    #[test]
    fn all_ways_must_agree() {
        let table = Table::unnamed(6);
        let choice = RowChoice {
            condition: Some("index != '4'".into()),
            names: Some(["5", "4", "1", "0"].into_iter().collect()),
            ..RowChoice::default()
        };
        assert_eq!(choice.rows(&table).unwrap(), Some(vec![5, 1, 0]));
        let choice = RowChoice { numbers: Some("::-1".into()), sample: Some((2, 3)), ..choice };
        let rows = choice.rows(&table).unwrap().unwrap();
        assert!(rows.len() == 2 && rows.iter().all(|r| [5, 1, 0].contains(r)));
        assert_eq!(RowChoice::default().rows(&table).unwrap(), None);
        let twice = NameList::from_iter(["2", "1", "2"]);
        let choice = RowChoice { names: Some(twice.clone()), ..RowChoice::default() };
        assert_eq!(choice.rows(&table).unwrap(), Some(vec![2, 1, 2]));
        let choice =
            RowChoice { names: Some(twice), numbers: Some("1,1,2,3".into()), ..RowChoice::default() };
        assert_eq!(choice.rows(&table).unwrap(), Some(vec![1, 1, 2]), "repeats are those of the numbers");
    }

    /// Blocks meet in the middle of a run of rows that satisfy the condition.
    #[test]
    fn conditions_on_more_rows_than_a_block() {
        let rows = 200_000;
        let bytes = (0..rows as u32).flat_map(u32::to_le_bytes).collect();
        let column = Column::Numbers { dtype: Dtype::Uint32, bytes };
        let frame = Frame::unnamed(rows).with_column("n", column).unwrap();
        let choice = |text: &str| {
            RowChoice { condition: Some(text.into()), ..RowChoice::default() }.rows(&Table::of(&frame))
        };
        let some: Vec<u64> = (65_000..140_000).collect();
        assert_eq!(choice("n >= 65000 and n < 140000").unwrap(), Some(some));
        assert_eq!(choice("index == '199999'").unwrap(), Some(vec![199_999]));
        let none = RowChoice { condition: Some("m > 1".into()), ..RowChoice::default() };
        assert_eq!(none.rows(&Table::unnamed(0)).unwrap_err().kind(), crate::Kind::NotFound);
    }
}
