//! Blocks as an iterator, for executors other than rayon.

use super::block::{Block, Values};
use super::entries::Entries;
use super::layout::Orientation;
use super::pump::BlockPlan;
use super::source::{Buffer, Source, check_source, read_block};
use crate::dtype::{AlignedBytes, Dtype};
use crate::error::{Error, Result};
use crate::observe::Observer;
use rayon::prelude::*;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

/// A block that owns its entries, so that it can be kept or sent to another thread.
#[derive(Debug, Clone)]
pub struct OwnedBlock {
    orientation: Orientation,
    dtype: Dtype,
    entries: Range<u64>,
    pointers: Arc<[u64]>,
    minor: Vec<u32>,
    values: AlignedBytes,
}

impl OwnedBlock {
    /// Positions of these entries in the matrix.
    pub fn entries(&self) -> Range<u64> {
        self.entries.clone()
    }

    /// Minor index of each entry.
    pub fn minor(&self) -> &[u32] {
        &self.minor
    }

    /// Value of each entry.
    pub fn values(&self) -> Values<'_> {
        Values { dtype: self.dtype, bytes: &self.values }
    }

    /// Returns a borrowed [`Block`], with its lines and [`each`](Block::each).
    pub fn block(&self) -> Block<'_> {
        Block {
            orientation: self.orientation,
            entries: self.entries(),
            pointers: &self.pointers,
            minor: &self.minor,
            values: self.values(),
        }
    }
}

impl<'s> Entries<'s> {
    /// Returns all blocks in order, for executors other than rayon. As many blocks as the budget holds are
    /// decoded at once, on the rayon pool in which [`next`](Iterator::next) is called, and then returned one
    /// by one.
    ///
    /// ```
    /// # use annmap::Dtype;
    /// # use annmap::matrix::{InMemory, Layout, Orientation, entries};
    /// # fn main() -> annmap::Result<()> {
    /// # let (orientation, dtype) = (Orientation::Csr, Dtype::Uint8);
    /// # let layout = Layout { orientation, lines: 2, minor: 3, entries: 3, dtype };
    /// # let x = InMemory::new(layout, vec![0, 2, 3], vec![0, 2, 2], vec![1, 2, 3])?;
    /// for block in entries(&x).blocks()? {
    ///     let block = block?;
    ///     println!("{} entries, values {:?}", block.entries().count(), block.values().to_vec::<f32>()?);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `Limit` if the budget is too small for one block. The iterator returns errors of reading and then
    /// ends.
    pub fn blocks(self) -> Result<Blocks<'s>> {
        Blocks::new(self)
    }
}

/// Iterator over the blocks of a source in order; see [`Entries::blocks`].
pub struct Blocks<'s> {
    reader: Reader<'s>,
    /// Target entries of a block.
    target: u64,
    /// Next entry to read; past the end after an error.
    next: u64,
    /// One buffer per block that is decoded at the same time.
    buffers: Vec<Buffer>,
    ready: VecDeque<Result<OwnedBlock>>,
}

/// State shared by all workers.
struct Reader<'s> {
    source: &'s dyn Source,
    observer: &'s dyn Observer,
    pointers: Arc<[u64]>,
}

impl std::fmt::Debug for Blocks<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let layout = self.reader.source.layout();
        f.debug_struct("Blocks").field("layout", layout).field("next", &self.next).finish_non_exhaustive()
    }
}

impl<'s> Blocks<'s> {
    pub(super) fn new(of: Entries<'s>) -> Result<Self> {
        let Entries { source, budget, observer, .. } = of;
        check_source(source)?;
        let pointers = source.pointers();
        let plan = BlockPlan::new(source, true, budget, pointers.len() as u64 * 8, &|_| 0)?;
        let buffers = std::iter::repeat_with(Buffer::new).take(plan.workers).collect();
        let reader = Reader { source, observer, pointers: Arc::from(pointers) };
        Ok(Blocks { reader, target: plan.target, next: 0, buffers, ready: VecDeque::new() })
    }

    /// Decodes one block per buffer.
    fn read_ahead(&mut self) {
        let Blocks { reader, target, next, buffers, ready } = self;
        let total = reader.source.layout().entries;
        let mut ranges = Vec::with_capacity(buffers.len());
        while *next < total && ranges.len() < buffers.len() {
            let end = reader.source.cut(*next, *target).clamp(*next + 1, total);
            ranges.push(*next..end);
            *next = end;
        }
        let reader = &*reader;
        let read = |(buffer, range): (&mut Buffer, Range<u64>)| reader.read(buffer, range);
        let blocks: Vec<Result<OwnedBlock>> = if reader.source.sequential() {
            buffers.iter_mut().zip(ranges).map(read).collect()
        } else {
            buffers.par_iter_mut().zip(ranges).map(read).collect()
        };
        ready.extend(blocks);
    }
}

impl Reader<'_> {
    fn read(&self, buffer: &mut Buffer, entries: Range<u64>) -> Result<OwnedBlock> {
        if self.observer.cancelled() {
            return Err(Error::cancelled());
        }
        let n = read_block(self.source, entries.clone(), buffer)?.minor.len();
        let layout = self.source.layout();
        let mut minor = std::mem::take(&mut buffer.minor);
        let mut values = std::mem::take(&mut buffer.values);
        minor.truncate(n);
        values.resize(n * layout.dtype.size())?;
        self.observer.advance(n as u64 * layout.entry_bytes());
        Ok(OwnedBlock {
            orientation: layout.orientation,
            dtype: layout.dtype,
            entries,
            pointers: Arc::clone(&self.pointers),
            minor,
            values,
        })
    }
}

impl Iterator for Blocks<'_> {
    type Item = Result<OwnedBlock>;

    fn next(&mut self) -> Option<Result<OwnedBlock>> {
        if self.ready.is_empty() {
            self.read_ahead();
        }
        let block = self.ready.pop_front()?;
        if block.is_err() {
            // End the iteration after an error.
            self.next = self.reader.source.layout().entries;
            self.ready.clear();
        }
        Some(block)
    }
}
