//! Memory budget for valid input.

use crate::error::{Error, Result};

/// Memory for buffers in flight. [`Limits`](crate::Limits) protect against invalid files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Budget in bytes.
    pub bytes: u64,
}

/// Smallest budget that any operation plans for, in bytes.
pub(crate) const LEAST: u64 = 1 << 20;

/// Returns how many threads of the current pool can use `each` bytes within `left` bytes, at least 1.
pub(crate) fn workers(left: u64, each: u64) -> usize {
    let affordable = left.checked_div(each).unwrap_or(u64::MAX).max(1);
    rayon::current_num_threads().min(usize::try_from(affordable).unwrap_or(usize::MAX))
}

/// The default budget is 1 GiB.
impl Default for Budget {
    fn default() -> Self {
        Budget::new(1 << 30)
    }
}

impl Budget {
    /// Creates a budget of `bytes` bytes.
    pub fn new(bytes: u64) -> Self {
        Budget { bytes }
    }

    /// Returns an error with the smallest sufficient budget if `bytes` bytes do not fit. 32 MiB always do.
    pub(crate) fn hold(&self, bytes: u64) -> Result<()> {
        if bytes <= self.bytes.max(32 << 20) { Ok(()) } else { self.after(bytes, 0).map(drop) }
    }

    /// Returns the bytes left after `fixed` bytes that are held throughout. Returns an error with the
    /// smallest sufficient budget if fewer than `needed` bytes are left.
    pub(crate) fn after(&self, fixed: u64, needed: u64) -> Result<u64> {
        let least = fixed.saturating_add(needed).max(LEAST);
        if self.bytes < least {
            // Round up to whole MiB, as users would type it.
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
