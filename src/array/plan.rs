//! How the rows of an array are divided so that they fit a budget.

use super::rows::{InOrder, Rows};
use crate::error::Result;
use crate::matrix::Budget;

/// How the rows of an array are divided: a strip is read at once by one thread, and consists of bands, the units
/// that the consumer needs whole, such as chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StripPlan {
    /// Number of rows of a band; at least one.
    pub band: u64,
    /// Number of rows of a strip, a multiple of `band`; the last strip may have fewer.
    pub strip: u64,
    /// Number of strips that are in memory at a time, for each of the steps reading and processing.
    pub workers: usize,
    /// Whether strips are read one after the other, in a room [in order](super::Room::in_order).
    pub in_order: bool,
}

/// Maximum number of times that a chunk is decoded, where it can be neither held nor decoded in order.
const MOST_TIMES: u64 = 16;
/// Bytes of a strip that is read in order, unless a band has more.
const STRIP: u64 = 4 << 20;

/// What the rows of an array cost, in bytes.
struct RowCosts<'a> {
    rows: &'a dyn Rows,
    row: u64,
    /// Besides the row itself.
    more: u64,
    room: u64,
}

impl RowCosts<'_> {
    /// Reading and processing a strip of `n` rows: the rows, what is made of them, and what reading them takes.
    fn strip(&self, n: u64) -> u64 {
        n.saturating_mul(2 * self.row).saturating_add(n.saturating_mul(self.more).max(self.room))
    }

    /// The same for strips that are read ahead while others are processed, without the room.
    fn ahead(&self, n: u64) -> u64 {
        n.saturating_mul((3 * self.row).saturating_add(self.more))
    }

    /// The number of strips of `n` rows for which everything is decoded again.
    fn times(&self, n: u64, order: Option<InOrder>) -> u64 {
        match order {
            Some(InOrder { ascending: true, .. }) => 1,
            Some(_) => self.rows.rows().div_ceil(n.max(1)),
            None => self.rows.together().min(self.rows.rows()).div_ceil(n.max(1)),
        }
    }
}

