//! Reads all rows of an array, strip by strip: processed on all cores, passed on in order.

use super::rows::{Room, Rows};
use crate::error::{Error, Result};
use crate::matrix::Budget;
use crate::observe::Observer;
use rayon::prelude::*;
use std::ops::Range;

/// How the rows of an array are divided: a strip is read at once by one thread, and consists of bands, the units
/// that the consumer needs whole, such as chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StripPlan {
    /// Number of rows of a band; at least one.
    pub band: u64,
    /// Number of rows of a strip, a multiple of `band`; the last strip may have fewer.
    pub strip: u64,
}

impl StripPlan {
    /// Plans bands of about `elements` elements, and strips of the rows that are decoded together. Bands and
    /// strips are smaller if the threads of the current rayon pool would need more than a quarter of the
    /// budget.
    pub fn new(rows: &dyn Rows, elements: u64, budget: Budget) -> Self {
        let size = u64::from(rows.datatype().size);
        let row = rows.row_bytes().max(1);
        let per_thread = budget.bytes / 4 / rayon::current_num_threads() as u64;
        let most = (per_thread / (rows.row_cost() + 2 * row)).max(1);
        let band = (elements.saturating_mul(size) / row).clamp(1, most).min(rows.rows().max(1));
        let strip = rows.together().clamp(band, most.max(band)).div_ceil(band) * band;
        StripPlan { band, strip }
    }
}

/// Reads all rows in the strips of `plan` on all threads of the current rayon pool, calls `make` for each
/// strip, and passes the results to `take` in the order of the rows. `make` gets the range of rows and their
/// bytes, padded with zeros to whole bands. The observer advances by [`row_cost`](Rows::row_cost) per row and
/// may cancel before each strip.
///
/// # Errors
/// Errors of reading, of `make` and of `take`; `Cancelled`.
pub fn strips_in_order<T: Send, W: Default + Send>(
    rows: &dyn Rows,
    plan: StripPlan,
    observer: &dyn Observer,
    make: impl Fn(Range<u64>, &[u8], &mut W) -> Result<T> + Sync,
    mut take: impl FnMut(T) -> Result<()>,
) -> Result<()> {
    let (count, row_bytes) = (rows.rows(), rows.row_bytes());
    let one = |n: u64, (room, work): &mut (Room, W)| -> Result<T> {
        if observer.cancelled() {
            return Err(Error::cancelled());
        }
        let range = n * plan.strip..((n + 1) * plan.strip).min(count);
        let len = range.end - range.start;
        // the last band is padded with zeros
        let mut bytes = vec![0; (len.div_ceil(plan.band) * plan.band * row_bytes) as usize];
        if !rows.unwritten(range.clone())? || !rows.fill().is_empty() {
            rows.read(range.clone(), &mut bytes[..(len * row_bytes) as usize], room)?;
        }
        observer.advance(len * rows.row_cost());
        make(range, &bytes, work)
    };
    let strips = count.div_ceil(plan.strip);
    let window = 2 * rayon::current_num_threads() as u64;
    let mut next = 0;
    while next < strips {
        let end = (next + window).min(strips);
        let made: Result<Vec<T>> =
            (next..end).into_par_iter().map_init(Default::default, |state, n| one(n, state)).collect();
        made?.into_iter().try_for_each(&mut take)?;
        next = end;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::MadeRows;
    use crate::dtype::Dtype;

    fn numbers(range: Range<u64>, out: &mut [u8]) -> Result<()> {
        for (row, to) in range.zip(out.chunks_exact_mut(2)) {
            to.copy_from_slice(&(row as u16).to_le_bytes());
        }
        Ok(())
    }

    #[test]
    fn strips_are_in_order_and_bands_are_whole() {
        let array = MadeRows::new(Dtype::Uint16, &[103], &numbers);
        let plan = StripPlan { band: 4, strip: 8 };
        let mut all = Vec::new();
        let make = |range: Range<u64>, bytes: &[u8], _: &mut ()| Ok((range, bytes.to_vec()));
        let take = |(range, bytes): (Range<u64>, Vec<u8>)| {
            assert_eq!(bytes.len() % 8, 0, "whole bands");
            all.extend_from_slice(&bytes[..(range.end - range.start) as usize * 2]);
            Ok(())
        };
        strips_in_order(&array, plan, &(), make, take).unwrap();
        let want: Vec<u8> = (0..103u16).flat_map(u16::to_le_bytes).collect();
        assert_eq!(all, want);
    }

    #[test]
    fn a_plan_fits_the_budget() {
        let array = MadeRows::new(Dtype::Float32, &[1_000_000, 100], &numbers).costing(400, 5000);
        let plan = StripPlan::new(&array, 65_536, Budget::new(1 << 30));
        assert_eq!(plan.band, 655);
        assert!(plan.strip >= 5000 && plan.strip.is_multiple_of(655));
        let small = StripPlan::new(&array, 65_536, Budget::new(1 << 20));
        let per_thread = (1 << 18) / rayon::current_num_threads() as u64;
        assert!(small.band <= per_thread / 1200 + 1 && small.strip == small.band, "{small:?}");
    }
}
