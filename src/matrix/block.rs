//! A block: a range of entries on its way from a source to a sink.

use crate::dtype::{self, Dtype, Scalar};
use std::ops::Range;

/// Values of some entries, as little-endian bytes of one type.
#[derive(Debug, Clone, Copy)]
pub struct Values<'a> {
    /// Their type.
    pub dtype: Dtype,
    /// Their bytes, end to end.
    pub bytes: &'a [u8],
}

impl Values<'_> {
    /// Value number `index`.
    pub fn get(&self, index: usize) -> Option<Scalar> {
        dtype::scalar_at(self.dtype, self.bytes, index)
    }
}

/// A range of entries of a matrix.
#[derive(Debug, Clone)]
pub struct Block<'a> {
    /// Which entries these are.
    pub entries: Range<u64>,
    /// Where each line of the whole matrix begins, and one more: where the last ends.
    pub pointers: &'a [u64],
    /// The minor index of each entry.
    pub minor: &'a [u32],
    /// The value of each entry.
    pub values: Values<'a>,
}

/// The part of a line that lies in a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its number in the matrix.
    pub number: usize,
    /// Its entries, counted from the block's first.
    pub range: Range<usize>,
    /// Whether entries of the line lie before the block.
    pub continued: bool,
    /// Whether entries of the line lie behind the block.
    pub continues: bool,
}

impl<'a> Block<'a> {
    /// The line that entry number `entry` of the matrix lies in.
    pub fn line_of(&self, entry: u64) -> usize {
        line_of(self.pointers, entry)
    }

    /// The lines with entries in this block, in order.
    pub fn lines(&self) -> impl Iterator<Item = Line> + use<'a> {
        let (pointers, entries) = (self.pointers, self.entries.clone());
        let mut next = if entries.is_empty() { pointers.len() } else { line_of(pointers, entries.start) };
        std::iter::from_fn(move || {
            loop {
                let (start, end) = (*pointers.get(next)?, *pointers.get(next + 1)?);
                if start >= entries.end {
                    return None;
                }
                let number = next;
                next += 1;
                if start == end {
                    continue;
                }
                let from = start.max(entries.start) - entries.start;
                let to = end.min(entries.end) - entries.start;
                return Some(Line {
                    number,
                    range: from as usize..to as usize,
                    continued: start < entries.start,
                    continues: end > entries.end,
                });
            }
        })
    }
}

/// The line that an entry lies in, by the pointers of the matrix.
pub(crate) fn line_of(pointers: &[u64], entry: u64) -> usize {
    pointers.partition_point(|p| *p <= entry).saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_at_the_block_and_empty_ones_left_out() {
        let pointers = [0, 3, 3, 5, 9];
        let block = Block {
            entries: 2..6,
            pointers: &pointers,
            minor: &[0; 4],
            values: Values { dtype: Dtype::Uint8, bytes: &[1, 2, 3, 4] },
        };
        let lines: Vec<_> = block.lines().map(|l| (l.number, l.range, l.continued, l.continues)).collect();
        assert_eq!(lines, [(0, 0..1, true, false), (2, 1..3, false, false), (3, 3..4, false, true)]);
        assert_eq!(block.line_of(5), 3);
    }
}