impl StripPlan {
    /// Plans bands of about `elements` elements, and strips that the budget has memory for. Strips are the rows that
    /// are decoded together, read by as many threads of the current rayon pool as a quarter of the budget has
    /// memory for; if those are too many rows, fewer rows read in order; if there is no order, fewer rows, so that
    /// they are decoded several times, but not more than 16 times.
    ///
    /// # Errors
    /// `Limit` with the smallest sufficient budget if the budget is too small; errors of the container.
    pub fn new(rows: &dyn Rows, elements: u64, budget: Budget) -> Result<Self> {
        let (size, row) = (u64::from(rows.datatype().size), rows.row_bytes().max(1));
        let costs = RowCosts { rows, row, more: rows.row_cost(), room: rows.room_bytes() };
        let (count, share) = (rows.rows().max(1), budget.bytes / 4);
        let most = (share / costs.ahead(1).max(1)).max(1);
        let band = (elements.saturating_mul(size) / row).clamp(1, most).min(count);
        let threads = rayon::current_num_threads();

        let together = rows.together().clamp(band, count.max(band)).div_ceil(band) * band;
        let whole = costs.strip(together);
        if whole <= share {
            let workers = usize::try_from(share / whole.max(1)).unwrap_or(threads).clamp(1, threads);
            return Ok(StripPlan { band, strip: together, workers, in_order: false });
        }
        // three quarters, so that the writer and the tables have the rest
        let most = budget.bytes / 4 * 3;
        let order = rows.in_order()?;
        let held = order.map_or(costs.room, |order| order.memory);
        let n = most.saturating_sub(held) / costs.ahead(1).max(1) / band * band;
        let n = n.min(count.div_ceil(band) * band);
        let ascending = order.is_some_and(|order| order.ascending);
        if n > 0 && costs.times(n, order) <= MOST_TIMES {
            if !ascending {
                return Ok(StripPlan { band, strip: n, workers: 1, in_order: order.is_some() });
            }
            let workers = usize::try_from(n / band).unwrap_or(threads).clamp(1, threads);
            let strip = (n / workers as u64).min(STRIP / row).max(band) / band * band;
            return Ok(StripPlan { band, strip, workers, in_order: true });
        }
        let few = if ascending { band } else { costs.times(1, order).div_ceil(MOST_TIMES) };
        let few = few.next_multiple_of(band);
        let least = held.saturating_add(costs.ahead(few)).saturating_add(4).saturating_mul(4) / 3;
        let least = least.min(whole.saturating_mul(4)).max(budget.bytes.saturating_add(1));
        budget.after(least, 0).map(|_| StripPlan { band, strip: band, workers: 1, in_order: order.is_some() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::{MadeRows, Room};
    use crate::dtype::{Datatype, Dtype};
    use crate::error::Kind;
    use std::ops::Range;

    /// An array of a million rows of 400 bytes, all in one chunk.
    struct Giant {
        datatype: Datatype,
        order: Option<InOrder>,
        room: u64,
    }

    impl Rows for Giant {
        fn datatype(&self) -> &Datatype {
            &self.datatype
        }

        fn shape(&self) -> &[u64] {
            &[1_000_000, 100]
        }

        fn together(&self) -> u64 {
            1_000_000
        }

        fn room_bytes(&self) -> u64 {
            self.room
        }

        fn in_order(&self) -> Result<Option<InOrder>> {
            Ok(self.order)
        }

        fn read(&self, _: Range<u64>, _: &mut [u8], _: &mut Room) -> Result<()> {
            Ok(())
        }
    }

    fn giant(order: Option<InOrder>, room: u64) -> Giant {
        Giant { datatype: Datatype::of(Dtype::Float32), order, room }
    }

    #[test]
    fn a_plan_fits_the_budget() {
        let nothing = |_: Range<u64>, _: &mut [u8]| Ok(());
        let array = MadeRows::new(Dtype::Float32, &[1_000_000, 100], &nothing).costing(400, 5000);
        let plan = StripPlan::new(&array, 65_536, Budget::new(1 << 30)).unwrap();
        assert_eq!(plan.band, 655);
        assert!(plan.strip >= 5000 && plan.strip.is_multiple_of(655) && !plan.in_order);
        // 5240 rows of 1200 bytes at a time are too many
        let small = StripPlan::new(&array, 65_536, Budget::new(10 << 20)).unwrap();
        assert!(small.strip * 1600 < 10 << 20 && small.strip.is_multiple_of(655), "{small:?}");
    }

    #[test]
    fn giant_chunks_are_read_in_order() {
        let order = Some(InOrder { memory: 1 << 20, ascending: true });
        let plan = StripPlan::new(&giant(order, 800 << 20), 65_536, Budget::new(64 << 20)).unwrap();
        assert!(plan.in_order && plan.strip <= STRIP / 400, "{plan:?}");
        // the budget has memory for the chunk
        let plan = StripPlan::new(&giant(order, 800 << 20), 65_536, Budget::new(8 << 30)).unwrap();
        assert!(!plan.in_order && plan.workers == 1 && plan.strip >= 1_000_000, "{plan:?}");
    }

    #[test]
    fn a_budget_too_small_for_few_passes_is_refused_with_the_least() {
        let unordered = InOrder { memory: 1 << 20, ascending: false };
        for (order, room) in [(Some(unordered), 0), (None, 400 << 20), (None, 0)] {
            let rows = giant(order, room);
            let error = StripPlan::new(&rows, 65_536, Budget::new(32 << 20)).unwrap_err();
            assert_eq!(error.kind(), Kind::Limit);
            let least = Budget::new(error.needed().unwrap().next_multiple_of(1 << 20));
            let plan = StripPlan::new(&rows, 65_536, least).unwrap();
            assert!(1_000_000 / plan.strip < MOST_TIMES, "{plan:?}");
            assert!(least.bytes < 2 << 30 && plan.strip * 800 + room < least.bytes);
        }
    }
}
