//! A block: a range of entries passed from a source to a sink.

use super::layout::Orientation;
use crate::dtype::{self, Dtype, Element, Policy, Scalar, convert_into};
use crate::error::{Error, Hint, Result};
use std::ops::Range;

/// Values converted at once by [`Block::each`], few enough to fit the innermost cache.
const BATCH: usize = 512;

/// Values of a range of entries, as little-endian bytes of one type.
#[derive(Debug, Clone, Copy)]
pub struct Values<'a> {
    /// Type of the values.
    pub dtype: Dtype,
    /// Bytes of the values, without gaps.
    pub bytes: &'a [u8],
}

impl<'a> Values<'a> {
    /// Number of values.
    pub fn len(&self) -> usize {
        self.bytes.len() / self.dtype.size()
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Returns value number `index`, or `None` past the end. Meant for single look-ups, as the type is
    /// dispatched on each call.
    pub fn get(&self, index: usize) -> Option<Scalar> {
        dtype::scalar_at(self.dtype, self.bytes, index)
    }

    /// Returns the values without a copy, bool as `u8`. Blocks of this crate are aligned for every type.
    ///
    /// # Errors
    /// `Usage` if `T` is not the type of the values, or the bytes are not aligned for it.
    pub fn as_slice<T: Element>(&self) -> Result<&'a [T]> {
        typed(self.dtype, self.bytes)
    }

    /// Converts all values to `T` exactly.
    ///
    /// # Errors
    /// `Usage` with the first value that `T` cannot represent exactly, and its position. Every float type
    /// holds NaN and infinity; `f64` holds every value of every type except 64-bit integers beyond 2^53.
    pub fn to_vec<T: Element>(&self) -> Result<Vec<T>> {
        self.converted(Policy::Exact)
    }

    /// Converts all values to the nearest `T`, ties to even.
    ///
    /// # Errors
    /// `Usage` with the first value that is outside the range of `T`, or is NaN if `T` is an integer type.
    pub fn cast<T: Element>(&self) -> Result<Vec<T>> {
        self.converted(Policy::Round)
    }

    fn converted<T: Element>(&self, policy: Policy) -> Result<Vec<T>> {
        let mut out = crate::limits::reserved(self.len())?;
        out.resize(self.len(), T::zeroed());
        convert_into(self.dtype, self.bytes, &mut out, policy).map_err(|bad| {
            Error::usage(format!("value {} at {bad} {}", self.shown(bad), does_not_fit(T::DTYPE, policy)))
        })?;
        Ok(out)
    }

    /// Returns value number `index` as text.
    fn shown(&self, index: usize) -> String {
        self.get(index).map(|v| v.to_string()).unwrap_or_default()
    }
}

/// Returns the bytes of values of `dtype` as a slice of `T`, without a copy.
pub(crate) fn typed<T: Element>(dtype: Dtype, bytes: &[u8]) -> Result<&[T]> {
    // Bool values are stored as bytes.
    if dtype != T::DTYPE && (dtype, T::DTYPE) != (Dtype::Bool, Dtype::Uint8) {
        return Err(Error::usage(format!("expected {}, got {dtype}", T::DTYPE)));
    }
    if bytes.is_empty() {
        return Ok(&[]);
    }
    bytemuck::try_cast_slice(bytes).map_err(|e| Error::usage(format!("bytes of {dtype} in place: {e}")))
}

fn does_not_fit(to: Dtype, policy: Policy) -> String {
    format!("does not fit {to}{}", if policy == Policy::Exact { " exactly" } else { "" })
}

/// The error for a value, as text, in a row and a column, which `to` cannot represent.
pub(crate) fn misfit(value: &str, [row, column]: [u64; 2], to: Dtype, policy: Policy) -> Error {
    let misfit = does_not_fit(to, policy);
    let error = Error::usage(format!("value {value} in row {row}, column {column} {misfit}"));
    if policy == Policy::Exact { error.hinting(Hint::RoundValues) } else { error }
}

/// A range of entries of a matrix.
#[derive(Debug, Clone)]
pub struct Block<'a> {
    /// Whether lines are rows or columns.
    pub orientation: Orientation,
    /// Positions of these entries in the matrix.
    pub entries: Range<u64>,
    /// First entry of each line of the whole matrix, followed by the number of entries.
    pub pointers: &'a [u64],
    /// Minor index of each entry.
    pub minor: &'a [u32],
    /// Value of each entry.
    pub values: Values<'a>,
}

