//! Several ways to choose rows, together.

use super::{Query, rows_from, rows_named, sample};
use crate::error::Result;
use crate::table::Frame;
use std::collections::HashSet;

/// Ways to choose rows of a table. Rows must satisfy all that are given; the sample is drawn from what is left.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct RowChoice {
    /// A condition on the columns, in the language of [`Query`].
    pub condition: Option<String>,
    /// Names of rows, in the wanted order.
    pub names: Option<Vec<String>>,
    /// A slice or a list of row numbers, as [`rows_from`] reads it.
    pub numbers: Option<String>,
    /// How many of the rows to draw at random, and the seed.
    pub sample: Option<(u64, u64)>,
}

impl RowChoice {
    /// The chosen rows of `frame`, in the order of the last list that has one (names, then numbers); `None` where nothing
    /// is chosen and all rows stay.
    ///
    /// # Errors
    /// `Usage` where the condition does not parse or does not fit the columns, names or rows do not exist, or the sample is
    /// larger than what there is.
    pub fn rows(&self, frame: &Frame) -> Result<Option<Vec<u64>>> {
        let mut rows = match &self.condition {
            Some(text) => Some(Query::parse(text)?.rows(frame)?),
            None => None,
        };
        if let Some(names) = &self.names {
            rows = Some(retained(rows_named(names, frame)?, rows));
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

/// Those of `wanted` that are in `among` too, where that is given.
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
            names: Some(["5", "4", "1", "0"].map(str::to_owned).to_vec()),
            ..RowChoice::default()
        };
        assert_eq!(choice.rows(&frame).unwrap(), Some(vec![5, 1, 0]));
        let choice = RowChoice { numbers: Some("::-1".into()), sample: Some((2, 3)), ..choice };
        let rows = choice.rows(&frame).unwrap().unwrap();
        assert!(rows.len() == 2 && rows.iter().all(|r| [5, 1, 0].contains(r)));
        assert_eq!(RowChoice::default().rows(&frame).unwrap(), None);
    }
}
