//! A file that grows at its end, with places patched later: one that appears under its name when it is whole, or a sink
//! of the caller.

use super::commit::Pending;
use super::output::EarlyFlush;
use crate::error::{Error, Place, Result};
use std::any::Any;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Bytes held back before they are written.
const BUFFER: usize = 1 << 20;

/// An output that is appended to.
#[derive(Debug)]
pub(crate) struct AppendFile {
    target: Target,
    /// Bytes that are in the target already.
    written: u64,
    buffer: Vec<u8>,
}

/// Where the bytes go.
enum Target {
    Path { pending: Pending, file: File, path: PathBuf, flushed: EarlyFlush },
    Sink(Box<dyn Sink>),
}

/// A sink whose type is found again at the end.
trait Sink: Write + Seek + Send {
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
}

impl<W: Write + Seek + Send + 'static> Sink for W {
    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Target::Path { path, .. } => f.debug_tuple("Path").field(path).finish(),
            Target::Sink(_) => f.write_str("Sink"),
        }
    }
}

impl Target {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Target::Path { file, flushed, .. } => {
                file.write_all(bytes)?;
                flushed.wrote(file, bytes.len() as u64);
                Ok(())
            }
            Target::Sink(sink) => sink.write_all(bytes),
        }
    }

    /// Writes over bytes that are there, and goes back to the end.
    fn patch(&mut self, at: u64, bytes: &[u8], end: u64) -> io::Result<()> {
        fn patch(to: &mut (impl Write + Seek + ?Sized), at: u64, bytes: &[u8], end: u64) -> io::Result<()> {
            to.seek(SeekFrom::Start(at))?;
            to.write_all(bytes)?;
            to.seek(SeekFrom::Start(end)).map(drop)
        }
        match self {
            Target::Path { file, .. } => patch(file, at, bytes, end),
            Target::Sink(sink) => patch(&mut **sink, at, bytes, end),
        }
    }

    fn failed(&self, e: io::Error) -> Error {
        let error = Error::io("write", e);
        match self {
            Target::Path { path, .. } => error.in_file(path),
            Target::Sink(_) => error,
        }
    }
}

impl AppendFile {
    /// Begins a file that will be called `path`. An existing one is refused unless `replace`.
    pub(crate) fn create(path: &Path, replace: bool) -> Result<Self> {
        let (pending, file) = Pending::file(path, replace)?;
        let flushed = EarlyFlush::default();
        Ok(Self::new(Target::Path { pending, file, path: path.to_owned(), flushed }))
    }

    /// Writes into `sink` from its beginning, over what is there.
    pub(crate) fn to_sink<W: Write + Seek + Send + 'static>(mut sink: W) -> Result<Self> {
        sink.rewind().map_err(|e| Error::io("seek", e))?;
        Ok(Self::new(Target::Sink(Box::new(sink))))
    }

    fn new(target: Target) -> Self {
        AppendFile { target, written: 0, buffer: Vec::with_capacity(BUFFER) }
    }

    /// Where the next byte goes.
    pub(crate) fn end(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    /// Appends `bytes`; where they begin comes back.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<u64> {
        let at = self.end();
        if self.buffer.len() + bytes.len() > BUFFER {
            self.flush()?;
        }
        if bytes.len() > BUFFER {
            self.target.write_all(bytes).map_err(|e| self.target.failed(e))?;
            self.written += bytes.len() as u64;
        } else {
            self.buffer.extend_from_slice(bytes);
        }
        Ok(at)
    }

    /// Appends zeros up to a multiple of eight.
    pub(crate) fn align(&mut self) -> Result<()> {
        let zeros = (self.end().next_multiple_of(8) - self.end()) as usize;
        self.append(&[0; 8][..zeros]).map(drop)
    }

    /// Writes over bytes that are there already.
    pub(crate) fn patch(&mut self, at: u64, bytes: &[u8]) -> Result<()> {
        if at >= self.written {
            let from = (at - self.written) as usize;
            self.buffer[from..from + bytes.len()].copy_from_slice(bytes);
            return Ok(());
        }
        self.flush()?;
        self.target.patch(at, bytes, self.written).map_err(|e| self.target.failed(e))
    }

    fn flush(&mut self) -> Result<()> {
        self.target.write_all(&self.buffer).map_err(|e| self.target.failed(e))?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Writes what is held back and flushes; a file of ours gets its name.
    pub(crate) fn commit(mut self) -> Result<()> {
        self.flush()?;
        match self.target {
            Target::Path { pending, path, .. } => pending.commit().in_file(&path),
            Target::Sink(mut sink) => sink.flush().map_err(|e| Error::io("write", e)),
        }
    }

    /// As [`commit`](Self::commit), where the bytes went into a sink of this type, which comes back.
    pub(crate) fn into_sink<W: 'static>(mut self) -> Result<W> {
        self.flush()?;
        let sink = match self.target {
            Target::Path { .. } => None,
            Target::Sink(mut sink) => {
                sink.flush().map_err(|e| Error::io("write", e))?;
                sink.into_any().downcast::<W>().ok()
            }
        };
        sink.map(|sink| *sink).ok_or_else(|| Error::usage("the file was not begun with a sink of this type"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn appended_patched_and_named_at_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out.h5");
        let mut f = AppendFile::create(&path, false).unwrap();
        assert_eq!(f.append(b"abc").unwrap(), 0);
        f.align().unwrap();
        assert_eq!(f.append(&vec![1; 3 << 20]).unwrap(), 8);
        assert_eq!(f.append(b"end").unwrap(), 8 + (3 << 20));
        f.patch(0, b"X").unwrap();
        f.patch(8 + (3 << 20), b"E").unwrap();
        assert!(!path.exists());
        f.commit().unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert!(bytes.starts_with(b"Xbc\0\0\0\0\0\x01") && bytes.ends_with(b"\x01End"));
        assert!(AppendFile::create(&path, false).is_err(), "exists");
        drop(AppendFile::create(&path, true).unwrap());
        assert_eq!(std::fs::read(&path).unwrap(), bytes, "dropped: nothing happened");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_sink_gets_the_same_bytes_and_comes_back() {
        let mut f = AppendFile::to_sink(io::Cursor::new(b"old".to_vec())).unwrap();
        f.append(b"abc").unwrap();
        f.append(&vec![1; 3 << 20]).unwrap();
        f.append(b"end").unwrap();
        f.patch(1, b"X").unwrap();
        let bytes = f.into_sink::<io::Cursor<Vec<u8>>>().unwrap().into_inner();
        assert_eq!(bytes.len(), 6 + (3 << 20));
        assert!(bytes.starts_with(b"aXc\x01") && bytes.ends_with(b"\x01end"));
    }

    #[test]
    fn a_sink_that_is_full_is_an_error() {
        let mut f = AppendFile::to_sink(io::Cursor::new(Box::<[u8]>::from([0; 4]))).unwrap();
        f.append(b"12345").unwrap();
        let e = f.commit().unwrap_err();
        assert!(e.kind() == crate::Kind::Io && e.message().starts_with("write: "), "{e}");
    }
}
