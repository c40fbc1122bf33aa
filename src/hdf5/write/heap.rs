//! Collections of strings and lists: room is reserved at the end of the file and filled in when it is full.
//!
//! Who reads one string reads the collection that it is in. So a value whose objects fit a small collection, as those of
//! nearly all attributes do, shares one of 4096 bytes with others like it; a larger one, a column of a table, has collections
//! of its own, of up to 1 MiB.

use crate::bytes::append::AppendFile;
use crate::error::Result;
use crate::hdf5::format::global_heap as format;
use std::ops::Range;

/// The largest collection made for more than one object.
const MOST: usize = 1 << 20;

/// The collections being filled.
#[derive(Debug, Default)]
pub(crate) struct HeapWriter {
    /// Shared by small values.
    small: OpenCollection,
    /// Of the current value, where it is not small.
    own: OpenCollection,
    /// Bytes of the current value that are still to come; `None` for a small value.
    expected: Option<usize>,
}

#[derive(Debug, Default)]
struct OpenCollection {
    address: u64,
    /// Bytes reserved; 0 where no collection is open.
    size: usize,
    /// Bytes taken, heads and padding counted.
    used: usize,
    objects: Vec<u8>,
    spans: Vec<Range<usize>>,
}

/// Bytes that an object of `len` bytes takes in a collection.
pub(crate) fn stored_len(len: usize) -> usize {
    match len {
        0 => 0, // nothing needs no place
        _ => len.checked_next_multiple_of(8).unwrap_or(usize::MAX).saturating_add(format::WRITTEN_HEAD),
    }
}

impl HeapWriter {
    /// Begins a value whose objects take about `bytes`, each counted as [`stored_len`].
    pub(crate) fn begin(&mut self, file: &mut AppendFile, bytes: usize) -> Result<()> {
        self.own.close(file)?;
        self.expected = Some(bytes).filter(|n| n.saturating_add(format::WRITTEN_HEAD) > format::LEAST);
        Ok(())
    }

    /// Puts an object in, and appends to `out` how it is referred to: `count`, collection, number.
    pub(crate) fn refer(
        &mut self,
        file: &mut AppendFile,
        object: &[u8],
        count: u32,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let need = stored_len(object.len());
        if need == 0 {
            format::Reference::NONE.write(out);
            return Ok(());
        }
        let collection = if self.expected.is_some() { &mut self.own } else { &mut self.small };
        if !collection.has_room(need) {
            let expected = self.expected.unwrap_or(0).saturating_add(format::WRITTEN_HEAD);
            collection.close(file)?;
            collection.open(file, need, expected.clamp(format::LEAST, MOST))?;
        }
        self.expected = self.expected.map(|n| n.saturating_sub(need));
        let index = collection.push(object, need);
        format::Reference { count, address: collection.address, index }.write(out);
        Ok(())
    }

    /// Fills in what was reserved.
    pub(crate) fn close(&mut self, file: &mut AppendFile) -> Result<()> {
        self.own.close(file)?;
        self.small.close(file)
    }
}

impl OpenCollection {
    fn has_room(&self, need: usize) -> bool {
        self.used.saturating_add(need) <= self.size && self.spans.len() < usize::from(u16::MAX)
    }

    /// Reserves `size` bytes, or what one object needs if that is more.
    fn open(&mut self, file: &mut AppendFile, need: usize, size: usize) -> Result<()> {
        self.size = size.max(need.saturating_add(format::WRITTEN_HEAD)).next_multiple_of(8);
        file.align()?;
        self.address = file.append(&vec![0; self.size])?;
        self.used = format::WRITTEN_HEAD;
        Ok(())
    }

    /// Adds an object; its number, from 1, comes back.
    fn push(&mut self, object: &[u8], need: usize) -> u32 {
        let start = self.objects.len();
        self.objects.extend_from_slice(object);
        self.spans.push(start..self.objects.len());
        self.used = self.used.saturating_add(need);
        u32::try_from(self.spans.len()).unwrap_or(0)
    }

    fn close(&mut self, file: &mut AppendFile) -> Result<()> {
        if self.size > 0 {
            file.patch(self.address, &format::write(&self.objects, &self.spans, self.size))?;
        }
        self.objects.clear();
        self.spans.clear();
        (self.size, self.used) = (0, 0);
        Ok(())
    }
}
