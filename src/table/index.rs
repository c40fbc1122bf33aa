//! The names of the rows of a table: given, or the numbers from 0, which take no memory until they are asked for.

use crate::strings::Strings;
use std::borrow::Cow;
use std::sync::OnceLock;

/// The names of the rows of a table.
#[derive(Debug, Clone)]
pub(super) enum RowNames {
    /// One name per row.
    Names(Strings),
    /// The numbers from 0 as text, as in pandas.
    Numbers { rows: usize, made: OnceLock<Strings> },
}

/// Bytes of memory of one number as text: its digits, where it ends, and as much again where it is copied.
const BYTES_OF_NUMBER: u64 = 48;

/// Bytes of memory that the numbers from 0 below `rows` take as text.
pub(super) fn bytes_of_numbers(rows: u64) -> u64 {
    rows.saturating_mul(BYTES_OF_NUMBER)
}

impl RowNames {
    /// The numbers from 0 below `rows`.
    pub(super) fn numbers(rows: u64) -> Self {
        RowNames::Numbers { rows: usize::try_from(rows).unwrap_or(usize::MAX), made: OnceLock::new() }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            RowNames::Names(names) => names.len(),
            RowNames::Numbers { rows, .. } => *rows,
        }
    }

    /// The names; numbers are made by the first call.
    pub(super) fn strings(&self) -> &Strings {
        match self {
            RowNames::Names(names) => names,
            RowNames::Numbers { rows, made } => {
                made.get_or_init(|| (0..*rows).map(|i| i.to_string()).collect())
            }
        }
    }

    /// The name of one row; `None` past the end.
    pub(super) fn name(&self, row: u64) -> Option<Cow<'_, str>> {
        match self {
            RowNames::Names(names) => names.lossy(usize::try_from(row).ok()?),
            RowNames::Numbers { rows, .. } => (row < *rows as u64).then(|| row.to_string().into()),
        }
    }

    /// The names by value.
    pub(super) fn into_strings(self) -> Strings {
        match self {
            RowNames::Names(names) => names,
            RowNames::Numbers { .. } => self.strings().clone(),
        }
    }

    /// Bytes of memory that making the names takes; 0 if they are there.
    pub(super) fn unmade_bytes(&self) -> u64 {
        match self {
            RowNames::Numbers { rows, made } if made.get().is_none() => bytes_of_numbers(*rows as u64),
            _ => 0,
        }
    }

    /// The names of `rows`, all of which exist. Of numbers, only these are made.
    pub(super) fn select(&self, rows: &[u64]) -> Strings {
        match self {
            RowNames::Names(names) => {
                rows.iter().map(|row| names.bytes(*row as usize).unwrap_or_default()).collect()
            }
            RowNames::Numbers { .. } => rows.iter().map(u64::to_string).collect(),
        }
    }
}

impl PartialEq for RowNames {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (RowNames::Numbers { rows: a, .. }, RowNames::Numbers { rows: b, .. }) => a == b,
            _ => self.len() == other.len() && self.strings() == other.strings(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// More rows than any memory has names for.
    #[test]
    fn numbers_are_made_when_they_are_asked_for() {
        let many = RowNames::numbers(1 << 58);
        assert_eq!((many.len(), many.unmade_bytes()), (1 << 58, BYTES_OF_NUMBER << 58));
        assert!(many == many.clone() && many != RowNames::numbers(3));
        assert_eq!(many.select(&[7, 1 << 50]), ["7", "1125899906842624"].into_iter().collect());
        let few = RowNames::numbers(3);
        assert!(few == RowNames::Names(["0", "1", "2"].into_iter().collect()));
        assert_eq!(few.unmade_bytes(), 0, "the comparison has made them");
        assert_eq!(few.into_strings().len(), 3);
    }
}
