//! Combines several ways to choose rows.

use super::{NameList, Query, rows_from, sample};
use crate::error::{Error, Result};
use crate::table::Frame;
use std::collections::HashSet;

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
    /// The chosen rows of `frame`, in the order of `numbers` if given, else of `names`, else of the table;
    /// `None` if nothing is chosen, so that all rows stay. A row is repeated as often as `numbers` lists it, or
    /// `names` where there are no numbers.
    ///
    /// # Errors
    /// `Usage` if the condition does not parse or does not fit the columns, if a name stands in several rows, or
    /// if the sample is larger than the number of rows left; `NotFound` if names, rows or columns do not exist;
    /// `Limit` if the table has only default names, and more than memory should hold.
    pub fn rows(&self, frame: &Frame) -> Result<Option<Vec<u64>>> {
        let given = self.condition.is_some() || self.names.is_some() || self.numbers.is_some();
        if (given || self.sample.is_some()) && frame.unmade_index_bytes() > MOST {
            let text =
                format!("a table without names that has too many rows to choose from ({})", frame.rows());
            return Err(Error::limit(text));
        }
        let mut rows = match &self.condition {
            Some(text) => Some(Query::parse(text)?.rows(frame)?),
            None => None,
        };
        if let Some(names) = &self.names {
            rows = Some(retained(names.rows(frame)?, rows));
        }
        if let Some(text) = &self.numbers {
            rows = Some(retained(rows_from(text, frame.rows() as u64)?, rows));
        }
        if let Some((n, seed)) = self.sample {
            let all = rows.unwrap_or_else(|| (0..frame.rows() as u64).collect());
            rows = Some(sample(&all, n, seed)?);
        }
        Ok(rows)
    }
}

/// Keeps the rows of `wanted` that are also in `among`, if given.
fn retained(mut wanted: Vec<u64>, among: Option<Vec<u64>>) -> Vec<u64> {
    if let Some(among) = among {
        let among: HashSet<u64> = among.into_iter().collect();
        wanted.retain(|row| among.contains(row));
    }
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_ways_must_agree() {
        let frame = Frame::unnamed(6);
        let choice = RowChoice {
            condition: Some("index != '4'".into()),
            names: Some(["5", "4", "1", "0"].into_iter().collect()),
            ..RowChoice::default()
        };
        assert_eq!(choice.rows(&frame).unwrap(), Some(vec![5, 1, 0]));
        let choice = RowChoice { numbers: Some("::-1".into()), sample: Some((2, 3)), ..choice };
        let rows = choice.rows(&frame).unwrap().unwrap();
        assert!(rows.len() == 2 && rows.iter().all(|r| [5, 1, 0].contains(r)));
        assert_eq!(RowChoice::default().rows(&frame).unwrap(), None);
        let twice = NameList::from_iter(["2", "1", "2"]);
        let choice = RowChoice { names: Some(twice.clone()), ..RowChoice::default() };
        assert_eq!(choice.rows(&frame).unwrap(), Some(vec![2, 1, 2]));
        let choice =
            RowChoice { names: Some(twice), numbers: Some("1,1,2,3".into()), ..RowChoice::default() };
        assert_eq!(choice.rows(&frame).unwrap(), Some(vec![1, 1, 2]), "repeats are those of the numbers");
    }
}
