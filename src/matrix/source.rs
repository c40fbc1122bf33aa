//! The `Source` trait, which reads entries of a compressed matrix, and checks of its guarantees.

use super::block::{Block, Values};
use super::layout::Layout;
use crate::dtype::{AlignedBytes, Dtype};
use crate::error::{Error, Result};
use std::any::Any;
use std::ops::Range;

/// A compressed matrix whose entries many threads can read at once.
///
/// Other crates may implement it. The guarantees of the methods are checked when blocks are read (pointers
/// once, number of entries and minor indices of each block), so a source that violates them causes an error.
pub trait Source: Sync {
    /// Orientation, size and value type.
    fn layout(&self) -> &Layout;

    /// First entry of each line, followed by the number of entries. Starts at 0 and never decreases.
    fn pointers(&self) -> &[u64];

    /// Returns the end of a block that starts at entry `start` and should have about `target` entries: the
    /// next position where cutting is cheap. Always above `start` while entries are left. By default any position
    /// is cheap.
    fn cut(&self, start: u64, target: u64) -> u64 {
        start.saturating_add(target.max(1)).min(self.layout().entries)
    }

    /// Like [`cut`](Self::cut), but the end must depend on the matrix alone, not on the budget that the
    /// source was opened with. Override it if `cut` depends on the budget.
    fn fixed_cut(&self, start: u64, target: u64) -> u64 {
        self.cut(start, target)
    }

    /// Largest number of entries that a block cut for `target` can have.
    fn largest_block(&self, target: u64) -> u64 {
        target
    }

    /// Reads entries `range` into `into`. The range starts and ends at cuts or at the ends of lines.
    ///
    /// # Errors
    /// If the entries cannot be read, or a minor index is outside the matrix.
    fn read(&self, range: Range<u64>, into: &mut Buffer) -> Result<()>;

    /// Bytes of memory that each worker needs for reading blocks of `entries` entries, without the entries
    /// themselves.
    fn working_bytes(&self, entries: u64) -> u64 {
        let _ = entries;
        0
    }

    /// Bytes of memory that the source holds throughout.
    fn resident_bytes(&self) -> u64 {
        self.pointers().len() as u64 * 8
    }

    /// Whether blocks must be read in order, because any other read starts from the beginning.
    fn sequential(&self) -> bool {
        false
    }
}

/// A boxed source of any type.
pub type AnySource<'s> = Box<dyn Source + Send + 's>;

impl<S: Source + ?Sized> Source for &S {
    fn layout(&self) -> &Layout {
        (**self).layout()
    }

    fn pointers(&self) -> &[u64] {
        (**self).pointers()
    }

    fn cut(&self, start: u64, target: u64) -> u64 {
        (**self).cut(start, target)
    }

    fn fixed_cut(&self, start: u64, target: u64) -> u64 {
        (**self).fixed_cut(start, target)
    }

    fn largest_block(&self, target: u64) -> u64 {
        (**self).largest_block(target)
    }

    fn read(&self, range: Range<u64>, into: &mut Buffer) -> Result<()> {
        (**self).read(range, into)
    }

    fn working_bytes(&self, entries: u64) -> u64 {
        (**self).working_bytes(entries)
    }

    fn resident_bytes(&self) -> u64 {
        (**self).resident_bytes()
    }

    fn sequential(&self) -> bool {
        (**self).sequential()
    }
}

impl<S: Source + ?Sized> Source for Box<S> {
    fn layout(&self) -> &Layout {
        (**self).layout()
    }

    fn pointers(&self) -> &[u64] {
        (**self).pointers()
    }

    fn cut(&self, start: u64, target: u64) -> u64 {
        (**self).cut(start, target)
    }

    fn fixed_cut(&self, start: u64, target: u64) -> u64 {
        (**self).fixed_cut(start, target)
    }

    fn largest_block(&self, target: u64) -> u64 {
        (**self).largest_block(target)
    }

    fn read(&self, range: Range<u64>, into: &mut Buffer) -> Result<()> {
        (**self).read(range, into)
    }

    fn working_bytes(&self, entries: u64) -> u64 {
        (**self).working_bytes(entries)
    }

