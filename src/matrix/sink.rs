//! Where blocks go.

use super::block::Block;
use crate::error::Result;

/// Takes blocks, in any order unless it asks for one, from many threads; every entry exactly once.
pub trait Sink: Sync {
    /// What a finished sink gives.
    type Done;

    /// Takes one block.
    ///
    /// # Errors
    /// Where it cannot be taken; the sink must then not be finished.
    fn block(&self, block: &Block<'_>) -> Result<()>;

    /// Commits what was taken. Never called after an error.
    ///
    /// # Errors
    /// Where it cannot be committed; nothing has appeared then.
    fn finish(self) -> Result<Self::Done>;

    /// Bytes of memory the sink needs for a block of `entries` entries, per worker.
    fn working_bytes(&self, entries: u64) -> u64 {
        let _ = entries;
        0
    }

    /// Whether the sink is far slower when blocks do not come one after the other in order, as one is that reads along in
    /// something that can only be read so.
    fn in_order(&self) -> bool {
        false
    }
}

/// Two sinks take the same blocks, so that counting and checking ride along with writing.
impl<A: Sink, B: Sink> Sink for (A, B) {
    type Done = (A::Done, B::Done);

    fn block(&self, block: &Block<'_>) -> Result<()> {
        self.0.block(block)?;
        self.1.block(block)
    }

    fn finish(self) -> Result<Self::Done> {
        // The second may be cheap and refuse; the first writes and commits, so it comes last.
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
