//! A matrix with its values in another type.

use crate::dtype::{Dtype, Policy, cast};
use crate::error::Result;
use crate::matrix::layout::Layout;
use crate::matrix::source::{Buffer, Source, read_block};
use std::ops::Range;

/// A source whose values are converted as they are read.
pub struct CastValues<'s> {
    from: &'s dyn Source,
    layout: Layout,
    policy: Policy,
}

impl<'s> CastValues<'s> {
    /// The entries of `from` with values of type `dtype`. Reading is an error of kind `Usage` where `policy` refuses
    /// a value.
    pub fn new(from: &'s dyn Source, dtype: Dtype, policy: Policy) -> Self {
        CastValues { from, layout: Layout { dtype, ..*from.layout() }, policy }
    }
}

impl std::fmt::Debug for CastValues<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CastValues").field("layout", &self.layout).field("policy", &self.policy).finish()
    }
}

impl Source for CastValues<'_> {
    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn pointers(&self) -> &[u64] {
        self.from.pointers()
    }

    fn cut(&self, start: u64, target: u64) -> u64 {
        self.from.cut(start, target)
    }

    fn fixed_cut(&self, start: u64, target: u64) -> u64 {
        self.from.fixed_cut(start, target)
    }

    fn largest_block(&self, target: u64) -> u64 {
        self.from.largest_block(target)
    }

    fn read(&self, range: Range<u64>, into: &mut Buffer) -> Result<()> {
        let mut state: Box<Buffer> = into.take_state();
        let block = read_block(self.from, range, &mut state)?;
        let to = self.layout.dtype;
        into.resize(block.minor.len() as u64, to)?;
        into.minor.copy_from_slice(block.minor);
        cast(block.values.dtype, block.values.bytes, to, &mut into.values, self.policy)
            .map_err(|bad| block.misfit(bad, to, self.policy))?;
        into.checked();
        into.keep(state);
        Ok(())
    }

    fn working_bytes(&self, entries: u64) -> u64 {
        let own = entries.saturating_mul(self.from.layout().entry_bytes());
        self.from.working_bytes(entries).saturating_add(own)
    }

    fn resident_bytes(&self) -> u64 {
        self.from.resident_bytes()
    }

    fn sequential(&self) -> bool {
        self.from.sequential()
    }
}