    fn resident_bytes(&self) -> u64 {
        (**self).resident_bytes()
    }

    fn sequential(&self) -> bool {
        (**self).sequential()
    }
}

/// Memory for one block, reused for the next; one per worker.
#[derive(Debug, Default)]
pub struct Buffer {
    /// Minor index of each entry.
    pub minor: Vec<u32>,
    /// Values of the entries, little-endian.
    pub values: AlignedBytes,
    /// State that the source keeps between blocks.
    state: Option<Box<dyn Any + Send>>,
    /// Whether the minor indices are known to be valid.
    checked: bool,
}

impl Buffer {
    /// Creates an empty buffer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes room for `entries` entries of `dtype`. The contents are unspecified.
    ///
    /// # Errors
    /// `Limit` if the memory cannot be allocated.
    pub fn resize(&mut self, entries: u64, dtype: Dtype) -> Result<()> {
        let n = usize::try_from(entries).map_err(|_| Error::limit("block too large"))?;
        self.checked = false;
        grow(&mut self.minor, n)?;
        self.values.resize(n.saturating_mul(dtype.size()))
    }

    /// Marks the minor indices as checked, or as valid by construction.
    pub(crate) fn checked(&mut self) {
        self.checked = true;
    }

    /// Returns the `entries` that `source` has read as a block; checks the guarantees of [`Source::read`].
    pub(crate) fn block<'b>(&'b self, source: &'b dyn Source, entries: Range<u64>) -> Result<Block<'b>> {
        let Layout { orientation, dtype, .. } = *source.layout();
        let n = usize::try_from(entries.end.saturating_sub(entries.start)).unwrap_or(usize::MAX);
        let bytes = self.values.get(..n.saturating_mul(dtype.size()));
        let (Some(minor), Some(bytes)) = (self.minor.get(..n), bytes) else {
            let text = format!("a source that read {} entries (expected {n})", self.minor.len());
            return Err(Error::usage(text));
        };
        if !self.checked {
            check_minor(minor, entries.start, source.layout(), source.pointers())?;
        }
        let values = Values { dtype, bytes };
        Ok(Block { orientation, entries, pointers: source.pointers(), minor, values })
    }

    /// Takes the source's own state, created by default the first time. Return it with [`keep`](Self::keep).
    pub fn take_state<T: Default + Send + 'static>(&mut self) -> Box<T> {
        self.state.take().and_then(|s| s.downcast().ok()).unwrap_or_default()
    }

    /// Keeps the source's own state for the next block.
    pub fn keep<T: Send + 'static>(&mut self, state: Box<T>) {
        self.state = Some(state);
    }
}

/// Reads entries of a source as a block, and checks the guarantees of [`Source::read`].
pub(crate) fn read_block<'b>(
    source: &'b dyn Source,
    entries: Range<u64>,
    into: &'b mut Buffer,
) -> Result<Block<'b>> {
    source.read(entries.clone(), into)?;
    into.block(source, entries)
}

/// Checks the guarantees for the layout and pointers of a source.
pub(crate) fn check_source(source: &dyn Source) -> Result<()> {
    let (layout, pointers) = (source.layout(), source.pointers());
    let begins = pointers.first() == Some(&0) && pointers.last() == Some(&layout.entries);
    if pointers.len() as u64 == layout.lines.saturating_add(1) && begins && pointers.is_sorted() {
        return Ok(());
    }
    Err(Error::usage(format!(
        "a source whose pointers do not lead from 0 to {} entries in {} lines",
        layout.entries, layout.lines
    )))
}

fn grow(v: &mut Vec<u32>, n: usize) -> Result<()> {
    v.try_reserve_exact(n.saturating_sub(v.len()))
        .map_err(|_| Error::limit(format!("no memory for a block of {n} elements")))?;
    v.resize(n, 0);
    Ok(())
}

