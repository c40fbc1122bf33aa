//! A file being written: its bytes, its heap, and its format version.

use super::heap::HeapWriter;
use crate::bytes::append::AppendFile;
use crate::error::{Error, Result};
use crate::hdf5::format::object_header::HeaderWriter;
use crate::hdf5::format::superblock;
use std::io::{Seek, Write};

/// Version of the format to write, as h5py's `libver` selects it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Libver {
    /// Readable by every library version: superblock 0, symbol tables, version 1 B-trees.
    #[default]
    Earliest,
    /// Structures since 1.10, with checksums: superblock 3, links in headers, chunk arrays.
    Latest,
}

/// An HDF5 file being written. It appears under its name when finished; dropping it before that leaves no
/// file. A [sink](Self::to_sink) keeps what was written before the drop.
#[derive(Debug)]
pub struct Writer {
    pub(crate) libver: Libver,
    pub(crate) file: AppendFile,
    pub(crate) heap: HeapWriter,
}

impl Writer {
    /// Begins a file that will be named `path`. An existing one is an error unless `replace`. Needs the
    /// feature `write`.
    ///
    /// # Errors
    /// `Io` if the file exists or cannot be created.
    #[cfg(feature = "write")]
    pub fn create(path: &std::path::Path, replace: bool, libver: Libver) -> Result<Self> {
        Self::begin(AppendFile::create(path, replace)?, libver)
    }

    /// Begins a file in `sink`, from its beginning, with the same bytes as in a file. Existing content of the
    /// sink beyond the written bytes remains. [`finish_sink`](Self::finish_sink) returns the sink.
    ///
    /// # Errors
    /// `Io` if writing to the sink fails.
    pub fn to_sink<W: Write + Seek + Send + 'static>(sink: W, libver: Libver) -> Result<Self> {
        Self::begin(AppendFile::to_sink(sink)?, libver)
    }

    /// Puts a user block in front of the file. II: its length is 512 or any power of two above that.
    ///
    /// # Errors
    /// `Usage` for a block of another length, and once much has been written.
    pub(crate) fn put_user_block(&mut self, block: &[u8]) -> Result<()> {
        if block.len() < 512 || !block.len().is_power_of_two() {
            let text = format!("expected a user block of 512, 1024, 2048, ... bytes, got {}", block.len());
            return Err(Error::usage(text));
        }
        self.file.put_in_front(block)
    }

    fn begin(mut file: AppendFile, libver: Libver) -> Result<Self> {
        // Room for the superblock, which is only known at the end.
        file.append(&vec![0; usize::try_from(superblock::WRITTEN_LEN).unwrap_or(96)])?;
        Ok(Writer { libver, file, heap: HeapWriter::default() })
    }

    /// Appends an object header; version 2 if `modern` or if the file uses the latest format. Returns its
    /// address.
    pub(crate) fn header(&mut self, header: HeaderWriter, modern: bool) -> Result<u64> {
        self.file.align()?;
        let modern = modern || self.libver == Libver::Latest;
        self.file.append(&if modern { header.finish_v2() } else { header.finish() })
    }
}
