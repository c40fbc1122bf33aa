//! A compressed matrix in memory, as a source, and a sink that creates one.

use super::block::{Block, typed};
use super::budget::Budget;
use super::layout::Layout;
use super::pump::pump;
use super::sink::Sink;
use super::source::{Buffer, Source, check_minor, validated_pointers};
use crate::dtype::{AlignedBytes, Element};
use crate::error::{Error, Result};
use crate::observe::Observer;
use crate::sync::{into_inner, lock};
use std::ops::Range;
use std::sync::Mutex;

/// A whole compressed matrix in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct InMemory {
    layout: Layout,
    pointers: Vec<u64>,
    minor: Vec<u32>,
    values: AlignedBytes,
}

impl InMemory {
    /// Creates a matrix from its three arrays, which are checked. `values` are little-endian.
    ///
    /// # Errors
    /// `Malformed` if the arrays are inconsistent with each other or with `layout`.
    pub fn new(layout: Layout, pointers: Vec<u64>, minor: Vec<u32>, values: Vec<u8>) -> Result<Self> {
        Self::of_aligned(layout, pointers, minor, values.into())
    }

    pub(crate) fn of_aligned(
        layout: Layout,
        pointers: Vec<u64>,
        minor: Vec<u32>,
        values: AlignedBytes,
    ) -> Result<Self> {
        let pointers = validated_pointers(pointers, layout.lines, layout.entries)?;
        let size = layout.dtype.size() as u64;
        if minor.len() as u64 != layout.entries || values.len() as u64 != layout.entries * size {
            return Err(Error::malformed("indices and data of different lengths"));
        }
        check_minor(&minor, 0, &layout, &pointers)?;
        Ok(InMemory { layout, pointers, minor, values })
    }

    /// Reads all of `source` into memory, on all threads of the current pool. Wrap the source in a
    /// [`Selected`](super::Selected) to read a slice.
    ///
    /// # Errors
    /// Errors of reading; `Limit` if the matrix does not fit the budget.
    pub fn read(source: &dyn Source, budget: Budget, observer: &dyn Observer) -> Result<Self> {
        let layout = source.layout();
        let bytes = layout.bytes();
        let left = budget.after(bytes.saturating_add(layout.lines.saturating_mul(8)), 0)?;
        pump(source, IntoMemory::new(layout), Budget::new(left), observer)
    }

    /// Minor index of each entry.
    pub fn minor(&self) -> &[u32] {
        &self.minor
    }

    /// Values as little-endian bytes.
    pub fn values(&self) -> &[u8] {
        &self.values
    }

    /// Returns the values as a slice of `T`, without a copy.
    ///
    /// # Errors
    /// `Usage` if `T` is not the type of the values.
    pub fn data<T: Element>(&self) -> Result<&[T]> {
        typed(self.layout.dtype, &self.values)
    }
}

impl Source for InMemory {
    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn pointers(&self) -> &[u64] {
        &self.pointers
    }

    fn read(&self, range: Range<u64>, into: &mut Buffer) -> Result<()> {
        into.resize(range.end - range.start, self.layout.dtype)?;
        let (from, to) = (range.start as usize, range.end as usize);
        let size = self.layout.dtype.size();
        into.minor.copy_from_slice(&self.minor[from..to]);
        into.values.copy_from_slice(&self.values[from * size..to * size]);
        into.checked();
        Ok(())
    }
}

/// A sink that collects a matrix in memory.
#[derive(Debug)]
pub struct IntoMemory {
    layout: Layout,
    state: Mutex<Arrays>,
}

#[derive(Debug)]
struct Arrays {
    pointers: Vec<u64>,
    minor: Vec<u32>,
    values: AlignedBytes,
}

impl IntoMemory {
    /// Creates a sink for a matrix of this layout.
    pub fn new(layout: &Layout) -> Self {
        let n = layout.entries as usize;
        let pointers = vec![0; layout.lines as usize + 1];
        let state = Arrays { pointers, minor: vec![0; n], values: vec![0; n * layout.dtype.size()].into() };
        IntoMemory { layout: *layout, state: Mutex::new(state) }
    }
}

impl Sink for IntoMemory {
    type Done = InMemory;

    fn block(&self, block: &Block<'_>) -> Result<()> {
        let mut state = lock(&self.state);
        let (from, to) = (block.entries.start as usize, block.entries.end as usize);
        let size = self.layout.dtype.size();
        if state.pointers.last() == Some(&0) {
            state.pointers.copy_from_slice(block.pointers);
        }
        state.minor[from..to].copy_from_slice(block.minor);
        state.values[from * size..to * size].copy_from_slice(block.values.bytes);
        Ok(())
    }

    fn finish(self) -> Result<InMemory> {
        let s = into_inner(self.state);
        InMemory::of_aligned(self.layout, s.pointers, s.minor, s.values)
    }
}
