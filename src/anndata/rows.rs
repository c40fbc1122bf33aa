//! Rows and columns of an array, chosen in any order.

use super::axes::Axes;
use crate::error::Result;
use crate::tree::{Array, Scratch};
use std::ops::Range;

/// Bytes read at once to pick rows from.
const SPAN: u64 = 8 << 20;

/// Rows `wanted` of the selection, the chosen columns of each, one behind the other.
pub(crate) fn read_rows(
    dataset: &Array,
    axes: Axes<'_>,
    wanted: Range<u64>,
    out: &mut [u8],
    scratch: &mut Scratch,
) -> Result<()> {
    let shape = dataset.shape();
    let size = dataset.datatype().size as usize;
    let inner: usize = shape.iter().skip(2).product::<u64>() as usize * size;
    let width = shape.get(1).copied().unwrap_or(1) as usize;
    let row_in = width * inner;
    let columns = axes.columns.filter(|_| shape.len() > 1);
    let row_out = columns.map_or(row_in, |c| c.len() * inner);
    let old = |row: u64| axes.rows.map_or(row, |r| r[row as usize]);
    let (mut row, mut at) = (wanted.start, 0);
    let mut read = Vec::new();
    let band = dataset.rows_of_chunk();
    while row < wanted.end {
        // Rows that ascend and lie near each other, or in the same chunks or the next, are read at once, with what lies
        // between them: chunks that several of them touch are then decoded once.
        let first = old(row);
        let mut last = first;
        let mut n = 1;
        while row + n < wanted.end {
            let next = old(row + n);
            let span = next.saturating_sub(first) + 1;
            let together = span <= 16 * (n + 1) || next / band <= last / band + 1;
            let near = next > last && (span == n + 1 || (together && span * row_in as u64 <= SPAN));
            if !near {
                break;
            }
            last = next;
            n += 1;
        }
        let span = last - first + 1;
        let mut start = vec![0; shape.len()];
        let mut count = shape.to_vec();
        (start[0], count[0]) = (first, span);
        let len = n as usize * row_out;
        let target = &mut out[at..at + len];
        if columns.is_none() && span == n {
            dataset.read_box(&start, &count, target, scratch)?;
        } else {
            read.resize(span as usize * row_in, 0);
            dataset.read_box(&start, &count, &mut read, scratch)?;
            for (i, to) in (row..row + n).zip(target.chunks_exact_mut(row_out.max(1))) {
                let from = &read[(old(i) - first) as usize * row_in..][..row_in];
                match columns {
                    None => to.copy_from_slice(from),
                    Some(columns) => {
                        for (c, slot) in columns.iter().zip(to.chunks_exact_mut(inner)) {
                            slot.copy_from_slice(&from[*c as usize * inner..][..inner]);
                        }
                    }
                }
            }
        }
        at += len;
        row += n;
    }
    Ok(())
}
