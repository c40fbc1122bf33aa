//! Positioned reads. No shared seek position, so any number of threads may read at once.
//!
//! Inputs are read, never mapped: truncation of a file raises a signal in a map but an error in a read.

use super::special;
use crate::sync::lock;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex};

/// A source of known length that can be read at any position, by several threads at once.
///
/// # Contract
/// * The bytes do not change while the source is open. If they do, a read may combine bytes of different
///   versions of the file, which only checksums detect, where the format has them. There is no panic and no
///   undefined behaviour.
/// * [`len`](Self::len) returns the same number while the source is open. Sizes in the file are compared with
///   it before memory is allocated for them. If it is too small, structures beyond it are `Malformed`; if it is
///   too large, a damaged file can cause an allocation for bytes that do not exist before the read fails.
/// * A read fills the whole buffer or fails; the content of the buffer is unspecified after a failure.
pub trait ReadAt: Send + Sync {
    /// Fills `buffer` from `offset`.
    ///
    /// # Errors
    /// `UnexpectedEof` if the source ends before the buffer is full; any other error of the source.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;

    /// Fills each buffer from its offset. Implement this for a source that answers simultaneous requests
    /// faster than consecutive ones (an object store); the default reads them in order.
    ///
    /// # Errors
    /// As [`read_exact_at`](Self::read_exact_at), if any of them fails.
    fn read_ranges(&self, ranges: &mut [(u64, &mut [u8])]) -> io::Result<()> {
        ranges.iter_mut().try_for_each(|(offset, buffer)| self.read_exact_at(buffer, *offset))
    }

    /// Length in bytes.
    fn len(&self) -> u64;

    /// Whether the length is 0.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn read_slice(bytes: &[u8], buffer: &mut [u8], offset: u64) -> io::Result<()> {
    let bytes = usize::try_from(offset).ok().and_then(|o| bytes.get(o..)).and_then(|b| b.get(..buffer.len()));
    buffer.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
    Ok(())
}

impl ReadAt for Vec<u8> {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        read_slice(self, buffer, offset)
    }

    fn len(&self) -> u64 {
        self.as_slice().len() as u64
    }
}

impl ReadAt for &'static [u8] {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        read_slice(self, buffer, offset)
    }

    fn len(&self) -> u64 {
        <[u8]>::len(self) as u64
    }
}

impl ReadAt for Arc<[u8]> {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        read_slice(self, buffer, offset)
    }

    fn len(&self) -> u64 {
        <[u8]>::len(self) as u64
    }
}

impl<T: ReadAt + ?Sized> ReadAt for Box<T> {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        (**self).read_exact_at(buffer, offset)
    }

    fn read_ranges(&self, ranges: &mut [(u64, &mut [u8])]) -> io::Result<()> {
        (**self).read_ranges(ranges)
    }

    fn len(&self) -> u64 {
        (**self).len()
    }
}

impl<T: ReadAt> ReadAt for Arc<T> {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        (**self).read_exact_at(buffer, offset)
    }

    fn read_ranges(&self, ranges: &mut [(u64, &mut [u8])]) -> io::Result<()> {
        (**self).read_ranges(ranges)
    }

    fn len(&self) -> u64 {
        (**self).len()
    }
}

/// An open file. Its length is queried from the system on each call, and is 0 if that fails.
impl ReadAt for File {
    #[cfg(unix)]
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(self, buffer, offset)
    }

    #[cfg(windows)]
    fn read_exact_at(&self, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
        while !buffer.is_empty() {
            match std::os::windows::fs::FileExt::seek_read(self, buffer, offset) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => {
                    buffer = &mut buffer[n..];
                    offset += n as u64;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Fails: the standard library has no positioned reads on this platform; only bytes in memory can be
    /// read.
    #[cfg(not(any(unix, windows)))]
    fn read_exact_at(&self, _: &mut [u8], _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn len(&self) -> u64 {
        self.metadata().map_or(0, |m| m.len())
    }
}

/// Adapts any seekable reader to positioned reads. Reads are serialised: threads wait for each other.
#[derive(Debug)]
pub struct Seekable<R> {
    source: Mutex<R>,
    len: u64,
}

impl<R: Read + Seek + Send> Seekable<R> {
    /// Wraps `source`; seeks to its end to find its length.
    ///
    /// # Errors
    /// The error of the seek.
    pub fn new(mut source: R) -> io::Result<Self> {
        let len = source.seek(SeekFrom::End(0))?;
        Ok(Seekable { source: Mutex::new(source), len })
    }
}

impl<R: Read + Seek + Send> ReadAt for Seekable<R> {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        // Every read seeks first, so a read that panicked leaves no state behind.
        let mut source = lock(&self.source);
        source.seek(SeekFrom::Start(offset))?;
        source.read_exact(buffer)
    }

    fn len(&self) -> u64 {
        self.len
    }
}

/// An input file and its length when opened.
#[derive(Debug)]
pub(crate) struct InputFile {
    file: File,
    len: u64,
}

impl InputFile {
    /// Wraps an open regular file.
    pub(crate) fn new(file: File) -> io::Result<Self> {
        let meta = file.metadata()?;
        special::expect_file(&meta)?;
        Ok(InputFile { len: meta.len(), file })
    }
}

impl ReadAt for InputFile {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }

    fn len(&self) -> u64 {
        self.len
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_reads_the_same() {
        static BYTES: [u8; 6] = [1, 2, 3, 4, 5, 6];
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("six");
        std::fs::write(&path, BYTES).unwrap();
        let sources: [Box<dyn ReadAt>; 7] = [
            Box::new(BYTES.to_vec()),
            Box::new(&BYTES[..]),
            Box::new(Arc::<[u8]>::from(&BYTES[..])),
            Box::new(Arc::new(BYTES.to_vec())),
            Box::new(File::open(&path).unwrap()),
            Box::new(InputFile::new(File::open(&path).unwrap()).unwrap()),
            Box::new(Seekable::new(io::Cursor::new(BYTES)).unwrap()),
        ];
        for (n, source) in sources.iter().enumerate() {
            let (mut a, mut b) = ([0; 2], [0; 3]);
            source.read_ranges(&mut [(3, &mut a), (0, &mut b)]).unwrap();
            assert_eq!((source.len(), a, b), (6, [4, 5], [1, 2, 3]), "source {n}");
            let past = source.read_exact_at(&mut a, 5).unwrap_err();
            assert_eq!(past.kind(), io::ErrorKind::UnexpectedEof, "source {n}");
        }
    }
}
