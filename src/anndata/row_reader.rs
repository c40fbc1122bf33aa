//! Elements of a dataset by range, however they are kept.

use crate::dtype::Numeric;
use crate::error::Result;
use crate::tree::{Array, ArrayScratch, ElementStream};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// Chunks of so many bytes are decoded in order and never held.
const GIANT: u64 = 32 << 20;
/// So are those of so many bytes where they are read beside such.
const LARGE: u64 = 1 << 20;

/// The elements of a dataset; of one with several dimensions, those of whole rows. Its chunk index has been read.
#[derive(Debug)]
pub(crate) struct RowReader {
    pub(crate) array: Array,
    /// Where chunks are huge: what comes next in them.
    stream: Option<Mutex<ElementStream>>,
}

/// What one worker needs to read them, kept from one block to the next.
#[derive(Debug, Default)]
pub(crate) struct ReadRoom {
    pub(crate) scratch: ArrayScratch,
    /// The file's own bytes, where they are converted.
    raw: Vec<u8>,
    /// Numbers on their way to another type.
    pub(crate) plain: Vec<u8>,
}

impl RowReader {
    /// Those of datasets that are read beside each other.
    pub(crate) fn of<const N: usize>(datasets: [&Array; N]) -> Result<[Self; N]> {
        let mut least = GIANT;
        for d in datasets {
            d.load_chunk_index()?;
            if d.stream(GIANT)?.is_some() {
                least = LARGE;
            }
        }
        let mut all = datasets.map(|d| RowReader { array: d.clone(), stream: None });
        for one in &mut all {
            one.stream = one.array.stream(least)?.map(Mutex::new);
        }
        Ok(all)
    }

    /// Whether reading in any other order than from the beginning to the end begins again.
    pub(crate) fn is_stream(&self) -> bool {
        self.stream.is_some()
    }

    /// Rows of a chunk: reading others than whole ones decodes some twice. 1 where the storage can be read anywhere.
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

    /// Reads rows `range` into `out`, in the file's own bytes.
    pub(crate) fn read(&self, range: Range<u64>, out: &mut [u8], scratch: &mut ArrayScratch) -> Result<()> {
        let shape = self.array.shape();
        let Some(stream) = &self.stream else {
            let (mut start, mut count) = (vec![0; shape.len()], shape.to_vec());
            if let (Some(start), Some(count)) = (start.first_mut(), count.first_mut()) {
                (*start, *count) = (range.start, range.end - range.start);
            }
            return self.array.read_box(&start, &count, out, scratch);
        };
        let row =
            shape.iter().skip(1).fold(u64::from(self.array.datatype().size), |a, b| a.saturating_mul(*b));
        let mut stream = stream.lock().unwrap_or_else(PoisonError::into_inner);
        stream.seek(range.start.saturating_mul(row));
        stream.read(out)
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

    /// Bytes one worker needs besides the `elements` it reads at once.
    pub(crate) fn working_bytes(&self, elements: u64) -> u64 {
        if self.is_stream() { 0 } else { self.array.scratch_bytes(elements) }
    }

    /// Bytes held all the time: the chunk index, and what decodes huge chunks.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let stream =
            self.stream.as_ref().map_or(0, |s| s.lock().unwrap_or_else(PoisonError::into_inner).memory());
        let chunks = self.array.chunk_count().unwrap_or(0);
        stream.saturating_add(32u64.saturating_mul(chunks))
    }
}
