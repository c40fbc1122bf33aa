//! Which values of a column are missing, found while the values are written.

use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::table::{Column, ColumnRows};
use std::ops::Range;

/// A mask that grows at its end, with one bit in memory for each value.
pub(in crate::anndata) struct Missing {
    bits: Vec<u8>,
    rows: u64,
    head: Column,
}

impl Default for Missing {
    fn default() -> Self {
        Missing { bits: Vec::new(), rows: 0, head: Column::Numbers { dtype: Dtype::Bool, bytes: Vec::new() } }
    }
}

impl Missing {
    /// Appends whether each of the next values is missing.
    pub(super) fn extend(&mut self, missing: &[bool]) {
        for gone in missing {
            if self.rows.is_multiple_of(8) {
                self.bits.push(0);
            }
            if let Some(last) = self.bits.last_mut().filter(|_| *gone) {
                *last |= 1 << (self.rows % 8);
            }
            self.rows += 1;
        }
    }
}

impl ColumnRows for Missing {
    fn head(&self) -> &Column {
        &self.head
    }

    fn rows(&self) -> u64 {
        self.rows
    }

    fn read(&self, range: Range<u64>) -> Result<Column> {
        if range.end > self.rows {
            return Err(Error::usage(format!("there are no rows {range:?} in a mask of {}", self.rows)));
        }
        let bytes = range.map(|row| self.bits[(row / 8) as usize] >> (row % 8) & 1).collect();
        Ok(Column::Numbers { dtype: Dtype::Bool, bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_in_the_order_of_the_rows() {
        let all: Vec<bool> = (0..21).map(|i| i % 3 == 1).collect();
        let mut mask = Missing::default();
        mask.extend(&all[..5]);
        mask.extend(&all[5..]);
        let Column::Numbers { bytes, .. } = mask.read(2..21).unwrap() else { panic!() };
        assert_eq!(bytes, all[2..].iter().map(|m| u8::from(*m)).collect::<Vec<_>>());
        assert!(mask.rows() == 21 && mask.read(20..22).is_err());
    }
}
