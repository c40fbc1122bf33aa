//! A file being written: its bytes, its heap, and which forms of the format it is written in.

use super::heap::HeapWriter;
use crate::bytes::append::AppendFile;
use crate::error::Result;
use crate::hdf5::format::object_header::HeaderWriter;
use crate::hdf5::format::superblock;
use std::io::{Seek, Write};

/// Which of the forms of the format are used, as h5py's `libver` chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Libver {
    /// Those that every library reads: superblock 0, symbol tables, version 1 B-trees.
    #[default]
    Earliest,
    /// Those since 1.10, with checksums: superblock 3, links in headers, arrays of chunks.
    Latest,
}

/// An HDF5 file being written. It appears under its name when finished; dropping it leaves nothing behind. In a
/// [sink](Self::to_sink), what was written before it was dropped stays.
#[derive(Debug)]
pub struct Writer {
    pub(crate) libver: Libver,
    pub(crate) file: AppendFile,
    pub(crate) heap: HeapWriter,
}

impl Writer {
    /// Begins a file that will be called `path`. An existing one is refused unless `replace`. Needs the feature `write`.
    ///
    /// # Errors
    /// `Io` where it exists or cannot be created.
    #[cfg(feature = "write")]
    pub fn create(path: &std::path::Path, replace: bool, libver: Libver) -> Result<Self> {
        Self::begin(AppendFile::create(path, replace)?, libver)
    }

    /// Begins a file in `sink`, from its beginning: the same bytes as in a file of its own. What lies behind them in the
    /// sink stays. [`finish_sink`](Self::finish_sink) gives it back.
    ///
    /// # Errors
    /// `Io` where the sink cannot be written to.
    pub fn to_sink<W: Write + Seek + Send + 'static>(sink: W, libver: Libver) -> Result<Self> {
        Self::begin(AppendFile::to_sink(sink)?, libver)
    }

    fn begin(mut file: AppendFile, libver: Libver) -> Result<Self> {
        // the superblock, which is known at the end
        file.append(&vec![0; usize::try_from(superblock::WRITTEN_LEN).unwrap_or(96)])?;
        Ok(Writer { libver, file, heap: HeapWriter::default() })
    }

    /// Appends a header, of version 2 where that is asked for or the file is of the latest format.
    pub(crate) fn header(&mut self, header: HeaderWriter, modern: bool) -> Result<u64> {
        self.file.align()?;
        let modern = modern || self.libver == Libver::Latest;
        self.file.append(&if modern { header.finish_v2() } else { header.finish() })
    }
}
