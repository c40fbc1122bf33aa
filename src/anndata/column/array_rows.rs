//! The rows of one array of a column.

use crate::anndata::row_reader::{ReadRoom, RowReader};
use crate::dtype::Numeric;
use crate::error::{Error, Result};
use crate::strings::Strings;
use crate::sync::lock;
use crate::table::Column;
use crate::tree::{Array, Value};
use std::ops::Range;
use std::sync::Mutex;

/// An array of one dimension, or a scalar, and what its reader keeps from one range to the next.
pub(crate) struct ArrayRows {
    array: Array,
    reader: RowReader,
    kept: Mutex<LastRead>,
    rows: u64,
}

/// What is kept of the last read, for the case that the next one continues it.
#[derive(Default)]
struct LastRead {
    /// The row after the last one read.
    next: u64,
    /// The chunk that was read in part. A single read, as of a sample, keeps none.
    room: ReadRoom,
    /// Bytes of text read without going back.
    text: u64,
}

impl ArrayRows {
    pub(crate) fn open(array: &Array) -> Result<Self> {
        if array.shape().len() > 1 {
            return Err(Error::unsupported("expected a column of one dimension, got several"));
        }
        Self::of(RowReader::beside_others(array)?)
    }

    /// As [`open`](Self::open), but chunks are decoded whole: for rows that several columns read at the same
    /// time, which a stream, itself on many threads, does not allow.
    pub(crate) fn whole_chunks(array: &Array) -> Result<Self> {
        Self::of(RowReader::without_stream(array)?)
    }

    fn of(reader: RowReader) -> Result<Self> {
        let array = reader.array.clone();
        array.check_holes()?;
        let rows = array.elements();
        Ok(ArrayRows { array, reader, kept: Mutex::default(), rows })
    }

    /// Whether chunks are decoded in order, never held.
    pub(super) fn is_stream(&self) -> bool {
        self.reader.is_stream()
    }

    /// Calls `read` with the buffers kept from the last read.
    fn with_room(&self, range: &Range<u64>, read: impl FnOnce(&mut ReadRoom) -> Result<()>) -> Result<()> {
        if range.is_empty() {
            return Ok(());
        }
        let kept = &mut *lock(&self.kept);
        let goes_on = range.start == kept.next && range.start > 0 && range.end < self.rows;
        kept.next = range.end;
        let done = read(&mut kept.room);
        if !goes_on {
            kept.room = ReadRoom::default();
        }
        if range.end == self.rows {
            self.reader.close();
        }
        done
    }

    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    pub(super) fn path(&self) -> &str {
        self.array.path()
    }

    /// The column that the values are, without its rows.
    pub(super) fn head(&self) -> Result<Column> {
        if self.array.value_of(0, Vec::new()).is_text() {
            return Ok(Column::Strings(Strings::new()));
        }
        Ok(Column::Numbers { dtype: self.numeric()?.dtype, bytes: Vec::new() })
    }

    pub(super) fn numeric(&self) -> Result<Numeric> {
        let datatype = self.array.datatype();
        Numeric::of(datatype)
            .ok_or_else(|| Error::unsupported(format!("numbers expected, got {}", datatype.name())))
    }

    /// Bytes in memory for the elements `range`, of `size` bytes each.
    fn room(&self, range: &Range<u64>, size: usize) -> Result<Vec<u8>> {
        if range.start > range.end || range.end > self.rows {
            let text = format!("there are no rows {range:?} in the column (there are {})", self.rows);
            return Err(Error::usage(text));
        }
        let bytes = (range.end - range.start).saturating_mul(size as u64);
        self.array.check_bytes(bytes)?;
        crate::limits::zeroed(usize::try_from(bytes).unwrap_or(usize::MAX))
    }

    pub(crate) fn value(&self, range: Range<u64>) -> Result<Value> {
        let mut out = self.room(&range, self.array.datatype().size as usize)?;
        let len = range.end - range.start;
        self.with_room(&range, |room| self.reader.read(range.clone(), &mut out, &mut room.scratch))?;
        Ok(self.array.value_of(len, out))
    }

    pub(super) fn numbers(&self, range: Range<u64>) -> Result<Vec<u8>> {
        let numeric = self.numeric()?;
        let mut out = self.room(&range, numeric.dtype.size())?;
        self.with_room(&range, |room| self.reader.numbers(&numeric, range.clone(), &mut out, room))?;
        Ok(out)
    }

    pub(super) fn mask(&self, range: Range<u64>) -> Result<Vec<bool>> {
        Ok(self.numbers(range)?.iter().map(|b| *b != 0).collect())
    }

    pub(super) fn texts(&self, range: Range<u64>) -> Result<Strings> {
        let (first, goes_on) = (range.start, range.start >= lock(&self.kept).next);
        let texts = self.value(range)?.strings()?;
        let kept = &mut *lock(&self.kept);
        kept.text =
            if goes_on && first > 0 { kept.text } else { 0 }.saturating_add(texts.total_bytes() as u64);
        self.array.check_text(kept.text)?;
        Ok(texts)
    }
}
