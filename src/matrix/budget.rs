//! How much memory honest work may take.

use crate::error::{Error, Result};

/// Memory for buffers in flight, in bytes. For files that lie there are [`Limits`](crate::Limits).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Bytes.
    pub bytes: u64,
}

/// The least budget anything is planned for.
pub(crate) const LEAST: u64 = 1 << 20;

/// How many threads of the current pool can have `each` bytes in `left`: one at least.
pub(crate) fn workers(left: u64, each: u64) -> usize {
    let affordable = left.checked_div(each).unwrap_or(u64::MAX).max(1);
    rayon::current_num_threads().min(usize::try_from(affordable).unwrap_or(usize::MAX))
}

/// 1 GiB.
impl Default for Budget {
    fn default() -> Self {
        Budget::new(1 << 30)
    }
}

impl Budget {
    /// A budget of this many bytes.
    pub fn new(bytes: u64) -> Self {
        Budget { bytes }
    }

    /// What is left after `fixed` bytes that are held throughout; an error tells the smallest budget that
    /// leaves `needed`.
    pub(crate) fn after(&self, fixed: u64, needed: u64) -> Result<u64> {
        let least = fixed.saturating_add(needed).max(LEAST);
        if self.bytes < least {
            // In the steps people type, rounded up.
            let mebibytes = least.div_ceil(1 << 20);
            let text = format!(
                "the memory budget is too small (expected at least {mebibytes}M, got {} bytes)",
                self.bytes
            );
            return Err(Error::limit(text).needing(least));
        }
        Ok(self.bytes - fixed)
    }
}