/// The part of a line that is in a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Number of the line in the matrix.
    pub number: usize,
    /// Entries of the line, counted from the block's first.
    pub range: Range<usize>,
    /// Whether the line has entries before the block.
    pub continued: bool,
    /// Whether the line has entries after the block.
    pub continues: bool,
}

impl<'a> Block<'a> {
    /// Calls `visit` with row, column and value of each entry in stored order, whether lines are rows or
    /// columns. The type is dispatched once per block, not once per entry.
    ///
    /// A sum accumulated entry by entry in this way does not depend on where blocks end.
    ///
    /// # Errors
    /// `Usage` with row and column of the first value that `T` cannot represent exactly; earlier entries may
    /// have been visited. `f64` holds every value of every type except 64-bit integers beyond 2^53. See
    /// [`each_cast`](Self::each_cast).
    pub fn each<T: Element>(&self, visit: impl FnMut(usize, usize, T)) -> Result<()> {
        self.each_as(Policy::Exact, visit)
    }

    /// Like [`each`](Self::each), but rounds values to the nearest `T`, ties to even.
    ///
    /// # Errors
    /// `Usage` with row and column of the first value that is outside the range of `T`, or is NaN if `T` is
    /// an integer type.
    pub fn each_cast<T: Element>(&self, visit: impl FnMut(usize, usize, T)) -> Result<()> {
        self.each_as(Policy::Round, visit)
    }

    fn each_as<T: Element>(&self, policy: Policy, mut visit: impl FnMut(usize, usize, T)) -> Result<()> {
        match self.orientation {
            Orientation::Csr => self.each_entry(policy, visit),
            Orientation::Csc => self.each_entry(policy, |line, minor, value| visit(minor, line, value)),
        }
    }

    /// Converts values in batches, so that `visit` is compiled once and not once for each stored type.
    #[inline]
    fn each_entry<T: Element>(&self, policy: Policy, mut visit: impl FnMut(usize, usize, T)) -> Result<()> {
        let mut batch = [T::zeroed(); BATCH];
        let mut filled = 0..0;
        for line in self.lines() {
            let mut at = line.range.start;
            while at < line.range.end {
                if at >= filled.end {
                    filled = at..(at + BATCH).min(self.minor.len());
                    self.convert(policy, filled.clone(), &mut batch)?;
                }
                let end = line.range.end.min(filled.end);
                for (minor, value) in self.minor[at..end].iter().zip(&batch[at - filled.start..]) {
                    visit(line.number, *minor as usize, *value);
                }
                at = end;
            }
        }
        Ok(())
    }

    /// Converts the values of some entries of the block, counted from its first.
    fn convert<T: Element>(&self, policy: Policy, entries: Range<usize>, out: &mut [T]) -> Result<()> {
        let (size, first, n) = (self.values.dtype.size(), entries.start, entries.len());
        let bytes = &self.values.bytes[first * size..entries.end * size];
        convert_into(self.values.dtype, bytes, &mut out[..n], policy)
            .map_err(|bad| self.misfit(first + bad, T::DTYPE, policy))
    }

    /// Returns the error for value number `bad` of the block, which `to` cannot represent.
    pub(crate) fn misfit(&self, bad: usize, to: Dtype, policy: Policy) -> Error {
        let line = self.line_of(self.entries.start + bad as u64) as u64;
        let minor = self.minor.get(bad).map_or(0, |m| u64::from(*m));
        let [row, column] = self.orientation.position(line, minor);
        misfit(&self.values.shown(bad), [row, column], to, policy)
    }

    /// Returns the line that contains entry number `entry` of the matrix.
    pub fn line_of(&self, entry: u64) -> usize {
        line_of(self.pointers, entry)
    }

    /// Returns the lines with entries in this block, in order.
    pub fn lines(&self) -> impl Iterator<Item = Line> + use<'a> {
        let (pointers, entries) = (self.pointers, self.entries.clone());
        let mut next = if entries.is_empty() { pointers.len() } else { line_of(pointers, entries.start) };
        std::iter::from_fn(move || {
            loop {
                let (start, end) = (*pointers.get(next)?, *pointers.get(next + 1)?);
                if start >= entries.end {
                    return None;
                }
                let number = next;
                next += 1;
                if start == end {
                    continue;
                }
                let from = start.max(entries.start) - entries.start;
                let to = end.min(entries.end) - entries.start;
                return Some(Line {
                    number,
                    range: from as usize..to as usize,
                    continued: start < entries.start,
                    continues: end > entries.end,
                });
            }
        })
    }
}

