//! Which chunks of an array are stored, found by listing its folder; and arrays whose claims exceed what is stored.

use super::array::ZarrArray;
use crate::bytes::{checked, slab};
use crate::error::{Error, Place, Result};
use crate::limits;

/// An array of at most this many chunks is read even if hardly any is stored.
const SMALL_COUNT: u64 = 1 << 20;
/// Bytes of elements that are believed of one stored byte, and chunks.
const RATIO: u64 = 1100;
const CHUNKS_OF_A_BYTE: u64 = 4;

/// The chunks with keys that are stored.
#[derive(Debug, Default)]
pub(super) struct StoredChunks {
    /// Their numbers in the grid, ascending.
    numbers: Vec<u64>,
    /// Bytes that they take in the store.
    bytes: u64,
}

impl StoredChunks {
    pub(super) fn has(&self, number: u64) -> bool {
        self.numbers.binary_search(&number).is_ok()
    }

    pub(super) fn bytes_of_memory(&self) -> u64 {
        (self.numbers.len() as u64).saturating_mul(8)
    }
}

impl ZarrArray {
    /// The chunks with keys that are stored; the first call lists them.
    fn stored(&self) -> Result<&StoredChunks> {
        if let Some(found) = self.parts.stored.get() {
            return Ok(found);
        }
        let found = self.list_chunks().in_object(self.object().path())?;
        Ok(self.parts.stored.get_or_init(|| found))
    }

    fn list_chunks(&self) -> Result<StoredChunks> {
        let (object, keys, counts) = (self.object(), self.metadata().keys, self.outer_counts());
        let most = object.limits().chunks;
        let mut folders = vec![String::new()];
        let mut found = StoredChunks::default();
        while let Some(folder) = folders.pop() {
            let below =
                |name: &str| if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
            let listing = object.store().list(&object.key(&folder), most)?;
            for (name, bytes) in &listing.files {
                if let Some(at) = keys.coordinates(&below(name), &counts) {
                    found.numbers.push(slab::position(&counts, &at, &[]));
                    found.bytes = found.bytes.saturating_add(*bytes);
                }
            }
            let inside = listing.folders.iter().map(|name| below(name));
            folders.extend(inside.filter(|path| keys.may_hold(path, counts.len())));
            if found.numbers.len() as u64 > most || folders.len() as u64 > most {
                return Err(Error::limit(format!("more than {most} chunks")));
            }
        }
        found.numbers.sort_unstable();
        Ok(found)
    }

    /// Number of chunks with keys that are stored.
    ///
    /// # Errors
    /// `Io` or `Limit` if the folder of the array cannot be listed.
    pub fn stored_chunks(&self) -> Result<usize> {
        Ok(self.stored()?.numbers.len())
    }

    /// Whether any element is in a chunk that is not stored.
    ///
    /// # Errors
    /// As [`stored_chunks`](Self::stored_chunks).
    pub(crate) fn has_holes(&self) -> Result<bool> {
        let all = checked::product(&self.outer_counts())?;
        Ok((self.stored()?.numbers.len() as u64) < all)
    }

    /// The first row from `row` on that may have stored elements; `None` if all are fill values.
    ///
    /// # Errors
    /// As [`stored_chunks`](Self::stored_chunks).
    pub(crate) fn next_stored_row(&self, row: u64) -> Result<Option<u64>> {
        if self.has_items() || self.shape().is_empty() {
            return Ok(Some(row));
        }
        let counts = self.outer_counts();
        let rows = self.metadata().chunk.first().copied().unwrap_or(1).max(1);
        let beside = counts.iter().skip(1).fold(1u64, |n, count| n.saturating_mul(*count)).max(1);
        let first = row.checked_div(rows).unwrap_or(0).saturating_mul(beside);
        let numbers = &self.stored()?.numbers;
        let next = numbers.get(numbers.partition_point(|n| *n < first));
        Ok(next.map(|n| n.checked_div(beside).unwrap_or(0).saturating_mul(rows).max(row)))
    }

    /// Refuses an array that claims far more elements or chunks than its stored bytes, or those of the whole
    /// store, can hold.
    ///
    /// # Errors
    /// `Limit`; otherwise as [`stored_chunks`](Self::stored_chunks).
    pub(crate) fn check_holes(&self) -> Result<()> {
        // every missing string is a copy of the fill value
        let text = if self.has_items() { self.fill_item().len() as u64 } else { 0 };
        let len = self.byte_len().saturating_add(self.elements().saturating_mul(text));
        let chunks = self.counts().iter().fold(1u64, |n, count| n.saturating_mul(*count));
        if len <= limits::SMALL_VALUE && chunks <= SMALL_COUNT {
            return Ok(());
        }
        let believed = |bytes: u64| {
            len <= bytes.saturating_mul(RATIO).max(limits::SMALL_VALUE)
                && chunks <= bytes.saturating_mul(CHUNKS_OF_A_BYTE).max(SMALL_COUNT)
        };
        let stored = self.stored()?.bytes;
        if believed(stored) || believed(self.object().hierarchy().bytes()) {
            return Ok(());
        }
        let text = format!("an array of {len} bytes in {chunks} chunks, of which {stored} bytes are stored");
        Err(Error::limit(text).in_object(self.object().path()))
    }
}
