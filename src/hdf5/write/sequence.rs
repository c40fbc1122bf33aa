//! Datasets of one dimension, written from the beginning piece by piece: the file is that of a dataset written
//! at once.

use super::address::ObjectAddress;
use super::dataset::{Chunks, Storing};
use super::file::Writer;
use super::value::StoredValue;
use crate::bytes::batches::Batches;
use crate::codec::{EncodeWork, Encoded};
use crate::dtype::Datatype;
use crate::error::{Error, Result};
use crate::hdf5::Dataspace;
use crate::hdf5::format::message::{kind, layout};
use rayon::prelude::*;

/// A dataset being written. Between its beginning and its end nothing else is written to the file.
#[derive(Debug)]
pub struct Sequence {
    datatype: Datatype,
    /// Number of elements.
    len: u64,
    /// Number of bytes that are still to come.
    left: u64,
    storage: SequenceStorage,
}

#[derive(Debug)]
enum SequenceStorage {
    /// In one piece, at this address once there are bytes.
    Contiguous(Option<u64>),
    Chunked {
        chunks: Chunks,
        chunk_bytes: usize,
        /// Bytes that are not yet a batch of chunks.
        batches: Batches,
    },
}

impl Sequence {
    /// Begins a dataset of `len` elements. About `at_once` bytes of chunks are encoded at once.
    ///
    /// # Errors
    /// `Usage` if a chunk would be empty, or 4 GiB or larger; `Limit` if the dataset is too large.
    pub fn new(datatype: &Datatype, len: u64, how: &Storing, at_once: u64) -> Result<Self> {
        let size = u64::from(datatype.size);
        let left = len.checked_mul(size).ok_or_else(|| Error::limit("a dataset of 16 EiB or more"))?;
        let storage = match &how.chunk {
            Some(chunk) if len > 0 => {
                let chunks = Chunks::new(datatype.clone(), &[len], chunk, how.filters, how.unlimited)?;
                let chunk_bytes = chunks.chunk_bytes()?.max(1);
                let batches = Batches::of_chunks(chunk_bytes, at_once);
                SequenceStorage::Chunked { chunks, chunk_bytes, batches }
            }
            _ => SequenceStorage::Contiguous(None),
        };
        Ok(Sequence { datatype: datatype.clone(), len, left, storage })
    }
}

impl Writer {
    /// Appends the bytes of the next elements.
    ///
    /// # Errors
    /// `Io` if they cannot be written; `Usage` if they are more than the dataset has.
    pub fn push_sequence(&mut self, to: &mut Sequence, bytes: &[u8]) -> Result<()> {
        to.left = to.left.checked_sub(bytes.len() as u64).ok_or_else(wrong_length)?;
        match &mut to.storage {
            SequenceStorage::Contiguous(_) if bytes.is_empty() => Ok(()),
            SequenceStorage::Contiguous(address) => {
                if address.is_none() {
                    self.file.align()?;
                }
                let at = self.file.append(bytes)?;
                address.get_or_insert(at);
                Ok(())
            }
            SequenceStorage::Chunked { chunks, chunk_bytes, batches } => {
                batches.push(bytes, |batch| self.push_chunks(chunks, batch, *chunk_bytes))
            }
        }
    }

    /// Encodes whole chunks on all threads and appends them in order.
    fn push_chunks(&mut self, chunks: &mut Chunks, bytes: &[u8], chunk_bytes: usize) -> Result<()> {
        let encode = |work: &mut EncodeWork, chunk: &[u8]| chunks.encode(chunk, work);
        let made: Result<Vec<Encoded>> =
            bytes.par_chunks(chunk_bytes).map_init(EncodeWork::default, encode).collect();
        made?.iter().try_for_each(|encoded| chunks.push(self, encoded))
    }

    /// Ends a dataset after its last element and returns its address.
    ///
    /// # Errors
    /// `Io` if it cannot be written; `Usage` if elements are missing.
    pub fn finish_sequence(
        &mut self,
        sequence: Sequence,
        attributes: &[(String, StoredValue)],
    ) -> Result<ObjectAddress> {
        if sequence.left > 0 {
            return Err(wrong_length());
        }
        match sequence.storage {
            SequenceStorage::Contiguous(address) => {
                let len = sequence.len.saturating_mul(u64::from(sequence.datatype.size));
                let mut body = Vec::new();
                layout::write_contiguous(address, len, &mut body);
                let space = Dataspace::fixed(&[sequence.len]);
                self.dataset_header(&sequence.datatype, &space, &[], &[(kind::LAYOUT, body)], attributes)
            }
            SequenceStorage::Chunked { mut chunks, chunk_bytes, mut batches } => {
                // the last chunk is padded with zeros
                self.push_chunks(&mut chunks, &batches.rest(chunk_bytes), chunk_bytes)?;
                chunks.finish(self, attributes)
            }
        }
    }
}

fn wrong_length() -> Error {
    Error::usage("a dataset written in pieces has another length than it was begun with")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Compression, Filters};
    use crate::dtype::Dtype;
    use crate::hdf5::{Group, Libver};
    use std::io::Cursor;

    fn file(how: impl Fn(&mut Writer) -> ObjectAddress) -> Vec<u8> {
        let mut w = Writer::to_sink(Cursor::new(Vec::new()), Libver::Earliest).unwrap();
        let mut root = Group::new();
        root.link("a", how(&mut w));
        w.finish_sink::<Cursor<Vec<u8>>>(&root).unwrap().into_inner()
    }

    /// In pieces of any size, in chunks or not: the bytes are those of a dataset written at once.
    #[test]
    fn the_file_is_that_of_a_dataset_written_at_once() {
        let gzip = Filters { compression: Compression::Gzip(4), ..Filters::default() };
        for len in [0u64, 1, 99, 100, 1003] {
            let bytes: Vec<u8> = (0..len).flat_map(|i| (i * i).to_le_bytes()).collect();
            for chunk in [None, Some(vec![100.min(len.max(1))])] {
                let how = Storing {
                    filters: if chunk.is_some() { gzip } else { Filters::default() },
                    chunk,
                    unlimited: false,
                };
                let whole = file(|w| {
                    w.dataset(&StoredValue::numbers(Dtype::Int64, &[len], bytes.clone()), &[], &how).unwrap()
                });
                for (piece, at_once) in [(8, 1), (1000, 5000), (1 << 20, 1 << 20)] {
                    let pieces = file(|w| {
                        let mut s = Sequence::new(&Datatype::of(Dtype::Int64), len, &how, at_once).unwrap();
                        bytes.chunks(piece).for_each(|part| w.push_sequence(&mut s, part).unwrap());
                        w.finish_sequence(s, &[]).unwrap()
                    });
                    assert!(pieces == whole, "{len} in pieces of {piece}");
                }
            }
        }
    }

    #[test]
    fn another_length_than_it_was_begun_with_is_refused() {
        let mut w = Writer::to_sink(Cursor::new(Vec::new()), Libver::Earliest).unwrap();
        let begun = || Sequence::new(&Datatype::of(Dtype::Int64), 2, &Storing::default(), 1).unwrap();
        assert!(w.push_sequence(&mut begun(), &[0; 17]).is_err());
        assert!(w.finish_sequence(begun(), &[]).is_err());
    }
}