/// Returns the line that contains an entry, given the pointers of the matrix.
pub(crate) fn line_of(pointers: &[u64], entry: u64) -> usize {
    pointers.partition_point(|p| *p <= entry).saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_at_the_block_and_empty_ones_left_out() {
        let pointers = [0, 3, 3, 5, 9];
        let block = Block {
            orientation: Orientation::Csr,
            entries: 2..6,
            pointers: &pointers,
            minor: &[0; 4],
            values: Values { dtype: Dtype::Uint8, bytes: &[1, 2, 3, 4] },
        };
        let lines: Vec<_> = block.lines().map(|l| (l.number, l.range, l.continued, l.continues)).collect();
        assert_eq!(lines, [(0, 0..1, true, false), (2, 1..3, false, false), (3, 3..4, false, true)]);
        assert_eq!(block.line_of(5), 3);
    }

    /// Entries 1.. of a matrix whose lines have 3, 0, 700 and 1 entries.
    fn block<'a>(orientation: Orientation, minor: &'a [u32], values: Values<'a>) -> Block<'a> {
        Block { orientation, entries: 1..704, pointers: &[0, 3, 3, 703, 704], minor, values }
    }

    #[test]
    fn rows_columns_and_values_of_either_orientation() {
        let minor: Vec<u32> = (0..703).map(|i| i % 7).collect();
        let stored: Vec<i16> = (0..703).map(|i| i - 2).collect();
        let values = Values { dtype: Dtype::Int16, bytes: bytemuck::cast_slice(&stored) };
        let line_of = |i: usize| match i {
            0 | 1 => 0,
            702 => 3,
            _ => 2,
        };
        let want: Vec<(usize, usize, f64)> =
            (0..703).map(|i| (line_of(i), minor[i] as usize, f64::from(stored[i]))).collect();
        let mut got = Vec::new();
        block(Orientation::Csr, &minor, values).each(|r, c, v: f64| got.push((r, c, v))).unwrap();
        assert_eq!(got, want);
        got.clear();
        block(Orientation::Csc, &minor, values).each(|r, c, v: f64| got.push((c, r, v))).unwrap();
        assert_eq!(got, want);
    }

    #[test]
    fn values_are_exact_or_refused_by_name() {
        let stored = [1.0f32, -2.0, 2.5, 300.0];
        let values = Values { dtype: Dtype::Float32, bytes: bytemuck::cast_slice(&stored) };
        assert_eq!(values.as_slice::<f32>().unwrap(), stored);
        assert_eq!(values.as_slice::<i16>().unwrap_err().message(), "expected int16, got float32");
        assert_eq!(values.to_vec::<f64>().unwrap(), [1.0, -2.0, 2.5, 300.0]);
        assert_eq!(
            values.to_vec::<i16>().unwrap_err().message(),
            "value 2.5 at 2 does not fit int16 exactly"
        );
        assert_eq!(values.cast::<i16>().unwrap(), [1, -2, 2, 300]);
        assert_eq!(values.cast::<i8>().unwrap_err().message(), "value 300.0 at 3 does not fit int8");
        let whole = Block {
            orientation: Orientation::Csc,
            entries: 0..4,
            pointers: &[0, 0, 4],
            minor: &[0, 3, 5, 9],
            values,
        };
        let mut seen = Vec::new();
        let e = whole.each(|_, _, v: i16| seen.push(v)).unwrap_err();
        assert_eq!(e.message(), "value 2.5 in row 5, column 1 does not fit int16 exactly");
        whole.each_cast(|_, _, v: i16| seen.push(v)).unwrap();
        assert_eq!(seen, [1, -2, 2, 300]);
        let bools = Values { dtype: Dtype::Bool, bytes: &[0, 1] };
        assert_eq!(
            (bools.as_slice::<u8>().unwrap(), bools.to_vec::<f32>().unwrap()),
            (&[0, 1][..], vec![0.0, 1.0])
        );
    }

    #[test]
    fn integers_beyond_what_doubles_hold() {
        let stored = [1i64 << 53, (1 << 53) + 1, i64::MAX];
        let values = Values { dtype: Dtype::Int64, bytes: bytemuck::cast_slice(&stored) };
        let e = values.to_vec::<f64>().unwrap_err();
        assert_eq!(e.message(), "value 9007199254740993 at 1 does not fit float64 exactly");
        assert_eq!(values.cast::<f64>().unwrap()[2], 9_223_372_036_854_775_808.0);
        assert_eq!(values.to_vec::<i64>().unwrap(), stored);
        assert!(values.to_vec::<u64>().is_ok() && values.to_vec::<u32>().is_err());
    }
}