/// Checks that pointers start at 0, never decrease, and end within `available` entries. Every source must do
/// this: later code relies on it for each subtraction of two pointers.
///
/// # Errors
/// `Malformed` with the first invalid line.
pub fn validated_pointers(pointers: Vec<u64>, lines: u64, available: u64) -> Result<Vec<u64>> {
    if pointers.len() as u64 != lines.saturating_add(1) {
        let text = format!("indptr (expected {} values, got {})", lines.saturating_add(1), pointers.len());
        return Err(Error::malformed(text));
    }
    if pointers[0] != 0 {
        return Err(Error::malformed(format!("indptr begins at {} instead of 0", pointers[0])));
    }
    if let Some(i) = pointers.windows(2).position(|w| w[1] < w[0]) {
        let (a, b) = (pointers[i], pointers[i + 1]);
        let hint = if a >= 1 << 31 || b >= 1 << 63 { " (a 32-bit counter that wrapped around)" } else { "" };
        return Err(Error::malformed(format!("indptr falls from {a} to {b} at line {i}{hint}")));
    }
    let last = pointers[pointers.len() - 1];
    if last > available {
        return Err(Error::malformed(format!("indptr ends at {last}, but there are {available} entries")));
    }
    Ok(pointers)
}

/// Checks that all minor indices of a block are below `minor`.
///
/// # Errors
/// `Malformed` with the line and the index of the first that is not.
pub fn check_minor(minor: &[u32], first_entry: u64, layout: &Layout, pointers: &[u64]) -> Result<()> {
    let is_inside = |m: u32| u64::from(m) < layout.minor;
    // One pass without branches; a second, slower pass only locates the error.
    let highest = minor.iter().fold(0u32, |a, b| a.max(*b));
    if minor.is_empty() || is_inside(highest) {
        return Ok(());
    }
    let at = minor.iter().position(|m| !is_inside(*m)).unwrap_or(0);
    Err(outside(i64::from(minor[at]), first_entry + at as u64, layout, pointers))
}

/// Returns the error for a minor index outside the matrix.
pub(crate) fn outside(index: i64, entry: u64, layout: &Layout, pointers: &[u64]) -> Error {
    let line = super::block::line_of(pointers, entry);
    let (major, minor) = match layout.orientation {
        super::Orientation::Csr => ("row", "column"),
        super::Orientation::Csc => ("column", "row"),
    };
    // A negative 32-bit index is read as a very large one.
    let index =
        if index > i64::from(i32::MAX) && layout.minor <= 1 << 31 { index as i32 as i64 } else { index };
    Error::malformed(format!("{minor} index {index} in {major} {line} (expected below {})", layout.minor))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::Orientation;

    #[test]
    fn pointers_are_validated() {
        assert!(validated_pointers(vec![0, 2, 2, 5], 3, 5).is_ok());
        assert!(
            validated_pointers(vec![0, 2, 2, 4], 3, 5).is_ok(),
            "entries behind the last line are ignored"
        );
        for (wrong, lines) in
            [(vec![0, 2], 3), (vec![1, 2, 3, 5], 3), (vec![0, 3, 2, 5], 3), (vec![0, 1, 2, 6], 3)]
        {
            assert!(validated_pointers(wrong.clone(), lines, 5).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn the_first_index_outside_is_named() {
        let layout =
            Layout { orientation: Orientation::Csr, lines: 2, minor: 15, entries: 4, dtype: Dtype::Float32 };
        let e = check_minor(&[0, 999, 3, 15], 0, &layout, &[0, 3, 4]).unwrap_err();
        assert_eq!(e.message(), "column index 999 in row 0 (expected below 15)");
        let e = check_minor(&[u32::MAX], 3, &layout, &[0, 3, 4]).unwrap_err();
        assert_eq!(e.message(), "column index -1 in row 1 (expected below 15)");
        check_minor(&[14], 0, &layout, &[0, 3, 4]).unwrap();
        let widest = Layout { minor: 1 << 32, ..layout };
        check_minor(&[u32::MAX], 0, &widest, &[0, 3, 4]).unwrap();
        let e =
            check_minor(&[u32::MAX], 0, &Layout { minor: (1 << 32) - 1, ..layout }, &[0, 3, 4]).unwrap_err();
        assert_eq!(e.message(), "column index 4294967295 in row 0 (expected below 4294967295)");
    }
}
