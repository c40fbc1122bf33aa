//! The `Sink` trait, which receives blocks of a compressed matrix.

use super::block::Block;
use crate::error::Result;

/// A destination of blocks, called from many threads. Blocks arrive in any order, unless
/// [`in_order`](Self::in_order) returns true; every entry arrives exactly once.
pub trait Sink: Sync {
    /// Result of a finished sink.
    type Done;

    /// Receives one block.
    ///
    /// # Errors
    /// If the block cannot be processed; the sink must then not be finished.
    fn block(&self, block: &Block<'_>) -> Result<()>;

    /// Commits all blocks. Never called after an error.
    ///
    /// # Errors
    /// If the output cannot be committed; no output is left then.
    fn finish(self) -> Result<Self::Done>;

    /// Bytes of memory that each worker needs for passing a block of `entries` entries to the sink.
    fn working_bytes(&self, entries: u64) -> u64 {
        let _ = entries;
        0
    }

    /// Whether blocks should arrive in order, e.g. because the sink reads a sequential source alongside.
    fn in_order(&self) -> bool {
        false
    }
}

/// Passes the same blocks to two sinks, e.g. to count or check entries while they are written.
impl<A: Sink, B: Sink> Sink for (A, B) {
    type Done = (A::Done, B::Done);

    fn block(&self, block: &Block<'_>) -> Result<()> {
        self.0.block(block)?;
        self.1.block(block)
    }

    fn finish(self) -> Result<Self::Done> {
        // Finish the second first: it may be a check that fails, while the first commits the output.
        let second = self.1.finish()?;
        Ok((self.0.finish()?, second))
    }

    fn working_bytes(&self, entries: u64) -> u64 {
        self.0.working_bytes(entries) + self.1.working_bytes(entries)
    }

    fn in_order(&self) -> bool {
        self.0.in_order() || self.1.in_order()
    }
}
