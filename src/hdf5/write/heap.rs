//! Collections of strings and lists: room is reserved at the end of the file and filled in when it is full.

use crate::bytes::append::AppendFile;
use crate::error::Result;
use crate::hdf5::format::global_heap as format;
use std::ops::Range;

/// The largest collection made for more than one object.
const MOST: usize = 1 << 20;

/// The collection being filled.
#[derive(Debug, Default)]
pub(crate) struct HeapWriter {
    address: u64,
    /// Bytes reserved; 0 where no collection is open.
    size: usize,
    /// Bytes taken, heads and padding counted.
    used: usize,
    objects: Vec<u8>,
    spans: Vec<Range<usize>>,
    /// Bytes that are about to come.
    expected: usize,
}

impl HeapWriter {
    /// Says how much will be put in next, so that the collections for it are not too small.
    pub(crate) fn expect(&mut self, bytes: usize) {
        self.expected = bytes;
    }

    /// Puts an object in, and appends to `out` how it is referred to: `count`, collection, number.
    pub(crate) fn refer(
        &mut self,
        file: &mut AppendFile,
        object: &[u8],
        count: u32,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        if object.is_empty() {
            // nothing needs no place
            format::Reference::NONE.write(out);
            return Ok(());
        }
        let need = object.len().next_multiple_of(8).saturating_add(format::WRITTEN_HEAD);
        let full = self.used.saturating_add(need) > self.size || self.spans.len() >= usize::from(u16::MAX);
        if full {
            self.close(file)?;
            let wanted = self.expected.clamp(format::LEAST, MOST);
            self.size = wanted.max(need.saturating_add(format::WRITTEN_HEAD)).next_multiple_of(8);
            file.align()?;
            self.address = file.append(&vec![0; self.size])?;
            self.used = format::WRITTEN_HEAD;
        }
        let start = self.objects.len();
        self.objects.extend_from_slice(object);
        self.spans.push(start..self.objects.len());
        self.used = self.used.saturating_add(need);
        self.expected = self.expected.saturating_sub(need);
        let index = u32::try_from(self.spans.len()).unwrap_or(0);
        format::Reference { count, address: self.address, index }.write(out);
        Ok(())
    }

    /// Fills in what was reserved.
    pub(crate) fn close(&mut self, file: &mut AppendFile) -> Result<()> {
        if self.size > 0 {
            file.patch(self.address, &format::write(&self.objects, &self.spans, self.size))?;
        }
        self.objects.clear();
        self.spans.clear();
        (self.size, self.used) = (0, 0);
        Ok(())
    }
}
