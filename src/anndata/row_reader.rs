//! Reads an array by ranges of rows, whatever its storage.

use crate::dtype::Numeric;
use crate::error::Result;
use crate::sync::lock;
use crate::tree::{Array, ArrayScratch};
use std::ops::Range;
use std::sync::Mutex;

/// Chunks of at least this many bytes are streamed: decoded in order, never held in memory.
const GIANT: u64 = 32 << 20;
/// The same threshold for an array that is read beside a streamed one.
const LARGE: u64 = 1 << 20;

/// An array that is read by rows. Its chunk index has been read.
#[derive(Debug)]
pub(crate) struct RowReader {
    pub(crate) array: Array,
    /// If it is streamed: its open chunks, at the position after the last read, and their memory in bytes.
    stream: Option<(Mutex<ArrayScratch>, u64)>,
}

/// Buffers and decoders of one worker thread, reused from one block to the next.
#[derive(Debug, Default)]
pub(crate) struct ReadRoom {
    pub(crate) scratch: ArrayScratch,
    /// Bytes in the stored type, before they are converted.
    raw: Vec<u8>,
    /// Plain numbers, before they are converted to minor indices.
    pub(crate) plain: Vec<u8>,
}

impl RowReader {
    /// The readers of arrays that are read beside each other, such as `data` and `indices`.
    ///
    /// # Errors
    /// `Limit` if most of an array was never written; `Io`, `Malformed` or `Unsupported` if a chunk index cannot be
    /// read.
    pub(crate) fn of<const N: usize>(arrays: [&Array; N]) -> Result<[Self; N]> {
        let mut least = GIANT;
        for d in arrays {
            d.load_chunk_index()?;
            d.check_holes()?;
            if d.streams(GIANT)? {
                least = LARGE;
            }
        }
        let mut all = arrays.map(|d| RowReader::held(d.clone()));
        for one in &mut all {
            if one.array.streams(least)? {
                one.stream()?;
            }
        }
        Ok(all)
    }

    /// The reader of an array that is read beside many others, such as a column of a table: of a chunk that is
    /// not small, only a part is in memory.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub(crate) fn beside_others(array: &Array) -> Result<Self> {
        let mut reader = Self::without_stream(array)?;
        if array.streams(LARGE)? {
            reader.stream()?;
        }
        Ok(reader)
    }

    /// The reader of an array that decodes whole chunks, however large they are.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub(crate) fn without_stream(array: &Array) -> Result<Self> {
        array.load_chunk_index()?;
        Ok(Self::held(array.clone()))
    }

    /// A reader of an array that is not streamed.
    pub(crate) fn held(array: Array) -> Self {
        RowReader { array, stream: None }
    }

    /// Streams the array from here on. Without filters there is nothing to gain, and nothing changes.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub(crate) fn stream(&mut self) -> Result<()> {
        let memory = self.array.in_order_bytes()?;
        self.stream = memory.map(|bytes| (Mutex::new(ArrayScratch::in_order()), bytes));
        Ok(())
    }

    /// Whether it is streamed: reading rows before the last ones read decodes from the beginning of a chunk again.
    pub(crate) fn is_stream(&self) -> bool {
        self.stream.is_some()
    }

    /// Frees the decoder of a stream; the next read decodes from the beginning of a chunk.
    pub(crate) fn close(&self) {
        if let Some((open, _)) = &self.stream {
            *lock(open) = ArrayScratch::in_order();
        }
    }

    /// Number of rows of a chunk, if reading a part of a chunk decodes all of it; otherwise 1.
    pub(crate) fn granule(&self) -> u64 {
        let rows = self.array.shape().first().copied().unwrap_or(1).max(1);
        match self.array.chunk_shape() {
            // chunks without filters can be read in part
            Some(c) if !self.is_stream() && self.array.is_filtered() => {
                c.first().copied().unwrap_or(1).clamp(1, rows)
            }
            _ => 1,
        }
    }

    /// Reads rows `range` into `out`, in the stored type.
    pub(crate) fn read(&self, range: Range<u64>, out: &mut [u8], scratch: &mut ArrayScratch) -> Result<()> {
        let shape = self.array.shape();
        let (mut start, mut count) = (vec![0; shape.len()], shape.to_vec());
        if let (Some(start), Some(count)) = (start.first_mut(), count.first_mut()) {
            (*start, *count) = (range.start, range.end - range.start);
        }
        match &self.stream {
            Some((open, _)) => self.array.read_box(&start, &count, out, &mut lock(open)),
            None => self.array.read_box(&start, &count, out, scratch),
        }
    }

    /// Reads rows `range` into `out` as plain numbers.
    pub(crate) fn numbers(
        &self,
        numeric: &Numeric,
        range: Range<u64>,
        out: &mut [u8],
        room: &mut ReadRoom,
    ) -> Result<()> {
        if numeric.is_native() {
            return self.read(range, out, &mut room.scratch);
        }
        room.raw.resize(out.len() / numeric.dtype.size() * numeric.stored_size(), 0);
        self.read(range, &mut room.raw, &mut room.scratch)?;
        numeric.convert(&room.raw, out);
        Ok(())
    }

    /// Bytes of memory that one worker needs besides the `elements` values that it reads at once.
    pub(crate) fn working_bytes(&self, elements: u64) -> u64 {
        if self.is_stream() { 0 } else { self.array.scratch_bytes(elements) }
    }

    /// Bytes of memory held all the time: the chunk index and the stream.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let stream = self.stream.as_ref().map_or(0, |(_, memory)| *memory);
        stream.saturating_add(self.array.index_bytes())
    }
}
