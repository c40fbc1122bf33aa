//! Collections of strings and lists: each is reserved at the end of the file and written once it is full.
//!
//! Reading one string reads the whole collection that contains it. A value whose objects fit a small
//! collection, as nearly all attributes do, therefore shares one of 4096 bytes with other small values; a
//! larger value, such as a column of a table, has its own collections of up to 1 MiB.

use crate::bytes::append::AppendFile;
use crate::error::Result;
use crate::hdf5::format::global_heap as format;
use std::ops::Range;

/// Maximum size in bytes of a collection for more than one object.
pub(crate) const MOST: usize = 1 << 20;

/// The collections being filled.
#[derive(Debug, Default)]
pub(crate) struct HeapWriter {
    /// Shared by small values.
    small: OpenCollection,
    /// Collection of the current value, if it is not small.
    own: OpenCollection,
    /// Expected remaining bytes of the current value; `None` for a small value.
    expected: Option<usize>,
}

#[derive(Debug, Default)]
struct OpenCollection {
    address: u64,
    /// Bytes reserved; 0 if no collection is open.
    size: usize,
    /// Bytes used, including heads and padding.
    used: usize,
    objects: Vec<u8>,
    spans: Vec<Range<usize>>,
}

/// Bytes that an object of `len` bytes occupies in a collection. An empty string is an object too, as h5py writes it:
/// libhdf5 reads a reference to none as a null pointer, with which programs in C crash (rhdf5 for R).
pub(crate) fn stored_len(len: usize) -> usize {
    len.checked_next_multiple_of(8).unwrap_or(usize::MAX).saturating_add(format::WRITTEN_HEAD)
}

impl HeapWriter {
    /// Begins a value whose objects occupy about `bytes`, each counted as [`stored_len`].
    pub(crate) fn begin(&mut self, file: &mut AppendFile, bytes: usize) -> Result<()> {
        self.own.close(file)?;
        self.expected = Some(bytes).filter(|n| n.saturating_add(format::WRITTEN_HEAD) > format::LEAST);
        Ok(())
    }

    /// Tells that objects of `bytes` more bytes follow, of a value that is not small.
    pub(crate) fn expect(&mut self, bytes: usize) {
        self.expected = self.expected.map(|_| bytes);
    }

    /// Stores an object and appends its reference to `out`: `count`, collection address, index.
    pub(crate) fn refer(
        &mut self,
        file: &mut AppendFile,
        object: &[u8],
        count: u32,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let (address, index) = self.place(file, object)?;
        format::Reference { count, address, index }.write(out);
        Ok(())
    }

    /// Stores an object; returns the address of its collection and its index there.
    pub(crate) fn place(&mut self, file: &mut AppendFile, object: &[u8]) -> Result<(u64, u32)> {
        let need = stored_len(object.len());
        let collection = if self.expected.is_some() { &mut self.own } else { &mut self.small };
        if !collection.has_room(need) {
            let expected = self.expected.unwrap_or(0).saturating_add(format::WRITTEN_HEAD);
            collection.close(file)?;
            collection.open(file, need, expected.clamp(format::LEAST, MOST))?;
        }
        self.expected = self.expected.map(|n| n.saturating_sub(need));
        let index = collection.push(object, need);
        Ok((collection.address, index))
    }

    /// Writes the open collections to their reserved places.
    pub(crate) fn close(&mut self, file: &mut AppendFile) -> Result<()> {
        self.own.close(file)?;
        self.small.close(file)
    }
}

impl OpenCollection {
    fn has_room(&self, need: usize) -> bool {
        self.used.saturating_add(need) <= self.size && self.spans.len() < usize::from(u16::MAX)
    }

    /// Reserves `size` bytes, or more if one object needs more.
    fn open(&mut self, file: &mut AppendFile, need: usize, size: usize) -> Result<()> {
        self.size = size.max(need.saturating_add(format::WRITTEN_HEAD)).next_multiple_of(8);
        file.align()?;
        self.address = file.append(&vec![0; self.size])?;
        self.used = format::WRITTEN_HEAD;
        Ok(())
    }

    /// Adds an object and returns its index, from 1.
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
