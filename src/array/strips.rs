//! Reads all rows of an array, strip by strip: processed on all cores, passed on in order.

use super::plan::StripPlan;
use super::rows::{Room, Rows};
use crate::error::{Error, Result};
use crate::observe::Observer;
use rayon::prelude::*;
use std::ops::Range;

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
    let strips = Strips { rows, plan, observer };
    if plan.in_order {
        return strips.read_ahead(make, take);
    }
    let one = |n: u64, (room, work): &mut (Room, W)| -> Result<T> {
        let (range, bytes) = strips.read(n, room)?;
        make(range, &bytes, work)
    };
    // no more strips at once than the plan has memory for
    let window = match plan.workers as u64 {
        all if all >= rayon::current_num_threads() as u64 => 2 * all,
        some => some.max(1),
    };
    let (mut next, count) = (0, strips.count());
    while next < count {
        let end = (next + window).min(count);
        let made: Result<Vec<T>> =
            (next..end).into_par_iter().map_init(Default::default, |state, n| one(n, state)).collect();
        made?.into_iter().try_for_each(&mut take)?;
        next = end;
    }
    Ok(())
}

/// Rows and their bytes, padded with zeros to whole bands.
type Strip = (Range<u64>, Vec<u8>);

struct Strips<'a> {
    rows: &'a dyn Rows,
    plan: StripPlan,
    observer: &'a dyn Observer,
}

impl Strips<'_> {
    fn count(&self) -> u64 {
        self.rows.rows().div_ceil(self.plan.strip)
    }

    fn read(&self, n: u64, room: &mut Room) -> Result<Strip> {
        if self.observer.cancelled() {
            return Err(Error::cancelled());
        }
        let (rows, plan, row_bytes) = (self.rows, self.plan, self.rows.row_bytes());
        let range = n * plan.strip..((n + 1) * plan.strip).min(rows.rows());
        let len = range.end - range.start;
        let mut bytes = vec![0; (len.div_ceil(plan.band) * plan.band * row_bytes) as usize];
        if !rows.unwritten(range.clone())? || !rows.fill().is_empty() {
            rows.read(range.clone(), &mut bytes[..(len * row_bytes) as usize], room)?;
        }
        self.observer.advance(len * rows.row_cost());
        Ok((range, bytes))
    }

    /// Reads the strips one after the other, a few ahead of those that are processed on all threads.
    fn read_ahead<T: Send, W: Default + Send>(
        &self,
        make: impl Fn(Range<u64>, &[u8], &mut W) -> Result<T> + Sync,
        mut take: impl FnMut(T) -> Result<()>,
    ) -> Result<()> {
        let (mut room, mut next) = (Room::in_order(), 0);
        let mut now: Vec<Strip> = Vec::new();
        loop {
            let end = (next + self.plan.workers as u64).min(self.count());
            let read = || (next..end).map(|n| self.read(n, &mut room)).collect::<Result<Vec<Strip>>>();
            let made = || -> Result<Vec<T>> {
                let strips = now.par_iter();
                strips.map_init(W::default, |work, (range, bytes)| make(range.clone(), bytes, work)).collect()
            };
            let (ahead, made) = rayon::join(read, made);
            made?.into_iter().try_for_each(&mut take)?;
            now = ahead?;
            if now.is_empty() {
                return Ok(());
            }
            next = end;
        }
    }
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
        for in_order in [false, true] {
            let array = MadeRows::new(Dtype::Uint16, &[103], &numbers);
            let plan = StripPlan { band: 4, strip: 8, workers: 2, in_order };
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
    }
}
