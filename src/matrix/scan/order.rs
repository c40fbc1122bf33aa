//! Checks whether minor indices ascend within lines, and whether there are duplicates.

use crate::error::Result;
use crate::matrix::block::Block;
use crate::matrix::sink::Sink;
use crate::sync::{into_inner, lock};
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Order of the minor indices within lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "store", derive(serde::Serialize))]
pub struct LineOrder {
    /// Whether minor indices never decrease within a line.
    pub sorted: bool,
    /// Whether any line has a minor index twice. `None` if this is unknown because a line is neither sorted
    /// nor whole in one block, so that checking it would take more memory than a block.
    pub duplicates: Option<bool>,
}

/// A sink that determines the [`LineOrder`] of the blocks it receives.
#[derive(Debug, Default)]
pub struct OrderCheck {
    unsorted: AtomicBool,
    doubled: AtomicBool,
    unknown: AtomicBool,
    /// First and last minor index of each piece of a cut line, by the piece's first entry.
    pieces: Mutex<HashMap<u64, CutLine>>,
}

#[derive(Debug, Clone, Copy)]
struct CutLine {
    line: usize,
    first: u32,
    last: u32,
}

impl OrderCheck {
    /// Creates a check that has seen no blocks.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Sink for OrderCheck {
    type Done = LineOrder;

    fn block(&self, block: &Block<'_>) -> Result<()> {
        for line in block.lines() {
            let minor = &block.minor[line.range.clone()];
            let (mut falls, mut equal) = (false, false);
            for (a, b) in minor.iter().zip(&minor[1..]) {
                falls |= a > b;
                equal |= a == b;
            }
            let cut = line.continued || line.continues;
            if falls {
                self.unsorted.store(true, Relaxed);
                if cut {
                    self.unknown.store(true, Relaxed);
                } else if !self.doubled.load(Relaxed) {
                    let mut sorted = minor.to_vec();
                    sorted.sort_unstable();
                    equal |= sorted.windows(2).any(|w| w[0] == w[1]);
                }
            }
            if equal {
                self.doubled.store(true, Relaxed);
            }
            if cut {
                let piece = CutLine { line: line.number, first: minor[0], last: minor[minor.len() - 1] };
                let mut pieces = lock(&self.pieces);
                pieces.insert(block.entries.start + line.range.start as u64, piece);
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<LineOrder> {
        let pieces = into_inner(self.pieces);
        let mut pieces: Vec<(u64, CutLine)> = pieces.into_iter().collect();
        pieces.sort_unstable_by_key(|(at, _)| *at);
        let (mut unsorted, mut doubled) = (self.unsorted.into_inner(), self.doubled.into_inner());
        let mut unknown = self.unknown.into_inner();
        for pair in pieces.windows(2) {
            let (a, b) = (pair[0].1, pair[1].1);
            if a.line == b.line {
                doubled |= a.last == b.first;
                if a.last > b.first {
                    unsorted = true;
                    unknown = true;
                }
            }
        }
        let duplicates = if doubled {
            Some(true)
        } else if unknown {
            None
        } else {
            Some(false)
        };
        Ok(LineOrder { sorted: !unsorted, duplicates })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::Dtype;
    use crate::matrix::{Orientation, Values};

    fn order(pointers: &[u64], minor: &[u32], cuts: &[u64]) -> LineOrder {
        let check = OrderCheck::new();
        for w in cuts.windows(2).rev() {
            let part = &minor[w[0] as usize..w[1] as usize];
            let values = Values { dtype: Dtype::Uint8, bytes: &[] };
            let orientation = Orientation::Csr;
            check.block(&Block { orientation, entries: w[0]..w[1], pointers, minor: part, values }).unwrap();
        }
        check.finish().unwrap()
    }

    #[test]
    fn lines_and_the_seams_between_blocks() {
        let sorted = LineOrder { sorted: true, duplicates: Some(false) };
        assert_eq!(order(&[0, 3, 5], &[1, 4, 9, 0, 2], &[0, 5]), sorted);
        assert_eq!(order(&[0, 3, 5], &[1, 4, 9, 0, 2], &[0, 2, 4, 5]), sorted);
        assert_eq!(
            order(&[0, 4], &[1, 4, 4, 5], &[0, 2, 4]),
            LineOrder { sorted: true, duplicates: Some(true) }
        );
        assert_eq!(order(&[0, 3], &[4, 1, 4], &[0, 3]), LineOrder { sorted: false, duplicates: Some(true) });
        assert_eq!(order(&[0, 3], &[4, 1, 5], &[0, 3]), LineOrder { sorted: false, duplicates: Some(false) });
        assert_eq!(order(&[0, 4], &[4, 5, 1, 2], &[0, 2, 4]), LineOrder { sorted: false, duplicates: None });
    }
}
